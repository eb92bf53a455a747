//! Finds the operations that contradict each other, among all that a search went through.
//!
//! An operation may be left out if the others contradict each other whatever it did. A read is dropped, and a write may
//! then have any outcome, at any time. The search tries to leave out halves, quarters and so on, and at last single
//! operations (Zeller and Hildebrandt 2002), until no more can be left out. This may take too long, because many writes
//! that may take effect at any time explain almost anything. Then the operations around the first answer without an
//! explanation are reported.

use super::search::{Outcome, Search, Span};
use super::{Model, Operation, timeline};
use core::fmt::Display;

/// Operations that no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The first whose answer has no explanation after all that was answered before.
    pub stuck: usize,
    /// The operations in conflict, by their index in the history, in the order of their calls.
    pub operations: Vec<usize>,
    /// Whether each operation is needed: if any one had taken effect at another moment, or not at all, the rest would
    /// have an order.
    pub is_smallest: bool,
}

impl Conflict {
    /// The operations over time, of the history in which they were found.
    pub fn timeline<D: Display>(&self, history: &[Operation<D>]) -> String {
        timeline(history, &self.operations)
    }
}

/// The memory for one trial with fewer operations.
const MEMORY: usize = 64 << 20;

/// The most steps of one trial, and of all trials together.
const PATIENCE: u64 = 1_000_000;
const ALL_PATIENCE: u64 = 10_000_000;

/// The most operations that are reported, unless all are needed.
const FEW: usize = 12;

/// How many operations that ended before are reported beside those in progress.
const BEFORE: usize = 8;

/// The conflict of a history whose search was stuck at this time.
pub(super) fn conflict<M: Model>(model: &M, history: &[Operation<M::Deed>], at: u64) -> Conflict {
    // What was called later has no part in it.
    let prefix: Vec<usize> = (0..history.len()).filter(|nth| history[*nth].begun <= at).collect();
    let mut reduction = Reduction { model, history, prefix: &prefix, at, left: ALL_PATIENCE };
    let mut kept: Vec<usize> = prefix.clone();
    kept.sort_by_key(|nth| (history[*nth].begun, *nth));
    kept = reduction.last_ones(kept);
    let is_smallest = reduction.reduce(&mut kept);
    let stuck = prefix.iter().copied().find(|nth| history[*nth].ended == Some(at));
    let stuck = stuck.or(kept.last().copied()).unwrap_or_default();
    if !is_smallest && kept.len() > FEW {
        kept = around(history, &prefix, stuck);
    }
    Conflict { stuck, operations: kept, is_smallest }
}

/// What was under way with an operation, and the last few answered before.
fn around<D>(history: &[Operation<D>], prefix: &[usize], stuck: usize) -> Vec<usize> {
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

struct Reduction<'a, M: Model> {
    model: &'a M,
    history: &'a [Operation<M::Deed>],
    prefix: &'a [usize],
    at: u64,
    /// The number of steps left.
    left: u64,
}

impl<M: Model> Reduction<'_, M> {
    /// Whether these contradict each other whatever the others did; none if that takes too long to know.
    fn contradict(&mut self, kept: &[usize]) -> Option<bool> {
        let mut is_kept = kept.to_vec();
        is_kept.sort_unstable();
        let spans = self.prefix.iter().filter_map(|nth| self.span(*nth, is_kept.binary_search(nth).is_ok()));
        let spans: Vec<Span<M::Deed>> = spans.collect();
        let patience = PATIENCE.min(self.left);
        self.left = self.left.saturating_sub(spans.len() as u64);
        let (outcome, left) = Search::new(self.model.clone(), spans.into_iter(), MEMORY).run_within(patience);
        self.left = self.left.saturating_sub(patience - left);
        match outcome {
            Outcome::Stuck { .. } => Some(true),
            Outcome::Fits => Some(false),
            Outcome::GivenUp => None,
        }
    }

    fn span(&self, nth: usize, is_kept: bool) -> Option<Span<M::Deed>> {
        let operation = &self.history[nth];
        if is_kept {
            let ended = operation.ended.filter(|ended| *ended <= self.at);
            return Some(Span { ended, ..Span::of(operation) });
        }
        Some(Span { deed: self.model.unseen(&operation.deed)?, begun: 0, ended: None })
    }

    /// Returns the last few operations, doubling their number until they contradict each other.
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

    /// Leaves out as many operations as possible. Returns whether surely no more can be left out.
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
