//! Names of quorum systems: how they are parsed, printed and refused.

use super::*;

const NAMES: [&str; 18] = [
    "majority",
    "flexible:4,2",
    "fast-flexible:9,3,7",
    "weighted:3,1,1,1",
    "weighted:3,1,1,1/4,3",
    "weighted:1,1,1,1,1/3,3,4",
    "grid:2x3",
    "grid:3x1/symmetric",
    "zones:3,3,3",
    "zones:3,3,3/3.2,1.2",
    "zones:2,3/2.2,1.1,2.2",
    "sets:0.1,1.2,0.2",
    "sets:0.1.2/0,1,2",
    "sets:0.1.2/0,1/0.1,1.2",
    "rule:2of(0,1,2)",
    "rule:all(0,any(1,2))/2of(0,1,2)",
    "rule:2of(0,1,2,3)/all(0,1,2)/all(all(0,1),all(2,3))",
    "rule:0",
];

#[test]
fn a_name_reads_as_it_is_written() {
    for text in NAMES {
        assert_eq!(text.parse::<QuorumChoice>().map(|q| q.to_string()), Ok(text.to_owned()));
    }
}

#[test]
fn a_form_that_is_wrong_is_shown_the_right_one() {
    for text in [
        "flexible",
        "flexible:1",
        "flexible:a,b",
        "majority:3",
        "flexible:-1,3",
        "grid",
        "grid:3",
        "grid:3x",
        "grid:2x3/other",
        "weighted:",
        "weighted:1,,1",
        "weighted:1,1/2",
        "weighted:-1,1",
        "zones:3,3/2,1",
        "sets:",
        "sets:0.64",
        "sets:0/1/2/3",
        "rule:",
        "rule:3of(0,1)",
        "rule:0of(0,1)",
        "rule:all(0,1",
        "rule:all(0,1))",
        "rule:some(0,1)",
        "rule:all()",
    ] {
        let refused = text.parse::<QuorumChoice>().expect_err(text);
        assert!(matches!(refused, UnknownQuorum::Form { .. }), "{text}: {refused}");
        let example = refused.to_string().split("for example ").nth(1).map(str::to_owned).unwrap_or_default();
        assert!(example.parse::<QuorumChoice>().is_ok(), "{refused}");
    }
    let deep = format!("rule:{}0{}", "any(".repeat(100_000), ")".repeat(100_000));
    assert!(deep.parse::<QuorumChoice>().is_err());
}

#[test]
fn a_name_that_is_unknown_is_told_the_known_ones() {
    let refused = "gird:2x3".parse::<QuorumChoice>().expect_err("misspelt").to_string();
    assert!(refused.contains("did you mean grid?") && refused.contains("zones:SIZE"), "{refused}");
    assert!("".parse::<QuorumChoice>().is_err() && "most".parse::<QuorumChoice>().is_err());
}

#[test]
fn each_is_formed_of_as_many_acceptors_as_it_is_made_for() {
    for text in NAMES {
        let choice: QuorumChoice = text.parse().expect("well formed");
        if let Some(n) = choice.made_for() {
            // The first process of this cluster is no acceptor.
            let acceptors = NodeSet::first(n + 1).without(NodeSet::first(1));
            let formed = choice.over(acceptors);
            match text {
                "sets:0.1.2/0,1/0.1,1.2" | "rule:all(0,any(1,2))/2of(0,1,2)" | "zones:2,3/2.2,1.1,2.2" => {}
                _ => assert_eq!(formed.map(|system| system.acceptors()), Ok(acceptors), "{text}"),
            }
            assert!(choice.over(NodeSet::first(n + 1)).is_err(), "{text}");
            assert!(choice.counts(acceptors).is_none());
        }
    }
}

#[test]
fn quorums_that_cannot_intersect_are_refused_by_name() {
    for (text, n, words) in [
        ("flexible:2,2", 5, "{n0, n1}"),
        ("weighted:3,1,1/2,2", 3, "share no acceptor"),
        ("zones:3,3,3/2.2,1.2", 9, "{n0, n1, n3, n4}"),
        ("sets:0.1/2", 3, "phase 1 quorum {n0, n1} and phase 2 quorum {n2}"),
        ("rule:any(0,1)", 2, "phase 1 quorum {n0} and phase 2 quorum {n1}"),
        ("rule:2of(0,1,2)/2of(0,1,2)/2of(0,1,2)", 3, "fast quorums"),
        ("grid:2x3", 5, "make rows × columns 5"),
        ("zones:2,2", 5, "take exactly 4"),
    ] {
        let choice: QuorumChoice = text.parse().expect("well formed");
        let refused = choice.over(NodeSet::first(n)).expect_err(text).to_string();
        assert!(refused.contains(words), "{text}: {refused}");
    }
}
