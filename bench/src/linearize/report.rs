//! What `linearize` prints.

use super::draw::timeline;
use super::operation::{Deed, Operation};
use super::options::Linearize;
use super::read::{HistoryError, read_history};
use super::{Verdict, check};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;

/// What was found about a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `linearizable`, `not linearizable` or `undecided`.
    pub verdict: &'static str,
    /// How many operations there are.
    pub operations: usize,
    /// How many of them were never answered.
    pub unknown: usize,
    /// How many keys there are.
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
    /// How many operations it has.
    pub operations: usize,
    /// The line of the first answer that nothing explains after all that was answered before.
    pub stuck: usize,
    /// The lines of those in conflict, from 1, in the order of their calls.
    pub lines: Vec<usize>,
    /// Whether each of them is needed: had any one taken effect at another moment, or not at all, the rest would have an order.
    pub smallest: bool,
    /// A value that was seen, and that no operation of the history left behind.
    pub from_nowhere: Option<String>,
    /// The operations over time.
    pub timeline: String,
}

/// Why there is no verdict, or a bad one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinearizeError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Nothing was ever answered.
    #[error(
        "{path}: no operation was answered, so that any outcome is right; give a history in which something was"
    )]
    Nothing {
        /// The file.
        path: String,
    },
    /// There is a conflict.
    #[error("the history is not linearizable: {0} of {1} keys have operations that contradict each other")]
    Not(usize, usize),
    /// No verdict.
    #[error("not decided for {0} of {1} keys: allow more with --memory, or give fewer operations a key")]
    Undecided(usize, usize),
}

impl LinearizeError {
    /// Whether the command line or a file is wrong, and nothing else.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::History(_) | Self::Nothing { .. })
    }
}

/// Reads a history and checks it, and says now and then how far it is.
///
/// # Errors
/// [`LinearizeError`], if it cannot be read or says nothing. A conflict is no error here: see [`Report::end`].
pub fn linearize(options: &Linearize, mut progress: impl FnMut(String)) -> Result<Report, LinearizeError> {
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
    /// What there is to say of a verdict.
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
    /// [`LinearizeError`]: the history is not linearizable, or that is not known.
    pub fn end(&self) -> Result<(), LinearizeError> {
        if !self.conflicts.is_empty() {
            Err(LinearizeError::Not(self.conflicts.len(), self.keys))
        } else if !self.undecided.is_empty() {
            Err(LinearizeError::Undecided(self.undecided.len(), self.keys))
        } else {
            Ok(())
        }
    }

    /// For people.
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
                    "no order of its {operations} operations explains the answer in line {stuck}. These {} were under way, \
                     or had just been answered:",
                    lines.len()
                )
            };
            // A string takes everything.
            _ = writeln!(text, "key {key}: {what}\n{timeline}");
            if let Some(value) = from_nowhere {
                _ = writeln!(
                    text,
                    "  Nothing in the history leaves {value:?} behind. If it was there before the history began, take a \
                     history of keys that are new.\n"
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

/// A value that one of these saw and that no operation of its key can have left behind.
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
