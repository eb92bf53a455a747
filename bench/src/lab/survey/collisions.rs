//! Measures how often a fast ballot decides neither of two commands that are sent at the same time.

use crate::lab::cluster::Shape;
use crate::lab::counts::CountError;
use crate::lab::quorums::QuorumChoice;
use crate::theory::{Layout, Learning, Recovery, collision_probability};
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Kind, NodeId, NodeSet, Phase, Protocol, QuorumSystem};
use paxos_transport::sim::{Chance, Fate, Sim, World};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The time that stands for one delay.
const DELAY: Duration = Duration::from_millis(1);

/// How many collisions one cluster has before a new one is started.
const EACH: u64 = 500;

/// The chance that a fast ballot decides neither of two commands, if each acceptor hears either first with equal
/// chance, independent of the others. It is 1 − 2·P\[Bin(n, ½) ≥ q\] for quorums by number. In general, it is the share
/// of the 2ⁿ ways to divide the acceptors in which neither side has a fast quorum. None if there are too many ways to
/// try.
pub fn fast_chance(quorums: &dyn QuorumSystem) -> Option<f64> {
    let acceptors: Vec<NodeId> = quorums.acceptors().iter().collect();
    let n = acceptors.len();
    if n > paxos_core::EXHAUSTIVE {
        return None;
    }
    let side =
        |bits: u32| acceptors.iter().enumerate().filter(move |(i, _)| bits >> i & 1 == 1).map(|(_, id)| *id);
    let decides = |bits: u32| quorums.is_quorum(Phase::TwoFast, side(bits).collect::<NodeSet>());
    let all = (1_u32 << n) - 1;
    let neither = (0..=all).filter(|bits| !decides(*bits) && !decides(all & !bits)).count();
    Some(neither as f64 / f64::from(1_u32 << n))
}

/// As [`fast_chance`], with the formula for systems by number, so that they may have any number of acceptors.
pub(super) fn chance(quorums: &dyn QuorumSystem, fast: Option<usize>) -> Option<f64> {
    let n = quorums.acceptors().len();
    fast.map_or_else(|| fast_chance(quorums), |fast| Some(collision_probability(n, fast)))
}

/// The outcome of pairs of commands that collided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collisions {
    /// The number of pairs.
    pub collisions: u64,
    /// The number of pairs of which the fast ballot decided neither command.
    pub undecided: u64,
}

/// Lets two clients of Fast Paxos submit a command each at the same moment, repeatedly. Each acceptor hears either
/// first with equal chance. The clusters run the shipped nodes in virtual time, with every invariant checked.
///
/// # Errors
/// [`CountError`] if an invariant breaks, or if a command is not answered in time.
pub fn collide(
    choice: QuorumChoice,
    acceptors: u16,
    collisions: u64,
    seed: u64,
) -> Result<Collisions, CountError> {
    let shape = Shape {
        variant: Variant::Fast,
        layout: Layout::Collapsed,
        learning: Learning::Distinguished,
        acceptors,
        learners: acceptors,
        thrifty: false,
        quorum: choice,
    };
    let mut undecided = 0;
    let mut left = collisions;
    let mut chance = Chance::new(seed, u64::from(acceptors));
    while left > 0 {
        let rounds = left.min(EACH);
        let work = Pairs { shape, rounds, seed, chance: &mut chance };
        undecided += shape.variant.with(Recovery::Coordinated, false, work)?;
        left -= rounds;
    }
    Ok(Collisions { collisions, undecided })
}

struct Pairs<'a> {
    shape: Shape,
    rounds: u64,
    seed: u64,
    chance: &'a mut Chance,
}

impl WithProtocol for Pairs<'_> {
    type Out = Result<u64, CountError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let Self { shape, rounds, seed, chance } = self;
        let mut world = World::<P>::new(shape.config()?, options, seed);
        let clients = world.add_clients(2);
        let mut sim = Sim::new(world, |_| Digest::default());
        // The acceptors that hear the second client first, one bit for each.
        let second_first = Rc::new(Cell::new(0_u64));
        let (order, first) = (second_first.clone(), clients[0]);
        sim.set_carrier(move |post| {
            let late = if order.get() >> post.to.0 & 1 == 1 { first } else { NodeId(first.0 + 1) };
            let is_request = post.message.kind() == Kind::Request;
            if is_request && post.from == late { Fate::Last } else { Fate::Usual }
        });
        let long = 60 * DELAY;
        sim.run_to_quiescence(long)?;
        // One command is decided first, so that all processes are in the steady state.
        let undecided = || CountError::Undecided(format!("{shape:?}"));
        sim.submit(clients[0], 0).map_err(|_| undecided())?;
        sim.run_to_quiescence(long)?;
        let mut neither = 0;
        for round in 0..rounds {
            sim.run_for(DELAY)?;
            let coins = (0..shape.acceptors).map(|i| chance.below(2) << i);
            second_first.set(coins.fold(0, |all, coin| all | coin));
            let mut asked = Vec::new();
            for client in &clients {
                asked.push(sim.submit(*client, round).map_err(|_| undecided())?);
            }
            sim.run_to_quiescence(long)?;
            let latency = |id| sim.command(id).and_then(paxos_transport::sim::Submitted::latency);
            let soonest = asked.into_iter().filter_map(latency).min().ok_or_else(undecided)?;
            // A request, a vote and a reply take three delays. A recovery takes two more.
            match soonest.as_millis() / DELAY.as_millis() {
                3 => {}
                5 => neither += 1,
                _ => return Err(undecided()),
            }
        }
        Ok(neither)
    }
}
