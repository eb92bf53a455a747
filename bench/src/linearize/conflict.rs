//! Which operations contradict each other, of all that a search had to go through.
//!
//! An operation may be left out of the account if the others contradict each other whatever it did. A read is dropped; a write
//! is taken to have any outcome, at any time. What is left is tried by halves, quarters and so on, at last one at a time (Zeller
//! and Hildebrandt 2002), until nothing more can be left out. Where that takes too long, because many writes that may take
//! effect at any time explain almost anything, the operations around the first answer without an explanation are named.

use super::operation::{Deed, Operation};
use super::search::{Outcome, Search, Span};
use std::borrow::Cow;

/// Operations of one key that no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The key.
    pub key: String,
    /// How many operations the key has.
    pub of: usize,
    /// The first whose answer has no explanation after all that was answered before.
    pub stuck: usize,
    /// Those in conflict, by their place in the history, in the order of their calls.
    pub operations: Vec<usize>,
    /// Whether each of them is needed: had any one taken effect at another moment, or not at all, the rest would have an order.
    pub is_smallest: bool,
}

/// The memory for one trial with fewer operations.
const MEMORY: usize = 64 << 20;

/// The steps of one trial, and of all.
const PATIENCE: u64 = 1_000_000;
const ALL_PATIENCE: u64 = 10_000_000;

/// More than these are no explanation, unless all are needed.
const FEW: usize = 12;

/// How many that ended before are named with those that were under way.
const BEFORE: usize = 8;

/// The conflict of a key whose search was stuck at this time.
pub(super) fn conflict(history: &[Operation], key: &str, members: &[usize], at: u64) -> Conflict {
    // What was called later has no part in it.
    let prefix: Vec<usize> = members.iter().copied().filter(|nth| history[*nth].begun <= at).collect();
    let mut reduction = Reduction { history, prefix: &prefix, at, left: ALL_PATIENCE };
    let mut kept: Vec<usize> = prefix.clone();
    kept.sort_by_key(|nth| (history[*nth].begun, *nth));
    kept = reduction.last_ones(kept);
    let is_smallest = reduction.reduce(&mut kept);
    let stuck = prefix.iter().copied().find(|nth| history[*nth].ended == Some(at));
    let stuck = stuck.or(kept.last().copied()).unwrap_or_default();
    if !is_smallest && kept.len() > FEW {
        kept = around(history, &prefix, stuck);
    }
    Conflict { key: key.to_owned(), of: members.len(), stuck, operations: kept, is_smallest }
}

/// What was under way with an operation, and the last few answered before.
fn around(history: &[Operation], prefix: &[usize], stuck: usize) -> Vec<usize> {
    let begun = history[stuck].begun;
    let is_near =
        |nth: &usize| history[*nth].ended.map_or(history[*nth].begun >= begun, |ended| ended >= begun);
    let (mut near, mut before): (Vec<usize>, Vec<usize>) = prefix.iter().partition(|nth| is_near(nth));
    before.retain(|nth| history[*nth].ended.is_some());
    before.sort_by_key(|nth| (history[*nth].ended, *nth));
    near.extend_from_slice(&before[before.len().saturating_sub(BEFORE)..]);
    near.sort_by_key(|nth| (history[*nth].begun, *nth));
    near
}

struct Reduction<'a> {
    history: &'a [Operation],
    prefix: &'a [usize],
    at: u64,
    /// Steps.
    left: u64,
}

impl<'a> Reduction<'a> {
    /// Whether these contradict each other whatever the others did; none if that takes too long to know.
    fn contradict(&mut self, kept: &[usize]) -> Option<bool> {
        let mut is_kept = kept.to_vec();
        is_kept.sort_unstable();
        let spans = self.prefix.iter().filter_map(|nth| self.span(*nth, is_kept.binary_search(nth).is_ok()));
        let spans: Vec<Span<'a>> = spans.collect();
        let patience = PATIENCE.min(self.left);
        self.left = self.left.saturating_sub(spans.len() as u64);
        let (outcome, left) = Search::new(spans.into_iter(), MEMORY).run_within(patience);
        self.left = self.left.saturating_sub(patience - left);
        match outcome {
            Outcome::Stuck { .. } => Some(true),
            Outcome::Fits => Some(false),
            Outcome::GivenUp => None,
        }
    }

    fn span(&self, nth: usize, is_kept: bool) -> Option<Span<'a>> {
        let operation = &self.history[nth];
        match (&operation.deed, is_kept) {
            (_, true) => {
                Some(Span { ended: operation.ended.filter(|ended| *ended <= self.at), ..Span::of(operation) })
            }
            (Deed::Get(_), false) => None,
            (deed, false) => Some(Span { deed: Cow::Owned(deed.unseen()), begun: 0, ended: None }),
        }
    }

    /// The last few, or twice as many, and so on, until they contradict each other.
    fn last_ones(&mut self, kept: Vec<usize>) -> Vec<usize> {
        let mut count = 8;
        while count < kept.len() && self.left > 0 {
            let last = &kept[kept.len() - count..];
            if self.contradict(last) == Some(true) {
                return last.to_vec();
            }
            count *= 2;
        }
        kept
    }

    /// Leaves out what can be; whether nothing more can.
    fn reduce(&mut self, kept: &mut Vec<usize>) -> bool {
        let mut size = kept.len().div_ceil(2);
        loop {
            let (before, mut at, mut is_sure) = (kept.len(), 0, true);
            while at < kept.len() {
                if self.left == 0 {
                    return false;
                }
                let end = kept.len().min(at + size);
                let fewer: Vec<usize> = kept[..at].iter().chain(&kept[end..]).copied().collect();
                let found = self.contradict(&fewer);
                is_sure &= found.is_some();
                if found == Some(true) {
                    *kept = fewer;
                } else {
                    at = end;
                }
            }
            match size {
                1 if kept.len() == before => return is_sure,
                1 => {}
                _ => size = size.div_ceil(2).min(kept.len().div_ceil(2)).max(1),
            }
        }
    }
}
