//! A network within one process.

use super::{Transport, TransportError};
use async_trait::async_trait;
use paxos_core::{Envelope, Message, NodeId, Protocol};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::mpsc;

type Post<P> = (NodeId, Message<P>);

/// Connects any number of hosts in one process. Clones are handles to the same network.
///
/// Each process has an inbox of bounded size. A message that finds it full is lost, and counted: processes never
/// wait for each other.
pub struct MemoryNetwork<P: Protocol> {
    shared: Arc<Shared<P>>,
}

struct Shared<P: Protocol> {
    /// In messages.
    capacity: usize,
    ports: RwLock<BTreeMap<NodeId, Port<P>>>,
    overflowed: AtomicU64,
}

struct Port<P: Protocol> {
    inbox: Option<mpsc::Sender<Post<P>>>,
    cut: bool,
}

impl<P: Protocol> MemoryNetwork<P> {
    /// A network without processes, whose inboxes hold `capacity` messages each.
    pub fn new(capacity: usize) -> Self {
        let shared = Shared {
            capacity: capacity.max(1),
            ports: RwLock::new(BTreeMap::new()),
            overflowed: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Connects the process `id`. A carrier that had this name before is shut off, with all that waits in it.
    pub fn join(&self, id: NodeId) -> MemoryCarrier<P> {
        let (sender, inbox) = mpsc::channel(self.shared.capacity);
        self.at(id, |port| port.inbox = Some(sender));
        MemoryCarrier { id, inbox, network: self.clone() }
    }

    /// Loses what is sent to or by `id` from now on, until [`MemoryNetwork::heal`].
    pub fn cut(&self, id: NodeId) {
        self.at(id, |port| port.cut = true);
    }

    /// Ends what [`MemoryNetwork::cut`] began.
    pub fn heal(&self, id: NodeId) {
        self.at(id, |port| port.cut = false);
    }

    /// How many messages were lost because an inbox was full.
    pub fn overflowed(&self) -> u64 {
        self.shared.overflowed.load(Ordering::Relaxed)
    }

    fn at(&self, id: NodeId, change: impl FnOnce(&mut Port<P>)) {
        let mut ports = self.shared.ports.write().unwrap_or_else(PoisonError::into_inner);
        change(ports.entry(id).or_insert(Port { inbox: None, cut: false }));
    }

    fn post(&self, from: NodeId, batch: &mut Vec<Envelope<P>>) {
        let ports = self.shared.ports.read().unwrap_or_else(PoisonError::into_inner);
        if ports.get(&from).is_none_or(|port| port.cut) {
            batch.clear();
        }
        let inbox_of = |to| ports.get(&to).filter(|port| !port.cut).and_then(|port| port.inbox.as_ref());
        for Envelope { to, message } in batch.drain(..) {
            let mut inboxes = to.iter().filter_map(inbox_of).peekable();
            let mut message = Some(message);
            while let Some(inbox) = inboxes.next() {
                let copy = if inboxes.peek().is_some() { message.clone() } else { message.take() };
                if let Some(message) = copy {
                    self.deliver(inbox, (from, message));
                }
            }
        }
    }

    fn deliver(&self, inbox: &mpsc::Sender<Post<P>>, post: Post<P>) {
        // A process that has left hears nothing, and that is no overflow.
        if let Err(mpsc::error::TrySendError::Full(_)) = inbox.try_send(post) {
            self.shared.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<P: Protocol> Clone for MemoryNetwork<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P: Protocol> fmt::Debug for MemoryNetwork<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.shared.ports.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("MemoryNetwork")
            .field("processes", &ports.keys().collect::<Vec<_>>())
            .field("overflowed", &self.overflowed())
            .finish_non_exhaustive()
    }
}

/// One process's end of a [`MemoryNetwork`].
#[derive(Debug)]
pub struct MemoryCarrier<P: Protocol> {
    id: NodeId,
    inbox: mpsc::Receiver<Post<P>>,
    network: MemoryNetwork<P>,
}

#[async_trait]
impl<P: Protocol> Transport<P> for MemoryCarrier<P> {
    async fn send(&mut self, batch: &mut Vec<Envelope<P>>) -> Result<(), TransportError> {
        self.network.post(self.id, batch);
        Ok(())
    }

    async fn recv(&mut self, inbox: &mut Vec<Post<P>>) -> Result<(), TransportError> {
        match self.inbox.recv_many(inbox, self.inbox.max_capacity()).await {
            0 => Err(TransportError::Replaced),
            _ => Ok(()),
        }
    }
}
