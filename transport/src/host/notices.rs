//! Log lines for operators: one line when something changes, and none while nothing changes.

use core::time::Duration;
use paxos_core::{Leadership, Membership, Node, NodeId, NodeSet, Protocol, Slot, Status, Time};

/// A write that takes longer than this has stalled, unless the election timeout is longer.
const STALL: Duration = Duration::from_secs(1);

/// The state that was logged last.
#[derive(Debug, Default)]
pub(super) struct Notices {
    leader: Option<NodeId>,
    /// Since when no leader is known.
    leaderless: Option<Time>,
    /// Whether the missing leader was logged.
    told_leaderless: bool,
    hearing: Hearing,
    members: Option<(Membership, NodeSet)>,
    stalled: bool,
    /// The first slot that is not in the newest snapshot that was taken here.
    taken: Option<Slot>,
}

/// Whether a member hears a quorum of members.
#[derive(Debug, Default)]
struct Hearing {
    /// Since when the process is a member.
    since: Option<Time>,
    /// What was logged last.
    quorum: Option<bool>,
}

/// What is new about the quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// It is heard.
    Begun,
    /// It is heard no more.
    Ended,
    /// It was not heard for a long time, and never before.
    Missing,
}

impl Hearing {
    /// What is to be logged. `quorum`: whether it is heard; none if the process is not a member.
    fn compare(&mut self, now: Time, patience: Duration, quorum: Option<bool>) -> Option<News> {
        let Some(quorum) = quorum else {
            *self = Self::default();
            return None;
        };
        let since = *self.since.get_or_insert(now);
        if self.quorum.unwrap_or(false) != quorum {
            self.quorum = Some(quorum);
            return Some(if quorum { News::Begun } else { News::Ended });
        }
        // A process that has just started, or become a member, has not heard from others yet.
        let late = !quorum && self.quorum.is_none() && now.since(since) > patience;
        late.then(|| {
            self.quorum = Some(false);
            News::Missing
        })
    }
}

impl Notices {
    /// Logs what has changed. An election is one line: a missing leader is logged only when it lasts.
    pub(super) fn compare<P: Protocol>(&mut self, now: Time, node: &Node<P>, status: &Status) {
        let timeouts = &node.setup().config.timeouts;
        let patience = timeouts.election.unwrap_or(STALL).saturating_mul(4).max(STALL);
        // Without gossip a process does not hear from others.
        if timeouts.gossip.is_some() {
            let setup = node.setup();
            // Members do not tell a process outside how far they are, even if it hears all of them.
            let quorum = setup.config.members().servers().contains(setup.id).then(|| node.hears_quorum());
            match self.hearing.compare(now, patience, quorum) {
                Some(News::Begun) => tracing::info!("hears a quorum of members"),
                Some(News::Ended) => {
                    tracing::warn!("has lost the quorum: it hears too few members to agree on anything");
                }
                Some(News::Missing) => tracing::warn!(
                    "does not hear a quorum of members: start more of them, or repair the network"
                ),
                None => {}
            }
        }
        if matches!(node.setup().config.leadership, Leadership::Elected { .. }) {
            // A candidate names itself as leader before it is elected.
            let leader = status.leader.filter(|leader| status.leads || *leader != node.setup().id);
            self.compare_leader(now, patience, &Status { leader, ..*status });
        }
        self.compare_disk(now, patience, status);
    }

    fn compare_leader(&mut self, now: Time, patience: Duration, status: &Status) {
        let Some(leader) = status.leader else {
            let since = *self.leaderless.get_or_insert(now);
            if !self.told_leaderless && now.since(since) > patience {
                self.told_leaderless = true;
                if let Some(former) = self.leader.take() {
                    tracing::warn!(%former, "has lost the leader, and no other is elected");
                } else {
                    tracing::warn!("knows no leader");
                }
            }
            return;
        };
        self.leaderless = None;
        if self.leader == Some(leader) && !self.told_leaderless {
            return;
        }
        let ballot = status.highest;
        let former = self.leader.replace(leader);
        self.told_leaderless = false;
        match (status.leads, former) {
            (true, Some(former)) => tracing::info!(%ballot, %former, "leads now"),
            (true, None) => tracing::info!(%ballot, "leads now"),
            (false, Some(former)) => tracing::info!(%ballot, %former, "follows {leader} now"),
            (false, None) => tracing::info!(%ballot, "follows {leader} now"),
        }
    }

    fn compare_disk(&mut self, now: Time, patience: Duration, status: &Status) {
        let waited = status.disk.since.map(|since| now.since(since));
        match waited {
            Some(waited) if waited > patience && !self.stalled => {
                self.stalled = true;
                let (writes, bytes) = (status.disk.writes, status.disk.bytes);
                tracing::warn!(
                    writes,
                    bytes,
                    "the disk has stalled: a write has been under way for {waited:.1?}"
                );
            }
            Some(waited) if waited > patience => {}
            Some(_) | None => {
                if std::mem::take(&mut self.stalled) {
                    tracing::info!("the disk writes again");
                }
            }
        }
    }

    /// Logs a change of the members. The first call only remembers them.
    pub(super) fn members(&mut self, new: (Membership, NodeSet)) {
        let Some((before, removed_before)) = self.members.replace(new).filter(|before| *before != new) else {
            return;
        };
        let (members, joined) = (new.0.servers(), new.0.servers().without(before.servers()));
        let left = before.servers().without(members).union(new.1.without(removed_before));
        tracing::info!(%members, %joined, %left, "the members have changed");
    }

    /// Logs that this process has written down its own state.
    pub(super) fn taken(&mut self, next: Slot, bytes: u64) {
        self.taken = Some(next);
        tracing::info!(slots = next.index(), bytes, "has taken a snapshot");
    }

    /// Logs that a snapshot replaces the log, unless this process took it.
    pub(super) fn installed(&mut self, next: Slot, bytes: u64) {
        if self.taken != Some(next) {
            tracing::info!(slots = next.index(), bytes, "takes over a snapshot of another member");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Time {
        Time(0).after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_member_that_hears_no_quorum_says_so_once_and_again_when_it_has_lost_one() {
        let mut hearing = Hearing::default();
        let mut told = |seconds, quorum| hearing.compare(at(seconds), PATIENCE, Some(quorum));
        assert_eq!([told(0, false), told(2, false)], [None, None], "it has just started");
        assert_eq!([told(3, false), told(9, false)], [Some(News::Missing), None]);
        assert_eq!([told(10, true), told(11, true)], [Some(News::Begun), None]);
        assert_eq!([told(12, false), told(19, false)], [Some(News::Ended), None]);
    }

    #[test]
    fn a_spare_misses_no_quorum_until_it_has_been_a_member_for_a_while() {
        let mut hearing = Hearing::default();
        assert!((0..100).all(|seconds| hearing.compare(at(seconds), PATIENCE, None).is_none()));
        let mut told = |seconds, quorum| hearing.compare(at(seconds), PATIENCE, Some(quorum));
        assert_eq!([told(100, false), told(101, false)], [None, None], "it has just joined");
        assert_eq!([told(103, false), told(104, true)], [Some(News::Missing), Some(News::Begun)]);
    }
}
