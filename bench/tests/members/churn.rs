//! Three members stay, and twelve spares come and go in pairs, so that the same set of members recurs in other epochs.
//! Meanwhile processes (mostly leaders) are cut off, crash and pause, and learners may be read, in three ways. Some
//! leaders sleep: they learn that a pair joins, hear nothing until it has left again, and then hear everything at once,
//! from a process that has not heard of a new leader either.

use super::{Journal, first, follow, members, ms, number, state};
use basic_paxos::BasicPaxos;
use fast_paxos::{FastPaxos, Options, Recovery};
use multi_paxos::MultiPaxos;
use paxos_core::{
    Ballot, Change, Config, Consistency, Leadership, Learning, Limits, Membership, NodeId, NodeSet, Protocol,
    Slot, Time, Weighted,
};
use paxos_transport::sim::{Chance, Cut, Delay, Disk, Fault, Links, Sim, Stop, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The number of processes that may join, n3 to n14.
const SPARES: u16 = 12;
/// The number of commands of each of the two clients.
const COMMANDS: u64 = 60;

/// The members that the cluster begins with.
fn founders() -> NodeSet {
    NodeSet::first(3)
}

/// For a long test, `CHURN=100000 cargo test --release -p paxos-bench --test members churn`; `FIRST=398` begins there.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    first()..number("CHURN").unwrap_or(usual)
}

fn world<P: Protocol>(options: P::Options, seed: u64) -> World<P> {
    let mut chance = Chance::new(seed, 20);
    let mut config = Config::collapsed(3).expect("three acceptors");
    config.spares = NodeSet::first(3 + SPARES).without(founders());
    let alpha = 4 << chance.below(3);
    let snapshot = if chance.hits(0.5) { 1 + chance.below(12) } else { 0 };
    config.limits = Limits {
        window: 8,
        alpha,
        batch: if chance.hits(0.3) { 1 + chance.below(4) as usize } else { 64 },
        snapshot,
        chunk: 200,
        ..Limits::default()
    };
    if chance.hits(0.5) {
        config.learning = Learning::Everyone;
    }
    config.timeouts.lease = chance.hits(0.4).then(|| ms(80));
    let mut world = World::new(config, options, seed);
    let loss = if chance.hits(0.5) { 0.03 } else { 0.0 };
    world.links = Links::lossy(ms(1), ms(5), loss, loss);
    if chance.hits(0.3) {
        world.links.delay = Delay::Tailed { low: ms(1), high: ms(5), late: 20, latest: ms(200) };
    }
    // In half of the runs disks take time, and stall now and then for longer than an election.
    if chance.hits(0.5) {
        world.disk = Disk::with_sync(Delay::Tailed { low: ms(0), high: ms(3), late: 10, latest: ms(400) });
    }
    world.limit.time = Duration::from_secs(120);
    world.limit.events = 10_000_000;
    world.add_clients(2);
    world
}

/// The faults during one change.
struct Weather {
    chance: Chance,
    clients: Vec<NodeId>,
    /// The last command that a server submitted itself.
    extra: u64,
    /// For each leading process, its ballot, and the first slot of the epoch in which it was first seen with that
    /// ballot.
    led: BTreeMap<NodeId, (Ballot, Slot)>,
}

impl Weather {
    /// Runs until `done`, or until a time limit. Checks that no ballot leads in two epochs, because a phase 1 is valid
    /// for the acceptors of one epoch. In Basic Paxos each slot has a phase 1 of its own.
    fn run<P: Protocol<Value = u64, Reply = u64>>(
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
    fn run_within<P: Protocol<Value = u64, Reply = u64>>(
        &mut self,
        sim: &mut Sim<P, Journal>,
        time: Duration,
        done: impl Fn(&Sim<P, Journal>) -> bool,
    ) {
        let end = sim.now().after(time);
        self.run(sim, |sim| done(sim) || sim.now() > end);
    }

    /// Picks the leader most of the time, else any member.
    fn victim<P: Protocol<Value = u64, Reply = u64>>(&mut self, sim: &Sim<P, Journal>) -> NodeId {
        let all: Vec<NodeId> = members(sim).iter().collect();
        let any = all[self.chance.below(all.len() as u64) as usize];
        if self.chance.hits(0.6) { sim.leader().unwrap_or(any) } else { any }
    }

    /// Schedules a short fault that begins soon.
    fn strike<P: Protocol<Value = u64, Reply = u64>>(&mut self, sim: &mut Sim<P, Journal>) {
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
    fn lull<P: Protocol<Value = u64, Reply = u64>>(
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
    fn wake<P: Protocol<Value = u64, Reply = u64>>(&mut self, sim: &mut Sim<P, Journal>, sleeper: &Sleeper) {
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
    fn read<P: Protocol<Value = u64, Reply = u64>>(&mut self, sim: &mut Sim<P, Journal>, readers: NodeSet) {
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
struct Sleeper {
    leader: NodeId,
    friend: NodeId,
    third: NodeId,
}

/// Changes in which this many pairs of spares join and leave, one after the other.
fn changes(pairs: u16) -> impl Iterator<Item = (NodeSet, Change)> {
    (0..pairs).flat_map(|pair| {
        let two: NodeSet = [3 + 2 * pair, 4 + 2 * pair].map(NodeId).into_iter().collect();
        let add = Membership { proposers: two, acceptors: two, learners: two };
        let none = Membership::default();
        [(two, Change { add, remove: NodeSet::EMPTY }), (two, Change { add: none, remove: two })]
    })
}

/// Makes each change during faults. Then everything must be answered, and executed once. Removed members are switched
/// off as soon as enough of the others know, or keep running.
fn churn<P: Protocol<Value = u64, Reply = u64>>(
    world: World<P>,
    changes: impl IntoIterator<Item = (NodeSet, Change)>,
    switch_off: bool,
) {
    let (seed, clients) = (world.seed, world.clients.clone());
    let mut weather = Weather {
        chance: Chance::new(seed, 21),
        clients: clients.clone(),
        extra: 9999,
        led: BTreeMap::new(),
    };
    let mut sim = Sim::new(world, |_| Journal::default());
    for (at, client) in clients.iter().enumerate() {
        for k in 0..COMMANDS {
            let soon = Time(0).after(ms(weather.chance.below(4000)));
            sim.submit_at(soon, *client, at as u64 * 1000 + k);
        }
    }
    let mut expected = founders();
    let mut sleeper: Option<Sleeper> = None;
    for (step, (moving, change)) in changes.into_iter().enumerate() {
        expected = expected.without(change.remove).union(change.add.acceptors);
        weather.read(&mut sim, expected.union(moving));
        let everyone = sim.world().config.learning == Learning::Everyone;
        if everyone && !change.add.acceptors.is_empty() && weather.chance.hits(0.5) {
            sleeper = weather.lull(&mut sim, change, expected);
        }
        if sleeper.is_none() && weather.chance.hits(0.7) {
            weather.strike(&mut sim);
        }
        let mut tries = 0;
        while members(&sim) != expected {
            // Any member that is up may be asked, repeatedly: asking twice changes nothing.
            let up: Vec<NodeId> = members(&sim).iter().filter(|id| sim.is_up(*id)).collect();
            let asleep = |id| sleeper.as_ref().is_some_and(|s| id == s.leader || id == s.friend);
            let up: Vec<NodeId> = up.into_iter().filter(|id| !asleep(*id)).collect();
            if !up.is_empty() {
                let asked = up[weather.chance.below(up.len() as u64) as usize];
                // A process that already has too many open changes refuses.
                _ = sim.force_change(asked, change);
            }
            tries += 1;
            if tries == 5
                && let Some(sleeper) = sleeper.take()
            {
                weather.wake(&mut sim, &sleeper);
            }
            assert!(tries < 60, "seed {seed}, step {step}: {change}\n{}", state(&sim));
            weather.run_within(&mut sim, ms(300), |sim| members(sim) == expected);
        }
        if let Some(sleeper) = sleeper.take_if(|_| !change.remove.is_empty()) {
            weather.wake(&mut sim, &sleeper);
        }
        if switch_off && !change.remove.is_empty() {
            let stop = weather.run(&mut sim, |sim| follow(sim, expected));
            assert_eq!(stop, Stop::Done, "seed {seed}, step {step}: {change}\n{}", state(&sim));
            change.remove.iter().for_each(|id| sim.fail(Fault::Crash(id)));
        }
        let rest = weather.chance.below(200);
        weather.run_within(&mut sim, ms(rest), |_| false);
    }
    let done = |sim: &Sim<P, Journal>| {
        let of_clients = sim.commands().iter().filter(|c| clients.contains(&c.id.client.node));
        of_clients.filter(|c| c.is_settled()).count() as u64 == 2 * COMMANDS
    };
    let stop = weather.run(&mut sim, done);
    assert_eq!(stop, Stop::Done, "seed {seed}\n{}", state(&sim));
    weather.run_within(&mut sim, ms(1500), |_| false);
    let all: Vec<u64> = (0..COMMANDS).chain(1000..1000 + COMMANDS).collect();
    for member in expected.iter() {
        let mut journal = sim.machine(member).expect("a member").0.clone();
        journal.sort_unstable();
        assert!(journal.is_sorted_by(|a, b| a < b), "seed {seed}, {member}: executed twice, {journal:?}");
        journal.retain(|command| *command < 9999);
        assert_eq!(journal, all, "seed {seed}, {member}\n{}", state(&sim));
    }
}

fn pairs<P: Protocol<Value = u64, Reply = u64>>(world: World<P>) {
    let switch_off = Chance::new(world.seed, 22).hits(0.3);
    churn(world, changes(SPARES / 2), switch_off);
}

#[test]
fn multi_paxos_survives_churn() {
    seeds(40).for_each(|seed| pairs::<MultiPaxos<u64, u64>>(world((), seed)));
}

fn fast(recovery: Recovery, usual: u64) {
    let options = Options { recovery, ..Options::default() };
    seeds(usual).for_each(|seed| pairs::<FastPaxos<u64, u64>>(world(options, seed)));
}

#[test]
fn fast_paxos_survives_churn() {
    fast(Recovery::Coordinated, 80);
}

#[test]
fn fast_paxos_survives_churn_when_acceptors_recover_by_themselves() {
    fast(Recovery::Uncoordinated, 80);
}

#[test]
fn fast_paxos_survives_churn_when_it_recovers_in_classic_ballots() {
    fast(Recovery::Classic, 80);
}

#[test]
fn simple_paxos_survives_churn() {
    let options = basic_paxos::Options::default();
    seeds(30).for_each(|seed| pairs::<BasicPaxos<u64, u64>>(world(options, seed)));
}

#[test]
fn basic_paxos_survives_churn() {
    let options = basic_paxos::Options::default();
    for seed in seeds(30) {
        let mut world = world(options, seed);
        let config = Arc::make_mut(&mut world.config);
        config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        pairs::<BasicPaxos<u64, u64>>(world);
    }
}

/// Quorums by weight have fixed places: two members at a time, and at last all of them, are replaced one for one.
/// Higher ids come first, so that the order of ids differs from that of the places.
#[test]
fn quorums_by_weight_survive_churn() {
    for seed in seeds(30) {
        let mut world = world::<MultiPaxos<u64, u64>>((), seed);
        let quorums = Weighted::majority(founders(), &[2, 1, 1]).expect("lawful");
        Arc::make_mut(&mut world.config).quorums = Arc::new(quorums);
        let steps = (0..SPARES).map(|step| {
            let old = if step < 3 { step } else { 3 + SPARES - (step - 2) };
            let (old, new) = (NodeId(old), NodeId(2 + SPARES - step));
            (NodeSet::only(new), Change::replace(old, new))
        });
        // The clients do not learn, and find new members through the former ones.
        churn(world, steps, false);
    }
}
