//! All processes restart together: they know at once what was chosen and do not propose it again, except for the last
//! slots.

use crate::sim::support::{Basic, Fast, MS, Multi, sim};
use paxos_core::{Config, Consistency, Kind, Leadership, Learning, Limits, NodeId, Protocol, Slot};
use paxos_transport::sim::{Delay, Disk, Fault, Links, Sim, Stop, World};

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

/// The learners restart, and have written down nothing of what is chosen. A proposer that does not learn
/// is the only one that knows how far they were. Nobody has a command. Found by the soak.
fn learners_forget_in_turn<P: Protocol<Value = u64, Reply = (u64, u64)>>(leadership: Option<Leadership>) {
    for seed in 0..20 {
        let mut config = Config::separate(1, 3, 2).expect("lawful");
        config.learning = Learning::Everyone;
        config.leadership = leadership.unwrap_or(config.leadership);
        let mut world = World::<P>::new(config, P::Options::default(), seed);
        world.links = Links::new(Delay::Uniform { low: MS, high: 2 * MS });
        let client = world.add_clients(1)[0];
        let mut sim = sim(world);
        let done = |stop: Result<Stop, _>| match stop {
            Ok(stop) => stop == Stop::Done,
            Err(violation) => panic!("{violation}"),
        };
        sim.submit_in_turn(client, 1, 0..9);
        assert!(done(sim.run_until(Sim::all_answered)), "{} {seed}", P::NAME);
        let learners = [NodeId(4), NodeId(5)];
        sim.run_for(300 * MS).expect("nothing breaks");
        for fault in [Fault::Crash, Fault::Restart] {
            for learner in learners {
                sim.fail(fault(learner));
            }
        }
        for (learner, way) in learners.into_iter().zip([Consistency::Quorum, Consistency::Confirmed]) {
            sim.read(learner, way).expect("it is up");
        }
        let read = |sim: &Sim<P, _>| sim.reads().iter().all(|read| read.seen.is_some());
        assert!(done(sim.run_until(read)), "{} {seed}: the reads do not end", P::NAME);
    }
}

#[test]
fn what_all_learners_have_forgotten_is_learned_again() {
    learners_forget_in_turn::<Basic>(Some(Leadership::SelfAppointed { backoff: None }));
    learners_forget_in_turn::<Basic>(None);
    learners_forget_in_turn::<Multi>(None);
    learners_forget_in_turn::<Fast>(None);
}

#[test]
fn what_was_chosen_is_not_proposed_again_when_all_start_again() {
    all_start_again::<Multi>();
    all_start_again::<Basic>();
    all_start_again::<Fast>();
}
