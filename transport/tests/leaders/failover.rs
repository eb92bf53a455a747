//! How soon a cluster continues without its leader.

use super::scene::{FOREVER, MS, Multi, T, cut_way, decides, elections, run, seeds, start, world};
use core::time::Duration;
use paxos_core::{NodeId, Time};
use paxos_transport::sim::{Chance, Fault, Sim};

/// Returns the time from the crash of n0 to the first answer to a command submitted after it, by a client that has sent
/// its commands to n0 so far.
fn outage(n: u16, seed: u64) -> Duration {
    let mut world = world::<Multi>(n, seed);
    let client = world.add_clients(1)[0];
    let mut sim = start(world);
    run(&mut sim, 500 * MS);
    assert!(decides(&mut sim, client.0, 0, T), "n0 leads");
    let wait = Chance::new(seed, 7).between(Duration::ZERO, 40 * MS);
    run(&mut sim, wait);
    sim.fail(Fault::Crash(NodeId(0)));
    let crash = sim.now();
    assert!(decides(&mut sim, client.0, 1, 100 * T), "n = {n}, seed {seed}");
    sim.now().since(crash)
}

fn percentile(n: u16) -> (Duration, Duration) {
    let mut outages: Vec<_> = (0..1000).map(|seed| outage(n, seed)).collect();
    outages.sort_unstable();
    (outages[989], outages[999])
}

#[test]
fn three_servers_decide_within_four_timeouts_of_the_crash_of_their_leader_at_the_99th_percentile() {
    let (p99, worst) = percentile(3);
    assert!(p99 <= 4 * T, "{p99:?}, {worst:?}");
}

#[test]
fn five_servers_decide_within_four_timeouts_of_the_crash_of_their_leader_at_the_99th_percentile() {
    let (p99, worst) = percentile(5);
    assert!(p99 <= 4 * T, "{p99:?}, {worst:?}");
}

#[test]
fn seven_servers_decide_within_four_timeouts_of_the_crash_of_their_leader_at_the_99th_percentile() {
    let (p99, worst) = percentile(7);
    assert!(p99 <= 4 * T, "{p99:?}, {worst:?}");
}

/// Whether a cluster of five continues within eight timeouts when its leader n0 is cut off in one direction.
fn goes_on<P>(mute: bool) -> bool
where
    P: paxos_core::Protocol<Value = u64, Reply = u64>,
{
    seeds(500).all(|seed| {
        let mut sim: Sim<P, _> = start(world::<P>(5, seed));
        run(&mut sim, 300 * MS);
        assert!(decides(&mut sim, 1, 0, T), "n0 leads");
        let (from, to): (&[u16], &[u16]) = (&[0], &[1, 2, 3, 4]);
        if mute {
            cut_way(&mut sim, from, to);
        } else {
            cut_way(&mut sim, to, from);
        }
        let cut = sim.now();
        let decided = (1..5).all(|node| decides(&mut sim, node, u64::from(node), 8 * T));
        assert!(FOREVER > cut && sim.now() > Time(0));
        decided && sim.leader() != Some(NodeId(0)) && elections(&sim).won >= 2
    })
}

#[test]
fn a_leader_that_can_hear_but_not_send_is_replaced() {
    assert!(goes_on::<Multi>(true));
    assert!(goes_on::<super::scene::Simple>(true));
    assert!(goes_on::<super::scene::Fast>(true));
}

#[test]
fn a_leader_that_can_send_but_not_hear_steps_down() {
    assert!(goes_on::<Multi>(false));
    assert!(goes_on::<super::scene::Simple>(false));
    assert!(goes_on::<super::scene::Fast>(false));
}
