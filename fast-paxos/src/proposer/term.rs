//! How a term begins, advances and ends.

use super::{Proposer, Stage};
use paxos_core::{Candidacy, Chosen, NodeSet, Reach, Slot, Time, Value};

impl<V: Value> Proposer<V> {
    pub(super) fn wait(&mut self, now: Time) {
        self.again.start(now, self.setup.config.timeouts.resend);
    }

    /// Waits anew, because there is news. No news has helped a command that waited here before, too, or a proposal that
    /// was in progress.
    pub(super) fn wait_longer(&mut self, now: Time) {
        let (command, slot) = (self.pipeline.oldest(), self.pipeline.first_in_flight());
        let waits_still = command.is_some() && command == self.oldest.0;
        let is_unanswered = slot.is_some() && slot == self.oldest.1;
        if !self.is_open() || !(waits_still || is_unanswered) {
            self.oldest = (command, slot);
            self.wait(now);
        }
    }

    pub(super) fn preempted(&mut self) -> bool {
        if matches!(self.stage, Stage::Idle) {
            return false;
        }
        self.stage = Stage::Idle;
        self.outgoing.clear();
        self.watched.clear();
        self.fresh.clear();
        self.any = None;
        self.any_due = false;
        self.alive = NodeSet::EMPTY;
        self.again.stop();
        self.pipeline.requeue();
        true
    }

    pub(super) fn start_term(&mut self, now: Time, chosen: &Chosen<V>, reach: Reach) {
        self.preempted();
        // The acceptors of that slot are unknown until the present epoch is executed.
        if chosen.first_unknown().max(self.progress) >= chosen.limit() {
            return;
        }
        let Some(ballot) = self.highest.max(self.ballot).next_term(self.setup.id) else { return };
        self.renew = false;
        self.found = None;
        self.ballot = ballot;
        self.highest = ballot;
        let candidacy = Candidacy::new(ballot, chosen.first_unknown().max(self.progress), reach);
        let asked_all = reach == Reach::All;
        self.stage = Stage::Preparing { candidacy, reports: Vec::new(), asked_all };
        self.wait(now);
    }

    /// Skips slots learned since phase 1 began, and asks about the others again.
    #[cold]
    pub(super) fn begin_later(&mut self, chosen: &Chosen<V>) {
        let known = chosen.first_unknown().max(self.progress);
        if let Stage::Preparing { candidacy, reports, asked_all } = &mut self.stage
            && candidacy.skip_to(known)
        {
            reports.clear();
            *asked_all = true;
        }
    }

    pub(super) fn settle(&mut self, now: Time, slot: Slot) {
        self.pipeline.settle(slot);
        if slot > self.progress {
            self.progress = slot;
            self.watched = self.watched.split_off(&slot);
            self.wait_longer(now);
        }
    }

    /// Whether a slot is chosen beyond all that this term may have proposed or found, so that another process leads.
    /// While a fast ballot is open, acceptors fill slots in which this process has not proposed.
    pub(super) fn is_overtaken(&self, chosen: &Chosen<V>) -> bool {
        self.any.is_none() && chosen.end() > self.next.max(self.recovered)
    }
}
