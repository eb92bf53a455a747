//! Runs a fixed number of commands for a profiler that counts instructions. Every run has the same instructions.
//!
//! ```text
//! cargo bench -p paxos-bench --bench steady                      lists the points
//! cargo bench -p paxos-bench --bench steady --no-run             names the program, to be run as
//! valgrind --tool=callgrind <program> multi/n3/16B/64$           122,880 commands at each point of that name
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used, clippy::print_stdout)]

mod load;

use load::arguments::Arguments;
use load::{Cluster, Point};

/// A whole number of rounds of each size.
const COMMANDS: usize = 122_880;

fn main() {
    let arguments = Arguments::read();
    if !arguments.chooses() && !arguments.quick {
        println!("steady runs {COMMANDS} commands at the points that you name, under a profiler:");
        for point in load::grid(&[3, 5]) {
            println!("  multi/{point}$");
        }
        return;
    }
    for point in load::grid(&[3, 5]) {
        if arguments.select(&format!("multi/{point}")) {
            run(load::ours::cluster("multi", point).as_mut(), point, arguments.quick);
        }
        #[cfg(feature = "omnipaxos")]
        if arguments.select(&format!("omnipaxos/{point}")) {
            run(load::omni::cluster(point).as_mut(), point, arguments.quick);
        }
    }
}

fn run(cluster: &mut dyn Cluster, point: Point, quick: bool) {
    let rounds = if quick { 1 } else { COMMANDS / point.in_flight };
    for _ in 0..rounds {
        cluster.round(point.in_flight);
    }
    load::check(cluster);
}
