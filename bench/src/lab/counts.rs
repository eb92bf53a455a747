//! Counts the messages and delays of one decision in a quiet cluster in which every link takes one delay.

mod predicted;

use crate::lab::cluster::Shape;
use crate::lab::report::CountRow;
use crate::theory::{Case, Recovery, Run};
use crate::variants::{Digest, Payload, WithProtocol};
use paxos_core::{Campaign, CommandId, Kind, NodeId, Phase, Protocol, Slot, Time};
use paxos_transport::sim::{Counts, Fate, Sim, Trace, Violation, What, World};
use std::collections::BTreeMap;
use std::time::Duration;

/// The time that stands for one delay.
const DELAY: Duration = Duration::from_millis(1);

/// Messages that are not part of a decision. A separate *any* message prepares later decisions.
const UPKEEP: [Kind; 9] = [
    Kind::Any,
    Kind::Heartbeat,
    Kind::Heard,
    Kind::Progress,
    Kind::CatchUp,
    Kind::Chosen,
    Kind::Offer,
    Kind::Fetch,
    Kind::Chunk,
];

/// Measures one row and adds its prediction.
///
/// # Errors
/// [`CountError`] if the cluster cannot be built, an invariant breaks, or there is no decision.
pub fn measure(shape: Shape, run: Run, seed: u64) -> Result<CountRow, CountError> {
    Ok(decide(shape, run, seed, false)?.0)
}

/// Whether such a decision ends without timeouts, because there are none here. Thrifty clients that collide ask only a
/// fast quorum. Unless this is a phase 1 quorum as well, its votes do not tell the coordinator what to propose.
pub fn ends_by_itself(shape: Shape, run: Run) -> bool {
    let Ok(config) = shape.config() else { return true };
    let asked = config.quorums.minimal_quorum(Phase::TwoFast, NodeId(0));
    let collides = matches!(run, Run::FastCollision(_));
    !(shape.thrifty && collides) || config.quorums.is_quorum(Phase::One, asked)
}

/// The trace of the decision for drawing, without what comes before it.
///
/// # Errors
/// As [`measure`].
pub fn picture(shape: Shape, run: Run, seed: u64) -> Result<Trace, CountError> {
    Ok(decide(shape, run, seed, true)?.1)
}

fn decide(shape: Shape, run: Run, seed: u64, trace: bool) -> Result<(CountRow, Trace), CountError> {
    let recovery = if let Run::FastCollision(recovery) = run { recovery } else { Recovery::Coordinated };
    // When acceptors recover by themselves, they hear each other's votes, and the coordinator need not hear them.
    let copy_votes = matches!(run, Run::FastCollision(Recovery::Coordinated | Recovery::Classic));
    shape.variant.with(recovery, copy_votes, Decision { shape, run, seed, trace })
}

/// Why a decision could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// The cluster cannot be built.
    #[error(transparent)]
    Quorum(#[from] paxos_core::QuorumError),
    /// An invariant was broken.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The command was not submitted, or was never answered.
    #[error("{0} did not decide in a quiet network; this is a bug, please report it with this command line")]
    Undecided(String),
}

struct Decision {
    shape: Shape,
    run: Run,
    seed: u64,
    trace: bool,
}

impl WithProtocol for Decision {
    type Out = Result<(CountRow, Trace), CountError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let Self { shape, run, seed, trace } = self;
        let mut config = shape.config()?;
        let (quorums, first) = (config.quorums.clone(), config.proposers.smallest().unwrap_or_default());
        if run == Run::MultiFirst {
            config.campaign = Campaign::Lazy;
        }
        let learners = config.all_learners();
        let acceptors: Vec<NodeId> = config.acceptors().iter().collect();
        let mut world = World::<P>::new(config, options, seed);
        world.trace = trace;
        let collides = matches!(run, Run::FastCollision(_));
        let clients = world.add_clients(if collides { 2 } else { 1 });
        let mut sim = Sim::new(world, |_| Digest::default());
        // Let the cluster settle and decide one command, so that all processes are in the steady state.
        sim.run_to_quiescence(60 * DELAY)?;
        let mut slot = 0;
        if run != Run::MultiFirst {
            submit(&mut sim, clients[0], 1, shape)?;
            sim.run_to_quiescence(60 * DELAY)?;
            slot = 1;
        }
        // Nothing else happens at the moment when the decision begins.
        sim.run_for(DELAY)?;
        sim.reset_counts();
        let start = sim.now();
        if collides {
            let half: Vec<NodeId> = acceptors.iter().skip(acceptors.len().div_ceil(2)).copied().collect();
            let late = clients[0];
            // The second half of the acceptors hears the second client first.
            sim.set_carrier(move |post| {
                if post.from == late && half.contains(&post.to) { Fate::Last } else { Fate::Usual }
            });
            submit(&mut sim, clients[1], 3, shape)?;
        }
        submit(&mut sim, clients[0], 2, shape)?;
        sim.run_to_quiescence(60 * DELAY)?;
        let undecided = || CountError::Undecided(format!("{shape:?} {run:?}"));
        let answers = sim.commands().iter().filter(|c| c.at >= start).filter_map(|c| c.answer.as_ref());
        let answer = answers.min_by_key(|a| a.at).ok_or_else(undecided)?;
        let delays = |at: Time| at.since(start).as_nanos() as u64 / DELAY.as_nanos() as u64;
        let slot = if collides { answer.slot } else { Slot(slot) };
        let learned: Vec<u64> =
            learners.iter().filter_map(|node| sim.learned(node, slot)).map(delays).collect();
        if learned.len() < learners.len() && !shape.thrifty {
            return Err(undecided());
        }
        let decision = decision_only(sim.counts());
        let case = Case {
            run,
            layout: shape.layout,
            learning: shape.learning,
            acceptors: usize::from(shape.acceptors),
            learners: usize::from(shape.learners),
        };
        let prediction = predicted::prediction(case, shape, &*quorums, first);
        let row = CountRow {
            variant: shape.variant.to_string(),
            roles: shape.layout.to_string(),
            learning: shape.learning.to_string(),
            collision: if let Run::FastCollision(recovery) = run {
                recovery.to_string()
            } else {
                "none".into()
            },
            first_decision: run == Run::MultiFirst,
            thrifty: shape.thrifty,
            quorum: shape.quorum.name(case.acceptors, shape.variant.traits().fast),
            acceptors: case.acceptors,
            learners: case.learners,
            messages: decision.values().sum(),
            learn_first: learned.iter().copied().min().ok_or_else(undecided)?,
            learn_last: learned.iter().copied().max().ok_or_else(undecided)?,
            reply: delays(answer.at),
            messages_by_kind: decision,
            ..CountRow::default()
        };
        Ok((row.with_prediction(prediction), since(start, sim.trace())))
    }
}

/// The trace from `start` on, with times counted from `start`.
fn since(start: Time, trace: Option<&Trace>) -> Trace {
    let Some(trace) = trace else { return Trace::default() };
    let shifted = |at: Time| Time(at.0.saturating_sub(start.0));
    let rows = trace.rows.iter().filter(|row| row.at >= start).cloned().map(|mut row| {
        row.at = shifted(row.at);
        if let What::Sent { to, .. } = &mut row.what {
            for (_, at) in to {
                *at = at.map(shifted);
            }
        }
        row
    });
    Trace { nodes: trace.nodes.clone(), rows: rows.collect() }
}

fn submit<P: Protocol<Value = Payload, Reply = u64>>(
    sim: &mut Sim<P, Digest>,
    client: NodeId,
    value: Payload,
    shape: Shape,
) -> Result<CommandId, CountError> {
    sim.submit(client, value).map_err(|why| CountError::Undecided(format!("{shape:?}: {why}")))
}

/// The messages of the decision by kind, with at most one reply: if two commands were decided, the second reply
/// does not belong to the first command.
fn decision_only(counts: Counts) -> BTreeMap<String, u64> {
    counts
        .iter()
        .filter(|(kind, _)| !UPKEEP.contains(kind))
        .map(|(kind, n)| (kind.name().to_owned(), if kind == Kind::Reply { n.min(1) } else { n }))
        .collect()
}
