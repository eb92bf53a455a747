//! The sending side to one peer: two queues, and a task that keeps a connection and writes the queued messages to it.
//! Large messages go in parts, and small ones between the parts, so that no heartbeat waits behind megabytes.

mod queue;
mod resolve;
mod write;

use super::Shared;
use super::frame::{Frame, FrameError, Kind, Reader, Stream, put};
use super::handshake::{self, Failure, Hello, Writer, buffered};
use super::stats::{Count, PeerStats, Reason, Who};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use core::future::ready;
use core::sync::atomic::{AtomicBool, Ordering};
use paxos_core::NodeId;
use queue::Queue;
use resolve::Unresolved;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// The size up to which messages are put into one frame, in bytes.
const FRAME: usize = 1 << 18;

/// A message with more bytes than this is large, and is sent in parts of this size.
const PART: usize = 1 << 16;

/// The receiving end of a peer's queues.
pub(super) struct Waiting {
    small: mpsc::UnboundedReceiver<Bytes>,
    large: mpsc::UnboundedReceiver<Bytes>,
}

/// A peer, from the point of view of the sender.
pub(super) struct Peer {
    pub(super) id: NodeId,
    address: Mutex<String>,
    /// Whether the operator set the address.
    told: AtomicBool,
    /// Notifies the task that it must reconnect or end.
    changed: Notify,
    /// Notifies the task that the peer runs.
    alive: Notify,
    gone: AtomicBool,
    small: Queue,
    /// Messages of more than [`PART`] bytes. They have their own limit, so that no heartbeat is dropped because of
    /// them.
    large: Queue,
    dropped: Count,
    connected: AtomicBool,
}

impl Peer {
    pub(super) fn new(id: NodeId, address: String, told: bool) -> (Arc<Self>, Waiting) {
        let ((small, of_small), (large, of_large)) = (Queue::new(), Queue::new());
        let peer = Self {
            id,
            address: Mutex::new(address),
            told: AtomicBool::new(told),
            changed: Notify::new(),
            alive: Notify::new(),
            gone: AtomicBool::new(false),
            small,
            large,
            dropped: Count::default(),
            connected: AtomicBool::new(false),
        };
        (Arc::new(peer), Waiting { small: of_small, large: of_large })
    }

    /// Queues a message, or drops it if the queue is full.
    pub(super) fn post(&self, message: Bytes, shared: &Shared) {
        let queue = if message.len() > PART { &self.large } else { &self.small };
        if !queue.post(message, shared.options.limits.queue_bytes) {
            self.dropped.add(1);
            shared.counts.dropped_full.add(1);
        }
    }

    /// Counts a message of `queue` that will not reach the peer.
    fn lost(&self, queue: &Queue, message: Bytes, shared: &Shared) {
        queue.taken(&[message]);
        self.dropped.add(1);
        shared.counts.dropped_unreachable.add(1);
    }

    pub(super) fn address(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn move_to(&self, address: String, told: bool) {
        if !told && self.told.load(Ordering::Relaxed) {
            return;
        }
        self.told.store(told, Ordering::Relaxed);
        let mut held = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if *held != address {
            *held = address;
            self.changed.notify_one();
        }
    }

    /// Reconnects with a new greeting.
    pub(super) fn greet_again(&self) {
        self.changed.notify_one();
    }

    /// Ends the pause before the next attempt to connect: the peer has just connected to this process, and may wait for
    /// an answer.
    pub(super) fn runs(&self) {
        self.alive.notify_waiters();
    }

    pub(super) fn forget(&self) {
        self.gone.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    fn say_late(&self, shared: &Shared) {
        tracing::warn!(
            address = self.address(),
            "{} did not accept a connection within {:?}: it does not run, a firewall is in the way, or it is too far away \
             for this time limit, which must be longer than a round trip",
            self.id,
            shared.options.limits.connect
        );
    }

    pub(super) fn stats(&self) -> PeerStats {
        PeerStats {
            connected: self.connected.load(Ordering::Relaxed),
            queued_bytes: [&self.small, &self.large]
                .map(|q| q.bytes.load(Ordering::Relaxed) as u64)
                .iter()
                .sum(),
            dropped: self.dropped.get(),
        }
    }
}

/// Keeps a connection to `peer` for as long as the carrier lives, and sends queued messages.
pub(super) async fn keep(shared: Arc<Shared>, peer: Arc<Peer>, mut waiting: Waiting) {
    let mut backoff = delays(&shared);
    // Whether the log says that the peer is reached. A deliberate reconnection is not logged.
    let mut reached = false;
    // Whether the log says that the peer did not answer in time, since it was last reached.
    let mut late = false;
    let mut unresolved = Unresolved::default();
    while !peer.gone.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let failure = match connect(&shared, &peer, &mut unresolved).await {
            Ok((reader, writer)) => {
                shared.counts.connected.add(1);
                shared.counts.forgive(Who::Node(peer.id));
                late = false;
                if !core::mem::replace(&mut reached, true) {
                    tracing::info!(address = peer.address(), "reaches {}", peer.id);
                }
                peer.connected.store(true, Ordering::Relaxed);
                let (shared, peer) = (&shared, &peer);
                let (heard, out) = (Instant::now(), BytesMut::new());
                let mut link = Link { shared, peer, reader, writer, heard, out, begun: None };
                let failure = link.serve(&mut waiting).await;
                if let Some((message, _)) = link.begun {
                    peer.lost(&peer.large, message, shared);
                }
                peer.connected.store(false, Ordering::Relaxed);
                failure
            }
            Err(failure) => {
                shared.counts.failed.add(1);
                // A time limit shorter than a round trip fails every attempt, so the log must say it.
                let timed_out =
                    matches!(&failure, Failure::Gone(error) if error.kind() == io::ErrorKind::TimedOut);
                if timed_out && !core::mem::replace(&mut late, true) {
                    peer.say_late(&shared);
                }
                Some(failure)
            }
        };
        if reached && (failure.is_some() || peer.gone.load(Ordering::Relaxed)) {
            reached = false;
            tracing::info!("has lost the connection to {}", peer.id);
        }
        match failure {
            // The task must reconnect, or end.
            None => continue,
            Some(Failure::Refused { reason, what }) => {
                shared.counts.complain(Who::Node(peer.id), reason, &what);
            }
            Some(Failure::Gone(error)) => tracing::debug!(peer = %peer.id, %error, "no connection"),
        }
        // Messages queued for an unreachable peer would be stale when it is reached.
        for (queue, waiting) in [(&peer.small, &mut waiting.small), (&peer.large, &mut waiting.large)] {
            while let Ok(message) = waiting.try_recv() {
                peer.lost(queue, message, &shared);
            }
        }
        if begun.elapsed() > shared.options.limits.silence {
            backoff = delays(&shared);
        }
        let pause = backoff.next().unwrap_or(shared.options.limits.backoff.1);
        tokio::select! {
            () = sleep(pause) => {}
            () = peer.changed.notified() => {}
            // Not at once: it may connect again and again, and refuse every connection.
            () = async { peer.alive.notified().await; sleep(shared.options.limits.backoff.0).await } => {}
        }
    }
}

fn delays(shared: &Shared) -> ExponentialBackoff {
    let (low, high) = shared.options.limits.backoff;
    ExponentialBuilder::new()
        .with_min_delay(low)
        .with_max_delay(high)
        .without_max_times()
        .with_jitter()
        .build()
}

/// Connects, and completes the handshake.
async fn connect(
    shared: &Shared,
    peer: &Peer,
    unresolved: &mut Unresolved,
) -> Result<(Reader, Writer), Failure> {
    let limits = &shared.options.limits;
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let addresses = unresolved.resolve(peer.id, &peer.address(), limits.handshake).await?;
    let mut reached = Err(io::Error::from(io::ErrorKind::NotFound));
    for address in addresses {
        reached = timeout(limits.connect, TcpStream::connect(address)).await.map_err(late).flatten();
        if reached.is_ok() {
            break;
        }
    }
    let stream = reached?;
    let greet = async {
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match shared.tls() {
            None => Box::new(stream),
            Some(tls) => {
                let name = tls.name_of(peer.id)?;
                Box::new(tls.connector.connect(name, buffered(stream)).await.map_err(Failure::of_io)?)
            }
        };
        let (mut reader, mut writer) = handshake::split(stream);
        let advertised = shared.options.advertise.clone();
        let hello = Hello::new(&shared.options.identity, peer.id, advertised, shared.store());
        handshake::dial(&hello, &mut reader, &mut writer).await?;
        Ok((reader, writer))
    };
    let silent = |_| Failure::silent("the peer did not answer the greeting", limits.handshake);
    timeout(limits.handshake, greet).await.map_err(silent)?
}

/// A connection to send on.
struct Link<'a> {
    shared: &'a Shared,
    peer: &'a Peer,
    reader: Reader,
    writer: Writer,
    /// When the peer last said something.
    heard: Instant,
    /// The bytes to be written next.
    out: BytesMut,
    /// A large message, and the number of its bytes that were sent.
    begun: Option<(Bytes, usize)>,
}

impl Link<'_> {
    /// Sends queued messages until something fails or the link must reconnect or end.
    async fn serve(&mut self, waiting: &mut Waiting) -> Option<Failure> {
        let limits = &self.shared.options.limits;
        let mut ticks = interval(limits.ping);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut messages = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = self.peer.changed.notified() => return None,
                answer = self.reader.next() => match self.hear(answer) {
                    Ok(()) => continue,
                    Err(failure) => return Some(failure),
                },
                _ = ticks.tick() => {
                    if self.heard.elapsed() > limits.silence {
                        return Some(Failure::silent("the peer did not answer", limits.silence));
                    }
                    put(Kind::Ping, &mut self.out, |_| {});
                }
                n = waiting.small.recv_many(&mut messages, 4096) => if n == 0 {
                    return None;
                },
                large = waiting.large.recv(), if self.begun.is_none() => match large {
                    Some(message) => self.begun = Some((message, 0)),
                    None => return None,
                },
                () = ready(()), if self.begun.is_some() => {}
            }
            let (begun, before) = (Instant::now(), self.heard);
            let sent = self.write(&messages, &mut waiting.large).await;
            // The time of writing is no silence: the peer takes what is written.
            self.heard = self.heard.max(before + begun.elapsed());
            self.peer.small.taken(&messages);
            messages.clear();
            if let Err(failure) = sent {
                return Some(failure);
            }
        }
    }

    /// Takes what the peer says on this connection: that it hears, or why it hears no longer.
    fn hear(&mut self, answer: Result<Option<Frame>, FrameError>) -> Result<(), Failure> {
        match answer? {
            Some(frame) if frame.kind == Kind::Refusal => Err(handshake::refusal(self.peer.id, &frame.body)),
            Some(_) => {
                self.heard = Instant::now();
                Ok(())
            }
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// The longest message that fits into a frame of `frame_bytes`.
pub(super) fn longest(frame_bytes: usize) -> usize {
    frame_bytes.saturating_sub(12).min(u32::MAX as usize - 12)
}

/// The error for a peer that sends on a connection on which it may only receive.
pub(super) fn out_of_turn() -> Failure {
    Failure::refused(Reason::Damaged, FrameError::Damaged.to_string())
}
