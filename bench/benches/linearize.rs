//! Measures how long the search for an order takes, by the number of operations and keys. Each key is a register with
//! eight clients that get, put, compare and set, append and remove. One answer in a hundred is lost.
//!
//! ```text
//! cargo bench -p paxos-bench --bench linearize
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used)]

use criterion::{BenchmarkId, Criterion, Throughput};
use paxos_bench::linearize::{Deed, Operation, Verdict, check};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::time::Duration;

const CLIENTS: u64 = 8;

/// A history with the answers of a real register. Each operation reaches the register at a moment of its own.
fn key(name: u64, operations: u64) -> Vec<Operation> {
    let mut rng = ChaCha8Rng::seed_from_u64(name);
    let mut below = |n: u64| rng.next_u64() % n;
    let mut value = None::<String>;
    let mut free_from = [0; CLIENTS as usize];
    let mut history = Vec::new();
    for nth in 0..operations {
        let client = nth % CLIENTS;
        let at = 1_000 + nth * 100;
        let begun = free_from[client as usize].max(at - below(400).min(at));
        let ended = at + 1 + below(400);
        free_from[client as usize] = ended + 1;
        // The client is still busy at that moment.
        if begun > at {
            continue;
        }
        let new = format!("{name}.{nth}");
        let deed = match below(100) {
            0..35 => Deed::Get(value.clone()),
            35..60 => Deed::Put(value.insert(new).clone()),
            60..80 => Deed::Cas(value.replace(new.clone()), new),
            80..92 => {
                let whole = value.take().unwrap_or_default() + &new;
                let length = whole.len();
                value = Some(whole);
                Deed::Append(new, Some(length))
            }
            _ => Deed::Delete(Some(value.take().is_some())),
        };
        let is_lost = below(100) == 0;
        let (deed, ended) = if is_lost { (unseen(deed), None) } else { (deed, Some(ended)) };
        history.push(Operation { client, key: format!("key:{name}"), deed, begun, ended });
    }
    history
}

fn unseen(deed: Deed) -> Deed {
    match deed {
        Deed::Append(value, _) => Deed::Append(value, None),
        Deed::Delete(_) => Deed::Delete(None),
        other @ (Deed::Get(_) | Deed::Put(_) | Deed::Cas(..) | Deed::Incr(_)) => other,
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(10))
        .sample_size(10)
        .configure_from_args();
    let mut group = criterion.benchmark_group("linearize");
    for (keys, each) in [(1, 5_000), (100, 10_000)] {
        // `key` leaves out operations of busy clients, so it is asked for more.
        let history: Vec<Operation> = (0..keys)
            .flat_map(|name| {
                let mut history = key(name, each * 2);
                history.truncate(each as usize);
                history
            })
            .collect();
        assert_eq!(history.len() as u64, keys * each);
        group.throughput(Throughput::Elements(history.len() as u64));
        group.bench_function(BenchmarkId::new(format!("{keys} keys"), history.len()), |bencher| {
            bencher.iter(|| assert_eq!(check(&history, 1 << 30, |_| {}), Verdict::Linearizable));
        });
    }
    group.finish();
    criterion.final_summary();
}
