//! Experiments on load, on disks, and on the gain of each idea.

use crate::{find, number, table, text};
use paxos_bench::lab::experiments::{Findings, Table};

/// The row whose columns have these texts.
fn row(table: &Table, words: &[(&str, &str)]) -> usize {
    let is_it = |row: &usize| words.iter().all(|(column, word)| text(table, *row, column) == *word);
    (0..table.rows.len()).find(is_it).unwrap_or_else(|| panic!("{} has a row with {words:?}", table.name))
}

fn fact(found: &Findings, name: &str) -> f64 {
    found.facts.number(name).unwrap_or_else(|| panic!("there is a fact {name}"))
}

#[test]
fn the_leaders_load_per_command_is_the_formulas_and_falls_as_one_over_the_batch() {
    let found = find("saturation");
    let load = table(&found, "load");
    for row in 0..load.rows.len() {
        let (measured, formula) = (number(load, row, "measured"), number(load, row, "formula"));
        assert!((measured - formula).abs() < 1e-9, "{:?}", load.rows[row]);
    }
    // This does not use the lab's formula: the messages besides request and answer are those of a batch of one, shared.
    let multi =
        |batch: &str| number(load, row(load, &[("case", "multi"), ("batch", batch)]), "measured") - 2.0;
    assert!((multi("1") - 12.0).abs() < 1e-9);
    for batch in ["2", "4", "16", "64", "256"] {
        let shared = multi("1") / batch.parse::<f64>().expect("a number");
        assert!((multi(batch) - shared).abs() < 1e-9, "{batch}");
    }
}

#[test]
fn the_busiest_process_decides_what_is_served() {
    let found = find("saturation");
    let (served, capacity) = (fact(&found, "multi_served"), fact(&found, "multi_capacity"));
    assert!((served / capacity - 1.0).abs() < 0.05, "{served} of {capacity}");
    let saturation = table(&found, "saturation");
    let at = |case: &str, share: &str, column: &str| {
        number(saturation, row(saturation, &[("case", case), ("share", share)]), column)
    };
    for case in ["basic", "multi", "thrifty", "thrifty, |Q2| = 2", "thrifty, grid of 2 × 3"] {
        // Below the knee all commands are served. Beyond it no more are served than at the knee, and the latency grows.
        assert!(at(case, "0.5", "served") > 0.9 * at(case, "0.5", "offered"), "{case}");
        assert!(at(case, "1.5", "served") < 0.75 * at(case, "1.5", "offered"), "{case}");
        assert!(at(case, "1.5", "p50_ms") > 3.0 * at(case, "0.5", "p50_ms"), "{case}");
    }
}

#[test]
fn a_cluster_with_one_slow_disk_is_as_fast_as_its_second_fastest() {
    let found = find("disk");
    let slow = table(&found, "slow");
    for row in 0..slow.rows.len() {
        let (mean, sync) = (number(slow, row, "mean_ms"), number(slow, row, "sync_ms"));
        let pays = text(slow, row, "slow") == "leader" && text(slow, row, "waits") == "its own too";
        // Either four message delays and the second fastest sync, which takes 5 ms, or two delays and the leader's
        // sync.
        let expected = if pays { (2.0 + sync).max(9.0) } else { 9.0 };
        assert!((mean - expected).abs() < 1e-6, "{:?}", slow.rows[row]);
    }
}

#[test]
fn syncs_that_vary_cost_what_the_order_of_votes_says() {
    let found = find("disk");
    let spread = table(&found, "spread");
    for row in 0..spread.rows.len() {
        // The standard deviation of the mean of 400 exponential syncs is at most a quarter of a millisecond.
        let off = number(spread, row, "mean_ms") - number(spread, row, "calculated_ms");
        assert!(off.abs() < 0.8, "{:?}", spread.rows[row]);
    }
    assert!(fact(&found, "any_few") + 0.5 < fact(&found, "own_few"));
}

#[test]
fn each_idea_brings_what_it_is_for() {
    let found = find("ablation");
    let step = |key: &str, name: &str| fact(&found, &format!("{key}_{name}"));
    let near = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
    // These are the formulas of theory for 5 servers.
    for (name, messages, delays) in
        [("basic", 34.0, 6.0), ("simple", 22.0, 6.0), ("multi", 14.0, 4.0), ("fast", 14.0, 3.0)]
    {
        assert!(near(step("messages", name), messages) && near(step("delays", name), delays), "{name}");
    }
    // With a quorum of 3, the leader asks 2 of the other 4. An announcement in the next phase 2a is no extra message.
    assert!(near(step("messages", "thrifty"), 10.0));
    assert!(step("messages", "piggyback") < 6.1);
    for (before, after) in [("simple", "multi"), ("piggyback", "batch"), ("batch", "pipeline")] {
        assert!(step("rate", before) < step("rate", after), "{before} {after}");
    }
    // In Basic Paxos promises are synced, too. In Multi-Paxos only the sync of a vote is left.
    assert!(near(step("sync_ms", "multi"), 9.0) && step("sync_ms", "basic") >= 16.0);
    assert!(step("exponential_ms", "multi") < step("own_ms", "multi"));
}

#[test]
fn reads_scale_with_learners_and_only_local_ones_are_stale() {
    let found = find("learners");
    let (one, many) = (fact(&found, "local_one"), fact(&found, "local_most"));
    assert!((many / one / 16.0 - 1.0).abs() < 0.1, "{one} {many}");
    assert!(fact(&found, "stale_local") > 0.0);
    let others = ["stale_confirmed", "stale_quorum", "stale_lease"].map(|name| fact(&found, name));
    assert!(others.iter().sum::<f64>() <= 0.0, "{others:?}");
    // Three of four learners are left, and commands continue.
    assert!((fact(&found, "during") - 75.0).abs() < 5.0 && (fact(&found, "after") - 100.0).abs() < 7.0);
    assert!(fact(&found, "gap_distinguished") < 30.0);
}

#[test]
fn confirmed_reads_stop_scaling_when_the_leader_has_no_time_left() {
    let found = find("learners");
    assert!(fact(&found, "confirmed_many") > 6.0 * fact(&found, "confirmed_one"));
    // At 10 µs per message, the leader can handle 100,000 messages per second.
    assert!(fact(&found, "leader_confirmed") > 90_000.0);
    assert!(fact(&found, "confirmed_most") < fact(&found, "confirmed_many"));
}

#[test]
fn reads_by_lease_are_sooner_than_confirmed_reads_and_end_at_the_same_limit() {
    let found = find("learners");
    // A question and its answer take 1 ms. A confirmed read waits for the round trip of a heartbeat as well.
    assert!((1.0..1.6).contains(&fact(&found, "lease_p50")));
    assert!(fact(&found, "confirmed_p50") > fact(&found, "lease_p50") + 0.8);
    assert!(fact(&found, "lease_many") > 6.0 * fact(&found, "lease_one"));
    assert!(fact(&found, "lease_most") < fact(&found, "lease_many"));
}
