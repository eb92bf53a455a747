//! Traces of real runs, checked as `docs/trace-format.md` describes.

use crate::harness::cluster::{Cluster, call, ok};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_multi_paxos_shows_agreement() {
    a_trace_shows_agreement("multi").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_fast_paxos_shows_agreement() {
    a_trace_shows_agreement("fast").await;
}

async fn a_trace_shows_agreement(variant: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let prefix = dir.path().join("trace");
    let trace = ["--trace-out", prefix.to_str().expect("text")];
    // The second incarnation of each member continues in the same files.
    for _ in 0..2 {
        let cluster = Cluster::start(variant, dir.path(), &trace);
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..6 {
            let mut client = cluster.client(nth % 3).await;
            tasks.spawn(async move {
                for n in 0..20 {
                    assert_eq!(call(&mut client, &format!("SET k{n} {nth}")).await, ok());
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a client");
        }
        assert!(cluster.stop());
    }
    let lines = merged(&prefix);
    let count = |step: &str| lines.iter().filter(|line| line["step"] == step).count();
    assert!(count("vote") > 100 && count("apply") > 100 && count("restart") == 3, "{} lines", lines.len());
    check(&lines);
}

fn merged(prefix: &Path) -> Vec<Json> {
    let mut lines: Vec<Json> = (0..3)
        .flat_map(|id| {
            let text = std::fs::read_to_string(format!("{}.n{id}.jsonl", prefix.display())).expect("a trace");
            text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect::<Vec<Json>>()
        })
        .collect();
    lines.sort_by_key(|line| line["at_us"].as_u64());
    lines
}

/// Checks the lines as the page about the format describes. It makes two passes, so that the order of two steps in the
/// same microsecond does not matter.
fn check(lines: &[Json]) {
    let mut voters: BTreeMap<(u64, u64, String), BTreeSet<u64>> = BTreeMap::new();
    let mut chosen: BTreeMap<u64, String> = BTreeMap::new();
    for line in lines {
        let number = |field: &str| line[field].as_u64().expect("a number");
        let value = || line["value"].as_str().expect("a value").to_owned();
        if line["step"] == "vote" {
            let voted = voters.entry((number("slot"), number("round"), value())).or_default();
            voted.insert(number("node"));
            if voted.len() >= if line["fast"] == true { 3 } else { 2 } {
                let first = chosen.entry(number("slot")).or_insert_with(value);
                assert_eq!(*first, value(), "one value a slot: {line}");
            }
        }
    }
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for line in lines {
        let number = |field: &str| line[field].as_u64().expect("a number");
        match line["step"].as_str() {
            Some("chosen") => {
                assert_eq!(chosen.get(&number("slot")).map(String::as_str), line["value"].as_str(), "{line}");
            }
            Some("apply") => {
                let at = next.entry(number("node")).or_default();
                assert_eq!(*at, number("slot"), "in order, without a gap: {line}");
                *at += 1;
            }
            Some("install") => _ = next.insert(number("node"), number("slot")),
            Some("restart") => _ = next.insert(number("node"), 0),
            _ => {}
        }
    }
}
