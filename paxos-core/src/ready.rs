//! What follows from a node's events: written before spoken, by type.

use crate::{
    Answering, CommandId, Entry, Envelope, Epochs, Node, Protocol, Readable, Replica, Settled, Slot,
    Snapshot, StateMachine, StoreMark,
};
use core::ops::RangeBounds;
use std::vec::Drain;

/// One batch of what follows from the events so far.
///
/// Send [`Ready::unbound`] at once; write [`Ready::records`] with one sync, or, if there is one, what
/// [`Ready::install`] says instead; then [`Ready::written`] gives the rest. Dropping a `Ready` earlier loses nothing:
/// the next one has it again.
#[derive(Debug)]
#[must_use = "records must be written, and messages sent"]
pub struct Ready<'a, P: Protocol> {
    node: &'a mut Node<P>,
}

/// What may be done once the records are on disk.
#[derive(Debug)]
#[must_use = "messages must be sent, and decisions executed"]
pub struct Effects<'a, P: Protocol> {
    node: &'a mut Node<P>,
    released: usize,
}

/// What is to take the place of all that a process has on disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Install<P: Protocol> {
    /// Stands for every slot below its [`Snapshot::next`].
    pub snapshot: Snapshot,
    /// All that the process must remember besides; what [`Ready::records`] says is among it.
    pub records: Vec<P::Record>,
}

/// Values to execute, for [`Replica::execute`].
#[derive(Debug)]
pub struct Decided<'a, V> {
    /// The slot of the first.
    pub first: Slot,
    /// What is chosen there and in the slots behind.
    pub entries: &'a [Entry<V>],
    /// Which clients to answer.
    pub answering: Answering,
    /// The members, which changes among the entries change; none where they are fixed. Executing the entries is what tells
    /// who the members are behind them, so a node whose values are not executed proposes only α slots.
    pub members: Option<&'a mut Epochs>,
}

impl<P: Protocol> Node<P> {
    /// What follows from the events so far.
    pub fn ready(&mut self) -> Ready<'_, P> {
        self.turn();
        Ready { node: self }
    }

    /// Whether [`Node::ready`] has something to write or send.
    pub fn is_ready(&self) -> bool {
        let out = &self.out;
        self.stirred
            || self.members_changed()
            || self.store.is_waiting()
            || !(out.records.is_empty()
                && out.own.is_empty()
                && out.bound.is_empty()
                && out.unbound.is_empty())
    }

    /// Does all that [`Ready`] asks for, for a caller with a disk of its own: `send` and `write` are called in
    /// the order that is safe, the replica executes what is chosen, and its answers are passed on.
    ///
    /// The disk keeps every record. A caller that would replace them by snapshots follows [`Ready::install`].
    pub fn process<S>(
        &mut self,
        replica: &mut Replica<S>,
        mut send: impl FnMut(Envelope<P>),
        mut write: impl FnMut(&[P::Record]),
        mut outcome: impl FnMut(Settled<P::Reply>),
    ) where
        S: StateMachine<Command = P::Value, Reply = P::Reply>,
    {
        loop {
            let ready = self.ready();
            drain(&mut ready.node.out.unbound, .., &mut send);
            if !ready.records().is_empty() {
                write(ready.records());
            }
            let mut effects = ready.written();
            effects.execute(replica);
            let (out, released) = (&mut effects.node.out, effects.released);
            drain(&mut out.unbound, .., &mut send);
            drain(&mut out.bound, ..released, &mut send);
            drain(&mut out.outcomes, .., &mut outcome);
            if !self.is_ready() {
                return;
            }
        }
    }
}

/// Takes out what is there; most of the time, there is nothing.
fn drain<T>(from: &mut Vec<T>, range: impl RangeBounds<usize>, to: impl FnMut(T)) {
    if !from.is_empty() {
        from.drain(range).for_each(to);
    }
}

impl<'a, P: Protocol> Ready<'a, P> {
    /// Messages that may leave now: they say nothing that is not on disk already.
    pub fn unbound(&mut self) -> Drain<'_, Envelope<P>> {
        self.node.out.unbound.drain(..)
    }

    /// What must be on disk before the rest follows.
    pub fn records(&self) -> &[P::Record] {
        &self.node.out.records
    }

    /// A snapshot, taken here or received, that is to take the place of everything on disk in one atomic step: after
    /// a crash, the process finds either what was there or this. Nothing that it says, executes or forgets
    /// depends on the snapshot before that, whatever happens between.
    ///
    /// A driver whose disk keeps every record may pass this over and write [`Ready::records`]: the snapshot is then
    /// forgotten, and nothing else.
    pub fn install(&mut self) -> Option<Install<P>> {
        self.node.install()
    }

    /// Tells how far the store has come with what was just written: see [`Node::tell_store`].
    pub fn stored(&mut self, store: StoreMark) {
        self.node.tell_store(store);
    }

    /// The records are on disk, and will be after a crash; or what [`Ready::install`] said is.
    pub fn written(self) -> Effects<'a, P> {
        self.node.on_stored();
        let released = self.node.out.bound.len();
        self.node.on_written();
        Effects { node: self.node, released }
    }
}

impl<P: Protocol> Effects<'_, P> {
    /// Messages to send.
    pub fn messages(&mut self) -> impl Iterator<Item = Envelope<P>> {
        let out = &mut self.node.out;
        let released = std::mem::take(&mut self.released);
        out.unbound.drain(..).chain(out.bound.drain(..released))
    }

    /// The next values to execute, from the slot named on, with the clients to answer. Each is given once.
    pub fn decided(&mut self) -> Option<Decided<'_, P::Value>> {
        if self.node.chosen.is_delivered() {
            return None;
        }
        let answering = self.node.answering();
        // Execution moves the end of the slots in which anything may be proposed: a turn follows for those that wait there.
        self.node.stirred |= self.node.waits_for_limit();
        let (first, entries, members) = self.node.chosen.deliver()?;
        Some(Decided { first, entries, answering, members })
    }

    /// Commands whose clients asked this process for an answer, for [`Replica::recall`].
    pub fn asked(&mut self) -> Drain<'_, CommandId> {
        self.node.out.asked.drain(..)
    }

    /// The snapshot that this process starts from, or had to take over in place of what it missed: a replica that
    /// has not come so far installs it before it executes anything.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.node.snapshot()
    }

    /// Executes what is decided and hands the answers back to the node: they are among the next messages, or
    /// the next outcomes. A snapshot that is due is taken over before, or taken after that.
    ///
    /// A snapshot that the machine cannot read stops the replica: see [`Replica::failure`].
    pub fn execute<S>(&mut self, replica: &mut Replica<S>)
    where
        S: StateMachine<Command = P::Value, Reply = P::Reply>,
    {
        if let Some(snapshot) = self.node.snapshot().filter(|s| s.next() > replica.next()) {
            // What went wrong, the replica tells.
            let _ = replica.install(snapshot);
        }
        while let Some(decided) = self.decided() {
            replica.execute(decided);
        }
        if let Some(snapshot) = replica.snapshot_each(self.node.setup.config.limits.snapshot) {
            self.node.compact(snapshot);
        }
        drain(&mut self.node.out.asked, .., |id| replica.recall(id));
        if replica.has_answers() {
            self.node.answer(replica.answers());
        }
    }

    /// The next read that may be answered from the replica, once everything in [`Effects::decided`] is executed.
    pub fn readable(&mut self) -> Option<Readable> {
        self.node.readable()
    }

    /// What this process's own client is told: of each command that [`Node::submit`] took, once.
    pub fn outcomes(&mut self) -> Drain<'_, Settled<P::Reply>> {
        self.node.out.outcomes.drain(..)
    }
}
