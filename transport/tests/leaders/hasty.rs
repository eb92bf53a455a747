//! Elections in which candidates ask nobody before they campaign, and timeouts from ranges of several widths.

use super::scene::{Journal, MS, Multi, T, cut, decides, elections, prepares, run, seeds, start, world};
use core::time::Duration;
use paxos_core::{Ballot, NodeId, Protocol};
use paxos_transport::sim::{Cut, Fault, Links, Sim};
use std::sync::Arc;

fn ballot_of<P: Protocol<Value = u64, Reply = u64>>(sim: &Sim<P, Journal>, leader: u16) -> Option<Ballot> {
    sim.node(NodeId(leader))?.leading()
}

/// Three or five servers that n0 leads.
fn led<P: Protocol<Value = u64, Reply = u64>>(
    n: u16,
    seed: u64,
    asks: bool,
    lease: Option<Duration>,
) -> Sim<P, Journal> {
    let mut world = world::<P>(n, seed);
    let config = Arc::make_mut(&mut world.config);
    (config.pre_vote, config.timeouts.lease) = (asks, lease);
    let mut sim = start(world);
    run(&mut sim, 300 * MS);
    assert!(decides(&mut sim, 0, 0, T) && ballot_of(&sim, 0).is_some(), "{} {seed}: n0 leads", P::NAME);
    sim
}

/// Lets a follower lose all links for a while. Returns whether the leader has kept its ballot since.
fn keeps_its_ballot(seed: u64, asks: bool) -> bool {
    let mut sim = led::<Multi>(3 + 2 * (seed % 2) as u16, seed, asks, None);
    let (ballot, away) = (ballot_of(&sim, 0), NodeId(1));
    let (start, end) = (sim.now(), sim.now().after(6 * T));
    let to = sim.ids().iter().copied().filter(|id| *id != away).collect();
    sim.links_mut().cuts.push(Cut { from: vec![away], to, both_ways: true, start, end });
    run(&mut sim, 6 * T);
    let early = elections(&sim);
    assert_eq!(early.pre_votes > 0, asks, "seed {seed}: it asks only if it is to");
    run(&mut sim, 10 * T);
    assert!(decides(&mut sim, 1, 2, 12 * T), "seed {seed}");
    ballot_of(&sim, 0) == ballot
}

#[test]
fn a_process_that_returns_deposes_the_leader_only_if_it_does_not_ask_first() {
    for seed in seeds(100) {
        assert!(keeps_its_ballot(seed, true) && !keeps_its_ballot(seed, false), "seed {seed}");
    }
}

/// The end of a chain of three that does not hear the leader is cut off from it for 20 timeouts. Returns whether the
/// leader has kept its ballot.
fn keeps_its_ballot_in_a_chain(seed: u64, lease: Option<Duration>) -> bool {
    let mut sim = led::<Multi>(3, seed, false, lease);
    let ballot = ballot_of(&sim, 0);
    cut(&mut sim, &[(0, 2)]);
    run(&mut sim, 20 * T);
    let asked = prepares(&sim);
    assert!(decides(&mut sim, 1, 1, 12 * T), "seed {seed}");
    assert!(asked > 4, "seed {seed}: n2 campaigns");
    ballot_of(&sim, 0) == ballot
}

#[test]
fn a_lease_keeps_a_leader_although_a_candidate_does_not_ask_first() {
    for seed in seeds(100) {
        assert!(keeps_its_ballot_in_a_chain(seed, Some(T * 4 / 5)), "seed {seed}");
        assert!(!keeps_its_ballot_in_a_chain(seed, None), "seed {seed}");
    }
}

/// The pairs of n1 to n4 without the hub, n1.
const WITHOUT_HUB: [(u16, u16); 3] = [(2, 3), (2, 4), (3, 4)];

/// The others reach only the hub. Each campaigns again and again, and the hub waits for each of them. This is the
/// standstill that the paper reports; candidates that ask first do not cause it.
#[test]
fn in_quorum_loss_candidates_that_do_not_ask_first_keep_the_hub_from_leading() {
    for seed in seeds(20) {
        for asks in [true, false] {
            let mut sim = led::<Multi>(5, seed, asks, None);
            cut(&mut sim, &[(0, 2), (0, 3), (0, 4)]);
            cut(&mut sim, &WITHOUT_HUB);
            assert_eq!(decides(&mut sim, 1, 1, 20 * T), asks, "seed {seed}");
        }
    }
}

/// The time without a leader after a crash, on links of 5 ms each way.
fn downtime<P: Protocol<Value = u64, Reply = u64>>(
    seed: u64,
    spread: Option<Duration>,
    asks: bool,
) -> Duration {
    let mut world = world::<P>(5, seed);
    let config = Arc::make_mut(&mut world.config);
    (config.pre_vote, config.timeouts.election_spread) = (asks, spread);
    world.links = Links::constant(5 * MS);
    let mut sim = start(world);
    run(&mut sim, 300 * MS + MS * (seed % 20) as u32);
    sim.fail(Fault::Crash(NodeId(0)));
    let crash = sim.now();
    sim.run_until(|sim| sim.leader().is_some() || sim.now() > crash.after(40 * T))
        .expect("no invariant breaks");
    sim.now().since(crash)
}

/// Ballots are ordered, so candidates of one moment need no randomness: the one with the highest ballot wins. A leader is
/// there when the shortest timeout and the round trips are over; the last heartbeat was up to 20 ms before the crash.
#[test]
fn candidates_whose_timeouts_end_together_elect_a_leader_at_once() {
    for seed in seeds(60) {
        for (asks, trips) in [(true, 2), (false, 1)] {
            let time = downtime::<Multi>(seed, Some(Duration::ZERO), asks);
            let most = T + 5 * MS + 10 * MS * trips;
            assert!(time <= most && time + 20 * MS >= most, "{seed}, {asks}: {time:?}");
        }
    }
}

#[test]
fn a_wider_range_of_timeouts_elects_later() {
    let mean = |spread| (0..60).map(|seed| downtime::<Multi>(seed, spread, true)).sum::<Duration>() / 60;
    let [none, default, wide] = [Some(Duration::ZERO), None, Some(6 * T)].map(mean);
    // The first of four followers' timeouts is a fifth of the range above the shortest.
    assert!(default > none + T / 10 && wide > none + 8 * T / 10, "{none:?}, {default:?}, {wide:?}");
    assert!(wide < none + 17 * T / 10, "{none:?}, {wide:?}");
}
