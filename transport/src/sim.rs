//! The laboratory: whole clusters in virtual time, on one thread, from one seed.
//!
//! A [`World`] describes the cluster and its faults; a [`Sim`] runs it, with the same nodes that run in production.
//! After every event it checks the [`invariants`], against all messages and records and not only the outcome. It
//! counts messages by kind, draws runs as pictures ([`Trace`]), and writes them as JSON lines ([`Steps`]).
//!
//! At each moment of virtual time, all messages arrive first. Then each process has its turn: it handles what has
//! arrived, sends what may leave at once, writes, and then does what follows from the write. A process whose disk
//! takes time does nothing else meanwhile. Equal worlds give equal runs, to the byte and on every machine.

mod chance;
mod counts;
mod draw;
mod facts;
mod harm;
pub mod invariants;
mod simulator;
mod steps;
mod trace;
mod world;

pub use chance::Chance;
pub use counts::Counts;
pub use facts::label;
pub use harm::Harm;
pub use invariants::{Breach, LAWS, Law, Violation};
pub use simulator::{
    Answered, Event, Fate, InFlight, Post, Reading, Seen, Sim, Stop, Submitted, Unread, Unsubmitted,
};
pub use steps::{Step, Steps};
pub use trace::{Note, Row, Trace, What};
pub use world::{Cut, Delay, Disk, Fault, Faults, Frame, Limit, Links, Service, Sites, Tail, World};
