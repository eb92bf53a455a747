//! Compares Multi-Paxos with `OmniPaxos`, alternating in one run, under the same load: propose a number of commands at
//! the leader, run until it has executed all of them, and repeat. Needs `--features omnipaxos`. The bench measures the
//! CPU time of this thread, so that other load on the machine disturbs little (on Windows, the wall-clock time).
//!
//! ```text
//! cargo bench -p paxos-bench --features omnipaxos --bench peers             all points, under a minute
//! cargo bench -p paxos-bench --features omnipaxos --bench peers -- n3/16B   some of them
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used, clippy::print_stdout)]

mod load;

use comfy_table::{CellAlignment, Table, presets};
use load::arguments::Arguments;
use load::{Cluster, Point};

/// How often each cluster is measured, in turn with the others.
const REPETITIONS: usize = 11;
/// About how long one measurement takes, in seconds.
const LENGTH: f64 = 0.08;

fn main() {
    let arguments = Arguments::read();
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "replicas, payload, in flight",
        "Multi-Paxos",
        "announcing at once",
        "OmniPaxos",
        "its batch size 1",
        "ratio",
        "ratio, batch size 1",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for point in load::grid(&[3, 5]).filter(|point| arguments.select(&point.to_string())) {
        let mut clusters = [
            load::ours::cluster("multi", point),
            load::ours::cluster("multi-at-once", point),
            load::omni::cluster(point),
            load::omni::batching(point, 1),
        ];
        let [multi, at_once, omni, single] = measure(&mut clusters, point, arguments.quick);
        for cluster in &mut clusters {
            load::check(cluster.as_mut());
        }
        let size = if point.payload < 1024 { "16 B" } else { "1 KiB" };
        table.add_row([
            format!("{}, {size}, {}", point.replicas, point.in_flight),
            multi.to_string(),
            at_once.to_string(),
            omni.to_string(),
            single.to_string(),
            format!("{:.2}", multi.median() / omni.median()),
            format!("{:.2}", multi.median() / single.median()),
        ]);
    }
    println!("Million commands per second, median (lowest to highest of {REPETITIONS}):\n\n{table}");
}

/// Million commands per second in each repetition, in ascending order.
struct Rates(Vec<f64>);

impl Rates {
    fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median(), self.0[0], self.0[self.0.len() - 1])
    }
}

fn measure<const N: usize>(clusters: &mut [Box<dyn Cluster>; N], point: Point, quick: bool) -> [Rates; N] {
    let (length, repetitions) = if quick { (0.0, 1) } else { (LENGTH, REPETITIONS) };
    // Find how many rounds take that long, which also warms up.
    let rounds = clusters.each_mut().map(|cluster| {
        let started = used();
        let mut rounds = 1;
        cluster.round(point.in_flight);
        while used() - started < length {
            cluster.round(point.in_flight);
            rounds += 1;
        }
        rounds
    });
    let mut rates = [const { Rates(Vec::new()) }; N];
    for _ in 0..repetitions {
        for ((cluster, rounds), rates) in clusters.iter_mut().zip(rounds).zip(&mut rates) {
            let started = used();
            for _ in 0..rounds {
                cluster.round(point.in_flight);
            }
            rates.0.push((rounds * point.in_flight) as f64 / (used() - started) / 1e6);
        }
    }
    for rates in &mut rates {
        rates.0.sort_by(f64::total_cmp);
    }
    rates
}

/// The CPU time of this thread so far, in seconds.
#[cfg(unix)]
fn used() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The time since the first call, in seconds.
#[cfg(not(unix))]
#[allow(clippy::disallowed_methods, reason = "this is where time is measured")]
fn used() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}
