//! Changes of members and transfers of leadership while commands continue.

use super::{Cluster, assert_exactly_once, journals, propose_at, soon, start};
use core::time::Duration;
use paxos_core::{Change, Config, Inadvisable, NodeId, NodeSet, Protocol, Untransferable};
use paxos_transport::{ChangeError, TransferError};
use tokio::time::timeout;

/// Runs `change` while `commands` are proposed at the members `ids`, which stay.
async fn meanwhile<P: Protocol<Value = u64, Reply = u64>>(
    cluster: &Cluster<P>,
    ids: [u16; 2],
    commands: core::ops::Range<u64>,
    change: impl Future<Output = ()>,
) {
    let members = ids.map(|id| cluster.member(NodeId(id)));
    tokio::join!(propose_at(&members, commands), change);
}

pub(crate) async fn every_member_is_replaced_while_commands_go_on<P: Protocol<Value = u64, Reply = u64>>(
    mut config: Config,
) {
    config.spares = [3, 4, 5, 6].map(NodeId).into_iter().collect();
    config.limits.alpha = 16;
    let mut cluster = start::<P>(config).await;
    let mut done = 0;
    for (old, new, stay) in [(0, 3, [1, 2]), (1, 4, [2, 3]), (2, 5, [3, 4])] {
        soon(cluster.spawn(NodeId(new))).await.expect("starts");
        let asked = cluster.member(NodeId(stay[0]));
        meanwhile(&cluster, stay, done..done + 100, async {
            let change = Change::replace(NodeId(old), NodeId(new));
            let from = soon(asked.change(change)).await.expect("can be made");
            // Repeating the change has no effect, and the caller learns this. A removed process cannot be added again.
            let again = soon(asked.change(change)).await;
            assert_eq!(again, Err(Inadvisable::Removed(NodeId(old)).into()));
            assert!(soon(asked.force_change(change)).await.is_ok_and(|again| again >= from));
            let back = soon(asked.change(Change::add(NodeId(old)))).await;
            assert!(matches!(back, Err(ChangeError::Unchangeable(_))), "{back:?}");
            for id in stay.into_iter().chain([new]) {
                let member = cluster.member(NodeId(id));
                soon(member.until(|status| status.applied >= from)).await.expect("runs");
            }
        })
        .await;
        soon(cluster.member(NodeId(old)).shutdown()).await.expect("stops");
        done += 100;
    }
    let members: Vec<_> = [3, 4, 5].map(|id| cluster.member(NodeId(id))).into_iter().collect();
    propose_at(&members, done..done + 50).await;
    assert_exactly_once(&journals(&members).await, 0..done + 50);
    // The new members also agree after a restart from disk.
    for id in [3, 4, 5] {
        soon(cluster.spawn(NodeId(id))).await.expect("starts again");
    }
    let members: Vec<_> = [3, 4, 5].map(|id| cluster.member(NodeId(id))).into_iter().collect();
    propose_at(&members, done + 50..done + 60).await;
    assert_exactly_once(&journals(&members).await, 0..done + 60);
    // A spare that starts only now finds the members among the other spares: those that it began with are all gone.
    soon(cluster.spawn(NodeId(6))).await.expect("starts");
    let members = [3, 4, 5].map(|id| cluster.member(NodeId(id)));
    soon(members[0].change(Change::add(NodeId(6)))).await.expect("it is heard");
    let last = cluster.member(NodeId(6));
    soon(last.propose(done + 60)).await.expect("answered");
    let members: Vec<_> = members.into_iter().chain([last]).collect();
    assert_exactly_once(&journals(&members).await, 0..done + 61);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_leaves_nobody_is_refused() {
    let cluster = start::<multi_paxos::MultiPaxos<u64, u64>>(Config::collapsed(3).expect("lawful")).await;
    let everyone = Change { remove: NodeSet::first(3), ..Change::remove(NodeId(0)) };
    let refused = soon(cluster.member(NodeId(1)).change(everyone)).await;
    assert!(matches!(refused, Err(ChangeError::Unchangeable(_))), "{refused:?}");
}

async fn leadership_goes_round<P: Protocol<Value = u64, Reply = u64>>(config: Config) {
    let cluster = start::<P>(config).await;
    let members: Vec<_> = cluster.members().collect();
    let led = |by: NodeId| members.iter().map(move |m| m.until(move |status| status.leader == Some(by)));
    for wait in led(NodeId(0)) {
        soon(wait).await.expect("runs");
    }
    soon(members[0].until(|status| status.leads)).await.expect("runs");
    let no_leader = members[1].transfer(NodeId(2)).await;
    assert!(
        matches!(no_leader, Err(TransferError::Untransferable(Untransferable::NotLeader(_)))),
        "{no_leader:?}"
    );
    for (turn, from, to) in [(0, 0, 1), (1, 1, 2), (2, 2, 0)] {
        let successor = NodeId(to as u16);
        tokio::join!(propose_at(&members, turn * 50..turn * 50 + 50), async {
            // Fast Paxos may begin a new term at the same time, and then the old leader continues to lead.
            let mut tries = 0;
            while members[to].status().leader != Some(successor) {
                assert!(tries < 5, "n{from} to {successor}");
                tries += 1;
                members[from].transfer(successor).await.expect("it leads");
                let wait = members[to].until(|status| status.leader == Some(successor));
                timeout(Duration::from_secs(3), wait).await.ok();
            }
            for wait in led(successor) {
                soon(wait).await.expect("runs");
            }
        });
    }
    assert_exactly_once(&journals(&members).await, 0..150);
    let campaigns: u64 = members.iter().map(|m| m.status().counters.campaigns).sum();
    assert!(campaigns == 4 || P::NAME == "fast", "the first, and one for each turn: no timeout ended");
}

#[tokio::test(start_paused = true)]
async fn multi_paxos_hands_leadership_over_while_commands_go_on() {
    leadership_goes_round::<multi_paxos::MultiPaxos<u64, u64>>(Config::collapsed(3).expect("lawful")).await;
}

#[tokio::test(start_paused = true)]
async fn fast_paxos_hands_leadership_over_while_commands_go_on() {
    leadership_goes_round::<fast_paxos::FastPaxos<u64, u64>>(Config::collapsed(3).expect("lawful")).await;
}

#[tokio::test(start_paused = true)]
async fn simple_paxos_hands_leadership_over_while_commands_go_on() {
    leadership_goes_round::<basic_paxos::BasicPaxos<u64, u64>>(basic_paxos::simple(3).expect("lawful")).await;
}
