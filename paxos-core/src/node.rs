//! A process: its roles, and the routing of messages between them and the outside.

mod elect;
mod hear;
mod known;
mod members;
mod peers;
mod read;
mod ready;
mod snapshots;
mod speak;
mod start;
mod status;
mod upkeep;

use crate::reads::{Beats, Grants, Reads};
use crate::{
    Answering, Ballot, Changed, Chosen, Client, CommandId, Contact, Elections, Envelope, Executed, Former,
    Incarnation, Leader, Message, NodeId, NodeSet, Outcome, Overloaded, Proposer, Protocol, Reply, Settled,
    Setup, Slot, Time, To, Unanswered,
};
use core::time::Duration;
use elect::Handover;
use hear::{Beliefs, Untold};
use members::{Members, Recognition};
use peers::Peers;
use ready::Underway;
use snapshots::{Fetching, Store};
use status::Noted;
use std::collections::{BTreeMap, BTreeSet};
use upkeep::Paces;

pub use elect::Untransferable;
pub use ready::{Backlog, Decided, Ready, Receipt, Write};
pub use snapshots::{SnapshotPiece, WantedPiece};
pub use status::{Aside, Counters, Load, PeerStatus, Plays, Status, Surroundings};

/// What happens to a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<P: Protocol> {
    /// A message arrives.
    Message {
        /// The sender, as vouched for by the carrier.
        from: NodeId,
        /// The message.
        message: Message<P>,
    },
    /// A carrier reports the store of a process. It reports each state of the store before any message that rests on
    /// it arrives, and never reports an earlier state after a later one.
    Met {
        /// The process that has the store, as vouched for by the carrier.
        from: NodeId,
        /// The store, with at least as many writes as the next message rests on.
        store: Incarnation,
        /// The starts that the store remembers.
        former: Former,
    },
    /// [`Node::deadline`] has come.
    Timeout,
}

/// One process of a cluster: a function of its events. It plays the roles that the configuration gives to its id, and
/// the client role. Its results come from [`crate::Ready`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node<P: Protocol> {
    /// With the current members.
    pub(crate) setup: Setup<P::Options>,
    /// With the members that the cluster began with.
    built: Setup<P::Options>,
    pub(crate) now: Time,
    pub(crate) client: P::Client,
    pub(crate) proposer: Option<P::Proposer>,
    pub(crate) acceptor: Option<P::Acceptor>,
    pub(crate) learner: Option<P::Learner>,
    pub(crate) leader: P::Leader,
    pub(crate) chosen: Chosen<P::Value>,
    pub(crate) out: Out<P>,
    pub(crate) underway: Underway<P::Record>,
    members: Members,
    gossip: Gossip,
    /// The version of the members that the roles know.
    epoch: u64,
    /// The first slot of the epoch that the roles know.
    began: Slot,
    /// A phase 1a for slots from this one on, to be answered when this process has caught up.
    deferred: Option<(NodeId, Slot, P::Prepare)>,
    /// Processes that it asked what is chosen. Any of these may answer, since all the members it knows may be gone.
    asked: NodeSet,
    /// The slot from which it last asked what is chosen, if the answer has not arrived.
    asking: Option<Slot>,
    /// The answer to its last question is complete when every slot below is known.
    answered: Option<Slot>,
    /// When it asked, or was told something new.
    fed: Time,
    /// Which version of the members each client was told.
    informed: BTreeMap<NodeId, u64>,
    /// Everything known to be chosen below is in its records or its snapshot, on disk or about to be written.
    settled: Slot,
    /// Below this slot, this process has recorded which of its votes were for chosen values.
    marked: Slot,
    /// Whether the records that are not handed out yet contain a piece of an epoch's past.
    piece: bool,
    /// Everything known to be chosen below is on its disk.
    pub(crate) durable: Slot,
    peers: Peers,
    paces: Paces,
    pub(crate) store: Store,
    fetching: Option<Fetching>,
    /// Whether the replica's machine takes over a state on another thread.
    away: bool,
    /// The pieces of snapshots to be read for peers, at most 16 for each peer.
    wanted: Vec<WantedPiece>,
    /// The processes that answer this leader's heartbeats.
    contact: Contact,
    /// The transfer of leadership in progress.
    handover: Option<Handover<P>>,
    /// Clients that asked here while no leader was known, to be told when there is one.
    stranded: BTreeSet<NodeId>,
    beats: Beats,
    /// The leases that this acceptor has granted to leaders.
    grants: Grants,
    reads: Reads,
    /// Whether something happened since the last turn.
    pub(crate) stirred: bool,
    answering: Answering,
    /// The learner that answers clients where no proposer learns.
    answering_learner: Option<NodeId>,
    /// The ballot that the leader role knows it was elected in.
    led: Option<Ballot>,
    /// When it last tried to transfer leadership because its disk stalls.
    outpaced: Option<Time>,
    /// The processes that voted in a ballot of this process since its last heartbeat.
    voted: Aside<NodeSet>,
    /// The version of `chosen` that the proposer knows.
    told: u64,
    decisions: Vec<P::Decision>,
    /// What this distinguished learner has not told everyone.
    untold: Untold<P::Decision>,
    beliefs: Beliefs,
    /// The stores of the other processes, as this process remembers them.
    recognition: Recognition,
    pub(crate) noted: Aside<Noted>,
}

/// The results of the events so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Out<P: Protocol> {
    /// Messages that may leave at once.
    pub(crate) unbound: Vec<Envelope<P>>,
    /// Messages that wait for the records.
    pub(crate) bound: Vec<Envelope<P>>,
    /// Messages of the process to itself, which wait for the records as well.
    pub(crate) own: Vec<Own<P>>,
    pub(crate) records: Vec<P::Record>,
    /// The results of this client's commands.
    pub(crate) outcomes: Vec<Settled<P::Reply>>,
    /// The results of this client's changes of members.
    pub(crate) changed: Vec<Changed>,
    /// Commands that a client wants this process in particular to answer.
    pub(crate) asked: Vec<CommandId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Own<P: Protocol> {
    Promise(P::Promise),
    Accepted(P::Accepted),
}

/// The exchanges of progress with other learners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Gossip {
    next: Option<Time>,
    turn: usize,
    /// The first unknown slot at the last turn, and for how many turns it has stayed although more is chosen.
    stuck_at: Slot,
    stuck_for: usize,
    /// For how many turns nothing was learned.
    idle_for: u32,
    /// The last ballot that this leader began for a learner that does not reach those that know what it misses.
    again: Repeated,
}

/// When the next such ballot may begin, how long it had to wait, and which learner missed which slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Repeated {
    next: Time,
    wait: Duration,
    missed: (NodeId, Slot),
}

impl Repeated {
    /// The same after another ballot at `now`. The wait is short again if the same learner has advanced, or after a pause.
    fn after(self, now: Time, missed: (NodeId, Slot), shortest: Duration) -> Self {
        let advanced = missed.0 == self.missed.0 && missed.1 > self.missed.1;
        let paused = self.next.after(self.wait.saturating_mul(8)) < now;
        let longer = self.wait.saturating_mul(2).clamp(shortest, shortest.saturating_mul(64));
        let wait = if advanced || paused { shortest } else { longer };
        Self { next: now.after(wait), wait, missed }
    }
}

impl<P: Protocol> Node<P> {
    /// Takes in one event. This is cheap; [`Node::ready`] returns the results of all events so far.
    ///
    /// A message from a process that does not play the role it speaks in changes nothing.
    pub fn step(&mut self, now: Time, mut event: Event<P>) {
        if self.amnesia().is_some() {
            return;
        }
        self.now = self.now.max(now);
        self.stirred = true;
        if self.unsure_until().is_some() {
            let Some(relevant) = self.wait_for_others(event) else { return };
            event = relevant;
        }
        if let Event::Met { from, store, former } = event {
            // A carrier reports a store once, and the report does not depend on the members.
            return self.on_met(from, store, former);
        }
        // Roles count answers of current members only. Until the past of their epoch is on disk, messages are lost, as
        // messages may be, and timeouts are handled afterwards.
        if !self.follow_members() {
            return;
        }
        match event {
            Event::Timeout => self.on_timeout(),
            Event::Message { from, message } => self.on_message(from, message),
            Event::Met { .. } => {}
        }
    }

    /// Submits a command for this process's client. Its outcome is among [`crate::Ready::outcomes`].
    ///
    /// # Errors
    /// [`Overloaded`] if too many commands are unanswered, or too much waits for the disk; try again later.
    pub fn submit(&mut self, now: Time, value: P::Value) -> Result<CommandId, Overloaded> {
        self.now = self.now.max(now);
        self.stirred = true;
        let submitted = if self.is_clogged() {
            Err(Overloaded::Disk(self.setup.config.limits.disk_bytes as u64))
        } else {
            self.client.refresh(self.now, self.chosen.first_unknown());
            self.client.submit(value)
        };
        self.noted.0.counters.refused += u64::from(submitted.is_err());
        submitted
    }

    /// Returns the results of this client's changes of members since the last call. Must be called after each
    /// [`crate::Ready`].
    pub fn changes(&mut self) -> std::vec::Drain<'_, Changed> {
        self.out.changed.drain(..)
    }

    /// Takes the replies of executed commands, and sends each to its client.
    pub fn answer(&mut self, replies: impl IntoIterator<Item = Reply<P::Reply>>) {
        for reply in replies {
            let node = reply.id.client.node;
            if node == self.setup.id {
                self.on_reply(node, reply);
            } else {
                self.send(To::One(node), Message::Reply(reply));
            }
        }
    }

    /// Handles the reply to a command of this process's own client.
    fn on_reply(&mut self, from: NodeId, reply: Reply<P::Reply>) {
        if let Outcome::SessionExpired { latest } = reply.outcome {
            self.client.on_expired(reply.id, latest);
            // The client now reports the ends of its open commands.
            self.stirred = true;
            return;
        }
        // The answer is not lost if this process's own replica has yet to execute that slot.
        let comes = self.learner.is_some() && reply.slot >= self.chosen.applied();
        if reply.outcome == Outcome::NotKept && from != self.setup.id && comes {
            return;
        }
        if !self.client.on_reply(from, &reply) {
            return;
        }
        let Reply { id, slot, outcome } = reply;
        let result = match outcome {
            Outcome::Executed(reply) => Ok(Executed { slot, reply }),
            Outcome::NotKept => Err(Unanswered::AnswerNotKept(slot)),
            Outcome::Changed(result) => return self.out.changed.push(Changed { id, slot, result }),
            Outcome::SessionExpired { .. } => return,
        };
        self.out.outcomes.push(Settled { id, result });
    }

    /// When to call [`Node::step`] with [`Event::Timeout`], unless another event comes first.
    pub fn deadline(&self) -> Option<Time> {
        if self.is_settling() && self.members_changed() {
            // It waits for the disk, and does nothing before that.
            return None;
        }
        if let Some(until) = self.unsure_until() {
            return Some(until);
        }
        let proposer = self.proposer.as_ref().and_then(Proposer::deadline);
        let gossip = self.gossip.next.filter(|_| self.learner.is_some());
        let handover = self.handover.as_ref().and_then(Handover::deadline);
        let fetching = self.fetching.as_ref().and_then(Fetching::deadline);
        let (leader, client, reads) = (self.leader.deadline(), self.client.deadline(), self.reads.deadline());
        [leader, proposer, client, gossip, handover, reads, fetching].into_iter().flatten().min()
    }

    /// Its id.
    pub fn id(&self) -> NodeId {
        self.setup.id
    }

    /// The setup that it was built from, and must be built from after a restart. Its members may be outdated.
    #[expect(
        clippy::misnamed_getters,
        reason = "roles work with the members of now, callers restart with the first"
    )]
    pub fn setup(&self) -> &Setup<P::Options> {
        &self.built
    }

    /// Its log: the slots that it knows to be chosen.
    pub fn chosen(&self) -> &Chosen<P::Value> {
        &self.chosen
    }

    /// The leader, as far as it knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader.leader()
    }

    /// The ballot in which it leads: phase 1 is done, so it may propose commands.
    pub fn leading(&self) -> Option<Ballot> {
        self.proposer.as_ref()?.leading()
    }

    /// Its elections as a candidate and as a leader since it started.
    pub fn elections(&self) -> Elections {
        self.leader.elections()
    }

    /// Its client role.
    pub fn client(&self) -> &P::Client {
        &self.client
    }

    /// Its proposer role, if it plays one.
    pub fn proposer(&self) -> Option<&P::Proposer> {
        self.proposer.as_ref()
    }

    /// Its acceptor role, if it plays one.
    pub fn acceptor(&self) -> Option<&P::Acceptor> {
        self.acceptor.as_ref()
    }

    /// Whether it learns what is chosen, and so executes commands.
    pub fn is_learner(&self) -> bool {
        self.learner.is_some()
    }

    /// The clients that it answers with what it executes now.
    pub(crate) fn answering(&self) -> Answering {
        let everyone_else = match self.answering_learner {
            Some(learner) => learner == self.setup.id,
            // Self-appointed leaders answer the requests they took, which are among `asked`.
            None => self.members.elects && self.leader.leads(),
        };
        self.answering.including(everyone_else)
    }

    fn send(&mut self, to: To, message: Message<P>) {
        message.assert_bounded(&self.setup.config.limits);
        if !to.is_empty() {
            self.out.unbound.push(Envelope { to, message });
        }
    }

    fn send_bound(&mut self, to: To, message: Message<P>) {
        message.assert_bounded(&self.setup.config.limits);
        if !to.is_empty() {
            self.out.bound.push(Envelope { to, message });
        }
    }

    fn others(&self, set: NodeSet) -> NodeSet {
        set.without(self.members.me)
    }
}
