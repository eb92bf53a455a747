//! What theory says of a decision with these quorums, where it says anything.

use crate::lab::cluster::Shape;
use crate::theory::{Case, Layout, Prediction, Quorums, Run};
use paxos_core::{NodeId, NodeSet, Phase, QuorumSystem};

/// The prediction, with `leader` proposing. The numbers of the theory are those of broadcasts that all answer, so they
/// hold for all quorums that need two acceptors at least, if in a collision neither half of the acceptors decides; what
/// a thrifty proposer saves is known for quorums by number only. Elsewhere there is none.
pub(super) fn prediction(
    case: Case,
    shape: Shape,
    quorums: &dyn QuorumSystem,
    leader: NodeId,
) -> Option<Prediction> {
    let acceptors = quorums.acceptors();
    let alone = |phase| acceptors.iter().any(|node| quorums.is_quorum(phase, NodeSet::only(node)));
    if acceptors.len() > 1 && phases(case.run).iter().any(|phase| alone(*phase)) {
        return None;
    }
    let first_half: NodeSet = acceptors.iter().take(acceptors.len().div_ceil(2)).collect();
    let decides = |half: NodeSet| quorums.is_quorum(Phase::TwoFast, half);
    let collides = matches!(case.run, Run::FastCollision(_));
    if collides && (decides(first_half) || decides(acceptors.without(first_half))) {
        return None;
    }
    if shape.thrifty {
        let counts = shape.quorum.counts(acceptors)?;
        let size = |phase| counts.size(phase).unwrap_or(case.acceptors);
        let asked = Quorums { classic: size(Phase::TwoClassic), fast: size(Phase::TwoFast) };
        return case.thrifty(asked).filter(|_| size(Phase::One) == size(Phase::TwoClassic));
    }
    let with_leader = |node| NodeSet::only(leader).union(NodeSet::only(node));
    let two_decide = acceptors.iter().any(|node| quorums.is_quorum(Phase::TwoClassic, with_leader(node)));
    let collapsed = case.layout == Layout::Collapsed;
    case.predict_beside(if collapsed && two_decide { 2 } else { 3 })
}

/// The phases whose quorums a run waits for.
fn phases(run: Run) -> &'static [Phase] {
    match run {
        Run::Basic | Run::MultiFirst => &[Phase::One, Phase::TwoClassic],
        Run::MultiSteady => &[Phase::TwoClassic],
        Run::Fast => &[Phase::TwoFast],
        Run::FastCollision(_) => &Phase::ALL,
    }
}
