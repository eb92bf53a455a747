//! A member is added while commands go on, and an old one is removed and turned off when nobody needs it any more.

#![expect(clippy::print_stdout, reason = "an example prints what happens")]

use multi_paxos::MultiPaxos;
use paxos_transport::MemoryCluster;
use paxos_transport::paxos_core::{Change, Config, Consistency, Fold, NodeId, NodeSet};

// Tokio's clock jumps to the next timeout while everything waits, so no time is lost here. A real program has no such clock.
#[tokio::main(flavor = "current_thread", start_paused = true)]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (old, asked, new) = (NodeId(0), NodeId(1), NodeId(3));
    let mut config = Config::collapsed(3)?;
    // Every process of a cluster has the configuration that the cluster began with. A newcomer is among its spares.
    config.spares = NodeSet::only(new);
    // A change takes effect so many slots after it is decided; where no commands come, the leader fills them with no-ops.
    config.limits.alpha = 16;
    let counter = |count: &mut u64, add: &u64| {
        *count += add;
        *count
    };
    let mut cluster =
        MemoryCluster::<MultiPaxos<_, _>, _>::start(config, move |_| Fold::new(0, counter)).await?;
    let asked = cluster.member(asked).clone();
    for _ in 0..100 {
        asked.propose(1).await?;
    }

    // Not before it is there: a member that is not would count for quorums, and answer nothing.
    let newcomer = cluster.spawn(new).await?.clone();
    let from = asked.change(Change::add(new)).await?;
    // The change waited until the newcomer had caught up with the log as it was then.
    println!("n3 is a member from slot {from} on, and has executed {}", newcomer.status().applied);
    asked.until(|status| status.applied >= from).await?;
    println!("members: {}", asked.members().acceptors);

    // The leader itself: another member is elected.
    let from = asked.change(Change::remove(old)).await?;
    println!("n0 is no member from slot {from} on");
    // The new members must have on disk what was decided among the old ones.
    asked.until(|status| status.may_stop.contains(old)).await?;
    cluster.member(old).shutdown().await?;
    println!("n0 is turned off; members: {}", asked.members().acceptors);

    assert_eq!(asked.propose(1).await?, 101);
    let seen = newcomer.read(Consistency::Confirmed, |counter| counter.state).await?;
    println!("n3 counts {} after {} slots", seen.value, seen.applied);
    assert_eq!(seen.value, 101);
    assert_eq!(asked.members().acceptors, [1, 2, 3].map(NodeId).into_iter().collect());
    cluster.shutdown().await;
    Ok(())
}
