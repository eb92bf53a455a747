//! A cluster under load: clients that submit commands by a plan, processes whose work takes time, and the results.

use crate::lab::experiments::data::span;
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Findings, LabError};
use crate::variants::{Digest, Payload, WithProtocol};
use paxos_core::{Config, NodeId, Protocol};
use paxos_transport::sim::{Chance, Delay, Disk, Fate, Links, Service, Sim, World};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The delay of a message where only messages take time.
pub(super) const ALONE: Duration = Duration::from_millis(1);
/// The shortest and the longest delay of a message where processes take time as well.
const HOP: [Duration; 2] = [Duration::from_micros(400), Duration::from_micros(600)];
/// How long such a process is busy with each message that it sends or receives.
pub(super) const MESSAGE: Duration = Duration::from_micros(10);

/// The links between processes that take time.
pub(super) fn links() -> Links {
    let [low, high] = HOP;
    Links::new(Delay::Uniform { low, high })
}

/// The costs of a message, as parameters of the experiment.
pub(super) fn costs(found: &mut Findings) {
    let [low, high] = HOP.map(|delay| delay.as_secs_f64() * 1e3);
    found.held("cost of a message", MESSAGE.as_micros() as u64, "µs");
    found.held("delay of a message", span(low, high), "ms");
}

/// When clients submit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrivals {
    /// Each client always has this many commands in progress.
    InTurn(usize),
    /// The clients submit in turn, without waiting for earlier commands. The gaps are exponential, with this mean.
    Open(Duration),
    /// All clients submit one command each at the same moment, and again when everything has finished.
    Together,
}

/// The cluster and its clients.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) config: Config,
    pub(super) links: Links,
    pub(super) service: Service,
    pub(super) disk: Disk,
    /// The sync times of processes with another disk.
    pub(super) syncs: BTreeMap<NodeId, Delay>,
    pub(super) clients: u16,
    pub(super) arrivals: Arrivals,
    pub(super) commands: u64,
    pub(super) seed: u64,
}

impl Work {
    /// A cluster with one client, in which only messages take time.
    pub(super) fn new(config: Config, commands: u64, seed: u64) -> Self {
        Self {
            config,
            links: Links::constant(ALONE),
            service: Service::default(),
            disk: Disk::default(),
            syncs: BTreeMap::new(),
            clients: 1,
            arrivals: Arrivals::InTurn(1),
            commands,
            seed,
        }
    }
}

/// The results of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Served {
    /// The latencies in milliseconds. With open arrivals, the first fifth of the time is left out.
    pub(super) latencies: Summary,
    /// Commands answered per second.
    pub(super) rate: f64,
    /// Messages per command.
    pub(super) messages: f64,
    /// The messages per command that the busiest server sends and receives.
    pub(super) load: f64,
}

impl WithProtocol for Work {
    type Out = Result<Served, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let servers = self.config.servers();
        let mut world = World::<P>::new(self.config, options, self.seed);
        world.check = false;
        (world.links, world.service, world.disk, world.syncs) =
            (self.links, self.service, self.disk, self.syncs);
        let clients = world.add_clients(self.clients);
        let mut sim = Sim::new(world, |_| Digest::default());
        // The first leader is elected before any client submits.
        sim.run_for(Duration::from_secs(1))?;
        sim.reset_counts();
        let handled = Rc::new(RefCell::new(BTreeMap::<NodeId, u64>::new()));
        let counted = handled.clone();
        sim.set_carrier(move |post| {
            let mut handled = counted.borrow_mut();
            for node in [post.from, post.to] {
                *handled.entry(node).or_default() += 1;
            }
            Fate::Usual
        });
        let start = sim.now();
        let mut end = start;
        let each = self.commands / u64::from(self.clients);
        match self.arrivals {
            Arrivals::InTurn(in_flight) => {
                for (client, nth) in clients.iter().zip(0..) {
                    sim.submit_in_turn(*client, in_flight, (0..each).map(|k| nth * 1_000_000 + k));
                }
                sim.run_until(Sim::all_answered)?;
            }
            Arrivals::Open(mean) => {
                let mut chance = Chance::new(self.seed, 50);
                for (value, client) in (0..self.commands).zip(clients.iter().cycle()) {
                    end = end.after(chance.exponential(mean));
                    sim.submit_at(end, *client, value);
                }
                sim.run_until(|sim| sim.now() >= end && sim.all_answered())?;
            }
            Arrivals::Together => {
                for round in 0..each {
                    for (client, nth) in clients.iter().zip(0..) {
                        // An added client always accepts one command.
                        let _ = sim.submit(*client, nth * 1_000_000 + round);
                    }
                    sim.run_to_quiescence(Duration::from_secs(10))?;
                }
            }
        }
        if !sim.all_answered() || sim.unsubmitted() > 0 {
            return Err(LabError::Unfinished(format!("{}: a command was not decided", P::NAME)));
        }
        let commands = sim.commands();
        let last = commands.iter().filter_map(|c| Some(c.answer.as_ref()?.at)).max().unwrap_or(start);
        // With open arrivals, the queues must grow before latencies are measured.
        let open = matches!(self.arrivals, Arrivals::Open(_));
        let from = if open { start.after(end.since(start) / 5) } else { start };
        let measured = commands.iter().filter(|c| c.at >= from);
        let latencies = measured.filter_map(|c| Some(c.latency()?.as_secs_f64() * 1e3)).collect();
        let all = commands.len() as f64;
        let busiest =
            handled.borrow().iter().filter(|(node, _)| servers.contains(**node)).map(|(_, n)| *n).max();
        Ok(Served {
            latencies: Sample::new(latencies).summary(),
            rate: all / last.since(start).as_secs_f64(),
            messages: sim.counts().total() as f64 / all,
            load: busiest.unwrap_or(0) as f64 / all,
        })
    }
}
