//! The laboratory: whole clusters in virtual time, in one thread, from one seed.
//!
//! A [`World`] says what the cluster is and what goes wrong in it; a [`Sim`] runs it. The nodes are the very ones
//! that serve in production. After every event the [`invariants`] are checked, of what was said and written and
//! not only of the outcome. Messages are counted by kind, runs drawn as pictures ([`Trace`]) and written as
//! JSON lines ([`Steps`]).
//!
//! At each moment of virtual time everything arrives first, and then each process has its turn: it takes in all
//! that has arrived, sends what may leave at once, writes, and then does what follows. A process whose disk takes
//! time does nothing else meanwhile. Equal worlds give equal runs, to the byte and on every machine.

mod chance;
mod counts;
mod draw;
mod facts;
pub mod invariants;
mod simulator;
mod steps;
mod trace;
mod world;

pub use chance::Chance;
pub use counts::Counts;
pub use invariants::{Breach, LAWS, Law, Violation};
pub use simulator::{
    Answered, Event, Fate, InFlight, Post, Reading, Seen, Sim, Stop, Submitted, Unread, Unsubmitted,
};
pub use steps::{Step, Steps};
pub use trace::{Note, Row, Trace, What};
pub use world::{Cut, Delay, Disk, Fault, Faults, Frame, Limit, Links, Service, Sites, Tail, World};
