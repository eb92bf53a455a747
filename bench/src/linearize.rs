//! `paxos-bench linearize`: checks whether a history is linearizable (Herlihy and Wing 1990).
//!
//! A history is linearizable if each operation can be assigned one moment between its call and its answer, so that the
//! operations, done one by one in the order of those moments, give the answers that the clients saw:
//!
//! ```text
//!   put a  [---*---]
//!   get a         [--*--]             * is a moment that explains the answer
//!   put b     [--------------*--]
//! ```
//!
//! An operation without an answer may take effect at any moment after its call, or never. Keys are independent of each
//! other, so each key is searched alone (locality, §3.1 of that paper).
//!
//! ```text
//! operation   what was done and seen           read       a history from a file
//! values      the values of a key, numbered    search     is there an order?
//! conflict    which operations have none       report     what is printed        draw  their timeline
//! ```

mod conflict;
mod draw;
mod operation;
mod options;
mod read;
mod report;
mod search;
#[cfg(test)]
mod tests;
mod values;

pub use conflict::Conflict;
pub use draw::timeline;
pub use operation::{Deed, Operation};
pub use options::{HELP, Linearize};
pub use read::{HistoryError, read_history};
pub use report::{LinearizeError, Report, linearize};

use conflict::conflict;
use search::{Outcome, Search, Span};
use std::collections::BTreeMap;

/// What the search for an order found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Each key has an order that explains every answer.
    Linearizable,
    /// These keys have none.
    NotLinearizable(Vec<Conflict>),
    /// The search of these keys was given up because memory ran out. No other key has a conflict.
    Undecided(Vec<String>),
}

/// Searches for an order for each key of a history. The search of one key remembers at most `memory` bytes. `progress`
/// is told how many operations are done.
///
/// Keys have no value before the history begins. The order of `history` does not matter.
pub fn check(history: &[Operation], memory: usize, mut progress: impl FnMut(usize)) -> Verdict {
    let mut keys: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (nth, operation) in history.iter().enumerate() {
        keys.entry(&operation.key).or_default().push(nth);
    }
    let (mut conflicts, mut undecided, mut done) = (Vec::new(), Vec::new(), 0);
    for (key, members) in keys {
        let spans = members.iter().map(|nth| Span::of(&history[*nth]));
        match Search::new(spans, memory).run() {
            Outcome::Fits => {}
            Outcome::Stuck { at } => conflicts.push(conflict(history, key, &members, at)),
            Outcome::GivenUp => undecided.push(key.to_owned()),
        }
        done += members.len();
        progress(done);
    }
    match (conflicts.is_empty(), undecided.is_empty()) {
        (false, _) => Verdict::NotLinearizable(conflicts),
        (true, false) => Verdict::Undecided(undecided),
        (true, true) => Verdict::Linearizable,
    }
}
