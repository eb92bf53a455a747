//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, as this machine has it. It is only ever proposed: what counts is what the log says.
pub fn wall_clock() -> u64 {
    wall_nanos() / 1_000_000
}

/// Nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a server tells its clock to the log, and to its trace")]
pub(super) fn wall_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
