//! Fast Paxos: a replicated log in which clients send to the acceptors directly.
//!
//! In a fast ballot an acceptor votes for whatever a client sends it, in the next free slot, without waiting for a
//! leader: a command is learned two message delays after its client sent it, where Multi-Paxos needs three. The price:
//! larger quorums, and when clients ask at the same moment their commands may meet in one slot, in different order at
//! different acceptors. Such a *collision* costs one more delay, two or four: see [`Recovery`].
//!
//! # A run
//!
//! Four servers n0 to n3, each proposer, acceptor and learner; n0 leads, has opened a fast ballot and is the
//! distinguished learner; n4 is a client. Every message takes 1 ms; `o` sends, `<` and `>` receive:
//!
//! ```text
//! ms  n0      n1      n2      n3      n4
//!  0  |       |       |       |       !       submits c4#0
//!  0  |<------|<------|<------|<------o       request c4#0
//!  1  |<------o       |       |       |       accepted 1.n0+1f s0 c4#0
//!  1  |<------+-------o       |       |       accepted 1.n0+1f s0 c4#0
//!  1  |<------+-------+-------o       |       accepted 1.n0+1f s0 c4#0
//!  2  o------>|------>|------>|       |       decide 1.n0+1f s0 c4#0
//!  2  *       |       |       |       |       learns s0 c4#0
//!  2  o-------+-------+-------+------>|       reply s0 c4#0
//!  3  |       *       *       *       |       learns s0 c4#0
//!  3  |       |       |       |       =       has its answer to c4#0
//! ```
//!
//! A collision of three servers with clients beside n0 and n1, and coordinated recovery. A fast quorum of three needs
//! all of them, and n0 voted for the one command first, n1 for the other:
//!
//! ```text
//! ms  n0      n1      n2
//!  0  !       |       |       submits c0#0
//!  0  |       !       |       submits c1#0
//!  0  o------>|------>|       request c0#0
//!  0  |<------o------>|       request c1#0
//!  0  |<------o       |       accepted 1.n0+1f s0 c1#0
//!  1  o------>|------>|       accept 1.n0+2 s0 c0#0, any 1.n0+1f s0-
//!  1  |<------o       |       accepted 1.n0+1f s1 c0#0
//!  1  |<------+-------o       accepted 1.n0+1f s0-1 c0#0 c1#0
//!  2  o------>|------>|       accept 1.n0+2 s1 c1#0, any 1.n0+1f s0-
//!  2  |<------o       |       accepted 1.n0+2 s0 c0#0
//!  2  |<------o       |       accepted 1.n0+1f s2 c1#0
//!  2  |<------+-------o       accepted 1.n0+2 s0 c0#0
//!  3  o------>|------>|       decide 1.n0+2 s0 c0#0
//!  3  *       |       |       learns s0 c0#0
//!  3  =       |       |       has its answer to c0#0
//!  3  |<------o       |       accepted 1.n0+2 s1 c1#0
//!  3  |<------+-------o       accepted 1.n0+2 s1 c1#0
//!  4  o------>|------>|       decide 1.n0+2 s1 c1#0
//!  4  *       |       |       learns s1 c1#0
//!  4  |       *       *       learns s0 c0#0
//!  5  |       *       |       learns s1 c1#0
//!  5  |       =       |       has its answer to c1#0
//!  5  |       |       *       learns s1 c1#0
//! ```
//!
//! `1.n0+1f` is step 1, a fast ballot, in the term of round 1 that belongs to n0; `1.n0+2` is step 2 of that term.
//!
//! The same collision with uncoordinated recovery: the acceptors hear each other's votes, and vote in step 2 by themselves:
//!
//! ```text
//! ms  n0      n1      n2
//!  0  !       |       |       submits c0#0
//!  0  |       !       |       submits c1#0
//!  0  o------>|------>|       request c0#0
//!  0  o------>|------>|       accepted 1.n0+1f s0 c0#0
//!  0  |<------o------>|       request c1#0
//!  0  |<------o------>|       accepted 1.n0+1f s0 c1#0
//!  1  o------>|------>|       accepted 1.n0+2f s0 c0#0
//!  1  o------>|------>|       accepted 1.n0+1f s1 c1#0
//!  1  |<------o------>|       accepted 1.n0+2f s0 c0#0
//!  1  |<------o------>|       accepted 1.n0+1f s1 c1#0
//!  1  |<------|<------o       accepted 1.n0+2f s0 c0#0
//!  1  |<------|<------o       accepted 1.n0+1f s1 c1#0
//!  2  o------>|------>|       decide 1.n0+2f s0 c0#0
//!  2  o------>|------>|       decide 1.n0+1f s1 c1#0
//!  2  *       |       |       learns s0 c0#0
//!  2  *       |       |       learns s1 c1#0
//!  2  =       |       |       has its answer to c0#0
//!  2  |       *       |       learns s0 c0#0
//!  2  |       *       |       learns s1 c1#0
//!  2  |       =       |       has its answer to c1#0
//!  2  |       |       *       learns s0 c0#0
//!  2  |       |       *       learns s1 c1#0
//! ```
//!
//! # Why fast quorums are larger
//!
//! In a classic ballot there is one proposed value, so one vote tells a new leader what may have been chosen. In a fast
//! one there may be many. Take five acceptors and suppose three votes were enough in a fast ballot. A new leader hears
//! from n0, n1 and n3, a majority, that n0 and n1 voted for *v* and n3 for *w*. If n2, which it cannot hear, voted for *v*,
//! then n0, n1 and n2 have chosen *v*; if n2 and n4 voted for *w*, then n2, n3 and n4 have chosen *w*. It cannot know, and
//! whatever it proposes may be wrong.
//!
//! With fast quorums of four, *w* has at most the votes of n2, n3 and n4, which are too few, while *v* may have those of
//! n0, n1, n2 and n4: *v* it must be. The law behind it: any two fast quorums and any phase 1 quorum have an acceptor in
//! common. For quorums by number that is |Q1| + 2·|Qf| > 2n: here 3 + 2·4 > 10, but 3 + 2·3 < 10. See
//! [`paxos_core::QuorumSystem`], whose constructors prove it.
//!
//! # The steps of a term
//!
//! A term is what one phase 1 of one coordinator covers. Its ballots follow each other without any other between:
//!
//! | step | kind | what happens in it |
//! |---|---|---|
//! | 0 | classic | phase 1, for all slots at once; then phase 2 for what may have been chosen, and for commands that wait |
//! | 1 | fast | *any*: all slots behind are open to what clients send |
//! | 2 | classic | phase 2 only, for the slots of step 1 that collided |
//!
//! With uncoordinated recovery:
//!
//! | step | kind | what happens in it |
//! |---|---|---|
//! | 0, 1 | | as above; *any* names a phase 1 quorum |
//! | 2 | fast | acceptors that see a collision in a slot of step 1 vote there for what the votes of that quorum tell |
//! | 3 | classic | phase 2 only, for slots that step 2 did not decide in time |
//!
//! Coordinated recovery goes from step 1 to step 2 without a phase 1 in between: it reads the votes of step 1 (2b) as the
//! promises of step 2 (1b). That is safe because they say the same. A promise for step 2 says: this is my highest vote in
//! this slot below step 2, and I shall cast no other one there. An acceptor that voted in step 1 can have no higher vote
//! below step 2, since no ballot lies between the two; it votes once a ballot, so no other one in step 1; and never again
//! below a ballot in which it voted. Acceptors that were not heard may still vote in step 1, and are counted as if they had,
//! for whichever value. Were a foreign ballot between the two steps, a value could be chosen there unseen.
//!
//! What step 2 proposes is given by the votes heard (Lamport's rule O4): a value that, with all unheard acceptors, would have
//! a fast quorum, must be proposed; there is at most one. If only one value was voted for, it is that. Else any command that
//! was voted for will do, and the losers are voted for again in free slots.
//!
//! Uncoordinated recovery goes from step 1 to step 2 by the same argument, made by each acceptor for itself: it has heard the
//! votes of a whole phase 1 quorum in step 1, so its own vote in step 2 is as safe as a coordinator's proposal would be. That
//! all read the votes of the same quorum, and break ties by the same rule, makes them vote for the same, so that
//! one more delay decides. It is no matter of safety: were they to differ, step 2 is a fast ballot, its votes are counted as
//! such, and what comes after it is chosen by O4 again. Who voted in step 2 of a slot votes there in step 1 no more. The
//! coordinator must not read votes of step 1 as promises for step 3, for whoever cast them may have voted in step 2,
//! unheard; those of step 2 it may.
//!
//! A collision is noticed as soon as no value can win any more, or when votes are missing for too long. With
//! [`Recovery::Classic`], and where too few votes are heard, a new term is started instead. If less than a fast quorum of the
//! acceptors lives, the leader opens no fast ballot and goes on as in Multi-Paxos; and so it does, if that is wanted, while
//! too many slots collide ([`Hysteresis`]).
//!
//! # The messages
//!
//! | message | in the papers | from | to | says |
//! |---|---|---|---|---|
//! | [`paxos_core::Request`] | – | client | acceptors (and the leader) | vote for this in your next free slot |
//! | [`Prepare`] | 1a | proposer | acceptors | promise this term, for all slots from `from` on |
//! | [`Promise`] | 1b | acceptor | that proposer | promised; these are my votes from there on, as many as fit into a message |
//! | [`Accept`] with values | 2a | proposer | acceptors | vote for these values in these slots, in step 0, 2 or 3 |
//! | [`Accept`] with [`Any`] | 2a, *any* | proposer | acceptors | from this slot on, vote in step 1 for what clients send |
//! | [`Accepted`] | 2b | acceptor | learners, the coordinator; acceptors, if they recover | I voted for these values in these slots |
//! | [`Decision`] | – | distinguished learner | learners | these values are chosen in these slots |
//! | [`paxos_core::Nack`] | – | acceptor | proposer | no, there is a higher ballot |
//!
//! # What always holds
//!
//! - A term belongs to one proposer, which starts it at most once, whatever crashes between.
//! - In a classic ballot of one slot at most one value is proposed; in a fast one none is: *any* opens only slots in which
//!   the term has proposed nothing, and no value follows it there in the same ballot.
//! - An acceptor's promise never falls, and it votes in no term below. In each slot it votes at most once a ballot, and its
//!   votes go up. All this is on disk before it is said.
//! - What a ballot proposes is safe: no other value was or can be chosen in a lower one. Acceptors are counted for that, by
//!   name, and never messages or values.
//! - Votes of a fast ballot are counted against fast quorums, of a classic one against classic ones, never together.
//! - Hence a slot never has two chosen values. A command may have two slots and executes once, by its name; a loser of a
//!   collision is voted for again without any help of its client.
//!
//! # Where this departs from the paper
//!
//! - The paper has one instance and numbers its rounds; here one phase 1 serves a log, as in Multi-Paxos, and
//!   rounds are steps of terms, so that "round i+1 of the same coordinator" always exists.
//! - Quorums may be any that obey the law, those of Fast Flexible Paxos among them.
//! - The coordinator decides that a slot collided by what can still be reached, not when a quorum has answered.
//! - An acceptor fills its slots in the order in which commands come to it, those that come together at the end of a turn, so that
//!   a promise made meanwhile is kept.
//! - Clients that were not answered ask everyone, the leader included, which then proposes in a classic ballot.
//! - A command that comes to an acceptor while no fast ballot is open waits there for one, unless a leader proposes it.
//! - In uncoordinated recovery an acceptor goes on only where it sees a collision, or hears that another one did; the
//!   quorum that *any* names is one of acceptors that answered in this term, and is the same for all slots of the ballot.
//! - Of values that may be proposed and have equally many votes, uncoordinated recovery takes another one in each slot, so
//!   that two commands which meet in two slots get one each.
//!
//! # The papers
//!
//! Leslie Lamport, *Fast Paxos*, Distributed Computing 19(2), 2006: classic rounds, fast rounds,
//! quorums and rule O4, and in §3.2 recovery. Heidi Howard, Aleksey Charapko, Richard Mortier, *Fast Flexible Paxos: Relaxing Quorum Intersection for Fast
//! Paxos*, ICDCN 2021. When it does not pay: Flavio Junqueira, Yanhua Mao, Keith Marzullo, *Classic Paxos vs. Fast Paxos: Caveat
//! Emptor*, `HotDep` 2007. Rounds are called ballots here.
//!
//! Read on: [`Acceptor`], [`Proposer`], [`Learner`], [`Client`].

mod acceptor;
mod choice;
mod client;
mod leader;
mod learner;
mod message;
#[cfg(feature = "mistakes")]
mod mistakes;
mod proposer;

pub use acceptor::Acceptor;
pub use client::Client;
pub use leader::Leader;
pub use learner::Learner;
pub use message::{Accept, Accepted, Any, Decision, Prepare, Promise};
#[cfg(feature = "mistakes")]
pub use mistakes::Mistake;
pub use proposer::{Proposer, Switches};

use core::marker::PhantomData;
use paxos_core::{Answer, Ballot, Config, Learning, NodeId, NodeSet, Phase, Protocol, Record, Setup, Value};

/// What the coordinator does when a slot of a fast ballot cannot be decided in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Recovery {
    /// It reads the votes as answers to phase 1 of the next step, and goes on with phase 2 of that.
    #[default]
    Coordinated,
    /// The acceptors hear each other's votes, and go on by themselves: each reads those of the quorum that the
    /// coordinator named with *any* as answers to phase 1 of the next step, which is fast too, and votes in it. If that
    /// does not decide, since something was lost, the coordinator goes on from there.
    Uncoordinated,
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
    /// When a leader does without fast ballots because they collide too often. None: never.
    pub hysteresis: Option<Hysteresis>,
    /// For tests: what every process gets wrong.
    #[cfg(feature = "mistakes")]
    pub mistake: Option<Mistake>,
}

/// When a leader leaves fast ballots, and when it comes back to them. It looks at the last `window` slots. In fast
/// ballots it counts those that collided, whoever recovered them: with
/// `collided` of them it starts a term without a fast ballot. There it counts slots that were proposed while a command
/// of another client was under way, which would have met it in a fast ballot: with `calm` of them or fewer, of a whole
/// window, it opens one again. Each time it begins to count anew.
///
/// A coordinator must hear votes to count; where roles are apart and clients send to the acceptors alone, their
/// commands reach a leader without a fast ballot only when they ask again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hysteresis {
    /// How many slots it looks back.
    pub window: u32,
    /// So many collided slots among them are too many.
    pub collided: u32,
    /// So many contended slots among them are few enough.
    pub calm: u32,
}

impl Default for Hysteresis {
    /// Out when half of 32 slots collided, since a collision costs about two delays and a fast ballot saves
    /// one; back in when at most 4 of 32 would have.
    fn default() -> Self {
        Self { window: 32, collided: 16, calm: 4 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            recovery: Recovery::default(),
            copy_votes: true,
            hysteresis: None,
            #[cfg(feature = "mistakes")]
            mistake: None,
        }
    }
}

/// The acceptors that clients send to: all, or if thrifty one fast quorum, the same for every client.
fn voters(config: &Config) -> NodeSet {
    if config.thrifty { config.quorums.minimal_quorum(Phase::TwoFast, NodeId(0)) } else { config.acceptors() }
}

/// Fast Paxos over values `V`, whose execution returns `R`.
///
/// Four servers in one thread, which add up what they are told; three of them are a fast quorum:
///
/// ```
/// use fast_paxos::{FastPaxos, Options};
/// use paxos_core::{Config, NodeId, Slot, StateMachine, Timeouts};
/// use paxos_transport::LocalCluster;
///
/// struct Sum(u64);
/// impl StateMachine for Sum {
///     type Command = u64;
///     type Reply = u64;
///     fn apply(&mut self, _slot: Slot, n: &u64) -> u64 {
///         self.0 += n;
///         self.0
///     }
/// }
///
/// let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(4)? };
/// let mut cluster = LocalCluster::<FastPaxos<u64, u64>, _>::new(config, &Options::default(), |_| Sum(0));
/// assert!(cluster.node(NodeId(3)).acceptor().is_some_and(|acceptor| acceptor.opened().is_some()));
/// cluster.stop(NodeId(2));
/// cluster.propose(NodeId(3), 42)?; // any server will do: nobody waits for the leader
/// cluster.run();
/// assert_eq!(cluster.outcomes().filter_map(|outcome| outcome.reply()).collect::<Vec<_>>(), [42]);
/// assert_eq!(cluster.machine(NodeId(1)).0, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FastPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for FastPaxos<V, R> {
    const NAME: &'static str = "fast";
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

    fn hears_votes(setup: &Setup<Options>, ballot: Ballot) -> NodeSet {
        let mut hear = setup.config.hears_votes(ballot);
        if ballot.fast && setup.options.recovery == Recovery::Uncoordinated {
            hear = hear.union(setup.config.acceptors());
        }
        if setup.options.copy_votes && setup.config.learning == Learning::Everyone {
            hear.union(NodeSet::only(ballot.owner).intersection(setup.config.proposers))
        } else {
            hear
        }
    }
}
