//! The values that a key can have, numbered so that a search compares numbers and not texts.

use super::operation::Deed;
use paxos_transport::linearize::Model;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The number of a value.
pub(super) type State = u32;

/// The number that stands for no value.
pub(super) const NOTHING: State = 0;

/// All values that were met, and what operations make of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    texts: Vec<Rc<str>>,
    numbers: BTreeMap<Rc<str>, State>,
    /// What the texts hold.
    bytes: usize,
    /// Whether there are increments, which make almost any value of almost any other.
    counts: bool,
}

/// A deed with numbers in place of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Get(State),
    Put(State),
    Cas(State, State),
    Append(Rc<str>, Option<usize>),
    Delete(Option<bool>),
    Incr(Option<i64>),
}

impl Values {
    pub(super) fn number(&mut self, text: &str) -> State {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let text: Rc<str> = text.into();
        self.bytes += text.len() + 2 * size_of::<Rc<str>>() + size_of::<State>();
        self.texts.push(Rc::clone(&text));
        let number = self.texts.len() as State;
        self.numbers.insert(text, number);
        number
    }

    fn perhaps(&mut self, text: Option<&str>) -> State {
        text.map_or(NOTHING, |text| self.number(text))
    }

    /// The text of the value with this number; none for [`NOTHING`].
    fn text(&self, state: State) -> Option<&str> {
        Some(&**self.texts.get(state.checked_sub(1)? as usize)?)
    }

    pub(super) fn translate(&mut self, deed: &Deed) -> Move {
        match deed {
            Deed::Get(seen) => Move::Get(self.perhaps(seen.as_deref())),
            Deed::Put(value) => Move::Put(self.number(value)),
            Deed::Cas(from, to) => Move::Cas(self.perhaps(from.as_deref()), self.number(to)),
            Deed::Append(value, length) => Move::Append(value.as_str().into(), *length),
            Deed::Delete(had) => Move::Delete(*had),
            Deed::Incr(seen) => {
                self.counts = true;
                Move::Incr(*seen)
            }
        }
    }
}

impl Model for Values {
    type State = State;
    type Deed = Move;

    fn start(&self) -> State {
        NOTHING
    }

    fn after(&mut self, made: &Move, state: &State) -> Option<State> {
        let state = *state;
        match made {
            Move::Get(seen) => (*seen == state).then_some(state),
            Move::Put(to) => Some(*to),
            Move::Cas(from, to) => (*from == state).then_some(*to),
            Move::Append(value, length) => {
                let now = self.text(state).unwrap_or_default();
                let fits = length.is_none_or(|length| length == now.len() + value.len());
                let next = fits.then(|| format!("{now}{value}"))?;
                Some(self.number(&next))
            }
            Move::Delete(had) => had.is_none_or(|had| had == (state != NOTHING)).then_some(NOTHING),
            Move::Incr(seen) => {
                let next = self.text(state).unwrap_or("0").parse::<i64>().ok()?.checked_add(1)?;
                seen.is_none_or(|seen| seen == next).then(|| self.number(&next.to_string()))
            }
        }
    }

    fn unseen(&self, made: &Move) -> Option<Move> {
        match made {
            // A read without an answer says nothing.
            Move::Get(_) => None,
            Move::Put(_) | Move::Cas(..) => Some(made.clone()),
            Move::Append(value, _) => Some(Move::Append(Rc::clone(value), None)),
            Move::Delete(_) => Some(Move::Delete(None)),
            Move::Incr(_) => Some(Move::Incr(None)),
        }
    }

    fn only_reads(&self, made: &Move) -> bool {
        matches!(made, Move::Get(_))
    }

    fn is_conditional(&self, made: &Move) -> bool {
        matches!(made, Move::Cas(..))
    }

    fn may_explain(&self, before: &State, after: &State, watcher: &Move) -> bool {
        let (before, after, counts) = (*before, *after, self.counts);
        let now = self.text(after).unwrap_or_default();
        match watcher {
            Move::Get(NOTHING) | Move::Cas(NOTHING, _) | Move::Delete(Some(false)) => after == NOTHING,
            Move::Get(seen) | Move::Cas(seen, _) => {
                counts || self.text(*seen).unwrap_or_default().starts_with(now)
            }
            Move::Append(_, None) | Move::Incr(None) | Move::Delete(None) | Move::Put(_) => false,
            Move::Append(value, Some(length)) => counts || now.len() + value.len() <= *length,
            // Any value before would have sufficed, so this step matters only if there was none.
            Move::Delete(Some(true)) => before == NOTHING,
            // Digits may be appended, so any prefix of a number is enough.
            Move::Incr(Some(_)) => matches!(now, "" | "+" | "-") || now.parse::<i64>().is_ok(),
        }
    }

    /// Those with an answer, and of the others those that may explain one that matters.
    fn relevant(&self, deeds: &[(Move, bool)]) -> Vec<bool> {
        let mut matters: Vec<bool> = deeds.iter().map(|(_, is_known)| *is_known).collect();
        let mut unsure: Vec<usize> = (0..deeds.len()).filter(|nth| !matters[*nth]).collect();
        // What appends, removals and increments make of a value is left to the search itself.
        let is_plain = |made: &Move| matches!(made, Move::Get(_) | Move::Put(_) | Move::Cas(..));
        if !deeds.iter().all(|(made, _)| is_plain(made)) {
            return vec![true; deeds.len()];
        }
        let saw = |made: &Move| match made {
            Move::Get(seen) | Move::Cas(seen, _) => Some(*seen),
            Move::Put(_) | Move::Append(..) | Move::Delete(_) | Move::Incr(_) => None,
        };
        let mut seen: BTreeSet<State> =
            deeds.iter().filter(|(_, is_known)| *is_known).filter_map(|(made, _)| saw(made)).collect();
        loop {
            let before = unsure.len();
            unsure.retain(|nth| {
                let made = &deeds[*nth].0;
                let is_seen = matches!(made, Move::Put(to) | Move::Cas(_, to) if seen.contains(to));
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

    fn held(&self) -> usize {
        self.bytes
    }
}
