//! A variant as a type, and the five roles that make it up.

use crate::{
    Ballot, Batch, Chosen, CommandId, Config, Elections, Load, Membership, Nack, NodeId, NodeSet,
    Outstanding, Overloaded, PhaseMessage, Reconfiguration, Recorded, Refused, Reply, Request, Setup, Slot,
    Time, To, Unanswered, Value,
};
use core::fmt::Debug;
use core::hash::Hash;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The result of executing a command: opaque to every protocol. It is serializable, because the answers to clients are
/// part of a [`crate::Snapshot`].
pub trait Answer: Clone + Debug + Eq + Hash + Send + Sync + Serialize + DeserializeOwned + 'static {}
impl<T: Clone + Debug + Eq + Hash + Send + Sync + Serialize + DeserializeOwned + 'static> Answer for T {}

/// One variant of Paxos: its messages, records and roles. It is the only generic parameter of everything that drives nodes.
pub trait Protocol: Clone + Debug + Eq + Hash + Send + Sync + Sized + 'static {
    /// The variant's name in tables.
    const NAME: &'static str;
    /// Whether the members can change while the log grows. If so, the roles implement `reconfigure`, and propose and
    /// count nothing from [`Chosen::limit`] on.
    const CHANGES: bool = false;
    /// The values that clients submit.
    type Value: Value;
    /// The result of executing a value.
    type Reply: Answer;
    /// The variant's own settings.
    type Options: Clone + Debug + Default + Send + Sync + 'static;
    /// Phase 1a.
    type Prepare: PhaseMessage<Self::Value>;
    /// Phase 1b.
    type Promise: PhaseMessage<Self::Value>;
    /// Phase 2a.
    type Accept: PhaseMessage<Self::Value>;
    /// Phase 2b.
    type Accepted: PhaseMessage<Self::Value>;
    /// The message in which a distinguished learner announces what is chosen.
    type Decision: PhaseMessage<Self::Value>;
    /// One fact that an acceptor or proposer must never forget.
    type Record: Recorded<Self::Value>;
    /// Sends requests and waits for answers.
    type Client: Client<Self>;
    /// Keeps proposals safe.
    type Proposer: Proposer<Self>;
    /// The fault-tolerant memory.
    type Acceptor: Acceptor<Self>;
    /// Notices that a quorum has voted.
    type Learner: Learner<Self>;
    /// Decides which process proposes, and when.
    type Leader: Leader<Self>;

    /// Whether a phase 2a and a heartbeat let an acceptor learn what earlier proposals of their ballot are chosen.
    const TELLS_CHOSEN: bool = false;

    /// The processes that hear votes in `ballot`, besides the acceptor itself.
    fn hears_votes(setup: &Setup<Self::Options>, ballot: Ballot) -> NodeSet {
        setup.config.hears_votes(ballot)
    }
}

/// Answers phase 1 and phase 2. An acceptor never forgets what it promised and voted: what it pushes to `log` is on
/// disk before the answer leaves the process.
pub trait Acceptor<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// Creates an acceptor that has promised nothing and voted for nothing.
    fn new(setup: &Setup<P::Options>) -> Self;
    /// Takes the configuration whose members hold from the first unknown slot on.
    fn reconfigure(&mut self, _setup: &Setup<P::Options>) {}
    /// Restores one record from before a crash. The caller passes all records, in order.
    fn restore(&mut self, record: &P::Record);
    /// Handles phase 1a: promises and reports its votes, or refuses.
    ///
    /// # Errors
    /// A [`Nack`] if a higher ballot is promised.
    fn on_prepare(&mut self, prepare: &P::Prepare, log: &mut Vec<P::Record>) -> Result<P::Promise, Nack>;
    /// Handles phase 2a: votes or refuses. `Ok(None)`: there is nothing to vote for (the message opens a fast ballot).
    ///
    /// # Errors
    /// A [`Nack`] if a higher ballot is promised.
    fn on_accept(
        &mut self,
        accept: &P::Accept,
        log: &mut Vec<P::Record>,
    ) -> Result<Option<P::Accepted>, Nack>;
    /// Whether it has already given the promise that `prepare` asks for, so that `prepare` only asks for more votes.
    fn has_promised(&self, _prepare: &P::Prepare) -> bool {
        false
    }
    /// Whether it has promised no ballot above the term of `ballot`, in any slot.
    fn follows(&self, ballot: Ballot) -> bool;
    /// Its last vote in each slot. The process records which were for chosen values, and does not write these again.
    fn votes(&self) -> &crate::Votes<P::Value>;
    /// The slot after the last slot in which it has voted, and at least its floor. Every slot that was chosen with its
    /// vote lies below.
    fn voted_below(&self) -> Slot {
        self.votes().end().max(self.floor())
    }
    /// Whether it will have something to say in a slot from `limit` on, once the members there are known.
    fn waits_for(&self, _limit: Slot) -> bool {
        false
    }
    /// Takes commands sent straight from a client, to vote for them in a fast ballot. Other variants ignore them.
    fn on_request(&mut self, _request: &Request<P::Value>) {}
    /// Returns the votes for values that were not proposed to it (in a fast ballot) since the last call.
    fn vote(&mut self, _chosen: &Chosen<P::Value>, _log: &mut Vec<P::Record>) -> Option<P::Accepted> {
        None
    }
    /// The slot below which it has forgotten its votes. It refuses a phase 1 that begins lower: to report no votes
    /// there would read as "no vote was cast" (our own argument; in the papers, acceptors forget nothing).
    fn floor(&self) -> Slot {
        self.votes().floor()
    }
    /// Forgets its promises and votes below `below`. These slots are chosen, and this process or every process keeps
    /// the result of executing them. From now on the acceptor never answers as if it had not voted there.
    fn trim(&mut self, _below: Slot) {}
    /// Returns the records that restore everything that it still needs when it may forget the slots below `from`, in
    /// an order that [`Acceptor::restore`] accepts. None if this variant always needs all its records.
    fn retained(&self, _from: Slot) -> Option<Vec<P::Record>> {
        None
    }
    /// Handles another acceptor's vote, or its own once that is on disk. An acceptor that hears the others' votes may
    /// follow them in [`Acceptor::vote`] (uncoordinated recovery).
    fn on_accepted(&mut self, _from: NodeId, _accepted: &P::Accepted, _chosen: &Chosen<P::Value>) {}
}

/// The acceptors that a question goes to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reach {
    /// A quorum, if the configuration is thrifty.
    Quorum(crate::Phase),
    /// All of them.
    All,
    /// One of them, which has more votes to report.
    One(NodeId),
}

/// A proposer's question to the acceptors.
#[derive(Debug)]
pub enum Proposal<P: Protocol> {
    /// Phase 1a, with the record that must be on disk before it leaves.
    Prepare(P::Prepare, Option<P::Record>),
    /// Phase 2a. It may leave before the proposer's own vote is on disk.
    Accept(P::Accept),
}

/// Keeps proposals safe, whichever processes propose. It never starts a ballot by itself; [`Leader`] decides that.
pub trait Proposer<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// Creates an idle proposer.
    fn new(setup: &Setup<P::Options>) -> Self;
    /// Takes the configuration whose members hold from the first unknown slot on. A phase 1 among the former members
    /// is useless; a proposer that has more to propose must campaign again ([`Proposer::has_work`]).
    fn reconfigure(&mut self, _setup: &Setup<P::Options>) {}
    /// Restores one record from before a crash.
    fn restore(&mut self, record: &P::Record);
    /// Returns the records that restore what it must not forget. None if this variant always needs all its records.
    fn retained(&self) -> Option<Vec<P::Record>> {
        None
    }
    /// Takes commands to propose. `leads` says whether this process should propose them on its own initiative.
    ///
    /// # Errors
    /// [`Overloaded`] if the queue is full.
    fn on_request(&mut self, now: Time, request: &Request<P::Value>, leads: bool) -> Result<(), Overloaded>;
    /// Starts phase 1 in a ballot above all it has heard of, for every slot that is not known to be chosen.
    fn campaign(&mut self, now: Time, chosen: &Chosen<P::Value>);
    /// The slot at which a campaign would begin. The proposer knows that every slot below is chosen.
    fn begins_at(&self, chosen: &Chosen<P::Value>) -> Slot {
        chosen.first_unknown()
    }
    /// Gives up its ballot, if it has one or campaigns for one. Returns whether it did.
    fn step_down(&mut self) -> bool;
    /// Whether everything that it has proposed or must propose is known to be chosen.
    fn is_settled(&self) -> bool {
        true
    }
    /// Handles a phase 1b of the current ballot. Returns whether it was a new piece of a promise, and not the last one.
    fn on_promise(&mut self, now: Time, from: NodeId, promise: P::Promise, chosen: &Chosen<P::Value>)
    -> bool;
    /// Returns a slot in which the last promise completed a phase 1 quorum without a vote, although a later slot was
    /// reported as the end of what is chosen. That report was wrong.
    fn refuted(&mut self) -> Option<Slot> {
        None
    }
    /// Handles a vote, at proposers that hear votes.
    fn on_accepted(
        &mut self,
        _now: Time,
        _from: NodeId,
        _accepted: &P::Accepted,
        _chosen: &Chosen<P::Value>,
    ) {
    }
    /// Handles a refusal. Returns whether it ends the proposer's current ballot.
    fn on_nack(&mut self, now: Time, nack: &Nack) -> bool;
    /// Handles a ballot seen in any message. Returns whether it ends the proposer's current ballot.
    fn on_ballot(&mut self, ballot: Ballot) -> bool;
    /// More slots are known to be chosen.
    fn on_chosen(&mut self, now: Time, chosen: &Chosen<P::Value>);
    /// Handles a learner's report that every slot below `slot` is chosen.
    fn on_progress(&mut self, now: Time, slot: Slot);
    /// A learner misses what is chosen from `from` on, and neither it nor this process knows who can send it. Proposes these
    /// slots again if they were said to be chosen, or if nothing but acceptors may know what is chosen in them.
    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<P::Value>);
    /// Handles the time of [`Proposer::deadline`]: asks again what is unanswered.
    fn on_timeout(&mut self, now: Time, chosen: &Chosen<P::Value>);
    /// When it must be woken.
    fn deadline(&self) -> Option<Time>;
    /// Returns the next question, until there is none. The node calls it when all events of the turn are in, so
    /// commands that arrived together are proposed together.
    fn poll(&mut self, now: Time, chosen: &Chosen<P::Value>) -> Option<(Proposal<P>, Reach)>;
    /// Whether it will have something to propose in a slot from `limit` on, once the members there are known.
    fn waits_for(&self, _limit: Slot) -> bool {
        false
    }
    /// The phase 2a that is sent again with each heartbeat, for acceptors that missed it.
    fn reminder(&self) -> Option<P::Accept> {
        None
    }
    /// A slot above every slot whose command has been answered by now, unless something was chosen in a ballot above
    /// that of [`Proposer::leading`]. It covers at least all that phase 1 reported, and all that was chosen in this
    /// ballot and may be known to some learner. None if this process does not lead, or cannot tell.
    fn read_index(&self, _chosen: &Chosen<P::Value>) -> Option<Slot> {
        None
    }
    /// The ballot in which it may propose without another phase 1.
    fn leading(&self) -> Option<Ballot>;
    /// Whether it neither holds a ballot nor asks for one, so that only a campaign lets it propose.
    fn is_idle(&self) -> bool;
    /// Whether commands wait here for a ballot.
    fn has_work(&self) -> bool;
    /// The commands and slots that it works on.
    fn load(&self) -> Load;
    /// Gives up the commands that it has not proposed yet, because another process leads. Returns them.
    fn surrender(&mut self) -> Vec<Batch<P::Value>>;
}

/// Notices what is chosen, and adds it to the process's log.
pub trait Learner<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// Creates a learner that knows nothing.
    fn new(setup: &Setup<P::Options>) -> Self;
    /// Takes the configuration whose members hold from the first unknown slot on.
    fn reconfigure(&mut self, _setup: &Setup<P::Options>) {}
    /// Handles a phase 2a that the acceptor of this process voted for. It carries the values of its ballot, and says
    /// which earlier slots are chosen.
    fn on_accept(&mut self, accept: &P::Accept, chosen: &mut Chosen<P::Value>);
    /// Handles a vote. Adds what becomes chosen to `chosen`, and what must be announced to `decisions`.
    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &P::Accepted,
        chosen: &mut Chosen<P::Value>,
        decisions: &mut Vec<P::Decision>,
    );
    /// Handles a distinguished learner's announcement.
    fn on_decide(&mut self, decision: &P::Decision, chosen: &mut Chosen<P::Value>);
    /// Handles a heartbeat: the leader of `ballot` says that every slot below `below` is chosen. The node notes how far
    /// the leader has learned, and asks for what is missing.
    fn on_heartbeat(&mut self, _ballot: Ballot, _below: Slot, _chosen: &mut Chosen<P::Value>) {}
    /// Forgets the votes it has counted below `below`: a snapshot holds the result of these slots.
    fn trim(&mut self, _below: Slot) {}
}

/// What the leader role asks for when its time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Start phase 1, in a higher ballot than any so far.
    Campaign,
    /// Tell every process that the leader is alive.
    Heartbeat,
    /// Ask the acceptors whether they would follow this process.
    PreVote,
    /// Give up the ballot.
    StepDown,
}

/// The state of a process when its leader role is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Whether its proposer holds a ballot.
    pub leading: bool,
    /// Whether its proposer has something to propose.
    pub work: bool,
    /// When the latest heartbeats were sent that a phase 2 quorum has answered.
    pub answered: Option<Time>,
    /// Whether it must not campaign yet. Its replica's machine takes over a state on another thread, so it executes
    /// nothing and could propose only α slots; or it must execute more before it knows the members of the first slot
    /// that it would ask about.
    pub blocked: bool,
}

/// Decides which process proposes, and when. It affects liveness only: no answer of it can break safety.
pub trait Leader<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// Creates the role at the start of a process.
    fn new(setup: &Setup<P::Options>, now: Time, restarted: bool) -> Self;
    /// Handles the end of a time in which the process heard nobody: see [`crate::Message::Recognize`].
    fn on_recognized(&mut self, now: Time);
    /// Handles a proposer's message in `ballot` that was accepted here, or refused because of `ballot`.
    fn on_ballot(&mut self, now: Time, ballot: Ballot);
    /// Handles a heartbeat of the leader of `ballot`.
    fn on_heartbeat(&mut self, now: Time, ballot: Ballot);
    /// Handles the loss of this process's ballot.
    fn on_preempted(&mut self, now: Time, chosen: Slot);
    /// Handles a won phase 1: this process's proposer may propose in `ballot`.
    fn on_elected(&mut self, now: Time, ballot: Ballot);
    /// Called while this process's proposer is idle. Its members changed, perhaps, or it was overtaken as it won.
    fn on_idle(&mut self) {}
    /// Handles a part of an acceptor's promise in this process's campaign. Phase 1 continues, however long it takes.
    fn on_piece(&mut self, _now: Time) {}
    /// Handles the arrival of commands at this process's proposer.
    fn on_work(&mut self, now: Time);
    /// Handles a granted pre-vote: the acceptor would follow this process, which asked at `sent`.
    fn on_pre_vote_reply(&mut self, now: Time, from: NodeId, sent: Time);
    /// Handles a transfer: the leader of `ballot` wants this process to lead.
    fn on_transfer(&mut self, now: Time, ballot: Ballot);
    /// Handles the time of [`Leader::deadline`]. Returns the duty that is due.
    fn on_timeout(&mut self, now: Time, standing: Standing) -> Option<Duty>;
    /// When it must be woken.
    fn deadline(&self) -> Option<Time>;
    /// Takes the new members.
    fn reconfigure(&mut self, now: Time, config: &Arc<Config>);
    /// Whether this process should propose.
    fn leads(&self) -> bool;
    /// The leader, as far as this process knows.
    fn leader(&self) -> Option<NodeId>;
    /// The other process that leads, if it was heard recently.
    fn hears(&self, now: Time) -> Option<NodeId>;
    /// Whether the acceptor of this process would follow another leader: this process hears none, and leads none.
    fn would_follow(&self, now: Time) -> bool;
    /// The number of elections and their outcomes so far.
    fn elections(&self) -> Elections;
}

/// Sends requests, waits for answers, and asks again. Which process it asks is its own; the rest is [`Outstanding`].
pub trait Client<P: Protocol>: Sized + Clone + Debug + Eq + Hash + Send {
    /// Creates a client without commands. `incarnation` counts the starts of this process, from 0, and numbers its
    /// sessions ([`crate::ClientId::first_of`]).
    fn new(setup: &Setup<P::Options>, incarnation: u32) -> Self;
    /// The commands without an answer.
    fn outstanding(&self) -> &Outstanding<P::Value>;
    /// The same, to change them.
    fn outstanding_mut(&mut self) -> &mut Outstanding<P::Value>;
    /// Takes a value. Returns the id of its command.
    ///
    /// # Errors
    /// [`Overloaded`] if the session has as many unanswered commands as it may have.
    fn submit(&mut self, value: P::Value) -> Result<CommandId, Overloaded> {
        self.outstanding_mut().submit(value)
    }
    /// Asks for a change of members, in the same way as for a command.
    ///
    /// # Errors
    /// [`Overloaded`] if the session has as many unanswered commands as it may have.
    fn submit_change(&mut self, change: Reconfiguration) -> Result<CommandId, Overloaded> {
        self.outstanding_mut().submit_change(change)
    }
    /// Takes the current members, as far as they are known.
    fn reconfigure(&mut self, members: &Membership);
    /// Returns the next request and its receivers, until there is none. `leader` is the known leader.
    fn poll(&mut self, now: Time, leader: Option<NodeId>) -> Option<(To, Request<P::Value>)>;
    /// Handles the answer to an executed command. Returns whether it is the first answer.
    fn on_reply(&mut self, from: NodeId, reply: &Reply<P::Reply>) -> bool;
    /// Handles a proposer's refusal of some commands.
    fn on_refusal(&mut self, from: NodeId, refused: &Refused);
    /// Handles the expiry of a command's session: the client continues with a new session.
    ///
    /// Replicas know a session with the number `latest` ([`crate::ClientId::renewed`]).
    fn on_expired(&mut self, id: CommandId, latest: u64) {
        self.outstanding_mut().on_expired(id, latest);
    }
    /// Takes the random number of this start, before anything is submitted ([`crate::ClientId`]).
    fn draw(&mut self, nonce: u32) {
        self.outstanding_mut().draw(nonce);
    }
    /// Renews the session if it has no open command and has been silent for a long time. Called before a value is
    /// submitted; every slot below `known` is chosen.
    fn refresh(&mut self, now: Time, known: Slot) {
        self.outstanding_mut().refresh(now, known);
    }
    /// Returns the next command that ends without an answer, until there is none. The client then forgets the command.
    fn poll_unanswered(&mut self) -> Option<(CommandId, Unanswered)> {
        self.outstanding_mut().poll_unanswered()
    }
    /// Handles the time of [`Client::deadline`]: asks again.
    fn on_timeout(&mut self, now: Time);
    /// When it must be woken.
    fn deadline(&self) -> Option<Time> {
        self.outstanding().deadline()
    }
    /// The number of commands without an answer.
    fn unanswered(&self) -> usize {
        self.outstanding().len()
    }
    /// The number of requests that were not the first for their commands.
    fn asked_again(&self) -> u64 {
        self.outstanding().asked_again()
    }
}
