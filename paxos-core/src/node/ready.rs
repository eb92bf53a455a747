//! The results of a node's events. Types enforce *written before spoken*.

mod underway;

pub use underway::Backlog;
pub(crate) use underway::Underway;

use crate::{
    Answering, Captured, CommandId, Entry, Envelope, Epochs, Node, Protocol, Readable, Replica, Settled,
    Slot, Snapshot, SnapshotPiece, StateMachine, Takeover, WantedPiece,
};
use std::vec::Drain;

/// One batch of results of the events so far.
///
/// Send [`Ready::messages`], have [`Ready::write`] written, and execute ([`Ready::execute`]), in any order: none of it
/// rests on anything that is not on disk. When the write is durable, [`Write::durable`] gives a receipt for
/// [`Node::durable`], and the next `Ready` has what rests on it. Meanwhile the node continues, and may hand out more
/// writes. Dropping a `Ready` early loses nothing: the next one has it again.
#[derive(Debug)]
#[must_use = "messages must be sent, records written, and decisions executed"]
pub struct Ready<'a, P: Protocol> {
    node: &'a mut Node<P>,
}

/// A batch for the disk: records to append, or a snapshot with records that replaces everything. Writes become durable
/// in the order in which they were handed out. One sync may make several durable; the receipt of the last then stands
/// for all.
///
/// A caller that drops a write without making it durable must stop the process, as if its disk had failed: the
/// messages that rest on the write are never sent.
#[derive(Clone, Debug)]
#[must_use = "a process waits for its writes"]
pub struct Write<P: Protocol> {
    pub(crate) number: u64,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) records: Vec<P::Record>,
}

/// The proof that a write is durable. Only a [`Write`] can be exchanged for one.
#[derive(Clone, Debug)]
#[must_use = "a process waits until it is told that its writes are durable"]
pub struct Receipt<P: Protocol> {
    pub(crate) number: u64,
    /// Memory to be reused.
    pub(crate) spare: Vec<P::Record>,
}

impl<P: Protocol> Write<P> {
    /// The snapshot, if there is one. It must replace everything on disk, with the records, in one atomic step: after
    /// a crash, the process finds either the old state or the new one. It covers every slot below [`Snapshot::next`].
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The records to append, or everything that must be remembered besides the snapshot.
    pub fn records(&self) -> &[P::Record] {
        &self.records
    }

    /// Call this when the write and all earlier ones are on disk and survive a crash. Returns the receipt.
    pub fn durable(self) -> Receipt<P> {
        Receipt { number: self.number, spare: self.records }
    }
}

/// Values to execute, for [`Replica::execute`].
#[derive(Debug)]
pub struct Decided<'a, V> {
    /// The slot of the first value.
    pub first: Slot,
    /// The values chosen there and in the following slots.
    pub entries: &'a [Entry<V>],
    /// The clients to answer.
    pub answering: Answering,
    /// The members, which changes among the entries modify. None where the members are fixed. Only execution tells the
    /// members of later slots, so a node whose values are not executed proposes at most α slots.
    pub members: Option<&'a mut Epochs>,
}

impl<P: Protocol> Node<P> {
    /// Returns the results of the events so far.
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

    /// Does everything that [`Ready`] asks for, for a caller with its own disk, on which everything is durable when
    /// `write` returns. It calls `send` and `write` in a safe order, lets the replica execute what is chosen, and
    /// passes on its answers.
    ///
    /// The disk keeps every record. A caller that replaces records by snapshots uses [`Ready::write`].
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
                // Messages and values that rest on it are sent and executed in the next turn.
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

/// Takes everything out. Usually there is nothing.
fn drain<T>(from: &mut Vec<T>, to: impl FnMut(T)) {
    if !from.is_empty() {
        from.drain(..).for_each(to);
    }
}

impl<P: Protocol> Ready<'_, P> {
    /// Messages that may leave now: they rest only on what is on disk.
    pub fn messages(&mut self) -> Drain<'_, Envelope<P>> {
        self.node.out.unbound.drain(..)
    }

    /// The records that the next [`Ready::write`] hands out.
    pub fn records(&self) -> &[P::Record] {
        &self.node.out.records
    }

    /// Returns the next write, if there is one: records, and then a waiting snapshot, taken here or received. Nothing
    /// that the process says, executes or forgets depends on the snapshot before it is durable.
    pub fn write(&mut self) -> Option<Write<P>> {
        self.node.begin_write(true)
    }

    /// As [`Ready::write`], for a driver whose disk keeps every record: a waiting snapshot is dropped.
    pub fn append(&mut self) -> Option<Write<P>> {
        self.node.begin_write(false)
    }

    /// Returns the next values to execute, with the clients to answer. Each value is returned once.
    pub fn decided(&mut self) -> Option<Decided<'_, P::Value>> {
        if self.node.chosen.is_delivered() {
            return None;
        }
        let answering = self.node.answering();
        // Execution moves the limit for proposals, so another turn follows if something waits for that.
        self.node.stirred |= self.node.waits_for_limit();
        let (first, entries, members) = self.node.chosen.deliver()?;
        Some(Decided { first, entries, answering, members })
    }

    /// Commands whose clients asked this process again, for [`Replica::recall`].
    pub fn asked(&mut self) -> Drain<'_, CommandId> {
        self.node.out.asked.drain(..)
    }

    /// The snapshot that this process starts from, or had to take over for slots that it missed. A replica that is
    /// behind it installs it before it executes anything.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.node.snapshot()
    }

    /// Executes what is decided, and passes the answers to the node: they are then among [`Ready::messages`] and
    /// [`Ready::outcomes`]. It first takes over a snapshot if needed, and afterwards takes one if it is due.
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

    /// Returns the machine and a snapshot, if it has to take one over before it executes anything. The caller runs
    /// this where nothing waits for it ([`Takeover::run`]), and passes the result to [`Replica::taken_over`]. If it is
    /// not called, [`Ready::advance`] takes over the snapshot.
    pub fn take_over<S>(&mut self, replica: &mut Replica<S>) -> Option<Takeover<S>>
    where
        S: StateMachine<Command = P::Value, Reply = P::Reply>,
    {
        let takeover = replica.take_over(self.node.snapshot()?);
        self.node.away = replica.is_away();
        takeover
    }

    /// As [`Ready::execute`], but a state that is due to be written down is only captured. The caller writes it down
    /// where nothing waits for it ([`Captured::write_down`]), and passes it to [`Node::written_down`]. No other state
    /// is captured before that. While the machine takes over a state elsewhere, nothing is executed, and the process
    /// does not begin to lead.
    pub fn advance<S>(&mut self, replica: &mut Replica<S>) -> Option<Captured>
    where
        S: StateMachine<Command = P::Value, Reply = P::Reply>,
    {
        // What waited for the machine may go on now.
        self.node.stirred |= self.node.away && !replica.is_away();
        self.node.away = replica.is_away();
        if replica.is_away() {
            return None;
        }
        if let Some(snapshot) = self.node.snapshot() {
            // The replica reports failures itself.
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

    /// Pieces that peers want, for a driver that [reads them](Node::hand_out_pieces) and passes them to
    /// [`Node::lend`].
    pub fn wanted(&mut self) -> Drain<'_, WantedPiece> {
        self.node.wanted.drain(..)
    }

    /// A piece of a snapshot that is being fetched, for a driver that [keeps them](Node::hand_out_pieces). The driver
    /// then calls [`Node::kept`], or [`Node::fetched`] after the last piece. No other piece comes before that.
    pub fn piece(&mut self) -> Option<SnapshotPiece> {
        self.node.take_piece()
    }

    /// Returns the next read that the replica may answer when everything in [`Ready::decided`] is executed.
    pub fn readable(&mut self) -> Option<Readable> {
        self.node.readable()
    }

    /// The outcomes for this process's own client, once for each command that [`Node::submit`] took.
    pub fn outcomes(&mut self) -> Drain<'_, Settled<P::Reply>> {
        self.node.out.outcomes.drain(..)
    }
}
