//! The proposer: any number of concurrent instances, each with its own two phases.

mod instances;

use crate::gap::Gaps;
use crate::instance::{Instance, Question};
use crate::queue::Queue;
use crate::{BasicPaxos, One, Options, Promise};
use instances::find;
use paxos_core::{
    Amount, Aside, Ballot, Batch, Chosen, Leadership, Load, Nack, NodeId, Overloaded, Proposal, Reach,
    Record, Recorded as _, Request, Setup, Slot, SlotRange, Time, Value,
};
use std::collections::VecDeque;

/// Keeps proposals safe. Each command gets the lowest slot that is not known to be chosen and not under way here. If
/// another command is chosen there, the command moves to the next slot.
///
/// A ballot is per slot: one round number serves every instance begun in it, but a refusal concerns one slot. A refusal
/// stops that instance, and new ones, until the leader role asks for a higher round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<Options>,
    /// The highest ballot seen in any slot.
    highest: Ballot,
    /// The ballot for new instances.
    base: Ballot,
    /// The last base that is on disk, or that is written before it is used.
    recorded: Ballot,
    /// Whether instances may be begun: no refusal has come since the last campaign.
    open: bool,
    /// Whether a slot must be decided, even without commands, to bring a change of members into effect.
    awaited: bool,
    /// Whether an instance of this base was decided.
    proven: bool,
    queue: Queue<V>,
    /// Instances under way, by slot.
    instances: VecDeque<Instance<V>>,
    /// Slots whose instances may have a question to ask.
    asking: VecDeque<Slot>,
    /// No slot below is free for a command.
    next: Slot,
    /// Every slot below is chosen, according to learners elsewhere.
    progress: Slot,
    /// Every chosen entry below was compared with `queue`.
    seen: Slot,
    resend_at: Option<Time>,
    /// The number of messages sent again.
    resends: Aside<u64>,
    gaps: Gaps,
    /// A slot that was reported as chosen although no value is chosen there.
    refuted: Option<Slot>,
}

impl<V: Value> Proposer<V> {
    /// The ballot of new instances, or of the last one begun.
    pub fn ballot(&self) -> Ballot {
        self.base
    }

    /// The number of slots under way.
    pub fn in_flight(&self) -> usize {
        self.instances.len()
    }

    /// The number of commands that wait for room in the window.
    pub fn queued(&self) -> usize {
        self.queue.waiting().count
    }

    fn is_elected(&self) -> bool {
        matches!(self.setup.config.leadership, Leadership::Elected { .. })
    }

    /// Takes a new round for later instances: one that has ended may have proposed a value in the present round. Returns
    /// whether there is one.
    fn renew(&mut self) -> bool {
        let ballot = self.highest.max(self.base).next_term(self.setup.id);
        if let Some(ballot) = ballot {
            (self.base, self.highest) = (ballot, ballot);
        }
        ballot.is_some()
    }

    /// Makes `slot` free for a command again.
    fn turn_back(&mut self, slot: Slot) {
        if slot < self.next && self.renew() {
            self.next = slot;
        }
    }

    /// Whether this proposer is responsible for filling gaps in the log.
    fn is_concerned(&self) -> bool {
        self.open || !self.is_elected()
    }
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

    /// Each instance runs its own phase 1 among the members of its slot.
    fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.setup = setup.clone();
        self.gaps.reconfigure(setup);
    }

    /// *Paxos Made Simple*, §2.5: a proposer remembers in stable storage the highest-numbered proposal it has tried to
    /// issue, and begins with a higher one. So it never uses a ballot twice, not even across a crash.
    fn restore(&mut self, record: &Record<V>) {
        self.highest = self.highest.max(record.ballot().unwrap_or_default());
        self.gaps.restore(record);
    }

    fn retained(&self) -> Option<Vec<Record<V>>> {
        Some(Record::used_up_to(self.highest.max(self.base)))
    }

    fn on_request(&mut self, _now: Time, request: &Request<V>, leads: bool) -> Result<(), Overloaded> {
        if leads { self.queue.push(&self.setup.config.limits, request) } else { Ok(()) }
    }

    /// Takes a higher round, for refused instances and for new ones. It sends nothing by itself.
    fn campaign(&mut self, _now: Time, _chosen: &Chosen<V>) {
        if !self.renew() {
            return;
        }
        (self.open, self.proven) = (true, false);
        self.gaps.campaign();
        for instance in self.instances.iter_mut().filter(|instance| instance.is_held()) {
            instance.prepare(self.base);
            self.asking.push_back(instance.slot);
        }
    }

    fn begins_at(&self, chosen: &Chosen<V>) -> Slot {
        chosen.first_unknown().max(self.progress)
    }

    fn step_down(&mut self) -> bool {
        self.hold()
    }

    fn is_settled(&self) -> bool {
        self.instances.is_empty() && self.queue.is_empty()
    }

    fn on_promise(&mut self, _now: Time, from: NodeId, promise: Promise<V>, chosen: &Chosen<V>) -> bool {
        let slot = promise.slot;
        let shown = slot < self.gaps.end(chosen) || self.is_awaited(chosen);
        let Some(at) = self.find(slot) else { return false };
        let followed = self.gaps.is_followed(slot)
            || self.instances.iter().skip(at + 1).any(|later| later.own.is_some());
        let instance = &mut self.instances[at];
        if !instance.on_promise(from, promise, &*self.setup.config.quorums) {
            return false;
        }
        let hole = self.gaps.probed(slot, !instance.is_free());
        // If its own command was chosen elsewhere in the meantime, the next command takes its place.
        if instance.is_free() && instance.own.is_none() {
            instance.want(self.queue.pop_front());
            // A process said that all slots up to a later one are chosen, which is wrong, or acceptors were asked whether they
            // have voted here. No no-op is needed, unless a later slot has a vote, or a command is under way there.
            if instance.own.is_none() && instance.for_gap && !shown && !followed {
                self.instances.remove(at);
                self.progress = self.progress.min(slot);
                self.turn_back(slot);
                self.gaps.refute();
                self.refuted = Some(slot);
                return false;
            }
        }
        instance.propose();
        self.asking.push_back(slot);
        if hole && !self.renew() {
            self.gaps.clear();
        }
        // Its promises are about one slot, and come whole.
        false
    }

    fn refuted(&mut self) -> Option<Slot> {
        self.refuted.take()
    }

    /// *Paxos Made Simple*, §2.2: a proposer that learns of a higher number should abandon its proposal. Here it keeps
    /// the instance for its next ballot.
    fn on_nack(&mut self, _now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        let slot = nack.slots.start;
        let Some(at) = self.find(slot) else { return false };
        let (base, open, elected) = (self.base, self.open, self.is_elected());
        let instance = &mut self.instances[at];
        // A refusal of an earlier ballot is not news, and neither is one that names no higher ballot.
        if nack.refused != instance.ballot() || nack.promised <= nack.refused || instance.is_held() {
            return false;
        }
        if elected {
            return self.hold();
        }
        // The wait for a higher round than the refuser's is already over.
        if open && base > nack.promised {
            instance.prepare(base);
            self.asking.push_back(slot);
            return false;
        }
        instance.hold();
        std::mem::take(&mut self.open)
    }

    /// It is unknown in which slot the ballot was seen. If leaders are elected, another one has taken over all slots.
    /// If they appoint themselves, the ballot may well be for another slot; if it is for one of ours, a refusal will
    /// say so.
    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        self.highest = self.highest.max(ballot);
        self.is_elected() && ballot > self.base && self.hold()
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

    /// A proposer that does not learn hears which slots are chosen, but not their values. A command that it proposed
    /// there counts as done, unless the client asks again. A command that it did not get to propose was not chosen.
    fn on_progress(&mut self, _now: Time, slot: Slot) {
        if self.setup.config.learns(self.setup.id) {
            return;
        }
        self.progress = self.progress.max(slot);
        self.gaps.skip_to(self.progress);
        let lost = self.settle(slot, |instance| Some(instance.may_have_won()));
        self.queue.requeue(lost);
    }

    /// The processes that knew the chosen values have forgotten them; in a new ballot the acceptors report them again. If
    /// this proposer has forgotten how far they were as well, it asks about one slot after the other.
    fn propose_again(&mut self, _now: Time, from: Slot, _chosen: &Chosen<V>) {
        let told = from < self.progress;
        // A learner asks again until it sees progress.
        let begun = self.find(from).is_some() || self.gaps.has(from);
        let reached = self.next <= from && !self.queue.is_empty();
        // Proposers that appoint themselves and learn watch for gaps by themselves, each in its turn.
        let watches = !self.is_elected() && self.setup.config.learns(self.setup.id);
        if begun || !told && (reached || watches || !self.gaps.is_worth_a_look(from)) || !self.renew() {
            return;
        }
        if told {
            self.gaps.finish(from, self.progress);
        } else {
            self.gaps.probe(from);
        }
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
                // A slot chosen by now has nothing to ask, and an instance that has already asked waits.
                let Some(at) = self.find(slot) else { continue };
                let Some((question, reach)) = self.instances[at].question(now) else { continue };
                // This question becomes due later than earlier ones, so the earliest wake-up time stays.
                self.resend_at =
                    self.resend_at.or_else(|| self.setup.config.timeouts.resend.map(|d| now.after(d)));
                return Some(match question {
                    Question::Accept(accept) => (Proposal::Accept(accept), reach),
                    Question::Prepare(prepare) => {
                        // §2.5 again: the ballot is on disk before the first message of the round leaves.
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

    /// An elected leader leads from its campaign on. A self-appointed leader has no claim to later slots. It counts as
    /// leading only once an instance of its round was decided, so its waiting times grow until then.
    fn leading(&self) -> Option<Ballot> {
        (self.open && (self.proven || self.is_elected())).then_some(self.base)
    }

    fn waits_for(&self, limit: Slot) -> bool {
        self.next >= limit || !self.queue.is_empty()
    }

    fn is_idle(&self) -> bool {
        !self.open
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
        // These slots get a higher ballot when begun again, because no instance is begun before the next campaign.
        self.hold();
        self.next = Slot(0);
        let mut own: Vec<One<V>> = self.instances.drain(..).filter_map(|instance| instance.own).collect();
        own.extend(self.queue.drain());
        // No command is under way or waiting any more.
        self.queue = Queue::default();
        own.iter().map(|own| own.batch().clone()).collect()
    }
}
