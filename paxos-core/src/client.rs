//! The client role: a window of commands that are asked for until they are answered.

use crate::{
    Audience, Batch, Change, Client, ClientId, Command, CommandId, Config, Entry, Leadership, Membership,
    NodeId, NodeSet, Overloaded, Protocol, Refusal, Reply, Request, Setup, Time, To, Value,
};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

/// The commands of one session that are not answered yet. Sent together what was submitted together; asked
/// again each [`crate::Timeouts::client`] until answered, with the same names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding<V> {
    id: ClientId,
    limit: usize,
    batch: usize,
    patience: Option<Duration>,
    next: u64,
    /// The oldest without an answer.
    base: u64,
    /// Later ones that are answered already.
    early: BTreeSet<u64>,
    fresh: Vec<Entry<V>>,
    /// By the time of asking, with the highest number in each batch.
    asked: VecDeque<(Time, u64, Batch<V>)>,
    again: VecDeque<Batch<V>>,
}

impl<V: Value> Outstanding<V> {
    /// A session of process `id`.
    pub fn new(id: ClientId, config: &Config) -> Self {
        Self {
            id,
            limit: config.limits.session,
            batch: config.limits.batch.max(1),
            patience: config.timeouts.client,
            next: 0,
            base: 0,
            early: BTreeSet::new(),
            fresh: Vec::new(),
            asked: VecDeque::new(),
            again: VecDeque::new(),
        }
    }

    /// Takes a value and names it.
    ///
    /// # Errors
    /// [`Overloaded`] while the oldest unanswered command is a session's window back.
    pub fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        self.name(|id| Entry::Command(Command { id, value }))
    }

    fn name(&mut self, entry: impl FnOnce(CommandId) -> Entry<V>) -> Result<CommandId, Overloaded> {
        if self.next - self.base >= self.limit as u64 {
            return Err(Overloaded { limit: self.limit });
        }
        let id = CommandId { client: self.id, seq: self.next };
        self.next += 1;
        self.fresh.push(entry(id));
        Ok(id)
    }

    /// Takes a change of members, and names it.
    ///
    /// # Errors
    /// As [`Outstanding::submit`].
    pub fn submit_change(&mut self, change: Change) -> Result<CommandId, Overloaded> {
        self.name(|id| Entry::Change(id, change))
    }

    /// Commands to send for the first time.
    pub fn poll_new(&mut self, now: Time) -> Option<Batch<V>> {
        if self.fresh.is_empty() {
            return None;
        }
        let n = self.fresh.len().min(self.batch);
        let batch: Batch<V> = self.fresh.drain(..n).collect();
        self.asked.push_back((now, last_seq(&batch), batch.clone()));
        Some(batch)
    }

    /// Commands to send again.
    pub fn poll_again(&mut self, now: Time) -> Option<Batch<V>> {
        while let Some(batch) = self.again.pop_front() {
            let left: Vec<_> = batch.iter().filter(|e| self.is_open(e)).cloned().collect();
            if !left.is_empty() {
                let left = if left.len() == batch.len() { batch } else { left.into() };
                self.asked.push_back((now, last_seq(&left), left.clone()));
                return Some(left);
            }
        }
        None
    }

    /// Notes an answer; whether it is the first to its command.
    pub fn on_reply(&mut self, id: CommandId) -> bool {
        if id.client != self.id || id.seq < self.base || id.seq >= self.next {
            return false;
        }
        if id.seq > self.base {
            return self.early.insert(id.seq);
        }
        self.base += 1;
        while !self.early.is_empty() && self.early.remove(&self.base) {
            self.base += 1;
        }
        while self.asked.front().is_some_and(|(_, last, _)| *last < self.base) {
            self.asked.pop_front();
        }
        true
    }

    /// Everything unanswered is to be asked again now.
    pub fn ask_all_again(&mut self) {
        self.again.extend(self.asked.drain(..).map(|(.., batch)| batch));
    }

    /// What was asked longer ago than the client is patient is to be asked again.
    pub fn on_timeout(&mut self, now: Time) {
        while self.deadline().is_some_and(|due| due <= now) {
            if let Some((.., batch)) = self.asked.pop_front() {
                self.again.push_back(batch);
            }
        }
    }

    /// When the oldest question becomes due again.
    pub fn deadline(&self) -> Option<Time> {
        Some(self.asked.front()?.0.after(self.patience?))
    }

    /// How many commands are unanswered.
    pub fn len(&self) -> usize {
        (self.next - self.base) as usize - self.early.len()
    }

    /// Whether all are answered.
    pub fn is_empty(&self) -> bool {
        self.next == self.base
    }

    fn is_open(&self, entry: &Entry<V>) -> bool {
        entry.id().is_some_and(|id| id.seq >= self.base && !self.early.contains(&id.seq))
    }
}

fn last_seq<V>(batch: &Batch<V>) -> u64 {
    batch.last().and_then(Entry::id).map_or(0, |id| id.seq)
}

/// Whether a process hears by itself who leads: a server of a cluster that elects by timeout.
pub(crate) fn follows(id: NodeId, config: &Config) -> bool {
    let elected = matches!(config.leadership, Leadership::Elected { .. });
    elected && config.timeouts.election.is_some() && config.servers().contains(id)
}

/// A client that asks the leader first, and everyone if that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderClient<V> {
    outstanding: Outstanding<V>,
    servers: NodeSet,
    proposers: NodeSet,
    /// The one to ask.
    leader: Option<NodeId>,
    /// The one that was asked last, alone.
    asked: Option<NodeId>,
    /// The last one that this process heard of, if it is a server of a cluster that elects.
    heard: Option<NodeId>,
    follows: bool,
    moved: bool,
    /// How often it has moved since it was last answered or lost its patience. Processes that name each other as
    /// the leader would else keep it going round, with more questions each time.
    moves: usize,
}

impl<V: Value> LeaderClient<V> {
    fn target(&self, known: Option<NodeId>) -> To {
        // A server hears who leads; a process that is only a client learns it from answers.
        let known = known.filter(|_| self.servers.contains(self.outstanding.id.node));
        known.or(self.leader).or(self.proposers.smallest()).map_or(To::Each(self.proposers), To::One)
    }

    fn note(&mut self, to: To) {
        self.asked = match to {
            To::One(node) => Some(node),
            To::Each(_) => None,
        };
    }

    /// A new leader is asked at once for what is unanswered.
    fn move_to(&mut self, leader: NodeId) {
        if self.asked != Some(leader) && self.moves < self.proposers.len() {
            self.leader = Some(leader);
            self.moved = true;
            self.moves += 1;
            self.outstanding.ask_all_again();
        }
    }

    /// A server hears who leads, and does not wait until somebody tells its client.
    fn notice(&mut self, leader: Option<NodeId>) {
        if self.follows && leader.is_some() && leader != self.heard {
            self.heard = leader;
            if let Some(leader) = leader {
                self.asked = None;
                self.move_to(leader);
            }
        }
    }
}

impl<V: Value, P: Protocol<Value = V>> Client<P> for LeaderClient<V> {
    fn new(setup: &Setup<P::Options>, session: u32) -> Self {
        let config = &setup.config;
        let leader = match config.leadership {
            Leadership::Elected { first } => first,
            Leadership::SelfAppointed { .. } => None,
        };
        Self {
            outstanding: Outstanding::new(ClientId { node: setup.id, session }, config),
            servers: config.servers(),
            proposers: config.proposers,
            leader,
            asked: None,
            heard: leader,
            follows: follows(setup.id, config),
            moved: false,
            moves: 0,
        }
    }

    fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        self.outstanding.submit(value)
    }

    fn submit_change(&mut self, change: Change) -> Result<CommandId, Overloaded> {
        self.outstanding.submit_change(change)
    }

    fn reconfigure(&mut self, members: &Membership) {
        self.servers = members.servers();
        self.proposers = members.proposers;
        self.leader = self.leader.filter(|leader| members.proposers.contains(*leader));
    }

    fn poll(&mut self, now: Time, leader: Option<NodeId>) -> Option<(To, Request<V>)> {
        self.notice(leader);
        if let Some(commands) = self.outstanding.poll_again(now) {
            // A leader that others named is asked alone; one that does not answer may be gone.
            let (to, audience) = if self.moved {
                (self.target(None), Audience::Leader)
            } else {
                (To::Each(self.servers), Audience::Anyone)
            };
            self.note(to);
            return Some((to, Request { commands, audience }));
        }
        self.moved = false;
        let commands = self.outstanding.poll_new(now)?;
        if self.follows && leader.is_none() {
            // Others may hear a leader that this process does not.
            return Some((To::Each(self.servers), Request { commands, audience: Audience::Anyone }));
        }
        let to = self.target(leader);
        self.note(to);
        Some((to, Request { commands, audience: Audience::Leader }))
    }

    fn on_reply(&mut self, from: NodeId, reply: &Reply<P::Reply>) -> bool {
        if self.proposers.contains(from) {
            self.leader = Some(from);
        }
        let first = self.outstanding.on_reply(reply.id);
        if first {
            self.moves = 0;
        }
        first
    }

    fn on_refusal(&mut self, from: NodeId, refusal: Refusal) {
        // An overloaded or leaderless cluster is asked again in due time, not at once.
        match refusal {
            Refusal::NotLeader(Some(leader)) if leader != from => self.move_to(leader),
            // If it leads again, that is news.
            Refusal::NotLeader(None) => self.asked = self.asked.filter(|asked| *asked != from),
            Refusal::NotLeader(_) | Refusal::Overloaded(_) => {}
        }
    }

    fn on_timeout(&mut self, now: Time) {
        if self.outstanding.deadline().is_some_and(|due| due <= now) {
            self.moves = 0;
        }
        self.outstanding.on_timeout(now);
    }

    fn deadline(&self) -> Option<Time> {
        self.outstanding.deadline()
    }

    fn unanswered(&self) -> usize {
        self.outstanding.len()
    }
}
