//! A change of members that waits for slots nobody proposes in.

use crate::{Chosen, Leadership, Setup, Slot, Time};
use core::time::Duration;

/// Whether a self-appointed proposer without commands must propose, because a change of members is chosen and the log
/// does not get to the slot from which on it is in force. Whoever proposed the change fills the slots before that slot, so
/// the others act only if the log stands still for as long as it takes to ask again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Awaited {
    /// The first unknown slot, and since when it is.
    since: Option<(Slot, Time)>,
    due: bool,
}

impl Awaited {
    /// Looks at the log of a proposer that does not lead.
    pub fn watch<O, V>(&mut self, now: Time, setup: &Setup<O>, chosen: &Chosen<V>) {
        let rival = matches!(setup.config.leadership, Leadership::SelfAppointed { .. })
            && setup.config.proposers.contains(setup.id);
        if !rival || !chosen.is_changing() {
            *self = Self::default();
            return;
        }
        let first = chosen.first_unknown();
        let since = self.since.filter(|(slot, _)| *slot == first).map_or(now, |(_, since)| since);
        (self.since, self.due) = (Some((first, since)), since.after(patience(setup)) <= now);
    }

    /// Whether the log has stood still for long enough.
    pub const fn is_due(&self) -> bool {
        self.due
    }

    /// When it will have, if it does.
    pub fn deadline<O>(&self, setup: &Setup<O>) -> Option<Time> {
        self.since.filter(|_| !self.due).map(|(_, since)| since.after(patience(setup)))
    }
}

fn patience<O>(setup: &Setup<O>) -> Duration {
    setup.config.timeouts.resend.unwrap_or_default()
}
