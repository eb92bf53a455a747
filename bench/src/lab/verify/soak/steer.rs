//! Spends more runs where few runs have been. What a run reached is counted by kind and magnitude. In every round after the
//! first, half of the runs are variations of seeds that reached something rare: the same cluster, with other delays and
//! other times of its mishaps.

use super::effect::{Effect, pairs};
use super::mishap::Kind as Mishaps;
use super::{Plan, Ran};
use paxos_core::{Counters, Kind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The number of runs of a round, of `count` in all. Within a round it does not matter in which order they end, so the
/// results are the same in any number of jobs.
pub(super) fn round(count: u64) -> u64 {
    (count / 10).clamp(100, 1000)
}

/// What one run in this many reaches is rare.
const RARE: u64 = 500;

/// How many seeds are remembered for what they reached.
const PARENTS: usize = 8;

/// Something that a run reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    /// Messages of this kind, and the magnitude of their number (its length in bits).
    Sent(&'static str, u32),
    /// A counter of the processes' status, and the magnitude of its sum.
    Counted(&'static str, u32),
    /// Two kinds of mishaps that were in effect at the same time.
    Met(Mishaps, Mishaps),
}

/// What the processes counted, the messages that they sent, and the mishaps that met.
pub(super) fn features(
    effects: &[Effect],
    counters: impl Iterator<Item = Counters>,
    sent: impl Iterator<Item = (Kind, u64)>,
) -> BTreeSet<Feature> {
    let bits = |n: u64| u64::BITS - n.leading_zeros();
    let mut sums = BTreeMap::<&'static str, u64>::new();
    for counted in counters {
        let Counters { campaigns, won, lost, stepped_aside, nacks, retransmissions, catch_ups, .. } = counted;
        let Counters { caught_up, ignored, disbelieved, doubted, forgotten, clogged, refused, .. } = counted;
        for (name, n) in [
            ("campaigns", campaigns),
            ("won", won),
            ("lost", lost),
            ("stepped aside", stepped_aside),
            ("nacks", nacks),
            ("retransmissions", retransmissions),
            ("catch-ups", catch_ups),
            ("caught up", caught_up),
            ("ignored", ignored),
            ("disbelieved", disbelieved),
            ("doubted", doubted),
            ("forgotten", forgotten),
            ("clogged", clogged),
            ("refused", refused),
        ] {
            *sums.entry(name).or_default() += n;
        }
    }
    let counted = sums.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| Feature::Counted(name, bits(n)));
    let mut all: BTreeSet<Feature> = counted.collect();
    all.extend(sent.map(|(kind, n)| Feature::Sent(kind.name(), bits(n))));
    all.extend(pairs(effects).into_iter().map(|(one, other)| Feature::Met(one, other)));
    all
}

/// A seed, and which variation of it; 0 is the seed itself.
pub(super) type Job = (u64, u64);

/// Decides which runs come next.
#[derive(Debug, Default)]
pub(super) struct Steering {
    runs: u64,
    /// For each variant and feature, the number of runs that reached it, and some seeds of those.
    reached: BTreeMap<(&'static str, Feature), (u64, VecDeque<u64>)>,
    /// The next variation of each seed.
    variations: BTreeMap<u64, u64>,
}

impl Steering {
    /// Takes in what a run reached.
    pub(super) fn note(&mut self, plan: &Plan, ran: &Ran) {
        self.runs += 1;
        for feature in &ran.reached {
            let (count, seeds) = self.reached.entry((plan.shape.variant.name(), *feature)).or_default();
            *count += 1;
            if !seeds.contains(&plan.seed) {
                seeds.push_back(plan.seed);
                if seeds.len() > PARENTS {
                    seeds.pop_front();
                }
            }
        }
    }

    /// The variations to run in the next round, at most `room`: of seeds that reached what is rare, the rarest first.
    pub(super) fn variations(&mut self, room: usize) -> Vec<Job> {
        let rare = |count: &u64| *count * RARE <= self.runs.max(RARE);
        let mut rarest: Vec<(u64, Vec<u64>)> = self
            .reached
            .values()
            .filter(|(count, _)| rare(count))
            .map(|(count, seeds)| (*count, seeds.iter().copied().collect()))
            .collect();
        rarest.sort();
        let mut jobs = Vec::new();
        for turn in 0.. {
            for (_, seeds) in &rarest {
                if jobs.len() >= room {
                    return jobs;
                }
                let seed = seeds[turn % seeds.len()];
                let next = self.variations.entry(seed).or_insert(0);
                *next += 1;
                jobs.push((seed, *next));
            }
            if rarest.is_empty() {
                break;
            }
        }
        jobs
    }

    /// How many features were reached.
    pub(super) fn features(&self) -> usize {
        self.reached.len()
    }
}
