//! A variant that neither the core nor this crate knows, with Raft's rule of election: an acceptor refuses a candidate whose log
//! is behind its own (the folder `abreast`). The suite that every variant passes runs it unchanged. `roles` states the rule in
//! claims about single calls. `broken` makes one mistake at a time, and shows what finds it.

#[path = "abreast/lib.rs"] // the name that it has as a crate of its own
pub mod abreast;

mod broken;
mod roles;

use paxos_transport::conformance::Seeds;

type Abreast = abreast::AbreastPaxos<u64, u64>;

paxos_transport::conformance::suite!(
    Abreast,
    compacts: false,
    pieces: false,
    gaps: false,
    hasty: false,
    seeds: Seeds { chaos: 200, messages: 1000, snapshots: 0, reads: 60, sessions: 100, limits: 100, rivals: 1 },
);
