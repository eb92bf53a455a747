//! Multi-Paxos: a replicated log with a stable leader.
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
pub use paxos_core::Answer;
pub use proposer::Proposer;

use core::marker::PhantomData;
use paxos_core::{Protocol, Record, Value};

/// Multi-Paxos over values `V`, whose execution returns `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MultiPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for MultiPaxos<V, R> {
    const NAME: &'static str = "multi";
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
