//! What a leader proposes once a quorum has promised: what may have been chosen, then commands.

use super::{Proposer, Stage};
use paxos_core::{Batch, Chosen, Entry, Slot, SlotRange, Time, Value};

impl<V: Value> Proposer<V> {
    /// Starts to lead after a quorum has promised. *Paxos Made Simple*, §3: in every slot with a reported vote, the new
    /// leader proposes the value of the highest-numbered one, and it proposes no-ops in the gaps between.
    #[cold]
    pub(super) fn take_the_lead(&mut self, chosen: &Chosen<V>) {
        let stage = std::mem::replace(&mut self.stage, Stage::Leading);
        let Stage::Preparing { candidacy, votes } = stage else { return };
        let from = candidacy.from();
        let end = votes.end().max(from);
        let mut entries = Vec::new();
        let mut at = from;
        for vote in votes.within(SlotRange::new(from, end)) {
            entries.extend(SlotRange::new(at, vote.first).iter().map(|_| Entry::Noop));
            entries.extend(vote.batch.iter().cloned());
            at = vote.slots().end;
        }
        self.pipeline.drop_found(&entries, chosen);
        let recovered: Batch<V> = entries.into();
        let mut first = from;
        while first < end {
            let batch = recovered.tail(first.since(from)).portion(self.setup.config.limits.message());
            let next = first.plus(batch.len() as u64);
            self.pipeline.propose(self.ballot, first, &batch);
            first = next;
        }
        (self.sent, self.next, self.recovered) = (from, end, end);
    }

    /// Returns the next values that phase 1 found and that were not sent yet, up to the slots whose members are known.
    #[cold]
    pub(super) fn unsent(&mut self, limit: Slot) -> Option<(Slot, Batch<V>)> {
        let slots = SlotRange::new(self.sent, self.next.min(limit));
        let vote = self.pipeline.within(slots).next()?;
        self.sent = vote.slots().end;
        Some((vote.first, vote.batch))
    }

    /// Returns the next commands, or no-ops that bring a pending change of members into effect.
    pub(super) fn fresh(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Slot, Batch<V>)> {
        let (ballot, first) = (self.ballot, self.next);
        let batch = match self.pipeline.propose_next(now, ballot, first, chosen.limit()) {
            Some(batch) => batch,
            None => self.pipeline.propose_nothing(ballot, first, chosen)?,
        };
        self.next = first.plus(batch.len() as u64);
        self.sent = self.next;
        Some((first, batch))
    }
}
