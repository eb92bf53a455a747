//! Whether a history is linearizable (Herlihy & Wing, 1990): whether each operation can have taken effect at one moment
//! between its beginning and its end, such that one key after the other tells the truth.
//!
//! The search of Wing & Gong with Lowe's memory of where it has been: it goes through the beginnings and ends in their
//! order, and lets operations take effect as late as possible, at the end of one that has not yet. An operation of
//! which nobody heard the end may take effect at any time after its beginning, or never.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What was done to a key, and what was seen of it; where the end is unknown, nothing was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Get(Option<String>),
    Put(String),
    /// It had the first value, and has the second now.
    Cas(Option<String>, String),
    /// The length after it.
    Append(String, Option<usize>),
    /// Whether there was a value.
    Delete(Option<bool>),
    /// The number after it.
    Incr(Option<i64>),
}

#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) key: String,
    pub(crate) deed: Deed,
    pub(crate) begun: u64,
    /// None: the outcome is unknown.
    pub(crate) ended: Option<u64>,
}

type State = Option<Rc<str>>;

impl Deed {
    /// The value after it, if what was seen can have been seen at `state`.
    fn after(&self, state: &State) -> Option<State> {
        let now = state.as_deref();
        let agrees = |fits: bool, next: State| fits.then_some(next);
        match self {
            Self::Get(seen) => agrees(seen.as_deref() == now, state.clone()),
            Self::Put(value) => Some(Some(value.as_str().into())),
            Self::Cas(from, to) => agrees(from.as_deref() == now, Some(to.as_str().into())),
            Self::Append(value, length) => {
                let next = format!("{}{value}", now.unwrap_or_default());
                agrees(length.is_none_or(|length| length == next.len()), Some(next.into()))
            }
            Self::Delete(had) => agrees(had.is_none_or(|had| had == now.is_some()), None),
            Self::Incr(seen) => {
                let next = now.unwrap_or("0").parse::<i64>().ok()? + 1;
                agrees(seen.is_none_or(|seen| seen == next), Some(next.to_string().into()))
            }
        }
    }

    /// Whether `state` may lead to one at which this can have been seen, by things added to it.
    fn may_follow(&self, state: &State) -> bool {
        let now = state.as_deref().unwrap_or_default();
        match self {
            Self::Get(seen) | Self::Cas(seen, _) => {
                let seen = seen.as_deref().unwrap_or_default();
                let number = |text: &str| text.parse::<i64>().ok();
                seen.starts_with(now) || number(now).zip(number(seen)).is_some_and(|(now, seen)| now < seen)
            }
            Self::Append(value, length) => length.is_none_or(|length| now.len() + value.len() <= length),
            // Whatever was there is overwritten.
            Self::Put(_) => false,
            Self::Delete(_) => true,
            Self::Incr(seen) => seen.is_none_or(|seen| now.parse::<i64>().is_ok_and(|now| now < seen)),
        }
    }

    /// The value that it leaves behind, if that is its alone.
    fn leaves(&self) -> Option<&str> {
        match self {
            Self::Put(value) | Self::Cas(_, value) => Some(value),
            Self::Get(_) | Self::Append(..) | Self::Delete(_) | Self::Incr(_) => None,
        }
    }

    /// The value that it saw.
    fn saw(&self) -> Option<&str> {
        match self {
            Self::Get(seen) | Self::Cas(seen, _) => seen.as_deref(),
            Self::Put(_) | Self::Append(..) | Self::Delete(_) | Self::Incr(_) => None,
        }
    }
}

/// Places that are looked at for one key before the search is given up.
const PATIENCE: usize = 3_000_000;

/// How many operations there are, and how many of them with an unknown outcome.
///
/// # Errors
/// Which key cannot be explained, and how far it can.
pub(crate) fn check(history: &[Op]) -> Result<(usize, usize), String> {
    let mut keys: BTreeMap<&str, Vec<&Op>> = BTreeMap::new();
    for op in history {
        keys.entry(&op.key).or_default().push(op);
    }
    for (key, ops) in keys {
        explain(&relevant(&ops)).map_err(|why| format!("{key} of {} operations: {why}", ops.len()))?;
    }
    Ok((history.len(), history.iter().filter(|op| op.ended.is_none()).count()))
}

/// Without those of which nothing follows: reads without an answer and, where what is read is all that anybody learns,
/// values with an unknown fate that nobody ever saw.
fn relevant<'a>(ops: &[&'a Op]) -> Vec<&'a Op> {
    let plain = ops.iter().all(|op| op.deed.leaves().is_some() || matches!(op.deed, Deed::Get(_)));
    let seen: BTreeSet<&str> = ops
        .iter()
        .filter(|op| op.ended.is_some() || op.deed.leaves().is_some())
        .filter_map(|op| op.deed.saw())
        .collect();
    let matters = |op: &&&Op| {
        op.ended.is_some()
            || !(matches!(op.deed, Deed::Get(_))
                || plain && op.deed.leaves().is_some_and(|value| !seen.contains(value)))
    };
    ops.iter().filter(matters).copied().collect()
}

/// A point of the search.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The next beginning or end.
    at: usize,
    /// What has begun and not yet taken effect.
    pending: Vec<usize>,
    state: State,
}

impl Place {
    /// A read that fits now may as well take effect now: nothing depends on it.
    fn settle(&mut self, ops: &[&Op]) {
        let state = self.state.as_deref();
        self.pending.retain(|nth| !matches!(&ops[*nth].deed, Deed::Get(seen) if seen.as_deref() == state));
    }
}

fn explain(ops: &[&Op]) -> Result<(), String> {
    // What ends when another begins overlaps it.
    let begins = ops.iter().enumerate().map(|(nth, op)| (op.begun, false, nth));
    let ends = ops.iter().enumerate().filter_map(|(nth, op)| Some((op.ended?, true, nth)));
    let mut events: Vec<_> = begins.chain(ends).collect();
    events.sort_unstable();
    let (mut seen, mut farthest) = (BTreeSet::new(), None::<Place>);
    let mut stack = vec![Place { at: 0, pending: Vec::new(), state: None }];
    'places: while let Some(mut place) = stack.pop() {
        let ending = loop {
            let Some((_, ends, nth)) = events.get(place.at) else { return Ok(()) };
            if !ends {
                place.pending.push(*nth);
                place.settle(ops);
            } else if place.pending.contains(nth) {
                break *nth;
            }
            place.at += 1;
        };
        if !seen.insert(place.clone()) {
            continue 'places;
        }
        if farthest.as_ref().is_none_or(|farthest| farthest.at < place.at) {
            farthest = Some(place.clone());
        }
        if seen.len() > PATIENCE {
            return Err(format!("not decided; {}", story(ops, farthest.as_ref(), &events)));
        }
        // The last is tried first: the one that ends, then those that will, then those of which nobody knows.
        let mut next: Vec<usize> = place.pending.clone();
        next.sort_by_key(|nth| (*nth == ending, ops[*nth].ended.is_some(), core::cmp::Reverse(*nth)));
        for (at, nth) in next.iter().enumerate() {
            let op = ops[*nth];
            // Of two that are alike and may take effect at any time, the one that began first will do.
            let like = |other: &usize| ops[*other].ended.is_none() && ops[*other].deed == op.deed;
            if op.ended.is_none() && next[at + 1..].iter().any(like) {
                continue;
            }
            if let Some(state) = op.deed.after(&place.state) {
                // What may happen at any time happens when that explains something, else later or never.
                let explains = |other: &usize| {
                    let then = ops[*other];
                    let seen = then.ended.is_some() || matches!(then.deed, Deed::Cas(..));
                    other != nth && seen && then.deed.may_follow(&state)
                };
                if op.ended.is_none() && !place.pending.iter().any(explains) {
                    continue;
                }
                let pending = place.pending.iter().copied().filter(|other| other != nth).collect();
                let mut then = Place { at: place.at, pending, state };
                then.settle(ops);
                stack.push(then);
            }
        }
    }
    Err(story(ops, farthest.as_ref(), &events))
}

/// How far the history can be explained.
fn story(ops: &[&Op], farthest: Option<&Place>, events: &[(u64, bool, usize)]) -> String {
    let Some(place) = farthest else { return "nothing can be explained".into() };
    let ending = events.get(place.at).map(|(_, _, nth)| ops[*nth]);
    let pending: Vec<&Op> = place.pending.iter().map(|nth| ops[*nth]).collect();
    let before: Vec<&Op> =
        events[place.at.saturating_sub(12)..place.at].iter().map(|event| ops[event.2]).collect();
    format!(
        "it cannot have ended so: {ending:?}\n  with {:?}\n  pending {pending:?}\n  after {before:#?}",
        place.state
    )
}
