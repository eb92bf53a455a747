//! Quorums by number: the lawful sizes.

use super::{is_lawful, keeps_o4, names_a_breach, nodes, subsets};
use crate::quorum::{Counts, Phase, Places, QuorumError, QuorumSystem, prove};
use crate::{NodeId, NodeSet};
use std::collections::BTreeMap;

/// As [`Counts`], without a proof.
#[derive(Debug)]
struct Sizes(u16, [usize; 3]);

impl QuorumSystem for Sizes {
    fn acceptors(&self) -> NodeSet {
        NodeSet::first(self.0)
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        answered.intersection(self.acceptors()).len() >= self.1[phase as usize]
    }
}

/// Checks whether any sets of these sizes, one of each, have a common member.
fn all_meet(n: u16, sizes: &[usize]) -> bool {
    fn meet(common: NodeSet, sizes: &[usize], sets: &BTreeMap<usize, Vec<NodeSet>>) -> bool {
        match sizes {
            [] => !common.is_empty(),
            [size, rest @ ..] => sets[size].iter().all(|set| meet(common.intersection(*set), rest, sets)),
        }
    }
    let mut sets: BTreeMap<usize, Vec<NodeSet>> = BTreeMap::new();
    for set in subsets(n) {
        sets.entry(set.len()).or_default().push(set);
    }
    meet(NodeSet::first(n), sizes, &sets)
}

/// Tries every (Q1, Q2c, Q2f) from 0 to n + 1, for n = 1 to 9, against all sets of these sizes.
#[test]
fn exactly_the_lawful_counts_are_accepted() {
    let (mut accepted, mut refused) = (0, 0);
    for n in 1..=9_u16 {
        let (set, all) = (NodeSet::first(n), usize::from(n));
        let sizes = 0..=all + 1;
        let is_size = |size: &usize| (1..=all).contains(size);
        let mut pairs = BTreeMap::new();
        let mut threes = BTreeMap::new();
        for a in sizes.clone().filter(is_size) {
            for b in sizes.clone().filter(is_size) {
                pairs.insert((a, b), all_meet(n, &[a, b]));
                threes.insert((a, b), all_meet(n, &[a, b, b]));
            }
        }
        for q1 in sizes.clone() {
            for q2 in sizes.clone() {
                let lawful = pairs.get(&(q1, q2)).copied().unwrap_or_default();
                assert_eq!(Counts::flexible(set, q1, q2).is_ok(), lawful, "{n}: {q1}, {q2}");
                for fast in sizes.clone() {
                    let lawful = lawful && threes.get(&(q1, fast)).copied().unwrap_or_default();
                    let built = Counts::fast_flexible(set, q1, q2, fast);
                    assert_eq!(built.is_ok(), lawful, "{n}: {q1}, {q2}, {fast}: {built:?}");
                    match built {
                        Ok(_) => accepted += 1,
                        Err(QuorumError::Size { size, acceptors, .. }) => {
                            assert!(acceptors == all && (size == 0 || size > all));
                            refused += 1;
                        }
                        Err(error) => {
                            let unproven = Sizes(n, [q1, q2, fast]);
                            assert!(names_a_breach(&error, &unproven), "{n}: {q1}, {q2}, {fast}: {error}");
                            refused += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!((accepted, refused), (455, 3_892));
}

/// The proof by trying every set gives the same result.
#[test]
fn trying_every_set_accepts_exactly_the_lawful_counts() {
    for n in 1..=6_u16 {
        let sizes = || 1..=usize::from(n);
        for (q1, q2, fast) in sizes().flat_map(|a| sizes().flat_map(move |b| sizes().map(move |c| (a, b, c))))
        {
            let unproven = Sizes(n, [q1, q2, fast]);
            let proof = prove(&unproven);
            assert_eq!(proof.is_ok(), Counts::fast_flexible(NodeSet::first(n), q1, q2, fast).is_ok());
            if n <= 5 {
                assert_eq!(proof.is_ok(), is_lawful(&unproven, n), "{unproven:?}");
            }
            if let Err(error) = proof {
                assert!(names_a_breach(&error, &unproven), "{unproven:?}: {error}");
            }
        }
    }
}

/// *Fast Paxos*, §2.2: n > 2F and n > 2E + F, with the largest E and F. The sizes for n = 3 to 11 are written out.
#[test]
fn fast_quorums_have_the_sizes_of_the_paper() {
    let sizes = |n: u16| {
        let quorums = Counts::fast(NodeSet::first(n)).expect("lawful");
        Phase::ALL.map(|phase| quorums.size(phase).expect("all phases"))
    };
    assert_eq!([3, 4, 5, 6, 7, 8, 9, 11].map(|n| sizes(n)[2]), [3, 3, 4, 5, 6, 6, 7, 9]);
    for n in 1..=32_u16 {
        let all = usize::from(n);
        let [one, two, fast] = sizes(n);
        assert_eq!((one, two), (all / 2 + 1, all / 2 + 1));
        let smallest = (1..=all).find(|q| 2 * q + (all / 2 + 1) > 2 * all).expect("all of them, at most");
        assert_eq!(fast, smallest, "{n}");
        let (f, e) = (all - one, all - fast);
        assert!(all > 2 * f && all > 2 * e + f, "{n}");
        let set = NodeSet::first(n);
        assert!(Counts::fast_flexible(set, one, two, fast - 1).is_err(), "{n}");
        assert!(Counts::flexible(set, one, all - one).is_err(), "{n}");
        // All quorums of one size: ⌊2n/3⌋ + 1.
        let uniform = 2 * all / 3 + 1;
        assert!(Counts::fast_flexible(set, uniform, uniform, uniform).is_ok(), "{n}");
        assert!(Counts::fast_flexible(set, uniform - 1, uniform - 1, uniform - 1).is_err(), "{n}");
    }
}

/// Howard, Charapko, Mortier 2021: quorums of 11 acceptors.
#[test]
fn fast_flexible_quorums_may_be_small() {
    let set = NodeSet::first(11);
    assert!(Counts::fast_flexible(set, 9, 3, 7).is_ok());
    assert!(Counts::fast_flexible(set, 9, 3, 6).is_err());
    assert!(Counts::fast_flexible(set, 9, 2, 7).is_err());
    assert!(Counts::fast_flexible(set, 8, 4, 7).is_err());
}

#[test]
fn three_of_five_is_no_fast_quorum() {
    let refused = Counts::fast_flexible(NodeSet::first(5), 3, 3, 3).expect_err("unlawful");
    assert_eq!(
        refused.to_string(),
        "phase 1 quorum {n1, n2, n3} and fast quorums {n0, n1, n2} and {n0, n3, n4} share no acceptor; make |Q1| + 2|Q2f| exceed 10"
    );
}

#[test]
fn what_may_be_chosen_is_counted_as_the_paper_counts() {
    // Lamport's rule in numbers: votes ≥ |Q| + qf − n.
    for n in 1..=7_u16 {
        let set = NodeSet::first(n);
        let q = Counts::fast(set).expect("lawful");
        let fast = q.size(Phase::TwoFast).expect("fast rounds");
        for promised in subsets(n).filter(|s| q.is_quorum(Phase::One, *s)) {
            for voted in subsets(n).filter(|s| s.is_subset(promised)) {
                let counted = voted.len() + usize::from(n) >= promised.len() + fast;
                assert_eq!(q.may_be_chosen(Phase::TwoFast, promised, voted), counted);
            }
        }
    }
}

/// Compares every lawful system by number with the definition, for n up to 6.
#[test]
fn what_may_be_chosen_by_number_is_as_defined() {
    for n in 1..=6_u16 {
        let sizes = || 1..=usize::from(n);
        for (q1, fast) in sizes().flat_map(|a| sizes().map(move |b| (a, b))) {
            let q2 = usize::from(n) + 1 - q1;
            if let Ok(quorums) = Counts::fast_flexible(NodeSet::first(n), q1, q2, fast) {
                keeps_o4(&quorums, n);
                for promised in subsets(n).filter(|s| quorums.is_quorum(Phase::One, *s)) {
                    for voted in subsets(n).filter(|s| s.is_subset(promised)) {
                        let counted = voted.len() + usize::from(n) >= promised.len() + fast;
                        assert_eq!(quorums.may_be_chosen(Phase::TwoFast, promised, voted), counted);
                    }
                }
            }
        }
    }
}

#[test]
fn strangers_are_not_counted() {
    let q = Counts::majority(NodeSet::first(3)).expect("lawful");
    let strangers: NodeSet = [0, 7, 8, 9].map(NodeId).into_iter().collect();
    assert!(!q.is_quorum(Phase::One, strangers));
    assert_eq!(q.minimal_quorum(Phase::One, NodeId(2)), [2, 0].map(NodeId).into_iter().collect());
}

#[test]
fn as_many_acceptors_keep_all_sizes() {
    let old = Counts::fast_flexible(NodeSet::first(5), 5, 3, 3).expect("lawful");
    let new = old.over(&Places::of(nodes([0, 2, 4, 6, 8]))).expect("as many");
    for (phase, size) in [(Phase::One, 5), (Phase::TwoClassic, 3), (Phase::TwoFast, 3)] {
        assert_eq!(new.minimal_quorum(phase, NodeId(0)).len(), size);
    }
    let more = old.over(&Places::of(NodeSet::first(7))).expect("by number");
    assert_eq!(more.minimal_quorum(Phase::TwoClassic, NodeId(0)).len(), 3);
    assert_eq!(more.minimal_quorum(Phase::One, NodeId(0)).len(), 5);
    assert_eq!(more.minimal_quorum(Phase::TwoFast, NodeId(0)).len(), 5);
}
