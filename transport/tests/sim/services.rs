//! Mistakes in services of one's own, and what finds each: the table in docs/simulate-your-service.md.

use multi_paxos::MultiPaxos;
use paxos_core::{Config, Consistency, NodeId, RestoreError, Slot, StateMachine, Time};
use paxos_transport::linearize::{Verdict, check};
use paxos_transport::sim::{Chance, Faults, Links, Sim, Stop, Violation, World};
use std::time::Duration;

const END: Duration = Duration::from_secs(1);
const MEMORY: usize = 64 << 20;

/// Adds up to a hundred, and no further.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Tank(u64);

impl StateMachine for Tank {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, add: &u64) -> u64 {
        if self.0 + add <= 100 {
            self.0 += add;
        }
        self.0
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.0 =
            u64::from_le_bytes(state.try_into().map_err(|_| RestoreError::Machine("eight bytes".into()))?);
        Ok(())
    }
}

/// What is wrong with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// Its replies depend on the process that executes.
    NotDeterministic,
    /// It does not take over all of a state.
    Forgets,
    /// It refuses what it should take.
    WrongLogic,
}

#[derive(Debug)]
struct Service {
    tank: Tank,
    id: NodeId,
    mistake: Mistake,
}

impl StateMachine for Service {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, slot: Slot, add: &u64) -> u64 {
        match self.mistake {
            Mistake::NotDeterministic => self.tank.apply(slot, add) + u64::from(self.id.0),
            Mistake::WrongLogic if self.tank.0 + add == 100 => self.tank.0,
            Mistake::WrongLogic | Mistake::None | Mistake::Forgets => self.tank.apply(slot, add),
        }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        self.tank.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.tank.restore(state)?;
        if self.mistake == Mistake::Forgets {
            self.tank.0 /= 2;
        }
        Ok(())
    }
}

type Run = Sim<MultiPaxos<u64, u64>, Service>;

fn run(seed: u64, mistake: Mistake) -> Result<Run, Violation> {
    let mut config = Config::collapsed(3).expect("servers");
    config.limits.snapshot = 4;
    let mut world = World::new(config, (), seed);
    world.links = Links::lossy(Duration::from_millis(1), Duration::from_millis(5), 0.05, 0.05);
    world.links.reliable_from = Some(Time(0).after(END));
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    let mut asked = world.add_clients(2);
    // What a server asks for has an unknown outcome when it crashes.
    asked.extend(world.config.servers().iter());
    let mut sim = Sim::new(world, move |id| Service { tank: Tank::default(), id, mistake });
    let mut chance = Chance::new(seed, 10);
    for nth in 0..30 {
        let client = asked[chance.below(asked.len() as u64) as usize];
        sim.run_for(Duration::from_millis(40))?;
        // A server may be down.
        _ = sim.submit(client, 1 + chance.below(8));
        let server = NodeId((nth % 3) as u16);
        _ = sim.query(server, Consistency::Quorum, 0, |service| service.tank.0);
    }
    let stop = sim.run_until(Sim::all_answered)?;
    assert_eq!(stop, Stop::Done, "seed {seed}");
    Ok(sim)
}

fn verdict(sim: &Run) -> Verdict {
    check(&Tank::default(), &sim.history(), MEMORY)
}

/// The names of the invariants that find it, over so many seeds.
fn breaches(seeds: u64, mistake: Mistake) -> Vec<&'static str> {
    let mut names: Vec<_> =
        (0..seeds).filter_map(|seed| run(seed, mistake).err().map(|found| found.invariant)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn a_service_without_a_mistake_is_linearizable_also_with_unknown_outcomes() {
    let mut unknown = 0;
    for seed in 0..100 {
        let sim = run(seed, Mistake::None).unwrap_or_else(|violation| panic!("{violation}"));
        let history = sim.history();
        unknown += history.iter().filter(|operation| operation.ended.is_none()).count();
        assert_eq!(verdict(&sim), Verdict::Linearizable, "seed {seed}");
        assert!(history.is_sorted_by_key(|operation| operation.begun));
        let queries = history.iter().filter(|operation| operation.deed.command == 0);
        assert!(queries.count() > 5, "seed {seed}");
    }
    assert!(unknown > 0, "no server crashed while it waited");
}

#[test]
fn a_service_that_depends_on_its_process_breaks_an_invariant() {
    assert_eq!(breaches(20, Mistake::NotDeterministic), ["replicas_are_equal"]);
}

#[test]
fn a_service_that_forgets_breaks_an_invariant() {
    let found = breaches(100, Mistake::Forgets);
    let expected = ["replicas_are_equal", "snapshots_tell_the_truth"];
    assert!(!found.is_empty() && found.iter().all(|name| expected.contains(name)), "{found:?}");
}

#[test]
fn a_mistake_in_the_logic_is_found_by_a_model_of_its_own() {
    let wrong = |seed: &u64| {
        let sim = run(*seed, Mistake::WrongLogic).unwrap_or_else(|violation| panic!("{violation}"));
        matches!(verdict(&sim), Verdict::NotLinearizable(_))
    };
    assert!((0..100).any(|seed| wrong(&seed)));
}
