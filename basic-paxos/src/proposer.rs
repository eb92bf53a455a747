//! The proposer: any number of instances side by side, each with two phases of its own.

use crate::gap::Gaps;
use crate::instance::{Instance, Question};
use crate::queue::Queue;
use crate::{BasicPaxos, One, Options, Promise};
use paxos_core::{
    Amount, Aside, Ballot, Batch, Chosen, Entry, Leadership, Load, Nack, NodeId, Overloaded, Proposal, Reach,
    Record, Request, Setup, Slot, SlotRange, Time, Value,
};
use std::collections::VecDeque;

/// Keeps proposals safe. Each command gets the lowest slot not known to be chosen and not under way here. If
/// another command is chosen there it tries the next one.
///
/// A ballot is per slot: one round number serves every instance begun in it, but a refusal concerns one slot. It
/// holds up that instance, and the beginning of new ones, until the leader role asks for a higher round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<Options>,
    /// The highest ballot heard of, in any slot.
    highest: Ballot,
    /// The ballot in which instances are begun.
    base: Ballot,
    /// The last base that is on disk or goes there before it is used.
    recorded: Ballot,
    /// Whether instances may be begun: no refusal since the last campaign.
    open: bool,
    /// Whether a slot is to be decided so that a change of members comes into force, whether or not commands come.
    awaited: bool,
    /// Whether something was decided in an instance of this base.
    proven: bool,
    queue: Queue<V>,
    /// What is under way, by slot.
    instances: VecDeque<Instance<V>>,
    /// Slots whose instances may have a question to ask.
    asking: VecDeque<Slot>,
    /// No slot below is free for a command.
    next: Slot,
    /// All below is chosen, as learners elsewhere say.
    progress: Slot,
    /// All that was chosen below was compared with `queue`.
    seen: Slot,
    resend_at: Option<Time>,
    /// Questions asked again.
    resends: Aside<u64>,
    gaps: Gaps,
    /// A slot in which nothing is chosen, though it was said to be.
    refuted: Option<Slot>,
}

impl<V: Value> Proposer<V> {
    /// The ballot in which it begins instances, or began the last.
    pub fn ballot(&self) -> Ballot {
        self.base
    }

    /// Slots under way.
    pub fn in_flight(&self) -> usize {
        self.instances.len()
    }

    /// Commands that wait for a place in the window.
    pub fn queued(&self) -> usize {
        self.queue.waiting().count
    }

    fn is_elected(&self) -> bool {
        matches!(self.setup.config.leadership, Leadership::Elected { .. })
    }

    /// Whether it is to see to it that the log has no gaps.
    fn is_concerned(&self) -> bool {
        self.open || !self.is_elected()
    }

    fn find(&self, slot: Slot) -> Option<usize> {
        find(&self.instances, slot)
    }

    /// Begins an instance if there is a use for one, a place in the window, and no refusal in the way.
    fn begin(&mut self, now: Time, chosen: &Chosen<V>) -> bool {
        if !self.open {
            return false;
        }
        let instances = &self.instances;
        // A gap waits for no place in the window: what fills the window may be waiting for the gap.
        let gap = self.gaps.take(|slot| !chosen.knows(slot) && find(instances, slot).is_none());
        let slot = match gap {
            Some(slot) => slot,
            None if self.queue.is_empty() && !self.is_awaited(chosen) => return false,
            None if self.instances.len() >= self.setup.config.limits.window.max(1) => return false,
            None if !self.queue.next_fits(&self.setup.config.limits) => return false,
            None => self.free_slot(chosen),
        };
        if slot >= chosen.limit() {
            return false;
        }
        if slot.index() >= self.setup.options.slots {
            self.queue.drain();
            return false;
        }
        let own = if gap.is_some() { None } else { self.queue.pop_front() };
        let at = self.instances.partition_point(|instance| instance.slot < slot);
        self.instances.insert(at, Instance::new(now, slot, self.base, own));
        self.asking.push_back(slot);
        true
    }

    /// Whether no-ops are to take the log to a change of members, on which everybody waits.
    fn is_awaited(&self, chosen: &Chosen<V>) -> bool {
        self.is_concerned() && chosen.epochs().is_some_and(|epochs| epochs.next().is_some())
    }

    /// The lowest slot not known to be chosen and not under way here.
    fn free_slot(&mut self, chosen: &Chosen<V>) -> Slot {
        // What lies in reach needs no try. What is said to be chosen further ahead has to be shown first: to begin behind it
        // would leave a gap of that size.
        let heard = Some(chosen.heard()).filter(|heard| *heard <= chosen.horizon());
        self.next = self.next.max(heard.unwrap_or_default()).max(self.progress).max(self.gaps.voted(chosen));
        while chosen.knows(self.next) || self.find(self.next).is_some() {
            self.next = self.next.plus(1);
        }
        self.next
    }

    /// Ends the instances below `end` whose `fate` is known: whether their own command was chosen. Returns the
    /// commands that were not.
    fn settle(&mut self, end: Slot, fate: impl Fn(&Instance<V>) -> Option<bool>) -> Vec<One<V>> {
        let end = self.instances.partition_point(|instance| instance.slot < end);
        let (mut rest, mut lost) = (Vec::new(), Vec::new());
        for instance in self.instances.drain(..end) {
            let Some(won) = fate(&instance) else {
                rest.push(instance);
                continue;
            };
            self.proven |= instance.ballot() == self.base && !instance.is_held();
            match instance.own {
                Some(own) if won => _ = own.id().is_some_and(|id| self.queue.done(id)),
                Some(own) => lost.push(own),
                None => {}
            }
        }
        rest.into_iter().rev().for_each(|instance| self.instances.push_front(instance));
        lost
    }

    /// Own commands that turn up in slots of others need none of their own any more.
    fn drop_chosen(&mut self, slots: SlotRange, chosen: &Chosen<V>) {
        for (_, batch) in chosen.within(slots) {
            for id in batch.iter().filter_map(Entry::id) {
                if !self.queue.done(id) {
                    continue;
                }
                self.queue.drop_waiting(id);
                let rivals = self.instances.iter_mut().map(|instance| &mut instance.own);
                rivals.for_each(|own| _ = own.take_if(|own| own.id() == Some(id)));
            }
        }
    }

    /// Somebody else was elected: whatever is under way here is theirs to finish.
    fn step_down(&mut self) -> bool {
        self.instances.iter_mut().for_each(Instance::hold);
        self.asking.clear();
        self.resend_at = None;
        self.gaps.clear();
        std::mem::take(&mut self.open)
    }
}

fn find<V>(instances: &VecDeque<Instance<V>>, slot: Slot) -> Option<usize> {
    instances.binary_search_by_key(&slot, |instance| instance.slot).ok()
}

impl<V: Value, R: crate::Answer> paxos_core::Proposer<BasicPaxos<V, R>> for Proposer<V> {
    fn new(setup: &Setup<Options>) -> Self {
        Self {
            setup: setup.clone(),
            highest: Ballot::ZERO,
            base: Ballot::ZERO,
            recorded: Ballot::ZERO,
            open: false,
            awaited: false,
            proven: false,
            queue: Queue::default(),
            instances: VecDeque::new(),
            asking: VecDeque::new(),
            next: Slot(0),
            progress: Slot(0),
            seen: Slot(0),
            resend_at: None,
            resends: Aside::default(),
            gaps: Gaps::new(setup),
            refuted: None,
        }
    }

    /// Each instance has a phase 1 of its own, among the members of its slot.
    fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.setup = setup.clone();
        self.gaps.reconfigure(setup);
    }

    /// *Paxos Made Simple*, §2.5: a proposer remembers in stable storage the highest-numbered proposal it has
    /// tried to issue, and begins with a higher one: no ballot is used twice, not even across a crash.
    fn restore(&mut self, record: &Record<V>) {
        let (Record::Started(ballot) | Record::Promised { ballot, .. } | Record::Voted { ballot, .. }) =
            record
        else {
            return;
        };
        self.highest = self.highest.max(*ballot);
        self.gaps.restore(record);
    }

    fn retained(&self) -> Option<Vec<Record<V>>> {
        let highest = self.highest.max(self.base);
        Some((highest > Ballot::ZERO).then_some(Record::Started(highest)).into_iter().collect())
    }

    fn on_request(&mut self, _now: Time, request: &Request<V>, leads: bool) -> Result<(), Overloaded> {
        if leads { self.queue.push(&self.setup.config.limits, request) } else { Ok(()) }
    }

    /// Takes a higher round, for what was refused and for what is to begin. It says nothing by itself.
    fn campaign(&mut self, _now: Time, _chosen: &Chosen<V>) {
        let Some(ballot) = self.highest.max(self.base).next_term(self.setup.id) else { return };
        (self.base, self.highest) = (ballot, ballot);
        (self.open, self.proven) = (true, false);
        for instance in self.instances.iter_mut().filter(|instance| instance.is_held()) {
            instance.prepare(ballot);
            self.asking.push_back(instance.slot);
        }
    }

    fn step_down(&mut self) -> bool {
        self.step_down()
    }

    fn is_settled(&self) -> bool {
        self.instances.is_empty() && self.queue.is_empty()
    }

    fn on_promise(&mut self, _now: Time, from: NodeId, promise: Promise<V>, chosen: &Chosen<V>) {
        let slot = promise.slot;
        let shown = slot < self.gaps.end(chosen) || self.is_awaited(chosen);
        let Some(at) = self.find(slot) else { return };
        let instance = &mut self.instances[at];
        if !instance.on_promise(from, promise, &*self.setup.config.quorums) {
            return;
        }
        // A command that was chosen elsewhere meanwhile makes room for the next one.
        if instance.is_free() && instance.own.is_none() {
            instance.want(self.queue.pop_front());
            // Somebody said that all up to a later slot is chosen, and that is not so. Nothing needs a no-op here.
            if instance.own.is_none() && instance.for_gap && !shown {
                self.instances.remove(at);
                self.progress = self.progress.min(slot);
                self.gaps.clear();
                self.refuted = Some(slot);
                return;
            }
        }
        instance.propose();
        self.asking.push_back(slot);
    }

    fn refuted(&mut self) -> Option<Slot> {
        self.refuted.take()
    }

    /// *Paxos Made Simple*, §2.2: a proposer that is told of a higher number should abandon its proposal. Here it
    /// keeps the instance for its next ballot.
    fn on_nack(&mut self, _now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        let slot = nack.slots.start;
        let Some(at) = self.find(slot) else { return false };
        let (base, open, elected) = (self.base, self.open, self.is_elected());
        let instance = &mut self.instances[at];
        // A refusal of an earlier ballot is no news, nor is one that refuses nothing.
        if nack.refused != instance.ballot() || nack.promised <= nack.refused || instance.is_held() {
            return false;
        }
        if elected {
            return self.step_down();
        }
        // The wait for a higher round than the refuser's is over already.
        if open && base > nack.promised {
            instance.prepare(base);
            self.asking.push_back(slot);
            return false;
        }
        instance.hold();
        std::mem::take(&mut self.open)
    }

    /// Which slot the ballot was seen in is not known. If leaders are elected another one has taken over, for all
    /// slots; if they appoint themselves it may well be another slot, and if it is one of ours, a refusal will
    /// say so.
    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        self.highest = self.highest.max(ballot);
        self.is_elected() && ballot > self.base && self.step_down()
    }

    fn on_chosen(&mut self, _now: Time, chosen: &Chosen<V>) {
        let lost = self.settle(chosen.end(), |instance| match chosen.get(instance.slot) {
            Some(entry) => Some(instance.own.as_ref().is_some_and(|own| own.id() == entry.id())),
            None => chosen.knows(instance.slot).then(|| instance.may_have_won()),
        });
        let known = chosen.first_unknown();
        let end = if lost.is_empty() { known } else { chosen.end() };
        self.queue.requeue(lost);
        self.drop_chosen(SlotRange::new(self.seen, end), chosen);
        self.seen = known;
    }

    /// A proposer that does not learn is told that slots are chosen, not by what. A command that it proposed
    /// there counts as done, unless the client asks again; one that it had no chance to propose was not chosen.
    fn on_progress(&mut self, _now: Time, slot: Slot) {
        if self.setup.config.learns(self.setup.id) {
            return;
        }
        self.progress = self.progress.max(slot);
        let lost = self.settle(slot, |instance| Some(instance.may_have_won()));
        self.queue.requeue(lost);
    }

    /// Those who knew what is chosen there have forgotten; in a new ballot the acceptors tell it again.
    fn propose_again(&mut self, _now: Time, from: Slot, _chosen: &Chosen<V>) {
        if from >= self.progress {
            return;
        }
        // A round of its own: in this one, a value may have been proposed there already, of an instance that ended.
        let Some(ballot) = self.highest.max(self.base).next_term(self.setup.id) else { return };
        (self.base, self.highest) = (ballot, ballot);
        self.gaps.finish(from, self.progress);
    }

    fn on_timeout(&mut self, now: Time, chosen: &Chosen<V>) {
        let config = &self.setup.config;
        if let Some(patience) = config.timeouts.resend
            && self.resend_at.is_some_and(|at| at <= now)
        {
            self.resend_at = None;
            for instance in &mut self.instances {
                let due = instance.due(patience);
                if due.is_some_and(|at| at <= now) {
                    instance.ask_all();
                    self.resends.0 += 1;
                    self.asking.push_back(instance.slot);
                } else if let Some(due) = due {
                    self.resend_at = Some(self.resend_at.map_or(due, |at| at.min(due)));
                }
            }
        }
        self.gaps.on_timeout(now, chosen);
    }

    fn deadline(&self) -> Option<Time> {
        let resend = self.resend_at.filter(|_| !self.instances.is_empty());
        [resend, self.gaps.deadline()].into_iter().flatten().min()
    }

    fn poll(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Proposal<BasicPaxos<V, R>>, Reach)> {
        loop {
            while let Some(slot) = self.asking.pop_front() {
                // A slot that is chosen by now has nothing to ask, and one that asked already waits.
                let Some(at) = self.find(slot) else { continue };
                let Some((question, reach)) = self.instances[at].question(now) else { continue };
                // Asked later than the others, it becomes due later: the earliest wake-up stays.
                self.resend_at =
                    self.resend_at.or_else(|| self.setup.config.timeouts.resend.map(|d| now.after(d)));
                return Some(match question {
                    Question::Accept(accept) => (Proposal::Accept(accept), reach),
                    Question::Prepare(prepare) => {
                        // §2.5 again: on disk before the first message of the round leaves.
                        let record = (prepare.ballot > self.recorded).then(|| {
                            self.recorded = prepare.ballot;
                            Record::Started(prepare.ballot)
                        });
                        (Proposal::Prepare(prepare, record), reach)
                    }
                });
            }
            if !self.begin(now, chosen) {
                let member = self.setup.config.proposers.contains(self.setup.id);
                self.awaited = member && self.is_awaited(chosen) && self.free_slot(chosen) < chosen.limit();
                if self.is_concerned() {
                    let instances = &self.instances;
                    self.gaps.watch(now, chosen, |slot| find(instances, slot).is_some());
                }
                return None;
            }
        }
    }

    /// An elected leader leads from its campaign on. A self-appointed one has no claim to the slots to come, and
    /// counts as one only when something was decided in its round: so its waiting times grow until then.
    fn leading(&self) -> Option<Ballot> {
        (self.open && (self.proven || self.is_elected())).then_some(self.base)
    }

    fn waits_for(&self, limit: Slot) -> bool {
        self.next >= limit || !self.queue.is_empty()
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty()
            || !self.gaps.is_empty()
            || self.awaited
            || self.instances.iter().any(Instance::is_held)
    }

    fn load(&self) -> Load {
        Load {
            ballot: self.base,
            highest: self.highest,
            in_flight: Amount { count: self.instances.len(), bytes: self.queue.under_way_bytes() },
            waiting: self.queue.waiting(),
            resends: self.resends.0,
        }
    }

    fn surrender(&mut self) -> Vec<Batch<V>> {
        // Begun again, these slots get a higher ballot: nothing is begun before the next campaign.
        self.step_down();
        self.next = Slot(0);
        let mut own: Vec<One<V>> = self.instances.drain(..).filter_map(|instance| instance.own).collect();
        own.extend(self.queue.drain());
        // Nothing is under way any more, and nothing waits.
        self.queue = Queue::default();
        own.iter().map(|own| own.batch().clone()).collect()
    }
}
