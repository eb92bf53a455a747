//! Leases: for how long a leader may answer reads without asking anybody. The idea is that of Gray and Cheriton (*Leases: An
//! Efficient Fault-Tolerant Mechanism for Distributed File Cache Consistency*, SOSP 1989); as there, clocks are only assumed to
//! run at nearly the same rate.
//!
//! An acceptor that answers a heartbeat of ballot *b* grants its owner that it answers no phase 1a of another process
//! for [`crate::Timeouts::lease`], by its own clock, from when it heard the heartbeat. Let every clock go at between
//! 1 − *d* and 1 + *d* times the true rate, and let a phase 2 quorum have answered heartbeats that the leader sent at
//! *s* or later, by its own clock. While its clock shows less than *s* + *lease* · (1 − *d*) / (1 + *d*), nothing has
//! been chosen by another process in a ballot above *b*:
//!
//! 1. By the leader's clock less than *lease* · (1 − *d*) / (1 + *d*) has passed since *s*, so in truth less than
//!    *lease* / (1 + *d*), and by the clock of each acceptor of that quorum less than *lease*. It heard the heartbeat
//!    after it was sent, so its grant still holds. When the answer *arrives* plays no part: it may have been under way
//!    for any time, and the grant is older by that.
//! 2. When it granted, it had promised no ballot above *b*; since then it has promised none of another process.
//! 3. Every phase 1 quorum shares an acceptor with that phase 2 quorum. So no ballot above *b* of another process has
//!    completed phase 1, and none has proposed anything.
//!
//! A grant is to a process: ballots of the same owner above *b* do no harm, since one who campaigns again leads no more
//! in *b* and knows by itself what it chose since. But it is remembered with its ballot. A heartbeat in a higher ballot
//! shows that phase 1 of that ballot is complete: by 3 the lower one's lease had ended by then, and its grant may be
//! replaced. Never the reverse: a late heartbeat of a lower ballot, that an acceptor may still follow if it was not
//! among those asked in phase 1, must not replace a grant that the new leader counts on, so it is not answered.
//!
//! An acceptor that restarts has forgotten its grants. It answers no phase 1a at all until one lease has passed: the
//! last thing it granted ends before.
//!
//! A leader's own acceptor needs no grant for that: if it answers another process's phase 1a, the leader learns of the
//! higher ballot in the same step and leads no more. While the lease holds it refrains from that, so that a process
//! that comes back does not depose a leader that works.
//!
//! A clock that stands still while others go on does not keep within any bound: with it at the leader, its reads by lease may be stale. A
//! driver must use one that counts the time in which its machine sleeps. Nothing in a machine counts the time for which a hypervisor
//! paused it with all its clocks. Reads that are confirmed, or that ask a quorum of acceptors, rest on no clock.

use crate::{Ballot, NodeId, Time};
use core::time::Duration;

/// For how long after it sent the heartbeats that a quorum answered a leader may rely on them, by its own clock, where
/// clocks go wrong by at most `drift` millionths.
pub(crate) fn usable(lease: Duration, drift: u32) -> Duration {
    let (million, drift) = (1_000_000_u128, u128::from(drift));
    let nanos = lease.as_nanos() * million.saturating_sub(drift) / (million + drift);
    // A clock is read in whole nanoseconds: each of two processes may be wrong by one.
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX).saturating_sub(2))
}

/// What an acceptor has granted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grants {
    lease: Option<Duration>,
    /// To whose ballot, and until when.
    granted: Option<(Ballot, Time)>,
    /// The last ballot whose leader gave its lease up, for good.
    released: Option<Ballot>,
    /// Until when it answers nobody's phase 1a, after a restart.
    silent: Option<Time>,
}

impl Grants {
    pub(crate) fn new(lease: Option<Duration>, now: Time, restarted: bool) -> Self {
        let silent = lease.filter(|_| restarted).map(|lease| now.after(lease));
        Self { lease, granted: None, released: None, silent }
    }

    /// A heartbeat in `ballot` is heard, which the acceptor follows: whether it may be answered. If so, that is a grant.
    pub(crate) fn grant(&mut self, now: Time, ballot: Ballot) -> bool {
        let Some(lease) = self.lease else { return true };
        if self.granted.is_some_and(|(higher, until)| higher > ballot && now < until) {
            return false;
        }
        if self.released != Some(ballot) {
            self.granted = Some((ballot, now.after(lease)));
        }
        true
    }

    /// Whether a phase 1a of `owner` is not to be answered now.
    pub(crate) fn bar(&self, now: Time, owner: NodeId) -> bool {
        self.silent.is_some_and(|until| now < until)
            || self.granted.is_some_and(|(ballot, until)| ballot.owner != owner && now < until)
    }

    /// The leader of `ballot` does not rely on its grant any more.
    pub(crate) fn release(&mut self, ballot: Ballot) {
        self.granted = self.granted.filter(|(granted, _)| *granted != ballot);
        self.released = self.released.max(Some(ballot));
    }
}

/// The heartbeats of a leader, told apart by when they were sent even where its clock stands still between two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Beats {
    last: Option<Time>,
    /// The last one in the ballot it leads in.
    current: Option<Time>,
    /// By how much a heartbeat's time may lie ahead of when it was sent.
    ahead: Duration,
    /// The ballot whose lease was given up.
    pub(crate) released: Option<Ballot>,
}

impl Beats {
    /// The time that the next heartbeat tells: now, or just after that of the one before.
    pub(crate) fn next(&mut self, now: Time) -> Time {
        let sent = self.last.map_or(now, |last| now.max(last.after(Duration::from_nanos(1))));
        self.ahead = self.ahead.max(sent.since(now));
        self.last = Some(sent);
        self.current = self.last;
        sent
    }

    /// The time that the last one in this ballot told.
    pub(crate) const fn current(&self) -> Option<Time> {
        self.current
    }

    /// A new ballot begins.
    pub(crate) const fn clear(&mut self) {
        self.current = None;
    }

    /// Whether a lease that may be used for `usable` from `since` on still holds.
    pub(crate) fn holds(&self, now: Time, since: Time, usable: Duration) -> bool {
        now.after(self.ahead) < since.after(usable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_micros(1);

    fn ballot(round: u64, owner: u16) -> Ballot {
        Ballot::classic(round, NodeId(owner))
    }

    #[test]
    fn a_grant_bars_others_until_it_ends() {
        let mut grants = Grants::new(Some(LEASE), Time(0), false);
        assert!(!grants.bar(Time(0), NodeId(1)));
        assert!(grants.grant(Time(50), ballot(1, 0)));
        assert!(grants.bar(Time(1049), NodeId(1)) && !grants.bar(Time(50), NodeId(0)));
        assert!(!grants.bar(Time(1050), NodeId(1)));
    }

    #[test]
    fn a_late_heartbeat_of_a_lower_ballot_replaces_no_grant() {
        let mut grants = Grants::new(Some(LEASE), Time(0), false);
        assert!(grants.grant(Time(0), ballot(2, 1)));
        assert!(!grants.grant(Time(10), ballot(1, 0)));
        assert!(grants.bar(Time(999), NodeId(0)) && !grants.bar(Time(999), NodeId(1)));
        assert!(grants.grant(Time(20), ballot(3, 2)) && grants.bar(Time(1019), NodeId(1)));
    }

    #[test]
    fn who_restarts_answers_nobody_for_a_lease() {
        let grants = Grants::new(Some(LEASE), Time(7), true);
        assert!(grants.bar(Time(1006), NodeId(0)) && !grants.bar(Time(1007), NodeId(0)));
        assert!(!Grants::new(None, Time(7), true).bar(Time(7), NodeId(0)));
    }

    #[test]
    fn a_released_grant_bars_nobody() {
        let mut grants = Grants::new(Some(LEASE), Time(0), false);
        assert!(grants.grant(Time(0), ballot(2, 1)));
        grants.release(ballot(1, 1));
        assert!(grants.bar(Time(1), NodeId(0)));
        grants.release(ballot(2, 1));
        assert!(!grants.bar(Time(1), NodeId(0)));
        // A heartbeat that was under way when the lease was released is answered, and grants nothing.
        assert!(grants.grant(Time(2), ballot(2, 1)) && !grants.bar(Time(3), NodeId(0)));
        assert!(grants.grant(Time(4), ballot(3, 1)) && grants.bar(Time(5), NodeId(0)));
    }

    #[test]
    fn a_lease_is_used_for_less_than_it_is_granted() {
        let granted = Duration::from_millis(100);
        assert_eq!(usable(granted, 0) + Duration::from_nanos(2), granted);
        assert_eq!(usable(granted, 1_000), Duration::from_nanos(99_800_199 - 2));
        assert_eq!(usable(granted, 1_000_000), Duration::ZERO);
        // The slowest clock of a leader beside the fastest of an acceptor.
        let (rate, used) = (1_000_000_u128, usable(granted, 30_000).as_nanos());
        assert!(used * rate / (rate - 30_000) * (rate + 30_000) / rate < granted.as_nanos());
    }

    #[test]
    fn heartbeats_of_one_moment_are_told_apart_and_that_costs_lease() {
        let mut beats = Beats::default();
        assert_eq!([5, 5, 5, 9].map(|now| beats.next(Time(now)).0), [5, 6, 7, 9]);
        let usable = Duration::from_nanos(100);
        assert!(beats.holds(Time(106), Time(9), usable) && !beats.holds(Time(107), Time(9), usable));
    }
}
