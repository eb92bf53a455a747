//! The events of a run, kept for drawing.

use paxos_core::{Kind, NodeId, Time};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it happened.
    pub at: Time,
    /// The process at which it happened.
    pub node: NodeId,
    /// What happened.
    pub what: What,
}

/// What happened in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The process sent a message.
    Sent {
        /// The message's kind.
        kind: Kind,
        /// A short description of the message.
        label: String,
        /// Each receiver, and when the message first arrives there; `None` if it is lost.
        to: Vec<(NodeId, Option<Time>)>,
    },
    /// An event that involves no other process, with a short description.
    Noted(Note, String),
}

/// The events that involve only one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// Its client submitted a command.
    Submitted,
    /// Its client was answered.
    Answered,
    /// It began a read.
    Asked,
    /// It may answer a read.
    Read,
    /// Its client was told that a command has no answer, and why.
    Unanswered,
    /// It learned a chosen entry.
    Learned,
    /// A snapshot replaced the content of its disk.
    Stored,
    /// It crashed.
    Crashed,
    /// It started again.
    Restarted,
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
}

/// A run, in order of time. [`Trace::draw`], [`Trace::to_svg`] and [`Trace::to_mermaid`] draw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The processes, by id: the columns.
    pub nodes: Vec<NodeId>,
    /// The events.
    pub rows: Vec<Row>,
}

impl Trace {
    pub(super) fn note(&mut self, at: Time, node: NodeId, what: Note, text: impl Into<String>) {
        self.rows.push(Row { at, node, what: What::Noted(what, text.into()) });
    }

    /// Returns the same run without messages of these kinds and without these notes.
    #[must_use]
    pub fn without(&self, kinds: &[Kind], notes: &[Note]) -> Self {
        let keep = |row: &&Row| match &row.what {
            What::Sent { kind, .. } => !kinds.contains(kind),
            What::Noted(note, _) => !notes.contains(note),
        };
        Self { nodes: self.nodes.clone(), rows: self.rows.iter().filter(keep).cloned().collect() }
    }
}
