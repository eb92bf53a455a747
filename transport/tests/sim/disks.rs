//! Restarts, snapshots and lost disks: what a process finds on its disk when it restarts.

mod amnesia;
mod restart;
mod snapshots;
