//! The search for an order: the algorithm of Wing and Gong 1993, with Lowe's memory of searched states (*Testing for
//! linearizability*, 2017).
//!
//! The search goes through calls and answers in the order of time. It lets operations take effect as late as possible:
//! only when an operation is answered that has not yet taken effect. There it tries which other operations take effect
//! first. The rest of the search depends only on the place: how far the search is, which operations were called and
//! have not taken effect, and the value. A place is never searched twice, not even with fewer operations of unknown
//! outcome left.
//!
//! Two rules shorten the search, and lose no order:
//!
//! - A read that fits takes effect at once, because nothing depends on it.
//! - An operation of unknown outcome takes effect only where it may explain an answer. If no operation sees its effect
//!   before the value is overwritten, the order without it is as good.

use super::operation::{Deed, Operation};
use super::values::{Move, NOTHING, State, Values};
use std::collections::{BTreeMap, BTreeSet};

/// A deed with the times of its call and its answer.
#[derive(Clone, Debug)]
pub(super) struct Span<'a> {
    pub(super) deed: std::borrow::Cow<'a, Deed>,
    pub(super) begun: u64,
    pub(super) ended: Option<u64>,
}

impl<'a> Span<'a> {
    pub(super) fn of(operation: &'a Operation) -> Self {
        let Operation { deed, begun, ended, .. } = operation;
        Self { deed: std::borrow::Cow::Borrowed(deed), begun: *begun, ended: *ended }
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
    /// A call at the time of an answer overlaps it, so calls are sorted first.
    is_answer: bool,
    of: u32,
}

/// A point of the search.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The next event.
    at: u32,
    state: State,
    /// The operations that were called, will be answered and have not yet taken effect, in the order of calls.
    pending: Vec<u32>,
}

/// A place, and the operations that may still take effect at any time, in the order of calls.
#[derive(Clone, Debug)]
struct Path {
    place: Place,
    unsure: Vec<u32>,
}

/// The places that were searched, each with the operations that could still take effect at any time.
type Searched = BTreeMap<Place, Vec<Vec<u32>>>;

impl Path {
    fn bytes(&self) -> usize {
        size_of::<Self>() + 16 + (self.place.pending.capacity() + self.unsure.capacity()) * size_of::<u32>()
    }

    /// Whether this place was searched with all operations left that this path has, and perhaps more.
    fn is_hopeless(&self, searched: &Searched) -> bool {
        let had_all = |had: &Vec<u32>| {
            // Both are in the order of calls.
            let mut had = had.iter();
            self.unsure.iter().all(|nth| had.any(|other| other == nth))
        };
        searched.get(&self.place).is_some_and(|before| before.iter().any(had_all))
    }
}

impl Place {
    /// Lets all reads that fit take effect.
    fn settle(&mut self, moves: &[Made]) {
        let state = self.state;
        self.pending.retain(|nth| !matches!(moves[*nth as usize].deed, Move::Get(seen) if seen == state));
    }
}

#[derive(Debug)]
struct Made {
    deed: Move,
    is_known: bool,
}

impl Made {
    /// Whether other operations may have to explain this one: it has an answer, or is a compare-and-set.
    fn is_watcher(&self) -> bool {
        self.is_known || matches!(self.deed, Move::Cas(..))
    }
}

/// The search of one key.
#[derive(Debug)]
pub(super) struct Search {
    moves: Vec<Made>,
    events: Vec<Event>,
    values: Values,
    /// Whether there are increments, which can turn almost any value into almost any other.
    counts: bool,
    /// The most bytes that may be in use.
    memory: usize,
    /// The number of steps left.
    patience: u64,
}

impl Search {
    pub(super) fn new<'a>(spans: impl Iterator<Item = Span<'a>>, memory: usize) -> Self {
        let mut values = Values::default();
        let (mut moves, mut events) = (Vec::new(), Vec::new());
        for span in spans {
            let deed = match span.ended {
                Some(_) => values.translate(&span.deed),
                // Without an answer, what the operation is said to have seen does not count.
                None => values.translate(&span.deed.unseen()),
            };
            // A read without an answer has no meaning for the order.
            if span.ended.is_none() && matches!(deed, Move::Get(_)) {
                continue;
            }
            let of = moves.len() as u32;
            events.push(Event { at: span.begun, is_answer: false, of });
            events.extend(span.ended.map(|at| Event { at, is_answer: true, of }));
            moves.push(Made { deed, is_known: span.ended.is_some() });
        }
        let counts = moves.iter().any(|made| matches!(made.deed, Move::Incr(_)));
        let mut search = Self { moves, events, values, counts, memory, patience: u64::MAX };
        let matters = search.relevant();
        search.events.retain(|event| matters[event.of as usize]);
        search.events.sort_unstable();
        search
    }

    /// Which operations can matter: those with an answer, and others that may explain an operation that matters.
    fn relevant(&self) -> Vec<bool> {
        let mut matters: Vec<bool> = self.moves.iter().map(|made| made.is_known).collect();
        let mut unsure: Vec<usize> = (0..self.moves.len()).filter(|nth| !matters[*nth]).collect();
        let plain = !self.counts
            && self.moves.iter().all(|made| !matches!(made.deed, Move::Append(..) | Move::Delete(_)));
        // With appends, removals or increments, the effects on values are left to the search itself.
        if !plain {
            return vec![true; self.moves.len()];
        }
        let saw = |made: &Made| match made.deed {
            Move::Get(seen) | Move::Cas(seen, _) => Some(seen),
            Move::Put(_) | Move::Append(..) | Move::Delete(_) | Move::Incr(_) => None,
        };
        let mut seen: BTreeSet<State> =
            self.moves.iter().filter(|made| made.is_known).filter_map(saw).collect();
        loop {
            let before = unsure.len();
            unsure.retain(|nth| {
                let made = &self.moves[*nth];
                let is_seen = matches!(made.deed, Move::Put(to) | Move::Cas(_, to) if seen.contains(&to));
                if is_seen {
                    matters[*nth] = true;
                    seen.extend(saw(made));
                }
                !is_seen
            });
            if unsure.len() == before {
                return matters;
            }
        }
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
        let first = Place { at: 0, state: NOTHING, pending: Vec::new() };
        let mut stack = vec![Path { place: first, unsure: Vec::new() }];
        while let Some(mut path) = stack.pop() {
            spent -= path.bytes().min(spent);
            let Some(answered) = self.advance(&mut path) else { return Outcome::Fits };
            if path.is_hopeless(&searched) {
                continue;
            }
            farthest = farthest.max(path.place.at);
            let pushed = stack.len();
            if !self.branch(&path, answered, &mut stack) {
                return Outcome::GivenUp;
            }
            spent += stack[pushed..].iter().map(Path::bytes).sum::<usize>() + path.bytes();
            searched.entry(path.place).or_default().push(path.unsure);
            if spent + self.values.bytes > self.memory {
                return Outcome::GivenUp;
            }
        }
        Outcome::Stuck { at: self.events[farthest as usize].at }
    }

    /// Advances to the next answer of an operation that has not taken effect. Returns the operation; none at the end.
    fn advance(&self, path: &mut Path) -> Option<u32> {
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
            } else if made.deed != Move::Get(place.state) {
                place.pending.push(event.of);
            }
            place.at += 1;
        }
    }

    /// Pushes a path for each operation that can take effect now, the most promising last. False: no steps are left.
    fn branch(&mut self, path: &Path, answered: u32, stack: &mut Vec<Path>) -> bool {
        let Path { place, unsure } = path;
        let is_watcher = |nth: &u32| self.moves[*nth as usize].is_watcher();
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
            let Some(state) = self.values.after(&made.deed, place.state) else { continue };
            let explains = |watcher: &u32| {
                let watched = &self.moves[*watcher as usize].deed;
                watcher != nth && self.values.explains(place.state, state, watched, self.counts)
            };
            if state != place.state && watchers.iter().any(explains) {
                let unsure = unsure.iter().copied().filter(|other| other != nth).collect();
                stack.push(self.path(place.at, state, place.pending.clone(), unsure));
            }
        }
        let others = place.pending.iter().rev().filter(|nth| **nth != answered);
        for nth in others.chain([&answered]) {
            if let Some(state) = self.values.after(&self.moves[*nth as usize].deed, place.state) {
                let pending = place.pending.iter().copied().filter(|other| other != nth).collect();
                stack.push(self.path(place.at, state, pending, unsure.clone()));
            }
        }
        true
    }

    fn path(&self, at: u32, state: State, pending: Vec<u32>, unsure: Vec<u32>) -> Path {
        let mut place = Place { at, state, pending };
        place.settle(&self.moves);
        Path { place, unsure }
    }
}
