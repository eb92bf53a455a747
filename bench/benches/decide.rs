//! The CPU cost of a decided command, by variant, number of replicas, payload and commands in flight. The sans-IO
//! nodes run in one thread, messages are handed over directly, records are kept in memory, and every replica executes
//! every command. Criterion reports commands per second.
//!
//! ```text
//! cargo bench -p paxos-bench --bench decide                      all points, about two minutes
//! cargo bench -p paxos-bench --bench decide -- multi/n3/16B/64   one of them
//! cargo bench -p paxos-bench --bench decide -- fast              one variant
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used)]

mod load;

use criterion::{BenchmarkId, Criterion, Throughput};
use std::time::Duration;

/// With 72 points, each may take only about a second. That is enough to see a difference of a tenth.
fn settings() -> Criterion {
    Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(15)
        .configure_from_args()
}

fn main() {
    let mut criterion = settings();
    for variant in load::ours::VARIANTS {
        let mut group = criterion.benchmark_group(variant);
        for point in load::grid(&[3, 5, 7]) {
            group.throughput(Throughput::Elements(point.in_flight as u64));
            group.bench_function(BenchmarkId::from_parameter(point), |bencher| {
                let mut cluster = load::ours::cluster(variant, point);
                bencher.iter(|| cluster.round(point.in_flight));
                load::check(cluster.as_mut());
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
