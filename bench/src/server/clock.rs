//! A server's clocks: the wall clock, and the store's time as it advances on this server.

use super::member::Member;
use crate::kv::{ALLOWANCE, Clock, Stamp, Store};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use paxos_core::NodeId;
use paxos_transport::Uptime;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's time in milliseconds since 1970. It is only reported to the log, and the log decides.
pub fn wall_clock() -> u64 {
    wall_nanos() / 1_000_000
}

/// Nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a server tells its clock to the log, and to its trace")]
pub(super) fn wall_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// How far a wall clock must be ahead of the store's time before a server proposes a command only to report it. It
/// exceeds the limit of the store, so that a server reports at most once per [`ALLOWANCE`].
const WORTH_TELLING: u64 = 2 * ALLOWANCE;

/// The clocks of one server.
pub(super) struct Clocks {
    uptime: Uptime,
    wall: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The store's time. It has no meaning before the server has seen the replica.
    store: Mutex<Clock>,
    /// Whether a difference between the wall clock and the store's time has been logged.
    apart: AtomicBool,
}

/// The result of comparing it with the replica's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whether a key is due.
    pub(super) due: bool,
    /// Whether the log has yet to learn that this server's wall clock is ahead, or no longer is.
    pub(super) untold: bool,
}

impl Clocks {
    /// Creates the clocks from a wall clock in milliseconds since 1970.
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

    /// Takes over the time of a replica, and returns the store's time now.
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

    /// Reads the state of member `id` and returns what it shows.
    pub(super) fn judge(&self, id: NodeId, store: &Store) -> Seen {
        let (now, wall) = (self.see(store), self.wall());
        let told = store.ahead().any(|(member, wall)| member == id && wall > now + ALLOWANCE);
        let apart = wall.abs_diff(now) > WORTH_TELLING;
        if apart && store.clock_moves() > 0 && !self.apart.swap(true, Relaxed) {
            tracing::warn!(
                wall,
                store = now,
                "this member's wall clock differs from the store's time; see PAXOS CLOCK"
            );
        }
        if !apart {
            self.apart.store(false, Relaxed);
        }
        let untold = if told { wall <= now + ALLOWANCE } else { wall > now + WORTH_TELLING };
        Seen { due: store.next_due().is_some_and(|at| at <= now), untold }
    }

    /// Returns the stamp for a command of `member`.
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
