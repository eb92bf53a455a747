//! The learner: counts votes by ballot, slot and acceptor.

use crate::{Accept, Accepted, Decision, MultiPaxos};
use paxos_core::{
    Ballot, Batch, Chosen, Divide, NodeId, NodeSet, Phase, Runs, Setup, Slot, SlotRange, Value,
};

/// Notices when a quorum has voted in one ballot. In each slot it counts the highest ballot it has seen. Lower ballots
/// need no count: if one of them chose a value, the higher one chooses the same value sooner or later.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner<V> {
    setup: Setup<()>,
    tally: Runs<Tally<V>>,
    /// Whether decisions carry the values, because some learners do not receive the phase 2a.
    decisions_carry_values: bool,
}

/// The count for consecutive slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tally<V> {
    ballot: Ballot,
    /// The values that the ballot proposes; none if a vote arrived before them.
    batch: Option<Batch<V>>,
    voters: NodeSet,
    decided: bool,
}

impl<V: Value> Divide for Tally<V> {
    fn split_off(&mut self, at: u64) -> Self {
        let batch = self.batch.split_off(at);
        Self { batch, ..*self }
    }
}

impl<V: Value> Learner<V> {
    /// Moves slots to the log that are decided, or `proven` says so, and whose values are known.
    fn harvest(
        &mut self,
        slots: SlotRange,
        chosen: &mut Chosen<V>,
        proven: impl Fn(&Tally<V>) -> bool,
        mut announce: impl FnMut(Decision<V>),
    ) {
        let ready = |_, tally: &Tally<V>| (tally.decided || proven(tally)) && tally.batch.is_some();
        while let Some((slots, tally)) = self.tally.extract(slots, ready) {
            let Some(batch) = tally.batch else { continue };
            let carried = self.decisions_carry_values.then(|| batch.clone());
            chosen.choose(slots.start, batch);
            announce(Decision { ballot: tally.ballot, slots, batch: carried });
        }
        self.tally.remove_below(chosen.first_unknown());
    }
}

/// Opens or joins the count of `ballot` in `slots` and calls `visit` on each part. Returns whether some part is now
/// decided with its values known.
fn count<V: Value>(
    tally: &mut Runs<Tally<V>>,
    ballot: Ballot,
    slots: SlotRange,
    batch: Option<&Batch<V>>,
    mut visit: impl FnMut(&mut Tally<V>),
) -> bool {
    let cut = |part: SlotRange| {
        batch.map(|b| {
            if part == slots { b.clone() } else { b.tail(part.start.since(slots.start)).head(part.len()) }
        })
    };
    let open = |part: SlotRange| Tally { ballot, batch: cut(part), voters: NodeSet::EMPTY, decided: false };
    let mut ready = false;
    tally.update(
        slots,
        |gap| Some(open(gap)),
        |part, tally| {
            if tally.ballot < ballot {
                *tally = open(part);
            }
            if tally.ballot == ballot {
                if tally.batch.is_none() {
                    tally.batch = cut(part);
                }
                visit(tally);
                ready |= tally.decided && tally.batch.is_some();
            }
        },
    );
    ready
}

/// The slots in which votes are counted: not yet known, and not too far ahead.
fn counted<V>(chosen: &Chosen<V>) -> SlotRange {
    SlotRange::new(chosen.first_unknown(), chosen.horizon())
}

/// The part of `batch` that belongs to `part` of its slots.
fn cut<V>(first: Slot, batch: &Batch<V>, part: SlotRange) -> Batch<V> {
    batch.tail(part.start.since(first)).head(part.len())
}

impl<V: Value, R: crate::Answer> paxos_core::Learner<MultiPaxos<V, R>> for Learner<V> {
    fn new(setup: &Setup<()>) -> Self {
        let config = &setup.config;
        let decisions_carry_values = !config.learners.is_subset(config.acceptors());
        Self { setup: setup.clone(), tally: Runs::default(), decisions_carry_values }
    }

    fn reconfigure(&mut self, setup: &Setup<()>) {
        self.setup = setup.clone();
        self.decisions_carry_values = !setup.config.learners.is_subset(setup.config.acceptors());
    }

    fn on_accept(&mut self, accept: &Accept<V>, chosen: &mut Chosen<V>) {
        let Accept { ballot, first, ref batch, .. } = *accept;
        let proposed = first.extend(batch.len() as u64);
        let slots = proposed.intersection(counted(chosen));
        let tally = || Tally { ballot, batch: Some(batch.clone()), voters: NodeSet::EMPTY, decided: false };
        let appended = slots == proposed && self.tally.append(slots, tally);
        if !appended
            && !slots.is_empty()
            && count(&mut self.tally, ballot, slots, Some(&cut(first, batch, slots)), |_| {})
        {
            self.harvest(slots, chosen, |_| false, |_| {});
        }
        paxos_core::Learner::<MultiPaxos<V, R>>::on_heartbeat(self, accept.ballot, accept.chosen, chosen);
    }

    /// *Paxos Made Simple*, §2.3: a value is chosen when a majority (here: a quorum) accepted one proposal.
    /// Acceptors are counted, not messages.
    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &Accepted<V>,
        chosen: &mut Chosen<V>,
        decisions: &mut Vec<Decision<V>>,
    ) {
        // Beyond the limit, it is unknown whose votes count.
        let known = SlotRange::new(Slot(0), chosen.limit());
        let slots = accepted.slots.intersection(counted(chosen)).intersection(known);
        if slots.is_empty() {
            return;
        }
        let batch = accepted.batch.as_ref().map(|b| cut(accepted.slots.start, b, slots));
        let quorums = &*self.setup.config.quorums;
        let phase = Phase::of(accepted.ballot);
        let ready = count(&mut self.tally, accepted.ballot, slots, batch.as_ref(), |tally| {
            tally.voters.insert(from);
            tally.decided |= quorums.is_quorum(phase, tally.voters);
        });
        if ready {
            self.harvest(slots, chosen, |_| false, |decision| decisions.push(decision));
        }
    }

    fn on_decide(&mut self, decision: &Decision<V>, chosen: &mut Chosen<V>) {
        let slots = decision.slots.intersection(counted(chosen));
        if slots.is_empty() {
            return;
        }
        if let Some(batch) = &decision.batch {
            chosen.choose(decision.slots.start, batch.clone());
            self.tally.remove_below(chosen.first_unknown());
        } else if count(&mut self.tally, decision.ballot, slots, None, |tally| tally.decided = true) {
            self.harvest(slots, chosen, |_| false, |_| {});
        }
    }

    /// The leader of `ballot` vouches that its proposals below `below` are chosen. If this process did not see the
    /// proposal of that ballot for a slot, it catches up on that slot instead.
    fn on_heartbeat(&mut self, ballot: Ballot, below: Slot, chosen: &mut Chosen<V>) {
        let slots = SlotRange::new(chosen.first_unknown(), below);
        if slots.is_empty() {
            return;
        }
        // Usually the next slots are the oldest ones counted.
        let next = |slots: SlotRange, tally: &Tally<V>, chosen: &Chosen<V>| {
            slots.start == chosen.first_unknown()
                && slots.end <= below
                && tally.ballot == ballot
                && tally.batch.is_some()
        };
        while let Some((slots, tally)) = self.tally.pop_first_if(|slots, tally| next(slots, tally, chosen)) {
            if let Some(batch) = tally.batch {
                chosen.choose(slots.start, batch);
            }
        }
        if chosen.first_unknown() < below {
            self.harvest(slots, chosen, |tally| tally.ballot == ballot, |_| {});
        }
        chosen.hear_of(below);
    }

    fn trim(&mut self, below: Slot) {
        self.tally.remove_below(below);
    }
}
