//! Multi-Paxos: a replicated log with a stable leader.
//!
//! Each slot of the log is an instance of Paxos. A leader runs phase 1 once, for all slots from the first one it does
//! not know. After that, each command needs only phase 2: two message delays between servers, where Basic Paxos needs
//! four. Commands that arrive together share a message, and many slots can be under way at once. If the leader falls
//! silent, another process takes over in a higher ballot. Servers can be replaced without stopping the log, and no
//! server's log grows forever.
//!
//! # A run
//!
//! Three servers, n0 to n2, are each proposer, acceptor and learner. n0 leads and is the distinguished learner; n3 is a
//! client. Every message takes 1 ms; `o` sends, `<` and `>` receive. The leader's first decision needs both phases:
//!
//! ```text
//! ms  n0      n1      n2      n3
//!  0  |       |       |       !       submits c3#0
//!  0  |<------+-------+-------o       request c3#0
//!  1  o------>|------>|       |       prepare 1.n0 s0-
//!  2  |<------o       |       |       promise 1.n0 s0-
//!  2  |<------+-------o       |       promise 1.n0 s0-
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
//! Every later decision needs only phase 2:
//!
//! ```text
//! ms  n0      n1      n2      n3
//!  0  |       |       |       !       submits c3#1
//!  0  |<------+-------+-------o       request c3#1
//!  1  o------>|------>|       |       accept 1.n0 s1 c3#1
//!  2  |<------o       |       |       accepted 1.n0 s1
//!  2  |<------+-------o       |       accepted 1.n0 s1
//!  3  o------>|------>|       |       decide 1.n0 s1
//!  3  *       |       |       |       learns s1 c3#1
//!  3  o-------+-------+------>|       reply s1 c3#1
//!  4  |       *       *       |       learns s1 c3#1
//!  4  |       |       |       =       has its answer to c3#1
//! ```
//!
//! `1.n0` is the ballot of round 1 that belongs to n0, `s0-` means all slots from the first one on, and `c3#0` is the
//! first command of n3's client. Votes and decisions omit the values when their receivers get the phase 2a. With
//! [`paxos_core::Announce::WithNext`], the next phase 2a announces what is chosen, in place of a *decide*; with
//! [`paxos_core::Announce::ToWaiting`], only those get one whose clients wait. With
//! [`paxos_core::Learning::Everyone`], followers learn one delay earlier, at the cost of more messages.
//!
//! # The messages
//!
//! | message | in the papers | from | to | says |
//! |---|---|---|---|---|
//! | [`Prepare`] | 1a | proposer | acceptors | promise this ballot, for all slots from `from` on |
//! | [`Promise`] | 1b | acceptor | that proposer | I promise; these are my votes from there on, as many as fit in a message |
//! | [`Accept`] | 2a | proposer | acceptors | vote for these values in these slots; every slot below `chosen` is chosen |
//! | [`Accepted`] | 2b | acceptor | learners, or the proposer as distinguished learner | I voted in these slots |
//! | [`Decision`] | – | distinguished learner | learners | what this ballot proposed in these slots is chosen |
//! | [`paxos_core::Nack`] | – | acceptor | proposer | I refuse: there is a higher ballot |
//!
//! All variants share the other messages: requests, replies, elections, reads, catching up, snapshots and news about
//! members. See [`paxos_core::Message`].
//!
//! # Elections
//!
//! | message | from | to | says |
//! |---|---|---|---|
//! | heartbeat | leader | servers | I lead in this ballot; every slot below `chosen` is chosen |
//! | heard | acceptor | leader | I hear you, and have promised no higher ballot |
//! | pre-vote | proposer | acceptors | I hear no leader; would you follow me? |
//! | reply to it | acceptor | that proposer | I would, or I would not |
//! | transfer | leader | proposer | campaign at once, when you know every slot below `chosen` |
//!
//! - A process that hears no leader for an election timeout begins a *pre-vote*: it starts no ballot and writes
//!   nothing. It campaigns, with phase 1, once a phase 1 quorum *grants* the pre-vote. It can be configured to
//!   campaign at once ([`paxos_core::Config::pre_vote`]).
//! - An acceptor grants none to a process that misses slots the acceptor has forgotten. It grants none at all while it
//!   leads or hears a leader, or for one election timeout after it starts. So a returning process, or one that lost
//!   only its own link to the leader, never deposes a working leader.
//! - A leader *steps down* if no phase 2 quorum answers it for an election timeout, or for three heartbeats if that is
//!   longer. It gives up its ballot, and acceptors that still hear it are free to follow another leader.
//! - A leader told to *transfer* its leadership ([`paxos_core::Node::transfer`]) holds back new commands. Once everything
//!   under way is chosen, or after an election timeout, it asks its successor to campaign. That needs no pre-vote.
//!
//! [`paxos_core::Election`] implements this. It affects liveness only: any number of leaders is safe.
//!
//! # Reads
//!
//! A read at a replica ([`paxos_core::Node::read`]) writes nothing to the log. Reads that arrive together share the
//! cost. With *n* acceptors, all of them servers, the messages are:
//!
//! | read | at the leader | at another replica |
//! |---|---|---|
//! | confirmed: the leader's heartbeat and its answers | 2(*n* − 1) messages | 2(*n* − 1) and 2, to ask the leader |
//! | by lease | 0 | 2, to ask the leader |
//! | quorum: *how far have you voted?* and the answers | 2(*n* − 1); thrifty, 2(*q* − 1) for a phase 1 quorum of *q* | the same |
//! | local | 0 | 0 |
//!
//! A follower asks the leader, which confirms its lead with heartbeats that acceptors answer:
//!
//! ```text
//! ms  n0      n1      n2      n3
//!  0  |       ?       |       |       begins r0, Confirmed
//!  0  |<------o       |       |       read_index r0
//!  1  o------>|------>|       |       heartbeat 1.n0 chosen <s1
//!  2  |<------o       |       |       heard 1.n0
//!  2  |<------+-------o       |       heard 1.n0
//!  3  o------>|       |       |       read_at r0 <s1
//!  4  |       =       |       |       may answer r0 below s1
//! ```
//!
//! # Snapshots
//!
//! After every [`paxos_core::Limits::snapshot`] executed slots, a process writes a snapshot ([`paxos_core::Snapshot`]):
//! the state machine, the answers to clients, and the members. On disk, the snapshot, the promise, the votes from there
//! on and the highest ballot replace everything older. The process then forgets the slots that the snapshot covers,
//! except the last ones, as many as lie between two snapshots, which it keeps for peers that are a little behind. Peers
//! further behind fetch the snapshot in pieces. None of this depends on which other processes are up.
//!
//! An acceptor's *floor* is the first slot whose votes it still has. It refuses a phase 1a that begins below the floor,
//! because an empty report would mean that it had cast no vote. The proposer catches up and starts again from there in
//! the same ballot.
//!
//! # Sessions
//!
//! A command carries its client's session and a number. Replicas remember their answers to the last
//! [`paxos_core::Limits::session`] numbers of each session, and execute a command once, however often it is chosen. A
//! session expires at the same slot on every replica: when none of its commands was chosen for
//! [`paxos_core::Limits::idle`] slots, or when there are more than [`paxos_core::Limits::sessions`] and it has been
//! silent longest. No replica executes a late command of an expired session, and the client continues with its next
//! session.
//!
//! # Members
//!
//! The servers agree on a [`paxos_core::Change`] of members as on any command. A change chosen in slot *c* takes effect
//! in slot *c* + α ([`paxos_core::Limits::alpha`]), and no process proposes further than α slots ahead of what it has
//! executed. If no commands come, the leader proposes no-ops until the change takes effect.
//!
//! Consecutive slots with the same members form an epoch, and a process works in one epoch at a time. Each epoch begins
//! with a phase 1 among its acceptors. No pre-vote is needed: the leader runs it if it stays, otherwise the first of the
//! other proposers. Before an acceptor promises anything in the epoch, it has everything chosen earlier on its own disk
//! ([`paxos_core::Record::Learned`], or a snapshot). Removed servers may therefore be turned off once a quorum of the
//! new members has entered the epoch. Their ids are never used again. [`paxos_core::Epochs`] explains why this is safe.
//!
//! # What always holds
//!
//! - A ballot belongs to one proposer, which starts it at most once, even across crashes: the ballot is on disk before
//!   its phase 1a is sent.
//! - In one ballot, at most one value is proposed per slot.
//! - An acceptor has one promise for all slots, which never decreases. It votes in no ballot below its promise, and a
//!   vote is also a promise. It keeps promise and votes separately, and both are on disk before it reports them.
//! - In each slot, a ballot proposes the value of the highest vote reported by a quorum of promises, or any value if
//!   they report none. So if a value was chosen in a lower ballot, or still can be, the ballot can propose only that
//!   value.
//! - Slots without a vote below a slot with a vote are filled with no-ops: no replica executes past a gap.
//! - The field `chosen` of a phase 2a or a heartbeat vouches only for the values of that ballot. A leader that finds a
//!   different value chosen than the one it proposed stops before it sends anything else. (This argument is ours, not
//!   from a paper: one ballot proposes at most one value per slot. So a process that knows this ballot's proposal, and
//!   that the proposal was chosen, knows the chosen value. The leader vouches only for slots in which it knows that its
//!   own proposal was chosen.)
//! - In each slot, only the acceptors of its epoch count. Every process computes them from the same chosen entries.
//! - A process forgets only what a snapshot on its disk covers. An acceptor that has forgotten votes says so.
//! - Hence a slot never has two chosen values, however many leaders there are. Timing affects only whether anything is
//!   chosen at all.
//! - A confirmed, lease or quorum read sees every command that was answered before the read began. Of these, only the
//!   lease read relies on clocks, whose error must not exceed [`paxos_core::Timeouts::drift`].
//!
//! # Where this departs from the paper
//!
//! - Quorums need not be majorities: any phase 1 quorum must share an acceptor with any phase 2 quorum (Howard, Malkhi,
//!   Spiegelman 2016).
//! - An acceptor that refuses says so. The papers let the proposer time out; §2.2 of the first allows refusals.
//! - A leader sends its phase 2a before its own vote is on disk, and counts that vote once it is.
//! - A window ([`paxos_core::Limits::window`]) bounds the number of slots under way, to save memory. It is not the α of
//!   §3, which bounds how far proposals run ahead of execution, for changes of members.
//! - A process that wants to lead begins a pre-vote before it raises a ballot. The first paper leaves the election of a
//!   leader open (§2.4).
//! - A command may be chosen in two slots if its leader changes at the wrong time. It executes once, because it has a
//!   name.
//! - Learners ask each other for slots they missed. A slot is proposed again only if no learner knows its value (§2.3).
//! - Chosen values are not written to disk, because they follow from the votes, which are. At a change of members they
//!   are written, for members that did not vote.
//!
//! # The papers
//!
//! Leslie Lamport, *Paxos Made Simple*, 2001, §2 (one instance) and §3 (the log); *The Part-Time Parliament*, TOCS
//! 16(2), 1998, §3 (the multi-decree parliament). Aleksey Charapko, Ailidani Ailijiang, Murat Demirbas, *Linearizable
//! Quorum Reads in Paxos*, `HotStorage` 2019. Heidi Howard, Dahlia Malkhi, Alexander Spiegelman, *Flexible Paxos:
//! Quorum Intersection Revisited*, OPODIS 2016. Ballots are called proposal numbers in the first, votes acceptances.
//!
//! Read on: [`Acceptor`], [`Proposer`], [`Learner`].

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
#[doc(inline)]
pub use message::{Accept, Accepted, Decision, Prepare, Promise};
pub use paxos_core::Answer;
pub use proposer::Proposer;

use core::marker::PhantomData;
use paxos_core::{Protocol, Record, Value};

/// Multi-Paxos over values `V`, whose execution returns `R`.
///
/// Three servers in one thread add up the numbers they receive:
///
/// ```
/// use multi_paxos::MultiPaxos;
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
/// let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3)? };
/// let mut cluster = LocalCluster::<MultiPaxos<u64, u64>, _>::new(config, |_| sum());
/// cluster.stop(NodeId(2)); // a minority is not missed
/// cluster.propose(NodeId(0), 40)?;
/// cluster.propose(NodeId(0), 2)?;
/// cluster.run();
/// let replies: Vec<u64> = cluster.outcomes().filter_map(|outcome| outcome.reply()).collect();
/// assert_eq!(replies, [40, 42]);
/// assert_eq!(cluster.machine(NodeId(1)).state, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MultiPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for MultiPaxos<V, R> {
    const NAME: &'static str = "multi";
    const CHANGES: bool = true;
    const TELLS_CHOSEN: bool = true;
    type Reply = R;
    type Options = ();
    paxos_core::types_by_name!(V);
}
