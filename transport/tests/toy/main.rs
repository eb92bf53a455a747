//! A variant that neither the core nor this crate knows, in the folder `patient`. The suite that every variant passes runs
//! it unchanged. `broken` replaces one of its roles at a time by one that errs, and shows which claim and which invariant
//! find out. How to make a variant of your own: `docs/new-variant.md`.

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
    seeds: Seeds { chaos: 200, messages: 1000, snapshots: 0, reads: 100, sessions: 100, rivals: 1 },
);
