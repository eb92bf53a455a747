//! All processes restart together: they know at once what was chosen and do not propose it again, except for the last
//! slots.

use crate::sim::support::{Basic, Fast, MS, Machine, Multi, sim};
use core::time::Duration;
use paxos_core::{
    Config, Consistency, Kind, Leadership, Learning, Limits, Node, NodeId, Protocol, Slot, Time,
};
use paxos_transport::sim::{Cut, Delay, Disk, Fault, Links, Sim, Stop, World};

const COMMANDS: u64 = 400;

fn all_start_again<P: Protocol<Value = u64, Reply = (u64, u64)>>() {
    for seed in 0..20 {
        let mut config = Config::collapsed(3).expect("lawful");
        let snapshot = if seed % 2 == 1 { 50 } else { 0 };
        config.limits = Limits { batch: 1, snapshot, ..config.limits };
        let mut world = World::<P>::new(config, P::Options::default(), seed);
        world.links = Links::new(Delay::Uniform { low: MS, high: 2 * MS });
        world.disk = Disk::with_sync(Delay::Uniform { low: MS / 2, high: MS });
        world.limit.time *= 10;
        let client = world.add_clients(1)[0];
        let mut sim = sim(world);
        sim.submit_in_turn(client, 1, 0..COMMANDS);
        let stop = sim.run_until(Sim::all_answered).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(stop, Stop::Done, "{} {seed}", P::NAME);
        let all: Vec<NodeId> = (0..3).map(NodeId).collect();
        for fault in [Fault::Crash, Fault::Restart] {
            for id in &all {
                sim.fail(fault(*id));
            }
        }
        for id in all {
            let known = sim.node(id).expect("a server").chosen().first_unknown();
            assert!(known > Slot(COMMANDS - 80), "{} {seed}: {id} knows all below {known}", P::NAME);
        }
        sim.reset_counts();
        let last = sim.submit(client, COMMANDS).expect("it is up");
        let answered = |sim: &Sim<P, _>| sim.command(last).is_some_and(|command| command.answer.is_some());
        let stop = sim.run_until(answered).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(stop, Stop::Done, "{} {seed}", P::NAME);
        let proposed = sim.counts().of(Kind::Accept);
        assert!(proposed < 3 * 80, "{} {seed}: {proposed} proposals", P::NAME);
    }
}

/// The slots that a process knows if it starts from these records alone.
fn known_from<P: Protocol>(node: &Node<P>, records: &[P::Record]) -> Slot {
    Node::<P>::restore(node.setup().clone(), Time(0), 9, records).chosen().first_unknown()
}

/// n2 was down, and then caught up: it has voted for some of what it knows, and for the rest it has not. All of that is on its disk
/// after a while in which nothing is chosen, and at once if its driver asks for it. If all other disks are lost, this one has what n2 has
/// answered reads with.
fn what_is_known_is_on_disk<P: Protocol<Value = u64, Reply = (u64, u64)>>(leadership: Option<Leadership>) {
    for seed in 0..20 {
        let what = format!("{} {leadership:?} {seed}", P::NAME);
        let mut config = Config::collapsed(3).expect("lawful");
        config.leadership = leadership.unwrap_or(config.leadership);
        config.limits.snapshot = 0;
        let mut world = World::<P>::new(config, P::Options::default(), seed);
        world.links = Links::new(Delay::Uniform { low: MS, high: 2 * MS });
        world.disk = Disk::with_sync(Delay::Uniform { low: MS / 2, high: MS });
        let client = world.add_clients(1)[0];
        let n2 = NodeId(2);
        let mut sim = sim(world);
        sim.fail(Fault::Crash(n2));
        sim.submit_in_turn(client, 1, 0..15);
        runs_until(&mut sim, seed, Sim::all_answered);
        sim.fail(Fault::Restart(n2));
        sim.submit_in_turn(client, 1, 15..25);
        runs_until(&mut sim, seed, |sim| {
            let known = |id| sim.node(NodeId(id)).map(|node| node.chosen().first_unknown());
            let written = sim.node(NodeId(2)).is_some_and(|node| node.status().disk.writes == 0);
            sim.all_answered() && written && known(2) >= known(0)
        });
        let node = sim.node(n2).expect("a server");
        let known = node.chosen().first_unknown();
        assert!(known >= Slot(25), "{what}: {known}");
        // At once, if it is to stop.
        let (mut stopped, mut disk) = (node.clone(), sim.disk(n2).to_vec());
        stopped.write_known();
        while let Some(write) = stopped.ready().append() {
            disk.extend_from_slice(write.records());
            stopped.durable(write.durable());
        }
        assert_eq!(known_from(node, &disk), known, "{what}: stopped");
        // Or after a while.
        sim.run_for(Duration::from_secs(3)).unwrap_or_else(|violation| panic!("{violation}"));
        let node = sim.node(n2).expect("a server");
        let known = node.chosen().first_unknown();
        assert_eq!(known_from(node, sim.disk(n2)), known, "{what}: idle");
        assert_eq!(node.status().durable, known, "{what}");
        // Then the disk rests.
        let written = sim.disk(n2).len();
        sim.run_for(Duration::from_secs(3)).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(sim.disk(n2).len(), written, "{what}");
    }
}

#[test]
fn what_a_process_knows_is_on_its_disk_when_nothing_happens_and_when_it_stops() {
    what_is_known_is_on_disk::<Multi>(None);
    what_is_known_is_on_disk::<Fast>(None);
    what_is_known_is_on_disk::<Basic>(None);
    what_is_known_is_on_disk::<Basic>(Some(Leadership::SelfAppointed { backoff: Some((5 * MS, 40 * MS)) }));
}

/// Runs until the condition holds.
fn runs_until<P: Protocol<Value = u64, Reply = (u64, u64)>>(
    sim: &mut Sim<P, Machine>,
    seed: u64,
    holds: fn(&Sim<P, Machine>) -> bool,
) {
    let stop = sim.run_until(holds).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(stop, Stop::Done, "{} {seed}", P::NAME);
}

/// A cluster of `proposers` processes that only propose, three acceptors and two learners. A client has nine commands.
fn with_learners_apart<P: Protocol<Value = u64, Reply = (u64, u64)>>(
    proposers: u16,
    leadership: Option<Leadership>,
    seed: u64,
) -> Sim<P, Machine> {
    let mut config = Config::separate(proposers, 3, 2).expect("lawful");
    config.learning = Learning::Everyone;
    config.leadership = leadership.unwrap_or(config.leadership);
    let mut world = World::<P>::new(config, P::Options::default(), seed);
    world.links = Links::new(Delay::Uniform { low: MS, high: 2 * MS });
    let client = world.add_clients(1)[0];
    let mut sim = sim(world);
    sim.submit_in_turn(client, 1, 0..9);
    runs_until(&mut sim, seed, Sim::all_answered);
    sim.run_for(300 * MS).expect("nothing breaks");
    sim
}

/// The learners restart, and have written down nothing of what is chosen, with the first `leaders` of the proposers.
/// Nobody has a command. The other proposers are the only ones that know how far the learners were. Found by the soak.
fn learners_forget_together<P: Protocol<Value = u64, Reply = (u64, u64)>>(
    proposers: u16,
    leaders: u16,
    leadership: Option<Leadership>,
) {
    for seed in 0..20 {
        let mut sim = with_learners_apart::<P>(proposers, leadership, seed);
        let learners = [NodeId(proposers + 3), NodeId(proposers + 4)];
        for fault in [Fault::Crash, Fault::Restart] {
            for id in (0..leaders).map(NodeId).chain(learners) {
                sim.fail(fault(id));
            }
        }
        for (learner, way) in learners.into_iter().zip([Consistency::Quorum, Consistency::Confirmed]) {
            sim.read(learner, way).expect("it is up");
        }
        runs_until(&mut sim, seed, |sim| sim.reads().iter().all(|read| read.seen.is_some()));
    }
}

const RIVALS: Option<Leadership> = Some(Leadership::SelfAppointed { backoff: None });

#[test]
fn what_all_learners_have_forgotten_is_learned_again() {
    learners_forget_together::<Basic>(1, 0, RIVALS);
    learners_forget_together::<Basic>(1, 0, None);
    learners_forget_together::<Multi>(1, 0, None);
    learners_forget_together::<Fast>(1, 0, None);
}

#[test]
fn what_all_learners_and_the_leader_have_forgotten_is_learned_again() {
    learners_forget_together::<Basic>(2, 1, None);
    learners_forget_together::<Multi>(2, 1, None);
    learners_forget_together::<Fast>(2, 1, None);
}

/// Where leaders appoint themselves, that takes a command (`Consistency::Quorum`).
#[test]
fn what_everybody_but_the_acceptors_has_forgotten_is_learned_again() {
    learners_forget_together::<Basic>(1, 1, None);
    learners_forget_together::<Multi>(1, 1, None);
    learners_forget_together::<Fast>(1, 1, None);
}

/// A learner does not reach the others, while a client sends commands. Another learner knows what it misses: the leader
/// need not begin ballots for it again and again. Found by a review.
fn a_learner_is_cut_off<P: Protocol<Value = u64, Reply = (u64, u64)>>(hears_the_other: bool) {
    for seed in 0..10 {
        let mut sim = with_learners_apart::<P>(1, None, seed);
        let (acceptors, other, cut_off) = ([1, 2, 3].map(NodeId), NodeId(4), NodeId(5));
        let start = sim.now();
        let end = start.after(4000 * MS);
        let between = |from: Vec<NodeId>, to, both_ways| Cut { from, to, both_ways, start, end };
        sim.links_mut().cuts.push(between(acceptors.to_vec(), vec![cut_off], true));
        sim.links_mut().cuts.push(between(vec![cut_off], vec![other], !hears_the_other));
        let client = NodeId(6);
        for k in 9..209 {
            sim.submit_at(start.after(20 * MS * (k as u32 - 9)), client, k);
        }
        sim.reset_counts();
        sim.run_for(4000 * MS).expect("nothing breaks");
        let asked = sim.counts().of(Kind::Prepare);
        assert!(asked <= 3 * 7, "{} {seed}: {asked} questions of phase 1", P::NAME);
        sim.links_mut().cuts.clear();
        runs_until(&mut sim, seed, |sim| {
            let known = |id| sim.node(NodeId(id)).map(|node| node.chosen().first_unknown());
            sim.all_answered() && known(4) == known(5)
        });
    }
}

#[test]
fn a_learner_that_is_cut_off_does_not_keep_the_leader_from_its_work() {
    for hears_the_other in [false, true] {
        a_learner_is_cut_off::<Multi>(hears_the_other);
        a_learner_is_cut_off::<Fast>(hears_the_other);
    }
}

#[test]
fn what_was_chosen_is_not_proposed_again_when_all_start_again() {
    all_start_again::<Multi>();
    all_start_again::<Basic>();
    all_start_again::<Fast>();
}

/// A leader proposes again what acceptors report, as far as α allows, while a batch lingers. It waits for the disk, and does
/// not wake at once again and again. Found by the soak.
fn a_batch_lingers_behind_what_is_proposed_again<P: Protocol<Value = u64, Reply = (u64, u64)>>() {
    for leadership in [None, RIVALS] {
        let mut config = Config::collapsed(1).expect("lawful");
        config.leadership = leadership.unwrap_or(config.leadership);
        config.timeouts.linger = Some(MS);
        config.limits = Limits { batch: 1, alpha: 4, ..config.limits };
        let mut world = World::<P>::new(config, P::Options::default(), 1);
        world.disk = Disk::with_sync(Delay::Constant(5 * MS));
        world.limit.events = 10_000;
        let client = world.add_clients(1)[0];
        let mut sim = sim(world);
        sim.submit_in_turn(client, 2, 0..12);
        runs_until(&mut sim, 1, Sim::all_answered);
        for fault in [Fault::Crash, Fault::Restart] {
            sim.fail(fault(NodeId(0)));
        }
        sim.submit(client, 12).expect("it is up");
        runs_until(&mut sim, 1, Sim::all_answered);
    }
}

#[test]
fn a_batch_that_lingers_does_not_keep_its_leader_awake() {
    a_batch_lingers_behind_what_is_proposed_again::<Multi>();
    a_batch_lingers_behind_what_is_proposed_again::<Fast>();
    a_batch_lingers_behind_what_is_proposed_again::<Basic>();
}
