//! From what a user asks for to a configuration.

use crate::lab::quorums::QuorumChoice;
use crate::theory::{Layout, Learning};
use crate::variants::Variant;
use paxos_core::{Campaign, Config, Leadership, QuorumError, Timeouts};

/// A cluster to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The variant.
    pub variant: Variant,
    /// Who plays what.
    pub layout: Layout,
    /// Who hears votes.
    pub learning: Learning,
    /// How many acceptors; in the collapsed layout, how many servers.
    pub acceptors: u16,
    /// How many learners; in the collapsed layout there are as many as servers.
    pub learners: u16,
    /// Whether proposers ask a quorum only.
    pub thrifty: bool,
    /// The quorums.
    pub quorum: QuorumChoice,
}

impl Shape {
    /// So many servers, each in all roles, the leader alone hears votes, and quorums are majorities.
    pub fn collapsed(variant: Variant, servers: u16) -> Self {
        Self {
            variant,
            layout: Layout::Collapsed,
            learning: Learning::Distinguished,
            acceptors: servers,
            learners: servers,
            thrifty: false,
            quorum: QuorumChoice::Majority,
        }
    }

    /// Its configuration, without any timeout.
    ///
    /// # Errors
    /// [`QuorumError`] if the acceptors cannot form such quorums.
    pub fn config(&self) -> Result<Config, QuorumError> {
        let config = match self.layout {
            Layout::Separate => Config::separate(1, self.acceptors, self.learners)?,
            Layout::Collapsed => Config::collapsed(self.acceptors)?,
        };
        Ok(Config {
            quorums: self.quorum.over(config.acceptors())?,
            learning: match self.learning {
                Learning::Everyone => paxos_core::Learning::Everyone,
                Learning::Distinguished => paxos_core::Learning::Distinguished,
            },
            thrifty: self.thrifty,
            timeouts: Timeouts::NEVER,
            campaign: Campaign::Eager,
            leadership: Leadership::Elected { first: config.proposers.smallest() },
            ..config
        })
    }
}
