//! Real processes under faults: they are killed and stopped, their links fail, and their clients are hostile.
//!
//! The test command runs a little of each; a campaign runs more (`docs/verification.md`):
//!
//! ```text
//! KILLS=50 cargo test -p paxos-bench --test real killed -- --nocapture
//! ROUNDS=30 cargo test -p paxos-bench --test real links -- --nocapture
//! WINDOWS=20 WINDOW=20 cargo test -p paxos-bench --test real nemesis -- --nocapture
//! CONNECTIONS=10000 RANDOM_SECONDS=60 cargo test -p paxos-bench --test real hostile -- --nocapture
//! ```
#![cfg(target_os = "linux")]
// A campaign prints its figures.
#![allow(clippy::print_stderr)]

mod hostile;
mod killed;
mod links;
mod nemesis;
mod paused;

use paxos_bench::nemesis::clients::{Addresses, Clients, Habits};
use paxos_bench::nemesis::members::{Members, Setup};
use paxos_bench::server::Waits;
use paxos_bench::variants::Variant;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// The election timeout of these clusters.
pub(crate) const ELECTION: Duration = Duration::from_millis(400);

/// Longer than any step takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(90);

/// Lets one test run at a time, because three processes and their clients are enough load for the machine.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::const_new(());
    MACHINE.lock().await
}

/// The amount of work: from the environment variable `name`, or the default of the test command.
pub(crate) fn amount(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A random source for one user of it. `SEED` changes all of them.
pub(crate) fn chance(stream: u64) -> Chance {
    let mut rng = ChaCha8Rng::seed_from_u64(amount("SEED", 1));
    rng.set_stream(stream);
    Chance(rng)
}

pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    /// Draws a number from 0 up to `n` - 1.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n.max(1)
    }

    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// Three members that are not started yet, and the directory that holds all they have until it is dropped.
pub(crate) fn cluster(variant: Variant, lease_ms: u64, arguments: &[&str]) -> (Members, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let members = Members::new(Setup {
        program: env!("CARGO_BIN_EXE_paxos-bench").into(),
        dir: dir.path().to_owned(),
        variant,
        nodes: 3,
        spares: 0,
        waits: Waits { lease_ms, give_up_ms: 5000, ..Waits::default() },
        arguments: arguments.iter().map(|&argument| argument.into()).collect(),
    });
    (members.expect("their files can be written"), dir)
}

/// Starts six clients that write and read, and three that only read.
pub(crate) fn clients(members: &Members) -> Clients {
    let addresses = Arc::new(Addresses::default());
    addresses.set(members.resp.clone());
    let habits = Habits {
        writers: 6,
        readers: 3,
        patience: Duration::from_secs(15),
        glance: Duration::from_millis(500),
        prefix: String::new(),
        seed: amount("SEED", 1),
    };
    Clients::start(addresses, habits)
}

/// Ends the load, reads everything at every member, and checks the history. Returns a summary.
pub(crate) async fn finish(mut clients: Clients) -> String {
    let findings = clients.finish(LONG).await.expect("every member answers");
    assert!(findings.is_linearizable(), "{}", findings.report.table());
    findings.to_string()
}
