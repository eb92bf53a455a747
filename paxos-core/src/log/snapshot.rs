//! What executing a prefix of the log led to, written down, so that the prefix may be forgotten.
//!
//! ```text
//! version byte │ length of the head, 8 bytes │ head, in postcard: next slot, client sessions, membership │ state machine, to the end
//! ```
//!
//! The state machine comes last and has no length: it is written as it is read, and nobody needs to hold all of it.

mod contents;

pub use contents::Contents;

use crate::{Bytes, Slot};
use contents::{Digesting, PIECE, Reader, Summing};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

/// The first byte of what is encoded here. One that knows a layout by another number refuses this one.
const VERSION: u8 = 5;

/// What comes before the head: a version, and a length.
const PREFIX: usize = 9;

/// A checksum of 128 bits. It tells damage and mix-ups, not malice: processes of a cluster trust each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Digest(pub u128);

impl Digest {
    /// That of `bytes`: XXH3, with 128 bits.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Which snapshot: what two processes must agree on to pass one on in pieces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SnapshotId {
    /// The first slot that is not in it.
    pub next: Slot,
    /// Its size in bytes.
    pub length: u64,
    /// Its checksum.
    pub digest: Digest,
}

/// What executing every slot below [`Snapshot::next`] led to: state machine, client sessions and membership, as bytes, in memory
/// or on disk. A clone is another handle to the same bytes.
///
/// It says nothing about promises and votes: what an acceptor must remember of the slots behind it stays in its
/// records.
#[derive(Clone)]
pub struct Snapshot {
    id: SnapshotId,
    contents: Arc<dyn Contents>,
    membership: Bytes,
    /// How many bytes come before those of the state machine.
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

/// What is in a snapshot, all of it in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sections {
    /// The first slot that is not in it.
    pub next: Slot,
    /// What [`crate::StateMachine::snapshot`] returned.
    pub machine: Bytes,
    /// What clients were answered: [`crate::Replica`]'s own.
    pub sessions: Bytes,
    /// Who the members are by then; empty: those of the configuration.
    pub membership: Bytes,
}

/// What comes before the state machine. More may be added at the end under a new version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    next: Slot,
    pub(crate) sessions: Bytes,
    membership: Bytes,
}

/// A state that was captured to be written down ([`crate::StateMachine::capture`]): what it was then, whatever the machine
/// executes meanwhile. To be written down where nobody waits for it, and then given to [`crate::Node::written_down`].
#[must_use = "a node takes no other snapshot before it gets this one"]
pub struct Captured {
    pub(crate) next: Slot,
    pub(crate) machine: Capture,
    pub(crate) sessions: Vec<u8>,
    pub(crate) membership: Vec<u8>,
}

/// Writes down what it captured, piece by piece.
pub type Capture = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Captured {
    /// Writes the snapshot into `out` and returns its name. It takes as long as the state is large, and no more memory than the
    /// machine needs for a piece. [`Snapshot::open`] makes a snapshot of what was written.
    ///
    /// # Errors
    /// Those of `out`, and of a state machine that cannot write down what it captured. What was written is of no use then.
    pub fn write_to(self, out: &mut dyn Write) -> io::Result<SnapshotId> {
        let Self { next, machine, sessions, membership } = self;
        let head = Head { next, sessions: sessions.into(), membership: membership.into() };
        let mut out = Digesting::new(out);
        out.write_all(&head.encode())?;
        machine(&mut out)?;
        let (length, digest) = out.finish();
        Ok(SnapshotId { next, length, digest })
    }

    /// The snapshot in memory. It takes as long as the state is large.
    ///
    /// # Errors
    /// Those of a state machine that cannot write down what it captured. Memory itself has none.
    pub fn write_down(self) -> io::Result<Snapshot> {
        let mut bytes = Vec::new();
        let id = self.write_to(&mut bytes)?;
        Snapshot::of(id, Arc::new(Bytes::from(bytes))).map_err(io::Error::other)
    }
}

/// Bytes that are no snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is of another version of this library.
    #[error("a snapshot of version {0} cannot be read here: let a process of the same version read it")]
    Version(u8),
    /// It is cut short, damaged, or something else.
    #[error("these bytes are no snapshot: take it from another copy")]
    Damaged,
    /// It cannot be read from where it is stored.
    #[error("the snapshot cannot be read ({0}): repair the disk, or take it from another copy")]
    Unreadable(io::ErrorKind),
}

/// A state that cannot be taken over from a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The state machine does not know how.
    #[error("this state machine cannot be restored from a snapshot: implement `StateMachine::restore`")]
    Unsupported,
    /// The state machine does not understand what another one wrote.
    #[error("the state machine cannot read this snapshot: {0}; run one version of it everywhere")]
    Machine(String),
    /// It is no snapshot, or one of another version.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl Head {
    /// With the prefix.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; PREFIX];
        bytes[0] = VERSION;
        // Writing to memory cannot fail.
        let mut bytes = postcard::to_extend(self, bytes).unwrap_or_default();
        let length = (bytes.len() - PREFIX) as u64;
        bytes[1..PREFIX].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    /// From the first bytes of `contents`, `length` bytes long in all; and how many bytes it takes up.
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
    /// Puts the sections together, in memory.
    pub fn new(sections: &Sections) -> Self {
        let Sections { next, machine, sessions, membership } = sections.clone();
        let head = Head { next, sessions, membership: membership.clone() };
        let mut bytes = head.encode();
        let before = bytes.len() as u64;
        bytes.extend_from_slice(&machine);
        let id = SnapshotId { next, length: bytes.len() as u64, digest: Digest::of(&bytes) };
        Self { id, contents: Arc::new(Bytes::from(bytes)), membership, before }
    }

    /// Reads what [`Snapshot::read_all`] returned.
    ///
    /// # Errors
    /// If it is damaged, or of another version.
    pub fn decode(bytes: impl Into<Bytes>) -> Result<Self, SnapshotError> {
        Self::open(Arc::new(bytes.into()))
    }

    /// Reads what [`Captured::write_to`] wrote, once and piece by piece, for its checksum.
    ///
    /// # Errors
    /// If it is damaged, of another version, or cannot be read.
    pub fn open(contents: Arc<dyn Contents>) -> Result<Self, SnapshotError> {
        let summed = contents::sum(&*contents).map_err(|error| SnapshotError::Unreadable(error.kind()));
        let (length, digest) = summed?;
        let (Head { next, membership, .. }, before) = Head::read(&*contents, length)?;
        Ok(Self { id: SnapshotId { next, length, digest }, contents, membership, before })
    }

    /// The snapshot of this name, which was written to `contents` just now: it is not read for its checksum.
    ///
    /// # Errors
    /// If its head is damaged, of another version, or cannot be read.
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

    /// Its name.
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// Its bytes, for disks and wires, from `offset` on.
    pub fn read_from(&self, offset: u64) -> impl Read + '_ {
        Reader::new(&*self.contents, offset)
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// If it cannot be read from where it is stored.
    pub fn read_all(&self) -> io::Result<Bytes> {
        let mut bytes = Vec::with_capacity(self.id.length as usize);
        self.read_from(0).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    /// What is in it, all of it in memory.
    ///
    /// # Errors
    /// If it cannot be read from where it is stored, or was damaged since it was opened.
    pub fn sections(&self) -> Result<Sections, SnapshotError> {
        let Head { next, sessions, membership } = self.head()?;
        let mut machine = Vec::with_capacity((self.id.length - self.before) as usize);
        let read = self.machine().read_to_end(&mut machine);
        read.map_err(|error| SnapshotError::Unreadable(error.kind()))?;
        Ok(Sections { next, machine: machine.into(), sessions, membership })
    }

    /// What comes before the state machine.
    pub(crate) fn head(&self) -> Result<Head, SnapshotError> {
        Ok(Head::read(&*self.contents, self.id.length)?.0)
    }

    /// What the state machine wrote.
    pub(crate) fn machine(&self) -> impl Read + '_ {
        self.read_from(self.before)
    }

    /// Has what the state machine wrote read by `read`, and then compares the checksum of the whole: the disk may have changed it since
    /// it was opened.
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

    /// The members by then.
    pub(crate) fn membership(&self) -> &Bytes {
        &self.membership
    }

    /// Up to `limit` bytes from `offset` on; none beyond the end, or if they cannot be read.
    pub(crate) fn chunk(&self, offset: u64, limit: usize) -> Option<Bytes> {
        let rest = usize::try_from(self.id.length.checked_sub(offset)?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; limit.max(1).min(rest)];
        let read =
            !bytes.is_empty() && contents::fill(&*self.contents, offset, &mut bytes).is_ok_and(|full| full);
        read.then(|| bytes.into())
    }
}

/// A version byte and `thing`.
pub(crate) fn encode(thing: &impl Serialize) -> Vec<u8> {
    // Writing to a vector ends only with the memory, and what is written here has a length known beforehand.
    postcard::to_extend(thing, vec![VERSION]).unwrap_or_default()
}

/// Reads back what [`encode`] wrote, to the last byte.
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
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let machine = Bytes::from((0..100).collect::<Vec<u8>>());
        Snapshot::new(&Sections {
            next: Slot(7),
            machine,
            sessions: Bytes::empty(),
            membership: Bytes::empty(),
        })
    }

    #[test]
    fn a_snapshot_reads_back_as_it_was_written() {
        let snapshot = snapshot();
        let again = Snapshot::decode(snapshot.read_all().expect("memory")).expect("whole");
        assert_eq!((again.id(), again.next()), (snapshot.id(), Slot(7)));
        assert_eq!(again.sections().expect("whole").machine.len(), 100);
    }

    #[test]
    fn bytes_that_are_cut_changed_or_too_many_are_not_that_snapshot() {
        let snapshot = snapshot();
        let whole = snapshot.read_all().expect("memory").to_vec();
        let is_that = |bytes: Vec<u8>| Snapshot::decode(bytes).is_ok_and(|other| other.id() == snapshot.id());
        for end in 0..whole.len() {
            assert!(!is_that(whole[..end].to_vec()), "cut at {end}");
        }
        assert_eq!(Snapshot::decode(whole[..11].to_vec()), Err(SnapshotError::Damaged), "cut in the head");
        let more: Vec<u8> = whole.iter().copied().chain([0]).collect();
        assert!(!is_that(more));
        let other: Vec<u8> = [9].into_iter().chain(whole[1..].iter().copied()).collect();
        assert_eq!(Snapshot::decode(other), Err(SnapshotError::Version(9)));
        for at in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_ne!(Digest::of(&flipped), snapshot.id().digest, "bit {at}");
        }
    }

    #[test]
    fn chunks_put_together_are_the_whole() {
        let snapshot = snapshot();
        let mut all = Vec::new();
        while let Some(chunk) = snapshot.chunk(all.len() as u64, 7) {
            all.extend_from_slice(&chunk);
        }
        assert_eq!(all, snapshot.read_all().expect("memory").to_vec());
        assert_eq!(snapshot.chunk(u64::MAX, 7), None);
    }
}
