//! What a candidate does when acceptors have forgotten slots that it asks about: it is behind.

use super::{Proposer, Stage};
use paxos_core::{Chosen, Nack, Pieces, Reach, Value};

impl<V: Value> Proposer<V> {
    /// Notes that this process is behind. A refusal that names no higher ballot means that an acceptor has forgotten
    /// the first slots asked about, because they are chosen.
    pub(super) fn notice_behind(&mut self, nack: &Nack) {
        if let Stage::Preparing { from, behind, .. } = &mut self.stage
            && nack.refused == self.ballot
            && nack.promised <= self.ballot
        {
            *behind |= nack.slots.start == *from;
        }
    }

    /// Skips slots learned since phase 1 began. The ballot stays the same, since nothing was proposed in it yet.
    /// Promises for other slots do not count for the new range.
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
