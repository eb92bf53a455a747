//! The environment of the processes: network, invariants, results.

use super::commands::{Answered, Commands, Submitted};
use super::history::Query;
use super::process::Shown;
use super::process::Stored;
use super::queue::{Happening, Queue};
use super::reads::Readings;
use crate::sim::facts::label;
use crate::sim::invariants::{Breach, Ledger, Verdict, execution, spoken};
use crate::sim::trace::{Note, Row, Trace, What};
use crate::sim::{Chance, Counts, Delay, Disk, Frame, Harm, Links, Service, Steps};
use core::time::Duration;
use paxos_core::{
    Changed, Consistency, Entry, Envelope, Executed, Message, NodeId, Protocol, ReadId, Readable,
    RestoreError, Settled, Slot, Snapshot, Time, Unanswered,
};
use std::collections::BTreeMap;

/// A message to one receiver that is about to leave.
#[derive(Clone, Debug)]
pub struct Post<P: Protocol> {
    /// When the message is sent.
    pub at: Time,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The message.
    pub message: Message<P>,
}

/// The delivery of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The links decide.
    Usual,
    /// The message is lost.
    Lost,
    /// The message arrives after this delay, whatever the links say.
    After(Duration),
    /// The links decide, but the message arrives after everything else at the same moment.
    Last,
}

/// Receives each message before it leaves, and may change it. The changed message counts as the sender's, so that tests
/// can show which invariants detect a process that lies.
pub(super) type Carrier<P> = Box<dyn FnMut(&mut Post<P>) -> Fate>;

pub(super) struct Outside<P: Protocol> {
    pub(super) now: Time,
    pub(super) queue: Queue<P>,
    pub(super) links: Links,
    pub(super) frame: Option<Frame<P>>,
    pub(super) weather: Chance,
    pub(super) disk: Disk,
    pub(super) syncs: BTreeMap<NodeId, Delay>,
    pub(super) service: Service,
    /// The time that the current process has spent on sending and on reads in this turn.
    pub(super) spent: Duration,
    pub(super) platter: Chance,
    pub(super) counts: Counts,
    /// What the faults did.
    pub(super) harm: Harm,
    pub(super) carrier: Option<Carrier<P>>,
    pub(super) ledger: Option<Ledger<P>>,
    pub(super) trace: Option<Trace>,
    pub(super) steps: Option<Steps>,
    pub(super) breach: Option<(Time, Breach)>,
    pub(super) commands: Commands<P>,
    pub(super) reads: Readings,
    pub(super) queries: Vec<Query<P>>,
    /// The number of snapshots of other processes that were taken over.
    pub(super) jumps: u64,
    /// The number of writes to the first process's store that the second process has heard of.
    pub(super) heard: BTreeMap<(NodeId, NodeId), u64>,
}

impl<P: Protocol> Outside<P> {
    /// Draws how long the disk of `node` takes for one write.
    pub(super) fn draw_sync(&mut self, node: NodeId) -> Duration {
        self.syncs.get(&node).copied().unwrap_or(self.disk.sync).draw(&mut self.platter)
    }

    /// Remembers the first breach.
    fn judge(&mut self, verdict: Verdict) {
        if let Err(breach) = verdict
            && self.breach.is_none()
        {
            self.breach = Some((self.now, breach));
        }
    }

    pub(super) fn send(&mut self, from: NodeId, shown: Option<&Shown>, envelope: Envelope<P>) {
        let Envelope { to, message } = envelope;
        if self.carrier.is_some() {
            for to in to.iter().filter(|to| *to != from) {
                let post = Post { at: self.now, from, to, message: message.clone() };
                self.send_by_carrier(post, shown.cloned());
            }
            return;
        }
        self.witness(from, &message);
        let drawn = self.trace.is_some().then(|| (label(&message), message.kind()));
        let mut reached = Vec::new();
        for to in to.iter().filter(|to| *to != from) {
            let post = Post { at: self.now, from, to, message: message.clone() };
            let arrives = self.carry(post, Fate::Usual, shown.cloned());
            if drawn.is_some() {
                reached.push((to, arrives));
            }
        }
        if let (Some(trace), Some((label, kind))) = (&mut self.trace, drawn) {
            trace.rows.push(Row { at: self.now, node: from, what: What::Sent { kind, label, to: reached } });
        }
    }

    fn send_by_carrier(&mut self, mut post: Post<P>, shown: Option<Shown>) {
        let fate = self.carrier.as_mut().map_or(Fate::Usual, |carrier| carrier(&mut post));
        self.witness(post.from, &post.message);
        let drawn = self.trace.is_some().then(|| (label(&post.message), post.message.kind()));
        let (from, to) = (post.from, post.to);
        let arrives = self.carry(post, fate, shown);
        if let (Some(trace), Some((label, kind))) = (&mut self.trace, drawn) {
            let what = What::Sent { kind, label, to: vec![(to, arrives)] };
            trace.rows.push(Row { at: self.now, node: from, what });
        }
    }

    /// Checks a message that leaves, and writes it down.
    fn witness(&mut self, from: NodeId, message: &Message<P>) {
        if let Some(Frame { most, size }) = self.frame.clone() {
            let (kind, bytes) = (message.kind(), size(message));
            self.judge(spoken::messages_fit_a_frame(from, kind, bytes, most));
            self.judge(spoken::sizes_are_known(from, kind, bytes, message.amount()));
        }
        if let Some(ledger) = &mut self.ledger {
            let verdict = ledger.said(from, message);
            self.judge(verdict);
        }
        if let Some(steps) = &mut self.steps {
            steps.said(self.now, from, message);
        }
    }

    /// Sends one message. Returns when it arrives, or `None` if it is lost.
    fn carry(&mut self, post: Post<P>, fate: Fate, shown: Option<Shown>) -> Option<Time> {
        let Post { from, to, message, .. } = post;
        let (now, links, weather) = (self.now, &self.links, &mut self.weather);
        self.counts.add(message.kind(), 1);
        self.spent += self.service.send;
        let delay = match fate {
            Fate::Lost => return None,
            Fate::After(delay) => delay,
            Fate::Usual | Fate::Last => {
                let lost = links.loses(now, weather);
                let mut cuts = links.severed(now, from, to).peekable();
                if lost || cuts.peek().is_some() {
                    self.harm.loses(to, lost, cuts);
                    return None;
                }
                let delay = links.draw(from, to, weather);
                let doubled = links.doubles(now, weather);
                self.harm.carries(to, links.is_late(from, to, delay), doubled);
                if doubled {
                    if let (Some(ledger), Message::Request(request)) = (&mut self.ledger, &message) {
                        ledger.told().doubled(request.commands.iter().filter_map(Entry::id));
                    }
                    let again = now.after(self.spent + links.draw(from, to, weather));
                    let message = message.clone();
                    let shown = shown.clone();
                    self.queue.push(again, Happening::Arrive { to, from, message, shown });
                }
                delay
            }
        };
        let at = now.after(self.spent + delay);
        self.queue.push_ranked(at, fate == Fate::Last, Happening::Arrive { to, from, message, shown });
        Some(at)
    }

    /// Notes a durable write: its records are appended, or, with a snapshot, replace everything.
    pub(super) fn stored(&mut self, node: NodeId, snapshot: Option<&Snapshot>, records: &[P::Record]) {
        if let Some(snapshot) = snapshot {
            if let Some(ledger) = &mut self.ledger {
                let verdict = ledger.compacted(node, snapshot, records);
                self.judge(verdict);
            }
            self.note(node, Note::Stored, || format!("snapshot <{}", snapshot.next()));
        } else {
            self.written(node, records);
        }
    }

    /// Notes that `node` has taken over the state of `snapshot`.
    pub(super) fn jumped(&mut self, node: NodeId, snapshot: &Snapshot) {
        self.jumps += 1;
        if let Some(ledger) = &mut self.ledger {
            let verdict = ledger.jumped(node, snapshot);
            self.judge(verdict);
        }
        if let Some(steps) = &mut self.steps {
            steps.jumped(self.now, node, snapshot.next());
        }
    }

    /// Notes that a replica could not take over a snapshot.
    pub(super) fn broke(&mut self, node: NodeId, failure: &RestoreError) {
        let message = format!("{node} cannot go on: {failure}");
        self.judge(Err(Breach { invariant: "snapshots_tell_the_truth", message }));
    }

    fn written(&mut self, node: NodeId, records: &[P::Record]) {
        for record in records {
            if let Some(ledger) = &mut self.ledger {
                let verdict = ledger.wrote(node, record);
                self.judge(verdict);
            }
            if let Some(steps) = &mut self.steps {
                steps.wrote(self.now, node, record);
            }
        }
    }

    pub(super) fn restarted(&mut self, node: NodeId, incarnation: u32, disk: &Stored<P>) {
        self.harm.is_up(node, true);
        let snapshot = disk.snapshot.as_ref();
        if let Some(ledger) = &mut self.ledger {
            let verdict = ledger.restarted(node, incarnation, snapshot, &disk.records);
            self.judge(verdict);
        }
        self.note(node, Note::Restarted, String::new);
        if let Some(steps) = &mut self.steps {
            steps.lived(self.now, node, "restart");
            if let Some(snapshot) = snapshot {
                steps.jumped(self.now, node, snapshot.next());
            }
        }
    }

    pub(super) fn crashed(&mut self, node: NodeId) {
        self.harm.is_up(node, false);
        self.commands.abandon(node);
        self.reads.abandon(node);
        self.note(node, Note::Crashed, String::new);
        if let Some(steps) = &mut self.steps {
            steps.lived(self.now, node, "crash");
        }
    }

    /// Tells the client of `node` the result of a change of members.
    pub(super) fn changed(&mut self, node: NodeId, changed: Changed) {
        self.note(node, Note::Answered, || changed.id.to_string());
        let before = self.commands.get(changed.id).is_none_or(Submitted::is_settled);
        let mut verdict = execution::one_outcome(node, changed.id, before);
        if let Some(ledger) = &mut self.ledger {
            verdict = verdict.and_then(|()| ledger.told().changed(node, changed));
        }
        self.judge(verdict);
        self.commands.changed(changed);
    }

    pub(super) fn read_begun(&mut self, node: NodeId, id: ReadId, consistency: Consistency) {
        let floor = self.ledger.as_ref().map_or(Slot(0), |ledger| ledger.floor(consistency));
        self.reads.begun(node, id, consistency, self.now, floor);
        self.note(node, Note::Asked, || format!("{id}, {consistency:?}"));
    }

    pub(super) fn readable(&mut self, node: NodeId, readable: Readable) {
        self.spent += self.service.read;
        let at = self.now.after(self.spent);
        let Some((consistency, floor)) = self.reads.ended(node, readable, at) else { return };
        if let Some(ledger) = &mut self.ledger {
            let verdict = ledger.read(node, consistency, floor, readable.applied);
            self.judge(verdict);
        }
        self.note(node, Note::Read, || format!("{} below {}", readable.id, readable.applied));
    }

    /// Notes that a process knows the chosen entry of `slot`; `new` says whether it is the first time in this
    /// incarnation.
    pub(super) fn knows(&mut self, node: NodeId, slot: Slot, entry: &Entry<P::Value>, new: bool) {
        if let Some(ledger) = &mut self.ledger {
            let verdict = ledger.knows(node, slot, entry);
            self.judge(verdict);
        }
        if new {
            self.note(node, Note::Learned, || format!("{slot} {entry}"));
            if let Some(steps) = &mut self.steps {
                steps.settled(self.now, node, "chosen", slot, entry);
            }
        }
    }

    /// Tells the client of `node` the outcome of a command, after `by` reported it.
    pub(super) fn settled(&mut self, node: NodeId, by: NodeId, settled: Settled<P::Reply>) {
        let Settled { id, result } = settled;
        match &result {
            Ok(_) => self.note(node, Note::Answered, || id.to_string()),
            Err(reason) => self.note(node, Note::Unanswered, || format!("{id}: {}", reason.name())),
        }
        let before = self.commands.get(id).is_none_or(Submitted::is_settled);
        let mut verdict = execution::one_outcome(node, id, before);
        if let Some(ledger) = &mut self.ledger {
            verdict = verdict.and_then(|()| match &result {
                Ok(Executed { slot, reply }) => ledger.answered(node, id, *slot, Some(reply)),
                Err(Unanswered::AnswerNotKept(slot)) => ledger.answered(node, id, *slot, None),
                Err(reason) => ledger.told().unanswered(id, *reason),
            });
        }
        self.judge(verdict);
        let (now, sent) = (self.now, self.counts);
        self.commands
            .settled(id, result.map(|Executed { slot, reply }| Answered { at: now, by, slot, reply, sent }));
    }

    pub(super) fn executed(
        &mut self,
        node: NodeId,
        slot: Slot,
        entry: &Entry<P::Value>,
        effect: Option<&P::Reply>,
    ) {
        if let Some(ledger) = &mut self.ledger {
            let verdict = ledger.executed(node, slot, entry, effect);
            self.judge(verdict);
        }
        if let Some(steps) = &mut self.steps {
            steps.settled(self.now, node, "apply", slot, entry);
        }
    }

    pub(super) fn note(&mut self, node: NodeId, what: Note, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.note(self.now, node, what, text());
        }
    }
}
