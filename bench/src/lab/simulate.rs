//! `paxos-bench simulate` executes one run, or one for each of many seeds; `draw` draws one decision.

mod options;

pub use options::{Draw, Simulate};

use crate::lab::cluster::Shape;
use crate::lab::compare::Collision;
use crate::lab::compare::CompareError;
use crate::lab::counts;
use crate::lab::faults::{Outcome, Trial};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::FaultRow;
use crate::options::arguments::Progress;
use crate::theory::{Layout, Learning, Recovery, Run};
use crate::variants::Variant;
use paxos_core::NodeSet;

/// Executes the run that the command line asks for. With many seeds, returns the sum of all runs, or the first run
/// that broke an invariant.
///
/// # Errors
/// [`CompareError`] if the command line is at fault, or a file cannot be written.
pub fn simulate(options: &Simulate, progress: Progress<'_>) -> Result<Outcome, CompareError> {
    let placed = options.placed()?;
    check(options.variant, options.quorum, options.acceptors)?;
    let first = trial(options, placed, options.seed).run()?;
    let mut sum = first;
    for nth in 1..options.seeds {
        if sum.row.differs() {
            break;
        }
        if nth % 16 == 0 {
            progress(format!("{nth} of {} seeds", options.seeds));
        }
        let next = trial(options, placed, options.seed + nth).run()?;
        if next.row.differs() {
            return Ok(next);
        }
        add(&mut sum.row, &next.row);
    }
    Ok(sum)
}

/// Draws the decision that the command line asks for.
///
/// # Errors
/// [`CompareError`] if the command line is at fault.
pub fn draw(options: &Draw) -> Result<String, CompareError> {
    let (layout, learning) = options.placed()?;
    check(options.variant, options.quorum, options.acceptors)?;
    let collision = options.collision();
    let wanted = |run: &Run| match run {
        Run::FastCollision(recovery) => collision.recovery() == Some(*recovery),
        Run::Fast => collision == Collision::None,
        Run::MultiFirst => options.first,
        Run::MultiSteady => !options.first,
        Run::Basic => true,
    };
    let run = *options.variant.traits().runs.iter().find(|run| wanted(run)).ok_or(CompareError::Nothing)?;
    let shape = Shape {
        variant: options.variant,
        layout,
        learning,
        acceptors: options.acceptors,
        learners: options.learners.unwrap_or(1),
        thrifty: options.thrifty,
        quorum: options.quorum,
    };
    Ok(options.format.of(&counts::picture(shape, run, 0)?))
}

/// Checks whether such a cluster can be built.
fn check(variant: Variant, choice: QuorumChoice, acceptors: u16) -> Result<(), CompareError> {
    let system = choice.over(NodeSet::first(acceptors)).map_err(|source| CompareError::Quorum {
        choice,
        acceptors,
        source,
    })?;
    if variant.traits().fast && !system.has_fast_rounds() {
        return Err(CompareError::NoFastQuorum(choice));
    }
    Ok(())
}

fn trial(options: &Simulate, (layout, learning): (Layout, Learning), seed: u64) -> Trial<'_> {
    Trial {
        shape: Shape {
            variant: options.variant,
            layout,
            learning,
            acceptors: options.acceptors,
            learners: options.learners.unwrap_or(2),
            thrifty: options.thrifty,
            quorum: options.quorum,
        },
        recovery: options.collision.unwrap_or(Recovery::Coordinated),
        scenario: options.scenario,
        clients: options.clients,
        commands: options.commands,
        snapshot_every: options.snapshot_every,
        seed,
        trace_out: options.trace_out.as_deref(),
        draw: options.draw,
    }
}

/// Adds the figures of one run to the sum.
fn add(sum: &mut FaultRow, next: &FaultRow) {
    let (before, now) = (sum.decided as f64, next.decided as f64);
    sum.latency_mean_ms =
        (sum.latency_mean_ms * before + next.latency_mean_ms * now) / (before + now).max(1.0);
    sum.latency_max_ms = sum.latency_max_ms.max(next.latency_max_ms);
    sum.commands += next.commands;
    sum.decided += next.decided;
    sum.messages += next.messages;
    sum.prepares += next.prepares;
    sum.elections += next.elections;
    sum.retransmissions += next.retransmissions;
    sum.virtual_ms += next.virtual_ms;
}
