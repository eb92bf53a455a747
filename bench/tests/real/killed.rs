//! Members that are killed while clients write, and restart from their disks.

use crate::{LONG, alone, amount, chance, clients, cluster, finish};
use paxos_bench::nemesis::clients::Clients;
use paxos_bench::variants::Variant;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(flavor = "multi_thread")]
async fn multi_paxos_loses_nothing_when_members_are_killed_at_random_or_all_at_once() {
    killed(Variant::Multi, amount("KILLS", 8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fast_paxos_loses_nothing_when_members_are_killed_at_random_or_all_at_once() {
    killed(Variant::Fast, amount("KILLS", 6) / 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_paxos_loses_nothing_when_members_are_killed_at_random_or_all_at_once() {
    killed(Variant::Simple, amount("KILLS", 6) / 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_paxos_loses_nothing_when_members_are_killed_at_random_or_all_at_once() {
    killed(Variant::Basic, amount("KILLS", 6) / 3).await;
}

async fn killed(variant: Variant, kills: u64) {
    let _alone = alone().await;
    let (mut members, _dir) = cluster(variant, 0, &[]);
    members.start_all(LONG).await.expect("they serve");
    let clients = clients(&members);
    let mut chance = chance(100);
    let (mut slowest, mut all_at_once) = (Duration::ZERO, 0);
    for nth in 0..kills {
        goes_on(&clients).await;
        sleep(chance.millis(50, 400)).await;
        // Every fourth time, all members are killed at once, in the middle of their work.
        if nth % 4 == 1 {
            (0..3).for_each(|victim| members.kill(victim));
            all_at_once += 1;
        } else {
            let victim = chance.below(3) as usize;
            members.kill(victim);
            sleep(chance.millis(0, 600)).await;
            if nth % 4 == 3 {
                // No quorum is left until the members restart one after the other.
                members.kill((victim + 1) % 3);
                sleep(chance.millis(0, 300)).await;
            }
        }
        let order = chance.below(3) as usize;
        for at in (0..3).map(|at| (at + order) % 3) {
            if members.is_down(at) {
                members.start(at).expect("it starts");
            }
        }
        for at in 0..3 {
            slowest = slowest.max(members.serves(at, LONG).await.expect("it serves"));
        }
    }
    goes_on(&clients).await;
    let found = finish(clients).await;
    eprintln!(
        "{variant}: {kills} kills, {all_at_once} of them of all at once; served again after {slowest:?} at most; {found}"
    );
}

/// Waits until some requests of the load are answered.
async fn goes_on(clients: &Clients) {
    let (begun, before) = (Instant::now(), clients.acknowledged());
    while clients.acknowledged() < before + 20 {
        assert!(begun.elapsed() < LONG, "clients are not served");
        sleep(Duration::from_millis(5)).await;
    }
}
