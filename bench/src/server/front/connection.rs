//! One connection of a client.

use super::Front;
use super::control;
use super::session::{Session, Step};
use crate::kv::{Ops, Reply};
use crate::server::batcher::account::{Charge, SMALL};
use crate::server::batcher::{Answers, or_failure};
use crate::server::resp::{Bounds, Encoder, ParseError, Parser, Version, encode};
use crate::server::tls::{Refusal, Stream};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Requests that are answered together at most.
const TOGETHER: usize = 1024;

/// Bytes of operations that are given to the store together at most.
const TOGETHER_BYTES: usize = 1 << 20;

/// Bytes of replies that are gathered before they are sent. A buffer of so many has less than twice the room.
const GATHERED: usize = SMALL / 2;

/// Bytes that are read at a time.
const READ: usize = 16 << 10;

/// How long a client that broke the rules may go on sending, so that it comes to read what it is told.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The client closed it, or the network did.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It says what is no request.
    #[error("{0}")]
    Parse(#[from] ParseError),
    /// There is no TLS with it, where the port speaks TLS.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// It does not read its replies.
    #[error("the client reads no replies")]
    Slow,
    /// All clients together have too much that is not whole, or not taken.
    #[error("ERR all clients together have too much under way; ask for less at a time")]
    Full,
    /// It said good-bye, or the server stops.
    #[error("closed")]
    Closed,
}

/// The answer to a request, in order.
enum Slot {
    Now(Reply, Version),
    /// That of the next operation.
    Next(Version),
}

impl Slot {
    /// The bytes that it holds already.
    fn bytes(&self) -> u64 {
        match self {
            Self::Now(reply, _) => reply.bytes(),
            Self::Next(_) => 0,
        }
    }
}

pub(super) struct Connection {
    front: Arc<Front>,
    stream: Stream,
    session: Session,
    parser: Parser,
    input: Vec<u8>,
    /// What its requests and its session hold of the memory for all clients.
    held: Charge,
    /// What its answers that are not the store's hold of it.
    owed: Charge,
    out: Vec<u8>,
    /// The bytes of the operations that the store is asked for.
    asked: usize,
    ops: Ops,
    slots: Vec<Slot>,
}

impl Connection {
    pub(super) fn new(front: Arc<Front>, stream: Stream, id: u64, address: String) -> Self {
        let session = Session::new(Arc::clone(&front), id, address);
        Self {
            parser: Parser::new(bounds(&session, &front)),
            held: front.account.holder(),
            owed: front.account.holder(),
            front,
            stream,
            session,
            input: Vec::new(),
            out: Vec::new(),
            asked: 0,
            ops: Ops::default(),
            slots: Vec::new(),
        }
    }

    /// Serves until the connection ends; says why to a client that broke the rules.
    pub(super) async fn serve(mut self) -> End {
        let Err(end) = self.run().await;
        match end {
            End::Parse(_) | End::Full => {
                // Nothing more comes of what it asked for, and others may need the room.
                self.input = Vec::new();
                self.session.forget();
                self.held.set(0);
                self.owed.set(0);
                encode(&Reply::refused(end.to_string()), self.session.version(), &mut self.out);
                // It goes away in any case.
                drop(self.send().await);
                if !matches!(end, End::Parse(error) if error.is_foreign()) {
                    drop(timeout(LINGER, self.stream.discard()).await);
                }
            }
            // Without the last record of TLS, a client cannot tell this end from an attack. It is sent if that needs no
            // waiting.
            End::Closed => drop(timeout(Duration::ZERO, self.stream.shutdown()).await),
            End::Io(_) | End::Refused(_) | End::Slow => {}
        }
        end
    }

    async fn run(&mut self) -> Result<core::convert::Infallible, End> {
        let mut closing = self.front.closing();
        loop {
            let received = tokio::select! {
                // A connection that is idle holds no memory for what may come.
                received = self.stream.receive(&mut self.input, READ) => received?,
                _ = closing.wait_for(|closing| *closing) => return Err(End::Closed),
            };
            if received == 0 {
                return Err(End::Closed);
            }
            self.account()?;
            self.answer_all().await?;
            self.send().await?;
            self.out = Vec::new();
            if self.session.is_closing() {
                return Err(End::Closed);
            }
        }
    }

    /// Charges what it asks for to the account of all. A client that asks for little is never refused.
    fn account(&mut self) -> Result<(), End> {
        let kept = Some(self.session.bytes()).filter(|bytes| *bytes > SMALL).unwrap_or_default();
        let now = large(&self.input) + self.asked + kept;
        if self.held.set(now) { Ok(()) } else { Err(End::Full) }
    }

    /// Answers all requests that have come in whole.
    async fn answer_all(&mut self) -> Result<(), End> {
        let mut taken = 0;
        loop {
            let input = self.input.get(taken..).unwrap_or_default();
            let step = match self.parser.next(input) {
                Err(error) => {
                    // Those before it are answered.
                    self.flush().await?;
                    return Err(error.into());
                }
                Ok(None) => break,
                Ok(Some((request, length))) => {
                    taken += length;
                    if request.is_empty() {
                        continue;
                    }
                    let words: Vec<&[u8]> = request.words().collect();
                    self.session.take(&words, &mut self.ops)
                }
            };
            let version = self.session.version();
            match step {
                Step::Answer(reply) => self.slots.push(Slot::Now(reply, version)),
                Step::Waits => self.slots.push(Slot::Next(version)),
                Step::Control(control, words) => {
                    // It may take long: those before it are not kept waiting for their answers.
                    self.flush().await?;
                    self.send().await?;
                    let reply = control::run(control, words, &mut self.session, &self.front).await;
                    self.front.count(1);
                    // What was executed is answered, however much the others hold.
                    let bytes = usize::try_from(reply.bytes()).unwrap_or(usize::MAX);
                    _ = self.owed.set(Some(bytes).filter(|bytes| *bytes > SMALL).unwrap_or(0));
                    self.put(&reply, version).await?;
                    self.owed.set(0);
                }
            }
            if self.session.is_closing() {
                break;
            }
            self.parser.set_bounds(bounds(&self.session, &self.front));
            if self.slots.len() >= TOGETHER || self.ops.bytes().len() >= TOGETHER_BYTES {
                self.flush().await?;
            }
        }
        self.input.drain(..taken);
        if self.input.len() < READ / 16 {
            // Whoever has begun a request and goes no further is as good as idle.
            self.input.shrink_to_fit();
        }
        self.flush().await?;
        self.account()
    }

    /// Has the waiting operations done, and puts all replies in order.
    async fn flush(&mut self) -> Result<(), End> {
        if self.slots.is_empty() {
            return Ok(());
        }
        self.front.count(self.slots.len());
        let (slots, ops) = (std::mem::take(&mut self.slots), std::mem::take(&mut self.ops));
        let known: u64 = slots.iter().map(Slot::bytes).sum();
        if !self.owed.set(usize::try_from(known).ok().filter(|bytes| *bytes > SMALL).unwrap_or(0)) {
            // None of the operations has begun.
            return Err(End::Full);
        }
        if ops.bytes().len() > SMALL {
            self.asked = ops.bytes().len();
            self.account()?;
        }
        let none = || Answers::Failed("".into());
        let mut answers = if ops.count() == 0 { none() } else { self.front.batcher.run(ops).await };
        self.asked = 0;
        let mut next = 0;
        for slot in slots {
            match slot {
                Slot::Now(reply, version) => self.put(&reply, version).await?,
                Slot::Next(version) => {
                    if let Some(rest) = answers.rest(next) {
                        // The answers before make room for these.
                        self.send().await?;
                        drop(std::mem::replace(&mut answers, none()));
                        answers = self.front.batcher.run(rest).await;
                        next = 0;
                    }
                    match answers.get(next) {
                        Some(reply) => self.put(reply, version).await?,
                        None => self.put(&or_failure(&answers, next), version).await?,
                    }
                    next += 1;
                }
            }
        }
        self.owed.set(0);
        Ok(())
    }

    /// Encodes a reply, and sends what is gathered whenever it is enough.
    async fn put(&mut self, reply: &Reply, version: Version) -> Result<(), End> {
        let mut encoder = Encoder::begin(reply, version, &mut self.out);
        while !encoder.fill(&mut self.out, GATHERED) {
            self.send().await?;
        }
        if self.out.len() >= GATHERED {
            self.send().await?;
        }
        Ok(())
    }

    /// Sends what is gathered. A client that takes nothing for too long is let go.
    async fn send(&mut self) -> Result<(), End> {
        let mut sent = 0;
        let slow = self.front.settings.slow;
        while let Some(rest) = self.out.get(sent..).filter(|rest| !rest.is_empty()) {
            sent += timeout(slow, self.stream.write(rest)).await.map_err(|_| End::Slow)??;
        }
        timeout(slow, self.stream.flush()).await.map_err(|_| End::Slow)??;
        self.out.clear();
        Ok(())
    }
}

/// The bytes of a buffer, if they are worth counting.
fn large(buffer: &Vec<u8>) -> usize {
    if buffer.len() > SMALL { buffer.capacity() } else { 0 }
}

/// Who has not said who it is may say little.
fn bounds(session: &Session, front: &Front) -> Bounds {
    if session.is_known() { front.settings.bounds } else { Bounds::STRANGER }
}
