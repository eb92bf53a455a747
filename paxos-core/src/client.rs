//! The client role: a window of commands that are asked for until they are answered.

use crate::{
    Audience, Batch, Client, ClientId, CommandId, Config, Entry, NodeId, NodeSet, Overloaded, Patience,
    Protocol, Refusal, Refused, Reply, Request, Setup, Time, To, Unanswered, Value,
};
use core::ops::Range;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

/// The commands of one client that are not answered yet. Sent together what was submitted together; asked
/// again each [`crate::Timeouts::client`] until answered or given up, with the same names: replicas execute each
/// once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding<V> {
    id: ClientId,
    /// It has used up the session numbers of its life: it asks nothing any more.
    spent: bool,
    limit: usize,
    batch: usize,
    patience: Option<Duration>,
    give_up: Option<Duration>,
    next: u64,
    /// The oldest without an answer.
    base: u64,
    /// Later ones that are answered already.
    early: BTreeSet<u64>,
    fresh: Vec<Entry<V>>,
    /// By the time of asking.
    asked: VecDeque<Asked<V>>,
    again: VecDeque<Batch<V>>,
    /// When commands were asked for the first time, up to which number; only if they may be given up.
    since: VecDeque<(Time, u64)>,
    /// What the caller is to be told.
    unanswered: VecDeque<(CommandId, Unanswered)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked<V> {
    at: Time,
    /// The highest number in the batch.
    last: u64,
    /// Whether it was never asked before.
    first: bool,
    batch: Batch<V>,
}

impl<V: Value> Outstanding<V> {
    /// The client of process `node` in its life number `life`, counted from 0. Its first session is
    /// [`ClientId::first_of`] that. A process that was started 1,048,576 times has used all session numbers: its
    /// commands are never sent, and answered with [`Unanswered::SessionExpired`] at once.
    pub fn new(node: NodeId, life: u32, config: &Config) -> Self {
        let first = ClientId::first_of(node, life);
        Self {
            id: first.unwrap_or(ClientId { node, session: u32::MAX }),
            spent: first.is_none(),
            limit: config.limits.session,
            batch: config.limits.batch.max(1),
            patience: config.timeouts.client,
            give_up: config.timeouts.give_up,
            next: 0,
            base: 0,
            early: BTreeSet::new(),
            fresh: Vec::new(),
            asked: VecDeque::new(),
            again: VecDeque::new(),
            since: VecDeque::new(),
            unanswered: VecDeque::new(),
        }
    }

    /// Its session.
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// Takes a value and names it.
    ///
    /// # Errors
    /// [`Overloaded`] while the oldest unanswered command is a session's window back.
    pub fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        if self.next - self.base >= self.limit as u64 {
            return Err(Overloaded { limit: self.limit });
        }
        let seq = self.next;
        self.next += 1;
        if self.spent {
            self.end(seq..self.next, Unanswered::SessionExpired);
        } else {
            self.fresh.push(Entry::new(self.id, seq, value));
        }
        Ok(CommandId { client: self.id, seq })
    }

    /// Commands to send for the first time.
    pub fn poll_new(&mut self, now: Time) -> Option<Batch<V>> {
        if self.fresh.is_empty() {
            return None;
        }
        let n = self.fresh.len().min(self.batch);
        let batch: Batch<V> = self.fresh.drain(..n).collect();
        let last = last_seq(&batch);
        self.asked.push_back(Asked { at: now, last, first: true, batch: batch.clone() });
        if self.give_up.is_some() {
            self.since.push_back((now, last));
        }
        Some(batch)
    }

    /// Commands to send again.
    pub fn poll_again(&mut self, now: Time) -> Option<Batch<V>> {
        while let Some(batch) = self.again.pop_front() {
            let left: Vec<_> = batch.iter().filter(|e| self.is_open(e)).cloned().collect();
            if !left.is_empty() {
                let left = if left.len() == batch.len() { batch } else { left.into() };
                let last = last_seq(&left);
                self.asked.push_back(Asked { at: now, last, first: false, batch: left.clone() });
                return Some(left);
            }
        }
        None
    }

    /// Notes an answer; whether it is the first to its command.
    pub fn on_reply(&mut self, id: CommandId) -> bool {
        id.client == self.id && self.settle(id.seq)
    }

    /// The session of command `id` has expired: all that is open of it ends so, and what comes next is of a new
    /// session. Sessions that were left before are no news.
    #[cold]
    pub fn on_expired(&mut self, id: CommandId) {
        if id.client != self.id {
            return;
        }
        self.end(self.base..self.next, Unanswered::SessionExpired);
        self.fresh.clear();
        self.asked.clear();
        self.again.clear();
        self.since.clear();
        match self.id.renewed() {
            Some(id) => self.id = id,
            // The next number belongs to the next life of this process.
            None => self.spent = true,
        }
    }

    /// A process that was asked does not take these commands. Those that were asked for once, and of which it says
    /// that it had not taken them before, end so.
    #[cold]
    pub fn on_refused(&mut self, refused: &Refused) {
        if refused.taken || refused.client != self.id {
            return;
        }
        let reason = match refused.refusal {
            Refusal::NotLeader(leader) => Unanswered::NotLeader(leader),
            Refusal::Overloaded(limit) => Unanswered::Overloaded(Overloaded { limit: limit as usize }),
        };
        let meant = refused.first..refused.end;
        let once: Vec<u64> = self
            .asked
            .iter()
            .filter(|asked| asked.first)
            .flat_map(|asked| asked.batch.iter().filter_map(|e| Some(e.id()?.seq)))
            .filter(|seq| meant.contains(seq))
            .collect();
        for seq in once {
            self.end(seq..seq.saturating_add(1), reason);
        }
    }

    /// Ends what is open of these commands.
    fn end(&mut self, seqs: Range<u64>, reason: Unanswered) {
        for seq in seqs.start.max(self.base)..seqs.end.min(self.next) {
            if self.settle(seq) {
                self.unanswered.push_back((CommandId { client: self.id, seq }, reason));
            }
        }
    }

    /// A command needs no answer any more; whether it did until now.
    fn settle(&mut self, seq: u64) -> bool {
        if seq < self.base || seq >= self.next {
            return false;
        }
        if seq > self.base {
            return self.early.insert(seq);
        }
        self.base += 1;
        while !self.early.is_empty() && self.early.remove(&self.base) {
            self.base += 1;
        }
        while self.asked.front().is_some_and(|asked| asked.last < self.base) {
            self.asked.pop_front();
        }
        while self.since.front().is_some_and(|(_, last)| *last < self.base) {
            self.since.pop_front();
        }
        true
    }

    /// The next command that ends without an answer.
    pub fn poll_unanswered(&mut self) -> Option<(CommandId, Unanswered)> {
        self.unanswered.pop_front()
    }

    /// Everything unanswered is to be asked again now.
    pub fn ask_all_again(&mut self) {
        self.again.extend(self.asked.drain(..).map(|asked| asked.batch));
    }

    /// What was asked longer ago than the client is patient is to be asked again, and what was asked too long ago
    /// is given up. A number is never used for another command, so that nothing comes of its being chosen later.
    /// Whether anything is to be asked again.
    pub fn on_timeout(&mut self, now: Time) -> bool {
        while let Some((_, last)) = self.since.front().copied().filter(|(at, _)| self.is_over(*at, now)) {
            self.since.pop_front();
            self.end(self.base..last.saturating_add(1), Unanswered::OutcomeUnknown);
        }
        let mut any = false;
        while self.due_again().is_some_and(|due| due <= now) {
            if let Some(asked) = self.asked.pop_front() {
                self.again.push_back(asked.batch);
                any = true;
            }
        }
        any
    }

    fn is_over(&self, since: Time, now: Time) -> bool {
        self.give_up.is_some_and(|limit| since.after(limit) <= now)
    }

    fn due_again(&self) -> Option<Time> {
        Some(self.asked.front()?.at.after(self.patience?))
    }

    /// When the oldest question becomes due again, or is given up.
    pub fn deadline(&self) -> Option<Time> {
        let over = self.since.front().and_then(|(at, _)| Some(at.after(self.give_up?)));
        match (self.due_again(), over) {
            (Some(again), Some(over)) => Some(again.min(over)),
            (one, other) => one.or(other),
        }
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

/// A client that asks the leader first, and everyone if that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderClient<V> {
    outstanding: Outstanding<V>,
    patience: Patience,
    servers: NodeSet,
    proposers: NodeSet,
    leader: Option<NodeId>,
    moved: bool,
    /// How often it has moved since it was last answered or lost its patience. Processes that name each other as
    /// the leader would else keep it going round, with more questions each time.
    moves: usize,
}

impl<V: Value> LeaderClient<V> {
    fn target(&self, known: Option<NodeId>) -> To {
        // A server hears who leads; a process that is only a client learns it from answers.
        let known = known.filter(|_| self.servers.contains(self.outstanding.id().node));
        known.or(self.leader).or(self.proposers.smallest()).map_or(To::Each(self.proposers), To::One)
    }
}

impl<V: Value, P: Protocol<Value = V>> Client<P> for LeaderClient<V> {
    fn new(setup: &Setup<P::Options>, life: u32) -> Self {
        let config = &setup.config;
        let leader = match config.leadership {
            crate::Leadership::Elected { first } => first,
            crate::Leadership::SelfAppointed { .. } => None,
        };
        Self {
            outstanding: Outstanding::new(setup.id, life, config),
            patience: config.patience,
            servers: config.servers(),
            proposers: config.proposers,
            leader,
            moved: false,
            moves: 0,
        }
    }

    fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        self.outstanding.submit(value)
    }

    fn poll(&mut self, now: Time, leader: Option<NodeId>) -> Option<(To, Request<V>)> {
        if let Some(commands) = self.outstanding.poll_again(now) {
            // A leader that others named is asked alone; one that does not answer may be gone.
            let (to, audience) = if self.moved {
                (self.target(None), Audience::Leader)
            } else {
                (To::Each(self.servers), Audience::Anyone)
            };
            return Some((to, Request { commands, audience }));
        }
        self.moved = false;
        let commands = self.outstanding.poll_new(now)?;
        Some((self.target(leader), Request { commands, audience: Audience::Leader }))
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

    fn on_refusal(&mut self, from: NodeId, refused: &Refused) {
        // An overloaded or leaderless cluster is asked again in due time, not at once.
        let leader = match refused.refusal {
            Refusal::NotLeader(leader) => leader.filter(|leader| *leader != from),
            Refusal::Overloaded(_) => None,
        };
        if self.patience == Patience::Report {
            // The next command goes there; those that stay open are asked again in due time.
            self.outstanding.on_refused(refused);
            self.leader = leader.or(self.leader);
        } else if leader.is_some() && self.leader != leader && self.moves < self.proposers.len() {
            self.leader = leader;
            self.moved = true;
            self.moves += 1;
            self.outstanding.ask_all_again();
        }
    }

    fn on_expired(&mut self, id: CommandId) {
        self.outstanding.on_expired(id);
    }

    fn poll_unanswered(&mut self) -> Option<(CommandId, Unanswered)> {
        self.outstanding.poll_unanswered()
    }

    fn on_timeout(&mut self, now: Time) {
        if self.outstanding.on_timeout(now) {
            self.moves = 0;
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.outstanding.deadline()
    }

    fn unanswered(&self) -> usize {
        self.outstanding.len()
    }
}
