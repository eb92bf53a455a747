//! Which variants each experiment has, as the page on experiments says.

use crate::{find, table, text};
use paxos_bench::lab::experiments::EXPERIMENTS;
use paxos_bench::variants::Variant;
use std::collections::BTreeSet;

/// An experiment, its table and the column that names variants, and those that it has.
type Has = (&'static str, &'static str, &'static str, fn(Variant) -> bool);

const HAS: [Has; 11] = [
    ("counts", "counts", "variant", |_| true),
    ("wan", "latency", "variant", |_| true),
    // The others are compared with Multi-Paxos.
    ("crossover", "crossover", "variant", |one| one.traits().only.is_none() && one != Variant::Multi),
    ("collisions", "clients", "variant", |_| true),
    ("failover", "throughput", "variant", |_| true),
    ("duel", "duels", "variant", |one| one.traits().leaderless),
    ("loss", "loss", "variant", |_| true),
    ("partitions", "partitions", "variant", |_| true),
    ("saturation", "saturation", "case", |_| true),
    ("disk", "variants", "variant", |_| true),
    ("ablation", "ablation", "variant", |_| true),
];

#[test]
fn each_experiment_has_the_variants_that_the_page_says() {
    for (name, of, column, has) in HAS {
        let found = find(name);
        let rows = table(&found, of);
        // What follows a comma is a kind of quorums or batches.
        let first = |row| text(rows, row, column).split(", ").next().unwrap_or_default().to_owned();
        let named: BTreeSet<String> = (0..rows.rows.len()).map(first).collect();
        for variant in Variant::ALL {
            assert_eq!(named.contains(variant.name()), has(*variant), "{name}: {variant}");
        }
    }
}

#[test]
fn the_page_says_of_each_experiment_which_variants_it_has() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/experiments.md");
    let page = std::fs::read_to_string(page).expect("the page is beside the crates");
    let own = page.split("## Your own").nth(1).expect("the chapter");
    for experiment in EXPERIMENTS {
        let name = format!("`{}`", experiment.name);
        let mut rows = own.lines().filter(|line| line.starts_with('|'));
        let row = rows.find(|line| line.split('|').nth(1).is_some_and(|cell| cell.contains(&name)));
        let row = row.unwrap_or_else(|| panic!("{name} has a row"));
        let is_checked = HAS.iter().any(|(checked, ..)| *checked == experiment.name);
        let says_some = row.split('|').nth(2).is_some_and(|cell| !cell.trim().is_empty());
        assert_eq!(says_some, is_checked, "{row}");
    }
}
