//! Load, disks, and what each idea brings.

use crate::{find, number, table, text};
use paxos_bench::lab::experiments::{Findings, Table};

/// The row whose columns have these words.
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
    // Not only by the formula that the lab has: what is left besides request and answer is that of a batch of one, shared.
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
        // Below the knee all is served, and beyond it no more than at it; the wait shows it.
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
        // Four message delays and the sync of the second fastest disk, which is 5 ms, or two delays and one's own.
        let expected = if pays { (2.0 + sync).max(9.0) } else { 9.0 };
        assert!((mean - expected).abs() < 1e-6, "{:?}", slow.rows[row]);
    }
}

#[test]
fn syncs_that_vary_cost_what_the_order_of_votes_says() {
    let found = find("disk");
    let spread = table(&found, "spread");
    for row in 0..spread.rows.len() {
        // The standard deviation of the mean of 400 exponential syncs is a quarter of a millisecond at most.
        let off = number(spread, row, "mean_ms") - number(spread, row, "calculated_ms");
        assert!(off.abs() < 0.8, "{:?}", spread.rows[row]);
    }
    assert!(fact(&found, "any_3") + 0.5 < fact(&found, "own_3"));
}

#[test]
fn each_idea_brings_what_it_is_for() {
    let found = find("ablation");
    let step = |key: &str, name: &str| fact(&found, &format!("{key}_{name}"));
    let near = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
    // The formulas of theory for 5 servers.
    for (name, messages, delays) in
        [("basic", 34.0, 6.0), ("simple", 22.0, 6.0), ("multi", 14.0, 4.0), ("fast", 14.0, 3.0)]
    {
        assert!(near(step("messages", name), messages) && near(step("delays", name), delays), "{name}");
    }
    // A quorum of 3 asks 2 of the other 4; what is told with the next question is no message.
    assert!(near(step("messages", "thrifty"), 10.0));
    assert!(step("messages", "piggyback") < 6.1);
    for (before, after) in [("simple", "multi"), ("piggyback", "batch"), ("batch", "pipeline")] {
        assert!(step("rate", before) < step("rate", after), "{before} {after}");
    }
    // Promises are synced, too; one vote's sync is left in Multi-Paxos.
    assert!(near(step("sync_ms", "multi"), 9.0) && step("sync_ms", "basic") >= 16.0);
    assert!(step("exponential_ms", "multi") < step("own_ms", "multi"));
}

#[test]
fn reads_scale_with_learners_and_only_local_ones_are_stale() {
    let found = find("learners");
    let (one, many) = (fact(&found, "local_1"), fact(&found, "local_16"));
    assert!((many / one / 16.0 - 1.0).abs() < 0.1, "{one} {many}");
    assert!(fact(&found, "stale_local") > 0.0);
    assert!(fact(&found, "stale_confirmed") + fact(&found, "stale_quorum") <= 0.0);
    // Of four learners three are left, and commands go on.
    assert!((fact(&found, "during") - 75.0).abs() < 5.0 && (fact(&found, "after") - 100.0).abs() < 7.0);
    assert!(fact(&found, "gap_distinguished") < 30.0);
}

#[test]
fn confirmed_reads_stop_scaling_when_the_leader_has_no_time_left() {
    let found = find("learners");
    assert!(fact(&found, "confirmed_8") > 6.0 * fact(&found, "confirmed_1"));
    // 10 µs a message: 100,000 messages a second.
    assert!(fact(&found, "leader_confirmed") > 90_000.0);
    assert!(fact(&found, "confirmed_16") < fact(&found, "confirmed_8"));
}
