//! Latency over a wide area: an acceptor, a client and a learner at each site.

use std::collections::BTreeMap;

use super::majority;
use crate::theory::matrix::RttMatrix;

/// The five regions, on three continents, that the comparison uses by default.
pub const FIVE_SITES: [&str; 5] = ["us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-northeast-1"];

/// Which variant decides, and how the client learns of the decision. Sites are given by their numbers in the
/// matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WideArea {
    /// Basic Paxos: as [`MultiPaxos`](Self::MultiPaxos), after a round trip from the leader to its nearest
    /// majority.
    BasicPaxos {
        /// The leader's site.
        leader: usize,
        /// How many acceptors must vote, including the leader's own.
        quorum: usize,
    },
    /// Basic Paxos: as [`MultiPaxosVotesToClient`](Self::MultiPaxosVotesToClient), after a round trip from the leader
    /// to its nearest majority.
    BasicPaxosVotesToClient {
        /// The leader's site.
        leader: usize,
        /// How many acceptors must vote, including the leader's own.
        quorum: usize,
    },
    /// Multi-Paxos in the steady state: the client asks the leader, and the leader replies when it has heard a
    /// quorum's votes.
    ///
    /// One round trip from the client to the leader, and one from the leader to the farthest member of its
    /// nearest quorum.
    MultiPaxos {
        /// The leader's site.
        leader: usize,
        /// How many acceptors must vote, including the leader's own.
        quorum: usize,
    },
    /// Multi-Paxos in the steady state, but the acceptors send their votes to the client's site, and the client
    /// learns from the votes. Where the triangle inequality holds, this is never later than the leader's reply.
    ///
    /// One way from the client to the leader, and then the `quorum`-th smallest time from the leader through an
    /// acceptor to the client, or one way from the leader to the client if that is longer: votes have no value, phase 2a
    /// has it.
    MultiPaxosVotesToClient {
        /// The leader's site.
        leader: usize,
        /// How many acceptors must vote, including the leader's own.
        quorum: usize,
    },
    /// Fast Paxos without a collision: the client asks all acceptors and counts their votes itself. With a
    /// smaller quorum this is Fast Flexible Paxos.
    ///
    /// One round trip from the client to the farthest member of its nearest quorum.
    FastPaxos {
        /// How many acceptors must vote.
        quorum: usize,
    },
    /// Fast Paxos without a collision, but the acceptors send their votes to the coordinator alone, which tells the
    /// client.
    ///
    /// The `quorum`-th smallest time from the client through an acceptor to the coordinator, and one way from there to
    /// the client.
    FastPaxosVotesToLeader {
        /// The coordinator's site.
        leader: usize,
        /// How many acceptors must vote.
        quorum: usize,
    },
}

/// The latency that clients see, from a client's request until it knows that the command is decided, in
/// milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct WideAreaLatency {
    /// The names of the sites, in the matrix's order.
    pub sites: Vec<String>,
    /// The latency of the client at each site, in milliseconds.
    pub ms: Vec<f64>,
    /// The mean over all clients, in milliseconds.
    pub mean_ms: f64,
}

impl WideAreaLatency {
    /// The latency of the client at each site, by the site's name, in milliseconds.
    pub fn by_site(&self) -> BTreeMap<String, f64> {
        self.sites.iter().cloned().zip(self.ms.iter().copied()).collect()
    }
}

/// Returns the latency that the client at each site of a matrix sees when there is no other client and
/// computation takes no time.
///
/// One way from a to b takes half of the round trip in a's row and b's column ([`RttMatrix::one_way_us`]).
/// Messages within a site take no time, whatever the matrix says. Returns `None` if there is no such leader, or
/// no quorum of that size.
///
/// ```
/// use paxos_bench::theory::matrix::RttMatrix;
/// use paxos_bench::theory::{FIVE_SITES, WideArea, wide_area_latency};
///
/// let world = RttMatrix::aws().select(&FIVE_SITES)?;
/// let fast = wide_area_latency(&world, WideArea::FastPaxos { quorum: 4 }).unwrap();
/// assert!((fast.mean_ms - 115.7).abs() < 0.06);
/// # Ok::<(), paxos_bench::theory::matrix::MatrixError>(())
/// ```
pub fn wide_area_latency(world: &RttMatrix, variant: WideArea) -> Option<WideAreaLatency> {
    let sites = 0..world.sites().len();
    let (leader, quorum) = match variant {
        WideArea::BasicPaxos { leader, quorum }
        | WideArea::BasicPaxosVotesToClient { leader, quorum }
        | WideArea::MultiPaxos { leader, quorum }
        | WideArea::MultiPaxosVotesToClient { leader, quorum }
        | WideArea::FastPaxosVotesToLeader { leader, quorum } => (leader, quorum),
        WideArea::FastPaxos { quorum } => (0, quorum),
    };
    (sites.contains(&leader) && (1..=sites.len()).contains(&quorum)).then_some(())?;
    let client_us = |client| Ways(world).client_us(variant, client);
    let ms: Vec<f64> = sites.map(|client| client_us(client) as f64 / 1000.0).collect();
    let mean_ms = ms.iter().sum::<f64>() / ms.len() as f64;
    Some(WideAreaLatency { sites: world.sites().to_vec(), ms, mean_ms })
}

/// The one-way times between the sites, in microseconds.
struct Ways<'a>(&'a RttMatrix);

impl Ways<'_> {
    fn client_us(&self, variant: WideArea, client: usize) -> u64 {
        match variant {
            WideArea::BasicPaxos { leader, quorum } => {
                self.phase_1_us(leader) + self.client_us(WideArea::MultiPaxos { leader, quorum }, client)
            }
            WideArea::BasicPaxosVotesToClient { leader, quorum } => {
                let phase_2 = WideArea::MultiPaxosVotesToClient { leader, quorum };
                self.phase_1_us(leader) + self.client_us(phase_2, client)
            }
            WideArea::MultiPaxos { leader, quorum } => {
                self.one_way_us(client, leader)
                    + self.quorum_us(leader, leader, quorum)
                    + self.one_way_us(leader, client)
            }
            WideArea::MultiPaxosVotesToClient { leader, quorum } => {
                let votes = self.quorum_us(leader, client, quorum);
                self.one_way_us(client, leader) + votes.max(self.one_way_us(leader, client))
            }
            WideArea::FastPaxos { quorum } => self.quorum_us(client, client, quorum),
            WideArea::FastPaxosVotesToLeader { leader, quorum } => {
                self.quorum_us(client, leader, quorum) + self.one_way_us(leader, client)
            }
        }
    }

    /// The time of a round trip from the leader to its nearest majority.
    fn phase_1_us(&self, leader: usize) -> u64 {
        self.quorum_us(leader, leader, majority(self.0.sites().len()))
    }

    /// The time until `hearer` has heard a quorum of votes, from when `asker` asks all acceptors.
    fn quorum_us(&self, asker: usize, hearer: usize, quorum: usize) -> u64 {
        let via = |acceptor| self.one_way_us(asker, acceptor) + self.one_way_us(acceptor, hearer);
        let mut heard_us: Vec<u64> = (0..self.0.sites().len()).map(via).collect();
        heard_us.sort_unstable();
        heard_us[quorum - 1]
    }

    fn one_way_us(&self, a: usize, b: usize) -> u64 {
        if a == b { 0 } else { self.0.one_way_us(a, b) }
    }
}
