//! `OmniPaxos` under the same load, in its fastest configuration and in its default one.

use super::hash::Running;
use super::{Cluster, Payload, Payloads, Point};
use omnipaxos::messages::Message;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::util::{LogEntry, NodeId};
use omnipaxos::{ClusterConfig, OmniPaxos, OmniPaxosConfig, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;
use std::mem;
use std::sync::Arc;

/// An entry of `OmniPaxos`: only the payload. (Our entry also has the client's name and number, so that it executes
/// once.)
#[derive(Clone, Debug)]
struct Command<V>(V);

impl<V: Payload> Entry for Command<V> {
    type Snapshot = NoSnapshot;
}

type Server<V> = OmniPaxos<Command<V>, MemoryStorage<Command<V>>>;

/// The number of commands between two trims of the log. It is large, because each trim costs messages.
const TRIM_EVERY: u64 = 16_384;

/// Servers of `OmniPaxos`, with their own memory storage. The fastest batch size is the number of commands in flight:
/// such a batch is cloned once for each follower, as soon as it is full. The default size of 1 appends commands to the
/// messages one by one.
struct Omni<V: Payload> {
    servers: Vec<Server<V>>,
    executed: Vec<Running>,
    inboxes: Vec<Vec<Message<Command<V>>>>,
    outbox: Vec<Message<Command<V>>>,
    payloads: Payloads<V>,
    messages: u64,
    batch: usize,
    trimmed: u64,
}

/// A cluster of `OmniPaxos`, in its fastest configuration.
///
/// # Panics
/// If there is no such payload.
pub fn cluster(point: Point) -> Box<dyn Cluster> {
    batching(point, point.in_flight)
}

/// A cluster of `OmniPaxos` with batches of this size.
///
/// # Panics
/// If there is no such payload.
pub fn batching(point: Point, batch: usize) -> Box<dyn Cluster> {
    match point.payload {
        <[u8; 16]>::SIZE => Box::new(Omni::<[u8; 16]>::new(point.replicas, batch)),
        <Arc<[u8]>>::SIZE => Box::new(Omni::<Arc<[u8]>>::new(point.replicas, batch)),
        other => panic!("no payload of {other} bytes"),
    }
}

impl<V: Payload> Omni<V> {
    fn new(replicas: u16, batch: usize) -> Self {
        let nodes: Vec<NodeId> = (1..=NodeId::from(replicas)).collect();
        let servers = nodes.iter().map(|&pid| {
            let cluster_config =
                ClusterConfig { configuration_id: 1, nodes: nodes.clone(), flexible_quorum: None };
            let server_config = ServerConfig {
                pid,
                batch_size: batch,
                leader_priority: u32::from(pid == 1),
                ..ServerConfig::default()
            };
            let config = OmniPaxosConfig { cluster_config, server_config };
            config.build(MemoryStorage::default()).expect("a sound configuration")
        });
        let mut omni = Self {
            servers: servers.collect(),
            executed: vec![Running::default(); nodes.len()],
            inboxes: nodes.iter().map(|_| Vec::new()).collect(),
            outbox: Vec::new(),
            payloads: Payloads::new(),
            messages: 0,
            batch,
            trimmed: 0,
        };
        // Time passes only here: the ticks lead to the election, and there are none later.
        for _ in 0..1000 {
            omni.servers.iter_mut().for_each(OmniPaxos::tick);
            omni.run();
            if omni.servers.iter().all(|s| s.get_current_leader() == Some((1, true))) {
                omni.messages = 0;
                return omni;
            }
        }
        panic!("server 1 was not elected");
    }

    /// Delivers messages until none is left.
    fn run(&mut self) {
        loop {
            let mut quiet = true;
            for at in 0..self.servers.len() {
                quiet &= !self.turn(at);
            }
            if quiet {
                break;
            }
        }
    }

    /// Lets one server handle its inbox, execute what is decided, and send messages. Returns whether it sent any.
    fn turn(&mut self, at: usize) -> bool {
        let mut inbox = mem::take(&mut self.inboxes[at]);
        let server = &mut self.servers[at];
        for message in inbox.drain(..) {
            server.handle_incoming(message);
        }
        self.inboxes[at] = inbox;
        let executed = &mut self.executed[at];
        let next = executed.commands as usize;
        if server.get_decided_idx() > next {
            for entry in server.read_decided_suffix(next).into_iter().flatten() {
                if let LogEntry::Decided(Command(payload)) = entry {
                    executed.execute(payload.as_ref());
                }
            }
        }
        server.take_outgoing_messages(&mut self.outbox);
        self.messages += self.outbox.len() as u64;
        let spoke = !self.outbox.is_empty();
        for message in self.outbox.drain(..) {
            let to = message.get_receiver() as usize - 1;
            self.inboxes[to].push(message);
        }
        spoke
    }

    /// Trims what every server has executed, now and then.
    fn trim(&mut self) {
        let everywhere = self.executed.iter().map(|e| e.commands).min().unwrap_or_default();
        if everywhere - self.trimmed < TRIM_EVERY {
            return;
        }
        self.trimmed = everywhere;
        self.servers[0].trim(Some(everywhere as usize)).expect("all have executed it");
        self.run();
    }
}

impl<V: Payload> Cluster for Omni<V> {
    fn round(&mut self, commands: usize) {
        let target = self.executed[0].commands + commands as u64;
        for _ in 0..commands {
            let command = Command(self.payloads.draw());
            assert!(self.servers[0].append(command).is_ok(), "the leader takes what it is given");
        }
        self.run();
        if !commands.is_multiple_of(self.batch) {
            // The last batch is not full, so it is sent at the next tick.
            while self.executed[0].commands < target {
                self.servers.iter_mut().for_each(OmniPaxos::tick);
                self.run();
            }
        }
        assert_eq!(self.executed[0].commands, target, "every command is decided and executed");
        self.trim();
    }

    fn messages(&self) -> u64 {
        self.messages
    }

    fn executed(&self) -> Vec<Running> {
        self.executed.clone()
    }
}
