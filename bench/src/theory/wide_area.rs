//! Latency over a wide area: an acceptor, a client and a learner at each site.

use std::collections::BTreeMap;

use super::majority;
use crate::theory::matrix::RttMatrix;

/// The five regions, on three continents, that the comparison uses unless others are named.
pub const FIVE_SITES: [&str; 5] = ["us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-northeast-1"];

/// Which variant decides, by which way the client comes to know. Sites are given by their numbers in the
/// matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WideArea {
    /// Basic Paxos: as [`MultiPaxos`](Self::MultiPaxos), with a round trip from the leader to its nearest
    /// majority before.
    BasicPaxos {
        /// The leader's site.
        leader: usize,
        /// How many acceptors must vote, the leader's own included.
        quorum: usize,
    },
    /// Multi-Paxos in the steady state: the client asks the leader, the leader hears a quorum's votes and
    /// replies.
    ///
    /// One round trip from the client to the leader, and one from the leader to the farthest member of its
    /// nearest quorum.
    MultiPaxos {
        /// The leader's site.
        leader: usize,
        /// How many acceptors must vote, the leader's own included.
        quorum: usize,
    },
    /// Multi-Paxos in the steady state, but the acceptors send their votes to the client's site and the
    /// client learns from them itself: never later than by the leader's reply, where the triangle inequality
    /// holds.
    ///
    /// One way from the client to the leader, and then the `quorum`-th smallest of the ways from the leader
    /// by an acceptor to the client.
    MultiPaxosVotesToClient {
        /// The leader's site.
        leader: usize,
        /// How many acceptors must vote, the leader's own included.
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
}

/// The latency that clients see, from their request to their knowing that it is decided, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct WideAreaLatency {
    /// The names of the sites, in the matrix's order.
    pub sites: Vec<String>,
    /// What the client at each of them sees, in milliseconds.
    pub ms: Vec<f64>,
    /// The mean of all the clients, in milliseconds.
    pub mean_ms: f64,
}

impl WideAreaLatency {
    /// What the client at each named site sees, in milliseconds.
    pub fn by_site(&self) -> BTreeMap<String, f64> {
        self.sites.iter().cloned().zip(self.ms.iter().copied()).collect()
    }
}

/// The latency that the client at each site of a matrix sees, when there is nobody else and nothing is
/// computed.
///
/// One way from a to b takes half of the round trip in a's row and b's column, as [`RttMatrix::one_way_us`]
/// says; what stays at a site takes no time, whatever the matrix says of it. `None` if there is no such
/// leader, or no quorum of that size.
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
        | WideArea::MultiPaxos { leader, quorum }
        | WideArea::MultiPaxosVotesToClient { leader, quorum } => (leader, quorum),
        WideArea::FastPaxos { quorum } => (0, quorum),
    };
    (sites.contains(&leader) && (1..=sites.len()).contains(&quorum)).then_some(())?;
    let client_us = |client| Ways(world).client_us(variant, client);
    let ms: Vec<f64> = sites.map(|client| client_us(client) as f64 / 1000.0).collect();
    let mean_ms = ms.iter().sum::<f64>() / ms.len() as f64;
    Some(WideAreaLatency { sites: world.sites().to_vec(), ms, mean_ms })
}

/// The ways between the sites, in microseconds.
struct Ways<'a>(&'a RttMatrix);

impl Ways<'_> {
    fn client_us(&self, variant: WideArea, client: usize) -> u64 {
        match variant {
            WideArea::BasicPaxos { leader, quorum } => {
                let phase_1 = self.quorum_us(leader, leader, majority(self.0.sites().len()));
                phase_1 + self.client_us(WideArea::MultiPaxos { leader, quorum }, client)
            }
            WideArea::MultiPaxos { leader, quorum } => {
                self.one_way_us(client, leader)
                    + self.quorum_us(leader, leader, quorum)
                    + self.one_way_us(leader, client)
            }
            WideArea::MultiPaxosVotesToClient { leader, quorum } => {
                self.one_way_us(client, leader) + self.quorum_us(leader, client, quorum)
            }
            WideArea::FastPaxos { quorum } => self.quorum_us(client, client, quorum),
        }
    }

    /// From `asker` to every acceptor and on to `hearer`, until a quorum has been heard.
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
