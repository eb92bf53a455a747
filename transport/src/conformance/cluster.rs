//! Clusters in virtual time on links that take 1 ms, and what tests ask of them.

use super::Tested;
use crate::sim::{Sim, Stop, Trace, What, World};
use core::time::Duration;
use paxos_core::{
    Config, Kind, Leadership, Node, NodeId, NodeSet, RestoreError, Slot, StateMachine, Time, Timeouts,
};

/// Executes by remembering; the reply is the number of commands executed.
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

/// So many milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// These servers, and `clients` processes that only ask. The run is kept for drawing.
pub fn cluster<P: Tested>(config: Config, options: P::Options, clients: u16) -> Sim<P, Journal> {
    let mut world = World::new(config, options, 1);
    world.add_clients(clients);
    world.trace = true;
    Sim::new(world, |_| Journal::default())
}

/// Servers that play every role, without any timeout: nothing is said that is not an answer.
pub fn quiet(n: u16) -> Config {
    Config { timeouts: Timeouts::NEVER, ..Config::collapsed(n).expect("a server") }
}

/// n0 and n1 of three servers lead whenever they have something to propose.
pub fn rivals(backoff: Option<(Duration, Duration)>) -> Config {
    let mut config = quiet(3);
    config.proposers = NodeSet::first(2);
    config.leadership = Leadership::SelfAppointed { backoff };
    config.timeouts.resend = Some(ms(50));
    config
}

/// Everyone who is up and learns has executed `n` commands, the same in the same order.
pub fn executed<P: Tested>(sim: &Sim<P, Journal>, n: usize) -> bool {
    level(sim).is_some_and(|journal| journal.0.len() == n)
}

/// What every learner that is up has executed; none if they differ, or one of them takes over a snapshot.
pub fn level<P: Tested>(sim: &Sim<P, Journal>) -> Option<&Journal> {
    let learns = |id: &&NodeId| sim.is_up(**id) && sim.node(**id).is_some_and(Node::is_learner);
    let journals: Option<Vec<&Journal>> =
        sim.ids().iter().filter(learns).map(|id| sim.machine(*id)).collect();
    let (first, others) = journals?.split_first().map(|(first, others)| (*first, others.to_vec()))?;
    others.into_iter().all(|journal| journal == first).then_some(first)
}

/// Whether anybody knows a slot's value.
pub fn anything_chosen<P: Tested>(sim: &Sim<P, Journal>) -> bool {
    sim.ids().iter().any(|id| sim.node(*id).is_some_and(|node| node.chosen().end() > Slot(0)))
}

/// The run from `start` on, at time 0 then, without what goes on all the time.
pub fn drawn<P: Tested>(sim: &Sim<P, Journal>, start: Time) -> String {
    drawn_without(sim, start, &[Kind::Heartbeat, Kind::Heard, Kind::Progress, Kind::CatchUp])
}

/// The run from `start` on, at time 0 then, without messages of these kinds.
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

/// The client of this process asks for a command.
pub fn submit<P: Tested>(sim: &mut Sim<P, Journal>, node: u16, value: u64) {
    sim.submit(NodeId(node), value).expect("there is room");
}

/// Until nothing more happens.
pub fn settle<P: Tested>(sim: &mut Sim<P, Journal>) {
    sim.run_to_quiescence(ms(100)).unwrap_or_else(|violation| panic!("{violation}"));
}

/// For a while, in which no invariant breaks.
pub fn run<P: Tested>(sim: &mut Sim<P, Journal>, time: Duration) -> Stop {
    sim.run_for(time).unwrap_or_else(|violation| panic!("{violation}"))
}

/// Until something is so, at most for 20 s; no invariant breaks.
pub fn until<P: Tested>(sim: &mut Sim<P, Journal>, done: impl Fn(&Sim<P, Journal>) -> bool) -> bool {
    let patience = sim.now().after(Duration::from_secs(20));
    let stop = sim.run_until(|sim| done(sim) || sim.now() > patience);
    stop.unwrap_or_else(|violation| panic!("{violation}"));
    done(sim)
}
