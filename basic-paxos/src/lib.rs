//! Basic Paxos: a stream of commands, each agreed on in an instance of its own, with two full phases.
//!
//! Instances know nothing of each other: each slot has its own promises and votes, and any number of proposers
//! may try their luck in it. That costs two message delays a command more than Multi-Paxos, which goes through
//! phase 1 once for all slots, and it is the whole of what the theorem needs: everything else is economy.
//!
//! # A run
//!
//! Three servers, n0 leads and is the distinguished learner ([`simple`]), n3 is a client; one delay a hop, 1 ms:
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
//! `1.n0` is the ballot of round 1 that belongs to n0, `s0` the first slot, `c3#0` the first command of n3's
//! client. The next command takes the same way in `s1`, at the same time if there is one.
//!
//! # What always holds
//!
//! - A ballot belongs to one proposer, which begins it at most once in each slot, whatever crashes between.
//! - In one ballot of one slot at most one value is proposed.
//! - An acceptor's promise in a slot never falls, and it votes in no ballot below it; both outlive a crash.
//! - A ballot proposes the value of the highest vote that a quorum of promises reports, or, if it reports none,
//!   any: so a value that was chosen, or may yet be, in a lower ballot is the only one it can propose.
//! - Hence a slot never has two chosen values. No assumption on time, on who leads or on how many do is needed.
//!
//! # What needs time
//!
//! Two proposers that outbid each other in one slot may do so for ever. A refused one holds its instance and begins
//! no others until the [`Leader`] role lets it, after a random wait ([`leaderless`]) or when it is elected
//! ([`simple`]). A slot that a dead proposer left undecided is finished by another, with a no-op if nobody voted.
//!
//! # The papers
//!
//! Leslie Lamport, *Paxos Made Simple*, 2001, §2 (the instance) and §3 (one for each command); *The Part-Time
//! Parliament*, TOCS 16(2), 1998, §2 (the synod). Ballots are called proposal numbers in the former, votes
//! acceptances. Beyond them: quorums other than majorities, and refusals (an optimisation in §2.2 of the former).
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

/// The knob of this variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// How many instances there are, from slot 0 on: commands that find no slot are dropped. As many as it takes
    /// unless said otherwise; 1 makes it single-decree Paxos.
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
}

/// *Simple Paxos*: Basic Paxos with `n` servers of which each plays every role, and with one of them, n0 at first,
/// as distinguished proposer and distinguished learner (*Paxos Made Simple*, §2.3 to §2.5).
///
/// # Errors
/// [`QuorumError::NoAcceptors`] if `n` is 0.
pub fn simple(n: u16) -> Result<Config, QuorumError> {
    let mut config = Config::collapsed(n)?;
    config.learning = Learning::Distinguished;
    config.leadership = Leadership::Elected { first: Some(NodeId(0)) };
    Ok(config)
}

/// `n` servers of which each plays every role, and proposes whatever its clients ask it for. One that meets a
/// higher ballot waits before it tries again, 5 ms at first and up to 200 ms, at random.
///
/// # Errors
/// [`QuorumError::NoAcceptors`] if `n` is 0.
pub fn leaderless(n: u16) -> Result<Config, QuorumError> {
    let mut config = Config::collapsed(n)?;
    let backoff = Some((Duration::from_millis(5), Duration::from_millis(200)));
    config.leadership = Leadership::SelfAppointed { backoff };
    Ok(config)
}
