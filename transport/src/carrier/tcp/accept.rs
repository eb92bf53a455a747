//! The receiving side: peers connect and identify themselves, and then their messages are read.

use super::Shared;
use super::frame::{Assembly, FrameError, Kind, Part, Reader, Stream, messages};
use super::handshake::{self, Failure, Hello, Writer, buffered};
use super::link::out_of_turn;
use super::stats::{Reason, Who};
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use paxos_core::{Former, Incarnation, Message, NodeId, StoreMark};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

/// The messages of one frame, and the room that they take until the host has them.
pub(super) struct Arrived<P: paxos_core::Protocol> {
    pub(super) from: NodeId,
    /// The number of the connection on which they arrived.
    pub(super) number: u64,
    /// The sender's store when it sent the messages.
    pub(super) store: Option<(Incarnation, Former)>,
    pub(super) messages: Vec<Message<P>>,
    pub(super) _room: tokio::sync::OwnedSemaphorePermit,
}

/// Accepts connections until the carrier is dropped.
pub(super) async fn listen<P: crate::Portable>(
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedSender<Arrived<P>>,
) {
    // Connections whose peer has not identified itself yet, oldest first.
    let mut greeting: VecDeque<AbortHandle> = VecDeque::new();
    let mut number = 0;
    loop {
        let (stream, address) = match next(&shared).await {
            None => return,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                // The most likely cause is too many open files, which passes.
                tracing::warn!(%error, "cannot take a connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        greeting.retain(|task| !task.is_finished());
        if greeting.len() >= shared.options.limits.greetings.max(1)
            && let Some(oldest) = greeting.pop_front()
        {
            oldest.abort();
            let what = "too many connections have not identified themselves";
            shared.counts.complain(Who::Address(address.ip()), Reason::Crowded, &what);
        }
        number += 1;
        let task = greet(Arc::clone(&shared), stream, address, number, inbox.clone());
        greeting.extend(shared.spawn(task));
    }
}

/// Returns the next connection; `None` if the carrier is gone.
async fn next(shared: &Shared) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    poll_fn(|cx| {
        // The carrier takes the listener away when it is dropped, so that its port is free at once.
        match &*shared.listener.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Poll::Ready(None),
            Some(listener) => listener.poll_accept(cx).map(Some),
        }
    })
    .await
}

/// Finds out who connects. If it is a peer, a separate task reads its messages.
async fn greet<P: crate::Portable>(
    shared: Arc<Shared>,
    stream: TcpStream,
    address: SocketAddr,
    number: u64,
    inbox: mpsc::UnboundedSender<Arrived<P>>,
) {
    let limit = shared.options.limits.handshake;
    let mut who = Who::Address(address.ip());
    let greeted = timeout(limit, understand(&shared, stream, &mut who)).await;
    match greeted.unwrap_or_else(|_| Err(Failure::silent("it did not identify itself", limit))) {
        Ok((Hello { from, store, former, .. }, mut reader, writer)) => {
            shared.counts.accepted.add(1);
            shared.counts.forgive(Who::Node(from));
            shared.counts.forgive(Who::Address(address.ip()));
            reader.trust(shared.options.limits.frame_bytes);
            let (large, of) = (Assembly::default(), Arc::clone(&shared));
            let store = store.map(|store| (store, Former::new(&former)));
            let read = Receiver { shared: of, from, number, store, reader, writer, large, inbox };
            shared.install(from, number, read.run());
        }
        Err(Failure::Refused { reason, what }) => shared.counts.complain(who, reason, &what),
        Err(Failure::Gone(error)) => tracing::debug!(peer = %who, %error, "a connection ended early"),
    }
}

async fn understand(
    shared: &Arc<Shared>,
    stream: TcpStream,
    who: &mut Who,
) -> Result<(Hello, Reader, Writer), Failure> {
    stream.set_nodelay(true)?;
    let mut certificate = None;
    let tls = shared.tls();
    let stream: Box<dyn Stream> = match &tls {
        None => Box::new(stream),
        Some(tls) => {
            let stream = tls.acceptor.accept(buffered(stream)).await.map_err(Failure::of_io)?;
            certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
            Box::new(stream)
        }
    };
    let (mut reader, mut writer) = handshake::split(stream);
    let judged = match handshake::hear(&mut reader).await {
        Ok(hello) => {
            let proven = tls.as_ref().is_none_or(|tls| {
                certificate.as_ref().is_some_and(|certificate| tls.is_of(certificate, hello.from))
            });
            if proven {
                *who = Who::Node(hello.from);
                judge(shared, &hello).map(|()| hello)
            } else {
                let what =
                    format!("it calls itself {}, but its certificate names another process", hello.from);
                Err(Failure::refused(Reason::WrongName, what))
            }
        }
        Err(failure) => Err(failure),
    };
    match judged {
        Ok(hello) => {
            handshake::welcome(&mut writer).await?;
            if let Some(address) = &hello.address {
                shared.set_peer(hello.from, address.clone(), false);
            }
            if let Some(peer) = shared.peers.read().unwrap_or_else(PoisonError::into_inner).get(&hello.from) {
                peer.runs();
            }
            Ok((hello, reader, writer))
        }
        Err(failure) => {
            if let Failure::Refused { reason, what } = &failure {
                // The peer may already have gone away.
                handshake::refuse(&mut writer, *reason, what).await.ok();
            }
            Err(failure)
        }
    }
}

fn judge(shared: &Shared, hello: &Hello) -> Result<(), Failure> {
    hello.check(&shared.options.identity)?;
    if shared.has_room_for(hello.from) {
        Ok(())
    } else {
        Err(Failure::refused(Reason::Crowded, "too many processes are connected"))
    }
}

/// Reads the messages of one peer.
struct Receiver<P: paxos_core::Protocol> {
    shared: Arc<Shared>,
    from: NodeId,
    /// The number of this connection.
    number: u64,
    /// The peer's store at the time of its greeting, and the starts that it remembers.
    store: Option<(Incarnation, Former)>,
    reader: Reader,
    writer: Writer,
    /// The parts of a large message that have arrived.
    large: Assembly,
    inbox: mpsc::UnboundedSender<Arrived<P>>,
}

/// Decodes a message. Its frame was undamaged, so an unreadable message was written by a different kind of program.
fn decode<P: crate::Portable>(message: &[u8]) -> Result<Message<P>, FrameError> {
    match postcard::take_from_bytes(message) {
        Ok((message, [])) => Ok(message),
        _ => Err(FrameError::Damaged),
    }
}

impl<P: crate::Portable> Receiver<P> {
    async fn run(mut self) {
        match self.read().await {
            Ok(()) => {}
            Err(Failure::Refused { reason, what }) => {
                // A peer that learns the reason can tell its operator; it connects again in any case.
                let told = handshake::refuse(&mut self.writer, reason, &what);
                timeout(self.shared.options.limits.silence, told).await.ok();
                self.shared.counts.complain(Who::Node(self.from), reason, &what);
            }
            Err(Failure::Gone(error)) => tracing::debug!(peer = %self.from, %error, "its connection ended"),
        }
    }

    /// Reads until the other side closes the connection.
    async fn read(&mut self) -> Result<(), Failure> {
        let limits = self.shared.options.limits;
        // A peer pings once per `ping`, so a silent one is disconnected.
        let patience = limits.silence.saturating_add(limits.ping).saturating_mul(2);
        let mut answered = Instant::now();
        loop {
            let Some(frame) = self.reader.whole()? else {
                let more = timeout(patience, self.reader.more()).await;
                if !more.map_err(|_| Failure::silent("it said nothing", patience))?? {
                    return Ok(());
                }
                // On a slow link, what the peer sent before its next ping takes longer than it waits for an answer.
                if answered.elapsed() >= limits.ping {
                    self.answer().await?;
                    answered = Instant::now();
                }
                continue;
            };
            self.shared.counts.frames_received.add(1);
            match frame.kind {
                Kind::Messages => {
                    let (writes, messages) = messages(&frame.body)?;
                    let messages = messages.map(|message| decode(message?)).collect::<Result<_, _>>()?;
                    self.hand_over(writes, messages, frame.body.len()).await;
                }
                Kind::Part => {
                    let part = Part::read(&frame.body)?;
                    if let Some(message) = self.large.take(part, limits.frame_bytes)? {
                        self.hand_over(part.writes, vec![decode(&message)?], message.len()).await;
                    }
                }
                Kind::Ping => {
                    self.answer().await?;
                    answered = Instant::now();
                }
                Kind::Hello | Kind::Welcome | Kind::Refusal | Kind::Pong => return Err(out_of_turn()),
            }
        }
    }

    /// Tells the peer that what it sends arrives.
    async fn answer(&mut self) -> Result<(), Failure> {
        let silence = self.shared.options.limits.silence;
        let answer = handshake::send(&mut self.writer, Kind::Pong, &[]);
        let sent = timeout(silence, answer).await;
        Ok(sent.map_err(|_| Failure::silent("it does not take an answer", silence))??)
    }

    /// Passes messages that took `bytes` bytes to the host. While the host holds too many, nothing more is read, so
    /// that the sender notices.
    async fn hand_over(&mut self, writes: u64, messages: Vec<Message<P>>, bytes: usize) {
        let store = self.store.as_ref().map(|(store, former)| {
            (Incarnation { mark: StoreMark { writes, ..store.mark }, ..*store }, former.clone())
        });
        let counts = &self.shared.counts;
        counts.bytes_received.add(bytes as u64);
        counts.messages_received.add(messages.len() as u64);
        let (from, number) = (self.from, self.number);
        let room = bytes.clamp(1, self.shared.room) as u32;
        let room = Arc::clone(&self.shared.inbox).acquire_many_owned(room).await;
        // Neither the semaphore nor the inbox is closed before this task ends.
        if let Ok(room) = room {
            drop(self.inbox.send(Arrived { from, number, store, messages, _room: room }));
        }
    }
}
