//! The store's time, which no wall clock moves by itself.
//!
//! Each command carries a [`Stamp`]. Its `clock` is the store's time as it went on by the *monotonic* clock of the proposer, since the
//! proposer saw it last ([`Clock`]): a command adds at most what has passed there. So a wall clock that is a day ahead, or a
//! day behind, changes nothing, and how fast the time goes is never a matter of one server's wall clock.
//!
//! A monotonic clock does not count what it does not see: that all servers were off for a week. So a stamp carries the
//! wall clock besides. When the clocks of a *majority* of the members say that the store's time is behind them by more than
//! [`ALLOWANCE`], it is moved on to the latest time that a majority has reached. Fewer move nothing: that one says so is noted, as a jump.
//!
//! To be moved counts as time for deadlines that were set before the first of that majority said so, which have passed or come nearer.
//! Deadlines that were set later keep what is left of them: a lock that was taken after a week's outage is not freed because
//! the outage is noticed.
//!
//! All of this follows from commands and the state alone, so that it is the same at every replica.

use super::Store;
use imbl::OrdSet;
use paxos_core::{NodeId, NodeSet};
use serde::{Deserialize, Serialize};

/// By how much the store's time may be behind the wall clocks before they move it, in milliseconds.
pub const ALLOWANCE: u64 = 1_000;

/// What a server says about time with each command. All times are in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// The store's time by [`Clock::now`].
    pub clock: u64,
    /// How often the store's time had been moved: `clock` counts only as long as that is so.
    pub moves: u64,
    /// The wall clock, since 1970.
    pub wall: u64,
    /// Whose it is.
    pub member: NodeId,
    /// The members of the cluster as it knows them.
    pub members: NodeSet,
}

/// The store's time at one server, between commands: it goes on with the server's monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clock {
    time: u64,
    /// The monotonic clock at that time.
    at: u64,
    moves: u64,
}

impl Clock {
    /// The server sees `store`; `monotonic` is its clock.
    pub fn see(&mut self, store: &Store, monotonic: u64) {
        let moved = store.moves > self.moves;
        if moved || (store.moves == self.moves && store.time > self.now(monotonic)) {
            *self = Self { time: store.time, at: monotonic, moves: store.moves };
        }
    }

    /// The store's time by now.
    pub fn now(&self, monotonic: u64) -> u64 {
        self.time.saturating_add(monotonic.saturating_sub(self.at))
    }

    /// How often the store's time had been moved when it was seen last.
    pub fn moves(&self) -> u64 {
        self.moves
    }
}

/// That a member's wall clock is ahead of the store's time by more than is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Ahead {
    pub(super) member: NodeId,
    pub(super) wall: u64,
    /// The store's version when it said so first.
    pub(super) since: u64,
}

impl Store {
    /// How often a member's wall clock was found to be ahead of the store's time by more than [`ALLOWANCE`].
    pub fn clock_jumps(&self) -> u64 {
        self.jumps
    }

    /// How often the store's time was moved: by the wall clocks of a majority, or by an operator ([`super::Op::Clock`]).
    pub fn clock_moves(&self) -> u64 {
        self.moves
    }

    /// The members whose wall clocks are ahead of the store's time by more than [`ALLOWANCE`], with what they say.
    pub fn ahead(&self) -> impl Iterator<Item = (NodeId, u64)> {
        self.ahead.iter().filter(|ahead| self.is_ahead(ahead.wall)).map(|ahead| (ahead.member, ahead.wall))
    }

    fn is_ahead(&self, wall: u64) -> bool {
        wall > self.time.saturating_add(ALLOWANCE)
    }

    /// Lets time go on, and removes what is due then.
    pub(super) fn advance(&mut self, stamp: &Stamp) {
        if stamp.moves == self.moves {
            self.time = self.time.max(stamp.clock);
        }
        self.hear(stamp);
        self.expire_due();
    }

    /// Notes what a member's wall clock says, and follows a majority.
    fn hear(&mut self, stamp: &Stamp) {
        let Stamp { wall, member, members, .. } = *stamp;
        let before = self.ahead.iter().position(|ahead| ahead.member == member);
        if !members.contains(member) || !self.is_ahead(wall) {
            if let Some(at) = before {
                self.ahead.remove(at);
            }
            return;
        }
        match before {
            Some(at) if self.is_ahead(self.ahead[at].wall) => self.ahead[at].wall = wall,
            _ => {
                self.ahead.retain(|ahead| ahead.member != member);
                self.ahead.push(Ahead { member, wall, since: self.version });
                // Before it was moved for the first time, it had nothing to do with wall clocks.
                self.jumps += u64::from(self.moves > 0);
            }
        }
        let mut said: Vec<Ahead> =
            self.ahead.iter().filter(|ahead| members.contains(ahead.member)).copied().collect();
        said.sort_unstable_by_key(|ahead| core::cmp::Reverse((ahead.wall, ahead.member)));
        let majority = said.get(..=members.len() / 2).unwrap_or_default();
        let agreed = majority.last().map(|ahead| ahead.wall).filter(|wall| self.is_ahead(*wall));
        let since = majority.iter().map(|ahead| ahead.since).min();
        if let (Some(wall), Some(since)) = (agreed, since) {
            self.move_time(wall, since);
        }
    }

    /// Moves the time to where an operator wants it. Back: all deadlines keep what is left of them.
    pub(super) fn set_time(&mut self, to: u64) {
        self.move_time(to, self.version);
        self.expire_due();
    }

    /// Moves the time. Deadlines keep what is left of them if they were set after version `since`, or if it goes back.
    fn move_time(&mut self, to: u64, since: u64) {
        let from = std::mem::replace(&mut self.time, to);
        self.moves += 1;
        let entries = &mut self.entries;
        let moved = std::mem::take(&mut self.due).into_iter().map(|(at, name)| {
            let Some(entry) = entries.get_mut(&name).filter(|entry| to < from || entry.version > since)
            else {
                return (at, name);
            };
            // Clients can be told of it, as of every deadline.
            let at = at.saturating_sub(from).saturating_add(to).min(i64::MAX.cast_unsigned());
            entry.expires = Some(at);
            (at, name)
        });
        self.due = moved.collect::<OrdSet<_>>();
    }

    fn expire_due(&mut self) {
        while let Some((at, name)) = self.due.get_min()
            && *at <= self.time
        {
            let key = name.key.clone();
            self.remove(&key);
        }
    }
}
