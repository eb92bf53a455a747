//! The client role: a window of commands that are asked for until they are answered.

use crate::{
    Amount, Aside, Audience, Batch, Client, ClientId, CommandId, Config, Entry, NodeId, NodeSet, Overloaded,
    Protocol, Refusal, Reply, Request, Setup, Time, To, Value,
};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

/// The commands of one session that are not answered yet. Sent together what was submitted together; asked
/// again each [`crate::Timeouts::client`] until answered, with the same names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding<V> {
    id: ClientId,
    /// [`crate::Limits::session`], in commands and bytes.
    limit: Amount,
    /// The most in one request.
    request: Amount,
    patience: Option<Duration>,
    next: u64,
    /// The oldest without an answer.
    base: u64,
    /// Later ones that are answered already.
    early: BTreeSet<u64>,
    fresh: Vec<Entry<V>>,
    fresh_bytes: usize,
    /// By the time of asking.
    asked: VecDeque<Asked<V>>,
    again: VecDeque<Asked<V>>,
    /// The bytes of all of `fresh`, `asked` and `again`.
    bytes: usize,
    asked_again: Aside<u64>,
}

/// Commands that were asked for together. Their bytes count until all are answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked<V> {
    at: Time,
    /// The highest number among them.
    last: u64,
    bytes: usize,
    batch: Batch<V>,
}

impl<V: Value> Outstanding<V> {
    /// A session of process `id`.
    pub fn new(id: ClientId, config: &Config) -> Self {
        Self {
            id,
            limit: Amount { count: config.limits.session, bytes: config.limits.session_bytes },
            request: config.limits.request(),
            patience: config.timeouts.client,
            next: 0,
            base: 0,
            early: BTreeSet::new(),
            fresh: Vec::new(),
            fresh_bytes: 0,
            asked: VecDeque::new(),
            again: VecDeque::new(),
            bytes: 0,
            asked_again: Aside::default(),
        }
    }

    /// Takes a value and names it.
    ///
    /// # Errors
    /// [`Overloaded`] while the oldest unanswered command is a session's window back, in commands or in bytes.
    pub fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        if self.next - self.base >= self.limit.count as u64 {
            return Err(Overloaded::Session(self.limit.count as u64));
        }
        let bytes = value.bytes();
        if self.bytes > 0 && self.bytes.saturating_add(bytes) > self.limit.bytes {
            return Err(Overloaded::SessionBytes(self.limit.bytes as u64));
        }
        let seq = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.fresh_bytes += bytes;
        self.fresh.push(Entry::new(self.id, seq, value));
        Ok(CommandId { client: self.id, seq })
    }

    /// Commands to send for the first time.
    pub fn poll_new(&mut self, now: Time) -> Option<Batch<V>> {
        if self.fresh.is_empty() {
            return None;
        }
        let all = Amount { count: self.fresh.len(), bytes: self.fresh_bytes };
        let first = if all.fits(self.request) { all } else { self.portion() };
        let batch: Batch<V> = self.fresh.drain(..first.count).collect();
        self.fresh_bytes -= first.bytes;
        self.asked.push_back(Asked {
            at: now,
            last: last_seq(&batch),
            bytes: first.bytes,
            batch: batch.clone(),
        });
        Some(batch)
    }

    /// How much of what is new goes into one request.
    #[cold]
    fn portion(&self) -> Amount {
        let mut sum = Amount::default();
        for entry in &self.fresh {
            let next = Amount { count: sum.count + 1, bytes: sum.bytes + entry.bytes() };
            if sum.count > 0 && !next.fits(self.request) {
                break;
            }
            sum = next;
        }
        sum
    }

    /// Commands to send again.
    pub fn poll_again(&mut self, now: Time) -> Option<Batch<V>> {
        while let Some(asked) = self.again.pop_front() {
            let left: Vec<_> = asked.batch.iter().filter(|e| self.is_open(e)).cloned().collect();
            let left = if left.len() == asked.batch.len() { asked.batch } else { left.into() };
            let bytes = left.bytes();
            self.bytes -= asked.bytes - bytes;
            if !left.is_empty() {
                self.asked_again.0 += 1;
                self.asked.push_back(Asked { at: now, last: last_seq(&left), bytes, batch: left.clone() });
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
        while let Some(asked) = self.asked.front()
            && asked.last < self.base
        {
            self.bytes -= asked.bytes;
            self.asked.pop_front();
        }
        true
    }

    /// Everything unanswered is to be asked again now.
    pub fn ask_all_again(&mut self) {
        self.again.append(&mut self.asked);
    }

    /// What was asked longer ago than the client is patient is to be asked again.
    pub fn on_timeout(&mut self, now: Time) {
        while self.deadline().is_some_and(|due| due <= now) {
            self.again.extend(self.asked.pop_front());
        }
    }

    /// When the oldest question becomes due again.
    pub fn deadline(&self) -> Option<Time> {
        Some(self.asked.front()?.at.after(self.patience?))
    }

    /// How many commands are unanswered.
    pub fn len(&self) -> usize {
        (self.next - self.base) as usize - self.early.len()
    }

    /// How many batches were asked again.
    pub fn asked_again(&self) -> u64 {
        self.asked_again.0
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
        let known = known.filter(|_| self.servers.contains(self.outstanding.id.node));
        known.or(self.leader).or(self.proposers.smallest()).map_or(To::Each(self.proposers), To::One)
    }
}

impl<V: Value, P: Protocol<Value = V>> Client<P> for LeaderClient<V> {
    fn new(setup: &Setup<P::Options>, session: u32) -> Self {
        let config = &setup.config;
        let leader = match config.leadership {
            crate::Leadership::Elected { first } => first,
            crate::Leadership::SelfAppointed { .. } => None,
        };
        Self {
            outstanding: Outstanding::new(ClientId { node: setup.id, session }, config),
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

    fn on_refusal(&mut self, from: NodeId, refusal: Refusal) {
        // An overloaded or leaderless cluster is asked again in due time, not at once.
        let Refusal::NotLeader(Some(leader)) = refusal else { return };
        if leader != from && self.leader != Some(leader) && self.moves < self.proposers.len() {
            self.leader = Some(leader);
            self.moved = true;
            self.moves += 1;
            self.outstanding.ask_all_again();
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

    fn asked_again(&self) -> u64 {
        self.outstanding.asked_again()
    }
}
