//! The parts of a run as shown: frames, messages, and the state of each process.

use serde::{Serialize, Serializer};

/// A run as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recording {
    /// The variant's name.
    pub variant: &'static str,
    /// The scenario's name.
    pub scenario: &'static str,
    /// The scenario's title.
    pub title: &'static str,
    /// What the viewer should look at.
    pub look: &'static str,
    /// The seed. In JSON it is text, since JavaScript rounds numbers above 2⁵³.
    #[serde(serialize_with = "as_text")]
    pub seed: u64,
    /// The processes, in the order of their columns.
    pub lanes: Vec<Lane>,
    /// A frame for the start, one for each event and one for each other effect of an input.
    pub frames: Vec<Frame>,
    /// The messages, in the order in which they were sent.
    pub messages: Vec<Trip>,
    /// The invariant that was broken, if any. The run ends there.
    pub broken: Option<Broken>,
    /// Why the run ends before its inputs, if it does.
    pub cut_short: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_text<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(seed)
}

/// A process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lane {
    /// The process's number.
    pub node: u16,
    /// The word `server`, `spare` or `client`.
    pub role: &'static str,
}

/// The run after one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// The virtual time, in microseconds.
    pub at_us: u64,
    /// The input that the frame belongs to; none for the start.
    pub action: Option<usize>,
    /// The number of the event among those of the input, from 1 on; 0 for the input's own effect.
    pub part: u32,
    /// What happened, in a sentence.
    pub text: String,
    /// The process where it happened, if it happened at one process.
    pub node: Option<u16>,
    /// Whether the frame is an event, an input, or an input without effect.
    pub tone: Tone,
    /// Whether the frame is only upkeep, which changes nothing that is shown.
    pub quiet: bool,
    /// What happened besides messages.
    pub marks: Vec<Mark>,
    /// The links that are cut.
    pub cuts: Vec<(u16, u16)>,
    /// The processes whose state has changed since the frame before.
    pub changed: Vec<State>,
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// An event.
    Event,
    /// An input.
    Input,
    /// An input without effect.
    Refused,
}

/// Something that happened at a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// The process.
    pub node: u16,
    /// What happened, as a verb such as `submits` or `learns`.
    pub what: &'static str,
    /// The object of the verb.
    pub text: String,
}

/// A message, from where it was sent to where it ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trip {
    /// The number by which inputs name the message; none if it was lost when it was sent.
    pub number: Option<u64>,
    /// The sender.
    pub from: u16,
    /// The receiver.
    pub to: u16,
    /// The message's kind.
    pub kind: &'static str,
    /// The content in a few words.
    pub label: String,
    /// Whether the message is upkeep.
    pub upkeep: bool,
    /// The frame in which the message was sent.
    pub sent: usize,
    /// When the message arrives, or was due to arrive, in microseconds.
    pub due_us: Option<u64>,
    /// The frame in which the message ended; none while it is under way.
    pub end: Option<usize>,
    /// How the message ended.
    pub fate: Fate,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is still under way.
    Flying,
    /// It arrived.
    Arrived,
    /// It arrived at a process that was down.
    Void,
    /// It was lost on a link that is cut.
    Lost,
    /// An input dropped it.
    Dropped,
}

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Broken {
    /// The invariant's name.
    pub invariant: &'static str,
    /// The invariant in a sentence.
    pub says: &'static str,
    /// The source of the invariant.
    pub source: &'static str,
    /// How it was broken.
    pub message: String,
    /// The frame in which it was broken.
    pub frame: usize,
}

impl Mark {
    /// Whether the text of the frame's input says the same.
    pub fn is_said(&self) -> bool {
        matches!(self.what, "submits" | "crashes" | "restarts" | "halts" | "goes on")
    }
}

/// The state of a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are facts, each on its own")]
pub struct State {
    /// The process's number.
    pub node: u16,
    /// Whether the process is up.
    pub up: bool,
    /// Whether the process is paused.
    pub paused: bool,
    /// Whether the disk is stopped.
    pub disk_stopped: bool,
    /// Whether the process was removed from the members.
    pub removed: bool,
    /// The members in the slot that the process executes next, as far as it knows.
    pub members: Option<String>,
    /// The leader, as far as the process knows.
    pub leader: Option<u16>,
    /// The ballot in which the process itself leads.
    pub leads: Option<String>,
    /// The proposer's state; none if the process has no such role, or is down.
    pub proposer: Option<Proposing>,
    /// The acceptor's state; none if the process has no such role, or is down.
    pub acceptor: Option<Accepting>,
    /// The learner's state; none if the process has no such role, or is down.
    pub learner: Option<Knowing>,
    /// The commands of the process's client, and their outcomes.
    pub commands: Vec<(String, String)>,
    /// The records on the disk, the latest last.
    pub disk: Shelf,
    /// The records that were given to the disk and are not durable yet.
    pub unwritten: Shelf,
}

/// The state of a proposer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposing {
    /// The proposer's own latest ballot; none if it never campaigned.
    pub ballot: Option<String>,
    /// The highest ballot that the proposer has heard of.
    pub highest: Option<String>,
    /// The number of slots in progress.
    pub under_way: usize,
    /// The number of commands that wait.
    pub waiting: usize,
}

/// The state of an acceptor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accepting {
    /// The promises, by slots.
    pub promised: Vec<Held>,
    /// The last vote in each slot. Only the latest slots are shown.
    pub votes: Vec<Held>,
    /// The number of votes in lower slots, which are not shown.
    pub earlier: usize,
}

/// A promise or a vote.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// The slot, or the slots.
    pub slots: String,
    /// The ballot.
    pub ballot: String,
    /// The value voted for.
    pub value: Option<String>,
    /// Whether it is on disk.
    pub durable: bool,
}

/// The state of a learner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Knowing {
    /// The values known to be chosen, by slot. Only the latest slots are shown.
    pub chosen: Vec<(u64, String)>,
    /// The number of lower slots with a known value, which are not shown.
    pub earlier: usize,
    /// The slot below which every slot has been executed.
    pub applied: u64,
    /// The state of the replica, as a hash.
    pub state: String,
}

/// Records on a disk, or on their way there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shelf {
    /// The number of records.
    pub count: usize,
    /// The last few records, in words.
    pub last: Vec<String>,
}
