//! Clocks that drift beyond their bound: a lease is then worthless, and the invariant detects it.

use crate::reads::support::{Count, MS, Multi, N0, leased, ms, number, sim};
use core::time::Duration;
use paxos_core::{Consistency, NodeId};
use paxos_transport::sim::{Chance, Cut, Delay, Links, Sim, Violation};

/// A leader that is cut off continues to read, while the others elect another leader and a client writes there. Its
/// clock is slow by `drift` millionths, and theirs are fast by as much; the bound is 1000.
fn cut_off(seed: u64, drift: i32) -> Sim<Multi, Count> {
    let (mut world, client) = leased(3);
    world.seed = seed;
    let mut config = (*world.config).clone();
    config.seed = seed;
    // The lease is longer than an election, so only grants keep the others from being elected.
    config.timeouts.lease = Some(250 * MS);
    world.config = config.into();
    world.links = Links::new(Delay::Uniform { low: MS / 2, high: 3 * MS });
    let mut chance = Chance::new(seed, 9);
    let start = ms(100).after(chance.between(Duration::ZERO, 40 * MS));
    let rest = [1, 2, client.0].map(NodeId).to_vec();
    let cut = Cut { from: vec![N0], to: rest, both_ways: true, start, end: ms(600) };
    world.links.cuts.push(cut);
    world.drift = [(N0, -drift), (NodeId(1), drift), (NodeId(2), drift)].into();
    world.replay = "cargo test -p paxos-transport --test simulated reads::drift with FIRST =".into();
    let mut sim = sim(world);
    sim.submit_in_turn(client, 1, 0..400);
    for at in 0..300 {
        sim.read_at(ms(100 + at), N0, Consistency::Lease);
    }
    sim
}

fn outcome(seed: u64, drift: i32) -> Result<usize, Violation> {
    let mut sim = cut_off(seed, drift);
    sim.run_for(Duration::from_secs(2))?;
    Ok(sim.reads().iter().filter(|read| read.latency() == Some(Duration::ZERO)).count())
}

#[test]
fn clocks_within_the_bound_give_no_stale_read() {
    let first = number("FIRST").unwrap_or(0);
    for seed in first..first + number("CHAOS").unwrap_or(2000) {
        // Dozens of reads are answered by lease even after the cut.
        let by_lease = outcome(seed, 1000).unwrap_or_else(|violation| panic!("{violation}"));
        assert!(by_lease > 20, "seed {seed}: {by_lease}");
    }
}

#[test]
fn clocks_beyond_the_bound_give_a_stale_read_and_the_invariant_finds_it() {
    let found = (0..100).find_map(|seed| outcome(seed, 500_000).err());
    let violation = found.expect("a stale read in a hundred seeds");
    assert_eq!(violation.invariant, "reads_are_fresh");
    assert!(violation.message.starts_with("a read (Lease) at n0 sees what is below s"), "{violation}");
}
