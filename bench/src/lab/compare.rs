//! `paxos-bench compare`: measures every row that the command line asks for.

mod options;

pub use options::{Collision, Compare};

use crate::lab::cluster::Shape;
use crate::lab::counts::{self, CountError};
use crate::lab::faults::{Scenario, Trial, TrialError};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::{ReportError, Row};
use crate::lab::wide::{self, Placement};
use crate::options::arguments::{Misfit, Progress};
use crate::theory::matrix::{MatrixError, RttMatrix};
use crate::theory::{FIVE_SITES, Layout, Learning, Recovery, Run};
use crate::variants::Variant;
use paxos_core::{NodeSet, QuorumError};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Why a comparison failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The acceptors cannot form such quorums.
    #[error("--quorum {choice} with {acceptors} acceptors: {source}")]
    Quorum {
        /// The quorums.
        choice: QuorumChoice,
        /// The number of acceptors.
        acceptors: u16,
        /// The cause.
        source: QuorumError,
    },
    /// Fast Paxos is among the variants, and the quorum system has no fast quorums.
    #[error(
        "--quorum {0} has no fast quorums; give fast-flexible:Q1,Q2,FAST or another system that has them, or leave `fast` out of --variants"
    )]
    NoFastQuorum(QuorumChoice),
    /// There are more acceptors than sites.
    #[error(
        "{wanted} acceptors need as many sites, and only {known} are known; name a file with more sites with --rtt-file, or use fewer acceptors"
    )]
    Sites {
        /// The number of acceptors.
        wanted: usize,
        /// The number of known sites.
        known: usize,
    },
    /// An option that has no effect.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The sites or the round trips are wrong.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// No row fits all options.
    #[error(
        "no row fits these options: Simple Paxos is collapsed and distinguished only; widen --roles, --learning or --variants"
    )]
    Nothing,
    /// Rows differ from their predictions or broke an invariant.
    #[error("{differs} of {rows} rows are not as predicted or broke an invariant; they are marked above")]
    Differs {
        /// The number of such rows.
        differs: usize,
        /// The number of all rows.
        rows: usize,
    },
    /// A count failed.
    #[error(transparent)]
    Count(#[from] CountError),
    /// A run failed.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// The results cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl CompareError {
    /// Whether the command line is at fault, and not a result.
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Self::Differs { .. } | Self::Count(CountError::Violation(_) | CountError::Undecided(_))
        )
    }
}

/// Measures every row. `progress` is called before each row.
///
/// # Errors
/// [`CompareError`]. If the command line is at fault, nothing is run.
pub fn compare(options: &Compare, progress: Progress<'_>) -> Result<Vec<Row>, CompareError> {
    let plan = Plan::new(options)?;
    let mut rows = Vec::new();
    for (shape, run) in &plan.counts {
        progress(format!("counting {} {} n={}", shape.variant, shape.layout, shape.acceptors));
        rows.push(counts::measure(*shape, *run, options.seed)?.into());
    }
    for placement in plan.placements() {
        progress(format!("measuring {} over {} sites", placement.variant, plan.world.sites().len()));
        rows.push(wide::measure(placement)?.into());
    }
    for trial in plan.trials() {
        progress(format!("running {} under {}", trial.shape.variant, trial.scenario.name()));
        rows.push(trial.run()?.row.into());
    }
    Ok(rows)
}

/// The checked plan of what to measure.
struct Plan<'a> {
    options: &'a Compare,
    counts: Vec<(Shape, Run)>,
    world: RttMatrix,
    leader: Option<usize>,
    traces: Vec<Option<PathBuf>>,
}

impl<'a> Plan<'a> {
    fn new(options: &'a Compare) -> Result<Self, CompareError> {
        let world = match &options.rtt_file {
            None => RttMatrix::aws(),
            Some(file) => RttMatrix::from_file(file)?,
        };
        let world = match (&options.sites[..], &options.rtt_file) {
            ([], None) => first_sites(&world, options.quorum.made_for())?,
            ([], Some(_)) => world,
            (sites, _) => world.select(sites)?,
        };
        let leader = options.leader.as_ref().map(|site| world.index_of(site)).transpose()?;
        let mut counts = count_rows(options);
        counts.retain(|(shape, run)| counts::ends_by_itself(*shape, *run));
        if counts.is_empty() {
            return Err(CompareError::Nothing);
        }
        if !options.learners.is_empty() && counts.iter().all(|(shape, _)| shape.layout == Layout::Collapsed) {
            return Err(Misfit::learners().into());
        }
        if !options.collision.is_empty() && !options.variants.iter().any(|variant| variant.traits().fast) {
            return Err(Misfit::collision(&options.variants).into());
        }
        let traces = options.variants.iter().map(|v| trace_file(options, *v)).collect();
        let plan = Self { options, counts, world, leader, traces };
        plan.check_quorums()?;
        plan.check_files()?;
        Ok(plan)
    }

    /// Checks whether the results can be written, before a run that takes a while.
    fn check_files(&self) -> Result<(), CompareError> {
        for path in self.traces.iter().flatten() {
            let wrong = |source| TrialError::Trace { path: path.display().to_string(), source };
            File::options().append(true).create(true).open(path).map_err(wrong)?;
        }
        let Some(dir) = &self.options.out else { return Ok(()) };
        let wrong = |source| ReportError::Directory { dir: dir.clone(), source };
        Ok(fs::create_dir_all(dir).map_err(wrong)?)
    }

    fn check_quorums(&self) -> Result<(), CompareError> {
        let choice = self.options.quorum;
        let sizes = self.counts.iter().map(|(shape, _)| shape.acceptors);
        let fast = self.options.variants.iter().any(|v| v.traits().fast);
        for acceptors in sizes.chain([self.trial_acceptors(), self.world.sites().len() as u16]) {
            let system = choice.over(NodeSet::first(acceptors)).map_err(|source| CompareError::Quorum {
                choice,
                acceptors,
                source,
            })?;
            if fast && !system.has_fast_rounds() {
                return Err(CompareError::NoFastQuorum(choice));
            }
        }
        Ok(())
    }

    fn trial_acceptors(&self) -> u16 {
        let usual = self.options.quorum.made_for().unwrap_or(5);
        self.options.acceptors.first().copied().unwrap_or(usual)
    }

    /// The placements to measure: with each learning, so that variants can be compared with the same one. The leader is
    /// at the named site; if none is named, at the first and at the best one.
    fn placements(&self) -> Vec<Placement<'_>> {
        let mut all = Vec::new();
        for variant in &self.options.variants {
            for learning in learnings(self.options) {
                if variant.placed(Layout::Collapsed, learning).1 != learning {
                    continue;
                }
                let flexible = variant.traits().fast && self.options.quorum == QuorumChoice::Majority;
                for flexible in [false, true].into_iter().take(1 + usize::from(flexible)) {
                    let place = |leader| Placement {
                        world: &self.world,
                        variant: *variant,
                        learning,
                        leader,
                        quorum: self.options.quorum,
                        flexible,
                        seed: self.options.seed,
                    };
                    let first = place(self.leader.unwrap_or(0));
                    all.push(first);
                    let best = wide::best_leader(first).filter(|best| *best != 0 && first.is_led());
                    all.extend(best.filter(|_| self.leader.is_none()).map(place));
                }
            }
        }
        all
    }

    fn trials(&self) -> impl Iterator<Item = Trial<'_>> {
        self.options.variants.iter().zip(&self.traces).flat_map(|(variant, trace)| {
            [(Scenario::Contention, None), (Scenario::Crash, trace.as_deref())]
                .map(|(scenario, trace)| self.trial(*variant, scenario, trace))
        })
    }

    fn trial<'p>(&'p self, variant: Variant, scenario: Scenario, trace_out: Option<&'p Path>) -> Trial<'p> {
        let options = self.options;
        let (layout, learning) = variant.placed(
            options.roles.first().copied().unwrap_or(Layout::Collapsed),
            options.learning.first().copied().unwrap_or(Learning::Distinguished),
        );
        Trial {
            shape: Shape {
                variant,
                layout,
                learning,
                acceptors: self.trial_acceptors(),
                learners: options.learners.first().copied().unwrap_or(2),
                thrifty: options.thrifty,
                quorum: options.quorum,
            },
            recovery: options.collision.iter().find_map(|c| c.recovery()).unwrap_or(Recovery::Coordinated),
            scenario,
            clients: 3,
            commands: options.commands,
            snapshot_every: 0,
            seed: options.seed,
            trace_out,
            draw: None,
        }
    }
}

/// Five sites on three continents, or as many as the quorums are made for: these five first, then others.
pub(crate) fn first_sites(world: &RttMatrix, wanted: Option<u16>) -> Result<RttMatrix, CompareError> {
    let others = world.sites().iter().map(String::as_str).filter(|site| !FIVE_SITES.contains(site));
    let all: Vec<&str> = FIVE_SITES.into_iter().chain(others).collect();
    let wanted = wanted.map_or(FIVE_SITES.len(), usize::from);
    let sites = all.get(..wanted).ok_or(CompareError::Sites { wanted, known: all.len() })?;
    Ok(world.select(sites)?)
}

/// Every count row that fits the options.
fn count_rows(options: &Compare) -> Vec<(Shape, Run)> {
    let or =
        |given: &[u16], default: &[u16]| if given.is_empty() { default.to_vec() } else { given.to_vec() };
    let layouts = if options.roles.is_empty() {
        vec![Layout::Separate, Layout::Collapsed]
    } else {
        options.roles.clone()
    };
    let learnings = learnings(options);
    let usual = options.quorum.made_for().map_or(vec![3, 4, 5, 7, 9], |n| vec![n]);
    let mut rows = Vec::new();
    for variant in &options.variants {
        for run in variant.traits().runs.iter().copied().filter(|run| is_wanted(*run, &options.collision)) {
            for layout in &layouts {
                for learning in &learnings {
                    if variant.placed(*layout, *learning) != (*layout, *learning) {
                        continue;
                    }
                    for acceptors in or(&options.acceptors, &usual) {
                        for learners in learner_counts(*layout, acceptors, &or(&options.learners, &[1, 3])) {
                            let (variant, layout, learning) = (*variant, *layout, *learning);
                            let (thrifty, quorum) = (options.thrifty, options.quorum);
                            let shape =
                                Shape { variant, layout, learning, acceptors, learners, thrifty, quorum };
                            rows.push((shape, run));
                        }
                    }
                }
            }
        }
    }
    rows
}

/// Which processes hear votes: as asked for, or both ways.
fn learnings(options: &Compare) -> Vec<Learning> {
    if options.learning.is_empty() {
        vec![Learning::Everyone, Learning::Distinguished]
    } else {
        options.learning.clone()
    }
}

/// The numbers of learners to measure. In the collapsed layout every server learns.
fn learner_counts(layout: Layout, acceptors: u16, learners: &[u16]) -> Vec<u16> {
    if layout == Layout::Collapsed { vec![acceptors] } else { learners.to_vec() }
}

fn is_wanted(run: Run, collisions: &[Collision]) -> bool {
    match run {
        Run::Fast => collisions.is_empty() || collisions.contains(&Collision::None),
        Run::FastCollision(recovery) => {
            collisions.is_empty() || collisions.iter().any(|c| c.recovery() == Some(recovery))
        }
        Run::Basic | Run::MultiFirst | Run::MultiSteady => true,
    }
}

/// The trace file of a variant: `run.jsonl`, or `run.fast.jsonl` if there are several variants.
fn trace_file(options: &Compare, variant: Variant) -> Option<PathBuf> {
    let file = options.trace_out.as_ref()?;
    if options.variants.len() == 1 {
        return Some(file.clone());
    }
    let extension = file.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    Some(file.with_extension("").with_extension(format!("{variant}{extension}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// A command line with only these options.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        compare: Compare,
    }

    #[test]
    fn files_that_cannot_be_written_are_refused_before_anything_runs() {
        for option in ["--trace-out", "--out"] {
            let line = Line::parse_from(["compare", option, "/dev/null/below"]);
            let refused = compare(&line.compare, &mut |step| panic!("{option}: {step}"));
            let error = refused.expect_err("nothing can be there");
            assert!(error.is_input() && error.to_string().contains("/dev/null/below"), "{error}");
        }
    }
}
