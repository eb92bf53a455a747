//! A quorum system of your own, which is proved when it is made, and one that the proof refuses.
//!
//! Two large machines, n0 and n1, and three small ones. The large machines decide alone; if one of them is down, the other
//! needs the help of some small ones. One is too few, as the proof shows with two quorums that do not meet.

#![expect(clippy::print_stdout, reason = "an example prints what happens")]

use multi_paxos::MultiPaxos;
use paxos_transport::LocalCluster;
use paxos_transport::paxos_core::{Config, Fold, NodeId, NodeSet, Phase, QuorumError, QuorumSystem, prove};
use std::sync::Arc;

#[derive(Debug)]
struct LargeAndSmall {
    large: NodeSet,
    small: NodeSet,
    /// How many small machines take the place of a large one.
    needed: usize,
}

impl LargeAndSmall {
    /// The proof tries every set of acceptors, so it is a matter of milliseconds up to 16 of them.
    fn new(needed: usize) -> Result<Self, QuorumError> {
        let ids = |ids: &[u16]| ids.iter().copied().map(NodeId).collect();
        let system = Self { large: ids(&[0, 1]), small: ids(&[2, 3, 4]), needed };
        prove(&system)?;
        Ok(system)
    }
}

impl QuorumSystem for LargeAndSmall {
    fn acceptors(&self) -> NodeSet {
        self.large.union(self.small)
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        let (large, small) =
            (self.large.intersection(answered).len(), self.small.intersection(answered).len());
        // There are no fast ballots: Multi-Paxos needs none.
        phase != Phase::TwoFast && (large == 2 || large == 1 && small >= self.needed)
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let refused = LargeAndSmall::new(1).err().ok_or("disjoint quorums were not refused")?;
    println!("one small machine: {refused}");

    let system = LargeAndSmall::new(2)?;
    let quorums = system.minimal_quorums(Phase::One)?;
    println!("two small machines: {} quorums, {quorums:?}", quorums.len());
    println!("failures survived, whichever they are: {:?}", system.failures_survived(Phase::One)?);

    let config = Config::new(Arc::new(system));
    let counter = |count: &mut u64, add: &u64| {
        *count += add;
        *count
    };
    let mut cluster = LocalCluster::<MultiPaxos<_, _>, _>::new(config, |_| Fold::new(0, counter));
    for id in [2, 3, 4] {
        cluster.stop(NodeId(id));
    }
    cluster.propose(NodeId(0), 40)?;
    cluster.run();
    let answer = cluster.outcomes().next().ok_or("the large machines are a quorum")?;
    println!("without the small machines: {}", answer.result?.reply);

    cluster.stop(NodeId(1));
    cluster.propose(NodeId(0), 2)?;
    cluster.run();
    assert_eq!(cluster.outcomes().count(), 0, "one large machine is no quorum");
    println!("without n1 as well: no answer");
    Ok(())
}
