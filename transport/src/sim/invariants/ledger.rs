//! The book-keeping behind the invariants: what was said, written, learned and executed so far.

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

/// Checks every invariant, as it is told what happens. Each check looks at what the event touches and no more.
#[derive(Debug)]
pub struct Ledger<P: Protocol> {
    members: Members<P::Value>,
    told: Told,
    limits: Limits,
    submitted: BTreeMap<CommandId, Entry<P::Value>>,
    books: BTreeMap<Slot, Book<P::Reply>>,
    /// What each acceptor has on disk, by id.
    memories: Vec<Memory>,
    /// What each fast ballot was opened for.
    opened: BTreeMap<Ballot, Vec<SlotRange>>,
    /// In which lives of its owner each term was used, and for what.
    terms: BTreeMap<(u64, NodeId), Vec<(u32, SlotRange)>>,
    lives: BTreeMap<NodeId, Life>,
    /// Those that have lost what was on their disks. Nothing counts that they say.
    forgetful: NodeSet,
    /// Every command that was answered to anybody, and every slot that a linearizable read saw, lies below.
    seen: Slot,
    /// The first snapshot that anybody had, by the slot that it ends at.
    snapshots: BTreeMap<Slot, Digest>,
}

/// What a process knows and did since it started.
#[derive(Debug, Default)]
struct Life {
    number: u32,
    known: Vec<Option<Name>>,
    next: Slot,
    done: BTreeSet<CommandId>,
}

impl<P: Protocol> Ledger<P> {
    /// An empty one.
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
            lives: BTreeMap::new(),
            forgetful: NodeSet::EMPTY,
            seen: Slot(0),
            snapshots: BTreeMap::new(),
        }
    }

    /// What is written about each slot.
    pub fn books(&self) -> &BTreeMap<Slot, Book<P::Reply>> {
        &self.books
    }

    /// What an acceptor has on disk.
    pub fn memory(&self, acceptor: NodeId) -> Option<&Memory> {
        self.memories.get(usize::from(acceptor.0))
    }

    /// What a quorum of durable votes chose in `slot`.
    pub fn chosen(&self, slot: Slot) -> Option<Name> {
        Some(self.books.get(&slot)?.chosen?.1)
    }

    /// The members of every slot.
    pub const fn members(&self) -> &Members<P::Value> {
        &self.members
    }

    /// What callers were told of what did not happen, and of changes of members.
    pub const fn told(&mut self) -> &mut Told {
        &mut self.told
    }

    /// A client submits a command.
    pub fn submitted(&mut self, entry: Entry<P::Value>) {
        self.submitted.extend(entry.id().map(|id| (id, entry)));
    }

    /// What was on the disk of `node` is lost. What it said and wrote before counts on, and nothing that it says or writes from
    /// now on: whoever counts that takes something to be chosen that is not, or votes for what nobody proposed. What
    /// it takes to be chosen itself is not judged, for its own vote counts with it until it is told.
    pub fn forgets(&mut self, node: NodeId) {
        self.forgetful.insert(node);
    }

    /// A message leaves a process.
    ///
    /// # Errors
    /// The first invariant that it breaks.
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

    /// A record of an acceptor is durable.
    ///
    /// # Errors
    /// The first invariant that it breaks.
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

    /// A process starts again with this snapshot and these records.
    ///
    /// # Errors
    /// If the disk has forgotten something, or its snapshot does not tell the truth.
    pub fn restarted<'a>(
        &mut self,
        node: NodeId,
        life: u32,
        snapshot: Option<&Snapshot>,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Verdict {
        self.lives.insert(node, Life { number: life, ..Life::default() });
        if self.forgetful.contains(node) {
            return Ok(());
        }
        if let Some(snapshot) = snapshot {
            self.jumped(node, snapshot)?;
        }
        self.remembers(node, snapshot.map_or(Slot(0), Snapshot::next), records)
    }

    /// A snapshot and records take the place of all that `node` has on disk.
    ///
    /// # Errors
    /// If the snapshot does not tell the truth, or something is missing that it does not stand for.
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

    /// A replica takes over the state of `snapshot`.
    ///
    /// # Errors
    /// If the snapshot does not tell the truth, or leads back.
    pub fn jumped(&mut self, node: NodeId, snapshot: &Snapshot) -> Verdict {
        if self.forgetful.contains(node) {
            return Ok(());
        }
        self.is_true(node, snapshot)?;
        let (next, life) = (snapshot.next(), self.lives.entry(node).or_default());
        // A state that is older than the own one would be executed upon again.
        execution::in_order(node, life.next, life.next.min(next))?;
        let chosen = self.books.range(life.next..next);
        life.done.extend(chosen.filter_map(|(_, book)| book.chosen?.1));
        life.next = next;
        Ok(())
    }

    fn is_true(&mut self, node: NodeId, snapshot: &Snapshot) -> Verdict {
        let (next, digest) = (snapshot.next(), snapshot.id().digest);
        let open = Some(self.members.next()).filter(|slot| *slot < next);
        let first = *self.snapshots.entry(next).or_insert(digest);
        snapshots::snapshots_tell_the_truth(node, next, open, first, digest)
    }

    /// Whether `records` say all that `node` must remember of the slots from `from` on.
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

    /// A process takes `entry` to be chosen in `slot`.
    ///
    /// # Errors
    /// If it is not, or if the process took something else to be chosen before.
    pub fn knows(&mut self, node: NodeId, slot: Slot, entry: &Entry<P::Value>) -> Verdict {
        if self.forgetful.contains(node) {
            return Ok(());
        }
        let name = entry.id();
        let known = &mut self.lives.entry(node).or_default().known;
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

    /// A replica executes `slot`; `effect` is what that returned, none if it had no effect.
    ///
    /// # Errors
    /// If it is not its turn, if the command was executed before, or if another replica got another result.
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
        let life = self.lives.entry(node).or_default();
        execution::in_order(node, life.next, slot)?;
        life.next = slot.plus(1);
        let book = self.books.entry(slot).or_default();
        chosen::agreement(slot, book.chosen, node, entry.id())?;
        let (Some(reply), Some(id)) = (effect, entry.id()) else { return Ok(()) };
        execution::exactly_once(node, slot, id, !life.done.insert(id))?;
        let first = book.reply.get_or_insert_with(|| reply.clone());
        execution::replicas_are_equal(node, slot, Some(id), first, reply)
    }

    /// A client is answered; without a reply, that the command was executed and no more.
    ///
    /// # Errors
    /// If no replica returned that.
    pub fn answered(&mut self, node: NodeId, id: CommandId, slot: Slot, reply: Option<&P::Reply>) -> Verdict {
        self.seen = self.seen.max(slot.plus(1));
        let book = self.books.get(&slot).filter(|book| book.chosen.is_some_and(|c| c.1 == Some(id)));
        let returned = book.and_then(|book| book.reply.as_ref());
        execution::answers_are_true(node, id, slot, reply, returned)
    }

    /// How far the state must have come that a read sees which begins now.
    pub fn floor(&self, consistency: Consistency) -> Slot {
        match consistency {
            Consistency::Confirmed | Consistency::Lease | Consistency::Quorum => self.seen,
            Consistency::Local => Slot(0),
            Consistency::AtLeast(slot) => slot,
        }
    }

    /// A read that began when `floor` was asked for ends, and sees everything below `applied`.
    ///
    /// # Errors
    /// If that is too little.
    pub fn read(&mut self, node: NodeId, consistency: Consistency, floor: Slot, applied: Slot) -> Verdict {
        reads::reads_are_fresh(node, consistency, floor, applied)?;
        if consistency.is_linearizable() {
            self.seen = self.seen.max(applied);
        }
        Ok(())
    }
}

/// Where an acceptor's memory is. Processes with higher ids are no acceptors: theirs is never written.
fn index(node: NodeId) -> usize {
    usize::from(node.0.min(NodeSet::CAPACITY - 1))
}

fn submitted<'a, V>(all: &'a BTreeMap<CommandId, Entry<V>>, entry: &Entry<V>) -> Option<&'a Entry<V>> {
    all.get(&entry.id()?)
}
