//! What the tests beside this one have in common: a cluster on links that take 1 ms.

use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::{Config, Kind, Leadership, NodeId, RestoreError, Slot, StateMachine, Time, Timeouts};
use paxos_transport::sim::{Sim, Trace, What, World};

pub(crate) type P = MultiPaxos<u64, u64>;

/// Executes by remembering; the reply is the number of commands executed.
#[derive(Debug, Default)]
pub(crate) struct Journal(pub(crate) Vec<u64>);

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

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// `n` servers that play every role, and `clients` processes that only ask.
pub(crate) fn cluster(config: Config, clients: u16) -> Sim<P, Journal> {
    let mut world = World::new(config, (), 1);
    world.add_clients(clients);
    world.trace = true;
    Sim::new(world, |_| Journal::default())
}

/// Without any timeout: nothing is said that is not an answer.
pub(crate) fn quiet(n: u16) -> Config {
    Config { timeouts: Timeouts::NEVER, ..Config::collapsed(n).expect("lawful") }
}

/// n0 and n1 of three servers lead whenever they have something to propose.
pub(crate) fn rivals(backoff: Option<(Duration, Duration)>) -> Config {
    let mut config = quiet(3);
    config.proposers = paxos_core::NodeSet::first(2);
    config.leadership = Leadership::SelfAppointed { backoff };
    config.timeouts.resend = Some(ms(50));
    config
}

/// Everyone who is up and learns has executed `n` commands, the same in the same order.
pub(crate) fn executed(sim: &Sim<P, Journal>, n: usize) -> bool {
    let up = sim
        .ids()
        .iter()
        .filter(|id| sim.is_up(**id) && sim.node(**id).is_some_and(paxos_core::Node::is_learner));
    let journals: Vec<&Vec<u64>> = up.filter_map(|id| Some(&sim.machine(*id)?.0)).collect();
    journals.iter().all(|journal| journal.len() == n && journal == &journals[0])
}

/// Whether anybody knows a slot's value.
pub(crate) fn anything_chosen(sim: &Sim<P, Journal>) -> bool {
    sim.ids().iter().any(|id| sim.node(*id).is_some_and(|node| node.chosen().end() > Slot(0)))
}

/// The run from `start` on, at time 0 then, without what goes on all the time.
pub(crate) fn drawn(sim: &Sim<P, Journal>, start: Time) -> String {
    drawn_without(sim, start, &[Kind::Heartbeat, Kind::Heard, Kind::Progress, Kind::CatchUp])
}

/// The run from `start` on, at time 0 then, without these messages.
pub(crate) fn drawn_without(sim: &Sim<P, Journal>, start: Time, kinds: &[Kind]) -> String {
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

pub(crate) fn submit(sim: &mut Sim<P, Journal>, node: u16, value: u64) {
    sim.submit(NodeId(node), value).expect("there is room");
}

/// Until nothing more happens.
pub(crate) fn settle(sim: &mut Sim<P, Journal>) {
    sim.run_to_quiescence(ms(100)).expect("no invariant breaks");
}
