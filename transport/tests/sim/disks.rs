//! What processes have on disk when they start again: all of it, a snapshot with what follows, or what somebody put there.

mod amnesia;
mod restart;
mod snapshots;
