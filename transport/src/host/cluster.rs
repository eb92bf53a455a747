//! A whole cluster in one process.

use super::{HostError, Replicated};
use crate::carrier::MemoryNetwork;
use crate::storage::MemoryStorage;
use paxos_core::{Config, NodeId, Protocol, Setup, StateMachine};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The number of messages that an inbox holds: enough for a task that gets no processor for a while.
const INBOX: usize = 1 << 16;

/// The servers of a configuration, one task each, with a network and stores in memory: for first steps, and for tests
/// of an application with real concurrency and failures.
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
    /// As [`Replicated::start`]. Stores in memory do not fail, so only a system without random numbers causes one.
    pub async fn start(
        config: Config,
        machine: impl FnMut(NodeId) -> S + Send + 'static,
    ) -> Result<Self, HostError> {
        Self::start_with(config, P::Options::default(), machine).await
    }

    /// As [`MemoryCluster::start`], with settings of the variant other than its defaults.
    ///
    /// # Errors
    /// As [`MemoryCluster::start`].
    pub async fn start_with(
        config: Config,
        options: P::Options,
        machine: impl FnMut(NodeId) -> S + Send + 'static,
    ) -> Result<Self, HostError> {
        let servers = config.servers();
        let mut cluster = Self {
            config: Arc::new(config),
            options,
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

    /// Starts the process `id`. If it runs, it is stopped first. If it ran before, it starts from what it stored, with
    /// a new state machine. If the configuration gives the id no role, the process is a client.
    ///
    /// # Errors
    /// As [`Replicated::start`].
    pub async fn spawn(&mut self, id: NodeId) -> Result<&Replicated<P, S>, HostError> {
        if let Some(running) = self.members.remove(&id) {
            // The cause of the former incarnation's end does not matter to the next incarnation.
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
            // A process that stopped earlier, for whatever reason, is already in the wanted state.
            member.shutdown().await.ok();
        }
    }
}

impl<P: Protocol, S: StateMachine> MemoryCluster<P, S> {
    /// Returns a process that was started, whether or not it still runs.
    ///
    /// # Panics
    /// If the process does not exist.
    pub fn member(&self, id: NodeId) -> &Replicated<P, S> {
        &self.members[&id]
    }

    /// Returns all processes, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = &Replicated<P, S>> {
        self.members.values()
    }

    /// The network between them.
    pub fn network(&self) -> &MemoryNetwork<P> {
        &self.network
    }

    /// The store of a process.
    ///
    /// # Panics
    /// If the process does not exist.
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
