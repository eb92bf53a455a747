//! Shows the store's time to operators, and sets it.

use super::Front;
use crate::kv::{Op, Ops, Reply, Store, natural};
use crate::server::batcher::or_failure;
use crate::server::clock::Clocks;
use paxos_core::{Consistency, NodeId};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The store's time and this member's wall clock, in milliseconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Times {
    pub(super) store: u64,
    pub(super) wall: u64,
    pub(super) jumps: u64,
    pub(super) moves: u64,
    /// Members whose wall clocks are ahead, with the last wall time that each reported.
    pub(super) others: Vec<(NodeId, u64)>,
}

impl Times {
    pub(super) fn of(store: &Store, clocks: &Clocks) -> Self {
        Self {
            store: clocks.see(store),
            wall: clocks.wall(),
            jumps: store.clock_jumps(),
            moves: store.clock_moves(),
            others: store.ahead().collect(),
        }
    }

    /// How far the wall clock is ahead of the store's time; 0 before the first command, when the store has no time.
    pub(super) fn ahead(&self) -> i64 {
        if self.store == 0 {
            return 0;
        }
        i64::try_from(i128::from(self.wall) - i128::from(self.store)).unwrap_or(i64::MAX)
    }
}

/// `PAXOS CLOCK`.
pub(super) async fn show(front: &Front) -> Result<Reply, String> {
    let (sender, times) = oneshot::channel();
    let clocks = Arc::clone(&front.clocks);
    // An error means that the request is no longer waiting.
    let query = Box::new(move |store: &Store| drop(sender.send(Times::of(store, &clocks))));
    front.member.query(Consistency::Local, query).await.map_err(|error| format!("ERR {error}"))?;
    let times = times.await.map_err(|_| "ERR this member stops")?;
    let number = |n: u64| Reply::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let other = |(member, wall): &(NodeId, u64)| {
        Reply::Array(vec![Reply::Int(member.0.into()), number(wall.saturating_sub(times.store))])
    };
    let fields = [
        ("store_ms", number(times.store)),
        ("wall_ms", number(times.wall)),
        ("ahead_ms", Reply::Int(times.ahead())),
        ("jumps", number(times.jumps)),
        ("moves", number(times.moves)),
        ("members_ahead", Reply::Array(times.others.iter().map(other).collect())),
    ];
    Ok(Reply::Map(fields.into_iter().map(|(name, value)| (Reply::text(name), value)).collect()))
}

/// The longest distance from the wall clock to which the store's time is set without FORCE, in milliseconds. Seconds or
/// microseconds in place of milliseconds are much farther away.
const PLAUSIBLE: u64 = 24 * 60 * 60 * 1000;

/// `PAXOS CLOCK SET ms [FORCE]`: answers with the previous time.
pub(super) async fn set(to: &[u8], forced: bool, front: &Front) -> Result<Reply, String> {
    let to = natural(to)
        .filter(|to| i64::try_from(*to).is_ok())
        .ok_or("ERR the store's time is set to a number of milliseconds since 1970")?;
    let wall = front.clocks.wall();
    if !forced && to.abs_diff(wall) > PLAUSIBLE {
        return Err(format!(
            "ERR not done: {to} is more than a day from this member's wall clock, {wall} (both in milliseconds since 1970), \
             and keys that are due by the new time are removed. FORCE does it anyway"
        ));
    }
    let mut ops = Ops::default();
    ops.push(&Op::Clock(to));
    Ok(or_failure(&front.batcher.run(ops).await, 0))
}

#[cfg(test)]
pub(super) mod tests;
