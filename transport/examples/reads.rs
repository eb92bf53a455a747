//! Each kind of read, what it promises, and what becomes of it at a member that is cut off from the others.

#![expect(clippy::print_stdout, reason = "an example prints what happens")]

use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_transport::MemoryCluster;
use paxos_transport::paxos_core::{Config, Consistency, Fold, NodeId};

// Tokio's clock jumps to the next timeout while everything waits, so no time is lost here. A real program has no such clock.
#[tokio::main(flavor = "current_thread", start_paused = true)]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::collapsed(3)?;
    // Longer than a heartbeat takes, and shorter than an election timeout. Without it, a lease read is a confirmed read.
    config.timeouts.lease = Some(Duration::from_millis(80));
    let counter = |count: &mut u64, add: &u64| {
        *count += add;
        *count
    };
    let cluster = MemoryCluster::<MultiPaxos<_, _>, _>::start(config, move |_| Fold::new(0, counter)).await?;
    let (near, away) = (cluster.member(NodeId(1)), cluster.member(NodeId(2)));

    let slot = near.append(40).await?.slot;
    let kinds = [
        (
            Consistency::Confirmed,
            "all that was answered before: the leader asks a quorum whether it still leads",
        ),
        (Consistency::Lease, "the same, as long as clocks keep time: the leader asks nobody"),
        (Consistency::Quorum, "the same: a quorum of acceptors is asked, and no leader is needed"),
        (Consistency::AtLeast(slot.plus(1)), "all up to a slot, here that of a command of one's own"),
        (Consistency::Local, "what this member has executed: it asks nobody, and may be behind"),
    ];
    for (kind, promise) in kinds {
        let seen = away.read(kind, |counter| counter.state).await?;
        println!("{kind:?}: {} after {} slots\n    {promise}", seen.value, seen.applied);
        if kind != Consistency::Local {
            assert_eq!(seen.value, 40, "{kind:?}");
        }
    }

    // n2 hears nothing any more, and the others go on.
    cluster.network().cut(NodeId(2));
    let slot = near.append(2).await?.slot;
    println!("\nn2 is cut off, and the counter becomes 42");
    for (kind, _) in kinds {
        let kind = if kind == kinds[3].0 { Consistency::AtLeast(slot.plus(1)) } else { kind };
        match away.read(kind, |counter| counter.state).await {
            Ok(seen) => println!("{kind:?} at n2: {} after {} slots", seen.value, seen.applied),
            Err(reason) => println!("{kind:?} at n2: {reason}"),
        }
    }
    assert_eq!(away.read(Consistency::Local, |counter| counter.state).await?.value, 40, "the old value");
    assert!(away.read(Consistency::Confirmed, |counter| counter.state).await.is_err());
    assert_eq!(near.read(Consistency::Confirmed, |counter| counter.state).await?.value, 42);
    cluster.shutdown().await;
    Ok(())
}
