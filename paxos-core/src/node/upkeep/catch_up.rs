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

/// How many times as long as usual a process waits before it asks or tells again. Over a narrow way, an answer takes longer
/// than the usual time. Sent again each time, it would be on its way many times, and what waits for the way would grow
/// without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Slowness {
    times: u32,
    most: u32,
}

impl Slowness {
    /// For values: as long as usual, and up to 16 times as long.
    const fn for_values() -> Self {
        Self { times: 1, most: 16 }
    }

    /// For pieces of snapshots, which are larger.
    pub(in crate::node) const fn for_pieces() -> Self {
        Self { times: 1, most: 128 }
    }

    pub(in crate::node) fn patience(self, usual: Duration) -> Duration {
        usual.saturating_mul(self.times)
    }

    /// It waited in vain.
    pub(in crate::node) fn longer(&mut self) {
        self.times = (self.times * 2).min(self.most);
    }

    fn shorter(&mut self) {
        self.times = (self.times / 2).max(1);
    }

    /// Something came `took` after it was asked for, or after what came before: it waits for twice that time. None: the
    /// time is so long that it had probably ceased to wait.
    fn of(self, took: Duration, usual: Duration) -> Option<u32> {
        let times = (2 * took.as_nanos()).div_ceil(usual.as_nanos().max(1));
        u32::try_from(times)
            .ok()
            .filter(|times| *times <= 2 * self.most)
            .map(|times| times.max(1).next_power_of_two().min(self.most))
    }

    /// An answer came `took` after its question, which was asked once.
    pub(in crate::node) fn answered(&mut self, took: Duration, usual: Duration) {
        self.times = self.of(took, usual).unwrap_or(self.times);
    }

    /// A part of an answer came `took` after the part before.
    fn goes_on(&mut self, took: Duration, usual: Duration) {
        self.times = self.of(took, usual).unwrap_or(1).max(self.times);
    }
}

/// What a process that is behind is being told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Feed {
    /// When it asked, or was told something new.
    at: Time,
    slowness: Slowness,
}

impl Default for Feed {
    fn default() -> Self {
        Self { at: Time(0), slowness: Slowness::for_values() }
    }
}

/// How much each process that is behind is sent at once. It asks for what follows when it has a whole answer, so it gets
/// one answer in each round trip. If that was quick, the next answer is twice as large: over a long way, small answers
/// take longer than the log takes to grow, so the process would never catch up. If it was slow, the next one is half as
/// large: over a narrow way, large answers hold up the heartbeats behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::node) struct Paces(BTreeMap<NodeId, Pace>);

/// What a process was sent last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pace {
    /// The slot after its last.
    next: Slot,
    sent: Time,
    /// How many times as large as a small answer it was.
    times: u32,
    /// What the process knew when it was heard of last, and when it was sent this, or knew more.
    known: Slot,
    moved: Time,
    slowness: Slowness,
}

impl Paces {
    /// Returns how many times as large as a small answer the answer to `peer` is, which asks at `now` for the values from
    /// `first` on. A round trip is quick if it takes at most `quick`. None: no round trip is.
    fn asks(&mut self, peer: NodeId, first: Slot, now: Time, quick: Option<Duration>) -> u32 {
        // Who asks for anything else has lost something, or has it from elsewhere.
        let Some(last) = self.0.get_mut(&peer) else { return 1 };
        if last.next != first {
            return 1;
        }
        // It has all that it was sent.
        last.slowness.shorter();
        if quick.is_some_and(|quick| now.since(last.sent) <= quick) {
            (last.times * 2).min(MOST)
        } else {
            (last.times / 2).max(1)
        }
    }

    /// Whether `peer`, which knows what is below `known`, needs not be told again what it does not know: what it was sent
    /// is on its way, or it asks for what follows by itself.
    fn is_fed(&mut self, peer: NodeId, known: Slot, now: Time, usual: Duration) -> bool {
        let Some(last) = self.0.get_mut(&peer) else { return false };
        if known >= last.next {
            return last.sent.after(usual) > now;
        }
        if known > last.known {
            (last.known, last.moved) = (known, now);
            return true;
        }
        if last.moved.after(last.slowness.patience(usual)) > now {
            return true;
        }
        last.slowness.longer();
        false
    }

    /// Notes that `peer`, which knows what is below `known`, was sent the values below `next`.
    fn answered(&mut self, peer: NodeId, known: Slot, next: Slot, now: Time, times: u32) {
        if peer.0 < NodeSet::CAPACITY {
            let slowness = self.0.get(&peer).map_or(Slowness::for_values(), |last| last.slowness);
            self.0.insert(peer, Pace { next, sent: now, times, known, moved: now, slowness });
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
            self.send_chosen(from, slot, times);
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
            let first = self.chosen.first_unknown();
            if self.asking == Some(first) {
                self.fed.slowness.longer();
            }
            (self.asking, self.answered) = (Some(first), None);
            self.fed.at = self.now;
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
        let is_recent = |usual| self.fed.at.after(self.fed.slowness.patience(usual)) > self.now;
        self.asking.is_some() && self.fetch_patience().is_some_and(is_recent)
    }

    /// Whether `peer`, which knows what is below `known`, is probably receiving an answer, or asks for what follows by
    /// itself.
    pub(in crate::node) fn is_feeding(&mut self, peer: NodeId, known: Slot) -> bool {
        self.fetch_patience().is_some_and(|usual| self.paces.is_fed(peer, known, self.now, usual))
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
            if self.asking.is_some()
                && let Some(usual) = self.fetch_patience()
            {
                self.fed.slowness.goes_on(self.now.since(self.fed.at), usual);
            }
            self.fed.at = self.now;
        }
        if self.answered.is_some_and(|end| known >= end) {
            (self.asking, self.answered) = (None, None);
            self.fed.slowness.shorter();
            if known > before {
                self.catch_up(from);
            }
        }
    }

    /// Sends `to` what is chosen from `first` on, in several messages if they are small: at most `times` small answers.
    #[cold]
    pub(in crate::node) fn send_chosen(&mut self, to: NodeId, first: Slot, times: u32) {
        let known = self.chosen.first_unknown();
        if self.learner.is_none() || first >= known {
            return;
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
            self.paces.answered(to, first, next, self.now, times);
        } else if let Some(snapshot) = self.store.offer(first) {
            self.store.hears(to, self.now);
            self.send(To::One(to), Message::Offer { snapshot });
        }
    }
}

#[cfg(test)]
mod tests;
