//! What a run comes to: its failure, if any, and what became of its commands and reads.

use super::effect::Effect;
use super::steer::Feature;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::AddAssign;

/// The failure of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The name of the invariant, or of another demand that the run does not meet.
    pub name: &'static str,
    /// What happened.
    pub message: String,
}

impl Wrong {
    pub(super) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// What became of commands or of reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// As many as the plans have.
    pub planned: u64,
    /// Those that began. A process that is down begins nothing.
    pub begun: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those whose caller was told that there is no answer: the outcome of a command is unknown, a read is refused.
    pub unanswered: u64,
    /// Those whose process crashed before the answer.
    pub abandoned: u64,
}

impl AddAssign for Ends {
    fn add_assign(&mut self, other: Self) {
        self.planned += other.planned;
        self.begun += other.begun;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.abandoned += other.abandoned;
    }
}

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The failure, if any.
    pub failure: Option<Wrong>,
    /// A checksum of all answers and reads with their times, and of the message counts. Equal runs have equal checksums.
    pub print: u128,
    /// What became of the commands of clients.
    pub commands: Ends,
    /// What became of the reads.
    pub reads: Ends,
    /// The mishaps that took effect.
    pub effects: Vec<Effect>,
    /// The drawing of the run, if requested.
    pub drawing: Option<String>,
    /// What the run reached.
    pub(super) reached: BTreeSet<Feature>,
}

impl Ran {
    /// A run that failed before it ended.
    pub(super) fn failed(name: &'static str, message: impl Into<String>) -> Self {
        Self { failure: Some(Wrong::new(name, message)), ..Self::default() }
    }
}
