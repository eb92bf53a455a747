//! What a distinguished learner tells the others: at once, or only those that wait for it.

use super::Node;
use crate::{
    Announce, Entry, Fact, Message, NodeId, NodeSet, PhaseMessage as _, Protocol, Slot, SlotRange, To,
};
use core::mem;
use std::collections::VecDeque;

/// What some learners have not been told, because they do not wait for it. They hear it with the next phase 2a or heartbeat
/// ([`Announce::ToWaiting`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Untold<D> {
    decisions: VecDeque<(NodeSet, D)>,
    /// They wait until they have learned every slot below `until`, to read.
    readers: NodeSet,
    until: Slot,
}

impl<D> Default for Untold<D> {
    fn default() -> Self {
        Self { decisions: VecDeque::new(), readers: NodeSet::EMPTY, until: Slot(0) }
    }
}

impl<D> Untold<D> {
    /// Notes that `to` are told everything that is chosen so far.
    #[inline]
    pub(super) fn tell(&mut self, to: NodeSet) {
        if !self.decisions.is_empty() {
            self.forget(to);
        }
    }

    fn forget(&mut self, to: NodeSet) {
        self.decisions.iter_mut().for_each(|(untold, _)| *untold = untold.without(to));
        self.decisions.retain(|(untold, _)| !untold.is_empty());
    }
}

impl<P: Protocol> Node<P> {
    /// Announces the decisions of this turn.
    pub(super) fn announce(&mut self) {
        let others = self.others(self.setup.config.learners);
        let sparing = P::TELLS_CHOSEN && self.setup.config.announce == Announce::ToWaiting;
        let mut decisions = mem::take(&mut self.decisions);
        for decision in decisions.drain(..) {
            let to = if sparing { self.waiting_for(&decision, others) } else { others };
            self.tell_earlier(to);
            let later = others.without(to);
            if !later.is_empty() {
                self.untold.decisions.push_back((later, decision.clone()));
            }
            if !to.is_empty() {
                self.send(To::Each(to), Message::Decide(decision));
            }
        }
        self.decisions = decisions;
    }

    /// The processes among `others` that wait for a decision. Everyone waits for what the next phase 2a does not tell: what
    /// is chosen behind a gap, and values that it did not bring. Everyone should soon know who the members are.
    fn waiting_for(&self, decision: &P::Decision, others: NodeSet) -> NodeSet {
        let (mut first, mut end) = (Slot::MAX, Slot(0));
        decision.facts(&mut |fact| {
            if let Fact::Chosen { slot, .. } = fact {
                (first, end) = (first.min(slot), end.max(slot.plus(1)));
            }
        });
        if end > self.chosen.first_unknown() {
            return others;
        }
        let untold = &self.untold;
        let mut waiting = if first < untold.until { untold.readers } else { NodeSet::EMPTY };
        for (_, batch) in self.chosen.within(SlotRange::new(first, end)) {
            for entry in batch.iter() {
                if matches!(entry, Entry::Change(..)) {
                    return others;
                }
                if let Some(client) =
                    entry.id().map(|id| id.client.node).filter(|node| others.contains(*node))
                {
                    waiting.insert(client);
                }
            }
        }
        waiting.union(others.without(self.members.acceptors)).intersection(others)
    }

    /// Tells `to` what it has not been told yet.
    fn tell_earlier(&mut self, to: NodeSet) {
        if self.untold.decisions.iter().all(|(untold, _)| untold.intersection(to).is_empty()) {
            return;
        }
        let decisions = mem::take(&mut self.untold.decisions);
        for (untold, decision) in &decisions {
            let to = untold.intersection(to);
            if !to.is_empty() {
                self.send(To::Each(to), Message::Decide(decision.clone()));
            }
        }
        self.untold.decisions = decisions;
        self.untold.forget(to);
    }

    /// Tells a learner that is about to read what is chosen, and what will be below `until` as soon as it is.
    pub(super) fn tell_reader(&mut self, reader: NodeId, until: Slot) {
        if self.leading().is_none() {
            return;
        }
        self.tell_earlier(NodeSet::only(reader));
        let known = self.chosen.first_unknown();
        if self.untold.until <= known {
            self.untold.readers = NodeSet::EMPTY;
        }
        if until > known {
            self.untold.readers.insert(reader);
            self.untold.until = self.untold.until.max(until);
        }
    }
}
