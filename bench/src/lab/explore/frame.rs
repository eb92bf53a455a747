//! What a run shows: frames, messages, and the state of each process.

use serde::Serialize;

/// A run, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recording {
    /// The variant's name.
    pub variant: &'static str,
    /// The scenario's name.
    pub scenario: &'static str,
    /// The scenario's title.
    pub title: &'static str,
    /// What to look at.
    pub look: &'static str,
    /// The seed.
    pub seed: u64,
    /// The processes, in the order of their columns.
    pub lanes: Vec<Lane>,
    /// One for the start, and one for each event.
    pub frames: Vec<Frame>,
    /// The messages, in the order in which they were sent.
    pub messages: Vec<Trip>,
    /// The invariant that broke, if one did: nothing happens after that.
    pub broken: Option<Broken>,
    /// Why the run ends before its inputs do, if it does.
    pub cut_short: Option<String>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lane {
    /// Its number.
    pub node: u16,
    /// Server, spare or client.
    pub role: &'static str,
}

/// The run after one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// The virtual time, in microseconds.
    pub at_us: u64,
    /// Which input it belongs to; none for the start.
    pub action: Option<usize>,
    /// Which event of that input it is, from 1 on; 0 if it is no event but the input's own effect.
    pub part: u32,
    /// What happened, in a sentence.
    pub text: String,
    /// Where it happened, if at one process.
    pub node: Option<u16>,
    /// Whether an input had no effect, or made one of the faults.
    pub tone: Tone,
    /// Whether it is upkeep only, which changes nothing that is shown.
    pub quiet: bool,
    /// What happened besides messages.
    pub marks: Vec<Mark>,
    /// The links that are cut.
    pub cuts: Vec<(u16, u16)>,
    /// The processes that are not as they were in the frame before.
    pub changed: Vec<State>,
}

/// What kind of frame it is.
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
    /// What, in a word: `submits`, `learns` and the like.
    pub what: &'static str,
    /// About what.
    pub text: String,
}

/// A message, from where it was sent to where it ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trip {
    /// Its number, by which inputs name it; none if it was lost as it was sent.
    pub number: Option<u64>,
    /// The sender.
    pub from: u16,
    /// The receiver.
    pub to: u16,
    /// Its kind.
    pub kind: &'static str,
    /// What it says, in few words.
    pub label: String,
    /// Whether it is upkeep.
    pub upkeep: bool,
    /// The frame in which it was sent.
    pub sent: usize,
    /// When it arrives, or was to arrive, in microseconds.
    pub due_us: Option<u64>,
    /// The frame in which it ended; none while it is under way.
    pub end: Option<usize>,
    /// How it ended.
    pub fate: Fate,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It has not.
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

/// An invariant that broke.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Broken {
    /// Its name.
    pub invariant: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What was found.
    pub message: String,
    /// In which frame.
    pub frame: usize,
}

impl Mark {
    /// Whether the input that made it says the same.
    pub fn is_said(&self) -> bool {
        matches!(self.what, "submits" | "crashes" | "restarts" | "halts" | "goes on")
    }
}

/// A process as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are facts, each on its own")]
pub struct State {
    /// Its number.
    pub node: u16,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether its disk has been stopped.
    pub disk_stopped: bool,
    /// Whether it was removed from the members.
    pub removed: bool,
    /// The members in the slot that it executes next, as far as it knows.
    pub members: Option<String>,
    /// Who leads, as far as it knows.
    pub leader: Option<u16>,
    /// The ballot in which it leads itself.
    pub leads: Option<String>,
    /// As a proposer; none if it plays no such role, or is down.
    pub proposer: Option<Proposing>,
    /// As an acceptor.
    pub acceptor: Option<Accepting>,
    /// As a learner.
    pub learner: Option<Knowing>,
    /// The commands of its client, and what became of them.
    pub commands: Vec<(String, String)>,
    /// What is on its disk, the latest last.
    pub disk: Shelf,
    /// What was given to its disk and is not there yet.
    pub unwritten: Shelf,
}

/// A proposer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposing {
    /// Its own latest ballot; none if it never campaigned.
    pub ballot: Option<String>,
    /// The highest ballot it has heard of.
    pub highest: Option<String>,
    /// Slots for which it has asked for votes.
    pub under_way: usize,
    /// Commands that wait.
    pub waiting: usize,
}

/// An acceptor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accepting {
    /// What it has promised, by slots.
    pub promised: Vec<Held>,
    /// Its last vote in each slot.
    pub votes: Vec<Held>,
    /// Votes in lower slots, which are not among these.
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

/// A learner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Knowing {
    /// What it knows to be chosen, by slot.
    pub chosen: Vec<(u64, String)>,
    /// Slots that it knows and that are not among these.
    pub earlier: usize,
    /// It has executed every slot below.
    pub applied: u64,
    /// The state of its replica, as a hash.
    pub state: String,
}

/// Records on a disk, or on their way there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shelf {
    /// How many there are.
    pub count: usize,
    /// The last few, in words.
    pub last: Vec<String>,
}
