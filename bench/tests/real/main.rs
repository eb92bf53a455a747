//! Real processes under faults: they are killed and stopped, their links fail, and their clients are hostile.
//!
//! The test command runs a little of each; a campaign runs more (`docs/verification.md`):
//!
//! ```text
//! KILLS=50 cargo test -p paxos-bench --test real killed -- --nocapture
//! ROUNDS=30 cargo test -p paxos-bench --test real links -- --nocapture
//! CONNECTIONS=10000 RANDOM_SECONDS=60 cargo test -p paxos-bench --test real hostile -- --nocapture
//! ```
#![cfg(target_os = "linux")]
// A campaign prints its figures.
#![allow(clippy::print_stderr)]

mod clients;
mod hostile;
mod killed;
mod links;
mod members;
mod network;
mod paused;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

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
