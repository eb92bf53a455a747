//! The learner: counts votes by slot, ballot and acceptor.

use crate::{Accept, Accepted, BasicPaxos, Decision, One, Options};
use paxos_core::{Ballot, Chosen, Leadership, NodeId, NodeSet, Phase, Setup, Slot, Value};
use std::collections::BTreeMap;

/// How many ballots of a slot are counted at a time. Competing proposers that back off need far fewer.
const BALLOTS: usize = 64;

/// Notices when a quorum has voted in one ballot of one slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner<V> {
    setup: Setup<Options>,
    /// The counts for slots whose value is unknown.
    tallies: BTreeMap<(Slot, Ballot), Tally<V>>,
    /// Whether decisions carry the values, because some learners may not have received the phase 2a.
    decisions_carry_values: bool,
}

/// The count of one ballot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tally<V> {
    /// The value that the ballot proposes; none if a vote arrived before it.
    entry: Option<One<V>>,
    voters: NodeSet,
    decided: bool,
}

impl<V: Value> Learner<V> {
    /// The acceptors known to have voted in `ballot` for `slot`, until its value is known.
    pub fn voters(&self, slot: Slot, ballot: Ballot) -> NodeSet {
        self.tallies.get(&(slot, ballot)).map_or(NodeSet::EMPTY, |tally| tally.voters)
    }

    /// Whether votes for `slot` still count: its value is unknown, and it is not too far ahead.
    fn counts(slot: Slot, chosen: &Chosen<V>) -> bool {
        !chosen.knows(slot) && slot < chosen.horizon()
    }

    /// Opens or joins the count of `ballot`, and adds its value if that was unknown.
    fn tally(&mut self, slot: Slot, ballot: Ballot, entry: Option<&One<V>>) -> &mut Tally<V> {
        let none = Tally { entry: None, voters: NodeSet::EMPTY, decided: false };
        if !self.tallies.contains_key(&(slot, ballot)) {
            self.make_room(slot);
        }
        let tally = self.tallies.entry((slot, ballot)).or_insert(none);
        if tally.entry.is_none() {
            tally.entry = entry.cloned();
        }
        tally
    }

    /// Forgets the lowest ballot counted in `slot` if there are too many. If it chose a value, that value is proposed
    /// again in a higher ballot, or learned by catching up.
    fn make_room(&mut self, slot: Slot) {
        let mut held = self.tallies.range((slot, Ballot::ZERO)..).take_while(|((of, _), _)| *of == slot);
        if let Some((lowest, _)) = held.next()
            && held.count() + 1 >= BALLOTS
        {
            let lowest = *lowest;
            self.tallies.remove(&lowest);
        }
    }

    /// Moves the value to the log if it is decided and known, and forgets counts that are no longer useful.
    fn harvest(&mut self, slot: Slot, ballot: Ballot, chosen: &mut Chosen<V>) -> Option<Decision<V>> {
        let tally = self.tallies.get(&(slot, ballot)).filter(|tally| tally.decided)?;
        let entry = tally.entry.clone()?;
        self.learn(slot, &entry, chosen);
        Some(Decision { ballot, slot, entry: self.decisions_carry_values.then_some(entry) })
    }

    fn learn(&mut self, slot: Slot, entry: &One<V>, chosen: &mut Chosen<V>) {
        chosen.choose(slot, entry.batch().clone());
        let of_slot = |tallies: &BTreeMap<(Slot, Ballot), _>| {
            let next = tallies.range((slot, Ballot::ZERO)..).next();
            next.map(|(key, _)| *key).filter(|(of, _)| *of == slot)
        };
        while let Some(key) = of_slot(&self.tallies) {
            self.tallies.remove(&key);
        }
        // Slots below may have been learned otherwise, by catching up.
        self.forget(chosen.first_unknown());
    }

    fn forget(&mut self, below: Slot) {
        while self.tallies.first_key_value().is_some_and(|((of, _), _)| *of < below) {
            self.tallies.pop_first();
        }
    }
}

/// Whether decisions must carry values. A phase 2a does not reach learners that are not acceptors, or acceptors that a
/// thrifty proposer leaves out. With several proposers, a learner's own acceptor has often refused it.
fn decisions_carry_values(setup: &Setup<Options>) -> bool {
    let config = &setup.config;
    config.thrifty
        || !config.learners.is_subset(config.acceptors())
        || matches!(config.leadership, Leadership::SelfAppointed { .. })
}

impl<V: Value, R: crate::Answer> paxos_core::Learner<BasicPaxos<V, R>> for Learner<V> {
    fn new(setup: &Setup<Options>) -> Self {
        let decisions_carry_values = decisions_carry_values(setup);
        Self { setup: setup.clone(), tallies: BTreeMap::new(), decisions_carry_values }
    }

    fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.setup = setup.clone();
        self.decisions_carry_values = decisions_carry_values(setup);
    }

    fn on_accept(&mut self, accept: &Accept<V>, chosen: &mut Chosen<V>) {
        if Self::counts(accept.slot, chosen) {
            self.tally(accept.slot, accept.ballot, Some(&accept.entry));
            self.harvest(accept.slot, accept.ballot, chosen);
        }
    }

    /// *Paxos Made Simple*, §2.3: a value is chosen when a majority (here: a quorum) accepted one proposal.
    /// Acceptors are counted, not messages. Each ballot of each instance is counted separately, because votes for one
    /// value in two ballots are votes for two proposals.
    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &Accepted<V>,
        chosen: &mut Chosen<V>,
        decisions: &mut Vec<Decision<V>>,
    ) {
        let config = self.setup.config.clone();
        let Accepted { slot, ballot, ref entry } = *accepted;
        // Only acceptors vote, and a chosen value stays chosen whatever votes follow. Beyond the limit, the acceptors
        // are unknown.
        let counts = Self::counts(slot, chosen) && slot < chosen.limit();
        if !config.acceptors().contains(from) || !counts {
            return;
        }
        let tally = self.tally(slot, ballot, entry.as_ref());
        tally.voters.insert(from);
        tally.decided |= config.quorums.is_quorum(Phase::of(ballot), tally.voters);
        decisions.extend(self.harvest(slot, ballot, chosen));
    }

    fn on_decide(&mut self, decision: &Decision<V>, chosen: &mut Chosen<V>) {
        let Decision { slot, ballot, ref entry } = *decision;
        if Self::counts(slot, chosen) {
            // One ballot of one instance proposes one value, so the ballot identifies the value.
            self.tally(slot, ballot, entry.as_ref()).decided = true;
            self.harvest(slot, ballot, chosen);
        }
    }

    /// The ballot of a heartbeat does not show what was chosen, because each instance has its own ballots. This process
    /// learns what it misses by catching up.
    fn on_heartbeat(&mut self, _ballot: Ballot, below: Slot, chosen: &mut Chosen<V>) {
        chosen.hear_of(below);
    }

    fn trim(&mut self, below: Slot) {
        self.forget(below);
    }
}
