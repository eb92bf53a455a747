//! The load generator against a real cluster.

mod unread;

use crate::harness::cluster::Cluster;
use std::process::Command;

fn load(cluster: &Cluster, arguments: &[&str]) -> serde_json::Value {
    let addresses: Vec<&str> = cluster.members.iter().map(|(address, _)| address.as_str()).collect();
    let done = Command::new(env!("CARGO_BIN_EXE_paxos-bench"))
        .args(["load", "--format", "json", "--addr", &addresses.join(",")])
        .args(arguments)
        .output()
        .expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("a report")
}

fn count(report: &serde_json::Value, op: &str) -> u64 {
    let rows = report["rows"].as_array().expect("rows");
    rows.iter().find(|row| row["op"] == op).map_or(0, |row| row["count"].as_u64().expect("a number"))
}

#[test]
fn every_workload_is_answered_without_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &[]);
    for (workload, ops) in [
        ("a", &["get", "put"][..]),
        ("b", &["get", "put"]),
        ("c", &["get"]),
        ("d", &["get", "put"]),
        ("e", &["scan", "put"]),
        ("f", &["get", "cas"]),
        ("write", &["put"]),
    ] {
        let pipeline = if workload == "f" { "1" } else { "4" };
        let some = ["--workload", workload, "--count", "400", "--clients", "8", "--pipeline", pipeline];
        let report = load(&cluster, &some);
        assert!(ops.iter().all(|op| count(&report, op) > 0), "{workload}: {report}");
        assert_eq!((report["refused"].as_u64(), report["unknown"].as_u64()), (Some(0), Some(0)), "{report}");
    }
    let open = load(&cluster, &["--rate", "200", "--seconds", "2", "--clients", "4", "--workload", "c"]);
    let answered = count(&open, "all");
    assert!((380..=400).contains(&answered), "four hundred are due: {open}");
    assert!(cluster.stop());
}

#[test]
fn a_history_has_every_operation_with_its_time_and_no_value_from_nowhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &[]);
    let path = dir.path().join("history.jsonl");
    let file = path.to_str().expect("text");
    let report = load(
        &cluster,
        &[
            "--workload",
            "register",
            "--count",
            "600",
            "--keys",
            "5",
            "--value-size",
            "8",
            "--history-out",
            file,
        ],
    );
    let text = std::fs::read_to_string(&path).expect("a history");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    // The history has a line for each answer, and one for the read before each compare-and-set.
    assert!(lines.len() as u64 >= count(&report, "all"), "{} lines: {report}", lines.len());
    let written: std::collections::BTreeSet<&str> =
        lines.iter().filter_map(|line| line["v"].as_str()).collect();
    for line in &lines {
        assert!(
            line["t1"].as_u64().is_none_or(|t1| line["t0"].as_u64().is_some_and(|t0| t0 <= t1)),
            "{line}"
        );
        if line["op"] == "get"
            && let Some(seen) = line["out"].as_str()
        {
            assert!(written.iter().any(|value| seen.starts_with(value)), "{line}");
        }
    }
    assert!(cluster.stop());
    // `linearize` can read the history.
    let checked = Command::new(env!("CARGO_BIN_EXE_paxos-bench")).args(["linearize", file]).output();
    let checked = checked.expect("it runs");
    let found = String::from_utf8_lossy(&checked.stdout);
    assert!(found.starts_with(&format!("linearizable: {} operations over 5 keys", lines.len())), "{found}");
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
}
