//! A counter, replicated by Multi-Paxos.

use multi_paxos::MultiPaxos as Variant;
use paxos_transport::MemoryCluster;
use paxos_transport::paxos_core::{Config, NodeId, Slot, StateMachine};

struct Counter(u64);

impl StateMachine for Counter {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, add: &u64) -> u64 {
        self.0 += add;
        self.0
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::collapsed(3)?;
    let cluster = MemoryCluster::<Variant<_, _>, _>::start(config, |_| Counter(0)).await?;

    // Any member takes any command.
    assert_eq!(cluster.member(NodeId(2)).propose(40).await?, 40);

    // The other two continue without their leader.
    cluster.member(NodeId(0)).shutdown().await?;
    assert_eq!(cluster.member(NodeId(1)).propose(2).await?, 42);
    Ok(())
}
