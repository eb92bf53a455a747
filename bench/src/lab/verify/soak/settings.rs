//! The settings of a run that are not those of the lab's clusters.

use crate::lab::cluster::Shape;
use crate::theory::Layout;
use paxos_core::{Announce, Campaign, Config, Leadership, QuorumError, Timeouts};
use paxos_transport::sim::Chance;
use std::fmt;
use std::time::Duration;

/// What a run sets, apart from the shape of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The number of proposers, if they are processes of their own.
    pub proposers: u16,
    /// Whether every proposer with something to propose leads.
    pub rivals: bool,
    /// Whether a candidate asks first whether others hear a leader.
    pub pre_vote: bool,
    /// When the first leader runs phase 1.
    pub campaign: Campaign,
    /// How a distinguished learner announces what is chosen.
    pub announce: Announce,
    /// The most slots that a proposer has in progress; none: as many as are usual.
    pub window: Option<usize>,
    /// How long a leader holds back a batch that is not full.
    pub linger: Option<Duration>,
    /// The most bytes that wait for a disk; none: as many as are usual.
    pub disk_bytes: Option<usize>,
    /// The width of the random part of election timeouts; none: as wide as is usual.
    pub spread: Option<Duration>,
}

impl Settings {
    /// Draws the settings of `seed` for a cluster of this shape.
    pub(super) fn draw(seed: u64, shape: Shape) -> Self {
        let mut chance = Chance::new(seed, 53);
        let announce = match chance.below(4) {
            0 => Announce::ToWaiting,
            1 => Announce::WithNext,
            _ => Announce::AtOnce,
        };
        let separate = shape.layout == Layout::Separate;
        let proposers = if separate && chance.hits(0.5) { 2 + chance.below(2) as u16 } else { 1 };
        Self {
            proposers,
            rivals: chance.hits(0.15) || shape.variant.traits().leaderless,
            // Proposers that are not acceptors do not notice a phase 1 that takes long, and interrupt it.
            pre_vote: !chance.hits(0.2) || proposers > 1,
            campaign: if chance.hits(0.2) { Campaign::Lazy } else { Campaign::Eager },
            announce,
            window: chance.hits(0.2).then(|| 1 + chance.below(4) as usize),
            linger: chance.hits(0.2).then(|| Duration::from_millis(1 + chance.below(10))),
            disk_bytes: chance.hits(0.15).then(|| 2048 << chance.below(4)),
            spread: chance.hits(0.15).then(|| Duration::from_millis(chance.below(40))),
        }
    }

    /// The configuration of a cluster of this shape.
    pub(super) fn config(&self, shape: Shape) -> Result<Config, QuorumError> {
        let ms = Duration::from_millis;
        let mut config = shape.config()?;
        if shape.layout == Layout::Separate {
            let roles = Config::separate(self.proposers, shape.acceptors, shape.learners)?;
            config.quorums = shape.quorum.over(roles.acceptors())?;
            (config.proposers, config.learners) = (roles.proposers, roles.learners);
        }
        if self.rivals {
            config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        }
        (config.pre_vote, config.campaign, config.announce) = (self.pre_vote, self.campaign, self.announce);
        config.limits.window = self.window.unwrap_or(config.limits.window);
        config.limits.disk_bytes = self.disk_bytes.unwrap_or(config.limits.disk_bytes);
        let (linger, election_spread) = (self.linger, self.spread);
        config.timeouts = Timeouts { linger, election_spread, ..Timeouts::default() };
        Ok(config)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.proposers > 1 {
            write!(f, "{} proposers, ", self.proposers)?;
        }
        match (self.rivals, self.pre_vote) {
            (true, _) => write!(f, "rival leaders")?,
            (false, true) => write!(f, "an elected leader")?,
            (false, false) => write!(f, "an elected leader, candidates do not ask first")?,
        }
        if self.campaign == Campaign::Lazy {
            write!(f, ", phase 1 with the first command")?;
        }
        match self.announce {
            Announce::AtOnce => write!(f, ", decisions told at once")?,
            Announce::ToWaiting => write!(f, ", decisions told at once to those that wait")?,
            Announce::WithNext => write!(f, ", decisions told with the next message")?,
        }
        if let Some(slots) = self.window {
            write!(f, ", {slots} slots in progress")?;
        }
        if let Some(linger) = self.linger {
            write!(f, ", batches wait {} ms", linger.as_millis())?;
        }
        if let Some(bytes) = self.disk_bytes {
            write!(f, ", {bytes} bytes wait for a disk")?;
        }
        if let Some(spread) = self.spread {
            write!(f, ", election timeouts differ by up to {} ms", spread.as_millis())?;
        }
        Ok(())
    }
}
