//! What one write puts into the database, as bytes that tell if they were changed, or are in another's place.
//!
//! ```text
//! version │ check of number and content, 16 bytes │ content: records, or a snapshot
//! ```

use paxos_core::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;

/// The first byte of a block.
const VERSION: u8 = 1;
pub(super) const HEADER: usize = 17;

/// A block whose number is not known yet.
pub(super) struct Block {
    bytes: Vec<u8>,
    pub(super) is_empty: bool,
}

impl Block {
    /// Of records.
    pub(super) fn encode<R: Serialize>(records: &[R]) -> io::Result<Self> {
        let bytes = postcard::to_extend(records, vec![0; HEADER]).map_err(io::Error::other)?;
        Ok(Self { bytes, is_empty: records.is_empty() })
    }

    /// Of bytes that are as they are.
    pub(super) fn of(content: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(content);
        Self { bytes, is_empty: content.is_empty() }
    }

    /// Of so many bytes.
    #[cfg(test)]
    pub(super) fn zeros(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes], is_empty: false }
    }

    /// How long it is.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// As it is stored under `number`, with its check.
    pub(super) fn seal(mut self, number: u64) -> (Vec<u8>, Digest) {
        let check = check(number, &self.bytes[HEADER..]);
        self.bytes[0] = VERSION;
        self.bytes[1..HEADER].copy_from_slice(&check.0.to_le_bytes());
        (self.bytes, check)
    }
}

/// The content of the block `number`, and its check; an error says what is wrong with it.
pub(super) fn unseal(number: u64, bytes: &[u8]) -> Result<(&[u8], Digest), String> {
    let Some((&version, rest)) = bytes.split_first() else {
        return Err(format!("block {number} is empty"));
    };
    if version != VERSION {
        return Err(format!("block {number} has version {version}, and this program reads {VERSION}"));
    }
    let Some((written, content)) = rest.split_first_chunk() else {
        return Err(format!("block {number} is cut short"));
    };
    let check = check(number, content);
    if check.0 == u128::from_le_bytes(*written) {
        Ok((content, check))
    } else {
        Err(format!("block {number} has another checksum than when it was written"))
    }
}

/// The records of a block's content; an error says why they cannot be read.
pub(super) fn decode<R: DeserializeOwned>(content: &[u8]) -> Result<Vec<R>, &'static str> {
    match postcard::take_from_bytes(content) {
        Ok((records, [])) => Ok(records),
        Err(postcard::Error::SerdeDeCustom) => {
            Err("a number in them cannot be true, such as a round or a slot that no cluster comes to")
        }
        Ok(_) | Err(_) => Err("another program wrote them"),
    }
}

/// The check of everything up to here, when `check` comes next.
pub(super) fn chain(so_far: Digest, check: Digest) -> Digest {
    let mut both = [0; 32];
    both[..16].copy_from_slice(&so_far.0.to_le_bytes());
    both[16..].copy_from_slice(&check.0.to_le_bytes());
    Digest::of(&both)
}

/// The check of a block under its number.
pub(super) fn check(number: u64, content: &[u8]) -> Digest {
    let mut head = [0; 24];
    head[..8].copy_from_slice(&number.to_le_bytes());
    head[8..].copy_from_slice(&Digest::of(content).0.to_le_bytes());
    Digest::of(&head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use paxos_core::{Ballot, NodeId, Record};

    #[test]
    fn a_block_is_read_under_its_own_number_and_unchanged_or_not_at_all() {
        let (bytes, _) = Block::encode(&[1_u64, 2, 3]).expect("numbers").seal(7);
        let (content, _) = unseal(7, &bytes).expect("whole");
        assert_eq!(decode::<u64>(content), Ok(vec![1, 2, 3]));
        assert!(unseal(8, &bytes).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(7, &changed).is_err(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(unseal(7, &bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_record_with_a_number_that_cannot_be_true_is_not_read_and_the_error_says_so() {
        // As `Record::Started` is written.
        let started = |round: u64| Block::encode(&[(0_u32, round, 2_u16, 0_u8, false)]).expect("numbers");
        let read = |round| decode::<Record<u64>>(&started(round).bytes[HEADER..]);
        let last = Ballot::LAST_ROUND;
        assert_eq!(read(last), Ok(vec![Record::Started(Ballot::classic(last, NodeId(2)))]));
        for round in [last + 1, u64::MAX] {
            let why = read(round).expect_err("no round");
            assert!(why.contains("cannot be true"), "{why}");
        }
    }
}
