//! A process: the roles it plays, and the routing of messages between them and the world.

use crate::{
    Acceptor, Answering, Audience, Ballot, Chosen, Client, CommandId, Duty, Envelope, InBallot, Leader,
    Leadership, Learner, Learning, Message, Nack, NodeId, NodeSet, Overloaded, Proposal, Proposer, Protocol,
    Reach, Refusal, Reply, Request, Setup, Slot, Time, To,
};
use std::mem;

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
    /// [`Node::deadline`] has come.
    Timeout,
}

/// One process of a cluster: a function of its events. It plays the roles that the configuration gives to its
/// id, and that of a client. See [`crate::Ready`] for what comes out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node<P: Protocol> {
    pub(crate) setup: Setup<P::Options>,
    pub(crate) now: Time,
    pub(crate) client: P::Client,
    pub(crate) proposer: Option<P::Proposer>,
    pub(crate) acceptor: Option<P::Acceptor>,
    pub(crate) learner: Option<P::Learner>,
    pub(crate) leader: P::Leader,
    pub(crate) chosen: Chosen<P::Value>,
    pub(crate) out: Out<P>,
    gossip: Gossip,
    /// Whether something happened since the last turn.
    stirred: bool,
    answering: Answering,
    /// The learner that answers clients where no proposer learns.
    answering_learner: Option<NodeId>,
    /// The ballot that the leader role knows it was elected in.
    led: Option<Ballot>,
    /// The state of `chosen` that the proposer knows.
    told: u64,
    decisions: Vec<P::Decision>,
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
    /// Replies to this process's own client.
    pub(crate) outcomes: Vec<Reply<P::Reply>>,
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
    /// A process that starts for the first time.
    pub fn new(setup: Setup<P::Options>, now: Time) -> Self {
        Self::build(setup, now, 0)
    }

    /// A process that starts again with what it had on disk. `session` must be new for this process each time,
    /// so that its clients' commands are not mistaken for those of its former life.
    pub fn restore<'a>(
        setup: Setup<P::Options>,
        now: Time,
        session: u32,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Self {
        let mut node = Self::build(setup, now, session.max(1));
        for record in records {
            if let Some(acceptor) = &mut node.acceptor {
                acceptor.restore(record);
            }
            if let Some(proposer) = &mut node.proposer {
                proposer.restore(record);
            }
        }
        node
    }

    fn build(setup: Setup<P::Options>, now: Time, session: u32) -> Self {
        let config = &setup.config;
        let plays = |set: NodeSet| set.contains(setup.id);
        Self {
            client: P::Client::new(&setup, session),
            proposer: plays(config.proposers).then(|| P::Proposer::new(&setup)),
            acceptor: plays(config.acceptors()).then(|| P::Acceptor::new(&setup)),
            learner: plays(config.all_learners()).then(|| P::Learner::new(&setup)),
            leader: P::Leader::new(&setup, now, session > 0),
            chosen: Chosen::default(),
            out: Out {
                unbound: Vec::new(),
                bound: Vec::new(),
                own: Vec::new(),
                records: Vec::new(),
                outcomes: Vec::new(),
                asked: Vec::new(),
            },
            gossip: Gossip {
                next: config.timeouts.gossip.map(|d| now.after(d)),
                turn: usize::from(setup.id.0),
                ..Gossip::default()
            },
            stirred: true,
            answering: Answering::new(setup.id, config),
            answering_learner: config.answering_learner(),
            led: None,
            told: 0,
            decisions: Vec::new(),
            now,
            setup,
        }
    }

    /// Takes in one event. Cheap; what follows comes from [`Node::ready`], once for as many events as there are.
    ///
    /// A message from a process that does not play the role it speaks in changes nothing.
    pub fn step(&mut self, now: Time, event: Event<P>) {
        self.now = self.now.max(now);
        self.stirred = true;
        match event {
            Event::Timeout => self.on_timeout(),
            Event::Message { from, message } => self.on_message(from, message),
        }
    }

    /// Gives this process's client a command to get agreed. Its answer is among [`crate::Effects::outcomes`].
    ///
    /// # Errors
    /// [`Overloaded`] if too many are unanswered; try again when some are.
    pub fn submit(&mut self, now: Time, value: P::Value) -> Result<CommandId, Overloaded> {
        self.now = self.now.max(now);
        self.stirred = true;
        self.client.submit(value)
    }

    /// Hands over what executing commands returned, to be sent to whom it concerns.
    pub fn answer(&mut self, replies: impl IntoIterator<Item = Reply<P::Reply>>) {
        for reply in replies {
            let node = reply.id.client.node;
            if node == self.setup.id {
                if self.client.on_reply(node, &reply) {
                    self.out.outcomes.push(reply);
                }
            } else {
                self.send(To::One(node), Message::Reply(reply));
            }
        }
    }

    /// Forgets the log below `below`. The caller vouches that *every* process has executed it, for good: a
    /// process that has not could neither catch up nor lead any more.
    pub fn trim(&mut self, below: Slot) {
        let below = below.min(self.chosen.applied());
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.trim(below);
        }
        self.chosen.trim(below);
    }

    /// When to call [`Node::step`] with [`Event::Timeout`], if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        let proposer = self.proposer.as_ref().and_then(Proposer::deadline);
        let gossip = self.gossip.next.filter(|_| self.learner.is_some());
        [self.leader.deadline(), proposer, self.client.deadline(), gossip].into_iter().flatten().min()
    }

    /// Its name.
    pub fn id(&self) -> NodeId {
        self.setup.id
    }

    /// What it was built from.
    pub fn setup(&self) -> &Setup<P::Options> {
        &self.setup
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
            None => self.is_elective() && self.leader.leads(),
        };
        self.answering.including(everyone_else)
    }

    fn is_elective(&self) -> bool {
        matches!(self.setup.config.leadership, Leadership::Elected { .. })
    }

    fn send(&mut self, to: To, message: Message<P>) {
        if !to.is_empty() {
            self.out.unbound.push(Envelope { to, message });
        }
    }

    fn send_bound(&mut self, to: To, message: Message<P>) {
        if !to.is_empty() {
            self.out.bound.push(Envelope { to, message });
        }
    }

    fn others(&self, set: NodeSet) -> NodeSet {
        set.without(NodeSet::only(self.setup.id))
    }

    fn on_message(&mut self, from: NodeId, message: Message<P>) {
        let config = &self.setup.config;
        // Only members count: an answer from outside a role's set is nobody's answer.
        let (proposer, acceptor) = (config.proposers.contains(from), config.acceptors().contains(from));
        let learner = config.all_learners().contains(from);
        match message {
            Message::Request(request) => self.on_request(from, &request),
            // A ballot has one owner, and only that one speaks in it.
            Message::Prepare(m) if proposer && m.ballot().owner == from => self.on_prepare(from, &m),
            Message::Accept(m) if proposer && m.ballot().owner == from => self.on_accept(from, &m),
            Message::Promise(m) if acceptor => self.on_promise(from, m),
            Message::Accepted(m) if acceptor => self.on_accepted(from, &m),
            Message::Nack(nack) if acceptor => self.on_nack(&nack),
            Message::Decide(m) if proposer => {
                if let Some(learner) = &mut self.learner {
                    learner.on_decide(&m, &mut self.chosen);
                }
            }
            Message::Reply(reply) => {
                if reply.id.client.node == self.setup.id && self.client.on_reply(from, &reply) {
                    self.out.outcomes.push(reply);
                }
            }
            Message::Refuse(refusal) => self.client.on_refusal(from, refusal),
            Message::Heartbeat { ballot, chosen } if proposer && ballot.owner == from => {
                self.on_heartbeat(ballot, chosen);
            }
            Message::Progress { chosen } if learner => self.on_progress(from, chosen),
            Message::CatchUp { from: slot } if learner => self.on_catch_up(from, slot),
            Message::Chosen { first, batch, known } if learner => {
                if self.learner.is_some() {
                    let before = self.chosen.first_unknown();
                    self.chosen.choose(first, &batch);
                    self.chosen.hear_of(known);
                    if self.chosen.first_unknown() > before {
                        self.catch_up(from);
                    }
                }
            }
            Message::Prepare(_)
            | Message::Accept(_)
            | Message::Promise(_)
            | Message::Accepted(_)
            | Message::Nack(_)
            | Message::Decide(_)
            | Message::Heartbeat { .. }
            | Message::Progress { .. }
            | Message::CatchUp { .. }
            | Message::Chosen { .. } => {}
        }
    }

    fn on_request(&mut self, from: NodeId, request: &Request<P::Value>) {
        let again = request.audience == Audience::Anyone;
        if let Some(acceptor) = &mut self.acceptor
            && request.audience != Audience::Leader
        {
            acceptor.on_request(request);
        }
        let leads = self.leader.leads();
        if let Some(proposer) = &mut self.proposer {
            if leads || request.audience != Audience::Leader {
                if proposer.on_request(self.now, request, leads).is_err() {
                    let limit = u32::try_from(self.setup.config.limits.queue).unwrap_or(u32::MAX);
                    return self.send(To::One(from), Message::Refuse(Refusal::Overloaded(limit)));
                }
            } else {
                let leader = self.leader.leader();
                return self.send(To::One(from), Message::Refuse(Refusal::NotLeader(leader)));
            }
        }
        let self_appointed = self.proposer.is_some()
            && matches!(self.setup.config.leadership, Leadership::SelfAppointed { .. });
        if self.learner.is_some() && (again || self_appointed) {
            self.out.asked.extend(request.commands.iter().filter_map(crate::Entry::id));
        }
    }

    fn on_prepare(&mut self, from: NodeId, prepare: &P::Prepare) {
        self.on_ballot(prepare.ballot());
        let Some(acceptor) = &mut self.acceptor else { return };
        match acceptor.on_prepare(prepare, &mut self.out.records) {
            Ok(promise) if from == self.setup.id => self.out.own.push(Own::Promise(promise)),
            Ok(promise) => self.send_bound(To::One(from), Message::Promise(promise)),
            Err(nack) => self.refuse(from, nack),
        }
    }

    fn on_accept(&mut self, from: NodeId, accept: &P::Accept) {
        if let Some(acceptor) = &mut self.acceptor {
            match acceptor.on_accept(accept, &mut self.out.records) {
                Ok(Some(accepted)) => self.tell_vote(accepted),
                Ok(None) => {}
                Err(nack) => return self.refuse(from, nack),
            }
        }
        self.on_ballot(accept.ballot());
        if let Some(learner) = &mut self.learner {
            learner.on_accept(accept, &mut self.chosen);
        }
    }

    fn refuse(&mut self, from: NodeId, nack: Nack) {
        if from == self.setup.id {
            self.on_nack(&nack);
        } else {
            self.send_bound(To::One(from), Message::Nack(nack));
        }
    }

    fn tell_vote(&mut self, accepted: P::Accepted) {
        let hear = P::hears_votes(&self.setup, accepted.ballot());
        let others = self.others(hear);
        if hear.contains(self.setup.id) {
            if !others.is_empty() {
                self.send_bound(To::Each(others), Message::Accepted(accepted.clone()));
            }
            self.out.own.push(Own::Accepted(accepted));
        } else {
            self.send_bound(To::Each(others), Message::Accepted(accepted));
        }
    }

    fn on_promise(&mut self, from: NodeId, promise: P::Promise) {
        if let Some(proposer) = &mut self.proposer {
            proposer.on_promise(self.now, from, promise, &self.chosen);
        }
    }

    fn on_accepted(&mut self, from: NodeId, accepted: &P::Accepted) {
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.on_accepted(from, accepted);
        }
        if let Some(proposer) = &mut self.proposer {
            proposer.on_accepted(self.now, from, accepted, &self.chosen);
        }
        let Some(learner) = &mut self.learner else { return };
        learner.on_accepted(from, accepted, &mut self.chosen, &mut self.decisions);
        if self.decisions.is_empty() {
            return;
        }
        let config = &self.setup.config;
        let announces = config.learning == Learning::Distinguished
            && config.announce == crate::Announce::AtOnce
            && self.proposer.is_some();
        let others = self.others(config.learners);
        let mut decisions = mem::take(&mut self.decisions);
        for decision in decisions.drain(..).filter(|_| announces) {
            self.send(To::Each(others), Message::Decide(decision));
        }
        self.decisions = decisions;
    }

    fn on_nack(&mut self, nack: &Nack) {
        let Some(proposer) = &mut self.proposer else { return };
        let preempted = proposer.on_nack(self.now, nack);
        self.leader.on_ballot(self.now, nack.promised);
        if preempted {
            self.on_preempted();
        }
    }

    /// A ballot is in use: whoever leads in a lower one has lost it.
    fn on_ballot(&mut self, ballot: Ballot) {
        self.leader.on_ballot(self.now, ballot);
        if ballot.owner != self.setup.id && self.proposer.as_mut().is_some_and(|p| p.on_ballot(ballot)) {
            self.on_preempted();
        }
    }

    fn on_preempted(&mut self) {
        self.led = None;
        self.leader.on_preempted(self.now);
    }

    fn on_heartbeat(&mut self, ballot: Ballot, chosen: Slot) {
        self.on_ballot(ballot);
        self.leader.on_heartbeat(self.now, ballot);
        if let Some(learner) = &mut self.learner {
            learner.on_heartbeat(ballot, chosen, &mut self.chosen);
            self.chosen.hear_of(chosen);
        }
    }

    fn on_progress(&mut self, from: NodeId, chosen: Slot) {
        if let Some(proposer) = &mut self.proposer {
            proposer.on_progress(self.now, chosen);
        }
        if self.learner.is_none() {
            return;
        }
        self.chosen.hear_of(chosen);
        if chosen < self.chosen.first_unknown() {
            self.send_chosen(from, chosen);
        } else {
            self.catch_up(from);
        }
    }

    /// A learner that knows sends what is asked for. A leader that does not learn is asked only when no learner
    /// knows: *Paxos Made Simple*, §2.3: a learner that needs to know can have a proposer issue a proposal.
    fn on_catch_up(&mut self, from: NodeId, slot: Slot) {
        if self.learner.is_some() {
            self.send_chosen(from, slot);
        } else if let Some(proposer) = &mut self.proposer
            && self.leader.leads()
        {
            proposer.propose_again(self.now, slot, &self.chosen);
        }
    }

    fn catch_up(&mut self, from: NodeId) {
        if self.chosen.is_behind() {
            self.send(To::One(from), Message::CatchUp { from: self.chosen.first_unknown() });
        }
    }

    fn send_chosen(&mut self, to: NodeId, first: Slot) {
        if self.learner.is_none() || first >= self.chosen.first_unknown() {
            return;
        }
        let batch = self.chosen.since(first, self.setup.config.limits.batch);
        let known = self.chosen.first_unknown();
        self.send(To::One(to), Message::Chosen { first, batch, known });
    }

    fn on_timeout(&mut self) {
        let now = self.now;
        self.tell_chosen();
        self.client.on_timeout(now);
        if let Some(proposer) = &mut self.proposer
            && proposer.deadline().is_some_and(|at| at <= now)
        {
            proposer.on_timeout(now, &self.chosen);
        }
        self.lead();
        if self.learner.is_some() && self.gossip.next.is_some_and(|at| at <= now) {
            self.gossip();
        }
    }

    /// Tells the proposer what is chosen by now. It must know before it says anything: another value than its own
    /// in one of its slots tells it that it leads no more, and must not vouch for its ballot.
    fn tell_chosen(&mut self) {
        let Some(proposer) = &mut self.proposer else { return };
        if self.told == self.chosen.changes() {
            return;
        }
        self.told = self.chosen.changes();
        let led = proposer.leading().is_some();
        proposer.on_chosen(self.now, &self.chosen);
        if led && proposer.leading().is_none() {
            self.on_preempted();
        }
    }

    /// Lets the leader role act if its time has come.
    fn lead(&mut self) {
        while self.leader.deadline().is_some_and(|at| at <= self.now) {
            let (leading, work) =
                self.proposer.as_ref().map_or((None, false), |p| (p.leading(), p.has_work()));
            match self.leader.on_timeout(self.now, leading.is_some(), work) {
                Some(Duty::Campaign) => {
                    if let Some(proposer) = &mut self.proposer {
                        proposer.campaign(self.now, &self.chosen);
                        // Where every instance has a phase 1 of its own, a campaign is won at once.
                        notice_leading::<P>(proposer, &mut self.leader, &mut self.led, self.now);
                    }
                }
                Some(Duty::Heartbeat) => {
                    if let Some(ballot) = leading {
                        self.heartbeat(ballot);
                    }
                }
                None => break,
            }
        }
    }

    fn heartbeat(&mut self, ballot: Ballot) {
        let config = &self.setup.config;
        let (servers, acceptors) = (self.others(config.servers()), config.acceptors());
        self.send(To::Each(servers), Message::Heartbeat { ballot, chosen: self.chosen.first_unknown() });
        if let Some(accept) = self.proposer.as_ref().and_then(Proposer::reminder) {
            self.propose_to(acceptors, accept);
        }
    }

    /// Compares notes with the next learner in turn, and tells proposers that do not learn by themselves.
    fn gossip(&mut self) {
        self.gossip.next = self.setup.config.timeouts.gossip.map(|d| self.now.after(d));
        self.gossip.turn += 1;
        let learners = self.setup.config.all_learners();
        let peers = self.others(learners);
        let chosen = self.chosen.first_unknown();
        let stuck = self.chosen.is_behind() && self.gossip.stuck_at == chosen;
        self.gossip.stuck_for = if stuck { self.gossip.stuck_for + 1 } else { 0 };
        self.gossip.stuck_at = chosen;
        if !peers.is_empty() {
            let peer = peers.iter().nth(self.gossip.turn % peers.len()).into_iter().collect();
            self.send(To::Each(peer), Message::Progress { chosen });
        }
        let unaware = To::Each(self.setup.config.proposers.without(learners));
        self.send(unaware, Message::Progress { chosen });
        if self.gossip.stuck_for > 2 * peers.len() {
            self.send(unaware, Message::CatchUp { from: chosen });
        }
    }

    /// Brings the roles up to date with each other, and lets them say what they have to say.
    pub(crate) fn turn(&mut self) {
        if !std::mem::take(&mut self.stirred) {
            return;
        }
        while let Some((to, request)) = self.client.poll(self.now, self.leader.leader()) {
            self.post(to, request);
        }
        if let Some(acceptor) = &mut self.acceptor {
            while let Some(accepted) = acceptor.vote(&mut self.out.records) {
                let others = P::hears_votes(&self.setup, accepted.ballot());
                if others.contains(self.setup.id) {
                    self.out.own.push(Own::Accepted(accepted.clone()));
                }
                let others = others.without(NodeSet::only(self.setup.id));
                if !others.is_empty() {
                    self.out
                        .bound
                        .push(Envelope { to: To::Each(others), message: Message::Accepted(accepted) });
                }
            }
        }
        self.propose();
    }

    fn post(&mut self, to: To, request: Request<P::Value>) {
        let me = NodeSet::only(self.setup.id);
        let others = match to {
            To::One(node) if node == self.setup.id => return self.on_request(node, &request),
            To::Each(set) if set.contains(self.setup.id) => {
                self.on_request(self.setup.id, &request);
                To::Each(set.without(me))
            }
            elsewhere => elsewhere,
        };
        self.send(others, Message::Request(request));
    }

    fn propose(&mut self) {
        self.tell_chosen();
        let Some(proposer) = &mut self.proposer else { return };
        notice_leading::<P>(proposer, &mut self.leader, &mut self.led, self.now);
        if self.led.is_none() && proposer.has_work() {
            if self.leader.leads() {
                self.leader.on_work(self.now);
            } else {
                self.surrender();
            }
        }
        self.lead();
        while let Some((proposal, reach)) =
            self.proposer.as_mut().and_then(|p| p.poll(self.now, &self.chosen))
        {
            let config = &self.setup.config;
            let to = match reach {
                Reach::Quorum(phase) if config.thrifty => config.quorums.minimal_quorum(phase, self.setup.id),
                Reach::Quorum(_) | Reach::All => config.acceptors(),
            };
            match proposal {
                Proposal::Accept(accept) => self.propose_to(to, accept),
                Proposal::Prepare(prepare, record) => {
                    self.out.records.extend(record);
                    if to.contains(self.setup.id) {
                        self.on_prepare(self.setup.id, &prepare);
                    } else {
                        self.on_ballot(prepare.ballot());
                    }
                    self.send_bound(To::Each(self.others(to)), Message::Prepare(prepare));
                }
            }
        }
    }

    /// Sends a phase 2a. It is unbound: its ballot was recorded before phase 1, and its own vote, if any, is
    /// counted only when that is on disk.
    fn propose_to(&mut self, to: NodeSet, accept: P::Accept) {
        if to.contains(self.setup.id) {
            self.on_accept(self.setup.id, &accept);
        } else if let Some(learner) = &mut self.learner {
            learner.on_accept(&accept, &mut self.chosen);
        }
        self.send(To::Each(self.others(to)), Message::Accept(accept));
    }

    /// Tells the clients whose commands wait here that somebody else leads.
    fn surrender(&mut self) {
        let Some(proposer) = &mut self.proposer else { return };
        let given_up = proposer.surrender();
        let mut clients: Vec<NodeId> =
            given_up.iter().flat_map(|b| b.iter().filter_map(|e| Some(e.id()?.client.node))).collect();
        clients.sort_unstable();
        clients.dedup();
        let refusal = Refusal::NotLeader(self.leader.leader());
        for client in clients {
            if client == self.setup.id {
                self.client.on_refusal(client, refusal);
            } else {
                self.send(To::One(client), Message::Refuse(refusal));
            }
        }
    }

    /// The records are on disk: what the process said to itself may count.
    pub(crate) fn on_written(&mut self) {
        self.out.records.clear();
        if self.out.own.is_empty() {
            return;
        }
        let me = self.setup.id;
        self.stirred = true;
        let mut own = mem::take(&mut self.out.own);
        for said in own.drain(..) {
            match said {
                Own::Promise(promise) => self.on_promise(me, promise),
                Own::Accepted(accepted) => self.on_accepted(me, &accepted),
            }
        }
        // Nothing is said to oneself in reaction to that before the next turn.
        debug_assert!(self.out.own.is_empty());
        self.out.own = own;
        self.turn();
    }
}

/// Tells the leader role when the proposer has won a ballot.
fn notice_leading<P: Protocol>(
    proposer: &P::Proposer,
    leader: &mut P::Leader,
    led: &mut Option<Ballot>,
    now: Time,
) {
    if proposer.leading() != *led {
        *led = proposer.leading();
        if let Some(ballot) = *led {
            leader.on_elected(now, ballot);
        }
    }
}
