//! Refusals, and their messages.

use super::{Reference, names_a_breach, nodes};
use crate::quorum::{
    Composed, Counts, Grid, Phase, Places, QuorumError, QuorumSystem, Rule, Sets, Weighted, Within,
    ZoneQuorum, Zones, prove,
};
use crate::{NodeId, NodeSet};

fn says<Q: QuorumSystem>(built: Result<Q, QuorumError>, words: &str) {
    assert_eq!(built.expect_err("refused").to_string(), words);
}

#[test]
fn weights_that_do_not_add_up_are_refused() {
    let (three, many) = (NodeSet::first(3), NodeSet::first(20));
    says(
        Weighted::flexible(three, &[1, 1], 1, 1),
        "2 weights for 3 acceptors; give each one weight, in the order of their ids",
    );
    says(
        Weighted::majority(three, &[0, 0, 0]),
        "phase 1 quorums of weight 1 cannot be formed from a weight of 0; take 1 to 0",
    );
    says(
        Weighted::flexible(three, &[2, 1, 1], 2, 2),
        "phase 1 quorum {n0} and phase 2 quorum {n1, n2} share no acceptor; make them larger until they meet",
    );
    // With these heavy acceptors, thresholds of 4 and 5 out of 9 both mean two acceptors.
    assert!(Weighted::flexible(three, &[3, 3, 3], 4, 5).is_ok());
    says(
        Weighted::flexible(many, &[3; 20], 30, 30),
        "quorums of weight 30 for phase 1 and 30 for phase 2 are not proven to meet; \
         make the weights of phase 1 and phase 2 exceed 60 together",
    );
    says(
        Weighted::fast_flexible(many, &[1; 20], 11, 11, 14),
        "quorums of weight 11 for phase 1 and 14 for fast phase 2 are not proven to meet; \
         make the weight of phase 1 and twice that of fast phase 2 exceed 40",
    );
    assert!(Weighted::majority(many, &[3; 20]).is_ok());
    assert!(Weighted::majority(NodeSet::first(64), &[u32::MAX; 64]).is_ok());
}

#[test]
fn a_grid_must_hold_its_acceptors() {
    says(
        Grid::flexible(NodeSet::first(5), 2, 3),
        "a grid of 2 × 3 does not hold 5 acceptors; make rows × columns 5",
    );
    assert!(Grid::symmetric(NodeSet::first(5), usize::MAX, 2).is_err());
    assert!(matches!(Grid::flexible(NodeSet::EMPTY, 0, 0), Err(QuorumError::NoAcceptors)));
    assert!(Grid::flexible(NodeSet::first(64), 8, 8).is_ok());
}

#[test]
fn zones_name_the_quorums_that_break_the_law() {
    let zone = |from: u16, size: u16| (from..from + size).map(NodeId).collect::<NodeSet>();
    let three = || vec![zone(0, 3), zone(3, 3), zone(6, 3)];
    let most = |zones| ZoneQuorum { zones, within: Within::Majority };
    says(
        Zones::new(three(), most(2), most(1), None),
        "phase 1 quorum {n0, n1, n3, n4} and phase 2 quorum {n7, n8} share no acceptor; \
         make them of more zones, or of more members of each",
    );
    says(
        Zones::new(three(), most(2), most(2), Some(most(3))),
        "phase 1 quorum {n1, n2, n4, n5} and fast quorums {n0, n1, n3, n4, n6, n7} and {n0, n2, n3, n5, n6, n7} \
         share no acceptor; make them of more zones, or of more members of each",
    );
    says(
        Zones::new(vec![zone(0, 3), zone(2, 3)], most(1), most(2), None),
        "zones {n0, n1, n2} and {n2, n3, n4} share an acceptor; put each acceptor into one zone",
    );
    says(
        Zones::new(three(), most(4), most(1), None),
        "phase 1 quorums of 4 zones cannot be formed from 3; take 1 to 3",
    );
    says(
        Zones::new(three(), most(3), ZoneQuorum { zones: 1, within: Within::Count(4) }, None),
        "phase 2 quorums with 4 of zone {n0, n1, n2} cannot be formed; take 1 to 3",
    );
    assert!(matches!(Zones::majority(Vec::new()), Err(QuorumError::NoAcceptors)));
    // 64 acceptors are too many for any way but the formula.
    let many = (0..8).map(|i| zone(8 * i, 8)).collect::<Vec<_>>();
    assert!(Zones::majority(many.clone()).is_ok());
    let refused = Zones::new(many.clone(), most(4), most(4), None).expect_err("four and the other four");
    let definition =
        |_: Phase, set: NodeSet| many.iter().filter(|z| z.intersection(set).len() >= 5).count() >= 4;
    assert!(names_a_breach(&refused, &Reference(64, definition)), "{refused}");
}

#[test]
fn lists_and_compositions_name_the_quorums_that_break_the_law() {
    let four = NodeSet::first(4);
    let (a, b, c) = (nodes([0, 1, 2]), nodes([0, 1, 3]), nodes([2, 3, 0]));
    assert!(Sets::new(four, &[four], &[a], &[a, b]).is_ok());
    says(
        Sets::new(four, &[a, nodes([2, 3])], &[a], &[a, b]),
        "phase 1 quorum {n2, n3} and fast quorums {n0, n1, n2} and {n0, n1, n3} share no acceptor; \
         make them larger until they meet",
    );
    assert!(Sets::new(four, &[nodes([0])], &[c], &[a, b, c]).is_ok());
    says(
        Sets::new(four, &[], &[a], &[]),
        "not even all acceptors are a phase 1 quorum; give this phase at least one",
    );
    says(
        Sets::symmetric(four, &[nodes([0, 9])]),
        "{n9} are not acceptors, but a phase 1 quorum counts them; count acceptors only",
    );
    let many = Rule::members(9, NodeSet::first(17));
    says(
        Composed::new(many.clone(), many, None),
        "quorums of 17 acceptors cannot be proven by trying every set; take at most 16, or quorums with a formula: \
         by number, weight, grid or zones",
    );
    says(
        Composed::new(Rule::members(5, four), Rule::members(1, four), None),
        "not even all acceptors are a phase 1 quorum; give this phase at least one",
    );
}

/// Counts every process that answers.
#[derive(Debug)]
struct Anybody;

impl QuorumSystem for Anybody {
    fn acceptors(&self) -> NodeSet {
        NodeSet::first(3)
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        phase != Phase::TwoFast && answered.len() >= 2
    }
}

#[test]
fn a_system_of_ones_own_is_proven_or_refused() {
    let over_five = |is_quorum: fn(Phase, NodeSet) -> bool| prove(&Reference(5, is_quorum));
    assert_eq!(over_five(|_, set| set.len() >= 4), Ok(()));
    assert!(matches!(over_five(|_, set| set.len() >= 3), Err(QuorumError::Ambiguous { .. })));
    assert!(matches!(
        over_five(|phase, set| phase == Phase::One && !set.is_empty() || set.len() >= 4),
        Err(QuorumError::Disjoint { phase: Phase::TwoClassic, .. })
    ));
    assert_eq!(
        over_five(|_, set| set.len() == 4),
        Err(QuorumError::NotClosed {
            phase: Phase::One,
            quorum: NodeSet::first(4),
            larger: NodeSet::first(5)
        })
    );
    assert_eq!(
        over_five(|phase, _| phase == Phase::One).map_err(|e| matches!(e, QuorumError::NoQuorum { .. })),
        Err(true)
    );

    assert!(matches!(prove(&Anybody), Err(QuorumError::Strangers { phase: Phase::One, .. })));
    assert!(matches!(Anybody.over(&Places::of(NodeSet::first(3))), Err(QuorumError::Fixed)));
    assert!(matches!(
        prove(&Counts::majority(NodeSet::first(17)).expect("lawful")),
        Err(QuorumError::TooMany { acceptors: 17 })
    ));
}
