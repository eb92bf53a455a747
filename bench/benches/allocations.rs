//! Counts the messages and allocations per decided command exactly: the numbers are the same on every machine, in
//! every run. With `--features omnipaxos` the table has the numbers of that library, too.
//!
//! ```text
//! cargo bench -p paxos-bench --bench allocations                 all points
//! cargo bench -p paxos-bench --bench allocations -- multi/n3     some of them
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used, clippy::print_stdout)]

mod load;

use comfy_table::{CellAlignment, Table, presets};
use load::arguments::Arguments;
use load::{Cluster, Point};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The number of commands decided before counting starts, so that buffers have grown and logs have been trimmed.
const BEFORE: usize = 16_384;

fn main() {
    let arguments = Arguments::read();
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["point", "messages", "allocations", "bytes allocated"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for (name, make) in systems() {
        for point in load::grid(&[3, 5, 7]) {
            let name = format!("{name}/{point}");
            if arguments.select(&name) {
                let commands = if arguments.quick { 1 } else { 4 * BEFORE };
                let [messages, allocations, bytes] = count(make(point).as_mut(), point, commands);
                table.add_row([
                    name,
                    format!("{messages:.3}"),
                    format!("{allocations:.3}"),
                    format!("{bytes:.0}"),
                ]);
            }
        }
    }
    println!("Per decided command:\n\n{table}");
}

type Make = Box<dyn Fn(Point) -> Box<dyn Cluster>>;

fn systems() -> Vec<(&'static str, Make)> {
    let mut systems: Vec<(_, Make)> = Vec::new();
    for variant in load::ours::VARIANTS {
        systems.push((variant, Box::new(|point| load::ours::cluster(variant, point))));
    }
    #[cfg(feature = "omnipaxos")]
    systems.push(("omnipaxos", Box::new(load::omni::cluster)));
    systems
}

/// Counts messages, allocations and allocated bytes per command, over at least `commands` commands.
fn count(cluster: &mut dyn Cluster, point: Point, commands: usize) -> [f64; 3] {
    let rounds = commands.div_ceil(point.in_flight);
    for _ in 0..rounds.min(BEFORE.div_ceil(point.in_flight)) {
        cluster.round(point.in_flight);
    }
    let sent = cluster.messages();
    let region = Region::new(ALLOCATOR);
    for _ in 0..rounds {
        cluster.round(point.in_flight);
    }
    let change = region.change();
    let sent = cluster.messages() - sent;
    load::check(cluster);
    let each = |n: f64| n / (rounds * point.in_flight) as f64;
    let allocations = change.allocations + change.reallocations;
    [each(sent as f64), each(allocations as f64), each(change.bytes_allocated as f64)]
}
