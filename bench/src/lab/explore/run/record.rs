//! Records what is shown of a run.

use super::{EVENTS, clients};
use crate::lab::explore::frame::{Broken, Fate, Frame, Lane, Mark, Recording, State, Tone, Trip};
use crate::lab::explore::script::Script;
use crate::lab::explore::state::state;
use crate::variants::{Digest, Payload};
use paxos_core::{Kind, NodeId, Protocol};
use paxos_transport::sim::{Event, InFlight, Note, Row, Sim, What};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of messages that change nothing while there are no faults.
const UPKEEP: [Kind; 7] = [
    Kind::Heartbeat,
    Kind::Heard,
    Kind::Progress,
    Kind::Members,
    Kind::Forgotten,
    Kind::Recognize,
    Kind::Recognized,
];

#[derive(Default)]
pub(in crate::lab::explore) struct Recorder {
    frames: Vec<Frame>,
    messages: Vec<Trip>,
    /// The indexes of the messages under way, by number.
    flying: BTreeMap<u64, usize>,
    /// The last shown state of each process.
    shown: BTreeMap<NodeId, State>,
    /// How much of the simulator's trace has been read.
    read: usize,
    /// The links that are cut.
    pub(super) cuts: BTreeSet<(u16, u16)>,
    /// The message that the current input dropped.
    pub(super) dropped: Option<u64>,
    broken: Option<Broken>,
    cut_short: Option<String>,
    /// The number of frames that are more than upkeep.
    loud: usize,
    /// The slots that any process has learned, with their values.
    learned: BTreeSet<String>,
}

impl Recorder {
    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= EVENTS
    }

    /// The number of frames so far that are more than upkeep.
    pub(super) const fn loud(&self) -> usize {
        self.loud
    }

    /// The number of slots whose value some process has learned.
    pub(super) fn learned(&self) -> usize {
        self.learned.len()
    }

    /// Whether a message was lost or dropped.
    pub(super) fn has_lost(&self) -> bool {
        self.messages.iter().any(|trip| !matches!(trip.fate, Fate::Flying | Fate::Arrived))
    }

    pub(super) fn stop(&mut self, why: String) {
        self.cut_short.get_or_insert(why);
    }

    pub(super) fn broken(&mut self, broken: impl FnOnce(usize) -> Broken) {
        self.broken = Some(broken(self.frames.len().saturating_sub(1)));
    }

    /// Describes `event` in a sentence. A message that arrived is still among those under way here.
    pub(super) fn tell<P>(&self, sim: &Sim<P, Digest>, event: Option<Event>) -> String
    where
        P: Protocol<Value = Payload, Reply = u64>,
    {
        match event {
            Some(Event::Arrived(number)) => match self.flying.get(&number).map(|at| &self.messages[*at]) {
                Some(Trip { from, to, label, .. }) if sim.is_up(NodeId(*to)) => {
                    format!("\u{201c}{label}\u{201d} from n{from} arrives at n{to}.")
                }
                Some(Trip { from, to, label, .. }) => {
                    format!("\u{201c}{label}\u{201d} from n{from} is lost: n{to} is down.")
                }
                None => format!("Message {number} arrives."),
            },
            Some(Event::Woken(id)) => format!("A timeout of {id} ends."),
            Some(Event::Written(id)) => format!("The disk of {id} has finished its writes."),
            Some(Event::Finished(id)) => format!("{id} has finished a task that takes time."),
            Some(Event::Failed(_)) => "A planned fault happens.".into(),
            Some(Event::Asked(id)) => format!("The client of {id} makes a request."),
            None => "An invariant is broken.".into(),
        }
    }

    /// Records the state of everything after an event or an input.
    pub(super) fn frame<P>(
        &mut self,
        sim: &Sim<P, Digest>,
        action: Option<usize>,
        part: u32,
        tone: Tone,
        text: String,
        node: Option<NodeId>,
    ) where
        P: Protocol<Value = Payload, Reply = u64>,
    {
        let nth = self.frames.len();
        let (arrived, upkeep_arrived) = self.end_trips(sim, nth);
        let sent = self.messages.len();
        let marks = self.read_trace(sim, nth);
        self.begin_trips(sim, nth);
        let upkeep_sent = self.messages[sent..].iter().all(|trip| trip.upkeep);
        let changed = self.changes(sim);
        let quiet =
            tone == Tone::Event && changed.is_empty() && marks.is_empty() && upkeep_sent && upkeep_arrived;
        self.loud += usize::from(!quiet);
        self.frames.push(Frame {
            at_us: sim.now().0 / 1000,
            action,
            part,
            text,
            node: node.map(|id| id.0).or(arrived),
            tone,
            quiet,
            marks,
            cuts: self.cuts.iter().copied().collect(),
            changed,
        });
    }

    /// Ends the trips of messages that are no longer under way. Returns where one arrived, and whether all were upkeep.
    fn end_trips<P>(&mut self, sim: &Sim<P, Digest>, nth: usize) -> (Option<u16>, bool)
    where
        P: Protocol<Value = Payload, Reply = u64>,
    {
        let now: BTreeMap<u64, InFlight> = sim.in_flight().into_iter().map(|m| (m.number, m)).collect();
        let (mut arrived, mut upkeep) = (None, true);
        let dropped = self.dropped.take();
        self.flying.retain(|number, place| {
            let trip = &mut self.messages[*place];
            if let Some(message) = now.get(number) {
                trip.due_us = Some(message.due.0 / 1000);
                return true;
            }
            trip.end = Some(nth);
            trip.fate = match dropped {
                Some(dropped) if dropped == *number => Fate::Dropped,
                _ if sim.is_up(NodeId(trip.to)) => Fate::Arrived,
                _ => Fate::Void,
            };
            arrived = Some(trip.to);
            upkeep &= trip.upkeep;
            false
        });
        (arrived, upkeep)
    }

    /// Begins the trips of messages that have just been sent.
    fn begin_trips<P>(&mut self, sim: &Sim<P, Digest>, nth: usize)
    where
        P: Protocol<Value = Payload, Reply = u64>,
    {
        for InFlight { number, from, to, due, kind, label } in sim.in_flight() {
            if self.flying.contains_key(&number) {
                continue;
            }
            self.flying.insert(number, self.messages.len());
            let mut trip = trip(nth, from, to, kind, label);
            (trip.number, trip.due_us) = (Some(number), Some(due.0 / 1000));
            self.messages.push(trip);
        }
    }

    /// Reads the new part of the simulator's trace. Returns what happened besides messages, and records messages that
    /// were lost when they were sent.
    fn read_trace<P>(&mut self, sim: &Sim<P, Digest>, nth: usize) -> Vec<Mark>
    where
        P: Protocol<Value = Payload, Reply = u64>,
    {
        let rows = sim.trace().map_or(&[][..], |trace| &trace.rows);
        let mut marks = Vec::new();
        for Row { node, what, .. } in &rows[self.read..] {
            match what {
                What::Noted(note, text) => {
                    if *note == Note::Learned {
                        self.learned.insert(text.clone());
                    }
                    marks.push(Mark { node: node.0, what: verb(*note), text: text.clone() });
                }
                What::Sent { kind, label, to } => {
                    for (to, _) in to.iter().filter(|(_, arrives)| arrives.is_none()) {
                        let lost = trip(nth, *node, *to, *kind, label.clone());
                        self.messages.push(Trip { end: Some(nth), fate: Fate::Lost, ..lost });
                    }
                }
            }
        }
        self.read = rows.len();
        marks
    }

    fn changes<P>(&mut self, sim: &Sim<P, Digest>) -> Vec<State>
    where
        P: Protocol<Value = Payload, Reply = u64>,
    {
        let now = sim.ids().iter().filter_map(|id| Some((*id, state(sim, *id)?)));
        let changed: Vec<_> = now.filter(|(id, state)| self.shown.get(id) != Some(state)).collect();
        self.shown.extend(changed.iter().cloned());
        changed.into_iter().map(|(_, state)| state).collect()
    }

    /// The complete recording.
    pub(super) fn finish(self, script: &Script) -> Recording {
        let setting = script.scenario.setting;
        let clients = clients(&setting);
        let role = |id: &NodeId| match id.0 {
            n if n < setting.servers => "server",
            _ if clients.contains(*id) => "client",
            _ => "spare",
        };
        Recording {
            variant: script.variant.name(),
            scenario: script.scenario.name,
            title: script.scenario.title,
            look: script.scenario.look(script.variant),
            seed: script.seed,
            lanes: self.shown.keys().map(|id| Lane { node: id.0, role: role(id) }).collect(),
            frames: self.frames,
            messages: self.messages,
            broken: self.broken,
            cut_short: self.cut_short,
        }
    }
}

fn trip(sent: usize, from: NodeId, to: NodeId, kind: Kind, label: String) -> Trip {
    Trip {
        number: None,
        from: from.0,
        to: to.0,
        kind: kind.name(),
        label,
        upkeep: UPKEEP.contains(&kind),
        sent,
        due_us: None,
        end: None,
        fate: Fate::Flying,
    }
}

const fn verb(note: Note) -> &'static str {
    match note {
        Note::Submitted => "submits",
        Note::Answered => "has its answer to",
        Note::Asked => "begins",
        Note::Read => "may answer",
        Note::Unanswered => "has no answer to",
        Note::Learned => "learns",
        Note::Stored => "stores",
        Note::Crashed => "crashes",
        Note::Restarted => "restarts",
        Note::Paused => "halts",
        Note::Resumed => "goes on",
    }
}
