//! The values that a key can have, numbered so that a search compares numbers and not texts.

use super::operation::Deed;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The number of a value.
pub(super) type State = u32;

/// The number that stands for no value.
pub(super) const NOTHING: State = 0;

/// All values that occurred, with their numbers.
#[derive(Debug, Default)]
pub(super) struct Values {
    texts: Vec<Rc<str>>,
    numbers: BTreeMap<Rc<str>, State>,
    /// The memory that the texts take, in bytes.
    pub(super) bytes: usize,
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
            Deed::Incr(seen) => Move::Incr(*seen),
        }
    }

    /// Returns the value after a move at `state`; none if the client cannot have seen there what it saw.
    pub(super) fn after(&mut self, made: &Move, state: State) -> Option<State> {
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

    /// Whether the step from `before` to `after` may make `watcher` possible, at once or after appends and, if
    /// `counts`, increments. False means that it certainly does not.
    pub(super) fn explains(&self, before: State, after: State, watcher: &Move, counts: bool) -> bool {
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
}
