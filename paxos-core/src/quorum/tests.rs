//! Every system is compared with its definition, set by set.

mod counts;
mod measures;
mod random;
mod refusals;
mod systems;

use super::{Phase, QuorumError, QuorumSystem};
use crate::{NodeId, NodeSet};
use core::fmt;

/// Returns every set of the first `n` processes.
pub(super) fn subsets(n: u16) -> impl Iterator<Item = NodeSet> {
    (0..1_u32 << n).map(move |bits| (0..n).filter(|i| bits >> i & 1 == 1).map(NodeId).collect())
}

pub(super) fn nodes<const N: usize>(nodes: [u16; N]) -> NodeSet {
    nodes.map(NodeId).into_iter().collect()
}

/// A system by definition, without a proof.
pub(super) struct Reference<F>(pub(super) u16, pub(super) F);

impl<F> fmt::Debug for Reference<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a definition over {} acceptors", self.0)
    }
}

impl<F: Fn(Phase, NodeSet) -> bool + Send + Sync> QuorumSystem for Reference<F> {
    fn acceptors(&self) -> NodeSet {
        NodeSet::first(self.0)
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        (self.1)(phase, answered.intersection(self.acceptors()))
    }
}

/// Checks the law by trying every set, every pair and every three.
pub(super) fn is_lawful(system: &dyn QuorumSystem, n: u16) -> bool {
    let of = |phase| subsets(n).filter(|set| system.is_quorum(phase, *set)).collect::<Vec<_>>();
    let (one, two, fast) = (of(Phase::One), of(Phase::TwoClassic), of(Phase::TwoFast));
    !one.is_empty()
        && !two.is_empty()
        && one.iter().all(|a| two.iter().chain(&fast).all(|b| !a.intersection(*b).is_empty()))
        && fast
            .iter()
            .all(|a| fast.iter().all(|b| one.iter().all(|c| !a.intersection(*b).intersection(*c).is_empty())))
}

/// Checks that the sets that `error` names are quorums, and break the law.
pub(super) fn names_a_breach(error: &QuorumError, system: &dyn QuorumSystem) -> bool {
    let is = |phase: Phase, sets: &[NodeSet]| sets.iter().all(|set| system.is_quorum(phase, *set));
    if let QuorumError::Disjoint { one, phase, two, .. } = error {
        return *phase != Phase::One
            && is(Phase::One, &[*one])
            && is(*phase, &[*two])
            && one.intersection(*two).is_empty();
    }
    if let QuorumError::Ambiguous { one, a, b, .. } = error {
        return is(Phase::One, &[*one])
            && is(Phase::TwoFast, &[*a, *b])
            && one.intersection(*a).intersection(*b).is_empty();
    }
    false
}

/// Checks that `built` is accepted exactly if the definition keeps the law, that its quorums are those of the
/// definition, and that a refusal names quorums that break the law. Returns whether it was accepted.
pub(super) fn is_as_defined<Q: QuorumSystem>(
    built: &Result<Q, QuorumError>,
    definition: &dyn QuorumSystem,
    n: u16,
) -> bool {
    let lawful = is_lawful(definition, n);
    assert_eq!(super::prove(definition).is_ok(), lawful, "{definition:?}");
    match built {
        Ok(built) => {
            assert!(lawful, "{built:?} breaks the law");
            for phase in Phase::ALL {
                for set in subsets(n) {
                    let both = set.union(NodeSet::only(NodeId(60)));
                    let is = definition.is_quorum(phase, set);
                    assert_eq!(built.is_quorum(phase, set), is, "{built:?} {phase} {set}");
                    assert_eq!(built.is_quorum(phase, both), is, "{built:?} {phase} {both}");
                }
            }
            assert_eq!(super::prove(built), Ok(()), "{built:?}");
        }
        Err(error) => {
            assert!(!lawful, "{error} although the law holds");
            assert!(names_a_breach(error, definition), "{error}");
        }
    }
    lawful
}

/// Checks that `may_be_chosen` is O4 as Lamport states it: in some quorum, all members that promised voted for the
/// value. Also checks that this never holds for two values.
pub(super) fn keeps_o4(system: &dyn QuorumSystem, n: u16) {
    for phase in [Phase::TwoClassic, Phase::TwoFast] {
        let quorums: Vec<NodeSet> = subsets(n).filter(|set| system.is_quorum(phase, *set)).collect();
        for promised in subsets(n).filter(|set| system.is_quorum(Phase::One, *set)) {
            let forced: Vec<NodeSet> = subsets(n)
                .filter(|set| set.is_subset(promised))
                .filter(|voted| {
                    let by_definition = quorums.iter().any(|q| q.intersection(promised).is_subset(*voted));
                    let may = system.may_be_chosen(phase, promised, *voted);
                    assert_eq!(may, by_definition, "{system:?} {phase} {promised} {voted}");
                    may
                })
                .collect();
            if phase == Phase::TwoFast {
                let both = |a: &NodeSet| forced.iter().any(|b| a.intersection(*b).is_empty());
                assert!(!forced.iter().any(both), "{system:?} forces two values on {promised}");
            }
        }
    }
}
