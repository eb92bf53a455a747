//! The protocol steps of a run as JSON lines, for other people's tools. The format is described in
//! `docs/trace-format.md`.

use super::facts::facts_of;
use paxos_core::{Ballot, Entry, Fact, Message, NodeId, Protocol, Recorded, Slot, SlotRange, Time};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// One line. Fields that do not apply are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Virtual time in microseconds, rounded down.
    pub at_us: u64,
    /// Where it happened.
    pub node: u16,
    /// `prepare`, `promise`, `any`, `propose`, `vote`, `chosen`, `apply`, `install`, `crash` or `restart`.
    pub step: &'static str,
    /// The slot. Of `prepare`, `any` and the last line of a `promise`, the first of all the slots meant; of `install`,
    /// the first that the snapshot does not stand for.
    pub slot: Option<u64>,
    /// The ballot's number, [`Ballot::number`].
    pub round: Option<u64>,
    /// The ballot's owner.
    pub owner: Option<u16>,
    /// Whether the ballot is fast.
    pub fast: Option<bool>,
    /// What was proposed, voted for, chosen or applied: a command's name, or `noop`.
    pub value: Option<String>,
    /// The number of the ballot of the vote that a `promise` reports.
    pub voted_round: Option<u64>,
    /// That ballot's owner.
    pub voted_owner: Option<u16>,
    /// What that vote was for.
    pub voted_value: Option<String>,
}

/// Which questions were written down already: a question that is asked again is one step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Asked {
    Prepare,
    Any,
    Propose,
}

/// The steps of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    lines: Vec<Step>,
    asked: BTreeSet<(Asked, Ballot, Slot)>,
    /// The votes of each acceptor, for the promises that proposers make to themselves.
    votes: BTreeMap<NodeId, BTreeMap<Slot, (Ballot, String)>>,
}

impl Step {
    fn new(at: Time, node: NodeId, step: &'static str) -> Self {
        Self {
            at_us: at.0 / 1000,
            node: node.0,
            step,
            slot: None,
            round: None,
            owner: None,
            fast: None,
            value: None,
            voted_round: None,
            voted_owner: None,
            voted_value: None,
        }
    }

    fn in_ballot(self, ballot: Ballot, slot: Slot) -> Self {
        Self {
            slot: Some(slot.index()),
            round: Some(ballot.number()),
            owner: Some(ballot.owner.0),
            fast: Some(ballot.fast),
            ..self
        }
    }

    fn of(self, value: String) -> Self {
        Self { value: Some(value), ..self }
    }
}

impl Steps {
    /// The steps so far.
    pub fn lines(&self) -> &[Step] {
        &self.lines
    }

    /// Writes all steps, one JSON object a line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        for line in &self.lines {
            serde_json::to_writer(&mut out, line)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Drops the steps so far, which are written elsewhere.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }

    /// Forgets which questions were asked and how was voted below `below`.
    pub(crate) fn forget(&mut self, below: Slot) {
        // Questions about all slots from one on are few.
        self.asked.retain(|(asked, _, slot)| *asked != Asked::Propose || *slot >= below);
        for votes in self.votes.values_mut() {
            *votes = votes.split_off(&below);
        }
    }

    /// A process crashes or restarts.
    pub(crate) fn lived(&mut self, at: Time, node: NodeId, step: &'static str) {
        self.lines.push(Step::new(at, node, step));
    }

    /// A process takes over the state after all slots below `next`.
    pub(crate) fn jumped(&mut self, at: Time, node: NodeId, next: Slot) {
        self.lines.push(Step { slot: Some(next.index()), ..Step::new(at, node, "install") });
    }

    /// A process learns or executes a slot.
    pub(crate) fn settled<V>(
        &mut self,
        at: Time,
        node: NodeId,
        step: &'static str,
        slot: Slot,
        entry: &Entry<V>,
    ) {
        let step = Step::new(at, node, step).of(entry.to_string());
        self.lines.push(Step { slot: Some(slot.index()), ..step });
    }

    /// A message leaves a process.
    pub(crate) fn said<P: Protocol>(&mut self, at: Time, from: NodeId, message: &Message<P>) {
        facts_of(message, &mut |fact| match fact {
            Fact::Prepare { ballot, slots } => self.prepare(at, from, ballot, slots),
            Fact::Any { ballot, slots } => {
                if self.asked.insert((Asked::Any, ballot, slots.start)) {
                    self.lines.push(Step::new(at, from, "any").in_ballot(ballot, slots.start));
                }
            }
            Fact::Propose { ballot, slot, entry } => self.propose(at, from, ballot, slot, &entry.to_string()),
            Fact::Promise { ballot, slots, votes } => {
                let votes = votes.iter().map(|(slot, ballot, entry)| (*slot, *ballot, entry.to_string()));
                self.promise(at, from, ballot, slots, votes.collect());
            }
            // Votes are steps when they are durable, and what is chosen when a process knows it.
            Fact::Vote { .. } | Fact::Chosen { .. } => {}
        });
    }

    /// A record of a process is durable.
    pub(crate) fn wrote<V, R: Recorded<V>>(&mut self, at: Time, node: NodeId, record: &R) {
        record.facts(&mut |fact| match fact {
            // What a proposer asks itself and promises itself is in no message.
            Fact::Promise { ballot, slots, .. }
                if ballot.owner == node && !ballot.fast && ballot.step() == 0 =>
            {
                self.prepare(at, node, ballot, slots);
                let held = self.votes.entry(node).or_default().range(slots.start..slots.end.max(slots.start));
                let votes = held.map(|(slot, (ballot, value))| (*slot, *ballot, value.clone())).collect();
                self.promise(at, node, ballot, slots, votes);
            }
            Fact::Vote { ballot, slot, entry: Some(entry) } => {
                let value = entry.to_string();
                if ballot.owner == node && !ballot.fast {
                    self.propose(at, node, ballot, slot, &value);
                }
                let vote = Step::new(at, node, "vote").in_ballot(ballot, slot).of(value.clone());
                self.lines.push(vote);
                self.votes.entry(node).or_default().insert(slot, (ballot, value));
            }
            Fact::Promise { .. }
            | Fact::Vote { .. }
            | Fact::Prepare { .. }
            | Fact::Any { .. }
            | Fact::Propose { .. }
            | Fact::Chosen { .. } => {}
        });
    }

    fn prepare(&mut self, at: Time, node: NodeId, ballot: Ballot, slots: SlotRange) {
        if self.asked.insert((Asked::Prepare, ballot, slots.start)) {
            self.lines.push(Step::new(at, node, "prepare").in_ballot(ballot, slots.start));
        }
    }

    fn propose(&mut self, at: Time, node: NodeId, ballot: Ballot, slot: Slot, value: &str) {
        if self.asked.insert((Asked::Propose, ballot, slot)) {
            self.lines.push(Step::new(at, node, "propose").in_ballot(ballot, slot).of(value.into()));
        }
    }

    /// One line a vote, and one for the slots behind the last of them.
    fn promise(
        &mut self,
        at: Time,
        node: NodeId,
        ballot: Ballot,
        slots: SlotRange,
        votes: Vec<(Slot, Ballot, String)>,
    ) {
        let rest = votes.iter().map(|(slot, ..)| slot.plus(1)).max().unwrap_or(slots.start).max(slots.start);
        let promise = |slot| Step::new(at, node, "promise").in_ballot(ballot, slot);
        for (slot, voted, value) in votes {
            self.lines.push(Step {
                voted_round: Some(voted.number()),
                voted_owner: Some(voted.owner.0),
                voted_value: Some(value),
                ..promise(slot)
            });
        }
        if rest < slots.end {
            self.lines.push(promise(rest));
        }
    }
}
