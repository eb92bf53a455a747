//! The work of a proposer of a log: waiting commands and proposals in progress.

mod held;

use crate::{
    Amount, Aside, Audience, Ballot, Batch, Chosen, CommandId, Config, Entry, Limits, Load, Overloaded,
    Request, Slot, SlotRange, Time, Value, Vote, Votes,
};
use core::time::Duration;
use held::Held;
use std::collections::{BTreeSet, VecDeque};

/// Commands in the order of their arrival, and proposals in the order of their slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pipeline<V> {
    limits: Limits,
    linger: Option<Duration>,
    queue: VecDeque<Waiting<V>>,
    /// The amount of all of `queue`.
    waiting: Amount,
    /// The proposals that are not known to be chosen.
    in_flight: Votes<V>,
    /// The bytes of each proposal in progress, with the slot after its last. A partly chosen proposal counts in full.
    sizes: VecDeque<(Slot, usize)>,
    /// The sum of all of `sizes`.
    in_flight_bytes: usize,
    /// The slot from which on commands in `queue` may have been chosen in a lost ballot.
    requeued: Option<Slot>,
    /// Until when the next batch lingers. None: it does not, or waits for something else.
    lingers: Option<Time>,
    /// The ids of `queue` and `in_flight`, from which they follow.
    held: Aside<Held>,
}

/// Commands that arrived together, with their total size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting<V> {
    batch: Batch<V>,
    bytes: usize,
    since: Time,
}

impl<V> Waiting<V> {
    fn amount(&self) -> Amount {
        Amount { count: self.batch.len(), bytes: self.bytes }
    }
}

impl<V: Value> Pipeline<V> {
    /// Creates an empty pipeline, with the limits of `config`.
    pub fn new(config: &Config) -> Self {
        Self {
            limits: config.limits,
            linger: config.timeouts.linger,
            queue: VecDeque::new(),
            waiting: Amount::default(),
            in_flight: Votes::default(),
            sizes: VecDeque::new(),
            in_flight_bytes: 0,
            requeued: None,
            lingers: None,
            held: Aside::default(),
        }
    }

    /// Takes in a request. If a client asks again, commands that are already here are skipped.
    ///
    /// # Errors
    /// [`Overloaded`] if the queue has no room for the whole request.
    pub fn push(&mut self, now: Time, request: &Request<V>) -> Result<(), Overloaded> {
        let mut commands = request.commands.clone();
        if matches!(request.audience, Audience::Anyone | Audience::Relayed) {
            commands = self.new_among(&commands);
        }
        if !commands.is_empty() {
            let more = commands.amount();
            self.limits.admit(self.waiting, more)?;
            self.waiting += more;
            self.held.0.came(&commands);
            self.queue.push_back(Waiting { batch: commands, bytes: more.bytes, since: now });
        }
        Ok(())
    }

    /// Puts commands before all waiting ones. They do not linger.
    pub fn push_front(&mut self, batch: Batch<V>) {
        if !batch.is_empty() {
            let front = Waiting { bytes: batch.bytes(), batch, since: Time(0) };
            self.waiting += front.amount();
            self.held.0.came(&front.batch);
            self.queue.push_front(front);
        }
    }

    /// Takes the next batch, if the window has room and the batch is full or has lingered long enough. Notes it as a
    /// proposal in `ballot`, from slot `first` on, in slots below `end`.
    pub fn propose_next(&mut self, now: Time, ballot: Ballot, first: Slot, end: Slot) -> Option<Batch<V>> {
        self.lingers = None;
        let mut room = self.room()?;
        room.count = room.count.min(end.since(first) as usize);
        if room.count == 0 {
            return None;
        }
        self.lingers = self.lingers_until(room).filter(|at| now < *at);
        if self.lingers.is_some() {
            return None;
        }
        let (batch, bytes) = self.take_counted(room)?;
        self.note(ballot, first, &batch, bytes);
        Some(batch)
    }

    /// Proposes no-ops from slot `first` on, while a change of members is chosen but not in force and no commands
    /// wait. They take the log to the change, because everything waits for it.
    #[inline]
    pub fn propose_nothing(&mut self, ballot: Ballot, first: Slot, chosen: &Chosen<V>) -> Option<Batch<V>> {
        let coming = chosen.is_changing();
        if coming && self.waiting.count == 0 { self.propose_noops(ballot, first, chosen) } else { None }
    }

    #[cold]
    fn propose_noops(&mut self, ballot: Ballot, first: Slot, chosen: &Chosen<V>) -> Option<Batch<V>> {
        let room =
            self.limits.window.max(1).saturating_sub(self.under_way().count).min(self.limits.batch.max(1));
        let count = room.min(chosen.limit().since(first) as usize);
        let batch: Batch<V> = (0..count).map(|_| Entry::Noop).collect();
        if !batch.is_empty() {
            self.propose(ballot, first, &batch);
        }
        Some(batch).filter(|batch| !batch.is_empty())
    }

    /// When a batch that is held back must be proposed. None if no batch is held back. Whoever is woken then calls
    /// [`Pipeline::on_timeout`].
    pub fn deadline(&self) -> Option<Time> {
        self.lingers
    }

    /// Holds back nothing whose time has come. Its proposer may be busy with other slots, and proposes it afterwards.
    pub fn on_timeout(&mut self, now: Time) {
        self.lingers.take_if(|at| *at <= now);
    }

    /// The amount that may be proposed now. None if nothing waits, or none of it may be proposed.
    fn room(&self) -> Option<Amount> {
        let front = self.queue.front()?;
        let limits = &self.limits;
        let under_way = self.under_way();
        let slots = limits.window.max(1).saturating_sub(under_way.count);
        let bytes = limits.window_bytes.saturating_sub(under_way.bytes);
        let fits = front.bytes <= bytes || under_way.count == 0 || front.batch[0].bytes() <= bytes;
        let message = limits.message();
        (slots > 0 && fits)
            .then(|| Amount { count: slots.min(message.count), bytes: bytes.min(message.bytes) })
    }

    /// When commands that do not fill `room` are no longer held back.
    fn lingers_until(&self, room: Amount) -> Option<Time> {
        let linger = self.linger?;
        let full = self.waiting.count >= room.count || self.waiting.bytes >= room.bytes;
        if full { None } else { Some(self.queue.front()?.since.after(linger)) }
    }

    /// Takes the next commands: at most `limit`, or one larger command. Commands that arrived together are not copied.
    pub fn take(&mut self, limit: Amount) -> Option<Batch<V>> {
        self.take_counted(limit).map(|(batch, _)| batch).inspect(|batch| self.held.0.went(batch))
    }

    fn take_counted(&mut self, limit: Amount) -> Option<(Batch<V>, usize)> {
        let front = self.queue.pop_front()?;
        let amount = front.amount();
        let (batch, taken) = if !amount.fits(limit) {
            let batch = front.batch.portion(limit);
            let taken = batch.amount();
            self.put_back(front, taken);
            (batch, taken)
        } else if self.queue.is_empty() || amount.count == limit.count {
            (front.batch, amount)
        } else {
            self.merge(front, limit)
        };
        self.waiting -= taken;
        Some((batch, taken.bytes))
    }

    /// Puts back everything except the head, which was taken.
    fn put_back(&mut self, front: Waiting<V>, taken: Amount) {
        let Waiting { batch, bytes, since } = front;
        let batch = batch.tail(taken.count as u64);
        if !batch.is_empty() {
            self.queue.push_front(Waiting { batch, bytes: bytes - taken.bytes, since });
        }
    }

    #[cold]
    fn merge(&mut self, front: Waiting<V>, limit: Amount) -> (Batch<V>, Amount) {
        let mut sum = front.amount();
        let mut parts = vec![front.batch];
        while let Some(more) = self.queue.pop_front() {
            let rest = Amount { count: limit.count - sum.count, bytes: limit.bytes - sum.bytes };
            let fitting = if more.amount().fits(rest) { more.amount() } else { more.batch.fitting(rest) };
            sum += fitting;
            if fitting.count > 0 {
                parts.push(more.batch.head(fitting.count as u64));
            }
            if fitting.count < more.batch.len() {
                self.put_back(more, fitting);
                break;
            }
        }
        (Batch::concat(parts), sum)
    }

    /// The load of a proposer with these commands and proposals.
    pub fn load(&self, ballot: Ballot, highest: Ballot, resends: Aside<u64>) -> Load {
        let Aside(resends) = resends;
        Load { ballot, highest, in_flight: self.under_way(), waiting: self.waiting, resends }
    }

    /// The command that is proposed next.
    pub fn oldest(&self) -> Option<CommandId> {
        self.queue.front()?.batch.iter().find_map(Entry::id)
    }

    /// The number of waiting commands.
    pub fn waiting(&self) -> usize {
        self.waiting.count
    }

    /// The number of slots from the first proposal in progress to the last, and the bytes of all proposals.
    pub fn under_way(&self) -> Amount {
        let (start, end) = (self.in_flight.start(), self.in_flight.end());
        Amount { count: start.map_or(0, |start| end.since(start)) as usize, bytes: self.in_flight_bytes }
    }

    /// Notes a proposal that was not taken from the queue.
    pub fn propose(&mut self, ballot: Ballot, first: Slot, batch: &Batch<V>) {
        self.held.0.came(batch);
        self.note(ballot, first, batch, batch.bytes());
    }

    fn note(&mut self, ballot: Ballot, first: Slot, batch: &Batch<V>, bytes: usize) {
        let ahead = self.in_flight.end() <= first;
        self.in_flight.note(ballot, first, batch);
        if ahead {
            self.sizes.push_back((first.plus(batch.len() as u64), bytes));
            self.in_flight_bytes += bytes;
        } else {
            self.count_again();
        }
    }

    #[cold]
    fn count_again(&mut self) {
        self.held.0.forget();
        self.sizes = self.in_flight().map(|vote| (vote.slots().end, vote.batch.bytes())).collect();
        self.in_flight_bytes = self.sizes.iter().map(|(_, bytes)| bytes).sum();
    }

    /// Iterates over the proposals in progress, by slot.
    pub fn in_flight(&self) -> impl Iterator<Item = Vote<V>> {
        self.in_flight.within(Slot(0).onwards())
    }

    /// Iterates over the proposals in progress within `slots`, cut to fit.
    pub fn within(&self, slots: SlotRange) -> impl Iterator<Item = Vote<V>> {
        self.in_flight.within(slots)
    }

    /// The ballot of the proposal in progress in `slot`, if there is one.
    pub fn ballot_at(&self, slot: Slot) -> Option<Ballot> {
        self.in_flight.get(slot).map(|(ballot, _)| ballot)
    }

    /// The first slot with a proposal in progress.
    pub fn first_in_flight(&self) -> Option<Slot> {
        self.in_flight.start()
    }

    /// Notes that everything below `slot` is chosen. Returns whether that ends a proposal.
    pub fn settle(&mut self, slot: Slot) -> bool {
        let ends = self.in_flight.start().is_some_and(|start| start < slot);
        if ends {
            if self.held.0.is_kept() {
                self.in_flight
                    .within(SlotRange::new(Slot(0), slot))
                    .for_each(|vote| self.held.0.went(&vote.batch));
            }
            self.in_flight.remove_below(slot);
            while let Some((end, bytes)) = self.sizes.front()
                && *end <= slot
            {
                self.in_flight_bytes -= bytes;
                self.sizes.pop_front();
            }
        }
        ends
    }

    /// Whether in some slot a value other than the proposed one is known to be chosen, or may be.
    pub fn is_contradicted(&self, chosen: &Chosen<V>) -> bool {
        let Some(start) = self.in_flight.start() else { return false };
        // In slots that only a snapshot covers, any value may be chosen.
        if start < chosen.jumped() {
            return true;
        }
        // Usually the last chosen run is the first proposal in progress, with the same shared entries.
        if let (Some((range, ours)), Some((part, theirs))) = (self.in_flight.first(), chosen.last())
            && part == range
            && chosen.end() == range.end
            && ours.shares(theirs)
        {
            return false;
        }
        let reach = SlotRange::new(start, chosen.end());
        self.in_flight.overlapping(reach).any(|(range, ours)| {
            chosen.overlapping(range).any(|(part, theirs)| {
                // Shared entries need no comparison.
                (part != range || !ours.shares(theirs)) && {
                    let both = range.intersection(part);
                    let cut = |b: &Batch<V>, from: Slot| b.tail(both.start.since(from)).head(both.len());
                    cut(ours, range.start) != cut(theirs, part.start)
                }
            })
        })
    }

    /// Handles a lost ballot: proposals in progress may or may not be chosen, so they wait again, before all others.
    #[cold]
    pub fn requeue(&mut self) {
        let Some(start) = self.in_flight.start() else { return };
        self.requeued = Some(self.requeued.unwrap_or(start).min(start));
        let lost: Vec<Vote<V>> = self.in_flight().collect();
        self.in_flight = Votes::default();
        self.count_again();
        for vote in lost.into_iter().rev() {
            self.push_front(vote.batch);
        }
    }

    /// Drops requeued commands of a lost ballot that are among `found` or in the log: they need not be proposed again.
    #[cold]
    pub fn drop_found(&mut self, found: &[Entry<V>], chosen: &Chosen<V>) {
        let Some(from) = self.requeued.take() else { return };
        let mut seen: BTreeSet<CommandId> = found.iter().filter_map(Entry::id).collect();
        for (_, batch) in chosen.within(from.onwards()) {
            seen.extend(batch.iter().filter_map(Entry::id));
        }
        self.drop_all(&seen);
    }

    /// Drops the waiting commands that are in the log.
    #[cold]
    pub fn drop_known(&mut self, chosen: &Chosen<V>) {
        let log = chosen.within(Slot(0).onwards());
        let waiting: BTreeSet<CommandId> =
            self.queue.iter().flat_map(|waiting| waiting.batch.iter()).filter_map(Entry::id).collect();
        let mut known = BTreeSet::new();
        for (_, batch) in log {
            known.extend(batch.iter().filter_map(Entry::id).filter(|id| waiting.contains(id)));
        }
        self.drop_all(&known);
    }

    /// Drops the waiting commands with these ids, and no-ops.
    #[cold]
    pub fn drop_all(&mut self, names: &BTreeSet<CommandId>) {
        let kept = |e: &Entry<V>| e.id().is_some_and(|id| !names.contains(&id));
        self.held.0.forget();
        let mut left = Amount::default();
        self.queue.retain_mut(|waiting| {
            if !waiting.batch.iter().all(kept) {
                waiting.batch = waiting.batch.iter().filter(|entry| kept(entry)).cloned().collect();
                waiting.bytes = waiting.batch.bytes();
            }
            left += waiting.amount();
            !waiting.batch.is_empty()
        });
        self.waiting = left;
    }

    /// Gives up all waiting commands, and returns them.
    pub fn surrender(&mut self) -> Vec<Batch<V>> {
        self.held.0.forget();
        self.waiting = Amount::default();
        self.requeued = None;
        self.queue.drain(..).map(|waiting| waiting.batch).collect()
    }

    /// The commands that are not here yet.
    #[cold]
    fn new_among(&mut self, commands: &Batch<V>) -> Batch<V> {
        let proposed = self.in_flight.overlapping(Slot(0).onwards()).map(|(_, batch)| batch);
        let held = self.held.0.ids(proposed.chain(self.queue.iter().map(|waiting| &waiting.batch)));
        commands.iter().filter(|entry| entry.id().is_some_and(|id| !held.contains(&id))).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
