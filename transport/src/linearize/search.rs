//! The search for an order: the algorithm of Wing and Gong 1993, with Lowe's memory of searched states (*Testing for
//! linearizability*, 2017).
//!
//! It goes through calls and answers in the order of time, and lets operations take effect as late as possible: only
//! when one is answered that has not yet taken effect. There it tries which others take effect before it. What remains to be
//! done depends on the place alone: how far it is, what has been called and has not taken effect, and the state. A place that
//! was searched is never searched again, and neither is one with the same that has fewer operations of unknown outcome left.
//!
//! Two rules shorten the search, and lose no order:
//!
//! - A read that fits takes effect at once, because nothing depends on it.
//! - An operation of unknown outcome takes effect only where it may explain an answer. If no operation sees its effect
//!   before the value is overwritten, the order without it is as good.

use super::{Model, Operation};
use std::collections::BTreeMap;

/// A deed with the times of its call and its answer.
#[derive(Clone, Debug)]
pub(super) struct Span<D> {
    pub(super) deed: D,
    pub(super) begun: u64,
    pub(super) ended: Option<u64>,
}

impl<D: Clone> Span<D> {
    pub(super) fn of(operation: &Operation<D>) -> Self {
        let Operation { deed, begun, ended, .. } = operation;
        Self { deed: deed.clone(), begun: *begun, ended: *ended }
    }
}

/// How a search ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is an order.
    Fits,
    /// There is no order, not even for the operations called up to this answer.
    Stuck {
        /// The time of the answer that could not be explained.
        at: u64,
    },
    /// Memory or patience ran out first.
    GivenUp,
}

/// A call or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: u64,
    /// A call at the time of an answer overlaps it, also at one client, so calls are sorted first.
    is_answer: bool,
    of: u32,
}

/// A point of the search.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place<S> {
    /// The next event.
    at: u32,
    state: S,
    /// What was called, will be answered, and has not yet taken effect, in the order of calls.
    pending: Vec<u32>,
}

/// A place, and the operations that may still take effect at any time, in the order of calls.
#[derive(Clone, Debug)]
struct Path<S> {
    place: Place<S>,
    unsure: Vec<u32>,
}

/// Which places were searched, with what was left to take effect at any time.
type Searched<S> = BTreeMap<Place<S>, Vec<Vec<u32>>>;

impl<S: Ord> Path<S> {
    /// Besides what the state holds.
    fn bytes(&self) -> usize {
        size_of::<Self>() + 16 + (self.place.pending.capacity() + self.unsure.capacity()) * size_of::<u32>()
    }

    /// Whether one with the same place was searched that had all of this one's operations left, and perhaps more.
    fn is_hopeless(&self, searched: &Searched<S>) -> bool {
        let had_all = |had: &Vec<u32>| {
            // Both are in the order of calls.
            let mut had = had.iter();
            self.unsure.iter().all(|nth| had.any(|other| other == nth))
        };
        searched.get(&self.place).is_some_and(|before| before.iter().any(had_all))
    }
}

#[derive(Debug)]
struct Made<D> {
    deed: D,
    is_known: bool,
}

/// The search for an order.
pub(super) struct Search<M: Model> {
    model: M,
    moves: Vec<Made<M::Deed>>,
    events: Vec<Event>,
    /// How many bytes may be in use.
    memory: usize,
    /// The number of steps left.
    patience: u64,
}

impl<M: Model> Search<M> {
    pub(super) fn new(model: M, spans: impl Iterator<Item = Span<M::Deed>>, memory: usize) -> Self {
        let (mut deeds, mut events) = (Vec::new(), Vec::new());
        for span in spans {
            let deed = match span.ended {
                Some(_) => Some(span.deed),
                // What an operation without an answer is said to have seen does not count.
                None => model.unseen(&span.deed),
            };
            let Some(deed) = deed else { continue };
            let of = deeds.len() as u32;
            events.push(Event { at: span.begun, is_answer: false, of });
            events.extend(span.ended.map(|at| Event { at, is_answer: true, of }));
            deeds.push((deed, span.ended.is_some()));
        }
        let matters = model.relevant(&deeds);
        events.retain(|event| deeds[event.of as usize].1 || matters[event.of as usize]);
        events.sort_unstable();
        let moves = deeds.into_iter().map(|(deed, is_known)| Made { deed, is_known }).collect();
        Self { model, moves, events, memory, patience: u64::MAX }
    }

    /// Searches until memory runs out.
    pub(super) fn run(mut self) -> Outcome {
        self.search()
    }

    /// Searches for at most `patience` steps. Also returns how many are left.
    pub(super) fn run_within(mut self, patience: u64) -> (Outcome, u64) {
        self.patience = patience;
        let outcome = self.search();
        (outcome, self.patience)
    }

    fn search(&mut self) -> Outcome {
        let mut searched = Searched::new();
        let (mut farthest, mut spent) = (0, 0);
        let first = Place { at: 0, state: self.model.start(), pending: Vec::new() };
        let mut stack = vec![Path { place: first, unsure: Vec::new() }];
        while let Some(mut path) = stack.pop() {
            spent -= self.bytes(&path).min(spent);
            let Some(answered) = self.advance(&mut path) else { return Outcome::Fits };
            if path.is_hopeless(&searched) {
                continue;
            }
            farthest = farthest.max(path.place.at);
            let pushed = stack.len();
            if !self.branch(&path, answered, &mut stack) {
                return Outcome::GivenUp;
            }
            spent += stack[pushed..].iter().map(|path| self.bytes(path)).sum::<usize>() + self.bytes(&path);
            searched.entry(path.place).or_default().push(path.unsure);
            if spent + self.model.held() > self.memory {
                return Outcome::GivenUp;
            }
        }
        Outcome::Stuck { at: self.events[farthest as usize].at }
    }

    fn bytes(&self, path: &Path<M::State>) -> usize {
        path.bytes() + self.model.bytes(&path.place.state)
    }

    /// Goes on to the answer of an operation that has not taken effect; which it is.
    fn advance(&mut self, path: &mut Path<M::State>) -> Option<u32> {
        let Path { place, unsure } = path;
        loop {
            let event = self.events.get(place.at as usize)?;
            let made = &self.moves[event.of as usize];
            if event.is_answer {
                if place.pending.contains(&event.of) {
                    return Some(event.of);
                }
            } else if !made.is_known {
                unsure.push(event.of);
            } else if !is_settled(&mut self.model, &made.deed, &place.state) {
                place.pending.push(event.of);
            }
            place.at += 1;
        }
    }

    /// Pushes the places to which an operation that takes effect now leads, the most promising one last; whether patience lasted.
    fn branch(&mut self, path: &Path<M::State>, answered: u32, stack: &mut Vec<Path<M::State>>) -> bool {
        let Path { place, unsure } = path;
        let is_watcher = |nth: &u32| {
            let made = &self.moves[*nth as usize];
            made.is_known || self.model.is_conditional(&made.deed)
        };
        let watchers: Vec<u32> =
            place.pending.iter().chain(unsure).copied().filter(|nth| is_watcher(nth)).collect();
        let steps = 1 + unsure.len() * watchers.len() + place.pending.len();
        let Some(left) = self.patience.checked_sub(steps as u64) else { return false };
        self.patience = left;
        // Operations that may never take effect are pushed first, so that all others are searched before them.
        for (position, nth) in unsure.iter().enumerate().rev() {
            let made = &self.moves[*nth as usize];
            // Of two equal operations, trying the one that was called first is enough.
            if unsure[..position].iter().any(|other| self.moves[*other as usize].deed == made.deed) {
                continue;
            }
            let Some(state) = self.model.after(&made.deed, &place.state) else { continue };
            let explains = |watcher: &u32| {
                let watched = &self.moves[*watcher as usize].deed;
                watcher != nth && self.model.may_explain(&place.state, &state, watched)
            };
            if state != place.state && watchers.iter().any(explains) {
                let unsure = unsure.iter().copied().filter(|other| other != nth).collect();
                let path = self.path(place.at, state, place.pending.clone(), unsure);
                stack.push(path);
            }
        }
        let others = place.pending.iter().rev().filter(|nth| **nth != answered);
        for nth in others.chain([&answered]) {
            if let Some(state) = self.model.after(&self.moves[*nth as usize].deed, &place.state) {
                let pending = place.pending.iter().copied().filter(|other| other != nth).collect();
                let path = self.path(place.at, state, pending, unsure.clone());
                stack.push(path);
            }
        }
        true
    }

    /// A place at which all reads that fit have taken effect.
    fn path(&mut self, at: u32, state: M::State, mut pending: Vec<u32>, unsure: Vec<u32>) -> Path<M::State> {
        let Self { model, moves, .. } = self;
        pending.retain(|nth| !is_settled(model, &moves[*nth as usize].deed, &state));
        Path { place: Place { at, state, pending }, unsure }
    }
}

/// Whether a deed takes effect at once: it is a read, and what it saw is there.
fn is_settled<M: Model>(model: &mut M, deed: &M::Deed, state: &M::State) -> bool {
    model.only_reads(deed) && model.after(deed, state).is_some()
}
