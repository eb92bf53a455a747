//! What a distinguished learner tells the others: at once, or only those that wait for it.

use crate::node::Node;
use crate::{
    Announce, Entry, Fact, InBallot as _, Message, NodeId, NodeSet, PhaseMessage as _, Proposer as _,
    Protocol, Slot, SlotRange, To,
};
use core::mem;
use std::collections::VecDeque;

/// What some learners have not been told, because they do not wait for it. They hear it with the next phase 2a or heartbeat
/// ([`Announce::ToWaiting`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Untold<D> {
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
    pub(in crate::node) fn tell(&mut self, to: NodeSet) {
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
    pub(in crate::node) fn announce(&mut self) {
        let others = self.others(self.setup.config.learners);
        let mut decisions = mem::take(&mut self.decisions);
        for decision in decisions.drain(..) {
            let to = if self.may_spare(&decision) { self.waiting_for(&decision, others) } else { others };
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

    /// Whether some may be told later: with thrifty phases, a phase 2a does not reach everyone.
    fn is_sparing(&self) -> bool {
        let config = &self.setup.config;
        P::TELLS_CHOSEN && config.announce == Announce::ToWaiting && !config.thrifty
    }

    /// Whether the next phase 2a or heartbeat tells all acceptors of this decision: it is of the ballot in which this process
    /// leads, and they hear each phase 2a. Everyone should soon know who the members are. With more proposals in progress,
    /// nothing is saved: somebody waits for each.
    fn may_spare(&self, decision: &P::Decision) -> bool {
        let (Some(proposer), Some(ballot)) = (&self.proposer, self.leading()) else { return false };
        self.is_sparing()
            && self.setup.config.acceptors().contains(self.setup.id)
            && ballot == decision.ballot()
            && !self.chosen.is_changing()
            && !proposer.waits_for(self.chosen.first_unknown().plus(1))
            && proposer.load().waiting.count == 0
    }

    /// The processes among `others` that wait for what is known now. Everyone waits for what is chosen behind a gap, and who
    /// receives no phase 2a waits for values.
    fn waiting_for(&self, decision: &P::Decision, others: NodeSet) -> NodeSet {
        let SlotRange { start: first, end } = slots::<P>(decision);
        let known = self.chosen.first_unknown();
        if end > known {
            return others;
        }
        let mut waiting = if first < self.untold.until { self.untold.readers } else { NodeSet::EMPTY };
        // The decision may have closed a gap.
        for (_, batch) in self.chosen.within(SlotRange::new(first, known)) {
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
        waiting.union(others.without(self.setup.config.acceptors())).intersection(others)
    }

    /// The first slot that `node` has not been told of, if there is one.
    pub(in crate::node) fn untold_from(&self, node: NodeId) -> Option<Slot> {
        let (_, first) = self.untold.decisions.iter().find(|(untold, _)| untold.contains(node))?;
        Some(slots::<P>(first).start)
    }

    /// Tells `to` what it has not been told yet.
    pub(in crate::node) fn tell_earlier(&mut self, to: NodeSet) {
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
    pub(in crate::node) fn tell_reader(&mut self, reader: NodeId, until: Slot) {
        if !self.is_sparing() || self.leading().is_none() {
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

/// The slots of a decision.
fn slots<P: Protocol>(decision: &P::Decision) -> SlotRange {
    let (mut first, mut end) = (Slot::MAX, Slot(0));
    decision.facts(&mut |fact| {
        if let Fact::Chosen { slot, .. } = fact {
            (first, end) = (first.min(slot), end.max(slot.plus(1)));
        }
    });
    SlotRange::new(first, end)
}
