//! Larger batches need fewer messages.

use super::scene::{cluster, quiet, settle, submit};
use paxos_core::{Announce, Config};

/// The messages for `commands` that the leader's own client sends at once, in the steady state of `n` servers.
fn messages(n: u16, batch: usize, commands: u64) -> u64 {
    let mut config = Config { announce: Announce::WithNext, ..quiet(n) };
    config.limits.batch = batch;
    let mut sim = cluster(config, 0);
    settle(&mut sim);
    submit(&mut sim, 0, 1);
    settle(&mut sim);
    sim.reset_counts();
    (0..commands).for_each(|k| submit(&mut sim, 0, k));
    settle(&mut sim);
    assert!(sim.all_answered());
    sim.counts().total()
}

#[test]
fn messages_a_command_are_those_of_the_theory_and_fall_as_one_over_the_batch() {
    for n in [3, 5] {
        // Phase 2a and 2b between the leader and each of the others.
        let each = 2 * u64::from(n - 1);
        for batch in [1, 4, 16, 64] {
            assert_eq!(messages(n, batch, 128), each * 128 / batch as u64, "n = {n}, batch {batch}");
        }
    }
}
