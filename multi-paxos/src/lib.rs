//! Multi-Paxos: a replicated log with a stable leader.
//!
//! Each slot of the log is an instance of Paxos. A leader goes through phase 1 once, for all slots from the first
//! one that it does not know on, and from then on each command takes phase 2 only: two message delays between
//! servers where Basic Paxos needs four. Commands that arrive together share a message, and any number of slots is under
//! way at a time. When the leader is not heard of any more, another process leads in a higher ballot. The servers can be
//! replaced while commands go on, and none of them keeps a log without end.
//!
//! # A run
//!
//! Three servers n0 to n2, each proposer, acceptor and learner; n0 leads and is the distinguished learner; n3 is a
//! client. Every message takes 1 ms; `o` sends, `<` and `>` receive. The first decision of a leader has both phases:
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
//! Every later one has phase 2 only:
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
//! `1.n0` is the ballot of round 1 that belongs to n0, `s0-` the slots from the first one on, `c3#0` the first command of
//! n3's client. Votes and decisions name slots and not values where their receivers have the phase 2a. Without a
//! *decide* of its own, what is chosen travels on the next phase 2a ([`paxos_core::Announce::WithNext`]), and where
//! everyone hears votes ([`paxos_core::Learning::Everyone`]), followers learn a delay earlier, for more messages.
//!
//! # The messages
//!
//! | message | in the papers | from | to | says |
//! |---|---|---|---|---|
//! | [`Prepare`] | 1a | proposer | acceptors | promise this ballot, for all slots from `from` on |
//! | [`Promise`] | 1b | acceptor | that proposer | promised; these are my votes from there on, as many as fit into a message |
//! | [`Accept`] | 2a | proposer | acceptors | vote for these values in these slots; all below `chosen` is chosen |
//! | [`Accepted`] | 2b | acceptor | learners, or the proposer as distinguished learner | I voted in these slots |
//! | [`Decision`] | – | distinguished learner | learners | what this ballot proposed in these slots is chosen |
//! | [`paxos_core::Nack`] | – | acceptor | proposer | no, there is a higher ballot |
//!
//! Requests, replies, elections, reads, catching up, snapshots and the news about members are those of all variants:
//! [`paxos_core::Message`].
//!
//! # Elections
//!
//! | message | from | to | says |
//! |---|---|---|---|
//! | heartbeat | leader | servers | I lead in this ballot; all below `chosen` is chosen |
//! | heard | acceptor | leader | I hear you, and have promised no higher ballot |
//! | canvass | proposer | acceptors | I hear no leader; would you follow me? |
//! | support | acceptor | that proposer | I would, or I would not |
//! | take over | leader | proposer | campaign at once, when you know all below `chosen` |
//!
//! - Who hears no leader for an election timeout *canvasses*: in no ballot, and with nothing written. It campaigns, with
//!   phase 1, once a phase 1 quorum *supports* it.
//! - An acceptor supports nobody who misses what it has forgotten, and nobody while it leads or hears a leader, nor for one
//!   election timeout after it started. So a process that comes back, or lost only its own link to the leader, deposes
//!   nobody.
//! - A leader that no phase 2 quorum has answered for an election timeout, or three heartbeats if that is longer, *steps
//!   down*: it gives up its ballot, and those who still hear it are free to follow another.
//! - A leader that is to *hand over* ([`paxos_core::Node::transfer`]) lets new commands wait. When what is under way is
//!   chosen, or an election timeout later, it asks its successor to take over, which needs no canvass.
//!
//! [`paxos_core::Election`] does all of it, for liveness only: any number of leaders is safe.
//!
//! # Reads
//!
//! A read at a replica ([`paxos_core::Node::read`]) writes nothing to the log. Reads that arrive together share what they
//! cost, with *n* acceptors that are servers all:
//!
//! | read | at the leader | at another replica |
//! |---|---|---|
//! | confirmed: the leader's heartbeat and its answers | 2(*n* − 1) messages | 2(*n* − 1) and 2, to ask the leader |
//! | by lease | 0 | 2, to ask the leader |
//! | quorum: *how far have you voted?* and the answers | 2(*n* − 1); thrifty, 2(*q* − 1) for a phase 1 quorum of *q* | the same |
//! | local | 0 | 0 |
//!
//! A follower asks the leader, which has its lead confirmed by heartbeats that acceptors answer:
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
//! A process that has executed [`paxos_core::Limits::snapshot`] slots since the last time writes down what they led to: the
//! state machine, what clients were answered, the members ([`paxos_core::Snapshot`]). When that is on disk in the place of
//! all before it, with the promise, the votes from there on and the highest ballot, the process forgets what it stands
//! for. It keeps the last slots, as many as lie between two snapshots, for peers that are a little behind. Those further
//! behind fetch the snapshot, a piece at a time. It does not matter who else is up.
//!
//! An acceptor's *floor* is the first slot whose votes it still has. It refuses a phase 1a that begins below: to report
//! nothing would say that nothing was voted. The proposer catches up, and begins again from there in the same ballot.
//!
//! # Sessions
//!
//! A command bears the name of its client's session and a number. Replicas remember what they answered to the last
//! [`paxos_core::Limits::session`] numbers of each session, and execute a command once, however often it is chosen. A
//! session expires by the log, at the same slot on every replica: when no command of it was chosen for
//! [`paxos_core::Limits::idle`] slots, or when it was silent for longest of more than
//! [`paxos_core::Limits::sessions`]. A late command of it is executed nowhere, and its client goes on with the next session.
//!
//! # Members
//!
//! A [`paxos_core::Change`] of the servers is agreed on like a command. Chosen in slot *c*, it takes effect in slot
//! *c* + α ([`paxos_core::Limits::alpha`]), and nobody proposes further than α slots ahead of what it has executed. Where
//! no commands come, the leader proposes no-ops until the change is in force.
//!
//! Slots with the same members are an epoch, and a process works in one epoch at a time. Each begins with a phase 1 among
//! its acceptors, for which a leader that stays needs no canvass, nor, if it was removed, the first of the others. Before
//! an acceptor promises anything there, it has all that was chosen before on its own disk
//! ([`paxos_core::Record::Learned`], or a snapshot): those that were removed may be turned off when a quorum of the new
//! members has come to the epoch. Their ids do not come back. [`paxos_core::Epochs`] says why that is safe.
//!
//! # What always holds
//!
//! - A ballot belongs to one proposer, which starts it at most once, whatever crashes between: its number is on disk
//!   before its phase 1a leaves.
//! - In one ballot of one slot at most one value is proposed.
//! - An acceptor has one promise for all slots, which never falls. It votes in no ballot below it, and a vote is a
//!   promise, too. What it promised and what it voted are two things, both on disk before they are said.
//! - In each slot, a ballot proposes the value of the highest vote that a quorum of promises reports, or, if they
//!   report none, any: so a value that was chosen, or may yet be, in a lower ballot is the only one it can propose.
//! - Slots without a vote below one with a vote are filled with no-ops: nothing is executed across a gap.
//! - `chosen` of a phase 2a or a heartbeat vouches for the values of that ballot only. A leader that finds another
//!   value chosen than the one it proposed stops before it speaks again. (Our own argument, no paper's: in one ballot of one slot
//!   at most one value is proposed, so who knows the proposal of that ballot, and that the slot was chosen with that value, knows
//!   what was chosen. The leader says only of slots in which it knows its own proposal chosen that they are.)
//! - In each slot the acceptors of its epoch count and no others, and everyone computes them from the same chosen entries.
//! - What a process forgets, a snapshot on its disk stands for. An acceptor that has forgotten votes says so.
//! - Hence a slot never has two chosen values, however many leaders there are. Time decides only whether anything is
//!   chosen at all.
//! - A read that is confirmed, by lease or by quorum sees all that anybody was answered before it began. Of these, only the
//!   lease relies on clocks, which must go wrong by no more than [`paxos_core::Timeouts::drift`].
//!
//! # Where this departs from the paper
//!
//! - Quorums need not be majorities: any phase 1 quorum must share an acceptor with any phase 2 quorum (Howard, Malkhi,
//!   Spiegelman 2016).
//! - An acceptor that refuses says so. The papers leave the proposer to time out; §2.2 of the first allows this.
//! - A leader sends its phase 2a before its own vote is on disk, and counts that vote when it is.
//! - The number of slots under way is bounded by a window ([`paxos_core::Limits::window`]) for the sake of memory. It is
//!   not the α of §3, which bounds how far proposals are ahead of execution, for the sake of the members.
//! - Who would lead asks before it raises a ballot. The first paper leaves it open how a leader is elected (§2.4).
//! - A command may be chosen in two slots, when its leader changes at the wrong time. It executes once, by its name.
//! - Learners ask each other for what they missed. Only if none of them knows is it proposed again (§2.3).
//! - What is chosen is not written to disk: it follows from the votes, which are. At a change of members it is, for those
//!   who were not there to vote.
//!
//! # The papers
//!
//! Leslie Lamport, *Paxos Made Simple*, 2001, §2 (one instance) and §3 (the log); *The Part-Time Parliament*, TOCS 16(2),
//! 1998, §3 (the multi-decree parliament). Aleksey Charapko, Ailidani Ailijiang, Murat Demirbas, *Linearizable Quorum Reads
//! in Paxos*, `HotStorage` 2019. Heidi Howard, Dahlia Malkhi, Alexander Spiegelman, *Flexible Paxos: Quorum
//! Intersection Revisited*, OPODIS 2016. Ballots are called proposal numbers in the first, votes acceptances.
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
pub use message::{Accept, Accepted, Decision, Prepare, Promise};
pub use paxos_core::Answer;
pub use proposer::Proposer;

use core::marker::PhantomData;
use paxos_core::{Protocol, Record, Value};

/// Multi-Paxos over values `V`, whose execution returns `R`.
///
/// Three servers in one thread, which add up what they are told:
///
/// ```
/// use multi_paxos::MultiPaxos;
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
/// let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3)? };
/// let mut cluster = LocalCluster::<MultiPaxos<u64, u64>, _>::new(config, &(), |_| Sum(0));
/// cluster.stop(NodeId(2)); // a minority is not missed
/// cluster.propose(NodeId(0), 40)?;
/// cluster.propose(NodeId(0), 2)?;
/// cluster.run();
/// let replies: Vec<u64> = cluster.outcomes().filter_map(|outcome| outcome.reply()).collect();
/// assert_eq!(replies, [40, 42]);
/// assert_eq!(cluster.machine(NodeId(1)).0, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MultiPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for MultiPaxos<V, R> {
    const NAME: &'static str = "multi";
    const CHANGES: bool = true;
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
