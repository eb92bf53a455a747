//! The records behind the invariants: everything said, written, learned and executed so far.

mod book;
mod facts;

pub use book::{Book, Memory, Name};

use super::{Members, Told, Verdict};
use super::{chosen, execution, promises, reads, snapshots, spoken};
use crate::sim::facts::facts_of;
use paxos_core::{
    Ballot, CommandId, Config, Consistency, Digest, Entry, Fact, Limits, Message, NodeId, NodeSet, Protocol,
    Recorded, Slot, SlotRange, Snapshot,
};
use std::collections::{BTreeMap, BTreeSet};

/// Checks every invariant as events are reported. Each check examines only what the event affects.
#[derive(Debug)]
pub struct Ledger<P: Protocol> {
    members: Members<P::Value>,
    told: Told,
    limits: Limits,
    submitted: BTreeMap<CommandId, Entry<P::Value>>,
    books: BTreeMap<Slot, Book<P::Reply>>,
    /// The memory of each acceptor, by id.
    memories: Vec<Memory>,
    /// The slots for which each fast ballot was opened.
    opened: BTreeMap<Ballot, Vec<SlotRange>>,
    /// For each term, the incarnations of its owner that used it, and for which slots.
    terms: BTreeMap<(u64, NodeId), Vec<(u32, SlotRange)>>,
    incarnations: BTreeMap<NodeId, Run>,
    /// The processes that have lost data from their disks. Their statements do not count.
    forgetful: NodeSet,
    /// Every answered command, and every slot that a linearizable read saw, is below this slot.
    seen: Slot,
    /// The checksum of the first snapshot of each slot.
    snapshots: BTreeMap<Slot, Digest>,
}

/// What a process has learned and done since it started.
#[derive(Debug, Default)]
struct Run {
    number: u32,
    known: Vec<Option<Name>>,
    next: Slot,
    done: BTreeSet<CommandId>,
}

impl<P: Protocol> Ledger<P> {
    /// Creates an empty ledger.
    pub fn new(config: &Config) -> Self {
        Self {
            members: Members::new(config, P::CHANGES),
            limits: config.limits,
            told: Told::default(),
            submitted: BTreeMap::new(),
            books: BTreeMap::new(),
            memories: vec![Memory::default(); usize::from(NodeSet::CAPACITY)],
            opened: BTreeMap::new(),
            terms: BTreeMap::new(),
            incarnations: BTreeMap::new(),
            forgetful: NodeSet::EMPTY,
            seen: Slot(0),
            snapshots: BTreeMap::new(),
        }
    }

    /// The book of each slot.
    pub fn books(&self) -> &BTreeMap<Slot, Book<P::Reply>> {
        &self.books
    }

    /// The memory of an acceptor: what it has on disk.
    pub fn memory(&self, acceptor: NodeId) -> Option<&Memory> {
        self.memories.get(usize::from(acceptor.0))
    }

    /// The entry that a quorum of durable votes chose in `slot`.
    pub fn chosen(&self, slot: Slot) -> Option<Name> {
        Some(self.books.get(&slot)?.chosen?.1)
    }

    /// The members of every slot.
    pub const fn members(&self) -> &Members<P::Value> {
        &self.members
    }

    /// What callers were told about effects, and about changes of members.
    pub const fn told(&mut self) -> &mut Told {
        &mut self.told
    }

    /// Notes that a client submits a command.
    pub fn submitted(&mut self, entry: Entry<P::Value>) {
        self.submitted.extend(entry.id().map(|id| (id, entry)));
    }

    /// Notes that the disk of `node` lost data. What it said and wrote before still counts, but nothing that it says or
    /// writes from now on: a process that counts such a statement may believe a value to be chosen that is not, or vote
    /// for a value that was not proposed. Its own beliefs are not checked, because it counts its own votes until it
    /// learns of the loss.
    pub fn forgets(&mut self, node: NodeId) {
        self.forgetful.insert(node);
    }

    /// Checks a message that leaves a process.
    ///
    /// # Errors
    /// The first invariant that the message breaks.
    pub fn said(&mut self, from: NodeId, message: &Message<P>) -> Verdict {
        let (amount, bound) = (message.amount(), message.bound(&self.limits));
        let mut verdict = spoken::messages_are_bounded(from, message.kind(), amount, bound);
        let counts = !self.forgetful.contains(from);
        facts_of(message, &mut |fact| {
            if verdict.is_ok() && counts {
                verdict = self.on_said(from, &fact);
            }
        });
        verdict
    }

    /// Checks a record that is durable.
    ///
    /// # Errors
    /// The first invariant that the record breaks.
    pub fn wrote(&mut self, node: NodeId, record: &P::Record) -> Verdict {
        let mut verdict = Ok(());
        let counts = !self.forgetful.contains(node);
        record.facts(&mut |fact| {
            if verdict.is_ok() && counts {
                verdict = self.on_written(node, &fact);
            }
        });
        verdict
    }

    /// Checks the snapshot and the records with which a process restarts.
    ///
    /// # Errors
    /// If the disk has forgotten something, or its snapshot is wrong.
    pub fn restarted<'a>(
        &mut self,
        node: NodeId,
        incarnation: u32,
        snapshot: Option<&Snapshot>,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Verdict {
        self.incarnations.insert(node, Run { number: incarnation, ..Run::default() });
        if self.forgetful.contains(node) {
            return Ok(());
        }
        if let Some(snapshot) = snapshot {
            self.jumped(node, snapshot)?;
        }
        self.remembers(node, snapshot.map_or(Slot(0), Snapshot::next), records)
    }

    /// Checks a snapshot and records that replace everything on the disk of `node`.
    ///
    /// # Errors
    /// If the snapshot is wrong, or something is missing that it does not cover.
    pub fn compacted<'a>(
        &mut self,
        node: NodeId,
        snapshot: &Snapshot,
        records: impl IntoIterator<Item = &'a P::Record> + Clone,
    ) -> Verdict {
        if self.forgetful.contains(node) {
            return Ok(());
        }
        self.is_true(node, snapshot)?;
        self.remembers(node, snapshot.next(), records.clone())?;
        let memory = &mut self.memories[index(node)];
        memory.forget_later();
        memory.know(snapshot.next());
        for record in records {
            record.facts(&mut |fact| {
                if let Fact::Chosen { slot, .. } = fact {
                    memory.learn(slot);
                }
            });
        }
        Ok(())
    }

    /// Checks a snapshot whose state a replica takes over.
    ///
    /// # Errors
    /// If the snapshot is wrong, or older than the replica's state.
    pub fn jumped(&mut self, node: NodeId, snapshot: &Snapshot) -> Verdict {
        if self.forgetful.contains(node) {
            return Ok(());
        }
        self.is_true(node, snapshot)?;
        let (next, incarnation) = (snapshot.next(), self.incarnations.entry(node).or_default());
        // From a state older than its own, the replica would execute slots a second time.
        execution::in_order(node, incarnation.next, incarnation.next.min(next))?;
        let chosen = self.books.range(incarnation.next..next);
        incarnation.done.extend(chosen.filter_map(|(_, book)| book.chosen?.1));
        incarnation.next = next;
        Ok(())
    }

    fn is_true(&mut self, node: NodeId, snapshot: &Snapshot) -> Verdict {
        let (next, digest) = (snapshot.next(), snapshot.id().digest);
        let open = Some(self.members.next()).filter(|slot| *slot < next);
        let first = *self.snapshots.entry(next).or_insert(digest);
        snapshots::snapshots_tell_the_truth(node, next, open, first, digest)
    }

    /// Checks that `records` hold everything that `node` must remember about the slots from `from` on.
    fn remembers<'a>(
        &self,
        node: NodeId,
        from: Slot,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Verdict {
        let (mut after, mut votes) = (Memory::default(), BTreeSet::new());
        for record in records {
            record.facts(&mut |fact| match fact {
                Fact::Promise { ballot, slots, .. } => after.promise(ballot, slots),
                Fact::Vote { ballot, slot, entry } => {
                    after.vote(ballot, slot);
                    votes.extend(entry.map(|entry| (slot, ballot, entry.id())));
                }
                Fact::Chosen { slot, .. } => after.learn(slot),
                Fact::Prepare { .. } | Fact::Any { .. } | Fact::Propose { .. } => {}
            });
        }
        promises::nothing_is_forgotten(node, &self.memories[index(node)], &after, from)?;
        promises::no_vote_is_forgotten(node, &self.books, &votes, from)
    }

    /// Checks an entry that a process believes to be chosen in `slot`.
    ///
    /// # Errors
    /// If it is not chosen, or if the process believed something else to be chosen before.
    pub fn knows(&mut self, node: NodeId, slot: Slot, entry: &Entry<P::Value>) -> Verdict {
        if self.forgetful.contains(node) {
            return Ok(());
        }
        let name = entry.id();
        let known = &mut self.incarnations.entry(node).or_default().known;
        let at = slot.index() as usize;
        if known.len() <= at {
            known.resize(at + 1, None);
        }
        if let Some(before) = known[at] {
            return chosen::stability(slot, node, before, name);
        }
        known[at] = Some(name);
        chosen::integrity(slot, entry, submitted(&self.submitted, entry))?;
        chosen::agreement(slot, self.books.get(&slot).and_then(|b| b.chosen), node, name)
    }

    /// Checks the execution of `slot` by a replica; `effect` is the reply, or `None` if it had no effect.
    ///
    /// # Errors
    /// If it is not the next slot, if the command was executed before, or if another replica got a different result.
    pub fn executed(
        &mut self,
        node: NodeId,
        slot: Slot,
        entry: &Entry<P::Value>,
        effect: Option<&P::Reply>,
    ) -> Verdict {
        if self.forgetful.contains(node) {
            return Ok(());
        }
        let incarnation = self.incarnations.entry(node).or_default();
        execution::in_order(node, incarnation.next, slot)?;
        incarnation.next = slot.plus(1);
        let book = self.books.entry(slot).or_default();
        chosen::agreement(slot, book.chosen, node, entry.id())?;
        let took = *book.took.get_or_insert(effect.is_some());
        execution::effects_are_equal(node, slot, entry.id(), took, effect.is_some())?;
        let (Some(reply), Some(id)) = (effect, entry.id()) else { return Ok(()) };
        execution::exactly_once(node, slot, id, !incarnation.done.insert(id))?;
        let first = book.reply.get_or_insert_with(|| reply.clone());
        execution::replicas_are_equal(node, slot, Some(id), first, reply)
    }

    /// Checks an answer to a client. No `reply` means that the answer only says that the command was executed.
    ///
    /// # Errors
    /// If no replica returned that reply.
    pub fn answered(&mut self, node: NodeId, id: CommandId, slot: Slot, reply: Option<&P::Reply>) -> Verdict {
        self.seen = self.seen.max(slot.plus(1));
        let book = self.books.get(&slot).filter(|book| book.chosen.is_some_and(|c| c.1 == Some(id)));
        let returned = book.and_then(|book| book.reply.as_ref());
        execution::answers_are_true(node, id, slot, reply, returned)
    }

    /// The slot below which a read that begins now must see everything.
    pub fn floor(&self, consistency: Consistency) -> Slot {
        match consistency {
            Consistency::Confirmed | Consistency::Lease | Consistency::Quorum => self.seen,
            Consistency::Local => Slot(0),
            Consistency::AtLeast(slot) => slot,
        }
    }

    /// Checks a read that ends and sees everything below `applied`; `floor` was required when it began.
    ///
    /// # Errors
    /// If `applied` is below `floor`.
    pub fn read(&mut self, node: NodeId, consistency: Consistency, floor: Slot, applied: Slot) -> Verdict {
        reads::reads_are_fresh(node, consistency, floor, applied)?;
        if consistency.is_linearizable() {
            self.seen = self.seen.max(applied);
        }
        Ok(())
    }
}

/// The index of an acceptor's memory. Processes with higher ids are not acceptors, so their memory is never written.
fn index(node: NodeId) -> usize {
    usize::from(node.0.min(NodeSet::CAPACITY - 1))
}

fn submitted<'a, V>(all: &'a BTreeMap<CommandId, Entry<V>>, entry: &Entry<V>) -> Option<&'a Entry<V>> {
    all.get(&entry.id()?)
}
