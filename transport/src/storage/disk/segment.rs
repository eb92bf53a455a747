//! A file of the log, of a fixed length.
//!
//! ```text
//! copy of a block with an even number │ copy of one with an odd number │ blocks, one after the other │ what was there
//! before
//! ```
//!
//! One sync covers a block and its copy, which are far apart. So the newest block is stored twice, and so is the one
//! before it, whose copy is in the other place. If a crash leaves neither whole, the block was never acknowledged. If
//! damage leaves one whole, the other is repaired from it. A block too long for the place of a copy is synced first,
//! and then a witness of it is written there: the witness shows that the block was durable, so a block with a witness
//! that is not whole is damaged.

use super::block::{Block, Kind, PAGE, SECTOR};
use core::ops::Range;
use paxos_core::Digest;

/// Each of the two places for copies takes this fraction of a segment.
const SHARE: u64 = 32;

/// The layout of a segment of a given length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// The length of each of the two places for copies.
    pub(super) slot: u64,
}

impl Layout {
    pub(super) fn of(length: u64) -> Self {
        let page = PAGE as u64;
        Self { slot: (length / SHARE / page * page).max(page) }
    }

    /// The position of a block's copy.
    pub(super) fn copy(self, number: u64) -> u64 {
        number % 2 * self.slot
    }

    /// The position of the first block.
    pub(super) fn blocks(self) -> u64 {
        2 * self.slot
    }

    /// Returns the length that a segment needs for a block of `room` bytes.
    pub(super) fn length_for(room: u64) -> u64 {
        let page = PAGE as u64;
        (room + 3 * page + room / (SHARE / 2 - 1) + page).next_multiple_of(SHARE * page)
    }
}

/// The end of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tail {
    /// The number of its last block.
    pub(super) number: u64,
    /// The check of that block.
    pub(super) check: Digest,
    /// The incarnation in which it was written.
    pub(super) incarnation: u32,
}

/// The result of reading a segment.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The position of its last block, if it has one.
    pub(super) last: Option<Range<usize>>,
    /// The position of the block before it, if that is in this segment.
    pub(super) before: Option<Range<usize>>,
    /// The position of the next block.
    pub(super) end: usize,
    /// The blocks that were repaired from a copy.
    pub(super) mended: Vec<Range<usize>>,
    /// Whether the last block is a long one with a witness that it was durable.
    pub(super) witnessed: bool,
}

/// Visits the blocks of a segment that follow `tail`, advances `tail`, and repairs damaged blocks from their copies. An
/// error says what is damaged beyond repair.
pub(super) fn walk(
    bytes: &mut [u8],
    brand: u64,
    tail: &mut Tail,
    visit: &mut dyn FnMut(&Block<'_>) -> Result<(), String>,
) -> Result<Walked, String> {
    let layout = Layout::of(bytes.len() as u64);
    let mut walked = Walked { end: layout.blocks() as usize, ..Walked::default() };
    loop {
        let at = walked.end;
        let next = Block::read(bytes.get(at..).unwrap_or_default());
        if let Some(block) = next.filter(|block| follows(block, brand, tail) && !block.head.witness) {
            visit(&block)?;
            *tail =
                Tail { number: block.head.number, check: block.check, incarnation: block.head.incarnation };
            walked.end += block.pages.len();
            walked.before = walked.last.replace(at..walked.end);
            continue;
        }
        let Some(copy) = missed(bytes, layout, at, brand, tail)? else {
            let copy = bytes.get(layout.copy(tail.number) as usize..).and_then(Block::read);
            walked.witnessed = copy.is_some_and(|copy| copy.head.witness && copy.head.number == tail.number);
            return Ok(walked);
        };
        let mended = at..at + copy.len();
        if mended.end > bytes.len() {
            return Err(format!("block {} has no room", tail.number + 1));
        }
        bytes.copy_within(copy, at);
        walked.mended.push(mended);
    }
}

fn follows(block: &Block<'_>, brand: u64, tail: &Tail) -> bool {
    (block.head.brand, block.head.number, block.head.before) == (brand, tail.number + 1, tail.check)
}

/// Decides why no block follows at `at`: returns `None` if none was ever durable there, and the position of its copy if
/// the block is damaged. A misplaced write may have put a copy or a witness over the block itself, so this examines
/// every sector.
fn missed(
    bytes: &[u8],
    layout: Layout,
    at: usize,
    brand: u64,
    tail: &Tail,
) -> Result<Option<Range<usize>>, String> {
    let next = tail.number + 1;
    let slot = layout.slot as usize;
    let (mut copy, mut later) = (None, false);
    for from in [0, slot] {
        let Some(block) = bytes.get(from..from + slot).and_then(Block::read) else { continue };
        if block.head.brand != brand {
            return Err("it holds a block of another store".into());
        }
        later |= block.head.number > next;
        if block.head.number == next {
            if block.head.before != tail.check {
                return Err(format!("block {next} does not follow the one before it"));
            }
            if block.head.witness {
                return Err(format!("block {next} is damaged"));
            }
            copy = Some(from..from + block.pages.len());
        }
    }
    if later && copy.is_none() {
        return Err(format!("block {next} is damaged or missing"));
    }
    let place = copy.as_ref().map_or(at..at, |copy| at..at + copy.len());
    let strays = (SECTOR..2 * slot).chain(at..bytes.len()).step_by(SECTOR);
    for from in strays.filter(|from| *from != slot && Block::bears(&bytes[*from..], brand)) {
        let Some(block) = Block::read(&bytes[from..]) else { continue };
        // Later blocks may lie behind the block's place; nothing else may be as new.
        let later = block.head.number > next && copy.is_some() && from >= place.end;
        if block.head.number >= next && !later {
            return Err(format!("block {next} is damaged, or block {} lies in its place", block.head.number));
        }
    }
    Ok(copy)
}

/// Whether a segment may be reused for the blocks after `tail`: everything in it is older, and belongs to this store.
pub(super) fn is_older(bytes: &[u8], brand: u64, tail: &Tail) -> bool {
    let slot = Layout::of(bytes.len() as u64).slot as usize;
    let mut blocks =
        [0, slot, 2 * slot].into_iter().filter_map(|from| bytes.get(from..).and_then(Block::read));
    blocks.all(|block| block.head.brand == brand && block.head.number <= tail.number)
}

/// Whether a file that the manifest does not name holds a block that was appended to it, so that a newer manifest named
/// it.
pub(super) fn was_used(bytes: &[u8], brand: u64, first: u64) -> bool {
    let slot = Layout::of(bytes.len() as u64).slot as usize;
    [0, slot, 2 * slot].iter().filter_map(|from| bytes.get(*from..).and_then(Block::read)).any(|block| {
        block.head.brand == brand && block.head.number >= first && block.head.kind != Kind::Installed
    })
}

#[cfg(test)]
mod tests {
    use super::super::block::{Draft, Head};
    use super::*;

    #[test]
    fn blocks_of_another_history_or_store_are_refused() {
        let head = |number, before| Head {
            kind: Kind::Appended,
            witness: false,
            incarnation: 1,
            brand: 5,
            number,
            before: Digest(before),
        };
        let start = Tail { number: 6, check: Digest(9), incarnation: 1 };
        let blocks = |head: Head| {
            let mut bytes = vec![0; 32 * PAGE];
            for page in [head.number as usize % 2, 2] {
                bytes[page * PAGE..(page + 1) * PAGE].copy_from_slice(&Draft::empty().seal(&head).0);
            }
            bytes
        };
        let walk = |mut bytes: Vec<u8>, store| walk(&mut bytes, store, &mut start.clone(), &mut |_| Ok(()));
        assert_eq!(walk(blocks(head(7, 9)), 5).expect("it follows").end, 3 * PAGE);
        let error = walk(blocks(head(7, 8)), 5).expect_err("another history");
        assert!(error.contains("does not follow"), "{error}");
        let error = walk(blocks(head(7, 9)), 4).expect_err("another store");
        assert!(error.contains("another store"), "{error}");
        // The content before the segment was reused.
        assert_eq!(walk(blocks(head(6, 8)), 5).expect("old").end, 2 * PAGE);
    }

    #[test]
    fn a_segment_made_for_a_block_has_room_for_it() {
        let page = PAGE as u64;
        for pages in (1..5_000).chain([100_000, 1_000_000]) {
            let length = Layout::length_for(pages * page);
            assert!(Layout::of(length).blocks() + pages * page <= length, "{pages} pages");
        }
    }
}
