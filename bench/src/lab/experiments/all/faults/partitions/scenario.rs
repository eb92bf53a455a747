//! The partial partitions: which links are cut.

use super::{END, START, ms};
use paxos_core::{NodeId, Time};
use paxos_transport::sim::Cut;

/// The links that are cut. n0 leads, and n1 is the hub that still reaches a quorum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scenario {
    /// All five are connected only with the hub. The leader hears the hub, and has no quorum.
    QuorumLoss,
    /// The same, and the leader does not notice for as long as the links are cut, because its clock is slow.
    Unaware,
    /// Of five, the leader is isolated, and the others are connected only with the hub, which was isolated before.
    Constrained,
    /// Of three, the leader and the last one are not connected with each other.
    Chained,
}

impl Scenario {
    pub(super) const ALL: [Self; 4] = [Self::QuorumLoss, Self::Unaware, Self::Constrained, Self::Chained];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::QuorumLoss => "quorum loss",
            Self::Unaware => "unaware leader",
            Self::Constrained => "constrained election",
            Self::Chained => "chained",
        }
    }

    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::QuorumLoss => "loss",
            Self::Unaware => "unaware",
            Self::Constrained => "constrained",
            Self::Chained => "chained",
        }
    }

    pub(super) const fn servers(self) -> u16 {
        match self {
            Self::QuorumLoss | Self::Unaware | Self::Constrained => 5,
            Self::Chained => 3,
        }
    }

    pub(super) fn cuts(self) -> Vec<Cut> {
        let cut = |one: u16, others: &[u16], start: u64, end: u64| {
            let to = others.iter().copied().map(NodeId).collect();
            let at = |moment| Time(0).after(ms(moment));
            Cut { from: vec![NodeId(one)], to, both_ways: true, start: at(start), end: at(end) }
        };
        let star = [cut(2, &[3, 4], START, END), cut(3, &[4], START, END)];
        let own: &[Cut] = &match self {
            Self::QuorumLoss | Self::Unaware => vec![cut(0, &[2, 3, 4], START, END)],
            // The hub misses the latest decisions, and returns at the moment when the leader is isolated.
            Self::Constrained => {
                vec![cut(1, &[0, 2, 3, 4], START - 300, START), cut(0, &[1, 2, 3, 4], START, END)]
            }
            Self::Chained => return vec![cut(0, &[2], START, END)],
        };
        own.iter().chain(&star).cloned().collect()
    }
}
