//! A cluster under faults: its processes, its links, and who is a member now.

use super::clients::Addresses;
use super::members::{Members, Setup};
use super::network::Network;
use super::plan::Aim;
use super::{NemesisError, Standing};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::time::Instant;

/// A cluster that can be harmed.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) members: Members,
    pub(super) network: Network,
    /// The processes that are members now.
    pub(super) current: Vec<usize>,
    /// The spare that runs ahead.
    pub(super) spare: Option<usize>,
    /// The first spare that was never started.
    next: usize,
    /// The members that are down, stopped, or behind disturbed links.
    pub(super) harmed: BTreeSet<usize>,
    /// The number of members that have lost their disks and are still members.
    pub(super) forgetful: usize,
    /// The addresses to which clients connect.
    pub(super) addresses: Arc<Addresses>,
    /// How long anything may take before it counts as a failure.
    pub(super) bound: Duration,
}

impl Cluster {
    /// Starts a new cluster with one spare. What the links draw comes from `seed`.
    pub(super) async fn found(setup: Setup, seed: u64, bound: Duration) -> Result<Self, NemesisError> {
        let nodes = setup.nodes;
        let mut members = Members::new(setup)?;
        let network = Network::between(&members, seed)?;
        members.start_all(bound).await?;
        let mut cluster = Self {
            members,
            network,
            current: (0..nodes).collect(),
            spare: None,
            next: nodes,
            harmed: BTreeSet::new(),
            forgetful: 0,
            addresses: Arc::default(),
            bound,
        };
        cluster.start_spare()?;
        cluster.announce();
        Ok(cluster)
    }

    /// Starts the next spare, if there is one.
    fn start_spare(&mut self) -> Result<(), NemesisError> {
        self.spare = None;
        if self.next < self.members.count() {
            self.members.start(self.next)?;
            self.spare = Some(self.next);
            self.next += 1;
        }
        Ok(())
    }

    /// Returns the running spare, which is to become a member, after the next spare has started and answered a write.
    /// None if no spare runs.
    pub(super) async fn take_spare(&mut self) -> Result<Option<usize>, NemesisError> {
        let taken = self.spare;
        self.start_spare()?;
        if let Some(next) = self.spare {
            self.members.serves(next, self.bound).await?;
        }
        Ok(taken)
    }

    /// The state that decides which faults may happen.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            members: self.current.len(),
            harmed: self.harmed.len(),
            forgetful: self.forgetful,
            spares: self.members.count() - self.next + usize::from(self.spare.is_some()),
        }
    }

    /// Gives the addresses of the members and of the spare to the clients.
    pub(super) fn announce(&self) {
        let all = self.current.iter().chain(&self.spare);
        self.addresses.set(all.map(|nth| self.members.resp[*nth].clone()).collect());
    }

    /// The member that a fault hits: the one that is aimed at, or the next one that is not harmed. None if all are
    /// harmed.
    pub(super) async fn victim(&self, aim: Aim) -> Option<usize> {
        let place = match aim {
            Aim::Nth(nth) => nth,
            Aim::Leader => {
                let leader = self.leader().await;
                self.current.iter().position(|nth| Some(*nth) == leader).unwrap_or_default()
            }
        };
        let count = self.current.len();
        let around = (0..count).map(|more| self.current[(place + more) % count]);
        around.into_iter().find(|nth| !self.harmed.contains(nth))
    }

    /// The leader, according to the first member that is not harmed and names one.
    async fn leader(&self) -> Option<usize> {
        for nth in self.current.iter().filter(|nth| !self.harmed.contains(nth)) {
            if let Some(leader) = self.members.leader(*nth).await {
                return Some(leader);
            }
        }
        None
    }

    /// Waits until each member in turn has answered a write. Returns how long that took.
    pub(super) async fn recover(&mut self) -> Result<Duration, NemesisError> {
        let begun = Instant::now();
        for nth in self.current.clone() {
            self.members.serves(nth, self.bound).await?;
        }
        Ok(begun.elapsed())
    }
}
