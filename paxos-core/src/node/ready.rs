//! What follows from a node's events: written before spoken, by type.

use crate::{
    Answering, Captured, CommandId, Entry, Envelope, Epochs, Node, Protocol, Readable, Replica, Settled,
    Slot, Snapshot, SnapshotPiece, StateMachine, Takeover, WantedPiece,
};
use std::vec::Drain;

/// One batch of what follows from the events so far.
///
/// Send [`Ready::messages`], have [`Ready::write`] written, and execute ([`Ready::execute`]): in any order, for nothing
/// among it rests on what is not on disk. When the write is durable, [`Write::durable`] gives a receipt for
/// [`Node::durable`]; what rests on it is among the next `Ready`. Meanwhile the node goes on with whatever comes, and may ask
/// for more writes. Dropping a `Ready` early loses nothing: the next one has it again.
#[derive(Debug)]
#[must_use = "messages must be sent, records written, and decisions executed"]
pub struct Ready<'a, P: Protocol> {
    node: &'a mut Node<P>,
}

/// What is to be written: records to append, or a snapshot that takes the place of everything, with records. Writes are made
/// durable in the order in which they were handed out; several may become so with one sync, and then the receipt of the last
/// stands for all.
///
/// Whoever drops a write without making it durable must stop the process, as one does whose disk has failed: what rests on
/// it is never said.
#[derive(Clone, Debug)]
#[must_use = "a process waits for its writes"]
pub struct Write<P: Protocol> {
    pub(crate) number: u64,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) records: Vec<P::Record>,
}

/// A write is durable. Only a [`Write`] can be exchanged for one.
#[derive(Clone, Debug)]
#[must_use = "a process waits until it is told that its writes are durable"]
pub struct Receipt<P: Protocol> {
    pub(crate) number: u64,
    /// Memory that can be used again.
    pub(crate) spare: Vec<P::Record>,
}

impl<P: Protocol> Write<P> {
    /// If there is one, it is to take the place of all that is on disk, together with the records, in one atomic step: after
    /// a crash, the process finds either what was there or this. It stands for every slot below its [`Snapshot::next`].
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// Records to append, or all that must be remembered besides the snapshot.
    pub fn records(&self) -> &[P::Record] {
        &self.records
    }

    /// It is on disk, and so are all that were handed out before; they will be after a crash.
    pub fn durable(self) -> Receipt<P> {
        Receipt { number: self.number, spare: self.records }
    }
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
        self.hold();
        Ready { node: self }
    }

    /// Whether [`Node::ready`] has something to write, send or execute.
    pub fn is_ready(&self) -> bool {
        let out = &self.out;
        self.stirred
            || self.waits_to_follow()
            || self.store.is_due()
            || !(out.records.is_empty() && out.unbound.is_empty())
            || self.has_unheld()
    }

    /// Does all that [`Ready`] asks for, for a caller with a disk of its own on which everything is durable when `write`
    /// returns: `send` and `write` are called in the order that is safe, the replica executes what is chosen, and its
    /// answers are passed on.
    ///
    /// The disk keeps every record. A caller that would replace them by snapshots follows [`Ready::write`].
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
            let mut ready = self.ready();
            drain(&mut ready.node.out.unbound, &mut send);
            let written = ready.append().map(|records| {
                write(records.records());
                records.durable()
            });
            if let Some(receipt) = written {
                self.durable(receipt);
                // What rests on that leaves with the next turn, and is executed then.
                continue;
            }
            ready.execute(replica);
            drain(&mut ready.node.out.outcomes, &mut outcome);
            if !self.is_ready() {
                return;
            }
        }
    }
}

/// Takes out what is there; most of the time, there is nothing.
fn drain<T>(from: &mut Vec<T>, to: impl FnMut(T)) {
    if !from.is_empty() {
        from.drain(..).for_each(to);
    }
}

impl<P: Protocol> Ready<'_, P> {
    /// Messages that may leave now: they say nothing that is not on disk.
    pub fn messages(&mut self) -> Drain<'_, Envelope<P>> {
        self.node.out.unbound.drain(..)
    }

    /// The records that wait to be handed out by [`Ready::write`].
    pub fn records(&self) -> &[P::Record] {
        &self.node.out.records
    }

    /// What is to be written next, if there is anything: records, and then a snapshot, taken here or received, if one waits.
    /// Nothing that the process says, executes or forgets depends on the snapshot before it is durable.
    pub fn write(&mut self) -> Option<Write<P>> {
        self.node.begin_write(true)
    }

    /// As [`Ready::write`], for a driver whose disk keeps every record: a snapshot that waits is forgotten, and nothing else.
    pub fn append(&mut self) -> Option<Write<P>> {
        self.node.begin_write(false)
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

    /// Executes what is decided and hands the answers back to the node: they are among [`Ready::messages`] and
    /// [`Ready::outcomes`] then. A snapshot that is due is taken over before, or taken after that.
    ///
    /// A snapshot that the machine cannot read stops the replica: see [`Replica::failure`].
    pub fn execute<S>(&mut self, replica: &mut Replica<S>)
    where
        S: StateMachine<Command = P::Value, Reply = P::Reply>,
    {
        if let Some(captured) = self.advance(replica) {
            match captured.write_down() {
                Ok(snapshot) => self.node.written_down(snapshot),
                Err(_) => self.node.not_written_down(),
            }
        }
    }

    /// The machine with a snapshot that it has to take over before it executes anything, if there is one: the caller runs that where
    /// nobody waits for it ([`Takeover::run`]), and gives what comes of it to [`Replica::taken_over`]. A caller that does not ask
    /// has it done by [`Ready::advance`].
    pub fn take_over<S>(&mut self, replica: &mut Replica<S>) -> Option<Takeover<S>>
    where
        S: StateMachine<Command = P::Value, Reply = P::Reply>,
    {
        let takeover = replica.take_over(self.node.snapshot()?);
        self.node.away = replica.is_away();
        takeover
    }

    /// As [`Ready::execute`], but a state that is due to be written down is only captured: the caller writes it down where nobody
    /// waits for it ([`Captured::write_down`]), and gives it to [`Node::written_down`]. No other one is captured before.
    /// While the machine takes over a state elsewhere, nothing is executed, and the process does not begin to lead.
    pub fn advance<S>(&mut self, replica: &mut Replica<S>) -> Option<Captured>
    where
        S: StateMachine<Command = P::Value, Reply = P::Reply>,
    {
        self.node.away = replica.is_away();
        if replica.is_away() {
            return None;
        }
        if let Some(snapshot) = self.node.snapshot() {
            // What went wrong, the replica tells.
            let _ = replica.install(snapshot);
        }
        while let Some(decided) = self.decided() {
            replica.execute(decided);
        }
        let mut captured = None;
        if self.node.may_capture() {
            let every = self.node.setup.config.limits.snapshot;
            captured = replica.capture_each(every, |next| self.node.membership(next));
            if captured.is_some() {
                self.node.captured();
            }
        }
        drain(&mut self.node.out.asked, |id| replica.recall(id));
        if replica.has_answers() {
            self.node.answer(replica.answers());
        }
        captured
    }

    /// Pieces of snapshots that peers want, for a driver that [reads them](Node::hand_out_pieces) and gives them to [`Node::lend`].
    pub fn wanted(&mut self) -> Drain<'_, WantedPiece> {
        self.node.wanted.drain(..)
    }

    /// A piece of a snapshot that is being fetched, for a driver that [keeps them](Node::hand_out_pieces): when it has, it tells
    /// [`Node::kept`], or, with the last piece, [`Node::fetched`]. There is no other one before.
    pub fn piece(&mut self) -> Option<SnapshotPiece> {
        self.node.take_piece()
    }

    /// The next read that may be answered from the replica, once everything in [`Ready::decided`] is executed.
    pub fn readable(&mut self) -> Option<Readable> {
        self.node.readable()
    }

    /// What this process's own client is told: of each command that [`Node::submit`] took, once.
    pub fn outcomes(&mut self) -> Drain<'_, Settled<P::Reply>> {
        self.node.out.outcomes.drain(..)
    }
}
