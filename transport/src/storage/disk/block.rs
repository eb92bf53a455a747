//! The bytes that one write adds to the log. They show whether they were changed or are at the wrong place.
//!
//! ```text
//!  0  check: of all that follows, up to the end of the content
//! 16  version, kind and whether it is a witness, 2 bytes of zero
//! 20  which incarnation of the process this is
//! 24  the brand of the store
//! 32  number: 1 for the first block of a store, and 1 more for each
//! 40  length of the content
//! 48  check of the block before it
//! 64  content: records in postcard
//! ```
//!
//! Numbers are little-endian. A block begins on a page, so a page that holds a block is not rewritten for another one.

use paxos_core::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;

/// The alignment of blocks, in bytes.
pub(super) const PAGE: usize = 4096;

/// The number of bytes that a disk writes at once.
pub(super) const SECTOR: usize = 512;

const VERSION: u8 = 1;
const HEAD: usize = 64;

/// A bit in the byte of the kind.
const WITNESS: u8 = 0x80;

/// The purpose of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Records that were appended.
    Appended,
    /// The beginning of an incarnation of the process: no records.
    Begun,
    /// Records that were installed with a snapshot and replace everything before.
    Installed,
}

/// The header of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Whether the block is only a witness, without records: block `number` was durable when the witness was written.
    pub(super) witness: bool,
    pub(super) incarnation: u32,
    /// The brand of the store that it belongs to.
    pub(super) brand: u64,
    pub(super) number: u64,
    /// The check of the previous block.
    pub(super) before: Digest,
}

/// A block to be written: its content, with room for the header.
pub(super) struct Draft(Vec<u8>);

impl Draft {
    /// Creates the draft of a block with records.
    pub(super) fn encode<R: Serialize>(records: &[R]) -> io::Result<Self> {
        postcard::to_extend(records, vec![0; HEAD]).map(Self).map_err(io::Error::other)
    }

    /// Creates the draft of a block without records.
    pub(super) fn empty() -> Self {
        Self(vec![0; HEAD])
    }

    /// The number of bytes that the block takes in a file.
    pub(super) fn room(&self) -> u64 {
        self.0.len().next_multiple_of(PAGE) as u64
    }

    /// Returns the block as it is stored, in full pages, and its check.
    pub(super) fn seal(mut self, head: &Head) -> (Vec<u8>, Digest) {
        let length = self.0.len();
        let bytes = &mut self.0;
        bytes[16] = VERSION;
        bytes[17] = head.kind as u8 | if head.witness { WITNESS } else { 0 };
        bytes[20..24].copy_from_slice(&head.incarnation.to_le_bytes());
        bytes[24..32].copy_from_slice(&head.brand.to_le_bytes());
        bytes[32..40].copy_from_slice(&head.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&((length - HEAD) as u64).to_le_bytes());
        bytes[48..64].copy_from_slice(&head.before.0.to_le_bytes());
        let check = Digest::of(&bytes[16..]);
        bytes[..16].copy_from_slice(&check.0.to_le_bytes());
        bytes.resize(length.next_multiple_of(PAGE), 0);
        (self.0, check)
    }
}

/// An undamaged block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Block<'a> {
    pub(super) head: Head,
    pub(super) check: Digest,
    pub(super) content: &'a [u8],
    /// The whole block, including the padding of its last page.
    pub(super) pages: &'a [u8],
}

impl<'a> Block<'a> {
    /// Whether these bytes begin with a block header of that store, which no value from a client does.
    pub(super) fn bears(bytes: &[u8], brand: u64) -> bool {
        bytes.get(24..32) == Some(&brand.to_le_bytes())
    }

    /// Returns the block at the beginning of these bytes, if there is an undamaged one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let take = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let check = |at: usize| bytes.get(at..at + 16)?.try_into().ok().map(u128::from_le_bytes).map(Digest);
        let length = usize::try_from(take(40)?).ok()?;
        let end = HEAD.checked_add(length)?;
        let said = bytes.get(16..end)?;
        let kinds = [Kind::Appended, Kind::Begun, Kind::Installed];
        let kind = kinds.into_iter().find(|kind| *kind as u8 == bytes[17] & !WITNESS)?;
        let witness = bytes[17] & WITNESS != 0;
        if bytes[16] != VERSION || check(0)? != Digest::of(said) {
            return None;
        }
        let incarnation = u32::from_le_bytes(bytes.get(20..24)?.try_into().ok()?);
        let head =
            Head { kind, witness, incarnation, brand: take(24)?, number: take(32)?, before: check(48)? };
        let pages = bytes.get(..end.next_multiple_of(PAGE))?;
        Some(Self { head, check: check(0)?, content: &bytes[HEAD..end], pages })
    }

    /// Hands the content to `records`, if this block has records.
    pub(super) fn read_into(
        &self,
        records: &mut dyn FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(), String> {
        if self.head.kind == Kind::Begun {
            return Ok(());
        }
        records(self.content)
            .map_err(|why| format!("the records of block {} cannot be read: {why}", self.head.number))
    }
}

/// Returns the records in a block's content; an error says why they cannot be read.
pub(super) fn decode<R: DeserializeOwned>(content: &[u8]) -> Result<Vec<R>, &'static str> {
    match postcard::take_from_bytes(content) {
        Ok((records, [])) => Ok(records),
        Err(postcard::Error::SerdeDeCustom) => {
            Err("a number in them is impossible, such as a round or a slot that no cluster reaches")
        }
        Ok(_) | Err(_) => Err("another program wrote them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paxos_core::{Ballot, NodeId, Record};

    fn head() -> Head {
        Head { kind: Kind::Appended, witness: false, incarnation: 3, brand: 5, number: 7, before: Digest(9) }
    }

    #[test]
    fn a_block_is_read_unchanged_or_not_at_all() {
        let (bytes, check) = Draft::encode(&[1_u64, 2, 3]).expect("numbers").seal(&head());
        assert_eq!(bytes.len(), PAGE);
        let block = Block::read(&bytes).expect("whole");
        assert_eq!((block.head, block.check, block.pages), (head(), check, &bytes[..]));
        assert_eq!(decode::<u64>(block.content), Ok(vec![1, 2, 3]));
        let used = HEAD + block.content.len();
        for bit in 0..used * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Block::read(&changed), None, "bit {bit}");
        }
        for end in 0..PAGE {
            assert_eq!(Block::read(&bytes[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn a_record_with_a_number_that_cannot_be_true_is_not_read_and_the_error_says_so() {
        // The encoding of `Record::Started`.
        let started = |round: u64| Draft::encode(&[(0_u32, round, 2_u16, 0_u8, false)]).expect("numbers");
        let read = |round| decode::<Record<u64>>(&started(round).0[HEAD..]);
        let last = Ballot::LAST_ROUND;
        assert_eq!(read(last), Ok(vec![Record::Started(Ballot::classic(last, NodeId(2)))]));
        for round in [last + 1, u64::MAX] {
            let why = read(round).expect_err("no round");
            assert!(why.contains("is impossible"), "{why}");
        }
    }
}
