//! Clocks that stop while others continue, like those of a virtual machine that its hypervisor has paused. A lease is
//! then worthless, and the invariant detects it. Confirmed reads and quorum reads depend on no clock.

use crate::reads::support::{MS, N0, leased, ms, number, sim};
use core::time::Duration;
use paxos_core::{Consistency, NodeId};
use paxos_transport::sim::{Chance, Cut, Delay, Fault, Links, Violation};

/// Pauses the leader's machine, with its clock, while the others elect another leader and a client writes there. The
/// reads begin right after it resumes, before it hears of this. Returns how many of them were answered.
fn suspended(seed: u64, way: Consistency, clock_stops: bool) -> Result<usize, Violation> {
    let (mut world, client) = leased(3);
    world.seed = seed;
    let mut config = (*world.config).clone();
    config.seed = seed;
    world.config = config.into();
    world.links = Links::new(Delay::Uniform { low: MS / 2, high: 3 * MS });
    let mut chance = Chance::new(seed, 9);
    let start = ms(100).after(chance.between(Duration::ZERO, 40 * MS));
    let end = ms(700).after(chance.between(Duration::ZERO, 40 * MS));
    // Its network recovers shortly after the process itself.
    let rest = [1, 2, client.0].map(NodeId).to_vec();
    world.links.cuts.push(Cut { from: vec![N0], to: rest, both_ways: true, start, end: end.after(20 * MS) });
    world.replay = "cargo test -p paxos-transport --test simulated reads::stopped with FIRST =".into();
    let mut sim = sim(world);
    sim.fail_at(start, Fault::Pause(N0));
    if clock_stops {
        sim.fail_at(start, Fault::StopClock(N0));
        sim.fail_at(end, Fault::StartClock(N0));
    }
    sim.fail_at(end, Fault::Resume(N0));
    sim.submit_in_turn(client, 1, 0..400);
    for at in 0..20 {
        sim.read_at(end.after(at * MS), N0, way);
    }
    sim.run_for(Duration::from_secs(2))?;
    Ok(sim.reads().iter().filter(|read| read.seen.is_some()).count())
}

fn seeds() -> core::ops::Range<u64> {
    let first = number("FIRST").unwrap_or(0);
    first..first + number("CHAOS").unwrap_or(500)
}

#[test]
fn a_lease_is_broken_by_a_clock_that_stops_and_the_invariant_finds_it() {
    let found = seeds().find_map(|seed| suspended(seed, Consistency::Lease, true).err());
    let violation = found.expect("a stale read");
    assert_eq!(violation.invariant, "reads_are_fresh");
    assert!(violation.message.starts_with("a read (Lease) at n0 sees what is below s"), "{violation}");
}

#[test]
fn a_lease_is_over_after_a_pause_that_the_clock_counts() {
    for seed in seeds() {
        let answered = suspended(seed, Consistency::Lease, false).unwrap_or_else(|stale| panic!("{stale}"));
        assert_eq!(answered, 20, "seed {seed}");
    }
}

#[test]
fn reads_that_rest_on_no_clock_are_fresh_though_one_stops() {
    for way in [Consistency::Confirmed, Consistency::Quorum] {
        for seed in seeds() {
            let answered = suspended(seed, way, true).unwrap_or_else(|stale| panic!("{stale}"));
            assert_eq!(answered, 20, "{way:?}, seed {seed}");
        }
    }
}
