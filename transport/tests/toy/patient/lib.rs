//! Patient Paxos: a replicated log whose leader proposes in a slot only when it knows all lower slots.
//!
//! A run with two commands, of which the second waits until the first is chosen:
//!
//! ```text
#![doc = include_str!("run.txt")]
//! ```
//!
//! The benefit of patience: a vote in a slot implies that all lower slots are chosen. So a quorum of promises reports a
//! vote in each slot below the highest one reported, unless a higher ballot has already overtaken the proposer: a new
//! leader has no gap to fill, and no no-op is ever chosen. The cost: one command per round trip, however many wait; and
//! a leader that does not learn by itself continues only when a learner tells it how much is chosen.
//!
//! Safety rests on the same three rules as in any other variant:
//!
//! - an acceptor never votes below its promise, and reports its votes when it promises (`acceptor.rs`);
//! - a proposer proposes the value of the highest vote that a quorum of promises reports in the slot (`proposer.rs`);
//! - a learner waits for a quorum of acceptors that voted in one ballot (`learner.rs`).
//!
//! Paper: Lamport, *Paxos Made Simple*, §2.2 and §3, without the window of α commands.

mod acceptor;
mod client;
mod leader;
mod learner;
mod message;
mod proposer;

pub use acceptor::Acceptor;
pub use client::Client;
pub use leader::Leader;
pub use learner::Learner;
pub use message::{Accept, Accepted, Decision, Prepare, Promise};
pub use proposer::Proposer;

use core::marker::PhantomData;
use paxos_core::{Answer, Protocol, Record, Value};

/// Patient Paxos with values `V`; executing a value returns `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatientPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for PatientPaxos<V, R> {
    const NAME: &'static str = "patient";
    type Reply = R;
    type Options = ();
    paxos_core::types_by_name!(V);
}

paxos_core::dialect! {
    /// A protocol that uses these messages. The roles are written for any such protocol, so an experiment can replace one
    /// of them and keep the others.
    pub trait Dialect where Options = ()
}
