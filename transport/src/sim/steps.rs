//! The protocol steps of a run as JSON lines, for other tools. `docs/trace-format.md` describes the format.

use super::facts::facts_of;
use paxos_core::{Ballot, Entry, Fact, Message, NodeId, Protocol, Recorded, Slot, SlotRange, Time};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// One step, which is one line. Fields that do not apply are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Virtual time in microseconds, rounded down.
    pub at_us: u64,
    /// The process of the step.
    pub node: u16,
    /// `prepare`, `promise`, `any`, `propose`, `vote`, `chosen`, `apply`, `install`, `crash` or `restart`.
    pub step: &'static str,
    /// The slot. For `prepare`, `any` and the last line of a `promise`: the first of the slots concerned. For
    /// `install`: the first slot that the snapshot does not cover.
    pub slot: Option<u64>,
    /// The ballot's number, [`Ballot::number`].
    pub round: Option<u64>,
    /// The ballot's owner.
    pub owner: Option<u16>,
    /// Whether the ballot is fast.
    pub fast: Option<bool>,
    /// The value that was proposed, voted for, chosen or applied: a command's name, or `noop`.
    pub value: Option<String>,
    /// The number of the ballot of the vote that a `promise` reports.
    pub voted_round: Option<u64>,
    /// That ballot's owner.
    pub voted_owner: Option<u16>,
    /// The value of that vote.
    pub voted_value: Option<String>,
}

/// The kinds of requests that are written once: a request that is repeated is one step.
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
    /// The steps that were not cleared yet.
    pub fn lines(&self) -> &[Step] {
        &self.lines
    }

    /// Writes these steps, one JSON object per line.
    ///
    /// # Errors
    /// The errors of `out`.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        for line in &self.lines {
            serde_json::to_writer(&mut out, line)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Drops the steps so far, when they have been written elsewhere.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }

    /// Forgets the requests and the votes for slots below `below`.
    pub(crate) fn forget(&mut self, below: Slot) {
        // Only proposals are many; the other requests concern all slots from one on.
        self.asked.retain(|(asked, _, slot)| *asked != Asked::Propose || *slot >= below);
        for votes in self.votes.values_mut() {
            *votes = votes.split_off(&below);
        }
    }

    /// Adds a crash or a restart of a process.
    pub fn lived(&mut self, at: Time, node: NodeId, step: &'static str) {
        self.lines.push(Step::new(at, node, step));
    }

    /// Adds that a process takes over the state after all slots below `next`.
    pub(crate) fn jumped(&mut self, at: Time, node: NodeId, next: Slot) {
        self.lines.push(Step { slot: Some(next.index()), ..Step::new(at, node, "install") });
    }

    /// Adds that a process learns or executes a slot.
    pub fn settled<V>(&mut self, at: Time, node: NodeId, step: &'static str, slot: Slot, entry: &Entry<V>) {
        let step = Step::new(at, node, step).of(entry.to_string());
        self.lines.push(Step { slot: Some(slot.index()), ..step });
    }

    /// Adds the steps of a message that leaves a process.
    pub fn said<P: Protocol>(&mut self, at: Time, from: NodeId, message: &Message<P>) {
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
            // A vote is a step when it is durable, and a chosen entry when a process learns it.
            Fact::Vote { .. } | Fact::Chosen { .. } => {}
        });
    }

    /// Adds the steps of a record that is durable.
    pub fn wrote<V, R: Recorded<V>>(&mut self, at: Time, node: NodeId, record: &R) {
        record.facts(&mut |fact| match fact {
            // No message carries a proposer's phase 1 with its own acceptor.
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

    /// Adds one line for each vote, and one for the slots after the last vote. A promise that is cut because a message is
    /// full says nothing about those slots: its last line is a vote, and the proposer asks for the rest.
    fn promise(
        &mut self,
        at: Time,
        node: NodeId,
        ballot: Ballot,
        slots: SlotRange,
        votes: Vec<(Slot, Ballot, String)>,
    ) {
        let cut = !votes.is_empty() && slots.end < Slot::MAX;
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
        if rest < slots.end && !cut {
            self.lines.push(promise(rest));
        }
    }
}
