//! Links between members are cut, slow, flaky or dirty.

use crate::{ELECTION, LONG, alone, amount, chance, clients, cluster, finish};
use paxos_bench::nemesis::network::{Network, Weather};
use paxos_bench::variants::Variant;
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn links_of_multi_paxos_are_cut_slow_flaky_and_dirty_and_the_history_is_linearizable() {
    disturbed(Variant::Multi, amount("ROUNDS", 8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_fast_paxos_are_cut_slow_flaky_and_dirty_and_the_history_is_linearizable() {
    disturbed(Variant::Fast, amount("ROUNDS", 4)).await;
}

/// The number of kinds of disturbance.
const KINDS: u64 = 8;

async fn disturbed(variant: Variant, rounds: u64) {
    let _alone = alone().await;
    let (mut members, _dir) = cluster(variant, 0, &[]);
    let network = Network::between(&members, amount("SEED", 1)).expect("ports are free");
    members.start_all(LONG).await.expect("they serve");
    let clients = clients(&members);
    let mut chance = chance(300);
    let mut took = Vec::new();
    for round in 0..rounds {
        let leader = match members.leader(0).await {
            Some(leader) => leader,
            None => chance.below(3) as usize,
        };
        let other = (leader + 1) % 3;
        let all = |weather| Some(weather);
        match round % KINDS {
            // The leader is isolated.
            0 => network.set(|from, to| (from == leader || to == leader).then_some(Weather::Cut)),
            1 => network.set(|_, _| all(Weather::Dirty)),
            // No member hears the leader, which hears all members.
            2 => network.set(|from, _| (from == leader).then_some(Weather::Cut)),
            3 => network.set(|_, _| all(Weather::Flaky)),
            // The leader hears no member, and all members hear it.
            4 => network.set(|_, to| (to == leader).then_some(Weather::Cut)),
            5 => network.set(|_, _| all(Weather::Slow)),
            // Only the leader's messages to one other member arrive.
            6 => network.set(|from, to| ((from, to) != (leader, other)).then_some(Weather::Cut)),
            _ => network.set(|_, _| {
                let kinds = [Weather::Clear, Weather::Cut, Weather::Slow, Weather::Flaky, Weather::Dirty];
                Some(kinds[chance.below(5) as usize])
            }),
        }
        sleep(chance.millis(700, 2_000)).await;
        network.heal();
        let mut again = Duration::ZERO;
        for nth in 0..3 {
            // The members are asked one after the other, so the time adds up.
            again += members.serves(nth, LONG).await.expect("it serves");
        }
        assert!(again < LONG);
        took.push(again.as_millis());
    }
    let found = finish(clients).await;
    let slow = took.iter().filter(|took| **took > 4 * ELECTION.as_millis()).count();
    eprintln!(
        "{variant}: {rounds} rounds; ms from healing until all three had answered a write: {took:?}, {slow} beyond four \
         election timeouts; pieces late, connections ended, bytes changed: {:?}; {found}",
        network.harm()
    );
}
