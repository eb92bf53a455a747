//! Reads at learners, together with commands.

use super::super::work::{MESSAGE, links};
use super::{ACCEPTORS, COMMANDS, LEASE, READ, ms};
use crate::lab::cluster::Shape;
use crate::lab::experiments::LabError;
use crate::lab::experiments::sample::Sample;
use crate::theory::{Layout, Learning};
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Consistency, NodeId, Protocol, Slot, Time, Timeouts};
use paxos_transport::sim::{Chance, Fate, Fault, Reading, Service, Sim, Submitted, World};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The only proposer.
const LEADER: NodeId = NodeId(0);
const FIRST_LEARNER: u16 = 1 + ACCEPTORS;

/// Reads at all learners in turn, together with commands.
pub(super) struct Readers {
    pub(super) learners: u16,
    pub(super) learning: Learning,
    pub(super) kind: Consistency,
    /// Reads per second at each learner.
    pub(super) offered: f64,
    /// The length of the run.
    pub(super) time: Duration,
    /// When the first learner crashes and restarts.
    pub(super) death: Option<(Duration, Duration)>,
    pub(super) seed: u64,
}

/// The outcome of the reads and commands.
pub(super) struct Reads {
    all: Vec<Reading>,
    /// When commands were answered.
    pub(super) answers: Vec<Time>,
    /// The share of finished reads that missed a command answered before they began.
    pub(super) stale: f64,
    /// Messages that the leader sent and received.
    pub(super) leader: u64,
    pub(super) start: Time,
    /// The last fifth of the time begins here. Reads that begin later may be under way when the run ends.
    late: Time,
    /// The number of reads that clients asked for before that.
    pub(super) offered: u64,
}

impl Reads {
    /// The reads among them that have no answer at the end. Some were refused at once.
    pub(super) fn unfinished(&self) -> u64 {
        self.offered - self.latencies().len() as u64
    }

    /// Reads that ended per second, between two moments counted from the start.
    pub(super) fn rate(&self, from: Duration, to: Duration) -> f64 {
        let window = self.start.after(from)..self.start.after(to);
        let ended = self.all.iter().filter(|read| read.seen.is_some_and(|seen| window.contains(&seen.at)));
        ended.count() as f64 / to.saturating_sub(from).as_secs_f64()
    }

    /// The latencies of the others.
    pub(super) fn latencies(&self) -> Sample {
        let early = self.all.iter().filter(|read| read.at < self.late);
        Sample::new(early.filter_map(|read| Some(read.latency()?.as_secs_f64() * 1e3)).collect())
    }
}

/// The share of reads that miss a command answered before they began.
fn stale(reads: &[Reading], commands: &[Submitted<u64>]) -> f64 {
    let mut answers: Vec<(Time, Slot)> =
        commands.iter().filter_map(|c| c.answer.as_ref().map(|answer| (answer.at, answer.slot))).collect();
    answers.sort_unstable();
    let mut newest = Slot(0);
    for (_, slot) in &mut answers {
        newest = newest.max(Slot(slot.index() + 1));
        *slot = newest;
    }
    let ended: Vec<_> = reads.iter().filter_map(|read| Some((read.at, read.seen?.applied))).collect();
    let missing = ended.iter().filter(|(at, applied)| {
        let before = answers.partition_point(|(answered, _)| answered < at);
        before > 0 && *applied < answers[before - 1].1
    });
    missing.count() as f64 / ended.len().max(1) as f64
}

impl WithProtocol for Readers {
    type Out = Result<Reads, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let (layout, learning, learners) = (Layout::Separate, self.learning, self.learners);
        let mut config =
            Shape { layout, learning, learners, ..Shape::collapsed(Variant::Multi, ACCEPTORS) }.config()?;
        let lease = (self.kind == Consistency::Lease).then_some(LEASE);
        config.timeouts = Timeouts { lease, ..Timeouts::default() };
        let mut world = World::<P>::new(config, options, self.seed);
        world.links = links();
        world.service = Service { read: READ, ..Service::each(MESSAGE) };
        let client = world.add_clients(1)[0];
        let mut sim = Sim::new(world, |_| Digest::default());
        sim.run_for(ms(100))?;
        let start = sim.now();
        let handled = Rc::new(Cell::new(0_u64));
        let counted = handled.clone();
        sim.set_carrier(move |post| {
            counted.set(counted.get() + u64::from(post.from == LEADER || post.to == LEADER));
            Fate::Usual
        });
        let mut chance = Chance::new(self.seed, 70);
        let mut draw = |mean: Duration| {
            let (mut at, mut all) = (Duration::ZERO, Vec::new());
            while at < self.time {
                all.push(start.after(at));
                at += chance.exponential(mean);
            }
            all
        };
        for (at, value) in draw(COMMANDS).into_iter().zip(0..) {
            sim.submit_at(at, client, value);
        }
        let gap = Duration::from_secs_f64(1.0 / self.offered);
        let late = start.after(self.time * 4 / 5);
        let mut offered = 0;
        for learner in 0..learners {
            for at in draw(gap) {
                offered += u64::from(at < late);
                sim.read_at(at, NodeId(FIRST_LEARNER + learner), self.kind);
            }
        }
        if let Some((down, up)) = self.death {
            sim.fail_at(start.after(down), Fault::Crash(NodeId(FIRST_LEARNER)));
            sim.fail_at(start.after(up), Fault::Restart(NodeId(FIRST_LEARNER)));
        }
        sim.run_for(self.time)?;
        let mut answers: Vec<Time> =
            sim.commands().iter().filter_map(|c| Some(c.answer.as_ref()?.at)).collect();
        answers.sort_unstable();
        let stale = stale(sim.reads(), sim.commands());
        Ok(Reads { all: sim.reads().to_vec(), answers, stale, leader: handled.get(), start, late, offered })
    }
}
