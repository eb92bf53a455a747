//! A service of your own under the simulator: a lock service with faults drawn from a seed. The invariants of Paxos are checked
//! after every event, and at the end whether what the clients saw is linearizable.
//!
//! ```text
//! cargo run -p paxos-transport --example simulate                       # 200 seeds, nothing is found
//! cargo run -p paxos-transport --example simulate -- --broken           # with a mistake: the verdict names a seed
//! cargo run -p paxos-transport --example simulate -- --broken --seed 7  # that run again; --draw draws it
//! ```

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_transport::linearize::{Verdict, check};
use paxos_transport::paxos_core::{Config, Consistency, NodeId, Slot, StateMachine, Time, Value};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Sim, Stop, Submitted, World};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Takes a lock, gives it back, or asks for its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Command {
    Take { lock: u64, by: u16 },
    Free { lock: u64, by: u16 },
    Look { lock: u64 },
}

impl Value for Command {}

impl Command {
    const fn lock(self) -> u64 {
        match self {
            Self::Take { lock, .. } | Self::Free { lock, .. } | Self::Look { lock } => lock,
        }
    }
}

/// The service. It can be cloned and compared, so it is its own model: what it would do alone is what clients must see.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Locks(BTreeMap<u64, Lock>);

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Lock {
    holder: Option<u16>,
    /// How often it was taken: a fencing token.
    token: u64,
}

impl Locks {
    fn look(&self, lock: u64) -> Option<(u16, u64)> {
        let Lock { holder, token } = self.0.get(&lock)?;
        Some(((*holder)?, *token))
    }
}

impl StateMachine for Locks {
    type Command = Command;
    /// Who holds the lock then, with its token.
    type Reply = Option<(u16, u64)>;

    fn apply(&mut self, _slot: Slot, command: &Command) -> Self::Reply {
        let lock = self.0.entry(command.lock()).or_default();
        match command {
            Command::Take { by, .. } if lock.holder.is_none() => {
                *lock = Lock { holder: Some(*by), token: lock.token + 1 };
            }
            Command::Free { by, .. } if lock.holder == Some(*by) => lock.holder = None,
            Command::Take { .. } | Command::Free { .. } | Command::Look { .. } => {}
        }
        self.look(command.lock())
    }
}

const LOCKS: u64 = 3;
/// When faults are over.
const END: Duration = Duration::from_secs(1);
/// For one search, in bytes.
const MEMORY: usize = 256 << 20;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Everything that the run depends on.
fn world(seed: u64) -> World<MultiPaxos<Command, Option<(u16, u64)>>> {
    let mut world = World::new(Config::collapsed(3).expect("three servers"), (), seed);
    world.links = Links::lossy(ms(1), ms(5), 0.05, 0.05);
    world.links.reliable_from = Some(Time(0).after(END));
    // An unfinished write is torn by a crash. n2 has a slow disk.
    world.disk = Disk::with_sync(Delay::Uniform { low: ms(0), high: ms(2) });
    world.syncs.insert(NodeId(2), Delay::Constant(ms(10)));
    // A crash with a restart, a partition, and sometimes a pause.
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    world.replay = "cargo run -p paxos-transport --example simulate -- --seed".into();
    world
}

/// One run; the number of operations that clients saw, or what is wrong.
pub(crate) fn run(seed: u64, broken: bool, draw: bool) -> Result<usize, String> {
    let mut world = world(seed);
    let clients = world.add_clients(3);
    world.trace = draw;
    let mut sim = Sim::new(world, |_| Locks::default());
    let (mut chance, mut last) = (Chance::new(seed, 10), BTreeMap::new());
    // The mistake: a server that is asked for the holder answers from what it has executed, and asks nobody whether that is new.
    let how = if broken { Consistency::Local } else { Consistency::Confirmed };
    while sim.now() < Time(0).after(END) {
        // The first breach of an invariant ends the run.
        sim.run_for(ms(20)).map_err(|violation| violation.to_string())?;
        for client in &clients {
            // A client waits for its answer before it asks for something else.
            if last.get(client).and_then(|id| sim.command(*id)).is_none_or(Submitted::is_settled) {
                let (lock, by) = (chance.below(LOCKS), client.0);
                let free = chance.hits(0.5);
                let command = if free { Command::Free { lock, by } } else { Command::Take { lock, by } };
                last.insert(*client, sim.submit(*client, command).expect("clients do not crash"));
            }
        }
        let (server, lock) = (NodeId(chance.below(3) as u16), chance.below(LOCKS));
        // An error says that the server is down.
        _ = sim.query(server, how, Command::Look { lock }, move |locks| locks.look(lock));
    }
    let stop = sim.run_until(Sim::all_answered).map_err(|violation| violation.to_string())?;
    if let Some(trace) = sim.trace() {
        println!("{}", trace.draw());
    }
    if stop != Stop::Done {
        return Err(format!("seed {seed}: commands are not answered after the faults: {stop}"));
    }
    let history = sim.history();
    for lock in 0..LOCKS {
        // Locks have nothing to do with each other, so each is searched alone.
        let of_lock: Vec<_> = history.iter().filter(|op| op.deed.command.lock() == lock).cloned().collect();
        match check(&Locks::default(), &of_lock, MEMORY) {
            Verdict::Linearizable => {}
            Verdict::NotLinearizable(conflict) => {
                let picture = conflict.timeline(&of_lock);
                return Err(format!("seed {seed}: no order of operations explains these:\n{picture}"));
            }
            Verdict::Undecided => {
                return Err(format!("seed {seed}: the search took more than {MEMORY} bytes"));
            }
        }
    }
    Ok(history.len())
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let seed = arguments.iter().skip_while(|argument| *argument != "--seed").nth(1);
    let seeds = match seed.map(|seed| seed.parse()) {
        None => 0..200,
        Some(Ok(seed)) => seed..seed + 1,
        Some(Err(error)) => {
            println!("--seed takes a number: {error}");
            return ExitCode::from(2);
        }
    };
    let runs = seeds.clone().map(|seed| run(seed, has("--broken"), has("--draw")));
    match runs.sum::<Result<usize, String>>() {
        Ok(operations) => {
            println!("seeds {seeds:?}: {operations} operations, all linearizable; every invariant holds")
        }
        Err(found) => {
            println!("{found}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
