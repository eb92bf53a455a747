//! The state that executing a prefix of the log led to, as bytes, so that the prefix may be forgotten.
//!
//! ```text
//! version byte │ length of the head, 8 bytes │ head, in postcard: next slot, client sessions, membership │ state machine, to the end
//! ```
//!
//! The state machine comes last and has no length, so it can be written piece by piece without being held in memory.

mod contents;

pub use contents::Contents;

use crate::{Bytes, Slot};
use contents::{Digesting, PIECE, Reader, Summing};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

/// The first byte of everything encoded here. A process with another version refuses it.
const VERSION: u8 = 6;

/// The bytes before the head: a version and a length.
const PREFIX: usize = 9;

/// A checksum of 128 bits. It detects damage and mix-ups, not malice: the processes of a cluster trust each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Digest(pub u128);

impl Digest {
    /// Returns the checksum of `bytes`: XXH3 with 128 bits.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The identity of a snapshot, by which processes pass it on in pieces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SnapshotId {
    /// The first slot that is not in it.
    pub next: Slot,
    /// Its size in bytes.
    pub length: u64,
    /// Its checksum.
    pub digest: Digest,
}

/// The result of executing every slot below [`Snapshot::next`]: state machine, client sessions and members, as bytes
/// in memory or on disk. A clone is another handle to the same bytes.
///
/// It holds no promises and votes. What an acceptor must remember of later slots stays in its records.
#[derive(Clone)]
pub struct Snapshot {
    id: SnapshotId,
    contents: Arc<dyn Contents>,
    membership: Bytes,
    /// The number of bytes before those of the state machine.
    before: u64,
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Snapshot {}

impl core::hash::Hash for Snapshot {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.id).finish()
    }
}

/// The parts of a snapshot, all in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sections {
    /// The first slot that is not in it.
    pub next: Slot,
    /// The bytes that [`crate::StateMachine::snapshot`] returned.
    pub machine: Bytes,
    /// The client sessions, with the replies to clients, as [`crate::Replica`] encodes them.
    pub sessions: Bytes,
    /// The members at `next`. Empty: those of the configuration.
    pub membership: Bytes,
}

/// The part before the state machine. A new version may add fields at the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    next: Slot,
    pub(crate) sessions: Bytes,
    membership: Bytes,
}

/// A captured state that can be written down while the machine continues ([`crate::StateMachine::capture`]). It is
/// written down where nothing waits for it, and then given to [`crate::Node::written_down`].
#[must_use = "a node takes no other snapshot before it gets this one"]
pub struct Captured {
    pub(crate) next: Slot,
    pub(crate) machine: Capture,
    pub(crate) sessions: Vec<u8>,
    pub(crate) membership: Vec<u8>,
}

/// Writes down a captured state, piece by piece.
pub type Capture = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Captured {
    /// Writes the snapshot into `out` and returns its identity. The time grows with the state; the memory is what the
    /// machine needs for a piece. [`Snapshot::open`] opens what was written.
    ///
    /// # Errors
    /// Errors of `out`, and of a state machine that cannot write its state. What was written is then useless.
    pub fn write_to(self, out: &mut dyn Write) -> io::Result<SnapshotId> {
        let Self { next, machine, sessions, membership } = self;
        let head = Head { next, sessions: sessions.into(), membership: membership.into() };
        let mut out = Digesting::new(out);
        out.write_all(&head.encode())?;
        machine(&mut out)?;
        let (length, digest) = out.finish();
        Ok(SnapshotId { next, length, digest })
    }

    /// Returns the snapshot in memory. The time grows with the state.
    ///
    /// # Errors
    /// Errors of a state machine that cannot write its state. Writing to memory has no errors.
    pub fn write_down(self) -> io::Result<Snapshot> {
        let mut bytes = Vec::new();
        let id = self.write_to(&mut bytes)?;
        Snapshot::of(id, Arc::new(Bytes::from(bytes))).map_err(io::Error::other)
    }
}

/// The reason why bytes cannot be read as a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The snapshot has another version.
    #[error("a snapshot of version {0} cannot be read here: let a process of the same version read it")]
    Version(u8),
    /// The bytes are truncated or damaged, or not a snapshot.
    #[error("these bytes are not a snapshot: take it from another copy")]
    Damaged,
    /// The snapshot cannot be read from where it is stored.
    #[error("the snapshot cannot be read ({0}): repair the disk, or take it from another copy")]
    Unreadable(io::ErrorKind),
}

/// The reason why a state cannot be restored from a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The state machine does not support it.
    #[error("this state machine cannot be restored from a snapshot: implement `StateMachine::restore`")]
    Unsupported,
    /// The state machine cannot read what was written.
    #[error("the state machine cannot read this snapshot: {0}; run one version of it everywhere")]
    Machine(String),
    /// The snapshot is damaged, unreadable or of another version.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl Head {
    /// Encodes the prefix and the head.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; PREFIX];
        bytes[0] = VERSION;
        // Writing to memory cannot fail.
        let mut bytes = postcard::to_extend(self, bytes).unwrap_or_default();
        let length = (bytes.len() - PREFIX) as u64;
        bytes[1..PREFIX].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    /// Reads a head from the start of `contents`, `length` bytes long. Also returns how many bytes precede the
    /// machine.
    fn read(contents: &dyn Contents, length: u64) -> Result<(Self, u64), SnapshotError> {
        let take = |offset: u64, into: &mut [u8]| match contents::fill(contents, offset, into) {
            Ok(true) => Ok(()),
            Ok(false) => Err(SnapshotError::Damaged),
            Err(error) => Err(SnapshotError::Unreadable(error.kind())),
        };
        let mut version = [0];
        take(0, &mut version)?;
        if version[0] != VERSION {
            return Err(SnapshotError::Version(version[0]));
        }
        let mut said = [0; 8];
        take(1, &mut said)?;
        let said = u64::from_le_bytes(said);
        if said > length.saturating_sub(PREFIX as u64) {
            return Err(SnapshotError::Damaged);
        }
        let mut bytes = vec![0; said as usize];
        take(PREFIX as u64, &mut bytes)?;
        match postcard::take_from_bytes(&bytes) {
            Ok((head, [])) => Ok((head, PREFIX as u64 + said)),
            Ok(_) | Err(_) => Err(SnapshotError::Damaged),
        }
    }
}

impl From<io::Error> for RestoreError {
    fn from(error: io::Error) -> Self {
        Self::Snapshot(SnapshotError::Unreadable(error.kind()))
    }
}

impl Snapshot {
    /// Builds a snapshot from its sections, in memory.
    pub fn new(sections: &Sections) -> Self {
        let Sections { next, machine, sessions, membership } = sections.clone();
        let head = Head { next, sessions, membership: membership.clone() };
        let mut bytes = head.encode();
        let before = bytes.len() as u64;
        bytes.extend_from_slice(&machine);
        let id = SnapshotId { next, length: bytes.len() as u64, digest: Digest::of(&bytes) };
        Self { id, contents: Arc::new(Bytes::from(bytes)), membership, before }
    }

    /// Reads the bytes that [`Snapshot::read_all`] returned.
    ///
    /// # Errors
    /// An error if they are damaged, or of another version.
    pub fn decode(bytes: impl Into<Bytes>) -> Result<Self, SnapshotError> {
        Self::open(Arc::new(bytes.into()))
    }

    /// Opens what [`Captured::write_to`] wrote. Reads it once, piece by piece, for its checksum.
    ///
    /// # Errors
    /// An error if it is damaged, of another version, or cannot be read.
    pub fn open(contents: Arc<dyn Contents>) -> Result<Self, SnapshotError> {
        let summed = contents::sum(&*contents).map_err(|error| SnapshotError::Unreadable(error.kind()));
        let (length, digest) = summed?;
        let (Head { next, membership, .. }, before) = Head::read(&*contents, length)?;
        Ok(Self { id: SnapshotId { next, length, digest }, contents, membership, before })
    }

    /// Returns the snapshot with this identity, which was just written to `contents`. Its checksum is not verified.
    ///
    /// # Errors
    /// An error if its head is damaged, of another version, or cannot be read.
    pub fn of(id: SnapshotId, contents: Arc<dyn Contents>) -> Result<Self, SnapshotError> {
        let (Head { next, membership, .. }, before) = Head::read(&*contents, id.length)?;
        if next == id.next {
            Ok(Self { id, contents, membership, before })
        } else {
            Err(SnapshotError::Damaged)
        }
    }

    /// The first slot that is not in it.
    pub fn next(&self) -> Slot {
        self.id.next
    }

    /// Its identity.
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// Returns a reader of its bytes from `offset` on.
    pub fn read_from(&self, offset: u64) -> impl Read + '_ {
        Reader::new(&*self.contents, offset)
    }

    /// Reads all its bytes into memory.
    ///
    /// # Errors
    /// An error if it cannot be read from where it is stored.
    pub fn read_all(&self) -> io::Result<Bytes> {
        let mut bytes = Vec::with_capacity(self.id.length as usize);
        self.read_from(0).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Reads all its parts into memory.
    ///
    /// # Errors
    /// An error if it cannot be read from where it is stored, or its head is damaged.
    pub fn sections(&self) -> Result<Sections, SnapshotError> {
        let Head { next, sessions, membership } = self.head()?;
        let mut machine = Vec::with_capacity((self.id.length - self.before) as usize);
        let read = self.machine().read_to_end(&mut machine);
        read.map_err(|error| SnapshotError::Unreadable(error.kind()))?;
        Ok(Sections { next, machine: machine.into(), sessions, membership })
    }

    /// Reads the part before the state machine.
    pub(crate) fn head(&self) -> Result<Head, SnapshotError> {
        Ok(Head::read(&*self.contents, self.id.length)?.0)
    }

    /// Returns a reader of the bytes that the state machine wrote.
    pub(crate) fn machine(&self) -> impl Read + '_ {
        self.read_from(self.before)
    }

    /// Lets `read` read the bytes of the state machine, and then verifies the checksum of the whole snapshot: the disk
    /// may have changed it since it was opened.
    pub(crate) fn restore(
        &self,
        read: impl FnOnce(&mut dyn Read) -> Result<(), RestoreError>,
    ) -> Result<(), RestoreError> {
        let mut all = Summing::new(BufReader::with_capacity(PIECE, self.read_from(0)));
        io::copy(&mut (&mut all).take(self.before), &mut io::sink())?;
        read(&mut BufReader::with_capacity(PIECE, &mut all))?;
        let same = all.finish()? == (self.id.length, self.id.digest);
        if same { Ok(()) } else { Err(SnapshotError::Damaged.into()) }
    }

    /// The members at its end.
    pub(crate) fn membership(&self) -> &Bytes {
        &self.membership
    }

    /// Returns up to `limit` bytes from `offset` on. None beyond the end, or if they cannot be read.
    pub(crate) fn chunk(&self, offset: u64, limit: usize) -> Option<Bytes> {
        let rest = usize::try_from(self.id.length.checked_sub(offset)?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; limit.max(1).min(rest)];
        let read =
            !bytes.is_empty() && contents::fill(&*self.contents, offset, &mut bytes).is_ok_and(|full| full);
        read.then(|| bytes.into())
    }
}

/// Encodes a version byte and `thing`.
pub(crate) fn encode(thing: &impl Serialize) -> Vec<u8> {
    // Writing to a vector fails only when memory runs out, and everything that is written here has a known length.
    postcard::to_extend(thing, vec![VERSION]).unwrap_or_default()
}

/// Decodes what [`encode`] wrote. All bytes must be used.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, SnapshotError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => match postcard::take_from_bytes(rest) {
            Ok((thing, [])) => Ok(thing),
            Ok(_) | Err(_) => Err(SnapshotError::Damaged),
        },
        Some((version, _)) => Err(SnapshotError::Version(*version)),
        None => Err(SnapshotError::Damaged),
    }
}

#[cfg(test)]
mod tests;
