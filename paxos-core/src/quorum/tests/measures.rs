//! Minimal quorums, failures survived and load are compared with their definitions.

use super::{nodes, subsets};
use crate::quorum::load::{load, packing};
use crate::quorum::{Counts, Grid, Phase, QuorumSystem, Sets, Weighted, Zones};
use crate::{NodeId, NodeSet};

/// Checks each measure of `system`, whose acceptors are the first `n`, against its definition.
pub(super) fn are_right(system: &dyn QuorumSystem, n: u16) {
    let all = NodeSet::first(n);
    for phase in Phase::ALL {
        let quorums: Vec<NodeSet> = subsets(n).filter(|set| system.is_quorum(phase, *set)).collect();
        let mut minimal = quorums.clone();
        minimal.retain(|set| !quorums.iter().any(|other| other != set && other.is_subset(*set)));
        let mut told = system.minimal_quorums(phase).expect("few acceptors");
        told.sort();
        minimal.sort();
        assert_eq!(told, minimal, "{system:?} {phase}");

        let survives = |f: usize| {
            let mut failures = subsets(n).filter(|set| set.len() == f);
            failures.all(|failed| system.is_quorum(phase, all.without(failed)))
        };
        let most = (0..=usize::from(n)).take_while(|f| survives(*f)).last();
        assert_eq!(system.failures_survived(phase), Ok(most), "{system:?} {phase}");

        let told = system.load(phase).expect("few acceptors");
        let by_programme = load(&minimal, all);
        assert_eq!(told.is_some(), !minimal.is_empty());
        if let (Some(told), Some(by_programme)) = (told, by_programme) {
            assert!((told - by_programme).abs() < 1e-9, "{system:?} {phase}: {told} {by_programme}");
        }
        if !minimal.is_empty() && !minimal.contains(&NodeSet::EMPTY) {
            is_best(&minimal, all);
        }
    }
}

/// Checks that the packing fits, and that the prices allow no larger one. So both are optimal (duality of linear
/// programmes).
fn is_best(quorums: &[NodeSet], all: NodeSet) {
    let packing = packing(quorums, all);
    for node in all.iter() {
        let served = quorums.iter().zip(&packing.taken).filter(|(q, _)| q.contains(node)).map(|(_, x)| x);
        assert!(served.sum::<f64>() <= 1.0 + 1e-9, "{quorums:?} {packing:?}");
    }
    for quorum in quorums {
        let cost: f64 =
            all.iter().zip(&packing.prices).filter(|(n, _)| quorum.contains(*n)).map(|(_, y)| y).sum();
        assert!(cost >= 1.0 - 1e-9, "{quorums:?} {packing:?}");
    }
    assert!(packing.taken.iter().chain(&packing.prices).all(|x| *x >= -1e-9));
    let (taken, prices): (f64, f64) = (packing.taken.iter().sum(), packing.prices.iter().sum());
    assert!((taken - packing.size).abs() < 1e-9 && (prices - packing.size).abs() < 1e-9, "{packing:?}");
}

#[test]
fn counts_and_grids_have_formulas_that_are_right() {
    for n in 1..=7_u16 {
        for q1 in 1..=usize::from(n) {
            let q2 = usize::from(n) + 1 - q1;
            let fast = (2 * usize::from(n) - q1) / 2 + 1;
            are_right(&Counts::fast_flexible(NodeSet::first(n), q1, q2, fast).expect("lawful"), n);
            are_right(&Counts::flexible(NodeSet::first(n), q1, q2).expect("lawful"), n);
        }
    }
    for (rows, columns) in [(1, 1), (1, 4), (4, 1), (2, 2), (2, 3), (3, 2), (2, 4), (4, 2), (3, 3)] {
        let set = NodeSet::first(rows * columns);
        let (r, c) = (usize::from(rows), usize::from(columns));
        are_right(&Grid::flexible(set, r, c).expect("it fits"), rows * columns);
        are_right(&Grid::symmetric(set, r, c).expect("it fits"), rows * columns);
    }
}

/// Naor, Wool 1998: a majority of an odd n has load (n + 1)/2n, the Fano plane 3/7, and a single voter 1.
#[test]
fn loads_are_those_of_the_literature() {
    let near = |load: Option<f64>, expected: f64| load.is_some_and(|load| (load - expected).abs() < 1e-9);
    let five = Counts::majority(NodeSet::first(5)).expect("lawful");
    assert!(near(five.load(Phase::One).expect("by formula"), 0.6));
    let lines = [[0, 1, 2], [0, 3, 4], [0, 5, 6], [1, 3, 5], [1, 4, 6], [2, 3, 6], [2, 4, 5]].map(nodes);
    let fano = Sets::symmetric(NodeSet::first(7), &lines).expect("lines meet");
    assert!(near(fano.load(Phase::One).expect("seven"), 3.0 / 7.0));
    let alone = Sets::symmetric(NodeSet::first(3), &[nodes([1])]).expect("it meets itself");
    assert!(near(alone.load(Phase::TwoClassic).expect("three"), 1.0));
    // A hub with one of four spokes, or all spokes: the hub needs to be asked only 4 times out of 7.
    let wheel = [nodes([0, 1]), nodes([0, 2]), nodes([0, 3]), nodes([0, 4]), nodes([1, 2, 3, 4])];
    let wheel = Sets::symmetric(NodeSet::first(5), &wheel).expect("lawful");
    assert!(near(wheel.load(Phase::One).expect("five"), 4.0 / 7.0));
    // Nine acceptors in three zones: two of three in two of three zones.
    let zone = |from: u16| (from..from + 3).map(NodeId).collect::<NodeSet>();
    let zones = Zones::majority(vec![zone(0), zone(3), zone(6)]).expect("lawful");
    assert!(near(zones.load(Phase::TwoClassic).expect("nine"), 4.0 / 9.0));
    assert_eq!(zones.failures_survived(Phase::TwoClassic), Ok(Some(3)));
}

/// 12,870 minimal quorums can be handled.
#[test]
fn sixteen_acceptors_are_few_enough() {
    let weights = [1; 16];
    let even = Weighted::flexible(NodeSet::first(16), &weights, 9, 8).expect("lawful");
    assert_eq!(even.minimal_quorums(Phase::TwoClassic).map(|quorums| quorums.len()), Ok(12_870));
    let load = even.load(Phase::TwoClassic).expect("sixteen").expect("there are some");
    assert!((load - 0.5).abs() < 1e-9, "{load}");
}
