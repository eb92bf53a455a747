//! What a candidate does that acceptors know to be behind: they have forgotten slots that it asks about.

use super::{Proposer, Stage};
use paxos_core::{Chosen, Nack, Pieces, Reach, Value};

impl<V: Value> Proposer<V> {
    /// A refusal that names no higher ballot tells that an acceptor has forgotten the first slots asked about, since
    /// they are chosen.
    pub(super) fn notice_behind(&mut self, nack: &Nack) {
        if let Stage::Preparing { from, behind, .. } = &mut self.stage
            && nack.refused == self.ballot
            && nack.promised <= self.ballot
        {
            *behind |= nack.slots.start == *from;
        }
    }

    /// What was learned meanwhile needs no phase 1. The ballot stays, since nothing was proposed in it yet; promises
    /// for other slots do not count for these.
    #[cold]
    pub(super) fn begin_later(&mut self, chosen: &Chosen<V>) {
        let known = chosen.first_unknown().max(self.progress);
        if let Stage::Preparing { from, pieces, reports, ask, asked_all, behind, .. } = &mut self.stage
            && *from < known
        {
            (*from, *pieces, *behind) = (known, Pieces::default(), false);
            reports.clear();
            (*ask, *asked_all) = (Some(Reach::All), true);
        }
    }
}
