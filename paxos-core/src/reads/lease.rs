//! Leases: how long a leader may answer reads without asking other processes. The idea is from Gray and Cheriton
//! (*Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache Consistency*, SOSP 1989). As there,
//! clocks are only assumed to run at nearly the same rate.
//!
//! An acceptor that answers a heartbeat of ballot *b* grants the owner of *b* a lease: from the time it heard the
//! heartbeat, it answers no phase 1a of another process for [`crate::Timeouts::lease`], by its own clock. Assume that
//! every clock runs at between 1 − *d* and 1 + *d* times the true rate, and that a phase 2 quorum has answered
//! heartbeats that the leader sent at *s* or later, by the leader's clock. While that clock shows less than *s* +
//! *lease* · (1 − *d*) / (1 + *d*), nothing has been chosen by another process in a ballot above *b*:
//!
//! 1. By the leader's clock, less than *lease* · (1 − *d*) / (1 + *d*) has passed since *s*. So less than
//!    *lease* / (1 + *d*) of true time has passed, and less than *lease* by the clock of each acceptor of that quorum.
//!    The acceptor heard the heartbeat after it was sent, so its lease still holds. The time at which the answer
//!    *arrives* does not matter: a late answer only means an older lease.
//! 2. When the acceptor granted the lease, it had promised no ballot above *b*. Since then it has promised no ballot
//!    of another process.
//! 3. Every phase 1 quorum shares an acceptor with that phase 2 quorum. So no ballot above *b* of another process has
//!    completed phase 1, and none has proposed anything.
//!
//! A lease is granted to a process. Ballots of the same owner above *b* do no harm: an owner that campaigns again no
//! longer leads in *b*, and knows itself what it chose since. But the acceptor remembers the lease with its ballot. A
//! heartbeat in a higher ballot shows that phase 1 of that ballot is complete. By 3, the lease of the lower ballot had
//! ended by then, so it may be replaced. The reverse is forbidden: a late heartbeat of a lower ballot, which an
//! acceptor may still follow if it was not asked in phase 1, must not replace a lease that the new leader counts on,
//! so it is not answered.
//!
//! An acceptor that restarts has forgotten its leases. It answers no phase 1a until one lease has passed; every lease
//! that it had granted ends before that. If its configuration has changed, that is the longest lease that it may have
//! granted, which its store keeps: the previous leader counts on it, although nobody grants such leases any more.
//!
//! A leader's own acceptor needs no lease for this argument: if it answers another process's phase 1a, the leader
//! learns of the higher ballot in the same step and leads no more. It still refrains from answering while the lease
//! holds, so that a returning process never deposes a working leader.
//!
//! A clock that stands still while others run keeps no bound; a leader with such a clock may answer stale reads by
//! lease. A driver must use a clock that counts the time in which its machine sleeps. No clock in a virtual machine
//! counts a pause by the hypervisor. Confirmed reads and quorum reads do not depend on clocks.

use crate::{Ballot, NodeId, Time};
use core::time::Duration;

/// Returns how long a leader may rely on heartbeats that a quorum has answered, by its own clock, from when it sent
/// them. Clocks deviate by at most `drift` millionths.
pub(crate) fn usable(lease: Duration, drift: u32) -> Duration {
    let (million, drift) = (1_000_000_u128, u128::from(drift));
    let nanos = lease.as_nanos() * million.saturating_sub(drift) / (million + drift);
    // Clocks are read in whole nanoseconds, so each of the two clocks may be wrong by one.
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX).saturating_sub(2))
}

/// The lease that an acceptor has granted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grants {
    lease: Option<Duration>,
    /// The ballot whose owner has the lease, and when the lease ends.
    granted: Option<(Ballot, Time)>,
    /// The last ballot whose leader has given up its lease for good.
    released: Option<Ballot>,
    /// Until when it answers no phase 1a, after a restart.
    silent: Option<Time>,
}

impl Grants {
    pub(crate) fn new(lease: Option<Duration>, now: Time, restarted: bool) -> Self {
        let silent = lease.filter(|_| restarted).map(|lease| now.after(lease));
        Self { lease, granted: None, released: None, silent }
    }

    /// Answers no phase 1a before `until`, when the leases that were granted in former incarnations have ended.
    pub(crate) fn honour(&mut self, until: Time) {
        self.silent = self.silent.max(Some(until));
    }

    /// Grants the lease for a heartbeat in `ballot`, which the acceptor follows. Returns whether it may be answered.
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

    /// Whether a phase 1a of `owner` must not be answered now.
    pub(crate) fn bar(&self, now: Time, owner: NodeId) -> bool {
        self.silent.is_some_and(|until| now < until)
            || self.granted.is_some_and(|(ballot, until)| ballot.owner != owner && now < until)
    }

    /// Notes that the leader of `ballot` no longer relies on its lease.
    pub(crate) fn release(&mut self, ballot: Ballot) {
        self.granted = self.granted.filter(|(granted, _)| *granted != ballot);
        self.released = self.released.max(Some(ballot));
    }
}

/// The heartbeats of a leader. Their times differ even if its clock stands still between two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Beats {
    last: Option<Time>,
    /// The last heartbeat in the current ballot.
    current: Option<Time>,
    /// The largest difference between the time in a heartbeat and the clock when it was sent.
    ahead: Duration,
    /// The ballot whose lease was given up.
    pub(crate) released: Option<Ballot>,
}

impl Beats {
    /// Returns the time for the next heartbeat: now, or just after the time of the heartbeat before.
    pub(crate) fn next(&mut self, now: Time) -> Time {
        let sent = self.last.map_or(now, |last| now.max(last.after(Duration::from_nanos(1))));
        self.ahead = self.ahead.max(sent.since(now));
        self.last = Some(sent);
        self.current = self.last;
        sent
    }

    /// The time of the last heartbeat in this ballot.
    pub(crate) const fn current(&self) -> Option<Time> {
        self.current
    }

    /// Starts a new ballot.
    pub(crate) const fn clear(&mut self) {
        self.current = None;
    }

    /// Whether a lease that may be used for `usable` after `since` still holds.
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
        let mut grants = Grants::new(None, Time(7), true);
        assert!(!grants.bar(Time(7), NodeId(0)));
        // Its configuration grants no leases any more, but it has granted some.
        grants.honour(Time(1007));
        assert!(grants.bar(Time(1006), NodeId(0)) && !grants.bar(Time(1007), NodeId(0)));
        let mut longer = Grants::new(Some(LEASE), Time(7), true);
        longer.honour(Time(9));
        assert!(longer.bar(Time(1006), NodeId(0)));
    }

    #[test]
    fn a_released_grant_bars_nobody() {
        let mut grants = Grants::new(Some(LEASE), Time(0), false);
        assert!(grants.grant(Time(0), ballot(2, 1)));
        grants.release(ballot(1, 1));
        assert!(grants.bar(Time(1), NodeId(0)));
        grants.release(ballot(2, 1));
        assert!(!grants.bar(Time(1), NodeId(0)));
        // A heartbeat that was sent before the release is answered, and grants no lease.
        assert!(grants.grant(Time(2), ballot(2, 1)) && !grants.bar(Time(3), NodeId(0)));
        assert!(grants.grant(Time(4), ballot(3, 1)) && grants.bar(Time(5), NodeId(0)));
    }

    #[test]
    fn a_lease_is_used_for_less_than_it_is_granted() {
        let granted = Duration::from_millis(100);
        assert_eq!(usable(granted, 0) + Duration::from_nanos(2), granted);
        assert_eq!(usable(granted, 1_000), Duration::from_nanos(99_800_199 - 2));
        assert_eq!(usable(granted, 1_000_000), Duration::ZERO);
        // The slowest clock at a leader, and the fastest at an acceptor.
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
