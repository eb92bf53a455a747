//! Predicts latency over a wide area for any quorum system.

use crate::theory::matrix::RttMatrix;
use paxos_core::{NodeId, NodeSet, Phase, QuorumSystem};

/// How a client at each site learns of a decision. Acceptor number `i` is at site number `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journey {
    /// The client asks the leader, which hears the votes of a phase 2 quorum and replies: Multi-Paxos.
    Classic {
        /// The leader's site.
        leader: usize,
    },
    /// The client asks all acceptors and hears the votes of a fast quorum itself: Fast Paxos without a collision.
    Fast,
}

/// The mean latency over a client at each site, in milliseconds, without other clients or time for computation.
pub fn mean_ms(world: &RttMatrix, quorums: &dyn QuorumSystem, journey: Journey) -> f64 {
    let sites = world.sites().len();
    let one_way = |a: usize, b: usize| if a == b { 0 } else { world.one_way_us(a, b) };
    let client_us = |client: usize| match journey {
        Journey::Classic { leader } => {
            one_way(client, leader)
                + quorum_us(world, quorums, Phase::TwoClassic, leader)
                + one_way(leader, client)
        }
        Journey::Fast => quorum_us(world, quorums, Phase::TwoFast, client),
    };
    (0..sites).map(|client| client_us(client) as f64 / 1000.0).sum::<f64>() / sites as f64
}

/// The leader's site with the lowest mean latency; the first if several are equal.
pub(super) fn best_leader(world: &RttMatrix, quorums: &dyn QuorumSystem) -> usize {
    let mean = |leader: &usize| mean_ms(world, quorums, Journey::Classic { leader: *leader });
    (0..world.sites().len()).min_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap_or(0)
}

/// The time from when `asker` asks all acceptors until it has heard a quorum, in microseconds.
fn quorum_us(world: &RttMatrix, quorums: &dyn QuorumSystem, phase: Phase, asker: usize) -> u64 {
    let round_trip = |site: usize| {
        if site == asker { 0 } else { world.one_way_us(asker, site) + world.one_way_us(site, asker) }
    };
    let mut answers: Vec<(u64, usize)> =
        (0..world.sites().len()).map(|site| (round_trip(site), site)).collect();
    answers.sort_unstable();
    let mut heard = NodeSet::EMPTY;
    let enough = answers.iter().find(|(_, site)| {
        heard.insert(NodeId(*site as u16));
        quorums.is_quorum(phase, heard)
    });
    enough.or(answers.last()).map_or(0, |(at, _)| *at)
}
