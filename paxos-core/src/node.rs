//! A process: the roles it plays, and the routing of messages between them and the world.

mod elect;
mod hear;
mod known;
mod members;
mod peers;
mod read;
mod ready;
mod snapshots;
mod speak;
mod status;
mod underway;
mod upkeep;

use crate::reads::{Beats, Grants, Reads};
use crate::{
    Acceptor, Answering, Ballot, Changed, Chosen, Client, CommandId, Contact, Elections, Envelope, Executed,
    Leader, Learner, Message, NodeId, NodeSet, Outcome, Overloaded, Proposer, Protocol, Recorded, Reply,
    Settled, Setup, Slot, Snapshot, StoreLife, Time, To, Unanswered,
};
use elect::Handover;
use hear::Beliefs;
use members::{Members, Recognition};
use peers::Peers;
use snapshots::{Fetching, Store};
use status::Noted;
use std::collections::{BTreeMap, BTreeSet};
use underway::Underway;

pub use elect::Untransferable;
pub use ready::{Decided, Ready, Receipt, Write};
pub use snapshots::{SnapshotPiece, WantedPiece};
pub use status::{Aside, Counters, Load, PeerStatus, Plays, Status, Surroundings};
pub use underway::Backlog;

/// What happens to a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<P: Protocol> {
    /// A message arrives.
    Message {
        /// Who sent it; the carrier vouches for that.
        from: NodeId,
        /// What it says.
        message: Message<P>,
    },
    /// The store that a process has. A carrier tells it before any message of the process arrives that rests on more
    /// writes than it told of, and never after it told of a later state.
    Met {
        /// Whose; the carrier vouches for that.
        from: NodeId,
        /// The store, with at least as many writes as what arrives next rests on.
        store: StoreLife,
    },
    /// [`Node::deadline`] has come.
    Timeout,
}

/// One process of a cluster: a function of its events. It plays the roles that the configuration gives to its
/// id, and that of a client. See [`crate::Ready`] for what comes out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node<P: Protocol> {
    /// With the members of now.
    pub(crate) setup: Setup<P::Options>,
    /// With those that the cluster began with.
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
    /// The change of members that the roles know of.
    epoch: u64,
    /// Where the epoch begins that the roles know of.
    began: Slot,
    /// A phase 1a for slots from the one named on, which may be answered when this process has caught up.
    deferred: Option<(NodeId, Slot, P::Prepare)>,
    /// Whom it asked what is chosen. Those that it knows as members may all be gone, and it is told so by others.
    asked: NodeSet,
    /// From which slot on it asked last what is chosen, if the answer has not arrived.
    asking: Option<Slot>,
    /// When all below is known, the answer has arrived.
    answered: Option<Slot>,
    /// Which clients were told of which change of members.
    informed: BTreeMap<NodeId, u64>,
    /// What this process knows to be chosen below is among its records or in its snapshot, on disk or about to be written.
    settled: Slot,
    /// All below was looked at when this process wrote which of its votes are for what is chosen.
    marked: Slot,
    /// Whether a piece of that is among the records that were not handed out yet.
    piece: bool,
    /// What it knows to be chosen below is on its disk.
    pub(crate) durable: Slot,
    peers: Peers,
    pub(crate) store: Store,
    fetching: Option<Fetching>,
    /// Whether the replica's machine takes over a state elsewhere.
    away: bool,
    /// What peers want to be read, at most one piece each.
    wanted: Vec<WantedPiece>,
    /// Who answers this leader's heartbeats.
    contact: Contact,
    /// The leadership that is being handed over.
    handover: Option<Handover<P>>,
    /// Clients that asked here when no leader was known, and want to hear of one.
    stranded: BTreeSet<NodeId>,
    beats: Beats,
    /// What this acceptor has granted to leaders.
    grants: Grants,
    reads: Reads,
    /// Whether something happened since the last turn.
    pub(crate) stirred: bool,
    answering: Answering,
    /// The learner that answers clients where no proposer learns.
    answering_learner: Option<NodeId>,
    /// The ballot that the leader role knows it was elected in.
    led: Option<Ballot>,
    /// When it last tried to have another process lead because its disk stalls.
    outpaced: Option<Time>,
    /// Who voted in a ballot of this process since its last heartbeat.
    voted: Aside<NodeSet>,
    /// The state of `chosen` that the proposer knows.
    told: u64,
    decisions: Vec<P::Decision>,
    beliefs: Beliefs,
    /// Whose store is the one it was.
    recognition: Recognition,
    pub(crate) noted: Aside<Noted>,
}

/// What follows from the events so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Out<P: Protocol> {
    /// May leave at once.
    pub(crate) unbound: Vec<Envelope<P>>,
    /// Wait for the records.
    pub(crate) bound: Vec<Envelope<P>>,
    /// What the process says to itself, which waits for the records as well.
    pub(crate) own: Vec<Own<P>>,
    pub(crate) records: Vec<P::Record>,
    /// What this process's own client is told.
    pub(crate) outcomes: Vec<Settled<P::Reply>>,
    /// What came of its changes of members.
    pub(crate) changed: Vec<Changed>,
    /// Commands that a client wants answered by this process in particular.
    pub(crate) asked: Vec<CommandId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Own<P: Protocol> {
    Promise(P::Promise),
    Accepted(P::Accepted),
}

/// When this process last compared notes with another learner, and with whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Gossip {
    next: Option<Time>,
    turn: usize,
    /// The first unknown slot at the last turn, and for how many turns it stayed although more is chosen.
    stuck_at: Slot,
    stuck_for: usize,
}

impl<P: Protocol> Node<P> {
    /// A process that starts for the first time. Where a disk may be lost or put back, see [`Node::draw`].
    pub fn new(setup: Setup<P::Options>, now: Time) -> Self {
        Self::build(setup, now, 0)
    }

    /// Gives this start of the process a number drawn at random, which no former start had, whatever happened to the
    /// disk: it tells the process's commands and reads from those of any former start ([`crate::ClientId`]). To be called
    /// before anything else happens.
    pub fn draw(&mut self, nonce: u32) {
        self.client.draw(nonce);
        self.reads.draw(nonce);
    }

    /// A process that starts again with what it had on disk. `life` counts its starts; it must be higher each time,
    /// unless the disk has forgotten: see [`Node::draw`].
    pub fn restore<'a>(
        setup: Setup<P::Options>,
        now: Time,
        life: u32,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Self {
        Self::restore_from(setup, now, life, None, records)
    }

    /// As [`Node::restore`], for a process that had a snapshot on disk. The records are those that were stored
    /// with the snapshot, and after it. The replica is to be restored from the same snapshot: by
    /// [`crate::Replica::install`], or by itself when it executes next.
    pub fn restore_from<'a>(
        setup: Setup<P::Options>,
        now: Time,
        life: u32,
        snapshot: Option<Snapshot>,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Self {
        let mut node = Self::build(setup, now, life.max(1));
        // What it stands for is forgotten before anything else is remembered: the records are silent about it.
        if let Some(snapshot) = snapshot {
            node.adopt(snapshot);
        }
        // What is on the own disk is true, however far it is.
        let reach = node.chosen.set_reach(u64::MAX);
        for record in records {
            if let Some((first, batch)) = record.as_learned() {
                node.chosen.choose(first, batch.clone());
            }
            node.noted.0.highest = node.noted.0.highest.max(record.ballot().unwrap_or_default());
            if let Some((peer, store)) = record.as_met() {
                node.recognition.restore(node.setup.id, peer, store);
            }
            if let Some(acceptor) = &mut node.acceptor {
                acceptor.restore(record);
            }
            if let Some(proposer) = &mut node.proposer {
                proposer.restore(record);
            }
            if let Some(slots) = record.as_known() {
                node.recall_known(slots);
            }
        }
        node.chosen.set_reach(reach);
        node.settled = node.chosen.first_unknown();
        node.durable = node.settled;
        node
    }

    fn build(setup: Setup<P::Options>, now: Time, life: u32) -> Self {
        let config = &setup.config;
        let epochs = if P::CHANGES { config.epochs() } else { None };
        // Where members change, every member may get every role.
        let any = epochs.as_ref().map_or(NodeSet::EMPTY, |epochs| epochs.everyone().servers());
        let plays = |set: NodeSet| set.union(config.spares).union(any).contains(setup.id);
        Self {
            client: P::Client::new(&setup, life),
            proposer: plays(config.proposers).then(|| P::Proposer::new(&setup)),
            acceptor: plays(config.acceptors()).then(|| P::Acceptor::new(&setup)),
            learner: plays(config.all_learners()).then(|| P::Learner::new(&setup)),
            leader: P::Leader::new(&setup, now, life > 0),
            members: Members::new(config, setup.id, epochs.as_ref()),
            chosen: Chosen::new(epochs, config.limits.reach()),
            epoch: 0,
            began: Slot(0),
            deferred: None,
            asked: NodeSet::EMPTY,
            asking: None,
            answered: None,
            informed: BTreeMap::new(),
            settled: Slot(0),
            marked: Slot(0),
            piece: false,
            durable: Slot(0),
            peers: Peers::default(),
            out: Out {
                unbound: Vec::new(),
                bound: Vec::new(),
                own: Vec::new(),
                records: Vec::new(),
                outcomes: Vec::new(),
                changed: Vec::new(),
                asked: Vec::new(),
            },
            underway: Underway::default(),
            gossip: Gossip {
                next: config.timeouts.gossip.map(|d| now.after(d)),
                turn: usize::from(setup.id.0),
                ..Gossip::default()
            },
            store: Store::default(),
            fetching: None,
            away: false,
            wanted: Vec::new(),
            contact: Contact::default(),
            handover: None,
            stranded: BTreeSet::new(),
            beats: Beats::default(),
            grants: Grants::new(config.timeouts.lease, now, life > 0),
            reads: Reads::new(config, life),
            stirred: true,
            answering: Answering::new(setup.id, config),
            answering_learner: config.answering_learner(),
            led: None,
            outpaced: None,
            voted: Aside(NodeSet::EMPTY),
            told: 0,
            decisions: Vec::new(),
            beliefs: Beliefs::default(),
            recognition: Recognition::default(),
            noted: Aside::default(),
            now,
            built: setup.clone(),
            setup,
        }
    }

    /// Takes in one event. Cheap; what follows comes from [`Node::ready`], once for as many events as there are.
    ///
    /// A message from a process that does not play the role it speaks in changes nothing.
    pub fn step(&mut self, now: Time, event: Event<P>) {
        if self.amnesia().is_some() {
            return;
        }
        self.now = self.now.max(now);
        self.stirred = true;
        if let Event::Met { from, store } = event {
            // Said once, and whose store it is does not depend on who the members are.
            return self.on_met(from, store);
        }
        // Whoever counts something now counts it among the members of now. What comes while that is not known to the disk is lost,
        // as messages may be; what is due is done then.
        if !self.follow_members() {
            return;
        }
        match event {
            Event::Timeout => self.on_timeout(),
            Event::Message { from, message } => self.on_message(from, message),
            Event::Met { .. } => {}
        }
    }

    /// Gives this process's client a command to get agreed. Its answer is among [`crate::Ready::outcomes`].
    ///
    /// # Errors
    /// [`Overloaded`] if too many are unanswered; try again when some are.
    pub fn submit(&mut self, now: Time, value: P::Value) -> Result<CommandId, Overloaded> {
        self.now = self.now.max(now);
        self.stirred = true;
        self.client.refresh(self.now, self.chosen.first_unknown());
        let submitted = if self.is_clogged() {
            Err(Overloaded::Disk(self.setup.config.limits.disk_bytes as u64))
        } else {
            self.client.submit(value)
        };
        self.noted.0.counters.refused += u64::from(submitted.is_err());
        submitted
    }

    /// What came of the changes of members that this process's client asked for, since the last call. To be called
    /// after each [`crate::Ready`].
    pub fn changes(&mut self) -> std::vec::Drain<'_, Changed> {
        self.out.changed.drain(..)
    }

    /// Hands over what executing commands returned, to be sent to whom it concerns.
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

    /// Tells this process's own client what became of a command.
    fn on_reply(&mut self, from: NodeId, reply: Reply<P::Reply>) {
        if let Outcome::SessionExpired { latest } = reply.outcome {
            self.client.on_expired(reply.id, latest);
            // It has something to say about what it had open.
            self.stirred = true;
            return;
        }
        // The answer is not lost for a process whose own replica is still to come to that slot.
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

    /// When to call [`Node::step`] with [`Event::Timeout`], if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        if self.is_settling() && self.members_changed() {
            // It waits for the disk, and does nothing before.
            return None;
        }
        let proposer = self.proposer.as_ref().and_then(Proposer::deadline);
        let gossip = self.gossip.next.filter(|_| self.learner.is_some());
        let handover = self.handover.as_ref().and_then(Handover::deadline);
        let fetching = self.fetching.as_ref().and_then(Fetching::deadline);
        let (leader, client, reads) = (self.leader.deadline(), self.client.deadline(), self.reads.deadline());
        [leader, proposer, client, gossip, handover, reads, fetching].into_iter().flatten().min()
    }

    /// Its name.
    pub fn id(&self) -> NodeId {
        self.setup.id
    }

    /// What it was built from, and is to be built from again: the members may be others by now.
    #[expect(
        clippy::misnamed_getters,
        reason = "roles work with the members of now, callers restart with the first"
    )]
    pub fn setup(&self) -> &Setup<P::Options> {
        &self.built
    }

    /// What it knows to be chosen.
    pub fn chosen(&self) -> &Chosen<P::Value> {
        &self.chosen
    }

    /// Who leads, as far as it knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader.leader()
    }

    /// The ballot in which it leads: phase 1 is done, commands may be proposed.
    pub fn leading(&self) -> Option<Ballot> {
        self.proposer.as_ref()?.leading()
    }

    /// What happened to it as a candidate and leader since it started.
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

    /// Whether it learns what is chosen, and so executes it.
    pub fn is_learner(&self) -> bool {
        self.learner.is_some()
    }

    /// Which clients it answers with what it executes now.
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
