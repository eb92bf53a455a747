//! Systems drawn from seeds are compared with their definitions.

use super::{Reference, is_as_defined, keeps_o4, measures};
use crate::quorum::{
    Composed, Phase, QuorumError, QuorumSystem, Rule, Sets, Weighted, Within, ZoneQuorum, Zones,
};
use crate::{NodeId, NodeSet};

/// A stream of random numbers (`SplitMix64`).
struct Lots(u64);

impl Lots {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n.max(1)
    }

    fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }
}

/// Checks the systems drawn from 2,000 seeds. Returns how many were accepted.
fn drawn<Q: QuorumSystem, F>(
    mut draw: impl FnMut(&mut Lots) -> (Result<Q, QuorumError>, Reference<F>),
) -> usize
where
    F: Fn(Phase, NodeSet) -> bool + Send + Sync,
{
    let mut accepted = 0;
    for seed in 0..2_000 {
        let (built, definition) = draw(&mut Lots(seed));
        if is_as_defined(&built, &definition, definition.0) {
            accepted += 1;
            let built = built.expect("as defined");
            measures::are_right(&built, definition.0);
            if seed % 8 == 0 {
                keeps_o4(&built, definition.0);
            }
        }
    }
    accepted
}

#[test]
fn weights_are_accepted_exactly_if_the_law_holds() {
    let accepted = drawn(|lots| {
        let n = lots.from(1, 6) as u16;
        // The first weight is not 0, so that a threshold is possible.
        let weights: Vec<u32> = (0..n).map(|i| lots.from(u64::from(i == 0), 4) as u32).collect();
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        // Most thresholds are close to the least that the law allows.
        let one = lots.from(1, total);
        let two =
            (total + 1).saturating_sub(one).saturating_add(lots.below(3)).saturating_sub(1).clamp(1, total);
        let fast = ((2 * total - one) / 2 + lots.below(3)).clamp(1, total);
        let has_fast = lots.below(4) > 0;
        let set = NodeSet::first(n);
        let built = if has_fast {
            Weighted::fast_flexible(set, &weights, one, two, fast)
        } else {
            Weighted::flexible(set, &weights, one, two)
        };
        let is_quorum = move |phase, answered: NodeSet| {
            let weight: u64 = answered.iter().map(|node| u64::from(weights[usize::from(node.0)])).sum();
            match phase {
                Phase::One => weight >= one,
                Phase::TwoClassic => weight >= two,
                Phase::TwoFast => has_fast && weight >= fast,
            }
        };
        (built, Reference(n, is_quorum))
    });
    assert!((600..1_800).contains(&accepted), "{accepted}");
}

#[test]
fn zones_are_accepted_exactly_if_the_law_holds() {
    let accepted = drawn(|lots| {
        let mut zones: Vec<NodeSet> = Vec::new();
        let mut n = 0;
        for _ in 0..lots.from(1, 4) {
            let size = lots.from(1, 3) as u16;
            if n + size <= 7 {
                zones.push((n..n + size).map(NodeId).collect());
                n += size;
            }
        }
        let smallest = zones.iter().map(|zone| zone.len()).min().unwrap_or(1) as u64;
        let quorum = |lots: &mut Lots| ZoneQuorum {
            zones: lots.from(1, zones.len() as u64) as usize,
            within: match lots.below(6) {
                0 | 1 => Within::Majority,
                2 => Within::Fast,
                3 => Within::All,
                _ => Within::Count(lots.from(1, smallest) as usize),
            },
        };
        let phases = [quorum(lots), quorum(lots), quorum(lots)];
        let has_fast = lots.below(3) > 0;
        let built = Zones::new(zones.clone(), phases[0], phases[1], has_fast.then_some(phases[2]));
        let is_quorum = move |phase: Phase, answered: NodeSet| {
            let quorum = phases[phase as usize];
            let members = |zone: NodeSet| match quorum.within {
                Within::Count(members) => members,
                Within::Majority => zone.len() / 2 + 1,
                Within::Fast => [0, 1, 2, 3, 3][zone.len()],
                Within::All => zone.len(),
            };
            let has = |zone: &&NodeSet| zone.intersection(answered).len() >= members(**zone);
            (phase != Phase::TwoFast || has_fast) && zones.iter().filter(has).count() >= quorum.zones
        };
        (built, Reference(n, is_quorum))
    });
    assert!((200..1_800).contains(&accepted), "{accepted}");
}

#[test]
fn lists_are_accepted_exactly_if_the_law_holds() {
    let accepted = drawn(|lots| {
        let n = lots.from(1, 5) as u16;
        let list = |lots: &mut Lots, most: u64| -> Vec<NodeSet> {
            let set = |lots: &mut Lots| {
                (0..n)
                    .map(NodeId)
                    .filter(|node| node.0 == 0 && lots.below(4) > 0 || lots.below(10) < 6)
                    .collect::<NodeSet>()
            };
            (0..lots.from(1, most)).map(|_| set(lots)).collect()
        };
        let (one, two) = (list(lots, 3), list(lots, 3));
        let fast = if lots.below(2) == 0 { Vec::new() } else { list(lots, 2) };
        let built = Sets::new(NodeSet::first(n), &one, &two, &fast);
        let lists = [one, two, fast];
        let is_quorum = move |phase: Phase, answered: NodeSet| {
            lists[phase as usize].iter().any(|q| q.is_subset(answered))
        };
        (built, Reference(n, is_quorum))
    });
    assert!((200..1_800).contains(&accepted), "{accepted}");
}

/// Draws a rule over the first `n` processes, and the same rule as a function.
fn rule(lots: &mut Lots, n: u16, depth: u64) -> (Rule, Box<dyn Fn(NodeSet) -> bool + Send + Sync>) {
    if depth == 0 {
        let node = NodeId(lots.below(u64::from(n)) as u16);
        return (Rule::Node(node), Box::new(move |set| set.contains(node)));
    }
    let parts = lots.from(2, 4) as usize;
    let (rules, kept): (Vec<_>, Vec<_>) = (0..parts).map(|_| rule(lots, n, depth - 1)).unzip();
    match lots.below(3) {
        0 => (Rule::all(rules), Box::new(move |set| kept.iter().all(|kept| kept(set)))),
        1 => (Rule::any(rules), Box::new(move |set| kept.iter().any(|kept| kept(set)))),
        _ => {
            let k = parts / 2 + 1;
            let enough = move |set| kept.iter().map(|kept| usize::from(kept(set))).sum::<usize>() >= k;
            (Rule::k_of(k, rules), Box::new(enough))
        }
    }
}

#[test]
fn compositions_are_accepted_exactly_if_the_law_holds() {
    let accepted = drawn(|lots| {
        let n = lots.from(1, 5) as u16;
        let all = || Rule::members(0, NodeSet::first(n));
        let (one, one_kept) = rule(lots, n, 2);
        let (two, two_kept) = rule(lots, n, 2);
        let (fast, fast_kept) = rule(lots, n, 1);
        let (fast_too, has_fast) =
            (Rule::all([fast, Rule::any([one.clone(), two.clone()])]), lots.below(2) == 0);
        // The acceptors are the first n, even if no rule names each of them.
        let built = Composed::new(Rule::all([one, all()]), two, has_fast.then_some(fast_too));
        let is_quorum = move |phase, set| match phase {
            Phase::One => one_kept(set),
            Phase::TwoClassic => two_kept(set),
            Phase::TwoFast => has_fast && fast_kept(set) && (one_kept(set) || two_kept(set)),
        };
        (built, Reference(n, is_quorum))
    });
    assert!((200..1_800).contains(&accepted), "{accepted}");
}
