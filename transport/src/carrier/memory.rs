//! A network within one process.

use super::{Transport, TransportError};
use async_trait::async_trait;
use paxos_core::{Envelope, Event, Former, Incarnation, Message, NodeId, Protocol};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::mpsc;

/// Connects any number of hosts in one process. Clones are handles to the same network.
///
/// Each process has an inbox of bounded size. A message for a full inbox is lost and counted, so processes never wait
/// for each other.
pub struct MemoryNetwork<P: Protocol> {
    shared: Arc<Shared<P>>,
}

struct Shared<P: Protocol> {
    /// The size of each inbox, in messages.
    capacity: usize,
    ports: RwLock<BTreeMap<NodeId, Port<P>>>,
    overflowed: AtomicU64,
}

struct Port<P: Protocol> {
    inbox: Option<mpsc::Sender<Event<P>>>,
    cut: bool,
    /// The number of carriers that have joined under this id.
    joined: u64,
}

impl<P: Protocol> MemoryNetwork<P> {
    /// Creates a network without processes, whose inboxes will hold `capacity` messages each.
    pub fn new(capacity: usize) -> Self {
        let shared = Shared {
            capacity: capacity.max(1),
            ports: RwLock::new(BTreeMap::new()),
            overflowed: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Connects the process `id`. The former carrier of that id is disconnected, and the messages in its inbox are
    /// lost.
    pub fn join(&self, id: NodeId) -> MemoryCarrier<P> {
        let (sender, inbox) = mpsc::channel(self.shared.capacity);
        self.at(id, |port| {
            port.inbox = Some(sender);
            port.joined += 1;
        });
        MemoryCarrier {
            id,
            inbox,
            network: self.clone(),
            store: None,
            former: Former::default(),
            met: BTreeMap::new(),
        }
    }

    /// Drops all messages to and from `id` from now on, until [`MemoryNetwork::heal`].
    pub fn cut(&self, id: NodeId) {
        self.at(id, |port| port.cut = true);
    }

    /// Ends a [`MemoryNetwork::cut`].
    pub fn heal(&self, id: NodeId) {
        self.at(id, |port| port.cut = false);
    }

    /// The number of messages lost because an inbox was full.
    pub fn overflowed(&self) -> u64 {
        self.shared.overflowed.load(Ordering::Relaxed)
    }

    fn at(&self, id: NodeId, change: impl FnOnce(&mut Port<P>)) {
        let mut ports = self.shared.ports.write().unwrap_or_else(PoisonError::into_inner);
        change(ports.entry(id).or_insert(Port { inbox: None, cut: false, joined: 0 }));
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
    inbox: mpsc::Receiver<Event<P>>,
    network: MemoryNetwork<P>,
    store: Option<Incarnation>,
    /// The starts that it remembers.
    former: Former,
    /// For each process that was told this store's state: the number of its carrier, and the writes at that time.
    met: BTreeMap<NodeId, (u64, u64)>,
}

impl<P: Protocol> MemoryCarrier<P> {
    fn post(&mut self, batch: &mut Vec<Envelope<P>>) {
        let shared = Arc::clone(&self.network.shared);
        let ports = shared.ports.read().unwrap_or_else(PoisonError::into_inner);
        if ports.get(&self.id).is_none_or(|port| port.cut) {
            batch.clear();
        }
        let reached = |to| ports.get(&to).filter(|port| !port.cut).map(|port| (to, port));
        for Envelope { to, message } in batch.drain(..) {
            let mut receivers = to.iter().filter_map(reached).peekable();
            let mut message = Some(message);
            while let Some((to, port)) = receivers.next() {
                let copy = if receivers.peek().is_some() { message.clone() } else { message.take() };
                if let Some(message) = copy {
                    self.deliver(to, port, message);
                }
            }
        }
    }

    fn deliver(&mut self, to: NodeId, port: &Port<P>, message: Message<P>) {
        // A process that has left receives nothing, and this does not count as an overflow.
        let Some(inbox) = &port.inbox else { return };
        let from = self.id;
        if let Some(store) = self.store
            && self.met.get(&to) != Some(&(port.joined, store.mark.writes))
        {
            match inbox.try_send(Event::Met { from, store, former: self.former.clone() }) {
                Ok(()) => drop(self.met.insert(to, (port.joined, store.mark.writes))),
                Err(error) => return self.lost(&error),
            }
        }
        if let Err(error) = inbox.try_send(Event::Message { from, message }) {
            self.lost(&error);
        }
    }

    fn lost(&self, error: &mpsc::error::TrySendError<Event<P>>) {
        if let mpsc::error::TrySendError::Full(_) = error {
            self.network.shared.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl<P: Protocol> Transport<P> for MemoryCarrier<P> {
    async fn send(&mut self, batch: &mut Vec<Envelope<P>>) -> Result<(), TransportError> {
        self.post(batch);
        Ok(())
    }

    async fn recv(&mut self, inbox: &mut Vec<Event<P>>) -> Result<(), TransportError> {
        match self.inbox.recv_many(inbox, self.inbox.max_capacity()).await {
            0 => Err(TransportError::Replaced),
            _ => Ok(()),
        }
    }

    fn introduce(&mut self, store: Incarnation, former: &Former) {
        (self.store, self.former) = (Some(store), former.clone());
    }
}
