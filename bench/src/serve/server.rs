//! The front of a member: what all its connections share.

use super::clock::{Clocks, Seen, wall_clock};
use super::connection::{Connection, End};
use super::lanes::{Lanes, Width};
use super::member::Member;
use super::{Peer, Settings};
use crate::kv::{ALLOWANCE, Ops, Reply};
use crate::resp::{CallError, Client, Value};
use core::fmt;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use paxos_core::NodeId;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

/// Bytes of unfinished requests, and of replies that are not taken, of all clients together.
const UNFINISHED: usize = 512 << 20;

/// How long a server that stops waits for its clients' last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How often it is looked whether keys are due, and how the clocks stand.
const TICK: Duration = Duration::from_millis(100);

/// What all connections of a server share.
pub(super) struct Front {
    pub(super) member: Arc<dyn Member>,
    pub(super) settings: Settings,
    pub(super) lanes: Lanes,
    pub(super) clocks: Arc<Clocks>,
    started: Instant,
    clients: AtomicUsize,
    connections: AtomicU64,
    commands: AtomicU64,
    rejected: AtomicU64,
    unfinished: AtomicUsize,
    closing: watch::Sender<bool>,
    /// Few look at the replica at a time, lest they take the places of commands.
    pub(super) lookers: Semaphore,
}

/// What a server has counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    pub(super) clients: usize,
    pub(super) connections: u64,
    pub(super) commands: u64,
    pub(super) rejected: u64,
}

/// A server that listens to clients.
#[derive(Debug)]
pub struct Server {
    front: Arc<Front>,
    listening: tokio::task::JoinHandle<()>,
    ticking: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Serves the clients that come in at `listener` from `member`.
    pub fn start(member: Arc<dyn Member>, listener: TcpListener, settings: Settings) -> Self {
        Self::start_by(Clocks::new(wall_clock), member, listener, settings)
    }

    /// The same by other clocks than those of this machine.
    pub(super) fn start_by(
        clocks: Clocks,
        member: Arc<dyn Member>,
        listener: TcpListener,
        settings: Settings,
    ) -> Self {
        let clocks = Arc::new(clocks);
        let width = Width { writes: settings.lanes, reads: settings.lanes };
        let lanes = Lanes::open(&member, &clocks, settings.reads, width, settings.patience);
        let front = Arc::new(Front {
            member,
            settings,
            lanes,
            clocks,
            started: Instant::now(),
            clients: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            unfinished: AtomicUsize::new(0),
            closing: watch::Sender::new(false),
            lookers: Semaphore::new(8),
        });
        let listening = tokio::spawn(listen(Arc::clone(&front), listener));
        let ticking = tokio::spawn(tick(Arc::clone(&front)));
        Self { front, listening, ticking }
    }

    /// What its connections share.
    #[cfg(test)]
    pub(super) fn front(&self) -> &Front {
        &self.front
    }

    /// Stops listening, lets clients have the answers that they wait for, and closes their connections. The member
    /// goes on.
    pub async fn stop(self) {
        self.listening.abort();
        self.ticking.abort();
        self.front.closing.send_replace(true);
        let gone = async {
            while self.front.clients.load(Relaxed) > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(LAST_ANSWERS, gone).await.is_err() {
            tracing::warn!(clients = self.front.clients.load(Relaxed), "clients wait for answers in vain");
        }
    }
}

async fn listen(front: Arc<Front>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => front.accept(stream, address.to_string()),
            Err(error) => {
                // No more files may be open, most likely: others will be closed.
                tracing::warn!(%error, "a client cannot be accepted; let more files be open, or fewer clients come");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Has the store's time move on where no client's command does it: the leader when a key is due that nobody asks for, and a
/// member when the log does not know yet how its wall clock stands.
async fn tick(front: Arc<Front>) {
    let mut told: Option<Instant> = None;
    loop {
        sleep(TICK).await;
        let id = front.member.id();
        let (sender, seen) = tokio::sync::oneshot::channel();
        let clocks = Arc::clone(&front.clocks);
        let looker = Box::new(move |store: &crate::kv::Store| _ = sender.send(clocks.judge(id, store)));
        if front.member.look(paxos_core::Consistency::Local, looker).await.is_err() {
            continue;
        }
        let Ok(Seen { due, untold }) = seen.await else { continue };
        let leads = front.member.status().leader.is_none_or(|leader| leader == id);
        // A replica that catches up has an old time.
        let often = told.is_some_and(|at| at.elapsed() < Duration::from_millis(ALLOWANCE));
        let tells = untold && !often && front.member.members().servers().contains(id);
        if tells {
            told = Some(Instant::now());
        }
        if tells || (due && leads) {
            let mut ops = Ops::default();
            // Any operation that is not read off the replica would do.
            ops.push(&crate::kv::Op::Delete(Vec::new()));
            drop(front.lanes.run(ops).await);
        }
    }
}

impl Front {
    fn accept(self: &Arc<Self>, stream: TcpStream, address: String) {
        let id = self.connections.fetch_add(1, Relaxed) + 1;
        if self.clients.load(Relaxed) >= self.settings.clients {
            self.rejected.fetch_add(1, Relaxed);
            // It is told if that needs no waiting.
            drop(stream.try_write(b"-ERR max number of clients reached\r\n"));
            return;
        }
        self.clients.fetch_add(1, Relaxed);
        // It is slower without, and no worse.
        drop(stream.set_nodelay(true));
        let front = Arc::clone(self);
        tokio::spawn(async move {
            let gone = Leave(Arc::clone(&front));
            let from = address.clone();
            let end = Connection::new(front, stream, id, address).serve().await;
            match end {
                End::Io(_) | End::Closed => tracing::debug!(client = id, %end, "a client has gone"),
                End::Parse(error) if error.is_foreign() => tracing::warn!(
                    client = id,
                    from,
                    reason = %error,
                    "a client speaks another protocol, perhaps on behalf of a web page, and is let go"
                ),
                End::Parse(_) | End::Slow | End::Full => {
                    tracing::info!(client = id, reason = %end, "a client is let go");
                }
            }
            drop(gone);
        });
    }

    /// Turns true when the server stops.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Changes what a connection holds of unfinished requests; whether all together may hold that.
    pub(super) fn charge(&self, before: usize, now: usize) -> bool {
        if now >= before {
            let more = now - before;
            self.unfinished.fetch_add(more, Relaxed) + more <= UNFINISHED || more == 0
        } else {
            self.unfinished.fetch_sub(before - now, Relaxed);
            true
        }
    }

    /// Counts requests.
    pub(super) fn count(&self, requests: usize) {
        self.commands.fetch_add(requests as u64, Relaxed);
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            clients: self.clients.load(Relaxed),
            connections: self.connections.load(Relaxed),
            commands: self.commands.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
        }
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Settings by Redis's names.
    pub(super) fn config(&self) -> Vec<(&'static str, String)> {
        let settings = &self.settings;
        vec![
            ("appendonly", "yes".into()),
            ("databases", "1".into()),
            ("maxclients", settings.clients.to_string()),
            ("maxmemory", "0".into()),
            ("proto-max-bulk-len", settings.bounds.argument.to_string()),
            ("reads", super::reads_name(settings.reads).into()),
            ("save", String::new()),
            ("timeout", "0".into()),
            ("variant", settings.variant.into()),
        ]
    }

    /// Where clients find a member.
    pub(super) fn resp_of(&self, id: NodeId) -> &str {
        if id == self.member.id() {
            return &self.settings.resp;
        }
        self.settings.peers.iter().find(|peer| peer.id == id).map_or("", |peer| &peer.resp)
    }

    /// What a process of the cluster's file is now.
    pub(super) fn role_of(&self, peer: &Peer) -> &'static str {
        if self.member.members().servers().contains(peer.id) {
            if self.member.status().leader == Some(peer.id) { "leader" } else { "member" }
        } else if peer.spare && !self.member.removed().contains(peer.id) {
            "spare"
        } else {
            "removed"
        }
    }

    /// Asks another member.
    pub(super) async fn forward(&self, to: NodeId, words: &[&str]) -> Result<Reply, String> {
        let address = self.resp_of(to);
        if address.is_empty() {
            return Err(format!("ERR {to} leads, and the cluster's file does not say where clients find it"));
        }
        let asked = timeout(self.settings.patience, self.ask(address, words)).await;
        match asked {
            Ok(Ok(Value::Int(n))) => Ok(Reply::Int(n)),
            Ok(Ok(_)) => Ok(Reply::Ok),
            Ok(Err(CallError::Refused(text))) => Err(text),
            Ok(Err(error)) => Err(format!("ERR {to} at {address} leads and cannot be asked: {error}")),
            Err(_) => Err(format!("ERR {to} at {address} leads and does not answer")),
        }
    }

    async fn ask(&self, address: &str, words: &[&str]) -> Result<Value, CallError> {
        let mut client = Client::connect(address).await?;
        if let Some(password) = &self.settings.password {
            client.call(&["AUTH", password]).await?;
        }
        client.call(words).await
    }
}

/// Counts a client out.
struct Leave(Arc<Front>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("member", &self.member.id()).finish_non_exhaustive()
    }
}
