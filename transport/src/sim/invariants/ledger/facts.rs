//! Checks each fact that a message states or a record holds, and notes it.

use super::{Ledger, index, submitted};
use crate::sim::invariants::safe::{Ask, View};
use crate::sim::invariants::votes::Origin;
use crate::sim::invariants::{
    Name, Verdict, ballots, chosen, members, promises, proposals, safe, spoken, votes,
};
use paxos_core::{Ballot, Entry, Fact, NodeId, Phase, Protocol, Slot, SlotRange};
use std::collections::BTreeSet;

impl<P: Protocol> Ledger<P> {
    pub(super) fn on_said(&mut self, from: NodeId, fact: &Fact<'_, P::Value>) -> Verdict {
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
        let incarnation = self.incarnations.entry(owner).or_default().number;
        let used = self.terms.entry((ballot.round(), owner)).or_default();
        ballots::no_ballot_used_twice(used, incarnation, ballot, slots)?;
        let noted = used.iter().any(|(l, s)| *l == incarnation && s.intersection(slots) == slots);
        if !noted {
            used.push((incarnation, slots));
        }
        Ok(())
    }

    fn opened_for(&self, ballot: Ballot, slot: Slot) -> Option<SlotRange> {
        // An opened range applies to only one set of members.
        let from = |slot| self.members.of(slot).from;
        let opens = |slots: &&SlotRange| slots.contains(slot) && from(slots.start) == from(slot);
        self.opened.get(&ballot)?.iter().find(opens).copied()
    }

    fn view_of<T>(&self, slot: Slot, judge: impl FnOnce(&View<'_, P::Reply>) -> T) -> T {
        let opened: Vec<Ballot> =
            self.opened.keys().copied().filter(|b| self.opened_for(*b, slot).is_some()).collect();
        judge(&View {
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
        // It suffices to check one slot at each place where a book exists or the promises change.
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
                // The proposal was sent before. If another incarnation of the owner sent it, the ballot is used twice.
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

    pub(super) fn on_written(&mut self, node: NodeId, fact: &Fact<'_, P::Value>) -> Verdict {
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
                    // The entry is the one that the acceptor last voted for.
                    let votes = self.books.get(&slot).into_iter().flat_map(|book| book.votes_of(node));
                    let last = votes.max_by_key(|(ballot, _)| *ballot);
                    chosen::voted_there(slot, node, last.is_some())?;
                    last.and_then(|(_, name)| name)
                };
                chosen::agreement(slot, chosen, node, name)?;
                self.memories[index(node)].learn(slot);
                Ok(())
            }
            // These are a proposer's notes to itself.
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

    /// Reads the entries that are chosen without a gap: they determine the members, and which commands take effect.
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
