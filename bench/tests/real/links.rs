//! Links between members are cut, slow, flaky or dirty.

use crate::clients::Clients;
use crate::members::{ELECTION, Members};
use crate::network::{Network, Weather};
use crate::{LONG, alone, amount, chance};
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn links_of_multi_paxos_are_cut_slow_flaky_and_dirty_and_the_history_is_linearizable() {
    disturbed("multi", amount("ROUNDS", 8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_fast_paxos_are_cut_slow_flaky_and_dirty_and_the_history_is_linearizable() {
    disturbed("fast", amount("ROUNDS", 4)).await;
}

/// The number of kinds of disturbance.
const KINDS: u64 = 8;

async fn disturbed(variant: &str, rounds: u64) {
    let _alone = alone().await;
    let mut members = Members::new(variant, "", &[]);
    let network = Network::between(&members, "").await;
    members.start_all().await;
    let clients = Clients::start(&members.resp, 6);
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
            again += members.serves(nth).await;
        }
        assert!(again < LONG);
        took.push(again.as_millis());
    }
    let found = clients.finish().await;
    let slow = took.iter().filter(|took| **took > 4 * ELECTION.as_millis()).count();
    eprintln!(
        "{variant}: {rounds} rounds; ms from healing until all three had answered a write: {took:?}, {slow} beyond four \
         election timeouts; pieces late, connections ended, bytes changed: {:?}; {found}",
        network.harm()
    );
}
