//! What an exploration found.

use super::CheckError;
use super::options::{Check, Checkable, Scene};
use super::run::Found;
use super::system::{AGREEMENT, Checked, EVERYTHING, SOMETHING, SUCCEEDED, System};
use crate::lab::faults::Drawing;
use crate::theory::Recovery;
use serde::Serialize;
use std::fmt::Write;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// The cluster that was explored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explorable {
    /// The version of the program.
    pub version: &'static str,
    /// The number of acceptors.
    pub acceptors: u16,
    /// The number of processes that only learn.
    pub learners: u16,
    /// The number of clients.
    pub clients: u16,
    /// How Fast Paxos recovers from a collision; none of other variants.
    pub recovery: Option<String>,
    /// The highest round in which a proposer begins a ballot.
    pub rounds: u64,
    /// The most crashes in a run.
    pub crashes: u8,
    /// The most writes of a process that may be in progress while it continues.
    pub writes: usize,
    /// How often the same request may arrive again at a process.
    pub repeats: usize,
    /// Whether a process that crashes loses its disk.
    pub forgetful: bool,
}

impl Explorable {
    pub(super) fn of<P: Checked>(options: &Check, system: &System<P>) -> Self {
        let fast = options.variant == Checkable::Fast;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            acceptors: options.acceptors,
            learners: options.learners,
            clients: system.clients,
            recovery: fast.then(|| options.recovery.unwrap_or(Recovery::Coordinated).to_string()),
            rounds: system.rounds,
            crashes: system.crashes,
            writes: system.writes,
            repeats: system.repeats,
            forgetful: system.forgetful,
        }
    }
}

/// The result of an exploration.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Explored {
    /// The variant.
    pub variant: Checkable,
    /// The situation that the processes are in.
    pub scenario: Scene,
    /// The cluster.
    #[serde(flatten)]
    pub cluster: Explorable,
    /// Whether states that differ only by which acceptor is which were explored once.
    pub symmetry: bool,
    /// The number of states that were found.
    pub states: usize,
    /// The number of states from which every step was explored, and of those that differ from these by which acceptor is which.
    pub covered: u64,
    /// The number of states of single processes among them.
    pub single: usize,
    /// The number of steps between states that were explored.
    pub steps: usize,
    /// The most steps from the start to a state.
    pub depth: usize,
    /// How long the exploration took, in seconds.
    pub seconds: f64,
    /// Whether all states up to that round were explored.
    pub complete: bool,
    /// Whether agreement holds in all states.
    pub agreement: bool,
    /// Whether a value is chosen in some state.
    pub decision: bool,
    /// Whether every command is chosen in some state.
    pub everything: bool,
    /// Whether the new members choose a command in some state; none where the members stay.
    pub succeeded: Option<bool>,
    /// A run to a state without agreement, step by step; a shortest one if one thread explored.
    pub counterexample: Vec<String>,
    /// The same run, for drawings and traces.
    #[serde(skip)]
    pub found: Option<Found>,
}

impl Explored {
    /// Whether something is wrong: no agreement, or no decision although all states were explored.
    pub fn fails(&self) -> bool {
        !self.agreement || self.complete && !self.decision
    }

    /// The run to a violation, drawn; none if there is no violation or nothing is to be drawn.
    pub fn drawing(&self, form: Option<Drawing>) -> Option<String> {
        Some(form?.of(&self.found.as_ref()?.drawing))
    }

    /// Writes the protocol steps of the run to a violation. Without a violation, nothing is written.
    ///
    /// # Errors
    /// [`CheckError::Trace`] if the file cannot be written.
    pub fn write_trace(&self, file: Option<&Path>) -> Result<(), CheckError> {
        let (Some(file), Some(found)) = (file, &self.found) else { return Ok(()) };
        let written = File::create(file).map(BufWriter::new).and_then(|out| found.steps.write(out));
        written.map_err(|source| CheckError::Trace { file: file.to_owned(), source })
    }

    /// The result as text for people.
    pub fn table(&self) -> String {
        let (holds, fails) = ("holds", "DOES NOT HOLD");
        let mut text = String::new();
        let all = match (self.complete, self.agreement) {
            (true, _) => format!("all explored up to round {}", self.cluster.rounds),
            (false, true) => "not all explored".to_owned(),
            (false, false) => "the search stopped at a violation".to_owned(),
        };
        let _ = writeln!(
            text,
            "{} states, {all}; {} steps; at most {} from the start; {:.1} s",
            self.states, self.steps, self.depth, self.seconds
        );
        if self.symmetry {
            let _ = writeln!(text, "with each order of the acceptors: {} states", self.covered);
        }
        let reachable = |found| match (found, self.complete) {
            (true, _) => holds,
            (false, true) => fails,
            (false, false) => "was not found yet",
        };
        let _ = writeln!(text, "{AGREEMENT}: {}", if self.agreement { holds } else { fails });
        let _ = writeln!(text, "{SOMETHING}: {}", reachable(self.decision));
        // These are no failures: a command that lost its slot, or new members, may need a higher round than is allowed.
        let in_time = |found| match (found, self.complete) {
            (false, true) => "does not hold within the rounds allowed; allow more with --rounds",
            (found, _) => reachable(found),
        };
        let _ = writeln!(text, "{EVERYTHING}: {}", in_time(self.everything));
        if let Some(succeeded) = self.succeeded {
            let _ = writeln!(text, "{SUCCEEDED}: {}", in_time(succeeded));
        }
        for (nth, step) in (1..).zip(&self.counterexample) {
            let _ = writeln!(text, "{nth:>4}. {step}");
        }
        text
    }
}
