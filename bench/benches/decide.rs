//! The CPU cost of a decided command, by variant, number of replicas, payload, commands in flight and commands in one
//! message. The sans-IO nodes run in one thread, messages are handed over directly, records are kept in memory, and
//! every replica executes every command. Criterion reports commands per second. A point is named
//! `decide/variant/replicas/payload/in flight/batch`.
//!
//! ```text
//! cargo bench -p paxos-bench --bench decide                                all 168 points, about five minutes
//! cargo bench -p paxos-bench --bench decide -- multi/n3/16B/64/batch16     one of them
//! cargo bench -p paxos-bench --bench decide -- 'n5/16B/1024/'              each variant and batch at one load
//! cargo bench -p paxos-bench --bench decide -- fast                        one variant
//! cargo bench -p paxos-bench --bench decide -- --list                      the names of all points
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used)]

mod load;

use criterion::{BenchmarkId, Criterion, Throughput};
use std::time::Duration;

/// With so many points, each may take only about a second. That is enough to see a difference of a tenth.
fn settings() -> Criterion {
    Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(15)
        .configure_from_args()
}

/// The most commands in one message: one, some, and all that are in flight.
fn batches(in_flight: usize) -> Vec<usize> {
    let mut batches = vec![1, 16, in_flight];
    batches.retain(|batch| *batch <= in_flight);
    batches.dedup();
    batches
}

fn main() {
    let mut criterion = settings();
    for variant in load::ours::VARIANTS {
        let mut group = criterion.benchmark_group(format!("decide/{variant}"));
        for point in load::grid(&[3, 5, 7]) {
            group.throughput(Throughput::Elements(point.in_flight as u64));
            for batch in batches(point.in_flight) {
                let name = BenchmarkId::from_parameter(format!("{point}/batch{batch}"));
                group.bench_function(name, |bencher| {
                    let mut cluster = load::ours::batching(variant, point, batch);
                    bencher.iter(|| cluster.round(point.in_flight));
                    load::check(cluster.as_mut());
                });
            }
        }
        group.finish();
    }
    criterion.final_summary();
}
