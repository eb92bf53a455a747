//! Who leads: shared by every variant that needs a leader.

use crate::{Ballot, Campaign, Config, Duty, Jitter, Leader, Leadership, NodeId, Protocol, Setup, Time};
use core::time::Duration;
use std::sync::Arc;

/// The shortest time between two deadlines.
const INSTANT: Duration = Duration::from_nanos(1);

/// Elects by timeout: who hears no leader for a randomly drawn time campaigns with a higher ballot. Or lets
/// every proposer appoint itself, if so configured. Liveness only: any number of leaders is safe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Election {
    setup: Setup<()>,
    proposes: bool,
    jitter: Jitter,
    highest: Ballot,
    leader: Option<NodeId>,
    /// When to campaign.
    wake: Option<Time>,
    /// When to send the next heartbeat.
    beat: Option<Time>,
    /// Between asking for a ballot and winning or losing it.
    campaigning: bool,
    /// Ballots lost in a row, for the back-off.
    lost: u32,
}

impl Election {
    /// The election as seen by one process.
    pub fn new<O>(setup: &Setup<O>, now: Time, restarted: bool) -> Self {
        let (id, config) = (setup.id, setup.config.clone());
        let mut election = Self {
            proposes: config.proposers.contains(id),
            jitter: Jitter::new(config.seed, id),
            setup: Setup { id, config, options: () },
            highest: Ballot::ZERO,
            leader: None,
            wake: None,
            beat: None,
            campaigning: false,
            lost: 0,
        };
        if let Leadership::Elected { first } = election.config().leadership {
            let alone = election.config().timeouts.election.is_none();
            if first == Some(id) && (!restarted || alone) {
                election.leader = first;
                let eager = restarted || election.config().campaign == Campaign::Eager;
                election.wake = eager.then_some(now);
            } else {
                election.leader = first.filter(|_| !restarted);
                election.wake = election.election_timeout(now);
            }
        }
        election
    }

    fn config(&self) -> &Config {
        &self.setup.config
    }

    fn is_elected(&self) -> bool {
        matches!(self.config().leadership, Leadership::Elected { .. })
    }

    /// Between one and two election timeouts from now, if this process may campaign.
    fn election_timeout(&mut self, now: Time) -> Option<Time> {
        let shortest = self.config().timeouts.election.filter(|_| self.proposes)?.max(INSTANT);
        Some(now.after(self.jitter.between(shortest, shortest.saturating_mul(2))))
    }

    fn backoff(&mut self) -> Duration {
        let Leadership::SelfAppointed { backoff: Some((low, high)) } = self.config().leadership else {
            return Duration::ZERO;
        };
        let longest = low.saturating_mul(1 << self.lost.min(16)).min(high);
        self.jitter.between(Duration::ZERO, longest)
    }

    fn follow(&mut self, now: Time, ballot: Ballot) {
        // A leader goes on speaking in the first step of its term, whatever step some slot has come to.
        let old = ballot < self.highest && !ballot.same_term(self.highest);
        if old || ballot.owner == self.setup.id {
            return;
        }
        self.highest = self.highest.max(ballot);
        if self.is_elected() {
            self.leader = Some(ballot.owner);
            self.campaigning = false;
            self.beat = None;
            self.wake = self.election_timeout(now);
        }
    }
}

impl<P: Protocol> Leader<P> for Election {
    fn new(setup: &Setup<P::Options>, now: Time, restarted: bool) -> Self {
        Self::new(setup, now, restarted)
    }

    fn on_ballot(&mut self, now: Time, ballot: Ballot) {
        self.follow(now, ballot);
    }

    fn on_heartbeat(&mut self, now: Time, ballot: Ballot) {
        self.follow(now, ballot);
    }

    fn on_preempted(&mut self, now: Time) {
        self.campaigning = false;
        self.beat = None;
        self.lost = self.lost.saturating_add(1);
        if self.is_elected() {
            self.leader = self.leader.filter(|leader| *leader != self.setup.id);
            self.wake = self.election_timeout(now);
        } else {
            let wait = self.backoff();
            self.wake = Some(now.after(wait));
        }
    }

    fn on_elected(&mut self, now: Time, ballot: Ballot) {
        self.highest = self.highest.max(ballot);
        self.leader = Some(self.setup.id);
        self.campaigning = false;
        self.lost = self.lost.saturating_sub(1);
        self.wake = None;
        self.beat = (self.is_elected() && self.config().timeouts.heartbeat.is_some()).then_some(now);
    }

    fn on_work(&mut self, now: Time) {
        let mine = !self.is_elected() || self.leader == Some(self.setup.id);
        if mine && self.proposes && !self.campaigning && self.wake.is_none() {
            self.wake = Some(now);
        }
    }

    fn on_timeout(&mut self, now: Time, leading: bool, work: bool) -> Option<Duty> {
        if self.beat.is_some_and(|at| at <= now) {
            self.beat = self.config().timeouts.heartbeat.map(|every| now.after(every.max(INSTANT)));
            if leading {
                return Some(Duty::Heartbeat);
            }
        }
        if leading {
            self.wake = None;
        }
        if self.wake.is_none_or(|at| at > now) {
            return None;
        }
        self.wake = None;
        if self.is_elected() {
            self.leader = Some(self.setup.id);
            self.wake = self.election_timeout(now);
        } else if !work {
            return None;
        }
        self.campaigning = true;
        Some(Duty::Campaign)
    }

    fn deadline(&self) -> Option<Time> {
        match (self.wake, self.beat) {
            (Some(wake), Some(beat)) => Some(wake.min(beat)),
            (one, other) => one.or(other),
        }
    }

    fn reconfigure(&mut self, now: Time, config: &Arc<Config>) {
        self.setup.config = Arc::clone(config);
        let proposes = config.proposers.contains(self.setup.id);
        let gone = self.leader.is_some_and(|leader| !config.proposers.contains(leader));
        if !proposes {
            self.wake = None;
            self.beat = None;
            self.campaigning = false;
        }
        let began = proposes && !self.proposes;
        self.proposes = proposes;
        if self.is_elected() && (gone || began) {
            self.leader = self.leader.filter(|_| !gone);
            self.wake = self.election_timeout(now);
        }
    }

    fn leads(&self) -> bool {
        self.proposes && (!self.is_elected() || self.leader == Some(self.setup.id))
    }

    fn leader(&self) -> Option<NodeId> {
        if self.is_elected() { self.leader } else { self.proposes.then_some(self.setup.id) }
    }
}
