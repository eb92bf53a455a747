//! What happened in a run, kept for drawing.

use paxos_core::{Kind, NodeId, Time};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When.
    pub at: Time,
    /// At which process.
    pub node: NodeId,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It sent a message.
    Sent {
        /// The message's kind.
        kind: Kind,
        /// The message in few words.
        label: String,
        /// Each receiver, and when the message first arrives there; none if it is lost.
        to: Vec<(NodeId, Option<Time>)>,
    },
    /// Something that needs no other process, in few words.
    Noted(Note, String),
}

/// Things that happen at one process.
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
    /// It learned what is chosen.
    Learned,
    /// A snapshot took the place of what was on its disk.
    Stored,
    /// It crashed.
    Crashed,
    /// It started again.
    Restarted,
    /// It was halted.
    Paused,
    /// It goes on.
    Resumed,
}

/// A run, in order of time. Draw it with [`Trace::draw`], [`Trace::to_svg`] or [`Trace::to_mermaid`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The processes, by id: the columns.
    pub nodes: Vec<NodeId>,
    /// What happened.
    pub rows: Vec<Row>,
}

impl Trace {
    pub(super) fn note(&mut self, at: Time, node: NodeId, what: Note, text: impl Into<String>) {
        self.rows.push(Row { at, node, what: What::Noted(what, text.into()) });
    }

    /// The same run without messages of these kinds and without what [`Note`]s tell of these sorts.
    #[must_use]
    pub fn without(&self, kinds: &[Kind], notes: &[Note]) -> Self {
        let keep = |row: &&Row| match &row.what {
            What::Sent { kind, .. } => !kinds.contains(kind),
            What::Noted(note, _) => !notes.contains(note),
        };
        Self { nodes: self.nodes.clone(), rows: self.rows.iter().filter(keep).cloned().collect() }
    }
}
