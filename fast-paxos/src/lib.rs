//! Fast Paxos: a replicated log in which clients send to the acceptors directly.
//!
//! In a fast ballot, an acceptor votes for whatever a client sends it, in its next free slot, without waiting for a
//! leader. A command is learned two message delays after its client sent it, where Multi-Paxos needs three. The price
//! is larger quorums, and collisions: when clients send at the same moment, their commands may reach different
//! acceptors in different order and meet in one slot. Such a *collision* costs one, two or four more delays: see
//! [`Recovery`].
//!
//! # A run
//!
//! Four servers, n0 to n3, are each proposer, acceptor and learner. n0 leads, has opened a fast ballot and is the
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
//! The next run shows a collision among three servers with clients beside n0 and n1, and coordinated recovery. A fast
//! quorum of three servers needs all of them. n0 voted for one command first, and n1 for the other:
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
//! The next run shows the same collision with uncoordinated recovery. The acceptors hear each other's votes and vote in
//! step 2 by themselves:
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
//! A classic ballot proposes one value, so a single vote tells a new leader what may have been chosen. In a fast
//! ballot, acceptors may vote for many values. Take five acceptors, and suppose that three votes were enough in a fast
//! ballot. A new leader hears from n0, n1 and n3, a majority: n0 and n1 voted for *v*, and n3 for *w*. It cannot hear
//! n2 and n4. If n2 voted for *v*, then n0, n1 and n2 have chosen *v*. If n2 and n4 voted for *w*, then n2, n3 and n4
//! have chosen *w*. The leader cannot tell which, so whatever it proposes may be wrong.
//!
//! With fast quorums of four, *w* has at most the votes of n2, n3 and n4, which are too few, while *v* may have those
//! of n0, n1, n2 and n4. So the leader must propose *v*. The law behind this: any two fast quorums and any phase 1
//! quorum have an acceptor in common. For quorums by number, this means |Q1| + 2·|Qf| > 2n: here 3 + 2·4 > 10, but 3 +
//! 2·3 < 10. See [`paxos_core::QuorumSystem`], whose constructors prove it.
//!
//! # The steps of a term
//!
//! One phase 1 of one coordinator covers one term. The ballots of a term follow each other with no other ballot
//! between:
//!
//! | step | kind | what happens in it |
//! |---|---|---|
//! | 0 | classic | phase 1, for all slots at once; then phase 2 for values that may have been chosen, and for waiting commands |
//! | 1 | fast | *any*: all later slots are open to what clients send |
//! | 2 | classic | phase 2 only, for the slots of step 1 that collided |
//!
//! With uncoordinated recovery:
//!
//! | step | kind | what happens in it |
//! |---|---|---|
//! | 0, 1 | | as above; *any* names a phase 1 quorum |
//! | 2 | fast | acceptors that see a collision in a slot of step 1 vote there for the value that the votes of that quorum determine |
//! | 3 | classic | phase 2 only, for slots that step 2 did not decide in time |
//!
//! Coordinated recovery goes from step 1 to step 2 without a phase 1: it reads the votes of step 1 (2b) as promises for
//! step 2 (1b). This is safe because both say the same. A promise for step 2 says: this is my highest vote in this slot
//! below step 2, and I shall cast no other vote below step 2. An acceptor that voted in step 1 has no higher vote below
//! step 2, because no ballot lies between the two. It votes once per ballot, so it casts no other vote in step 1, and
//! it never votes below a ballot in which it has voted. Acceptors that were not heard may still vote in step 1, and are
//! counted as if they had voted for any value. If another proposer had a ballot between the two steps, a value could be
//! chosen there unseen.
//!
//! The votes heard determine what step 2 proposes (Lamport's rule O4). If a value would have a fast quorum with the
//! votes of all unheard acceptors, it must be proposed; there is at most one such value. If the votes are for only one
//! value, that value is proposed. Otherwise any command with a vote will do, and acceptors vote again for the losers in
//! free slots.
//!
//! Uncoordinated recovery goes from step 1 to step 2 by the same argument, which each acceptor makes for itself. It has
//! heard the votes of a whole phase 1 quorum in step 1, so its own vote in step 2 is as safe as a coordinator's
//! proposal. All acceptors read the votes of the same quorum and break ties by the same rule, so they vote for the same
//! value, and one more delay decides. Safety does not depend on this: if they differ, step 2 is still a fast ballot,
//! its votes are counted as such, and O4 determines the next proposal again. An acceptor that voted in step 2 of a slot
//! no longer votes there in step 1. The coordinator must not read votes of step 1 as promises for step 3, because those
//! acceptors may have voted in step 2, unheard. It may read votes of step 2 so.
//!
//! A collision is noticed as soon as no value can win any more, or when votes are missing for too long. With
//! [`Recovery::Classic`], or when too few votes are heard, the coordinator starts a new term. If fewer acceptors than a
//! fast quorum are alive, the leader opens no fast ballot and continues as in Multi-Paxos. It does the same for a while, twice
//! as long each time, when fast ballots in a row lack votes of acceptors that are alive: what a client sends may not reach
//! them. And it can do so while too many slots collide ([`Hysteresis`]).
//!
//! # The messages
//!
//! | message | in the papers | from | to | says |
//! |---|---|---|---|---|
//! | [`paxos_core::Request`] | – | client | acceptors (and the leader) | vote for this in your next free slot |
//! | [`Prepare`] | 1a | proposer | acceptors | promise this term, for all slots from `from` on |
//! | [`Promise`] | 1b | acceptor | that proposer | I promise; these are my votes from there on, as many as fit in a message |
//! | [`Accept`] with values | 2a | proposer | acceptors | vote for these values in these slots, in step 0, 2 or 3 |
//! | [`Accept`] with [`Any`] | 2a, *any* | proposer | acceptors | from this slot on, vote in step 1 for what clients send |
//! | [`Accepted`] | 2b | acceptor | learners, the coordinator; acceptors, if they recover | I voted for these values in these slots |
//! | [`Decision`] | – | distinguished learner | learners | these values are chosen in these slots |
//! | [`paxos_core::Nack`] | – | acceptor | proposer | I refuse: there is a higher ballot |
//!
//! # What always holds
//!
//! - A term belongs to one proposer, which starts it at most once, even across crashes.
//! - In a classic ballot, at most one value is proposed per slot. In a fast ballot, none is: *any* opens only slots in
//!   which the term has proposed nothing, and no value is proposed there later in the same ballot.
//! - An acceptor's promise never decreases, and it votes in no lower term. In each slot it votes at most once per
//!   ballot, and the ballots of its votes increase. All this is on disk before it is reported.
//! - What a ballot proposes is safe: no other value was or can be chosen in a lower ballot. To decide this, acceptors
//!   are counted by name, never messages or values.
//! - Votes of fast ballots count toward fast quorums, votes of classic ballots toward classic quorums, never together.
//! - Hence a slot never has two chosen values. A command may have two slots and executes once, because it has a name. A
//!   loser of a collision is voted for again without help from its client.
//!
//! # Where this departs from the paper
//!
//! - The paper has one instance and numbers its rounds. Here one phase 1 serves a log, as in Multi-Paxos, and rounds
//!   are steps of terms, so "round i+1 of the same coordinator" always exists.
//! - Quorums may be any that obey the law, including those of Fast Flexible Paxos.
//! - The coordinator detects a collision from the votes that can still arrive, not from the answers of one quorum.
//! - An acceptor fills its slots in the order in which commands arrive. It votes for commands that arrive together at
//!   the end of a turn, so it keeps any promise made in the meantime.
//! - Clients without an answer ask every server. The leader is among them and then proposes in a classic ballot.
//! - If no fast ballot is open when a command arrives, the command waits at the acceptor, unless a leader proposes it.
//! - In uncoordinated recovery, an acceptor proceeds only where it sees a collision or hears that another one did. The
//!   quorum that *any* names consists of acceptors that answered in this term, and is the same for all slots of the
//!   ballot.
//! - If several values may be proposed and have equally many votes, uncoordinated recovery picks a different one in
//!   each slot, so two commands that meet in two slots get one slot each.
//!
//! # The papers
//!
//! Leslie Lamport, *Fast Paxos*, Distributed Computing 19(2), 2006: classic and fast rounds, quorums and rule O4, and
//! recovery in §3.2. Rounds are called ballots here. Heidi Howard, Aleksey Charapko, Richard Mortier, *Fast Flexible
//! Paxos: Relaxing Quorum Intersection for Fast Paxos*, ICDCN 2021. On when Fast Paxos does not pay: Flavio Junqueira,
//! Yanhua Mao, Keith Marzullo, *Classic Paxos vs. Fast Paxos: Caveat Emptor*, `HotDep` 2007.
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
#[doc(inline)]
pub use message::{Accept, Accepted, Any, Decision, Prepare, Promise};
#[cfg(feature = "mistakes")]
pub use mistakes::{Mistake, RoundedDown};
pub use proposer::{Proposer, Switches};

use core::marker::PhantomData;
use paxos_core::{Answer, Ballot, Config, Learning, NodeId, NodeSet, Phase, Protocol, Record, Setup, Value};

/// What the coordinator does when a fast ballot cannot decide a slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Recovery {
    /// The coordinator reads the votes as answers to phase 1 of the next step, and continues with phase 2 of that step.
    #[default]
    Coordinated,
    /// The acceptors hear each other's votes and proceed by themselves. Each reads the votes of the quorum that the
    /// coordinator named with *any* as answers to phase 1 of the next step, which is also fast, and votes in it. If a
    /// message is lost and this step does not decide, the coordinator continues from there.
    Uncoordinated,
    /// The coordinator starts a new term with its own phase 1.
    Classic,
}

/// The options of Fast Paxos.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Options {
    /// How to recover from collisions.
    pub recovery: Recovery,
    /// Whether votes also go to a coordinator that does not learn, so that it notices collisions. Otherwise it notices
    /// only when clients ask again.
    pub copy_votes: bool,
    /// When a leader stops using fast ballots because too many slots collide. None: never.
    pub hysteresis: Option<Hysteresis>,
    /// For tests: the mistake that every process makes.
    #[cfg(feature = "mistakes")]
    pub mistake: Option<Mistake>,
}

/// When a leader leaves fast ballots, and when it returns to them. It looks at the last `window` slots. In fast ballots
/// it counts the slots that collided, no matter who recovered them. When `collided` of them did, it starts a term
/// without a fast ballot. In that term it counts the slots proposed while a command of another client was under way,
/// which would have collided in a fast ballot. When a full window has `calm` of them or fewer, it opens a fast ballot
/// again. The count restarts at each switch.
///
/// A coordinator must hear votes to count collisions. If roles are separate and clients send only to the acceptors, a
/// leader without a fast ballot receives their commands only when they ask again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hysteresis {
    /// The number of slots to look back.
    pub window: u32,
    /// The number of collided slots in the window at which the leader leaves fast ballots.
    pub collided: u32,
    /// The highest number of contended slots in the window at which the leader returns to fast ballots.
    pub calm: u32,
}

impl Default for Hysteresis {
    /// Leaves when half of 32 slots collided, since a collision costs about two delays and a fast ballot saves one.
    /// Returns when at most 4 of 32 would have collided.
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

/// The acceptors that clients send to: all acceptors, or if thrifty one fast quorum, the same for every client.
fn voters(config: &Config) -> NodeSet {
    if config.thrifty { config.quorums.minimal_quorum(Phase::TwoFast, NodeId(0)) } else { config.acceptors() }
}

/// Fast Paxos over values `V`, whose execution returns `R`.
///
/// Four servers in one thread add up the numbers they receive; three of them are a fast quorum:
///
/// ```
/// use fast_paxos::{FastPaxos, Options};
/// use paxos_core::{Config, Fold, NodeId, Timeouts};
/// use paxos_transport::LocalCluster;
///
/// let sum = || {
///     Fold::new(0, |sum: &mut u64, n: &u64| {
///         *sum += n;
///         *sum
///     })
/// };
///
/// let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(4)? };
/// let mut cluster = LocalCluster::<FastPaxos<u64, u64>, _>::new(config, |_| sum());
/// assert!(cluster.node(NodeId(3)).acceptor().is_some_and(|acceptor| acceptor.opened().is_some()));
/// cluster.stop(NodeId(2));
/// cluster.propose(NodeId(3), 42)?; // any server will do: nobody waits for the leader
/// cluster.run();
/// assert_eq!(cluster.outcomes().filter_map(|outcome| outcome.reply()).collect::<Vec<_>>(), [42]);
/// assert_eq!(cluster.machine(NodeId(1)).state, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FastPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for FastPaxos<V, R> {
    const NAME: &'static str = "fast";
    const CHANGES: bool = true;
    type Reply = R;
    type Options = Options;
    paxos_core::types_by_name!(V);

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
