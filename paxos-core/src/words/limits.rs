//! Bounds on what a process holds and sends, and what it says when one of them is reached.

use core::ops::{AddAssign, SubAssign};
use serde::{Deserialize, Serialize};

/// Bounds on what a process holds and sends; beyond them it says so instead of growing. Bytes are those of payloads,
/// as [`crate::Value::bytes`] tells them. A single command may be larger than a limit in bytes: it goes alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// Commands in one message.
    pub batch: usize,
    /// Payload bytes in one message.
    pub batch_bytes: usize,
    /// Slots that a proposer has under way at a time.
    pub window: usize,
    /// Payload bytes that a proposer has under way at a time.
    pub window_bytes: usize,
    /// Commands that wait at a proposer for a place in the window.
    pub queue: usize,
    /// Payload bytes that wait at a proposer for a place in the window.
    pub queue_bytes: usize,
    /// How far a client's newest command may be ahead of its oldest unanswered one. Replicas remember the
    /// replies to that many commands of each client, so every process must have the same number.
    pub session: usize,
    /// Bytes of the replies that replicas keep of each session, for commands that are asked for again, as
    /// [`crate::StateMachine::remembered`] counts them: the last ones that go into so many. Of the others they know only that the
    /// command was executed ([`crate::Outcome::NotKept`]). All sessions together: [`Limits::sessions`] times as many. Every process must
    /// have the same number: one with another would answer some commands otherwise, but execute the same.
    pub reply_bytes: usize,
    /// Payload bytes of a client's commands from its oldest unanswered one on.
    pub session_bytes: usize,
    /// For how many slots a client's session may be silent. When no command of it was chosen for that many, it
    /// has expired, on every replica at the same slot: what it was answered is forgotten, its commands are not
    /// executed any more, and its client goes on with a new one. Every process must have the same number.
    pub idle: u64,
    /// How many sessions are kept. With more, the one that was silent for longest expires. What replicas
    /// remember of clients is at most that many times [`Limits::session`] replies. Every process must have the
    /// same number.
    pub sessions: usize,
    /// α: a change of members takes effect that many slots after it was chosen, and no slot is proposed in
    /// further ahead of what is executed. Every process must have the same number.
    pub alpha: usize,
    /// A process takes a snapshot whenever it has executed so many slots since the last, if its state machine can
    /// be written down, and keeps the log as far back as the one before; 0: never.
    pub snapshot: u64,
    /// Bytes of a snapshot in one message.
    pub chunk: usize,
    /// Bytes that wait for the disk while an earlier write is under way, 64 a record and the payload. With more, a
    /// process takes in nothing that it would have to write or remember, as if the messages had been lost, until the
    /// disk has caught up.
    pub disk_bytes: usize,
    /// Reads that wait at a process for its replica, and as many questions of others at a leader.
    pub reads: usize,
}

impl Default for Limits {
    /// 1024 commands or 1 MiB a message, 1 MiB of replies a session, 64 MiB of each other kind.
    fn default() -> Self {
        let mib = 1 << 20;
        Self {
            batch: 1024,
            batch_bytes: mib,
            window: 4096,
            window_bytes: 64 * mib,
            queue: 65_536,
            queue_bytes: 64 * mib,
            session: 4096,
            reply_bytes: mib,
            session_bytes: 64 * mib,
            idle: 1 << 20,
            sessions: 65_536,
            alpha: 8192,
            snapshot: 65_536,
            chunk: 1 << 18,
            disk_bytes: 64 * mib,
            reads: 65_536,
        }
    }
}

impl Limits {
    /// Whether `more` may join the commands that wait at a proposer.
    ///
    /// # Errors
    /// [`Overloaded`] with the limit that is in the way.
    pub fn admit(&self, waiting: Amount, more: Amount) -> Result<(), Overloaded> {
        if waiting.count.saturating_add(more.count) > self.queue {
            return Err(Overloaded::Waiting(self.queue as u64));
        }
        if waiting.count > 0 && waiting.bytes.saturating_add(more.bytes) > self.queue_bytes {
            return Err(Overloaded::WaitingBytes(self.queue_bytes as u64));
        }
        Ok(())
    }

    /// The most that one request may hold: what fits into a message, and into an empty queue.
    pub fn request(&self) -> Amount {
        Amount { count: self.batch.min(self.queue).max(1), bytes: self.batch_bytes.min(self.queue_bytes) }
    }

    /// How many slots ahead of the first unknown one votes are counted and values kept: a dozen leaders in a row, each
    /// with a full window of slots that nobody voted in but it, leave no more behind.
    pub fn reach(&self) -> u64 {
        (self.window.max(self.batch).max(1) as u64).saturating_mul(16)
    }

    /// The most that one message may hold.
    pub fn message(&self) -> Amount {
        Amount { count: self.batch.max(1), bytes: self.batch_bytes }
    }

    /// The most bytes that a message takes as carriers encode it, where no command and no reply is larger than
    /// [`Limits::batch_bytes`].
    pub fn longest_message(&self) -> usize {
        self.message().longest().max(Amount { count: 0, bytes: self.chunk }.longest())
    }
}

/// What a command takes in a message at most besides its payload: its name (29 bytes), its length (5); in a promise the slot and
/// the ballot that it was voted for in (23); and a change of members, which has no payload, four sets (40).
const NAMED: usize = 97;

/// What a message takes at most besides commands, snapshots and replies.
const FIXED: usize = 100;

/// So many commands or slots, with so many bytes of payload.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Amount {
    /// Commands or slots.
    pub count: usize,
    /// Payload bytes.
    pub bytes: usize,
}

impl Amount {
    /// Whether it is within `limit` in both.
    pub const fn fits(self, limit: Self) -> bool {
        self.count <= limit.count && self.bytes <= limit.bytes
    }

    /// The most bytes that a message takes which holds so much, as carriers encode it: 97 for each command besides its payload,
    /// and 100 for all the rest.
    pub const fn longest(self) -> usize {
        self.count.saturating_mul(NAMED).saturating_add(self.bytes).saturating_add(FIXED)
    }

    /// Whether it is within `limit`, or is a single command, which goes alone whatever its size.
    pub const fn is_bounded(self, limit: Self) -> bool {
        self.count == 1 || self.fits(limit)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, more: Self) {
        self.count += more.count;
        self.bytes += more.bytes;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, less: Self) {
        self.count -= less.count;
        self.bytes -= less.bytes;
    }
}

/// More is asked than a process may hold: the limit that was hit. The command was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Overloaded {
    /// [`Limits::queue`].
    #[error("overloaded: {0} commands wait at the proposer already; try again when some are answered")]
    Waiting(u64),
    /// [`Limits::queue_bytes`].
    #[error("overloaded: {0} bytes may wait at the proposer; try again when some commands are answered")]
    WaitingBytes(u64),
    /// [`Limits::session`].
    #[error("overloaded: {0} commands of this client are unanswered; try again when the oldest is answered")]
    Session(u64),
    /// [`Limits::session_bytes`].
    #[error("overloaded: {0} bytes of this client may be unanswered; try again when the oldest is answered")]
    SessionBytes(u64),
    /// [`Limits::disk_bytes`].
    #[error("overloaded: {0} bytes wait for this process's disk; ask another process, or try again later")]
    Disk(u64),
    /// Requests that wait for a host's next turn.
    #[error("overloaded: {0} requests wait for this process's next turn; try again when some are answered")]
    Requests(u64),
}
