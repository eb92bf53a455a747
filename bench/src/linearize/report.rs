//! The report that `linearize` prints.

use super::operation::{Deed, Operation};
use super::options::Linearize;
use super::read::{HistoryError, read_history};
use super::{Verdict, check, timeline};
use crate::options::arguments::Progress;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The findings about a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `linearizable`, `not linearizable` or `undecided`.
    pub verdict: &'static str,
    /// The number of operations.
    pub operations: usize,
    /// The number of operations that were never answered.
    pub unknown: usize,
    /// The number of keys.
    pub keys: usize,
    /// Keys whose search was given up. Empty if another key has a conflict.
    pub undecided: Vec<String>,
    /// Keys with operations that no order explains.
    pub conflicts: Vec<Contradiction>,
}

/// Operations of one key that no order explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// The key.
    pub key: String,
    /// The number of operations on the key.
    pub operations: usize,
    /// The line of the first answer that no order explains together with all earlier answers.
    pub stuck: usize,
    /// The lines of the operations in conflict, from 1, in the order of their calls.
    pub lines: Vec<usize>,
    /// Whether each operation is needed: if any one had taken effect at another moment, or not at all, the rest would
    /// have an order.
    pub smallest: bool,
    /// A value that was seen, although no operation of the history left it behind.
    pub from_nowhere: Option<String>,
    /// The operations over time.
    pub timeline: String,
}

/// Why there is no verdict, or why the verdict is bad.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinearizeError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// No operation was answered.
    #[error(
        "{path}: no operation was answered, so there is nothing to check; give a history in which some operations were"
    )]
    Nothing {
        /// The file.
        path: String,
    },
    /// Some keys have conflicts.
    #[error("the history is not linearizable: {0} of {1} keys have operations that contradict each other")]
    Not(usize, usize),
    /// There is no verdict for some keys.
    #[error("not decided for {0} of {1} keys: allow more with --memory, or give fewer operations per key")]
    Undecided(usize, usize),
}

impl LinearizeError {
    /// Whether the cause is the command line or a file.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::History(_) | Self::Nothing { .. })
    }
}

/// Reads a history and checks it. `progress` is told now and then how far the check is.
///
/// # Errors
/// [`LinearizeError`] if the history cannot be read or has no answer. A conflict is no error here: see [`Report::end`].
pub fn linearize(options: &Linearize, progress: Progress<'_>) -> Result<Report, LinearizeError> {
    progress(format!("reading {}", options.file.display()));
    let history = read_history(&options.file)?;
    if history.iter().all(|operation| operation.ended.is_none()) {
        return Err(LinearizeError::Nothing { path: options.file.display().to_string() });
    }
    let count = history.len();
    let memory = usize::try_from(options.memory).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let verdict = check(&history, memory, |done| progress(format!("{done} of {count} operations checked")));
    Ok(Report::new(&history, verdict))
}

impl Report {
    /// The report of a verdict.
    pub fn new(history: &[Operation], verdict: Verdict) -> Self {
        let keys: BTreeSet<&str> = history.iter().map(|operation| &*operation.key).collect();
        let (verdict, conflicts, undecided) = match verdict {
            Verdict::Linearizable => ("linearizable", Vec::new(), Vec::new()),
            Verdict::NotLinearizable(conflicts) => ("not linearizable", conflicts, Vec::new()),
            Verdict::Undecided(keys) => ("undecided", Vec::new(), keys),
        };
        let conflicts = conflicts.into_iter().map(|conflict| Contradiction {
            stuck: conflict.stuck + 1,
            lines: conflict.operations.iter().map(|nth| nth + 1).collect(),
            from_nowhere: from_nowhere(history, &conflict.operations),
            timeline: timeline(history, &conflict.operations),
            operations: conflict.of,
            smallest: conflict.is_smallest,
            key: conflict.key,
        });
        Self {
            verdict,
            operations: history.len(),
            unknown: history.iter().filter(|operation| operation.ended.is_none()).count(),
            keys: keys.len(),
            undecided,
            conflicts: conflicts.collect(),
        }
    }

    /// # Errors
    /// [`LinearizeError`] if the history is not linearizable, or if that is not decided.
    pub fn end(&self) -> Result<(), LinearizeError> {
        if !self.conflicts.is_empty() {
            Err(LinearizeError::Not(self.conflicts.len(), self.keys))
        } else if !self.undecided.is_empty() {
            Err(LinearizeError::Undecided(self.undecided.len(), self.keys))
        } else {
            Ok(())
        }
    }

    /// The report as text for people.
    pub fn table(&self) -> String {
        let Self { operations, unknown, keys, .. } = self;
        let mut text = String::new();
        for conflict in &self.conflicts {
            let Contradiction { key, operations, stuck, lines, smallest, from_nowhere, timeline } = conflict;
            let what = if *smallest {
                format!(
                    "{} of its {operations} operations contradict each other. Each is needed: had any one taken effect at \
                     another moment, or not at all, the rest would have an order.",
                    lines.len()
                )
            } else {
                format!(
                    "no order of its {operations} operations explains the answer in line {stuck}. These {} were in progress, \
                     or had just been answered:",
                    lines.len()
                )
            };
            // Writing to a string cannot fail.
            _ = writeln!(text, "key {key}: {what}\n{timeline}");
            if let Some(value) = from_nowhere {
                _ = writeln!(
                    text,
                    "  No operation leaves {value:?} behind. If the key had this value before the history \
                     began, record a history of new keys.\n"
                );
            }
        }
        for key in &self.undecided {
            _ = writeln!(text, "key {key}: not decided\n");
        }
        _ = writeln!(
            text,
            "{}: {operations} operations over {keys} keys, {unknown} of them of unknown outcome",
            self.verdict
        );
        text
    }
}

/// A value that one of these operations saw, although no operation on its key can have left it behind.
fn from_nowhere(history: &[Operation], operations: &[usize]) -> Option<String> {
    operations.iter().find_map(|nth| {
        let Operation { key, deed: Deed::Get(Some(seen)) | Deed::Cas(Some(seen), _), .. } = &history[*nth]
        else {
            return None;
        };
        let mut of_key = history.iter().filter(|operation| operation.key == *key);
        let may_leave = |operation: &Operation| match &operation.deed {
            Deed::Put(value) | Deed::Cas(_, value) => value == seen,
            Deed::Append(value, _) => seen.ends_with(value.as_str()),
            Deed::Incr(_) => seen.parse::<i64>().is_ok(),
            Deed::Get(_) | Deed::Delete(_) => false,
        };
        (!of_key.any(may_leave)).then(|| seen.clone())
    })
}
