//! What executing a prefix of the log led to, written down, so that the prefix may be forgotten.
//!
//! ```text
//! version byte │ postcard: next slot, state machine, client sessions, membership
//! ```

use crate::{Bytes, Slot};
use core::fmt;
use serde::{Deserialize, Serialize, Serializer};

/// The first byte of what is encoded here. One that knows a layout by another number refuses this one.
const VERSION: u8 = 4;

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

/// What executing every slot below [`Snapshot::next`] led to: state machine, client sessions and membership, as
/// bytes. Cloning copies none of them.
///
/// It says nothing about promises and votes: what an acceptor must remember of the slots behind it stays in its
/// records.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Snapshot {
    id: SnapshotId,
    bytes: Bytes,
}

/// What is in a snapshot. More sections may be added at the end under a new version.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
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

/// [`Sections`] where they lie.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Parts<'a> {
    pub(crate) next: Slot,
    #[serde(serialize_with = "in_one_piece")]
    pub(crate) machine: &'a [u8],
    #[serde(serialize_with = "in_one_piece")]
    pub(crate) sessions: &'a [u8],
    #[serde(serialize_with = "in_one_piece")]
    pub(crate) membership: &'a [u8],
}

/// A slice would be written byte by byte.
fn in_one_piece<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
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

/// Writes down what it captured.
pub type Capture = Box<dyn FnOnce() -> Vec<u8> + Send>;

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Captured {
    /// Takes as long as the state is large.
    pub fn write_down(self) -> Snapshot {
        let Self { next, machine, sessions, membership } = self;
        let machine = machine();
        Snapshot::put_together(Parts {
            next,
            machine: &machine,
            sessions: &sessions,
            membership: &membership,
        })
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

impl Snapshot {
    /// Puts the sections together.
    pub fn new(sections: &Sections) -> Self {
        let Sections { next, machine, sessions, membership } = sections;
        Self::put_together(Parts { next: *next, machine, sessions, membership })
    }

    fn put_together(parts: Parts<'_>) -> Self {
        let Parts { next, machine, sessions, membership } = parts;
        let mut bytes = Vec::with_capacity(64 + machine.len() + sessions.len() + membership.len());
        bytes.push(VERSION);
        // Writing to memory cannot fail.
        Self::over(next, postcard::to_extend(&parts, bytes).unwrap_or_default().into())
    }

    /// Reads what [`Snapshot::bytes`] returned.
    ///
    /// # Errors
    /// If it is damaged, or of another version.
    pub fn decode(bytes: impl Into<Bytes>) -> Result<Self, SnapshotError> {
        let bytes = bytes.into();
        let next = decode::<Parts<'_>>(&bytes)?.next;
        Ok(Self::over(next, bytes))
    }

    fn over(next: Slot, bytes: Bytes) -> Self {
        let id = SnapshotId { next, length: bytes.len() as u64, digest: Digest::of(&bytes) };
        Self { id, bytes }
    }

    /// The first slot that is not in it.
    pub fn next(&self) -> Slot {
        self.id.next
    }

    /// Its name.
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// All of it, for disks and wires.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What is in it.
    ///
    /// # Errors
    /// None for a snapshot that was made or decoded here.
    pub fn sections(&self) -> Result<Sections, SnapshotError> {
        decode(&self.bytes)
    }

    /// What is in it, where it lies.
    pub(crate) fn parts(&self) -> Result<Parts<'_>, SnapshotError> {
        decode(&self.bytes)
    }

    /// Up to `limit` bytes from `offset` on; none beyond the end.
    pub(crate) fn chunk(&self, offset: u64, limit: usize) -> Option<Bytes> {
        let rest = self.bytes.get(usize::try_from(offset).ok()?..)?;
        (!rest.is_empty()).then(|| Bytes::from(&rest[..limit.max(1).min(rest.len())]))
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
        let again = Snapshot::decode(snapshot.bytes().clone()).expect("whole");
        assert_eq!((again.id(), again.next()), (snapshot.id(), Slot(7)));
        assert_eq!(again.sections().expect("whole").machine.len(), 100);
    }

    #[test]
    fn bytes_that_are_cut_changed_or_too_many_are_no_snapshot() {
        let snapshot = snapshot();
        let whole = snapshot.bytes().to_vec();
        for end in 0..whole.len() {
            assert!(Snapshot::decode(whole[..end].to_vec()).is_err(), "cut at {end}");
        }
        let more: Vec<u8> = whole.iter().copied().chain([0]).collect();
        assert_eq!(Snapshot::decode(more), Err(SnapshotError::Damaged));
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
        assert_eq!(all, snapshot.bytes().to_vec());
        assert_eq!(snapshot.chunk(u64::MAX, 7), None);
    }
}
