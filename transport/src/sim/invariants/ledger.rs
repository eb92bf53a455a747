//! The book-keeping behind the invariants: what was said, written, learned and executed so far.

use super::safe::{Ask, View};
use super::votes::Origin;
use super::{Book, Members, Memory, Name, Told, Verdict};
use super::{
    ballots, chosen, execution, members, promises, proposals, reads, safe, snapshots, spoken, votes,
};
use crate::sim::facts::facts_of;
use paxos_core::{
    Ballot, CommandId, Config, Consistency, Digest, Entry, Fact, Limits, Message, NodeId, NodeSet, Phase,
    Protocol, Recorded, Slot, SlotRange, Snapshot,
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

    fn on_said(&mut self, from: NodeId, fact: &Fact<'_, P::Value>) -> Verdict {
        match *fact {
            Fact::Prepare { ballot, slots } => {
                ballots::spoken_by_owner(from, ballot)?;
                self.uses(from, ballot, slots)
            }
            Fact::Any { ballot, slots } => self.on_any(from, ballot, slots),
            Fact::Propose { ballot, slot, entry } => self.on_propose(from, ballot, slot, entry),
            Fact::Promise { .. } | Fact::Vote { .. } => {
                spoken::written_before_spoken(from, &self.memories[index(from)], &self.books, fact)
            }
            Fact::Chosen { slot, entry } => {
                let chosen = self.books.get(&slot).and_then(|b| b.chosen);
                let name = entry.map(Entry::id).or(chosen.map(|(_, name)| name)).unwrap_or_default();
                chosen::agreement(slot, chosen, from, name)
            }
        }
    }

    /// Notes that the owner of `ballot` uses it.
    fn uses(&mut self, owner: NodeId, ballot: Ballot, slots: SlotRange) -> Verdict {
        let life = self.lives.entry(owner).or_default().number;
        let used = self.terms.entry((ballot.round(), owner)).or_default();
        ballots::no_ballot_used_twice(used, life, ballot, slots)?;
        let noted = used.iter().any(|(l, s)| *l == life && s.intersection(slots) == slots);
        if !noted {
            used.push((life, slots));
        }
        Ok(())
    }

    fn opened_for(&self, ballot: Ballot, slot: Slot) -> Option<SlotRange> {
        // It serves one set of members.
        let from = |slot| self.members.of(slot).from;
        let opens = |slots: &&SlotRange| slots.contains(slot) && from(slots.start) == from(slot);
        self.opened.get(&ballot)?.iter().find(opens).copied()
    }

    fn view_of<T>(&self, slot: Slot, look: impl FnOnce(&View<'_, P::Reply>) -> T) -> T {
        let opened: Vec<Ballot> =
            self.opened.keys().copied().filter(|b| self.opened_for(*b, slot).is_some()).collect();
        look(&View {
            quorums: &**self.members.quorums(slot),
            memories: &self.memories,
            slot,
            book: self.books.get(&slot),
            opened: &opened,
        })
    }

    fn on_any(&mut self, from: NodeId, ballot: Ballot, slots: SlotRange) -> Verdict {
        ballots::spoken_by_owner(from, ballot)?;
        self.uses(from, ballot, slots)?;
        let ranges = self.opened.entry(ballot).or_default();
        if slots.is_empty() || ranges.iter().any(|s| s.intersection(slots) == slots) {
            return Ok(());
        }
        // A slot at each place where something is written or the promises change speaks for those behind it.
        let mut places: BTreeSet<Slot> = self.books.range(slots.start..slots.end).map(|(s, _)| *s).collect();
        places.insert(slots.start);
        places.extend(self.memories.iter().flat_map(|m| m.edges(slots)).filter(|s| slots.contains(*s)));
        let from = |slot| self.members.of(slot).from;
        places.retain(|slot| from(*slot) == from(slots.start));
        for slot in places {
            if let Some(name) = self.books.get(&slot).and_then(|b| b.proposal(ballot)) {
                proposals::any_stands_alone(Some(slots), slot, ballot, name)?;
            }
            self.view_of(slot, |view| safe::proposals_are_safe(view, ballot, Ask::Any))?;
        }
        self.opened.entry(ballot).or_default().push(slots);
        Ok(())
    }

    fn on_propose(&mut self, from: NodeId, ballot: Ballot, slot: Slot, entry: &Entry<P::Value>) -> Verdict {
        ballots::spoken_by_owner(from, ballot)?;
        let name = entry.id();
        if let Some(book) = self.books.get(&slot) {
            proposals::one_value_per_ballot(book, slot, ballot, name)?;
            if book.proposal(ballot).is_some() {
                // Said before. By another life of its owner, it would be the same ballot used twice.
                return self.uses(from, ballot, slot.extend(1));
            }
        }
        self.uses(from, ballot, slot.extend(1))?;
        members::members_are_known(&self.members, slot, ballot)?;
        proposals::any_stands_alone(self.opened_for(ballot, slot), slot, ballot, name)?;
        chosen::integrity(slot, entry, submitted(&self.submitted, entry))?;
        self.view_of(slot, |view| safe::proposals_are_safe(view, ballot, Ask::Value(name)))?;
        self.books.entry(slot).or_default().proposed.push((ballot, name));
        Ok(())
    }

    fn on_written(&mut self, node: NodeId, fact: &Fact<'_, P::Value>) -> Verdict {
        match *fact {
            Fact::Promise { ballot, slots, .. } => {
                let memory = &mut self.memories[index(node)];
                promises::promises_never_fall(node, memory, ballot, slots)?;
                members::the_past_is_kept(&self.members, node, memory.learned, slots.start)?;
                memory.promise(ballot, slots);
                Ok(())
            }
            Fact::Vote { ballot, slot, entry: Some(entry) } => self.on_vote(node, ballot, slot, entry),
            Fact::Chosen { slot, entry } => {
                let chosen = self.books.get(&slot).and_then(|b| b.chosen);
                let name = if let Some(entry) = entry {
                    entry.id()
                } else {
                    // What it voted for last.
                    let votes = self.books.get(&slot).into_iter().flat_map(|book| book.votes_of(node));
                    let last = votes.max_by_key(|(ballot, _)| *ballot);
                    chosen::voted_there(slot, node, last.is_some())?;
                    last.and_then(|(_, name)| name)
                };
                chosen::agreement(slot, chosen, node, name)?;
                self.memories[index(node)].learn(slot);
                Ok(())
            }
            // A proposer's note to itself.
            Fact::Vote { entry: None, .. }
            | Fact::Prepare { .. }
            | Fact::Any { .. }
            | Fact::Propose { .. } => Ok(()),
        }
    }

    /// Where a vote comes from, if that is known.
    fn origin(&self, node: NodeId, ballot: Ballot, slot: Slot, name: Name) -> Option<Origin> {
        let book = self.books.get(&slot);
        if book.and_then(|b| b.proposal(ballot)) == Some(name) {
            return Some(Origin::Proposed);
        }
        if self.opened_for(ballot, slot).is_some() {
            return Some(Origin::Opened);
        }
        let mut term = self.opened.keys().filter(|b| b.same_term(ballot) && **b < ballot);
        if ballot.fast && term.any(|b| self.opened_for(*b, slot).is_some()) {
            return Some(Origin::Followed);
        }
        (ballot.owner == node).then_some(Origin::Own)
    }

    fn on_vote(&mut self, node: NodeId, ballot: Ballot, slot: Slot, entry: &Entry<P::Value>) -> Verdict {
        let name = entry.id();
        chosen::integrity(slot, entry, submitted(&self.submitted, entry))?;
        votes::no_vote_below_promise(node, &self.memories[index(node)], slot, ballot)?;
        let book = self.books.entry(slot).or_default();
        votes::one_vote_per_ballot(node, book, slot, ballot, name)?;
        if let Some((at, before)) = book.chosen
            && ballot > at
        {
            chosen::stability(slot, node, before, name)?;
        }
        let origin = self.origin(node, ballot, slot, name);
        votes::votes_follow_proposals(node, origin, slot, ballot, name)?;
        match origin {
            Some(Origin::Own) => self.on_propose(node, ballot, slot, entry)?,
            Some(Origin::Followed) => {
                self.view_of(slot, |view| safe::proposals_are_safe(view, ballot, Ask::Value(name)))?;
            }
            Some(Origin::Proposed | Origin::Opened) | None => {}
        }
        self.memories[index(node)].vote(ballot, slot);
        let book = self.books.entry(slot).or_default();
        let voters = book.add_vote(node, ballot, name);
        if self.members.quorums(slot).is_quorum(Phase::of(ballot), voters) {
            let before = *book.chosen.get_or_insert((ballot, name));
            chosen::agreement(slot, Some(before), format_args!("a quorum in {ballot}"), name)?;
            self.read_on()?;
        }
        Ok(())
    }

    /// What is chosen without a gap tells who the members are, and what takes effect.
    fn read_on(&mut self) -> Verdict {
        loop {
            let slot = self.members.next();
            let Some((_, name)) = self.books.get(&slot).and_then(|book| book.chosen) else { return Ok(()) };
            let entry = name.and_then(|id| self.submitted.get(&id)).unwrap_or(&Entry::Noop);
            if let Some(reply) = self.members.read(entry) {
                self.told.happens(slot, reply)?;
            }
        }
    }
}

/// Where an acceptor's memory is. Processes with higher ids are no acceptors: theirs is never written.
fn index(node: NodeId) -> usize {
    usize::from(node.0.min(NodeSet::CAPACITY - 1))
}

fn submitted<'a, V>(all: &'a BTreeMap<CommandId, Entry<V>>, entry: &Entry<V>) -> Option<&'a Entry<V>> {
    all.get(&entry.id()?)
}
