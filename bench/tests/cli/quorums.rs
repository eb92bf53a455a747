//! Quorum systems on the command line.

use super::{lab, succeeds, text};
use serde_json::Value;

#[test]
fn the_legal_systems_are_listed_in_every_format() {
    let table = succeeds("quorums --acceptors 3,4");
    assert!(table.contains("fast-flexible:2,2,3") && table.contains("fast-flexible:1,4,4"), "{table}");
    assert!(!table.contains('✗') && !table.contains('≠'), "{table}");
    let rows: Vec<Value> = serde_json::from_str(&succeeds("quorums --all --format json")).expect("an array");
    assert_eq!(rows.len(), 32);
    assert_eq!(rows.iter().filter(|row| row["front"] == true).count(), 5);
    assert_eq!(succeeds("quorums --format csv").lines().count(), 6);
    assert!(succeeds("quorums --format markdown").contains("| ● | fast-flexible:3,3,4"));
}

#[test]
fn any_system_can_be_looked_at_and_run_with_every_variant() {
    for (quorum, n) in [
        ("grid:2x2", 4),
        ("weighted:2,1,1", 3),
        ("zones:2,2", 4),
        ("rule:2of(0,1,2)/2of(0,1,2)/all(0,1,2)", 3),
    ] {
        assert!(succeeds(&format!("quorums --quorum {quorum}")).contains(": {n0"), "{quorum}");
        let compared = succeeds(&format!("compare --quorum {quorum} --commands 3 --format json"));
        let rows: Vec<Value> = serde_json::from_str(&compared).expect("an array");
        assert!(
            rows.iter().all(|row| row["acceptors"].as_u64().is_none_or(|acceptors| acceptors == n)),
            "{quorum}"
        );
        // Theory predicts the messages of a decision for all quorums.
        assert!(rows.iter().filter(|row| !row["predicted_messages"].is_null()).count() > 20, "{quorum}");
        for variant in ["basic", "simple", "multi", "fast"] {
            let run = format!(
                "simulate --variant {variant} --quorum {quorum} --acceptors {n} --seeds 5 --format json"
            );
            let rows: Vec<Value> = serde_json::from_str(&succeeds(&run)).expect("an array");
            assert_eq!(rows[0]["decided"], rows[0]["commands"], "{run}");
        }
    }
}

/// Small quorums and thrifty proposers change messages and delays. The predictions are right, and may be missing.
#[test]
fn counts_are_as_predicted_with_quorums_of_other_sizes() {
    for more in [
        "--quorum flexible:4,2 --variants basic,multi --acceptors 5",
        "--quorum flexible:5,1 --variants basic,multi --acceptors 5",
        "--quorum fast-flexible:5,3,3 --acceptors 5",
        "--quorum fast-flexible:5,3,3 --acceptors 5 --thrifty",
        "--quorum grid:2x3 --thrifty",
        "--quorum weighted:3,1,1,1",
        "--quorum zones:3,3,3/3.2,1.2 --variants multi",
    ] {
        succeeds(&format!("compare {more} --commands 3"));
    }
}

#[test]
fn unlawful_and_unknown_systems_are_refused() {
    let says = |args: &[&str], words: &[&str]| {
        let output = lab(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        let first = stderr.lines().next().unwrap_or_default();
        assert!(words.iter().all(|word| first.contains(word)), "{args:?}: {first}");
    };
    for command in ["quorums", "compare"] {
        says(&[command, "--quorum", "sets:0.1,2.3"], &["{n0, n1}", "{n2, n3}", "share no acceptor"]);
        says(&[command, "--quorum", "grid:2x3", "--acceptors", "5"], &["2 × 3", "5 acceptors", "make rows"]);
        says(&[command, "--quorum", "wieghted:1,1"], &["wieghted", "did you mean weighted"]);
        says(&[command, "--quorum", "grid:3"], &["grid:3", "grid:ROWSxCOLUMNS", "for example grid:2x3"]);
    }
    says(&["simulate", "--quorum", "weighted:3,1,1,1,1/3,4"], &["phase 1 quorum {n0}", "share no acceptor"]);
    says(&["quorums", "--sites", "us-east-1,us-west-1"], &["5 acceptors", "only 2 are known"]);
    says(&["quorums", "--acceptors", "14"], &["14 acceptors", "--rtt-file"]);
    says(&["compare", "--variants", "fast", "--quorum", "rule:2of(0,1,2)"], &["no fast quorums"]);
}
