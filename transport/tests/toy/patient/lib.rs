//! Patient Paxos: a replicated log whose leader proposes a slot only when it knows what all lower ones hold.
//!
//! Two commands at once, of which the second waits until the first is chosen:
//!
//! ```text
#![doc = include_str!("run.txt")]
//! ```
//!
//! What patience buys: a vote in a slot says that all lower slots are chosen. So a quorum of promises reports a
//! vote in each slot below the highest one reported, unless a higher ballot has overtaken the asker already: a new
//! leader has no gap to fill, and no no-op is ever chosen. What it costs: one command a round trip, however many
//! wait; and a leader that does not learn by itself goes on only when a learner tells how far it has got.
//!
//! Safety rests on the same three sentences as in any other variant:
//!
//! - an acceptor never votes below its promise, and tells of its votes when it promises (`acceptor.rs`);
//! - a proposer proposes the highest vote that a quorum of promises reports in the slot (`proposer.rs`);
//! - a learner believes a quorum of acceptors that voted in one ballot (`learner.rs`).
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

/// Patient Paxos over values `V`, whose execution returns `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatientPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for PatientPaxos<V, R> {
    const NAME: &'static str = "patient";
    type Value = V;
    type Reply = R;
    type Options = ();
    type Prepare = Prepare;
    type Promise = Promise<V>;
    type Accept = Accept<V>;
    type Accepted = Accepted<V>;
    type Decision = Decision<V>;
    type Record = Record<V>;
    type Client = Client<V>;
    type Proposer = Proposer<V>;
    type Acceptor = Acceptor<V>;
    type Learner = Learner<V>;
    type Leader = Leader;
}

/// A protocol that speaks these messages. The roles are written for any such protocol, so that an experiment
/// can replace one of them and keep the others.
pub trait Dialect<V: Value>:
    Protocol<
        Value = V,
        Options = (),
        Prepare = Prepare,
        Promise = Promise<V>,
        Accept = Accept<V>,
        Accepted = Accepted<V>,
        Decision = Decision<V>,
        Record = Record<V>,
    >
{
}

impl<V: Value, P> Dialect<V> for P where
    P: Protocol<
            Value = V,
            Options = (),
            Prepare = Prepare,
            Promise = Promise<V>,
            Accept = Accept<V>,
            Accepted = Accepted<V>,
            Decision = Decision<V>,
            Record = Record<V>,
        >
{
}
