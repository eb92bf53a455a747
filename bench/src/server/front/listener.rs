//! The server: it accepts clients, and advances the store's time when no client does.

use super::connection::{Connection, End, LINGER};
use super::probes::Watch;
use super::{Front, UNFINISHED};
use crate::kv::{ALLOWANCE, Ops};
use crate::server::Settings;
use crate::server::batcher::account::Account;
use crate::server::batcher::{Batcher, Width};
use crate::server::clock::{Clocks, Seen, wall_clock};
use crate::server::member::Member;
use crate::server::tls::{Refusal, Stream};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use paxos_transport::TcpHandle;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long a server that stops waits for its clients' last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How often it is looked whether keys are due, and how the clocks stand.
const TICK: Duration = Duration::from_millis(100);

/// How many backups a member hands out at a time.
const BACKUPS: usize = 4;

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
        let width = Width { writes: settings.batches, reads: settings.batches };
        let account = Account::new(UNFINISHED);
        let batcher = Batcher::open(&member, (&clocks, &account), settings.reads, width, settings.patience);
        let front = Arc::new(Front {
            member,
            settings,
            batcher,
            clocks,
            started: Instant::now(),
            clients: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            account,
            closing: watch::Sender::new(false),
            queries: Semaphore::new(8),
            backups: Arc::new(Semaphore::new(BACKUPS)),
        });
        let listening = tokio::spawn(listen(Arc::clone(&front), listener));
        let ticking = tokio::spawn(tick(Arc::clone(&front)));
        Self { front, listening, ticking }
    }

    /// What its connections share.
    #[cfg(test)]
    pub(super) fn front(&self) -> &Arc<Front> {
        &self.front
    }

    /// What is told of it to those who watch over processes.
    pub(in crate::server) fn watch(&self, carrier: TcpHandle) -> Arc<Watch> {
        Watch::new(Arc::clone(&self.front), carrier)
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

/// Has the store's time move on where no client's command does it: the leader when a key is due that nobody asks for,
/// and a member when the log does not know yet how its wall clock stands.
async fn tick(front: Arc<Front>) {
    let mut told: Option<Instant> = None;
    loop {
        sleep(TICK).await;
        let id = front.member.id();
        let (sender, seen) = tokio::sync::oneshot::channel();
        let clocks = Arc::clone(&front.clocks);
        let query = Box::new(move |store: &crate::kv::Store| _ = sender.send(clocks.judge(id, store)));
        if front.member.query(paxos_core::Consistency::Local, query).await.is_err() {
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
            drop(front.batcher.run(ops).await);
        }
    }
}

impl Front {
    fn accept(self: &Arc<Self>, stream: TcpStream, address: String) {
        let id = self.connections.fetch_add(1, Relaxed) + 1;
        if self.clients.load(Relaxed) >= self.settings.clients {
            self.rejected.fetch_add(1, Relaxed);
            if self.settings.tls.is_none() {
                // It is told if that needs no waiting.
                drop(stream.try_write(b"-ERR max number of clients reached\r\n"));
            }
            return;
        }
        self.clients.fetch_add(1, Relaxed);
        // It is slower without, and no worse.
        drop(stream.set_nodelay(true));
        let front = Arc::clone(self);
        tokio::spawn(async move {
            let gone = Leave(Arc::clone(&front));
            let from = address.clone();
            let end = match front.greet(stream).await {
                Ok(stream) => Connection::new(front, stream, id, address).serve().await,
                Err(end) => end,
            };
            match end {
                End::Io(_) | End::Closed | End::Refused(Refusal::Gone) => {
                    tracing::debug!(client = id, %end, "a client has gone");
                }
                End::Refused(_) => tracing::warn!(client = id, from, reason = %end, "a client is refused"),
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
}

impl Front {
    /// Takes the handshake of a client, where the port speaks TLS.
    async fn greet(&self, stream: TcpStream) -> Result<Stream, End> {
        let Some(tls) = &self.settings.tls else { return Ok(Stream::Plain(stream)) };
        let mut closing = self.closing();
        let (refusal, stream) = tokio::select! {
            greeted = tls.accept(stream) => match greeted {
                Ok(stream) => return Ok(stream),
                Err(refused) => refused,
            },
            _ = closing.wait_for(|closing| *closing) => return Err(End::Closed),
        };
        if let Some(mut stream) = stream {
            let told = async {
                if let Refusal::Plain = refusal {
                    stream.write(format!("-{refusal}\r\n").as_bytes()).await?;
                }
                stream.discard().await
            };
            // It goes away in any case.
            drop(timeout(LINGER, told).await);
        }
        Err(refusal.into())
    }
}

/// Counts a client out.
struct Leave(Arc<Front>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Relaxed);
    }
}
