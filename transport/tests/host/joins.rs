//! A member is added only when it runs and has caught up, and a change that the cluster would not survive is refused.

use super::{Cluster, Member, soon, start};
use core::time::Duration;
use paxos_core::{Change, Config, Inadvisable, NodeId, NodeSet, Protocol};
use paxos_transport::ChangeError;
use tokio::time::{Instant, sleep};

/// Returns why a change was not requested.
async fn refused<P: Protocol<Value = u64, Reply = u64>>(asked: &Member<P>, change: Change) -> Inadvisable {
    match soon(asked.change(change)).await {
        Err(ChangeError::Inadvisable(why)) => why,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_member_is_added_when_it_is_there_and_a_quorum_stays<
    P: Protocol<Value = u64, Reply = u64>,
>(
    mut config: Config,
) {
    config.spares = NodeSet::only(NodeId(3));
    config.limits.alpha = 16;
    let give_up = config.timeouts.give_up.expect("it has a default");
    let mut cluster: Cluster<P> = start(config).await;
    // Any member may be asked, whichever leads.
    let asked = cluster.member(NodeId(1)).clone();
    for command in 0..200 {
        soon(asked.propose(command)).await.expect("answered");
    }
    let begun = Instant::now();
    for absent in [NodeId(3), NodeId(9)] {
        assert_eq!(refused(&asked, Change::add(absent)).await, Inadvisable::NotHeard(absent));
    }
    // The change waits no longer than any other request. A refusal that no wait can change comes at once.
    assert!(begun.elapsed() <= 2 * give_up + Duration::from_millis(4), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(refused(&asked, Change::add(NodeId(2))).await, Inadvisable::Member(NodeId(2)));
    assert_eq!(refused(&asked, Change::remove(NodeId(9))).await, Inadvisable::NoMember(NodeId(9)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    soon(asked.propose(200)).await.expect("the cluster goes on");
    // A process that starts during the wait is added.
    let (changed, ()) = tokio::join!(soon(asked.change(Change::add(NodeId(3)))), async {
        sleep(give_up / 2).await;
        soon(cluster.spawn(NodeId(3))).await.expect("starts");
    });
    changed.expect("it is there");
    // Three of four members run, which is a quorum. After the removal of two, a quorum would be both of the others.
    cluster.network().cut(NodeId(2));
    let two: NodeSet = [0, 3].map(NodeId).into_iter().collect();
    let remove = Change { remove: two, ..Change::remove(NodeId(0)) };
    // Recent reports from n2 still count for a moment.
    sleep(Duration::from_secs(1)).await;
    let too_few = Inadvisable::NoQuorum { reachable: 1, members: 2, quorum: 2 };
    assert_eq!(refused(&asked, remove).await, too_few);
    soon(asked.propose(201)).await.expect("the cluster goes on");
    soon(asked.change(Change::remove(NodeId(2)))).await.expect("the one that is away may go");
    soon(asked.propose(202)).await.expect("the cluster goes on");
}
