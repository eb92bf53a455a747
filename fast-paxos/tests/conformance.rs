//! The claims that Fast Paxos shares with every variant, with each of its recoveries.
//! `clusters` has those of its own about whole clusters, in the same program, since they run the same nodes.

mod clusters;

use fast_paxos::{Options, Recovery};
use paxos_transport::conformance::Seeds;

/// Half of the seeds use the default recovery, the rest the two others. The suite derives the shape of a cluster from
/// the seed modulo 16 and less, so each recovery meets each shape.
fn options(seed: u64) -> Options {
    let recovery = match seed / 16 % 4 {
        1 => Recovery::Uncoordinated,
        3 => Recovery::Classic,
        _ => Recovery::Coordinated,
    };
    Options { recovery, ..Options::default() }
}

paxos_transport::conformance::suite!(
    fast_paxos::FastPaxos<u64, u64>,
    options: options,
    recovers: true,
    // The default recovery has as many seeds as other variants, and the two others have as many together.
    seeds: Seeds { chaos: 2000, snapshots: 800, reads: 1000, sessions: 600, rivals: 4, ..Seeds::default() },
);
