//! A variant in the folder `patient`, which neither the core nor this crate knows. The conformance suite runs it
//! unchanged. `broken` replaces one of its roles at a time by one with a mistake, and shows which claim and which
//! invariant detect it. `docs/new-variant.md` describes how to make your own variant.

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
    seeds: Seeds { chaos: 200, messages: 1000, snapshots: 0, reads: 100, sessions: 100, limits: 100, rivals: 1 },
);
