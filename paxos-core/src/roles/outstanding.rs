//! The commands that a client has open: it asks for each until it is answered or given up.

use crate::{
    Again, Amount, Aside, Batch, ClientId, Command, CommandId, Config, Entry, NodeId, Overloaded,
    Reconfiguration, Refusal, Refused, Slot, Time, Unanswered, Value,
};
use core::ops::Range;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

/// After this time without a command, a session may have expired.
const SPELL: Duration = Duration::from_secs(1);

/// Batches of at least this many bytes take long to send, so they are asked for less and less often. Smaller ones are
/// asked for at a constant rate, since the processes asked may be gone, and a waiting client does not hear of others.
const LARGE: usize = 1 << 16;

/// The commands of one client that are not answered yet. Commands that were submitted together are sent together. They
/// are asked for again after each [`crate::Timeouts::client`], until they are answered or given up. Their ids stay the
/// same, so replicas execute each command once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding<V> {
    id: ClientId,
    /// The first unknown slot when it last submitted a command, and the time.
    used: (Slot, Time),
    /// The same, of the present.
    current: (Slot, Time),
    /// The number of slots that a session may be silent before it is renewed: half of [`crate::Limits::idle`].
    idle: u64,
    /// [`crate::Limits::session`], in commands and bytes.
    limit: Amount,
    /// The largest amount in one request.
    request: Amount,
    patience: Option<Duration>,
    give_up: Option<Duration>,
    next: u64,
    /// The sequence number of the oldest unanswered command.
    base: u64,
    /// Later commands that are answered already.
    early: BTreeSet<u64>,
    fresh: Vec<Entry<V>>,
    /// The bytes of each command from the oldest unanswered one on, and their sum.
    sizes: VecDeque<usize>,
    bytes: usize,
    asked_again: Aside<u64>,
    /// The batches that were asked for, ordered by the time when they are due again.
    asked: VecDeque<Asked<V>>,
    again: VecDeque<(Batch<V>, u32)>,
    /// When commands were asked for first, with the last sequence number. Filled only if commands may be given up.
    since: VecDeque<(Time, u64)>,
    /// The commands that ended without an answer, to be reported to the caller.
    unanswered: VecDeque<(CommandId, Unanswered)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked<V> {
    /// When it is asked for again.
    due: Time,
    /// The highest sequence number in the batch.
    last: u64,
    /// How often it was asked for before without an answer.
    vain: u32,
    /// Whether it went to one process only, once, so no other copy of it is on its way.
    alone: bool,
    batch: Batch<V>,
}

impl<V: Value> Outstanding<V> {
    /// Creates the client of process `node`. `incarnation` counts the starts of the process, from 0: see [`ClientId`].
    pub fn new(node: NodeId, incarnation: u32, config: &Config) -> Self {
        Self {
            id: ClientId::first_of(node, incarnation),
            used: (Slot(0), Time(0)),
            current: (Slot(0), Time(0)),
            idle: config.limits.idle / 2,
            limit: Amount { count: config.limits.session, bytes: config.limits.session_bytes },
            request: config.limits.request(),
            patience: config.timeouts.client,
            give_up: config.timeouts.give_up,
            next: 0,
            base: 0,
            early: BTreeSet::new(),
            fresh: Vec::new(),
            sizes: VecDeque::new(),
            bytes: 0,
            asked_again: Aside::default(),
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

    /// Takes a value, and returns the id of its command.
    ///
    /// # Errors
    /// [`Overloaded`] if the session has too many commands or bytes from the oldest unanswered command on.
    pub fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        self.name(value.bytes(), |id| Entry::Command(Command { id, value }))
    }

    /// Takes a change of members, and returns the id of its command.
    ///
    /// # Errors
    /// As [`Outstanding::submit`].
    pub fn submit_change(&mut self, change: Reconfiguration) -> Result<CommandId, Overloaded> {
        self.name(change.bytes(), |id| Entry::Change(id, Box::new(change)))
    }

    fn name(
        &mut self,
        bytes: usize,
        entry: impl FnOnce(CommandId) -> Entry<V>,
    ) -> Result<CommandId, Overloaded> {
        if self.next - self.base >= self.limit.count as u64 {
            return Err(Overloaded::Session(self.limit.count as u64));
        }
        if self.bytes > 0 && self.bytes.saturating_add(bytes) > self.limit.bytes {
            return Err(Overloaded::SessionBytes(self.limit.bytes as u64));
        }
        let id = CommandId { client: self.id, seq: self.next };
        self.used = self.current;
        self.next += 1;
        self.bytes += bytes;
        self.sizes.push_back(bytes);
        self.fresh.push(entry(id));
        Ok(id)
    }

    /// Returns commands to send for the first time. `alone`: they go to one process, which passes them on to no other.
    pub fn poll_new(&mut self, now: Time, alone: bool) -> Option<Batch<V>> {
        if self.fresh.is_empty() {
            return None;
        }
        // Usually everything fits: the new commands are among the open ones, so they have no more bytes.
        let open = Amount { count: self.fresh.len(), bytes: self.bytes };
        let n = if open.fits(self.request) { open.count } else { self.portion() };
        let batch: Batch<V> = self.fresh.drain(..n).collect();
        // New commands are in order.
        let last = seqs(&batch).next_back().unwrap_or_default();
        self.note(now, batch.clone(), last, 0, alone);
        if self.give_up.is_some() {
            self.since.push_back((now, last));
        }
        Some(batch)
    }

    /// The number of new commands that fit into one request.
    #[cold]
    fn portion(&self) -> usize {
        let mut sum = Amount::default();
        for entry in &self.fresh {
            let next = Amount { count: sum.count + 1, bytes: sum.bytes + entry.bytes() };
            if sum.count > 0 && !next.fits(self.request) {
                break;
            }
            sum = next;
        }
        sum.count
    }

    /// Returns commands to send again: what is due goes together, as far as it fits into one request. Those who are
    /// asked are behind already, and must look each request up among everything that they have.
    pub fn poll_again(&mut self, now: Time) -> Option<Batch<V>> {
        let (mut parts, mut sum, mut fewest) = (Vec::new(), Amount::default(), u32::MAX);
        while let Some((batch, vain)) = self.again.pop_front() {
            let open = batch.iter().filter(|entry| self.is_open(entry)).count();
            let left = match open {
                0 => continue,
                n if n == batch.len() => batch,
                _ => batch.iter().filter(|entry| self.is_open(entry)).cloned().collect(),
            };
            let more = left.amount();
            let both = Amount { count: sum.count + more.count, bytes: sum.bytes.saturating_add(more.bytes) };
            if !parts.is_empty() && !both.fits(self.request) {
                self.again.push_front((left, vain));
                break;
            }
            (sum, fewest) = (both, fewest.min(vain));
            parts.push(left);
        }
        if parts.is_empty() {
            return None;
        }
        let batch = Batch::concat(parts);
        self.asked_again.0 += 1;
        let last = seqs(&batch).max().unwrap_or_default();
        self.note(now, batch.clone(), last, fewest, false);
        Some(batch)
    }

    /// Notes an answer. Returns whether it is the first to its command.
    pub fn on_reply(&mut self, id: CommandId) -> bool {
        id.client == self.id && self.settle(id.seq)
    }

    /// Takes the random number of this start. Must be called before anything is submitted.
    pub fn draw(&mut self, nonce: u32) {
        self.id.nonce = nonce;
    }

    /// Renews a session that has no open command and may have expired or may expire soon. Called before a command is
    /// submitted; every slot below `known` is chosen. A session is renewed after half of [`crate::Limits::idle`] slots
    /// of silence, and after one second. The time serves processes that do not learn, and sessions that may have been
    /// dropped for others: many commands are chosen in a second, and renewing a session without open commands costs
    /// nothing.
    pub fn refresh(&mut self, now: Time, known: Slot) {
        let (slot, time) = self.used;
        if self.next > 0
            && self.base == self.next
            && (known.since(slot) > self.idle || now > time.after(SPELL))
        {
            self.id = self.id.renewed(0);
        }
        self.current = (slot.max(known), now);
    }

    /// Handles the expiry of the session of command `id`. The replica that reports it knows a session with number
    /// `latest`. All open commands of the session end; later commands use a newer session. Reports about earlier
    /// sessions change nothing.
    #[cold]
    pub fn on_expired(&mut self, id: CommandId, latest: u64) {
        if id.client != self.id {
            return;
        }
        self.end(self.base..self.next, Unanswered::SessionExpired);
        self.fresh.clear();
        self.asked.clear();
        self.again.clear();
        self.since.clear();
        self.id = self.id.renewed(latest);
    }

    /// Handles a refusal. The refused commands end if they went to one process only and that process had not taken
    /// them before.
    #[cold]
    pub fn on_refused(&mut self, refused: &Refused) {
        if refused.taken || refused.client != self.id {
            return;
        }
        let reason = match refused.refusal {
            Refusal::NotLeader(leader) => Unanswered::NotLeader(leader),
            Refusal::Overloaded(overloaded) => Unanswered::Overloaded(overloaded),
        };
        let meant = refused.first..refused.end;
        let alone: Vec<u64> = self
            .asked
            .iter()
            .filter(|asked| asked.alone)
            .flat_map(|asked| seqs(&asked.batch))
            .filter(|seq| meant.contains(seq))
            .collect();
        for seq in alone {
            self.end(seq..seq.saturating_add(1), reason);
        }
    }

    /// Ends those of these commands that are open.
    fn end(&mut self, seqs: Range<u64>, reason: Unanswered) {
        for seq in seqs.start.max(self.base)..seqs.end.min(self.next) {
            if self.settle(seq) {
                self.unanswered.push_back((CommandId { client: self.id, seq }, reason));
            }
        }
    }

    /// Notes that a command needs no answer any more. Returns whether it needed one until now.
    #[inline]
    fn settle(&mut self, seq: u64) -> bool {
        if seq < self.base || seq >= self.next {
            return false;
        }
        if seq > self.base {
            return self.early.insert(seq);
        }
        self.forward();
        if !self.early.is_empty() {
            self.forward_early();
        }
        while self.asked.front().is_some_and(|asked| asked.last < self.base) {
            self.asked.pop_front();
        }
        while self.since.front().is_some_and(|(_, last)| *last < self.base) {
            self.since.pop_front();
        }
        true
    }

    #[cold]
    fn forward_early(&mut self) {
        while self.early.remove(&self.base) {
            self.forward();
        }
    }

    fn forward(&mut self) {
        self.base += 1;
        self.bytes -= self.sizes.pop_front().unwrap_or_default();
    }

    /// The number of batches that were asked for again.
    pub fn asked_again(&self) -> u64 {
        self.asked_again.0
    }

    /// Returns the next command that ends without an answer.
    pub fn poll_unanswered(&mut self) -> Option<(CommandId, Unanswered)> {
        self.unanswered.pop_front()
    }

    /// Makes everything unanswered due again now.
    pub fn ask_all_again(&mut self) {
        self.again.extend(self.asked.drain(..).map(|asked| (asked.batch, 0)));
    }

    /// Makes the batches due again whose time has come, and gives up the commands whose time is over. The sequence
    /// number of a command is never used again, so it does no harm if the command is chosen later. Returns whether
    /// anything is due again.
    pub fn on_timeout(&mut self, now: Time) -> bool {
        while let Some((_, last)) = self.since.front().copied().filter(|(at, _)| self.is_over(*at, now)) {
            self.since.pop_front();
            self.end(self.base..last.saturating_add(1), Unanswered::OutcomeUnknown);
        }
        let mut any = false;
        while self.due_again().is_some_and(|due| due <= now) {
            if let Some(asked) = self.asked.pop_front() {
                self.again.push_back((asked.batch, asked.vain.saturating_add(1)));
                any = true;
            }
        }
        any
    }

    fn is_over(&self, since: Time, now: Time) -> bool {
        self.give_up.is_some_and(|limit| since.after(limit) <= now)
    }

    /// Notes that `batch`, whose highest sequence number is `last`, is asked for now, after `vain` times without an
    /// answer. The queue is ordered by due time.
    fn note(&mut self, now: Time, batch: Batch<V>, last: u64, vain: u32, alone: bool) {
        let factor = if batch.amount().bytes < LARGE { 1 } else { Again::factor(vain) };
        let due = self.patience.map(|patience| now.after(patience.saturating_mul(factor)));
        let due = due.unwrap_or(Time(u64::MAX));
        let at = self.asked.iter().rposition(|other| other.due <= due).map_or(0, |before| before + 1);
        self.asked.insert(at, Asked { due, last, vain, alone, batch });
    }

    fn due_again(&self) -> Option<Time> {
        self.patience?;
        Some(self.asked.front()?.due)
    }

    /// When the next batch becomes due again or the next command is given up.
    pub fn deadline(&self) -> Option<Time> {
        let over = self.since.front().and_then(|(at, _)| Some(at.after(self.give_up?)));
        match (self.due_again(), over) {
            (Some(again), Some(over)) => Some(again.min(over)),
            (one, other) => one.or(other),
        }
    }

    /// The number of unanswered commands.
    pub fn len(&self) -> usize {
        (self.next - self.base) as usize - self.early.len()
    }

    /// Whether all commands are answered.
    pub fn is_empty(&self) -> bool {
        self.next == self.base
    }

    fn is_open(&self, entry: &Entry<V>) -> bool {
        entry.id().is_some_and(|id| id.seq >= self.base && !self.early.contains(&id.seq))
    }
}

fn seqs<V>(batch: &Batch<V>) -> impl DoubleEndedIterator<Item = u64> {
    batch.iter().filter_map(|entry| Some(entry.id()?.seq))
}

#[cfg(test)]
mod tests;
