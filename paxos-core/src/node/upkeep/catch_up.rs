//! How a process gets the chosen values that it has missed, from one that has them.

use crate::{Batch, Leader, Message, Node, NodeId, NodeSet, Proposer, Protocol, Slot, Time, To};
use core::time::Duration;
use std::collections::BTreeMap;

/// The most messages, and bytes in them, of a small answer to a question for chosen values. With one message of one
/// command each, a process that is behind would wait a round trip for each slot.
const BURST: u32 = 32;
const BURST_BYTES: usize = 1 << 16;

/// The most small answers that are sent at once.
const MOST: u32 = 64;

/// How much each process that is behind is sent at once. It asks for what follows when it has a whole answer, so it gets
/// one answer in each round trip. If that was quick, the next answer is twice as large: over a long way, small answers
/// take longer than the log takes to grow, so the process would never catch up. If it was slow, the next one is half as
/// large: over a narrow way, large answers hold up the heartbeats behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::node) struct Paces(BTreeMap<NodeId, Pace>);

/// The last answer to a process that needs more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pace {
    /// The slot after its last.
    next: Slot,
    sent: Time,
    /// How many times as large as a small one it was.
    times: u32,
}

impl Paces {
    /// Returns how many times as large as a small answer the answer to `peer` is, which asks at `now` for the values from
    /// `first` on. A round trip is quick if it takes at most `quick`. None: no round trip is.
    fn asks(&mut self, peer: NodeId, first: Slot, now: Time, quick: Option<Duration>) -> u32 {
        // Who asks for anything else has lost something, or has it from elsewhere.
        let Some(last) = self.0.remove(&peer).filter(|last| last.next == first) else { return 1 };
        if quick.is_some_and(|quick| now.since(last.sent) <= quick) {
            (last.times * 2).min(MOST)
        } else {
            (last.times / 2).max(1)
        }
    }

    /// Whether `peer` was sent values within the last `patience`, but not all.
    fn sent_since(&self, peer: NodeId, now: Time, patience: Duration) -> bool {
        self.0.get(&peer).is_some_and(|last| last.sent.after(patience) > now)
    }

    /// Notes that `peer` was sent the values below `next`, but not all.
    fn answered(&mut self, peer: NodeId, next: Slot, now: Time, times: u32) {
        if peer.0 < NodeSet::CAPACITY {
            self.0.insert(peer, Pace { next, sent: now, times });
        }
    }
}

impl<P: Protocol> Node<P> {
    /// Handles a question for chosen values. A learner sends them if it knows them. A leader that does not know them either
    /// proposes again (*Paxos Made Simple*, §2.3: a learner can have a proposer issue a proposal). One that does not learn is asked
    /// only if no learner knows them, or if the one that asks does not reach those that do.
    #[cold]
    pub(in crate::node) fn on_catch_up(&mut self, from: NodeId, slot: Slot) {
        if self.learner.is_some() && slot < self.chosen.first_unknown() {
            let times = self.paces.asks(from, slot, self.now, self.quick());
            if let Some(next) = self.send_chosen(from, slot, times) {
                self.paces.answered(from, next, self.now, times);
            }
            return;
        }
        // If another learner knows it, a ballot may be in vain, and keeps the leader from its work: then the time between two of
        // them doubles each time.
        let elsewhere = self.is_known_elsewhere(from, slot);
        if !self.leader.leads() || elsewhere && self.now < self.gossip.again.next {
            return;
        }
        let Some(proposer) = &mut self.proposer else { return };
        let before = proposer.load().ballot;
        proposer.propose_again(self.now, slot, &self.chosen);
        if elsewhere && proposer.load().ballot != before {
            let shortest = self.setup.config.timeouts.election.unwrap_or_else(|| self.window());
            self.gossip.again = self.gossip.again.after(self.now, (from, slot), shortest);
        }
    }

    #[cold]
    pub(in crate::node) fn catch_up(&mut self, from: NodeId) {
        if self.chosen.is_behind() {
            if from.0 < NodeSet::CAPACITY {
                self.asked.insert(from);
            }
            self.noted.0.counters.catch_ups += 1;
            (self.asking, self.answered) = (Some(self.chosen.first_unknown()), None);
            self.fed = self.now;
            self.send(To::One(from), Message::CatchUp { from: self.chosen.first_unknown() });
        }
    }

    /// The longest round trip after which a peer may send or be sent more at once: half an election timeout, so that what
    /// is under way delays no heartbeat for long. None without elections by timeout.
    pub(in crate::node) fn quick(&self) -> Option<Duration> {
        Some(self.setup.config.timeouts.election? / 2)
    }

    /// Whether an answer to its last question is on its way, as far as this process can know. Another question would
    /// begin a second stream of answers, and end the growth of the first.
    pub(in crate::node) fn is_being_fed(&self) -> bool {
        let is_recent = |patience| self.fed.after(patience) > self.now;
        self.asking.is_some() && self.fetch_patience().is_some_and(is_recent)
    }

    /// Whether `peer` is probably receiving an answer, and asks for what follows by itself.
    pub(in crate::node) fn is_feeding(&self, peer: NodeId) -> bool {
        self.fetch_patience().is_some_and(|patience| self.paces.sent_since(peer, self.now, patience))
    }

    /// Handles chosen values from `from`. When its whole answer has arrived, it is asked for what follows, unless it
    /// was asked again meanwhile: otherwise there would be two such streams, and then more.
    #[cold]
    pub(in crate::node) fn on_chosen(
        &mut self,
        from: NodeId,
        first: Slot,
        batch: Batch<P::Value>,
        asked: Option<Slot>,
    ) {
        self.noted.0.counters.caught_up += batch.len() as u64;
        let (before, end) = (self.chosen.first_unknown(), first.plus(batch.len() as u64));
        self.chosen.choose(first, batch);
        if asked.is_some() && (self.asking.is_none() || self.asking == asked) {
            self.answered = Some(end);
        }
        let known = self.chosen.first_unknown();
        if known > before {
            self.fed = self.now;
        }
        if self.answered.is_some_and(|end| known >= end) {
            (self.asking, self.answered) = (None, None);
            if known > before {
                self.catch_up(from);
            }
        }
    }

    /// Sends `to` what is chosen from `first` on, in several messages if they are small: at most `times` small answers.
    /// Returns the slot after the last, if more is chosen.
    #[cold]
    pub(in crate::node) fn send_chosen(&mut self, to: NodeId, first: Slot, times: u32) -> Option<Slot> {
        let known = self.chosen.first_unknown();
        if self.learner.is_none() || first >= known {
            return None;
        }
        let limits = self.setup.config.limits;
        let (asked, mut next, mut bytes) = (first, first, 0);
        for number in 1..=BURST * times {
            let (first, batch) = (next, self.chosen.since(next, limits.message()));
            if batch.is_empty() {
                break;
            }
            next = first.plus(batch.len() as u64);
            bytes += batch.amount().bytes;
            // It keeps nothing that is too far ahead of what it has learned.
            let far = times > 1 && next.since(asked) >= limits.reach() / 2;
            let last =
                number == BURST * times || next >= known || bytes >= BURST_BYTES * times as usize || far;
            let asked = last.then_some(asked);
            self.send(To::One(to), Message::Chosen { first, batch, known, asked });
            if last {
                break;
            }
        }
        if next > first {
            self.store.need(to, first, self.now);
        } else if let Some(snapshot) = self.store.offer(first) {
            self.store.hears(to, self.now);
            self.send(To::One(to), Message::Offer { snapshot });
        }
        (first < next && next < known).then_some(next)
    }
}

#[cfg(test)]
mod tests;
