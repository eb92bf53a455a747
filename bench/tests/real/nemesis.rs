//! The command `nemesis`: a cluster under every kind of fault, in short.

use crate::{alone, amount};
use paxos_bench::nemesis::Fault;
use std::process::{Command, Output};

fn nemesis(arguments: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_paxos-bench")).arg("nemesis").args(arguments).output();
    command.expect("it can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nemesis_harms_a_cluster_in_many_ways_and_every_history_is_linearizable() {
    let _alone = alone().await;
    let (windows, seconds) = (amount("WINDOWS", 3), amount("WINDOW", 8));
    let (windows, seconds) = (windows.to_string(), seconds.to_string());
    let output = nemesis(&["--windows", &windows, "--window", &seconds, "--seed", "1", "--format", "json"]);
    let (said, wrong) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{wrong}");
    eprintln!("{wrong}");
    assert_eq!(wrong.lines().filter(|line| line.contains(" left: ")).count().to_string(), windows, "{wrong}");
    let summary: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(summary["windows"].to_string(), windows);
    assert!(summary["answered"].as_u64().is_some_and(|answered| answered > 100), "{summary}");
    let kinds = summary["faults"].as_object().expect("the kinds");
    assert!(kinds.len() >= 2 && kinds.len() <= Fault::ALL.len(), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nemesis_shows_a_stale_read_and_keeps_what_shows_it() {
    let _alone = alone().await;
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    // A member that is cut off answers local reads from its old state.
    let stale = ["--reads", "local", "--faults", "cut", "--windows", "20", "--window", "3", "--data", &data];
    let output = nemesis(&stale);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}\n{}", text(&output.stderr));
    for words in ["not linearizable", "FAILED", "get -> ", "--reads local --seed 1 --window 3 --first-window"]
    {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let history = said.lines().find_map(|line| line.strip_prefix("history: ")).expect("a file");
    let judged = Command::new(env!("CARGO_BIN_EXE_paxos-bench")).args(["linearize", history]).output();
    assert_eq!(judged.expect("it can be run").status.code(), Some(1), "the history is kept");
}

/// Checks that the arguments are refused before anything starts, in a line that says why.
fn is_refused(arguments: &[&str], words: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("new").display().to_string();
    let output = nemesis(&[&["--data", &data], arguments].concat());
    let wrong = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {wrong}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    let first = wrong.lines().next().unwrap_or_default();
    for word in words {
        assert!(first.contains(word), "{arguments:?}: no {word:?} in {first:?}");
    }
    assert!(!dir.path().join("new").exists(), "{arguments:?} began");
}

#[test]
fn nemesis_refuses_what_makes_no_sense_before_anything_starts() {
    is_refused(&["--nodes", "2"], &["2", "--nodes", "3..=9"]);
    is_refused(&["--windows", "0"], &["0", "--windows"]);
    is_refused(&["--window", "0"], &["0", "--window"]);
    is_refused(&["--minutes", "0"], &["0", "--minutes"]);
    is_refused(&["--hours", "-1"], &["-1", "--hours"]);
    is_refused(&["--minutes", "1", "--windows", "1"], &["--minutes", "--windows"]);
    is_refused(&["--variant", "raft"], &["raft", "--variant"]);
    is_refused(&["--faults", "kill,earthquake"], &["earthquake", "--list"]);
    is_refused(&["--faults", "kill,kill"], &["kill", "twice"]);
    is_refused(&["--faults", "slow-disk"], &["slow-disk", "not here, because"]);
    is_refused(&["--variant", "basic", "--faults", "transfer"], &["transfer", "basic"]);
    is_refused(&["--variant", "basic", "--reads", "lease"], &["lease", "basic"]);
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("file"), "").expect("written");
    let output = nemesis(&["--data", &dir.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is not empty"), "{}", text(&output.stderr));
}
