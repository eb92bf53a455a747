//! The survey agrees with theory.

use super::*;
use crate::theory::{WideArea, collision_probability, wide_area_latency};

#[test]
fn latency_for_any_quorums_is_that_of_the_formula_by_number() {
    let world = RttMatrix::aws();
    let n = world.sites().len();
    for (q1, q2, fast) in [(7, 7, 10), (11, 3, 8), (n, 1, 7), (1, n, n)] {
        let quorums =
            QuorumChoice::FastFlexible(q1, q2, fast).over(NodeSet::first(n as u16)).expect("lawful");
        let is = |journey, formula: WideArea| {
            let formula = wide_area_latency(&world, formula).expect("there are such quorums").mean_ms;
            assert!((mean_ms(&world, &*quorums, journey) - formula).abs() < 1e-6, "{journey:?} {quorums:?}");
        };
        is(Journey::Fast, WideArea::FastPaxos { quorum: fast });
        for leader in 0..n {
            is(Journey::Classic { leader }, WideArea::MultiPaxosVotesToClient { leader, quorum: q2 });
        }
    }
}

#[test]
fn the_chance_of_a_collision_by_dividing_is_that_by_the_formula() {
    for n in 1..=11_usize {
        for fast in n / 2 + 1..=n {
            let choice = QuorumChoice::FastFlexible(n, 1, fast);
            let chance = fast_chance(&*choice.over(NodeSet::first(n as u16)).expect("lawful"));
            let formula = collision_probability(n, fast);
            assert!(
                chance.is_some_and(|chance| (chance - formula).abs() < 1e-12),
                "{n} {fast}: {chance:?} {formula}"
            );
        }
    }
    // In a grid of 2 × 3, a side decides with two whole columns of three. Each column goes to one side, goes to the
    // other, or is split, with chances ¼, ¼, ½. So the chance that neither side has two is 1 − 2 (¼³ + 3 · ¼² · ¾).
    let grid: QuorumChoice = "grid:2x3".parse().expect("a grid");
    let chance = fast_chance(&*grid.over(NodeSet::first(6)).expect("six")).expect("few");
    assert!((chance - (1.0 - 2.0 * (1.0 / 64.0 + 9.0 / 64.0))).abs() < 1e-12, "{chance}");
}

/// With 4,000 pairs of commands each, a correct simulator exceeds five standard deviations once in 1.7 million such
/// tests. A wrong quorum size or order of arrival changes the chance by at least an eighth.
#[test]
fn collisions_in_the_simulator_are_as_likely_as_predicted() {
    for (choice, n, p) in [
        (QuorumChoice::Majority, 3, 0.75),
        (QuorumChoice::Majority, 4, 0.375),
        (QuorumChoice::Majority, 5, 0.625),
        (QuorumChoice::Majority, 7, 0.875),
        (QuorumChoice::FastFlexible(5, 3, 3), 5, 0.0),
        ("grid:2x3".parse().expect("a grid"), 6, 0.6875),
        ("weighted:3,1,1,1".parse().expect("weights"), 4, 0.5),
    ] {
        let pairs = 4_000;
        let collided = collide(choice, n, pairs, 1).expect("every command is decided");
        let predicted =
            fast_chance(&*choice.over(NodeSet::first(n)).expect("lawful")).expect("few acceptors");
        let share = collided.undecided as f64 / collided.collisions as f64;
        let deviation = (predicted * (1.0 - predicted) / pairs as f64).sqrt();
        assert!((share - predicted).abs() <= 5.0 * deviation, "{choice} of {n}: {share}, not {predicted}");
        assert!((predicted - p).abs() < 1e-12, "{choice} of {n}: {predicted}, not {p}");
    }
}

fn options(words: &str) -> Survey {
    use clap::Parser;
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        survey: Survey,
    }
    Line::parse_from(std::iter::once("quorums").chain(words.split_whitespace())).survey
}

#[test]
fn every_legal_system_is_listed_and_the_front_is_the_smallest_of_them() {
    // The core's tests count the lawful systems: 32 for five acceptors, by Σ Q1 · (n − ⌊(2n − Q1)/2⌋).
    let all = survey(&options("--acceptors 5 --all"), &mut |_| ()).expect("built-in sites");
    assert_eq!(all.len(), 32);
    let smallest = survey(&options("--acceptors 5"), &mut |_| ()).expect("built-in sites");
    let sizes: Vec<_> = smallest.iter().map(|row| row.quorum.as_str()).collect();
    assert_eq!(
        sizes,
        [
            "fast-flexible:1,5,5",
            "fast-flexible:2,4,5",
            "fast-flexible:3,3,4",
            "fast-flexible:4,2,4",
            "fast-flexible:5,1,3"
        ]
    );
    let front: Vec<_> = all.iter().filter(|row| row.front).map(|row| row.quorum.as_str()).collect();
    assert_eq!(front, sizes);
    assert!(smallest.iter().chain(&all).all(|row| !row.differs()));
    let majority = &smallest[2];
    assert_eq!(
        (majority.survives_q1, majority.survives_q2c, majority.survives_q2f),
        (Some(2), Some(2), Some(1))
    );
    // These are the latencies of the comparison where everyone hears the votes: 94.3 with the best leader, 115.7 for
    // Fast Paxos.
    assert_eq!(
        (format!("{:.1}", majority.classic_ms), majority.leader.as_str()),
        ("94.3".to_owned(), "us-west-1")
    );
    assert_eq!(majority.fast_ms.map(|ms| format!("{ms:.1}")), Some("115.7".to_owned()));
    assert_eq!(smallest[4].fast_ms.map(|ms| format!("{ms:.1}")), Some("88.4".to_owned()));
}

#[test]
fn one_system_is_described_with_its_smallest_quorums() {
    let rows = survey(&options("--quorum grid:2x3 --collisions 50"), &mut |_| ()).expect("built-in sites");
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].q1, rows[0].q2c, rows[0].q2f), (Some(3), Some(2), Some(4)));
    assert_eq!(
        (rows[0].survives_q1, rows[0].survives_q2c, rows[0].survives_q2f),
        (Some(1), Some(2), Some(1))
    );
    assert_eq!(rows[0].collisions, Some(50));
    let table = render(&rows, Format::Table);
    assert!(table.contains("phase 2, 3 quorums: {n0, n3} {n1, n4} {n2, n5}"), "{table}");
    let json = render(&rows, Format::Json);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).expect("an array");
    assert_eq!(rows[0]["minimal"][1][0], "{n0, n3}");
    let many = survey(&options("--quorum weighted:2,2,1,1,1,1,1,1,1,1,1,1,1,1"), &mut |_| ());
    assert!(matches!(many, Err(CompareError::Sites { wanted: 14, known: 13 })), "{many:?}");
}
