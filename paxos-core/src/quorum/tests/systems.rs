//! Grids, replaced members, and systems within systems.

use super::{Reference, is_as_defined, keeps_o4, nodes, subsets};
use crate::quorum::{
    Composed, Counts, Grid, Phase, Places, QuorumError, QuorumSystem, Rule, Sets, Weighted, Within,
    ZoneQuorum, Zones, prove,
};
use crate::{NodeId, NodeSet};
use std::sync::Arc;

#[test]
fn grids_keep_the_law_by_construction() {
    for (rows, columns) in [(1_u16, 1_u16), (1, 3), (3, 1), (2, 2), (2, 3), (3, 2)] {
        let n = rows * columns;
        for symmetric in [false, true] {
            let form = if symmetric { Grid::symmetric } else { Grid::flexible };
            let built = form(NodeSet::first(n), usize::from(rows), usize::from(columns));
            let is_quorum = move |phase, set: NodeSet| {
                let at = |row, column| set.contains(NodeId(row * columns + column));
                let whole = (0..columns).filter(|c| (0..rows).all(|r| at(r, *c))).count();
                let covers = (0..columns).all(|c| (0..rows).any(|r| at(r, c)));
                match phase {
                    Phase::TwoFast => whole > usize::from(columns) / 2,
                    Phase::One => covers && (!symmetric || whole > 0),
                    Phase::TwoClassic => whole > 0 && (!symmetric || covers),
                }
            };
            assert!(is_as_defined(&built, &Reference(n, is_quorum), n));
            keeps_o4(&built.expect("lawful"), n);
        }
    }
    for (rows, columns) in [(2, 4), (4, 2), (3, 3), (4, 4), (2, 8), (8, 2)] {
        let set = NodeSet::first((rows * columns) as u16);
        assert_eq!(prove(&Grid::flexible(set, rows, columns).expect("it fits")), Ok(()));
        assert_eq!(prove(&Grid::symmetric(set, rows, columns).expect("it fits")), Ok(()));
    }
}

/// Returns systems of five or six acceptors, n0 to n5.
fn several() -> Vec<Arc<dyn QuorumSystem>> {
    let (five, six) = (NodeSet::first(5), NodeSet::first(6));
    let zones = || vec![nodes([0, 1]), nodes([2, 3, 4])];
    let all = |within| ZoneQuorum { zones: 2, within };
    let most = Counts::majority(five).expect("five");
    let lead = Rule::all([Rule::quorum(most, Phase::One), Rule::any([0, 1].map(|n| Rule::Node(NodeId(n))))]);
    let hear = Rule::all([Rule::members(3, five), Rule::members(2, nodes([0, 1]))]);
    vec![
        Arc::new(Counts::fast_flexible(five, 5, 3, 3).expect("lawful")),
        Arc::new(Weighted::majority(five, &[3, 1, 1, 1, 1]).expect("lawful")),
        Arc::new(Grid::flexible(six, 2, 3).expect("lawful")),
        Arc::new(Grid::symmetric(six, 3, 2).expect("lawful")),
        Arc::new(Zones::majority(zones()).expect("lawful")),
        Arc::new(Zones::new(zones(), all(Within::Majority), all(Within::Fast), None).expect("lawful")),
        Arc::new(
            Sets::symmetric(five, &[nodes([0, 1]), nodes([1, 2, 3]), nodes([0, 2, 4, 1])]).expect("lawful"),
        ),
        Arc::new(Composed::new(hear, lead, Some(Rule::members(5, five))).expect("lawful")),
    ]
}

#[test]
fn what_may_be_chosen_is_as_defined() {
    for system in several() {
        keeps_o4(&*system, system.acceptors().len() as u16);
    }
}

#[test]
fn the_same_acceptors_have_the_same_quorums() {
    for system in several() {
        let n = system.acceptors().len() as u16;
        let same = system.over(&Places::of(system.acceptors())).expect("the same acceptors");
        for (phase, set) in Phase::ALL.iter().flat_map(|p| subsets(n).map(move |set| (*p, set))) {
            assert_eq!(same.is_quorum(phase, set), system.is_quorum(phase, set), "{system:?} {phase} {set}");
        }
    }
}

/// n1 and n3 leave, and n10 and n20 join: n10 replaces n1, and n20 replaces n3.
#[test]
fn who_replaces_another_takes_its_place() {
    for system in several() {
        let n = system.acceptors().len() as u16;
        let new = system.acceptors().without(nodes([1, 3])).union(nodes([10, 20]));
        let renamed = |set: NodeSet| -> NodeSet {
            let name = |node: NodeId| match node.0 {
                1 => NodeId(10),
                3 => NodeId(20),
                _ => node,
            };
            set.iter().map(name).collect()
        };
        let replaced = system.over(&Places::of(system.acceptors()).after(new)).expect("one for one");
        assert_eq!(replaced.acceptors(), new);
        assert_eq!(prove(&*replaced), Ok(()), "{replaced:?}");
        for (phase, set) in Phase::ALL.iter().flat_map(|p| subsets(n).map(move |set| (*p, set))) {
            let is = system.is_quorum(phase, set);
            assert_eq!(replaced.is_quorum(phase, renamed(set)), is, "{system:?} {phase} {set}");
        }
    }
}

/// n20 replaces n1, n10 replaces n3, and n15 replaces n20: the order of the ids does not determine the places.
#[test]
fn a_place_stays_with_whoever_took_it_through_a_chain_of_changes() {
    for system in several() {
        let n = system.acceptors().len() as u16;
        let mut places = Places::of(system.acceptors());
        for (old, new) in [(1, 20), (3, 10), (20, 15)] {
            places = places.after(places.acceptors().without(nodes([old])).union(nodes([new])));
        }
        let renamed = |set: NodeSet| -> NodeSet {
            let name = |node: NodeId| match node.0 {
                1 => NodeId(15),
                3 => NodeId(10),
                _ => node,
            };
            set.iter().map(name).collect()
        };
        let replaced = system.over(&places).expect("one for one");
        assert_eq!(replaced.acceptors(), places.acceptors());
        assert_eq!(prove(&*replaced), Ok(()), "{replaced:?}");
        for (phase, set) in Phase::ALL.iter().flat_map(|p| subsets(n).map(move |set| (*p, set))) {
            let is = system.is_quorum(phase, set);
            assert_eq!(replaced.is_quorum(phase, renamed(set)), is, "{system:?} {phase} {set}");
        }
    }
}

/// Fewer acceptors leave places empty. Newcomers fill these before new places are made.
#[test]
fn empty_places_are_filled_first() {
    let holders = |places: &Places| (0..6).map(|k| places.holder(k).map(|n| n.0)).collect::<Vec<_>>();
    let three = Places::of(NodeSet::first(5)).after(nodes([0, 2, 4]));
    assert_eq!(holders(&three), [Some(0), None, Some(2), None, Some(4), None]);
    let four = three.after(nodes([2, 4, 8, 9]));
    assert_eq!(holders(&four), [Some(8), Some(9), Some(2), None, Some(4), None]);
    let six = four.after(nodes([2, 4, 6, 7, 8, 9]));
    assert_eq!(holders(&six), [Some(8), Some(9), Some(2), Some(6), Some(4), Some(7)]);
    assert!(six.fits(six.acceptors()) && !six.fits(NodeSet::first(6)) && !six.fits(nodes([2, 4])));
}

#[test]
fn quorums_with_a_form_are_not_those_of_more_or_fewer() {
    for system in several().into_iter().skip(1) {
        let from = system.acceptors().len();
        for to in [from - 1, from + 1] {
            let refused = system.over(&Places::of(NodeSet::first(to as u16))).expect_err("not as many");
            assert!(matches!(refused, QuorumError::Resized { from: f, to: t, .. } if (f, t) == (from, to)));
            assert!(refused.to_string().contains("take exactly"), "{refused}");
        }
    }
}

#[test]
fn a_thrifty_proposer_finds_a_quorum_in_every_system() {
    for system in several() {
        for (phase, prefer) in Phase::ALL.iter().flat_map(|p| system.acceptors().iter().map(move |n| (*p, n)))
        {
            let asked = system.minimal_quorum(phase, prefer);
            if system.is_quorum(phase, system.acceptors()) {
                let minimal = system.minimal_quorums(phase).expect("few acceptors");
                assert!(minimal.contains(&asked), "{system:?} {phase} {asked}");
            }
        }
    }
}
