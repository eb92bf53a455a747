//! A whole cluster in one process.

use super::{HostError, Replicated};
use crate::carrier::MemoryNetwork;
use crate::storage::MemoryStorage;
use paxos_core::{Config, NodeId, Protocol, Setup, StateMachine};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Messages that an inbox holds: enough for a task that gets no processor for a while.
const INBOX: usize = 1 << 16;

/// The servers of a configuration, each a task of its own, with a network and stores in memory: for first steps,
/// and for tests of an application against real concurrency and failures.
pub struct MemoryCluster<P: Protocol, S: StateMachine> {
    config: Arc<Config>,
    options: P::Options,
    machine: Box<dyn FnMut(NodeId) -> S + Send>,
    network: MemoryNetwork<P>,
    stores: BTreeMap<NodeId, MemoryStorage<P>>,
    members: BTreeMap<NodeId, Replicated<P, S>>,
}

impl<P, S> MemoryCluster<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply> + Send + 'static,
{
    /// Starts every server of `config`, each with the state machine that `machine` makes for it.
    ///
    /// # Errors
    /// None: stores in memory can be read.
    pub async fn start(
        config: Config,
        options: &P::Options,
        machine: impl FnMut(NodeId) -> S + Send + 'static,
    ) -> Result<Self, HostError> {
        let servers = config.servers();
        let mut cluster = Self {
            config: Arc::new(config),
            options: options.clone(),
            machine: Box::new(machine),
            network: MemoryNetwork::new(INBOX),
            stores: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        for id in servers.iter() {
            cluster.spawn(id).await?;
        }
        Ok(cluster)
    }

    /// Starts the process `id`. One that runs is stopped first; one that ran before starts from what it stored,
    /// with a new state machine. An id to which the configuration gives no role becomes a client.
    ///
    /// # Errors
    /// As [`Replicated::start`].
    pub async fn spawn(&mut self, id: NodeId) -> Result<&Replicated<P, S>, HostError> {
        if let Some(running) = self.members.remove(&id) {
            // What ended the former life does not matter to the next.
            running.shutdown().await.ok();
        }
        let setup = Setup { id, config: Arc::clone(&self.config), options: self.options.clone() };
        let storage = self.stores.entry(id).or_default().clone();
        let carrier = Box::new(self.network.join(id));
        let member = Replicated::start(setup, (self.machine)(id), carrier, Box::new(storage)).await?;
        Ok(self.members.entry(id).or_insert(member))
    }

    /// Stops every process.
    pub async fn shutdown(self) {
        for member in self.members.values() {
            // Who stopped before, for whatever reason, is where it should be.
            member.shutdown().await.ok();
        }
    }
}

impl<P: Protocol, S: StateMachine> MemoryCluster<P, S> {
    /// A process that was started, whether or not it still runs.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn member(&self, id: NodeId) -> &Replicated<P, S> {
        &self.members[&id]
    }

    /// All processes, in the order of their names.
    pub fn members(&self) -> impl Iterator<Item = &Replicated<P, S>> {
        self.members.values()
    }

    /// The network between them.
    pub fn network(&self) -> &MemoryNetwork<P> {
        &self.network
    }

    /// What a process stores.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn storage(&self, id: NodeId) -> &MemoryStorage<P> {
        &self.stores[&id]
    }
}

impl<P: Protocol, S: StateMachine> fmt::Debug for MemoryCluster<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCluster")
            .field("members", &self.members)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}
