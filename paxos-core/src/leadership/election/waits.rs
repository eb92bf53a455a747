//! How long a process waits: for a leader, between ballots, and for the answers of a quorum.

use super::Election;
use crate::{Leadership, Time};
use core::time::Duration;

/// The shortest time between two deadlines.
pub(super) const INSTANT: Duration = Duration::from_nanos(1);

/// After this many lost ballots in which nothing was chosen, the longest back-off grows beyond its configured limit.
pub(super) const PATIENCE: u32 = 8;

impl Election {
    /// Returns when an election timeout that is drawn anew ends, if this process may campaign.
    pub(super) fn election_timeout(&mut self, now: Time) -> Option<Time> {
        let (shortest, longest) = self.config().timeouts.election_range().filter(|_| self.proposes)?;
        Some(now.after(self.jitter.between(shortest.max(INSTANT), longest)))
    }

    pub(super) fn backoff(&mut self) -> Duration {
        let Leadership::SelfAppointed { backoff: Some((low, high)) } = self.config().leadership else {
            return Duration::ZERO;
        };
        // Two phases may take longer than `high`, in many pieces or over slow links.
        let longest = if self.vain >= PATIENCE {
            high.saturating_mul(1 << (self.vain / PATIENCE))
        } else {
            low.saturating_mul(1 << self.lost.min(16)).min(high)
        };
        self.jitter.between(Duration::ZERO, longest)
    }

    /// Whether it has heard no other leader for the shortest election timeout.
    pub(super) fn is_silent(&self, now: Time) -> bool {
        self.config().timeouts.election.is_none_or(|shortest| now.since(self.heard) >= shortest)
    }

    /// Whether no quorum has answered for so long that the others may follow another leader by now. An answer counts
    /// from when the heartbeat was sent. A leader that was paused itself gives the others time to answer.
    pub(super) fn is_forsaken(&self, now: Time, answered: Option<Time>) -> bool {
        let timeouts = self.config().timeouts;
        let (Some(steady), Some(election), Some(beat)) = (self.steady, timeouts.election, timeouts.heartbeat)
        else {
            return false;
        };
        now.since(answered.map_or(steady, |at| at.max(steady))) > election.max(beat.saturating_mul(3))
    }
}
