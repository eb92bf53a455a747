//! A variant as a type, and the five roles it is made of.

use crate::{
    Ballot, Batch, Change, Chosen, CommandId, Config, Elections, Fact, Load, Membership, Nack, NodeId,
    NodeSet, Overloaded, Phrase, Recorded, Refused, Reply, Request, Setup, Slot, Time, To, Unanswered, Value,
};
use core::fmt::Debug;
use core::hash::Hash;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// What executing a command returns: opaque to every protocol. It can be written, since what clients were answered
/// is part of a [`crate::Snapshot`].
pub trait Answer: Clone + Debug + Eq + Hash + Send + Sync + Serialize + DeserializeOwned + 'static {}
impl<T: Clone + Debug + Eq + Hash + Send + Sync + Serialize + DeserializeOwned + 'static> Answer for T {}

/// One variant of Paxos: its messages, what it records, and its roles. It is the only generic parameter of
/// everything that drives nodes.
pub trait Protocol: Clone + Debug + Eq + Hash + Send + Sync + Sized + 'static {
    /// The variant's name in tables.
    const NAME: &'static str;
    /// Whether the members can change while the log goes on: then its roles follow `reconfigure`, and propose and
    /// count nothing from [`Chosen::limit`] on.
    const CHANGES: bool = false;
    /// What clients want agreed.
    type Value: Value;
    /// What executing it returns.
    type Reply: Answer;
    /// The variant's own knobs.
    type Options: Clone + Debug + Default + Send + Sync + 'static;
    /// Phase 1a.
    type Prepare: Phrase<Self::Value>;
    /// Phase 1b.
    type Promise: Phrase<Self::Value>;
    /// Phase 2a.
    type Accept: Phrase<Self::Value>;
    /// Phase 2b.
    type Accepted: Phrase<Self::Value>;
    /// What a distinguished learner announces.
    type Decision: Phrase<Self::Value>;
    /// One thing an acceptor or proposer must never forget.
    type Record: Recorded<Self::Value>;
    /// Posts requests and waits.
    type Client: Client<Self>;
    /// Keeps proposals safe.
    type Proposer: Proposer<Self>;
    /// The fault-tolerant memory.
    type Acceptor: Acceptor<Self>;
    /// Notices that a quorum agreed.
    type Learner: Learner<Self>;
    /// Decides who proposes, and when.
    type Leader: Leader<Self>;

    /// Who hears votes in `ballot`, besides the acceptor itself.
    fn hears_votes(setup: &Setup<Self::Options>, ballot: Ballot) -> NodeSet {
        setup.config.hears_votes(ballot)
    }
}

/// A question in, an answer out. An acceptor never forgets what it promised and voted: what it pushes to `log`
/// is on disk before the answer leaves the process.
pub trait Acceptor<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// With nothing promised and nothing voted.
    fn new(setup: &Setup<P::Options>) -> Self;
    /// From the first unknown slot on, the members are those of this configuration.
    fn reconfigure(&mut self, _setup: &Setup<P::Options>) {}
    /// Remembers one record from before a crash; called for each, in order.
    fn restore(&mut self, record: &P::Record);
    /// Phase 1b: promise and report, or refuse.
    ///
    /// # Errors
    /// A [`Nack`] if a higher ballot is promised.
    fn on_prepare(&mut self, prepare: &P::Prepare, log: &mut Vec<P::Record>) -> Result<P::Promise, Nack>;
    /// Phase 2b: vote, or refuse. `Ok(None)`: nothing to vote for (the ballot is opened for values to come).
    ///
    /// # Errors
    /// A [`Nack`] if a higher ballot is promised.
    fn on_accept(
        &mut self,
        accept: &P::Accept,
        log: &mut Vec<P::Record>,
    ) -> Result<Option<P::Accepted>, Nack>;
    /// Whether it has given the promise that `prepare` asks for already, and is only asked for more of its votes.
    fn has_promised(&self, _prepare: &P::Prepare) -> bool {
        false
    }
    /// Whether it has promised no ballot above the term of `ballot`, in any slot.
    fn follows(&self, ballot: Ballot) -> bool;
    /// The slot after the last one that it has voted in, and not below those whose votes it has forgotten: every slot
    /// that was chosen with its vote lies below.
    fn voted_below(&self) -> Slot;
    /// Its votes, each the last of its slot, if it can tell: then the process remembers over a restart what it knows to be
    /// chosen without writing the values again.
    fn votes(&self) -> Option<&crate::Votes<P::Value>> {
        None
    }
    /// Whether it has something to say in a slot from `limit` on, as soon as the members there are known.
    fn waits_for(&self, _limit: Slot) -> bool {
        false
    }
    /// Fast ballots: votes for commands that come straight from a client. Others leave that to proposers.
    fn on_request(&mut self, _request: &Request<P::Value>) {}
    /// The votes for values that were not proposed to it (of a fast ballot), gathered since the last call.
    fn vote(&mut self, _chosen: &Chosen<P::Value>, _log: &mut Vec<P::Record>) -> Option<P::Accepted> {
        None
    }
    /// Votes below were forgotten: a proposer that knows less cannot be told what it must propose. So it is refused: to report no
    /// votes there would be read as "none was cast" (our own argument; the papers let acceptors forget nothing).
    fn floor(&self) -> Slot {
        Slot(0)
    }
    /// Forgets what it promised and voted below `below`. The slots are chosen, and this process keeps what
    /// executing them led to, or every process does. From now on it answers no question about them in a way that
    /// could be read as if it had never voted there.
    fn trim(&mut self, _below: Slot) {}
    /// Records that restore all that it must not forget when what lies below `from` may be forgotten, in an order in
    /// which [`Acceptor::restore`] can take them; none if this variant always needs all that it ever recorded.
    fn retained(&self, _from: Slot) -> Option<Vec<P::Record>> {
        None
    }
    /// A vote arrives, another's or its own once that is on disk: an acceptor that hears others' votes may follow
    /// them in [`Acceptor::vote`] (uncoordinated recovery).
    fn on_accepted(&mut self, _from: NodeId, _accepted: &P::Accepted, _chosen: &Chosen<P::Value>) {}
}

/// How many acceptors a question goes to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reach {
    /// A quorum, if the configuration is thrifty.
    Quorum(crate::Phase),
    /// All of them.
    All,
    /// One of them, which has not told everything yet.
    One(NodeId),
}

/// What a proposer asks of the acceptors.
#[derive(Debug)]
pub enum Proposal<P: Protocol> {
    /// Phase 1a, with what must be on disk before it leaves.
    Prepare(P::Prepare, Option<P::Record>),
    /// Phase 2a. It may leave before the proposer's own vote is on disk.
    Accept(P::Accept),
}

/// Keeps proposals safe, whoever else proposes. It never decides on its own to start a ballot: [`Leader`] does.
pub trait Proposer<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// Idle.
    fn new(setup: &Setup<P::Options>) -> Self;
    /// From the first unknown slot on, the members are those of this configuration. A phase 1 among the former members
    /// is of no use any more; a proposer that has more to say must campaign again ([`Proposer::has_work`]).
    fn reconfigure(&mut self, _setup: &Setup<P::Options>) {}
    /// Remembers one record from before a crash.
    fn restore(&mut self, record: &P::Record);
    /// Records that restore all that it must not forget; none if this variant always needs all that it ever
    /// recorded.
    fn retained(&self) -> Option<Vec<P::Record>> {
        None
    }
    /// Commands to propose; `leads` if this process should propose them of its own accord.
    ///
    /// # Errors
    /// [`Overloaded`] if the queue is full.
    fn on_request(&mut self, now: Time, request: &Request<P::Value>, leads: bool) -> Result<(), Overloaded>;
    /// Starts phase 1 in a ballot above every one it has heard of, for all that is not known to be chosen.
    fn campaign(&mut self, now: Time, chosen: &Chosen<P::Value>);
    /// Where a campaign would begin: it knows that all below is chosen.
    fn begins_at(&self, chosen: &Chosen<P::Value>) -> Slot {
        chosen.first_unknown()
    }
    /// Gives up its ballot, if it has one or asks for one; whether it did.
    fn step_down(&mut self) -> bool;
    /// Whether all that it proposed or is to propose is known to be chosen.
    fn is_settled(&self) -> bool {
        true
    }
    /// Phase 1b arrives. An answer to another ballot than the current one changes nothing.
    fn on_promise(&mut self, now: Time, from: NodeId, promise: P::Promise, chosen: &Chosen<P::Value>);

    /// A slot in which a phase 1 quorum has no vote, if the last promise was the one that showed it, though all below a later
    /// slot is said to be chosen: whoever said so was wrong.
    fn refuted(&mut self) -> Option<Slot> {
        None
    }
    /// A vote arrives, at proposers that hear them.
    fn on_accepted(
        &mut self,
        _now: Time,
        _from: NodeId,
        _accepted: &P::Accepted,
        _chosen: &Chosen<P::Value>,
    ) {
    }
    /// A refusal arrives; whether it ends what this proposer was doing.
    fn on_nack(&mut self, now: Time, nack: &Nack) -> bool;
    /// A higher ballot than its own was seen anywhere; whether it ends what this proposer was doing.
    fn on_ballot(&mut self, ballot: Ballot) -> bool;
    /// More slots are known to be chosen.
    fn on_chosen(&mut self, now: Time, chosen: &Chosen<P::Value>);
    /// All below `slot` is chosen, says a learner elsewhere.
    fn on_progress(&mut self, now: Time, slot: Slot);
    /// A learner misses the values from `from` on, and no learner can tell it: they are to be voted for again,
    /// though some learner once said that they are chosen.
    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<P::Value>);
    /// The time of [`Proposer::deadline`] has come: ask again.
    fn on_timeout(&mut self, now: Time, chosen: &Chosen<P::Value>);
    /// When to be woken.
    fn deadline(&self) -> Option<Time>;
    /// The next thing to ask, until there is none. Called when all events of the moment are in, so that what
    /// arrived together is proposed together.
    fn poll(&mut self, now: Time, chosen: &Chosen<P::Value>) -> Option<(Proposal<P>, Reach)>;
    /// Whether it has something to propose in a slot from `limit` on, as soon as the members there are known.
    fn waits_for(&self, _limit: Slot) -> bool {
        false
    }
    /// Something said again with each heartbeat, for acceptors that missed it.
    fn reminder(&self) -> Option<P::Accept> {
        None
    }
    /// The slot below which everything lies that was answered to anybody by now, if nothing was chosen in a ballot
    /// above that of [`Proposer::leading`]: at least all that phase 1 reported, and all that was chosen in this ballot
    /// and may be known to some learner. None if this process does not lead, or cannot say.
    fn read_index(&self, _chosen: &Chosen<P::Value>) -> Option<Slot> {
        None
    }
    /// The ballot in which it may propose without another phase 1.
    fn leading(&self) -> Option<Ballot>;
    /// Whether commands wait here for a ballot to be proposed in.
    fn has_work(&self) -> bool;
    /// What it has before it.
    fn load(&self) -> Load;
    /// Gives up the commands that were not proposed yet: somebody else leads.
    fn surrender(&mut self) -> Vec<Batch<P::Value>>;
}

/// Notices what is chosen, and notes it in the process's log.
pub trait Learner<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// Knowing nothing.
    fn new(setup: &Setup<P::Options>) -> Self;
    /// From the first unknown slot on, the members are those of this configuration.
    fn reconfigure(&mut self, _setup: &Setup<P::Options>) {}
    /// A phase 2a passes that the acceptor of this process voted for: the values of its ballot, and what it
    /// says about slots chosen before.
    fn on_accept(&mut self, accept: &P::Accept, chosen: &mut Chosen<P::Value>);
    /// A vote arrives. What it makes chosen goes to `chosen`, and to `decisions` what to announce.
    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &P::Accepted,
        chosen: &mut Chosen<P::Value>,
        decisions: &mut Vec<P::Decision>,
    );
    /// A distinguished learner announces.
    fn on_decide(&mut self, decision: &P::Decision, chosen: &mut Chosen<P::Value>);
    /// The leader of `ballot` says that every slot below `below` is chosen.
    fn on_heartbeat(&mut self, ballot: Ballot, below: Slot, chosen: &mut Chosen<P::Value>);
    /// Forgets what it has counted below `below`: a snapshot tells what came of it.
    fn trim(&mut self, _below: Slot) {}
}

/// What a leader's timeout asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Start phase 1.
    Campaign,
    /// Tell everyone that the leader lives.
    Heartbeat,
    /// Ask the acceptors whether they would follow.
    Canvass,
    /// Give up the ballot.
    StepDown,
}

/// How things stand with a process when the time of its leader role has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Whether its proposer holds a ballot.
    pub leading: bool,
    /// Whether its proposer has something to propose.
    pub work: bool,
    /// A phase 2 quorum has answered heartbeats that it sent then or later.
    pub answered: Option<Time>,
}

/// Who proposes, and when: liveness only. Whatever it answers, nothing unsafe follows.
pub trait Leader<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// At the start of a process.
    fn new(setup: &Setup<P::Options>, now: Time, restarted: bool) -> Self;
    /// A proposer's message in `ballot` was accepted here, or refused with `ballot` as the reason.
    fn on_ballot(&mut self, now: Time, ballot: Ballot);
    /// The leader of `ballot` says it is alive.
    fn on_heartbeat(&mut self, now: Time, ballot: Ballot);
    /// This process's proposer has lost its ballot.
    fn on_preempted(&mut self, now: Time);
    /// This process's proposer has won phase 1 of `ballot`.
    fn on_elected(&mut self, now: Time, ballot: Ballot);
    /// An acceptor has told a part of what it promised in this process's campaign: phase 1 goes on, however long that takes.
    fn on_piece(&mut self, _now: Time) {}
    /// Commands are waiting at this process's proposer.
    fn on_work(&mut self, now: Time);
    /// An acceptor would follow this process, as it was asked at `sent`.
    fn on_support(&mut self, now: Time, from: NodeId, sent: Time);
    /// The leader of `ballot` wants this process to lead.
    fn on_take_over(&mut self, now: Time, ballot: Ballot);
    /// The time of [`Leader::deadline`] has come.
    fn on_timeout(&mut self, now: Time, standing: Standing) -> Option<Duty>;
    /// When to be woken.
    fn deadline(&self) -> Option<Time>;
    /// The members changed.
    fn reconfigure(&mut self, now: Time, config: &Arc<Config>);
    /// Whether this process is to propose.
    fn leads(&self) -> bool;
    /// Who leads, as far as known.
    fn leader(&self) -> Option<NodeId>;
    /// The other process that leads, if it was heard of lately.
    fn hears(&self, now: Time) -> Option<NodeId>;
    /// Whether the acceptor of this process would follow another leader: it hears none, and is none.
    fn supports(&self, now: Time) -> bool;
    /// What happened so far.
    fn elections(&self) -> Elections;
}

/// Posts requests, waits, and asks again.
pub trait Client<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// With nothing to ask; `life` counts the starts of this process, from 0, and its sessions are numbered by it:
    /// see [`crate::ClientId::first_of`].
    fn new(setup: &Setup<P::Options>, life: u32) -> Self;
    /// Takes a value; the command's sequence number.
    ///
    /// # Errors
    /// [`Overloaded`] if as many are unanswered as a session may have.
    fn submit(&mut self, value: P::Value) -> Result<CommandId, Overloaded>;
    /// Asks for a change of members, as for a command.
    ///
    /// # Errors
    /// [`Overloaded`] if as many are unanswered as a session may have.
    fn submit_change(&mut self, change: Change) -> Result<CommandId, Overloaded>;
    /// These are the members now, as far as known.
    fn reconfigure(&mut self, members: &Membership);
    /// What to send now to whom, until there is nothing; `leader` is the one this process knows of.
    fn poll(&mut self, now: Time, leader: Option<NodeId>) -> Option<(To, Request<P::Value>)>;
    /// A command was executed; whether this is the first answer to it.
    fn on_reply(&mut self, from: NodeId, reply: &Reply<P::Reply>) -> bool;
    /// A proposer does not take some commands.
    fn on_refusal(&mut self, from: NodeId, refused: &Refused);
    /// The session of a command has expired: it goes on with a new one.
    ///
    /// Replicas know a session numbered `latest` ([`crate::ClientId::renewed`]).
    fn on_expired(&mut self, id: CommandId, latest: u64);
    /// This start of the process has drawn `nonce`, before anything was submitted: see [`crate::ClientId`].
    fn draw(&mut self, nonce: u32);
    /// A value is about to be submitted, and everything below `known` is chosen: a session in which nothing is open, and
    /// that has been silent for long, is renewed.
    fn refresh(&mut self, _now: Time, _known: Slot) {}
    /// The next command that ends without an answer, until there is none. Nothing is asked or said of it again.
    fn poll_unanswered(&mut self) -> Option<(CommandId, Unanswered)>;
    /// The time of [`Client::deadline`] has come: ask again.
    fn on_timeout(&mut self, now: Time);
    /// When to be woken.
    fn deadline(&self) -> Option<Time>;
    /// Commands without an answer.
    fn unanswered(&self) -> usize;
    /// How many requests it has sent that were not the first for their commands.
    fn asked_again(&self) -> u64;
}

/// Builds the common part of a phrase's facts: one [`Fact::Propose`] or [`Fact::Vote`] a slot.
pub fn tell_each<V>(
    first: Slot,
    batch: &Batch<V>,
    tell: &mut dyn FnMut(Fact<'_, V>),
    fact: impl for<'a> Fn(Slot, &'a crate::Entry<V>) -> Fact<'a, V>,
) {
    for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
        tell(fact(slot, entry));
    }
}
