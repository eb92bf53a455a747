//! Clusters in virtual time on links that take 1 ms, and helpers for tests of them.

use super::Tested;
use crate::sim::{Sim, Stop, Trace, What, World};
use core::time::Duration;
use paxos_core::{
    Config, Kind, Leadership, Node, NodeId, NodeSet, RestoreError, Slot, StateMachine, Time, Timeouts,
};

/// A state machine that records its commands; the reply is the number of commands executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal(pub Vec<u64>);

impl StateMachine for Journal {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, command: &u64) -> u64 {
        self.0.push(*command);
        self.0.len() as u64
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.iter().flat_map(|command| command.to_le_bytes()).collect())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        let commands = state.chunks(8).map(|bytes| bytes.try_into().map(u64::from_le_bytes));
        self.0 = commands.collect::<Result<_, _>>().map_err(|e| RestoreError::Machine(e.to_string()))?;
        Ok(())
    }
}

/// Returns `n` milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Creates these servers and `clients` processes that are only clients. The run is kept for drawing.
pub fn cluster<P: Tested>(config: Config, options: P::Options, clients: u16) -> Sim<P, Journal> {
    let mut world = World::new(config, options, 1);
    world.add_clients(clients);
    world.trace = true;
    Sim::new(world, |_| Journal::default())
}

/// Creates these servers with one client, whose first command is answered: a leader is established. Returns the client, too.
pub fn established<P: Tested>(config: Config, options: P::Options) -> (Sim<P, Journal>, u16) {
    let client = config.servers().len() as u16;
    let mut sim = cluster(config, options, 1);
    settle(&mut sim);
    submit(&mut sim, client, 6);
    settle(&mut sim);
    (sim, client)
}

/// Servers that play every role, without any timeout: they only send answers.
pub fn quiet(n: u16) -> Config {
    Config { timeouts: Timeouts::NEVER, ..Config::collapsed(n).expect("a server") }
}

/// Three servers, of which n0 and n1 lead whenever they have something to propose.
pub fn rivals(backoff: Option<(Duration, Duration)>) -> Config {
    let mut config = quiet(3);
    config.proposers = NodeSet::first(2);
    config.leadership = Leadership::SelfAppointed { backoff };
    config.timeouts.resend = Some(ms(50));
    config
}

/// Whether all learners that are up have executed the same `n` commands in the same order.
pub fn executed<P: Tested>(sim: &Sim<P, Journal>, n: usize) -> bool {
    level(sim).is_some_and(|journal| journal.0.len() == n)
}

/// Returns what every learner that is up has executed; `None` if they differ, or one of them takes over a snapshot.
pub fn level<P: Tested>(sim: &Sim<P, Journal>) -> Option<&Journal> {
    let learns = |id: &&NodeId| sim.is_up(**id) && sim.node(**id).is_some_and(Node::is_learner);
    let journals: Option<Vec<&Journal>> =
        sim.ids().iter().filter(learns).map(|id| sim.machine(*id)).collect();
    let (first, others) = journals?.split_first().map(|(first, others)| (*first, others.to_vec()))?;
    others.into_iter().all(|journal| journal == first).then_some(first)
}

/// Whether a process knows the value of any slot.
pub fn anything_chosen<P: Tested>(sim: &Sim<P, Journal>) -> bool {
    sim.ids().iter().any(|id| sim.node(*id).is_some_and(|node| node.chosen().end() > Slot(0)))
}

/// Draws the run from `start`, which becomes time 0, without the periodic messages.
pub fn drawn<P: Tested>(sim: &Sim<P, Journal>, start: Time) -> String {
    drawn_without(sim, start, &[Kind::Heartbeat, Kind::Heard, Kind::Progress, Kind::CatchUp])
}

/// Draws the run from `start`, which becomes time 0, without messages of these kinds.
pub fn drawn_without<P: Tested>(sim: &Sim<P, Journal>, start: Time, kinds: &[Kind]) -> String {
    let Trace { nodes, rows } = sim.trace().expect("it is kept").without(kinds, &[]);
    let shifted = |at: Time| Time(at.0 - start.0);
    let rows = rows.into_iter().filter(|row| row.at >= start).map(|mut row| {
        row.at = shifted(row.at);
        if let What::Sent { to, .. } = &mut row.what {
            for (_, at) in to {
                *at = at.map(shifted);
            }
        }
        row
    });
    Trace { nodes, rows: rows.collect() }.draw()
}

/// Checks that this drawing is in these docs of a crate.
///
/// # Panics
/// If it is not, with what to put there.
pub fn assert_documented(docs: &str, drawn: &str) {
    let lines: Vec<String> = drawn.lines().map(|line| format!("//! {line}").trim_end().to_owned()).collect();
    let picture = lines.join("\n");
    let trimmed: Vec<&str> = docs.lines().map(str::trim_end).collect();
    assert!(trimmed.join("\n").contains(&picture), "put this into the docs:\n{picture}");
}

/// Submits a command at the client of this process.
pub fn submit<P: Tested>(sim: &mut Sim<P, Journal>, node: u16, value: u64) {
    sim.submit(NodeId(node), value).expect("there is room");
}

/// Submits a command at the client of this process 1 ms after now. Returns the drawing of all that follows.
pub fn drawn_command<P: Tested>(sim: &mut Sim<P, Journal>, node: u16, value: u64) -> String {
    run(sim, ms(1));
    let start = sim.now();
    submit(sim, node, value);
    settle(sim);
    drawn(sim, start)
}

/// Runs until nothing more happens.
pub fn settle<P: Tested>(sim: &mut Sim<P, Journal>) {
    sim.run_to_quiescence(ms(100)).unwrap_or_else(|violation| panic!("{violation}"));
}

/// Runs for this time, and panics if an invariant breaks.
pub fn run<P: Tested>(sim: &mut Sim<P, Journal>, time: Duration) -> Stop {
    sim.run_for(time).unwrap_or_else(|violation| panic!("{violation}"))
}

/// Runs until `done` returns true, for at most 20 s. Panics if an invariant breaks. Returns whether `done` holds.
pub fn until<P: Tested>(sim: &mut Sim<P, Journal>, done: impl Fn(&Sim<P, Journal>) -> bool) -> bool {
    let patience = sim.now().after(Duration::from_secs(20));
    let stop = sim.run_until(|sim| done(sim) || sim.now() > patience);
    stop.unwrap_or_else(|violation| panic!("{violation}"));
    done(sim)
}
