//! The clocks of a server: the wall's, and the store's time as it goes on here.

use super::member::Member;
use crate::kv::{ALLOWANCE, Clock, Stamp, Store};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use paxos_core::NodeId;
use paxos_transport::Uptime;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, as this machine has it. It is only ever told to the log: what counts is what the log says.
pub fn wall_clock() -> u64 {
    wall_nanos() / 1_000_000
}

/// Nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a server tells its clock to the log, and to its trace")]
pub(super) fn wall_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// How far a wall clock must be ahead of the store's time before a server tells the log, if there is nothing else to tell. It is more than
/// what counts there, so that a server tells it once in [`ALLOWANCE`] at most.
const WORTH_TELLING: u64 = 2 * ALLOWANCE;

/// What a server needs to know of time.
pub(super) struct Clocks {
    uptime: Uptime,
    wall: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The store's time. Before the replica was seen it says nothing that counts.
    store: Mutex<Clock>,
    /// Whether it was logged that the wall clock is apart from the store's time.
    apart: AtomicBool,
}

/// What a look at the replica's time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whether a key is due.
    pub(super) due: bool,
    /// Whether the log does not know yet that this server's wall clock is ahead, or that it is so no more.
    pub(super) untold: bool,
}

impl Clocks {
    /// With a wall clock, in milliseconds since 1970.
    pub(super) fn new(wall: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let apart = AtomicBool::new(false);
        Self { uptime: Uptime::new(), wall: Box::new(wall), store: Mutex::default(), apart }
    }

    /// The wall clock, in milliseconds since 1970.
    pub(super) fn wall(&self) -> u64 {
        (self.wall)()
    }

    fn monotonic(&self) -> u64 {
        u64::try_from(self.uptime.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn held(&self) -> MutexGuard<'_, Clock> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees a replica; the store's time by now.
    pub(super) fn see(&self, store: &Store) -> u64 {
        let mut clock = self.held();
        let now = self.monotonic();
        let moves = clock.moves();
        clock.see(store, now);
        if moves > 0 && clock.moves() > moves {
            tracing::warn!(
                time = store.time(),
                moves = clock.moves(),
                "the store's time was moved: by the wall clocks of a majority of the members, or by PAXOS CLOCK SET"
            );
        }
        clock.now(now)
    }

    /// Sees the replica of `id`; what follows from it.
    pub(super) fn judge(&self, id: NodeId, store: &Store) -> Seen {
        let (now, wall) = (self.see(store), self.wall());
        let told = store.ahead().any(|(member, wall)| member == id && wall > now + ALLOWANCE);
        let apart = wall.abs_diff(now) > WORTH_TELLING;
        if apart && store.clock_moves() > 0 && !self.apart.swap(true, Relaxed) {
            tracing::warn!(
                wall,
                store = now,
                "this member's wall clock is apart from the store's time; see PAXOS CLOCK"
            );
        }
        if !apart {
            self.apart.store(false, Relaxed);
        }
        let untold = if told { wall <= now + ALLOWANCE } else { wall > now + WORTH_TELLING };
        Seen { due: store.next_due().is_some_and(|at| at <= now), untold }
    }

    /// What a command of `member` says about time.
    pub(super) fn stamp(&self, member: &dyn Member) -> Stamp {
        let (clock, now) = (*self.held(), self.monotonic());
        Stamp {
            clock: clock.now(now),
            moves: clock.moves(),
            wall: self.wall(),
            member: member.id(),
            members: member.members().servers(),
        }
    }
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clocks").field("store", &*self.held()).finish_non_exhaustive()
    }
}
