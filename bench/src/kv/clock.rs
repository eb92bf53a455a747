//! The store's time. No single wall clock can move it.
//!
//! Each command carries a [`Stamp`]. Its `clock` is the store's time as the proposer saw it last ([`Clock`]), advanced
//! by the proposer's *monotonic* clock. A command therefore adds at most the time that has passed at its proposer. A
//! wall clock that is a day ahead or behind changes nothing, and the pace never depends on one server's wall clock.
//!
//! A monotonic clock misses the time during which all servers were off. So a stamp also carries the wall clock. When
//! the clocks of a *majority* of the members are ahead of the store's time by more than [`ALLOWANCE`], it moves to the
//! latest time that a majority has reached. A minority moves nothing; it is only counted as jumps.
//!
//! For deadlines set before the first of that majority reported, a move counts as elapsed time: they pass or come
//! nearer. Later deadlines keep their remaining time, so a lock taken after a week's outage is not freed when the
//! outage is noticed.
//!
//! All of this depends only on commands and the state, so it is the same on every replica.

use super::Store;
use imbl::OrdSet;
use paxos_core::{NodeId, NodeSet};
use serde::{Deserialize, Serialize};

/// How far the store's time may be behind the wall clocks before they move it, in milliseconds.
pub const ALLOWANCE: u64 = 1_000;

/// What a server reports about time with each command. All times are in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// The store's time according to [`Clock::now`].
    pub clock: u64,
    /// How often the store's time had been moved. `clock` counts only while this number is current.
    pub moves: u64,
    /// The server's wall clock, since 1970.
    pub wall: u64,
    /// The server that reports.
    pub member: NodeId,
    /// The members of the cluster as the server knows them.
    pub members: NodeSet,
}

/// The store's time at one server between commands. It advances with the server's monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clock {
    time: u64,
    /// The monotonic clock at `time`.
    at: u64,
    moves: u64,
}

impl Clock {
    /// Takes over the time of `store` where it is ahead; `monotonic` is the server's monotonic clock.
    pub fn see(&mut self, store: &Store, monotonic: u64) {
        let moved = store.moves > self.moves;
        if moved || (store.moves == self.moves && store.time > self.now(monotonic)) {
            *self = Self { time: store.time, at: monotonic, moves: store.moves };
        }
    }

    /// The store's time now.
    pub fn now(&self, monotonic: u64) -> u64 {
        self.time.saturating_add(monotonic.saturating_sub(self.at))
    }

    /// How often the store's time had been moved when the server saw it last.
    pub fn moves(&self) -> u64 {
        self.moves
    }
}

/// A member whose wall clock is ahead of the store's time by more than [`ALLOWANCE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Ahead {
    pub(super) member: NodeId,
    pub(super) wall: u64,
    /// The store's version when the member first reported this.
    pub(super) since: u64,
}

impl Store {
    /// How often a member's wall clock was found to be ahead of the store's time by more than [`ALLOWANCE`].
    pub fn clock_jumps(&self) -> u64 {
        self.jumps
    }

    /// How often the store's time was moved, by the wall clocks of a majority or by an operator ([`super::Op::Clock`]).
    pub fn clock_moves(&self) -> u64 {
        self.moves
    }

    /// The members whose wall clocks are ahead of the store's time by more than [`ALLOWANCE`], with these clocks.
    pub fn ahead(&self) -> impl Iterator<Item = (NodeId, u64)> {
        self.ahead.iter().filter(|ahead| self.is_ahead(ahead.wall)).map(|ahead| (ahead.member, ahead.wall))
    }

    fn is_ahead(&self, wall: u64) -> bool {
        wall > self.time.saturating_add(ALLOWANCE)
    }

    /// Advances the time and removes the keys that are then due.
    pub(super) fn advance(&mut self, stamp: &Stamp) {
        if stamp.moves == self.moves {
            self.time = self.time.max(stamp.clock);
        }
        self.hear(stamp);
        self.expire_due();
    }

    /// Records a member's wall clock, and moves the time if a majority is ahead.
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
                // Before its first move the store's time is unrelated to wall clocks, so nothing counts as a jump.
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

    /// Sets the time for an operator. If it goes back, all deadlines keep their remaining time.
    pub(super) fn set_time(&mut self, to: u64) {
        self.move_time(to, self.version);
        self.expire_due();
    }

    /// Moves the time. Deadlines set after version `since` keep their remaining time, and all do if the time goes back.
    fn move_time(&mut self, to: u64, since: u64) {
        let from = std::mem::replace(&mut self.time, to);
        self.moves += 1;
        let entries = &mut self.entries;
        let moved = std::mem::take(&mut self.due).into_iter().map(|(at, name)| {
            let Some(entry) = entries.get_mut(&name).filter(|entry| to < from || entry.version > since)
            else {
                return (at, name);
            };
            // Like every deadline, it must fit the signed number that clients read.
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
