//! The prediction of a decision with given quorums, where theory has one.

use crate::lab::cluster::Shape;
use crate::theory::{Case, Layout, Prediction, Quorums, Run};
use paxos_core::{NodeId, NodeSet, Phase, QuorumSystem};

/// Returns the prediction with `leader` proposing. Theory counts broadcasts that all acceptors answer, so it holds for
/// all quorums of at least two acceptors, if neither half of the acceptors decides in a collision. The saving of a
/// thrifty proposer is known only for quorums by number. In all other cases there is no prediction.
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
