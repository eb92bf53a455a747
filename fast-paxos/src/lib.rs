//! Fast Paxos.
mod acceptor;
mod choice;
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
use paxos_core::{Answer, Ballot, Config, Learning, NodeId, NodeSet, Phase, Protocol, Record, Setup, Value};

/// What the coordinator does when a slot of a fast ballot cannot be decided in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Recovery {
    /// It reads the votes as answers to phase 1 of the next step, and goes on with phase 2 of that.
    #[default]
    Coordinated,
    /// It starts a new term with a phase 1 of its own.
    Classic,
}

/// The knobs of Fast Paxos.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Options {
    /// What to do about collisions.
    pub recovery: Recovery,
    /// Whether votes also go to a coordinator that does not learn, so that it notices collisions. Without, it
    /// hears of trouble from clients that ask again.
    pub copy_votes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { recovery: Recovery::default(), copy_votes: true }
    }
}

/// The acceptors that clients send to: all, or if thrifty one fast quorum, the same for every client.
fn voters(config: &Config) -> NodeSet {
    if config.thrifty { config.quorums.minimal_quorum(Phase::TwoFast, NodeId(0)) } else { config.acceptors() }
}

/// Fast Paxos over values `V`, whose execution returns `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FastPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for FastPaxos<V, R> {
    const NAME: &'static str = "fast";
    type Value = V;
    type Reply = R;
    type Options = Options;
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

    fn hears_votes(setup: &Setup<Options>, ballot: Ballot) -> NodeSet {
        let hear = setup.config.hears_votes(ballot);
        if setup.options.copy_votes && setup.config.learning == Learning::Everyone {
            hear.union(NodeSet::only(ballot.owner).intersection(setup.config.proposers))
        } else {
            hear
        }
    }
}
