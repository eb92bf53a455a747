//! A variant that neither the core nor this crate knows, in the folder `patient`, and everything that runs it
//! unchanged: the cluster in one thread, the simulator with its invariants, real hosts on tokio. `broken` replaces
//! one of its roles at a time by one that errs, and shows which invariant finds out. How to make a variant of
//! your own: `docs/new-variant.md`.

mod broken;
mod chaos;
mod local;
#[path = "patient/lib.rs"] // the name that it has as a crate of its own
pub mod patient;
mod roles;

use paxos_transport::conformance::Seeds;
use paxos_transport::conformance::cluster::Journal;

type Patient = patient::PatientPaxos<u64, u64>;

paxos_transport::conformance::suite!(
    Patient,
    compacts: false,
    rewrites: true,
    pieces: false,
    seeds: Seeds { chaos: 200, messages: 1000, snapshots: 0, reads: 100, sessions: 100 },
);
