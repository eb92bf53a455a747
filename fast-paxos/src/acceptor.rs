//! The acceptor: as in Multi-Paxos, but in a fast ballot it votes for what clients send.

mod arrived;
mod follow;

use crate::{Accept, Accepted, Any, FastPaxos, Options, Prepare, Promise};
use arrived::Arrived;
use follow::Heard;
use paxos_core::{
    Amount, Answer, Ballot, Batch, Chosen, CommandId, Config, Entry, Nack, NodeId, Record, Request, Setup,
    Slot, SlotRange, Value, Votes, WrittenPromise,
};
use std::collections::{BTreeMap, BTreeSet};

/// The number of slots for which an acceptor remembers commands that were decided without its vote.
const RECENT: u64 = 256;

/// The fault-tolerant memory. One promise covers the terms of all slots. Within a term each slot has its own step, the
/// step of its vote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acceptor<V> {
    setup: Setup<Options>,
    /// The classic ballot that opens the highest term seen.
    promised: Ballot,
    /// The most votes that one promise carries.
    piece: Amount,
    written: WrittenPromise,
    votes: Votes<V>,
    /// The fast ballot in which it may vote for what clients send, until a higher term begins.
    open: Option<Any>,
    /// The slot of the next such vote, unless it already has a vote of this term.
    next: Slot,
    /// Commands to vote for at the end of this turn, or once a fast ballot is open, and their size. While no fast
    /// ballot is open, a leader may propose them, or expect votes for them in a fast ballot that it has opened.
    arrived: Arrived<V>,
    /// The slots in which it voted for commands in this term.
    mine: BTreeMap<CommandId, Slot>,
    /// Its votes below this slot were compared with what was chosen.
    compared: Slot,
    /// Commands recently chosen in slots where it did not vote for them. They need no vote when they arrive: another
    /// acceptor's vote for them may travel faster than the client's own message.
    elsewhere: BTreeMap<CommandId, Slot>,
    /// Slots whose votes are to be sent again.
    again: BTreeSet<Slot>,
    heard: Heard<V>,
}

impl<V: Value> Acceptor<V> {
    /// The classic ballot of the highest term promised.
    pub fn promised(&self) -> Ballot {
        self.promised
    }

    /// The votes.
    pub fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    /// The open fast ballot, and the slot of the next vote for what clients send.
    pub fn opened(&self) -> Option<(Ballot, Slot)> {
        self.open.map(|any| (any.ballot, self.next))
    }

    fn refuse(&self, refused: Ballot, slots: SlotRange) -> Nack {
        Nack { refused, promised: self.promised, slots }
    }

    /// Enters the term of `ballot` if it is higher, which ends the fast ballot of the former term. Returns whether it
    /// is.
    fn enter(&mut self, ballot: Ballot) -> bool {
        let term = Ballot::classic(ballot.round(), ballot.owner);
        let new = term > self.promised;
        if new {
            self.promised = term;
            self.open = None;
            self.next = self.votes.floor();
            self.mine.clear();
            self.again.clear();
            self.heard = Heard::default();
        }
        new
    }

    /// *Fast Paxos*, §2.2: a coordinator that may propose any value sends *any* instead, and an acceptor may then
    /// treat a client's proposal as if it were a phase 2a message of that round with that value.
    fn open(&mut self, any: Option<Any>) {
        let Some(any) = any else { return };
        let is_open = self.open.is_some_and(|open| open.ballot == any.ballot);
        if !is_open && any.ballot.same_term(self.promised) {
            self.open = Some(any);
            self.next = self.next.max(any.from);
        }
    }

    fn vote_for(&mut self, ballot: Ballot, first: Slot, batch: &Batch<V>) {
        self.enter(ballot);
        self.votes.note(ballot, first, batch);
        let slots = first.extend(batch.len() as u64);
        if first <= self.next {
            self.next = self.next.max(slots.end);
        }
        let names = slots.iter().zip(batch.iter());
        self.mine.extend(names.filter_map(|(slot, entry)| Some((entry.id()?, slot))));
        self.forget_oldest();
    }

    /// *Fast Paxos*, §2.1.1: an acceptor votes once a round. Moves on to the next slot without a vote in this term, in
    /// any step. Returns how many such slots follow.
    fn free(&mut self) -> u64 {
        for vote in self.votes.within(self.next.onwards()).filter(|v| v.ballot.same_term(self.promised)) {
            if vote.first > self.next {
                return vote.first.since(self.next);
            }
            self.next = vote.slots().end;
        }
        u64::MAX
    }
}

impl<V: Value, R: Answer> paxos_core::Acceptor<FastPaxos<V, R>> for Acceptor<V> {
    fn new(setup: &Setup<Options>) -> Self {
        Self {
            setup: setup.clone(),
            promised: Ballot::ZERO,
            piece: setup.config.limits.message(),
            written: WrittenPromise::default(),
            votes: Votes::default(),
            open: None,
            next: Slot(0),
            arrived: Arrived::default(),
            mine: BTreeMap::new(),
            compared: Slot(0),
            elsewhere: BTreeMap::new(),
            again: BTreeSet::new(),
            heard: Heard::default(),
        }
    }

    fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.setup = setup.clone();
    }

    fn restore(&mut self, record: &Record<V>) {
        match record {
            Record::Started(_) | Record::Learned { .. } | Record::Met { .. } | Record::Known(_) => {}
            Record::Promised { ballot, slots } => {
                let _ = self.enter(*ballot);
                self.written = WrittenPromise::restored(*ballot, slots.start);
            }
            Record::Voted { ballot, first, batch } => self.vote_for(*ballot, *first, batch),
        }
    }

    /// *Fast Paxos*, §2.1, phase 1b: if the round is higher than any in which the acceptor took part, it takes part in
    /// no lower round any more, and reports the highest round in which it voted and the value it voted for.
    fn on_prepare(&mut self, prepare: &Prepare, log: &mut Vec<Record<V>>) -> Result<Promise<V>, Nack> {
        let Prepare { ballot, from } = *prepare;
        // A vote in a later step of this term shows that its phase 1 is long over, so the request is late. The acceptor
        // cannot report forgotten votes either.
        let entered = self.promised.max(self.votes.highest_ballot(from.onwards()));
        if ballot < entered || from < self.votes.floor() {
            return Err(self.refuse(ballot, from.onwards()));
        }
        self.enter(ballot);
        Ok(self.written.answer(prepare, &self.votes, self.piece, log))
    }

    /// *Fast Paxos*, §2.1, phase 2b: vote unless the acceptor took part in a higher round, or voted for another value
    /// in this round.
    fn on_accept(
        &mut self,
        accept: &Accept<V>,
        log: &mut Vec<Record<V>>,
    ) -> Result<Option<Accepted<V>>, Nack> {
        let Accept { ref classic, any } = *accept;
        let ballot = classic.ballot;
        // In forgotten slots it may have voted in a later step, or for another value in this ballot. Those slots are
        // chosen, and need no vote.
        let first = classic.first.max(self.votes.floor());
        let batch = &classic.batch.tail(first.since(classic.first));
        let slots = first.extend(batch.len() as u64);
        if ballot < self.promised {
            return Err(self.refuse(ballot, slots));
        }
        let new_term = self.enter(ballot);
        if self.mine.len() > self.setup.config.limits.queue {
            self.mine.retain(|_, slot| *slot >= classic.chosen);
        }
        self.heard.trim(classic.chosen, u64::MAX);
        // If the slots have moved to a later step, this phase 2a is late. The same coordinator proposed the later step,
        // so it needs no answer.
        if slots.is_empty() || self.votes.highest_ballot(slots) > ballot {
            // Entering a term is a promise, and no vote records it.
            if new_term {
                self.written.write(self.promised, Slot(0), log);
            }
            self.open(any);
            return Ok(None);
        }
        if !self.votes.covers(ballot, slots) {
            if !self.arrived.is_empty() || self.votes.end() > first {
                self.move_on(slots, &batch.iter().filter_map(Entry::id).collect());
            }
            self.vote_for(ballot, first, batch);
            log.push(Record::Voted { ballot, first, batch: batch.clone() });
        }
        self.open(any);
        Ok(Some(Accepted { ballot, first, batch: batch.clone() }))
    }

    fn on_request(&mut self, request: &Request<V>) {
        // A thrifty process may never hear what happens to its commands.
        let Config { thrifty, limits, .. } = &*self.setup.config;
        let waits = !thrifty && self.arrived.len() + request.commands.len() <= limits.batch;
        if self.open.is_some() || waits {
            request.commands.iter().for_each(|entry| self.take(entry));
        }
    }

    /// *Fast Paxos*, §2.2: phase 2b of a fast round, for the next free slots. Slots are assigned only here, after all
    /// messages of the turn, so that no promise made in the meantime is broken.
    fn vote(&mut self, chosen: &Chosen<V>, log: &mut Vec<Record<V>>) -> Option<Accepted<V>> {
        let Some(Any { ballot, from, .. }) = self.open else {
            // What is chosen meanwhile needs no vote once a fast ballot is open.
            if !self.arrived.is_empty() {
                self.compare(chosen);
            }
            return None;
        };
        // The phase 1 of this ballot was among the members of its own epoch, and does not count in another epoch.
        if chosen.epochs().is_some_and(|epochs| from < epochs.current().from) {
            self.open = None;
            self.again.clear();
            return None;
        }
        self.follow(chosen, log);
        if let Some(accepted) = self.heard.next() {
            return Some(accepted);
        }
        if let Some(accepted) = self.repeat() {
            return Some(accepted);
        }
        self.compare(chosen);
        self.drop_chosen(chosen);
        self.draw_level(chosen);
        if self.arrived.is_empty() {
            return None;
        }
        // Slots decided without this acceptor need no vote from it. In later slots, its vote may meet the votes of
        // others.
        self.next = self.next.max(chosen.first_unknown()).max(self.heard.chosen());
        let free = self.free().min(chosen.limit().since(self.next));
        if free == 0 {
            return None;
        }
        // Takes no more than one message holds; the rest follows at once.
        let count = self.piece.count.min(usize::try_from(free).unwrap_or(usize::MAX));
        let (first, batch) = (self.next, self.arrived.take(Amount { count, ..self.piece }));
        self.vote_for(ballot, first, &batch);
        log.push(Record::Voted { ballot, first, batch: batch.clone() });
        Some(Accepted { ballot, first, batch })
    }

    fn on_accepted(&mut self, from: NodeId, accepted: &Accepted<V>, chosen: &Chosen<V>) {
        self.overhear(from, accepted, chosen);
    }

    fn waits_for(&self, _limit: Slot) -> bool {
        !self.arrived.is_empty()
    }

    fn has_promised(&self, prepare: &Prepare) -> bool {
        self.promised == prepare.ballot && self.written.covers(prepare.ballot, prepare.from)
    }

    fn follows(&self, ballot: Ballot) -> bool {
        self.promised <= ballot || self.promised.same_term(ballot)
    }

    fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    fn trim(&mut self, below: Slot) {
        self.votes.remove_below(below);
        // Having forgotten its votes, it must not vote a second time in an open ballot (§2.1.1).
        self.next = self.next.max(self.votes.floor());
        self.mine.retain(|_, slot| *slot >= below);
    }

    fn retained(&self, from: Slot) -> Option<Vec<Record<V>>> {
        Some(self.votes.records(from, [(self.promised, from.onwards())]))
    }
}
