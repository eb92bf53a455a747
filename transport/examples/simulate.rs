//! A service of your own under the simulator: a lock service with faults drawn from a seed. The invariants of Paxos are
//! checked after every event, and at the end whether what the clients saw is linearizable.
//!
//! ```text
//! cargo run -p paxos-transport --example simulate                       # 200 seeds, nothing is found
//! cargo run -p paxos-transport --example simulate -- --broken           # with a mistake: the verdict names a seed
//! cargo run -p paxos-transport --example simulate -- --broken --seed 4  # that seed again; --draw draws the run
//! ```

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_transport::linearize::{Verdict, check};
use paxos_transport::paxos_core::{Config, Consistency, NodeId, Slot, StateMachine, Time, Value};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Sim, Stop, Submitted, Violation, World};
use std::collections::BTreeMap;

type Variant = MultiPaxos<Command, Option<(u16, u64)>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Command {
    lock: u64,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Take(u16),
    Free(u16),
    Read,
}

impl Value for Command {}

/// The service: the holder of each lock, and how often it was taken. It can be cloned and compared, so it is its own
/// model: what it does alone is what clients must see.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Locks(BTreeMap<u64, (Option<u16>, u64)>);

impl Locks {
    /// The holder, with a number that is higher for each later holder.
    fn holder(&self, lock: u64) -> Option<(u16, u64)> {
        let (holder, number) = self.0.get(&lock)?;
        Some(((*holder)?, *number))
    }
}

impl StateMachine for Locks {
    type Command = Command;
    type Reply = Option<(u16, u64)>;

    fn apply(&mut self, _slot: Slot, Command { lock, what }: &Command) -> Self::Reply {
        let (holder, number) = self.0.entry(*lock).or_default();
        match what {
            What::Take(client) if holder.is_none() => (*holder, *number) = (Some(*client), *number + 1),
            What::Free(client) if *holder == Some(*client) => *holder = None,
            What::Take(_) | What::Free(_) | What::Read => {}
        }
        self.holder(*lock)
    }
}

const LOCKS: u64 = 3;
/// When faults are over.
const END: Duration = Duration::from_secs(1);
/// For one search, in bytes.
const MEMORY: usize = 256 << 20;

/// All that a run depends on, besides what clients do.
fn world(seed: u64) -> World<Variant> {
    let ms = Duration::from_millis;
    let mut world = World::new(Config::collapsed(3).expect("three servers"), (), seed);
    world.links = Links::lossy(ms(1), ms(5), 0.05, 0.05);
    world.links.reliable_from = Some(Time(0).after(END));
    // A crash tears what is being written. n2 has a slow disk.
    world.disk = Disk::with_sync(Delay::Uniform { low: ms(0), high: ms(2) });
    world.syncs.insert(NodeId(2), Delay::Constant(ms(10)));
    // A crash with a restart, a partition, and sometimes a pause.
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    world.replay = "cargo run -p paxos-transport --example simulate -- --seed".into();
    world
}

/// Clients take and free locks, and ask servers who holds one, until the faults are over and all have their answers.
fn work(sim: &mut Sim<Variant, Locks>, clients: &[NodeId], broken: bool) -> Result<Stop, Violation> {
    let (mut chance, mut last) = (Chance::new(sim.world().seed, 10), BTreeMap::new());
    while sim.now() < Time(0).after(END) {
        sim.run_for(Duration::from_millis(20))?;
        for client in clients {
            // A client waits for its answer before it asks for something else.
            if last.get(client).and_then(|id| sim.command(*id)).is_none_or(Submitted::is_settled) {
                let lock = chance.below(LOCKS);
                let what = if chance.hits(0.5) { What::Take(client.0) } else { What::Free(client.0) };
                last.insert(*client, sim.submit(*client, Command { lock, what }).expect("clients are up"));
            }
        }
        let (server, lock) = (NodeId(chance.below(3) as u16), chance.below(LOCKS));
        // The mistake: a server answers from what it has executed, and asks nobody whether that is new.
        let how = if broken { Consistency::Local } else { Consistency::Confirmed };
        let command = Command { lock, what: What::Read };
        // An error says that the server is down.
        _ = sim.query(server, how, command, move |locks| locks.holder(lock));
    }
    sim.run_until(Sim::all_answered)
}

/// One run; the number of operations that clients saw the end of, or what is wrong.
pub(crate) fn run(seed: u64, broken: bool, draw: bool) -> Result<usize, String> {
    let mut world = world(seed);
    let clients = world.add_clients(3);
    world.trace = draw;
    let mut sim = Sim::new(world, |_| Locks::default());
    let end = work(&mut sim, &clients, broken);
    if let Some(trace) = sim.trace() {
        println!("{}", trace.draw());
    }
    // The first breach of an invariant ends a run.
    let stop = end.map_err(|violation| violation.to_string())?;
    if stop != Stop::Done {
        return Err(format!("seed {seed}: some commands are never answered: {stop}"));
    }
    let history = sim.history();
    for lock in 0..LOCKS {
        // Locks have nothing to do with each other, so each is checked alone.
        let of_lock: Vec<_> = history.iter().filter(|op| op.deed.command.lock == lock).cloned().collect();
        let verdict = check(&Locks::default(), &of_lock, MEMORY);
        if let Verdict::NotLinearizable(conflict) = verdict {
            let picture = conflict.timeline(&of_lock);
            return Err(format!(
                "seed {seed}: no order explains these operations on lock {lock}:\n{picture}"
            ));
        }
        assert_eq!(verdict, Verdict::Linearizable, "seed {seed}: the search takes more than {MEMORY} bytes");
    }
    Ok(history.len())
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let seeds = match arguments.iter().skip_while(|argument| *argument != "--seed").nth(1) {
        Some(seed) => seed.parse().map(|seed| seed..seed + 1)?,
        None => 0..200,
    };
    let mut operations = 0;
    for seed in seeds.clone() {
        match run(seed, has("--broken"), has("--draw")) {
            Ok(number) => operations += number,
            Err(found) => {
                println!("{found}");
                std::process::exit(1);
            }
        }
    }
    println!("seeds {seeds:?}: {operations} operations are linearizable, and every invariant holds");
    Ok(())
}
