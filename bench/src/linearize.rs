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
//! operation   what was done and seen             read     a history from a file
//! values      what it makes of a key's values    write    a history to a file
//! report      what is printed
//! ```
//!
//! The search itself is that of [`paxos_transport::linearize`], for any service.

mod operation;
mod options;
mod read;
mod report;
#[cfg(test)]
mod tests;
mod values;
mod write;

pub use operation::{Deed, Operation};
pub use options::{HELP, Linearize};
pub use read::{HistoryError, read_history};
pub use report::{LinearizeError, Report, linearize};
pub use write::write_history;

use paxos_transport::linearize::{self as search, Bar, bars};
use std::collections::BTreeMap;
use values::Values;

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
        let mut values = Values::default();
        let of_key: Vec<search::Operation<_>> = members
            .iter()
            .map(|nth| {
                let Operation { client, deed, begun, ended, .. } = &history[*nth];
                let deed = values.translate(deed);
                search::Operation { client: *client, deed, begun: *begun, ended: *ended }
            })
            .collect();
        match search::check(&values, &of_key, memory) {
            search::Verdict::Linearizable => {}
            search::Verdict::NotLinearizable(found) => conflicts.push(Conflict {
                key: key.to_owned(),
                of: members.len(),
                stuck: members[found.stuck],
                operations: found.operations.iter().map(|nth| members[*nth]).collect(),
                is_smallest: found.is_smallest,
            }),
            search::Verdict::Undecided => undecided.push(key.to_owned()),
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

/// Draws these operations of a history, each in a line that begins with its line in the file, from left to right.
pub fn timeline(history: &[Operation], operations: &[usize]) -> String {
    let bar = |nth: &usize| {
        let Operation { client, deed, begun, ended, .. } = &history[*nth];
        let label = [format!("line {}", nth + 1), format!("client {client}"), deed.to_string()];
        Bar { label, begun: *begun, ended: *ended }
    };
    bars(&operations.iter().map(bar).collect::<Vec<_>>())
}
