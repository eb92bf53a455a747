//! Limits on what a process keeps and sends, and the error when one is reached.

use core::ops::{AddAssign, SubAssign};
use serde::{Deserialize, Serialize};

/// Limits on what a process keeps and sends. At a limit, it refuses instead of growing. Bytes are payload bytes, as
/// returned by [`crate::Value::bytes`]. A single command may exceed a limit in bytes: it then goes alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// The most commands in one message.
    pub batch: usize,
    /// The most payload bytes in one message.
    pub batch_bytes: usize,
    /// The most slots that a proposer has in progress.
    pub window: usize,
    /// The most payload bytes that a proposer has in progress.
    pub window_bytes: usize,
    /// The most commands that wait at a proposer for a place in the window.
    pub queue: usize,
    /// The most payload bytes that wait at a proposer for a place in the window.
    pub queue_bytes: usize,
    /// How far a client's newest command may be ahead of its oldest unanswered one. Replicas remember the replies to
    /// this many commands of each client. Must be the same at every process, for as long as the cluster exists.
    pub session: usize,
    /// The bytes of replies that replicas keep for each session, for commands that are asked for again, as counted by
    /// [`crate::StateMachine::remembered`]: the latest ones that fit. Of others, only that the command was executed is
    /// known ([`crate::Outcome::NotKept`]). All sessions keep up to [`Limits::sessions`] times as much. Must be the
    /// same at every process; otherwise processes execute the same, but may answer differently.
    pub reply_bytes: usize,
    /// The most payload bytes of a client's commands from its oldest unanswered one on.
    pub session_bytes: usize,
    /// The number of slots for which a client's session may be silent. If none of its commands was chosen for longer,
    /// it has expired, on every replica at the same slot: its replies are forgotten, its commands are no longer
    /// executed, and its client continues with a new session. Must be the same at every process, for as long as the
    /// cluster exists.
    pub idle: u64,
    /// The most sessions that are kept. Beyond that, the session that was silent the longest expires. Replicas
    /// remember at most this number times [`Limits::session`] replies. Must be the same at every process, for as long as
    /// the cluster exists.
    pub sessions: usize,
    /// α: a change of members takes effect this number of slots after it was chosen, and no slot is proposed further
    /// ahead of what is executed. Must be the same at every process, for as long as the cluster exists.
    pub alpha: usize,
    /// A process takes a snapshot whenever it has executed this number of slots since the last one, if its state
    /// machine supports snapshots. It keeps the log back to the snapshot before. 0: never.
    pub snapshot: u64,
    /// The most bytes of a snapshot in one message.
    pub chunk: usize,
    /// The most bytes that wait for the disk while an earlier write is in progress: 64 for each record, and the
    /// payload. Beyond that, a process accepts nothing that it would have to write or remember, as if the messages
    /// were lost, until the disk has caught up. Proposals of Fast Paxos that are dropped again and again keep its leader in
    /// phase 1: it should hold what is proposed at once.
    pub disk_bytes: usize,
    /// The most reads that wait at a process for its replica, and the most questions of others at a leader.
    pub reads: usize,
}

impl Default for Limits {
    /// 1024 commands or 1 MiB per message, 1 MiB of replies per session, and 64 MiB for each other limit in bytes.
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
    /// Checks whether `more` may join the commands that wait at a proposer.
    ///
    /// # Errors
    /// [`Overloaded`] with the limit that would be exceeded.
    pub fn admit(&self, waiting: Amount, more: Amount) -> Result<(), Overloaded> {
        if waiting.count.saturating_add(more.count) > self.queue {
            return Err(Overloaded::Waiting(self.queue as u64));
        }
        if waiting.count > 0 && waiting.bytes.saturating_add(more.bytes) > self.queue_bytes {
            return Err(Overloaded::WaitingBytes(self.queue_bytes as u64));
        }
        Ok(())
    }

    /// The largest request: it must fit into a message, and into an empty queue.
    pub fn request(&self) -> Amount {
        Amount { count: self.batch.min(self.queue).max(1), bytes: self.batch_bytes.min(self.queue_bytes) }
    }

    /// The number of slots from the first unknown one on for which votes are counted and values kept. A dozen leaders
    /// in a row leave no more behind, even if each has a full window of slots in which no other process voted.
    pub fn reach(&self) -> u64 {
        (self.window.max(self.batch).max(1) as u64).saturating_mul(16)
    }

    /// The largest message.
    pub fn message(&self) -> Amount {
        Amount { count: self.batch.max(1), bytes: self.batch_bytes }
    }

    /// The most bytes of an encoded message, if no command and no reply is larger than [`Limits::batch_bytes`].
    pub fn longest_message(&self) -> usize {
        self.message().longest().max(Amount { count: 0, bytes: self.chunk }.longest())
    }
}

/// The most bytes that a command takes in a message besides its payload: id (29) and length (5); in a promise, slot
/// and ballot of the vote (23); for a change of members, whose payload are the stores that it names, four sets (40).
const NAMED: usize = 97;

/// The most bytes that a message takes besides commands, snapshots and replies.
const FIXED: usize = 100;

/// A number of commands or slots, with their payload bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Amount {
    /// The number of commands or slots.
    pub count: usize,
    /// Payload bytes.
    pub bytes: usize,
}

impl Amount {
    /// Whether both numbers are within `limit`.
    pub const fn fits(self, limit: Self) -> bool {
        self.count <= limit.count && self.bytes <= limit.bytes
    }

    /// The most bytes of an encoded message with this amount: 97 for each command besides its payload, and 100 for
    /// everything else.
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

/// The limit that a command or request would have exceeded. It was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Overloaded {
    /// [`Limits::queue`].
    #[error("overloaded: {0} commands already wait at the proposer; try again when some are answered")]
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
    /// The most requests that wait for a host's next turn.
    #[error("overloaded: {0} requests wait for this process's next turn; try again when some are answered")]
    Requests(u64),
}
