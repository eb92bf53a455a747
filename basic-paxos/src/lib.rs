//! Basic Paxos: a replicated log in which each command is agreed on in its own instance, with two full phases.
//!
//! Instances are independent: each slot has its own promises and votes, and any number of proposers may compete for it.
//! This costs two message delays per command more than Multi-Paxos, which runs phase 1 once for all slots. It is all
//! that safety needs; the other variants only reduce the cost.
//!
//! # A run
//!
//! Three servers, n0 to n2: n0 leads and is the distinguished learner ([`simple`]). n3 is a client. Each hop takes 1
//! ms:
//!
//! ```text
//! ms  n0      n1      n2      n3
//!  0  |       |       |       !       submits c3#0
//!  0  |<------+-------+-------o       request c3#0
//!  1  o------>|------>|       |       prepare 1.n0 s0
//!  2  |<------o       |       |       promise 1.n0 s0
//!  2  |<------+-------o       |       promise 1.n0 s0
//!  3  o------>|------>|       |       accept 1.n0 s0 c3#0
//!  4  |<------o       |       |       accepted 1.n0 s0
//!  4  |<------+-------o       |       accepted 1.n0 s0
//!  5  o------>|------>|       |       decide 1.n0 s0
//!  5  *       |       |       |       learns s0 c3#0
//!  5  o-------+-------+------>|       reply s0 c3#0
//!  6  |       *       *       |       learns s0 c3#0
//!  6  |       |       |       =       has its answer to c3#0
//! ```
//!
//! `1.n0` is the ballot of round 1 that belongs to n0, `s0` is the first slot, and `c3#0` is the first command of n3's
//! client. The next command does the same in `s1`, at the same time if it has already arrived.
//!
//! # What always holds
//!
//! - A ballot belongs to one proposer, which starts it at most once in each slot, even across crashes.
//! - In one ballot, at most one value is proposed per slot.
//! - An acceptor's promise in a slot never decreases, and it votes in no ballot below it; both survive a crash.
//! - A ballot proposes the value of the highest vote reported by a quorum of promises, or any value if they report
//!   none. So if a value was chosen in a lower ballot, or still can be, the ballot can propose only that value.
//! - Hence a slot never has two chosen values. This needs no assumption about time, about who leads, or about how many
//!   do.
//!
//! # What needs time
//!
//! Two proposers that outbid each other in one slot may do so forever. So a refused proposer holds its instance and
//! begins no others until the [`Leader`] role lets it: after a random wait ([`leaderless`]), or when it is elected
//! ([`simple`]). If a dead proposer left a slot undecided, another one finishes it, with a no-op if no acceptor reports
//! a vote.
//!
//! # The papers
//!
//! Leslie Lamport, *Paxos Made Simple*, 2001, §2 (the instance) and §3 (one for each command); *The Part-Time
//! Parliament*, TOCS 16(2), 1998, §2 (the synod). Ballots are called proposal numbers in the former, votes
//! acceptances. Not in these papers: quorums other than majorities. Refusals are an optimisation in §2.2 of the former.
//!
//! Read on: [`Acceptor`], [`Proposer`], [`Learner`], [`Synod`] for a single value.

mod acceptor;
mod client;
mod gap;
mod instance;
mod leader;
mod learner;
mod message;
mod proposer;
mod queue;
mod synod;

pub use acceptor::Acceptor;
pub use client::Client;
pub use leader::Leader;
pub use learner::Learner;
pub use message::{Accept, Accepted, Decision, One, Prepare, Promise};
pub use paxos_core::Answer;
pub use proposer::Proposer;
pub use synod::{SingleDecree, Synod};

use core::marker::PhantomData;
use core::time::Duration;
use paxos_core::{Config, Leadership, Learning, NodeId, Protocol, QuorumError, Record, Value};

/// Basic Paxos over values `V`, whose execution returns `R`.
///
/// ```
/// use basic_paxos::{BasicPaxos, Options, simple};
/// use paxos_core::{Node, NodeId, Setup, Time};
///
/// let setup = Setup { id: NodeId(0), config: simple(3)?.into(), options: Options::default() };
/// let mut leader = Node::<BasicPaxos<u64, ()>>::new(setup, Time(0));
/// leader.submit(Time(1), 42).expect("there is room");
/// assert_eq!(leader.ready().records().len(), 2); // its round, and its own promise for slot 0
/// # Ok::<(), paxos_core::QuorumError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BasicPaxos<V, R>(PhantomData<(V, R)>);

/// The options of Basic Paxos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The number of instances, from slot 0 on. Commands that find no slot are dropped. The default is unlimited; 1
    /// makes it single-decree Paxos.
    pub slots: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { slots: u64::MAX }
    }
}

impl<V: Value, R: Answer> Protocol for BasicPaxos<V, R> {
    const NAME: &'static str = "basic";
    const CHANGES: bool = true;
    type Reply = R;
    type Options = Options;
    paxos_core::types_by_name!(V);
}

/// *Simple Paxos*: Basic Paxos with `n` servers that each play every role. One of them, n0 at first, is the
/// distinguished proposer and distinguished learner (*Paxos Made Simple*, §2.3 to §2.5).
///
/// # Errors
/// [`QuorumError::NoAcceptors`] if `n` is 0.
pub fn simple(n: u16) -> Result<Config, QuorumError> {
    let mut config = Config::collapsed(n)?;
    config.learning = Learning::Distinguished;
    config.leadership = Leadership::Elected { first: Some(NodeId(0)) };
    Ok(config)
}

/// Basic Paxos with `n` servers that each play every role and propose the commands of their own clients. A server that
/// meets a higher ballot waits a random time before it tries again, 5 ms at first and up to 200 ms.
///
/// # Errors
/// [`QuorumError::NoAcceptors`] if `n` is 0.
pub fn leaderless(n: u16) -> Result<Config, QuorumError> {
    let mut config = Config::collapsed(n)?;
    let backoff = Some((Duration::from_millis(5), Duration::from_millis(200)));
    config.leadership = Leadership::SelfAppointed { backoff };
    Ok(config)
}
