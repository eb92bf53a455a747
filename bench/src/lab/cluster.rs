//! Translates what a user asks for into a configuration.

use crate::lab::quorums::QuorumChoice;
use crate::theory::{Layout, Learning};
use crate::variants::Variant;
use paxos_core::{Campaign, Config, Leadership, QuorumError, Timeouts};

/// A cluster to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The variant.
    pub variant: Variant,
    /// Which process plays which roles.
    pub layout: Layout,
    /// Which processes hear votes.
    pub learning: Learning,
    /// The number of acceptors; in the collapsed layout, of servers.
    pub acceptors: u16,
    /// The number of learners; in the collapsed layout every server is one.
    pub learners: u16,
    /// Whether proposers ask only a quorum.
    pub thrifty: bool,
    /// The quorums.
    pub quorum: QuorumChoice,
}

impl Shape {
    /// This many servers with all roles. Only the leader hears votes, and quorums are majorities.
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

    /// The configuration of the cluster, without any timeout.
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
            learning: self.learning.into(),
            thrifty: self.thrifty,
            timeouts: Timeouts::NEVER,
            campaign: Campaign::Eager,
            leadership: Leadership::Elected { first: config.proposers.smallest() },
            ..config
        })
    }
}
