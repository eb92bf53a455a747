//! The faults of a churn: cuts, crashes, pauses and reads during each change.

use super::*;

/// The faults during one change.
pub(super) struct Weather {
    pub(super) chance: Chance,
    pub(super) clients: Vec<NodeId>,
    /// The last command that a server submitted itself.
    pub(super) extra: u64,
    /// For each leading process, its ballot, and the first slot of the epoch in which it was first seen with that
    /// ballot.
    pub(super) led: BTreeMap<NodeId, (Ballot, Slot)>,
}

impl Weather {
    /// Runs until `done`, or until a time limit. Checks that no ballot leads in two epochs, because a phase 1 is valid
    /// for the acceptors of one epoch. In Basic Paxos each slot has a phase 1 of its own.
    pub(super) fn run<P: Protocol<Value = u64, Reply = u64>>(
        &mut self,
        sim: &mut Sim<P, Journal>,
        done: impl Fn(&Sim<P, Journal>) -> bool,
    ) -> Stop {
        let led = &mut self.led;
        let slot_by_slot = P::NAME == BasicPaxos::<u64, u64>::NAME;
        let stop = sim.run_until(|sim| {
            for id in sim.ids().iter().filter(|_| !slot_by_slot) {
                let Some(node) = sim.node(*id).filter(|_| sim.is_up(*id)) else { continue };
                let (Some(ballot), Some(epochs)) = (node.leading(), node.chosen().epochs()) else { continue };
                let (from, seed) = (epochs.current().from, sim.world().seed);
                let before = led.insert(*id, (ballot, from));
                let other = before.filter(|before| before.0 == ballot && before.1 != from);
                assert_eq!(other, None, "seed {seed}: {id} leads with {ballot} in the epoch from {from} on");
            }
            done(sim)
        });
        stop.unwrap_or_else(|breach| panic!("{breach}"))
    }

    /// Runs until `done`, but at most until the first event after `time`.
    pub(super) fn run_within<P: Protocol<Value = u64, Reply = u64>>(
        &mut self,
        sim: &mut Sim<P, Journal>,
        time: Duration,
        done: impl Fn(&Sim<P, Journal>) -> bool,
    ) {
        let end = sim.now().after(time);
        self.run(sim, |sim| done(sim) || sim.now() > end);
    }

    /// Picks the leader most of the time, else any member.
    pub(super) fn victim<P: Protocol<Value = u64, Reply = u64>>(&mut self, sim: &Sim<P, Journal>) -> NodeId {
        let all: Vec<NodeId> = members(sim).iter().collect();
        let any = all[self.chance.below(all.len() as u64) as usize];
        if self.chance.hits(0.6) { sim.leader().unwrap_or(any) } else { any }
    }

    /// Schedules a short fault that begins soon.
    pub(super) fn strike<P: Protocol<Value = u64, Reply = u64>>(&mut self, sim: &mut Sim<P, Journal>) {
        let victim = self.victim(sim);
        let start = sim.now().after(ms(self.chance.below(40)));
        let end = start.after(ms(30 + self.chance.below(900)));
        match self.chance.below(6) {
            0 if sim.is_up(victim) => {
                sim.fail_at(start, Fault::Crash(victim));
                sim.fail_at(end, Fault::Restart(victim));
            }
            1 if sim.is_up(victim) => {
                sim.fail_at(start, Fault::Pause(victim));
                sim.fail_at(end, Fault::Resume(victim));
            }
            2 => {
                let (from, to) = sim.ids().iter().partition(|_| self.chance.hits(0.5));
                sim.links_mut().cuts.push(Cut { from, to, both_ways: self.chance.hits(0.5), start, end });
            }
            // The victim is cut off, alone or together with a client.
            _ => {
                let friend = self.clients[self.chance.below(2) as usize];
                let with_friend = self.chance.hits(0.3);
                let inside = |id: &NodeId| *id == victim || with_friend && *id == friend;
                let (from, to) = sim.ids().iter().partition(|id| inside(id));
                sim.links_mut().cuts.push(Cut { from, to, both_ways: self.chance.hits(0.8), start, end });
            }
        }
    }

    /// The leader learns of `change`, proposes in all slots before the change is in force, and is then paused, with its
    /// clock stopped. Its friend is paused as well. The third learns from votes what was chosen in these slots, and
    /// continues with the new members. None if there is no such leader, or if it does not learn in time.
    pub(super) fn lull<P: Protocol<Value = u64, Reply = u64>>(
        &mut self,
        sim: &mut Sim<P, Journal>,
        change: Change,
        then: NodeSet,
    ) -> Option<Sleeper> {
        let leader = sim.leader().filter(|leader| founders().contains(*leader) && sim.is_up(*leader))?;
        sim.force_change(leader, change).ok()?;
        let knows = |sim: &Sim<P, Journal>| {
            let epochs = sim.node(leader).and_then(|node| node.chosen().epochs());
            epochs.is_some_and(|epochs| epochs.last().members.acceptors == then)
        };
        self.run_within(sim, ms(100), knows);
        if !knows(sim) {
            return None;
        }
        for _ in 0..sim.world().config.limits.alpha {
            self.extra += 1;
            _ = sim.submit(leader, self.extra);
        }
        let mut others: Vec<NodeId> = founders().without(NodeSet::only(leader)).iter().collect();
        if self.chance.hits(0.5) {
            others.reverse();
        }
        let sleeper = Sleeper { leader, friend: others[0], third: others[1] };
        let asleep = [leader, sleeper.friend];
        let rest = sim.ids().iter().copied().filter(|id| !asleep.contains(id)).collect();
        let (start, end) = (sim.now(), Time(u64::MAX));
        sim.links_mut().cuts.push(Cut { from: rest, to: asleep.to_vec(), both_ways: false, start, end });
        let to = vec![leader];
        sim.links_mut().cuts.push(Cut { from: vec![sleeper.friend], to, both_ways: true, start, end });
        let moved = |sim: &Sim<P, Journal>| {
            let epochs = sim.node(sleeper.third).and_then(|node| node.chosen().epochs());
            epochs.is_some_and(|epochs| epochs.current().members.acceptors == then)
        };
        self.run_within(sim, ms(60), moved);
        sim.links_mut().cuts.pop();
        sim.links_mut().cuts.pop();
        if !moved(sim) {
            return None;
        }
        let (from, to) = (vec![sleeper.third], asleep.to_vec());
        sim.links_mut().cuts.push(Cut { from, to, both_ways: true, start, end });
        for id in asleep {
            sim.fail(Fault::Pause(id));
        }
        Some(sleeper)
    }

    /// The sleeper and its friend resume, and hear at once everything that the others sent meanwhile. They hear from
    /// the third only after a while.
    pub(super) fn wake<P: Protocol<Value = u64, Reply = u64>>(
        &mut self,
        sim: &mut Sim<P, Journal>,
        sleeper: &Sleeper,
    ) {
        let Sleeper { leader, friend, third } = *sleeper;
        let start = sim.now();
        let end = start.after(ms(20 + self.chance.below(400)));
        // Earlier cuts are over.
        sim.links_mut().cuts.clear();
        sim.links_mut().cuts.push(Cut {
            from: vec![leader, friend],
            to: vec![third],
            both_ways: true,
            start,
            end,
        });
        for id in [friend, leader] {
            sim.fail(Fault::Resume(id));
        }
        for _ in 0..4 {
            self.extra += 1;
            _ = sim.submit(leader, self.extra);
        }
        for _ in 0..10 {
            let at = start.after(ms(self.chance.below(200)));
            let reader = if self.chance.hits(0.5) { leader } else { friend };
            sim.read_at(at, reader, Consistency::Confirmed);
        }
    }

    /// Lets some of these processes read soon.
    pub(super) fn read<P: Protocol<Value = u64, Reply = u64>>(
        &mut self,
        sim: &mut Sim<P, Journal>,
        readers: NodeSet,
    ) {
        const WAYS: [Consistency; 3] = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];
        let readers: Vec<NodeId> = readers.iter().collect();
        for _ in 0..8 {
            let at = sim.now().after(ms(self.chance.below(600)));
            let reader = readers[self.chance.below(readers.len() as u64) as usize];
            sim.read_at(at, reader, WAYS[self.chance.below(3) as usize]);
        }
    }
}

/// A leader that hears nothing while a pair joins and leaves, with the two other lasting members.
pub(super) struct Sleeper {
    pub(super) leader: NodeId,
    pub(super) friend: NodeId,
    pub(super) third: NodeId,
}
