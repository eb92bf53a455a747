//! Predicts latency over a wide area for any quorum system.

use crate::theory::matrix::RttMatrix;
use paxos_core::{NodeId, NodeSet, Phase, QuorumSystem};

/// How a client at each site learns of a decision, if every server hears the votes. Acceptor number `i` is at site number
/// `i`, and the client learns when the server beside it has heard a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journey {
    /// The client asks the leader, which asks all acceptors: Multi-Paxos.
    Classic {
        /// The leader's site.
        leader: usize,
    },
    /// The client asks all acceptors: Fast Paxos without a collision.
    Fast,
}

/// The mean latency over a client at each site, in milliseconds, without other clients or time for computation.
pub fn mean_ms(world: &RttMatrix, quorums: &dyn QuorumSystem, journey: Journey) -> f64 {
    let sites = world.sites().len();
    let client_us = |client: usize| match journey {
        Journey::Classic { leader } => {
            let votes = quorum_us(world, quorums, Phase::TwoClassic, (leader, client));
            // Votes have no value. Phase 2a has it.
            one_way(world, client, leader) + votes.max(one_way(world, leader, client))
        }
        Journey::Fast => quorum_us(world, quorums, Phase::TwoFast, (client, client)),
    };
    (0..sites).map(|client| client_us(client) as f64 / 1000.0).sum::<f64>() / sites as f64
}

/// The leader's site with the lowest mean latency; the first if several are equal.
pub(super) fn best_leader(world: &RttMatrix, quorums: &dyn QuorumSystem) -> usize {
    let mean = |leader: &usize| mean_ms(world, quorums, Journey::Classic { leader: *leader });
    (0..world.sites().len()).min_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap_or(0)
}

/// Half of the round trip between two sites, in microseconds. Messages within a site take no time.
fn one_way(world: &RttMatrix, a: usize, b: usize) -> u64 {
    if a == b { 0 } else { world.one_way_us(a, b) }
}

/// The time from when `asker` asks all acceptors until `hearer` has heard a quorum, in microseconds.
fn quorum_us(
    world: &RttMatrix,
    quorums: &dyn QuorumSystem,
    phase: Phase,
    (asker, hearer): (usize, usize),
) -> u64 {
    let via = |site: usize| one_way(world, asker, site) + one_way(world, site, hearer);
    let mut votes: Vec<(u64, usize)> = (0..world.sites().len()).map(|site| (via(site), site)).collect();
    votes.sort_unstable();
    let mut heard = NodeSet::EMPTY;
    let enough = votes.iter().find(|(_, site)| {
        heard.insert(NodeId(*site as u16));
        quorums.is_quorum(phase, heard)
    });
    enough.or(votes.last()).map_or(0, |(at, _)| *at)
}
