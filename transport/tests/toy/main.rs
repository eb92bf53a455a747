//! A variant that neither the core nor this crate knows, in the folder `patient`, and everything that runs it
//! unchanged: the cluster in one thread, the simulator with its invariants, real hosts on tokio. `broken` replaces
//! one of its roles at a time by one that errs, and shows which invariant finds out. How to make a variant of
//! your own: `docs/new-variant.md`.

mod broken;
mod chaos;
mod host;
mod local;
#[path = "patient/lib.rs"] // the name that it has as a crate of its own
pub mod patient;
mod roles;

use paxos_core::{Slot, StateMachine};

/// Remembers every command it executed, and answers with its place among them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Journal(Vec<u64>);

impl StateMachine for Journal {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, command: &u64) -> u64 {
        self.0.push(*command);
        self.0.len() as u64 - 1
    }
}

type Patient = patient::PatientPaxos<u64, u64>;
