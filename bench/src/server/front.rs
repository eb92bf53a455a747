//! The front of a member: its client connections, and the state that they share.
//!
//! ```text
//!   clients ──▶ connection ─▶ session ─┬─ replies that need no state, and control commands
//!                (parser)   (MULTI, …) └─ operations ─▶ batcher
//! ```

mod connection;
mod control;
mod expiry;
mod listener;
mod operation;
mod probes;
mod session;
mod table;
mod time;
mod unsupported;

pub use listener::Server;

use super::batcher::Batcher;
use super::batcher::account::Account;
use super::clock::Clocks;
use super::member::Member;
use super::{Peer, Settings};
use crate::kv::Reply;
use crate::server::resp::{CallError, Client, Value};
use core::fmt;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use paxos_core::{NodeId, NodeSet};
use paxos_transport::TcpHandle;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

/// The bytes of unfinished requests, of transactions and of unread replies that all clients together may hold.
const UNFINISHED: usize = 512 << 20;

/// The state that all connections of a server share.
struct Front {
    member: Arc<dyn Member>,
    settings: Settings,
    batcher: Batcher,
    clocks: Arc<Clocks>,
    started: Instant,
    clients: AtomicUsize,
    connections: AtomicU64,
    commands: AtomicU64,
    rejected: AtomicU64,
    account: Arc<Account>,
    closing: watch::Sender<bool>,
    /// Limits the queries of the replica, so that they do not displace commands.
    queries: Semaphore,
    /// Limits the backups, because each holds the values that are overwritten meanwhile.
    backups: Arc<Semaphore>,
}

/// The server's counters.
#[derive(Clone, Copy, Debug)]
struct Counters {
    clients: usize,
    connections: u64,
    commands: u64,
    rejected: u64,
}

impl Front {
    /// A channel that turns true when the server stops.
    fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Counts requests.
    fn count(&self, requests: usize) {
        self.commands.fetch_add(requests as u64, Relaxed);
    }

    fn counters(&self) -> Counters {
        Counters {
            clients: self.clients.load(Relaxed),
            connections: self.connections.load(Relaxed),
            commands: self.commands.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
        }
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The settings by Redis's names.
    fn config(&self) -> Vec<(&'static str, String)> {
        let settings = &self.settings;
        vec![
            ("appendonly", "yes".into()),
            ("databases", "1".into()),
            ("maxclients", settings.clients.to_string()),
            ("maxmemory", "0".into()),
            ("proto-max-bulk-len", settings.bounds.argument.to_string()),
            ("reads", crate::server::reads_name(settings.reads).into()),
            ("save", String::new()),
            ("timeout", "0".into()),
            ("variant", settings.variant.into()),
        ]
    }

    /// The address of a member for clients.
    fn resp_of(&self, id: NodeId) -> &str {
        if id == self.member.id() {
            return &self.settings.resp;
        }
        self.settings.peers.iter().find(|peer| peer.id == id).map_or("", |peer| &peer.resp)
    }

    /// The processes in the cluster's file, and those besides that this member knows: members, removed ones, and those
    /// that have connected. Of these it knows no more than the address for members that they told.
    fn processes(&self) -> Vec<Peer> {
        let mut all = self.settings.peers.clone();
        let mut told = self.settings.carrier.as_ref().map(TcpHandle::peers).unwrap_or_default();
        told.retain(|id, _| id.0 < NodeSet::CAPACITY);
        let members = self.member.members().servers().union(self.member.removed());
        let known: NodeSet = members.iter().chain(told.keys().copied()).collect();
        let listed: NodeSet = all.iter().map(|peer| peer.id).collect();
        all.extend(known.without(listed).iter().map(|id| {
            let (peer, resp) = (told.remove(&id).unwrap_or_default(), String::new());
            Peer { id, peer, resp, spare: true }
        }));
        all.sort_by_key(|peer| peer.id);
        all
    }

    /// The present role of a process.
    fn role_of(&self, peer: &Peer) -> &'static str {
        if self.member.members().servers().contains(peer.id) {
            if self.member.status().leader == Some(peer.id) { "leader" } else { "member" }
        } else if peer.spare && !self.member.removed().contains(peer.id) {
            "spare"
        } else {
            "removed"
        }
    }

    /// Forwards a request to another member.
    async fn forward(&self, to: NodeId, words: &[&str]) -> Result<Reply, String> {
        let address = self.resp_of(to);
        if address.is_empty() {
            return Err(format!("ERR {to} leads, and the cluster's file does not say where clients find it"));
        }
        let asked = timeout(self.settings.patience, self.ask(address, words)).await;
        match asked {
            Ok(Ok(Value::Int(n))) => Ok(Reply::Int(n)),
            Ok(Ok(_)) => Ok(Reply::Ok),
            Ok(Err(CallError::Refused(text))) => Err(text),
            Ok(Err(error)) => Err(format!("ERR {to} at {address} leads but cannot be asked: {error}")),
            Err(_) => Err(format!("ERR {to} at {address} leads but does not answer")),
        }
    }

    async fn ask(&self, address: &str, words: &[&str]) -> Result<Value, CallError> {
        let tls = match &self.settings.tls {
            None => None,
            Some(port) => Some(port.connector().ok_or_else(|| CallError::Refused(format!(
                "ERR only the leader can do this, and [client_tls] in the cluster's file has no `ca` to verify the leader \
                 by: add it, or send the command to {address}"
            )))?),
        };
        let mut client = Client::open(tls.as_ref(), address, self.settings.password.as_deref()).await?;
        client.call(words).await
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("member", &self.member.id()).finish_non_exhaustive()
    }
}
