//! The network: how long messages take, and which are lost, duplicated or cut off.

use crate::sim::Chance;
use core::time::Duration;
use paxos_core::{NodeId, Time};
use std::collections::BTreeMap;

/// A distribution of durations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// A uniformly distributed duration from `low` to `high`.
    Uniform {
        /// The shortest.
        low: Duration,
        /// The longest.
        high: Duration,
    },
    /// `min` plus an exponentially distributed duration.
    Exponential {
        /// The shortest.
        min: Duration,
        /// The mean of the exponential part.
        mean: Duration,
    },
    /// Mostly from `low` to `high`, but `late` of a thousand messages take up to `latest`: they arrive when no process
    /// expects them any more.
    Tailed {
        /// The shortest.
        low: Duration,
        /// The longest of the usual durations.
        high: Duration,
        /// How many of a thousand messages take longer.
        late: u16,
        /// The longest of all.
        latest: Duration,
    },
}

impl Delay {
    /// No delay at all.
    pub const NONE: Self = Self::Constant(Duration::ZERO);

    /// Draws a duration of this distribution.
    pub fn draw(self, chance: &mut Chance) -> Duration {
        match self {
            Self::Constant(d) => d,
            Self::Uniform { low, high } => chance.between(low, high),
            Self::Exponential { min, mean } => min + chance.exponential(mean),
            Self::Tailed { low, high, late, latest } => {
                if chance.below(1000) < u64::from(late) {
                    chance.between(high, latest)
                } else {
                    chance.between(low, high)
                }
            }
        }
    }

    /// Whether the delay is always zero.
    pub fn is_none(self) -> bool {
        match self {
            Self::Constant(d) => d.is_zero(),
            Self::Uniform { high, .. } => high.is_zero(),
            Self::Exponential { min, mean } => min.is_zero() && mean.is_zero(),
            Self::Tailed { high, latest, .. } => high.is_zero() && latest.is_zero(),
        }
    }
}

/// A matrix of delays between sites, and the site of each process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sites {
    one_way: Vec<Vec<Duration>>,
    site_of: BTreeMap<NodeId, usize>,
}

impl Sites {
    /// Creates the matrix from round trips: `round_trips[a][b]` is the time from site `a` to `b` and back, and half of
    /// it is one way. Within a site it is `round_trips[a][a]`.
    pub fn new(round_trips: &[Vec<Duration>]) -> Self {
        let one_way = round_trips.iter().map(|row| row.iter().map(|d| *d / 2).collect()).collect();
        Self { one_way, site_of: BTreeMap::new() }
    }

    /// Puts `node` at the site of this index.
    pub fn place(&mut self, node: NodeId, site: usize) {
        self.site_of.insert(node, site);
    }

    /// The time from `from` to `to`, if both are placed.
    pub fn one_way(&self, from: NodeId, to: NodeId) -> Option<Duration> {
        let (from, to) = (*self.site_of.get(&from)?, *self.site_of.get(&to)?);
        self.one_way.get(from)?.get(to).copied()
    }
}

/// A partition: messages from one side do not reach the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// One side.
    pub from: Vec<NodeId>,
    /// The other side.
    pub to: Vec<NodeId>,
    /// Whether messages the other way are lost as well.
    pub both_ways: bool,
    /// The first moment of the partition.
    pub start: Time,
    /// The first moment after the partition.
    pub end: Time,
}

impl Cut {
    /// Whether the partition stops a message sent now.
    pub fn stops(&self, now: Time, from: NodeId, to: NodeId) -> bool {
        let crosses = |a: NodeId, b: NodeId| self.from.contains(&a) && self.to.contains(&b);
        self.start <= now && now < self.end && (crosses(from, to) || self.both_ways && crosses(to, from))
    }
}

/// All links. Messages overtake each other where delays vary.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    /// The delay between two processes without a more specific one.
    pub delay: Delay,
    /// The sites of the processes, if they determine the delay.
    pub sites: Option<Sites>,
    /// The delay from the first process to the second; overrides `sites` and `delay`.
    pub pairs: BTreeMap<(NodeId, NodeId), Delay>,
    /// The probability that a message is lost, from 0 to 1.
    pub loss: f64,
    /// The probability that a message arrives twice, from 0 to 1.
    pub duplication: f64,
    /// No message is lost or duplicated from this moment on.
    pub reliable_from: Option<Time>,
    /// The partitions.
    pub cuts: Vec<Cut>,
}

impl Links {
    /// Creates reliable links with this delay.
    pub const fn new(delay: Delay) -> Self {
        Self {
            delay,
            sites: None,
            pairs: BTreeMap::new(),
            loss: 0.0,
            duplication: 0.0,
            reliable_from: None,
            cuts: Vec::new(),
        }
    }

    /// Creates reliable links on which every message takes exactly `d`.
    pub const fn constant(d: Duration) -> Self {
        Self::new(Delay::Constant(d))
    }

    /// Creates links that lose and duplicate messages with these probabilities, and take from `low` to `high`.
    pub fn lossy(low: Duration, high: Duration, loss: f64, duplication: f64) -> Self {
        Self { loss, duplication, ..Self::new(Delay::Uniform { low, high }) }
    }

    /// Creates reliable links between sites.
    pub fn between(sites: Sites) -> Self {
        Self { sites: Some(sites), ..Self::new(Delay::NONE) }
    }

    /// Draws how long one message takes.
    pub fn draw(&self, from: NodeId, to: NodeId, chance: &mut Chance) -> Duration {
        if let Some(delay) = self.pairs.get(&(from, to)) {
            return delay.draw(chance);
        }
        let placed = self.sites.as_ref().and_then(|sites| sites.one_way(from, to));
        placed.unwrap_or_else(|| self.delay.draw(chance))
    }

    /// Draws whether a message sent now is lost by chance. This is drawn for every message, so that a partition does
    /// not shift the draws of other messages.
    pub fn loses(&self, now: Time, chance: &mut Chance) -> bool {
        self.is_unreliable(now) && chance.hits(self.loss)
    }

    /// The cuts that stop a message sent now, by their index.
    pub fn severed(&self, now: Time, from: NodeId, to: NodeId) -> impl Iterator<Item = usize> {
        let stops = move |(_, cut): &(usize, &Cut)| cut.stops(now, from, to);
        self.cuts.iter().enumerate().filter(stops).map(|(nth, _)| nth)
    }

    /// Whether a message that takes so long is one of the few that are late.
    pub fn is_late(&self, from: NodeId, to: NodeId, took: Duration) -> bool {
        match self.pairs.get(&(from, to)).copied().unwrap_or(self.delay) {
            Delay::Tailed { high, .. } => took > high,
            Delay::Constant(_) | Delay::Uniform { .. } | Delay::Exponential { .. } => false,
        }
    }

    /// Draws whether a message sent now arrives twice.
    pub fn doubles(&self, now: Time, chance: &mut Chance) -> bool {
        self.is_unreliable(now) && chance.hits(self.duplication)
    }

    fn is_unreliable(&self, now: Time) -> bool {
        self.reliable_from.is_none_or(|from| now < from)
    }
}
