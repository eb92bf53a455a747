//! `paxos-bench quorums`: how quorum systems affect fault tolerance, load, latency and collisions.

mod collisions;
mod latency;
mod report;
#[cfg(test)]
mod tests;

pub use collisions::{Collisions, collide, fast_chance};
pub use latency::{Journey, mean_ms};
use report::MERITS;
pub use report::{SystemRow, render};

use crate::lab::compare::{CompareError, first_sites};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::Format;
use crate::lab::wide::{self, Placement};
use crate::options::arguments::{Misfit, Progress, whole};
use crate::theory::Learning;
use crate::theory::matrix::RttMatrix;
use crate::variants::Variant;
use clap::Args;
use paxos_core::{NodeSet, Phase};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The end of the command's help text.
pub const HELP: &str = "\
Without --quorum: the quorum systems by number, (Q1, Q2c, Q2f). Q1 acceptors promise in phase 1, Q2c vote in a classic
ballot, Q2f in a fast ballot. A system is legal if Q1 + Q2c > n and Q1 + 2 Q2f > 2n. Quorums larger than necessary have
no advantage, so for each Q1 only the smallest are listed, unless --all asks for every legal system.

With --quorum: only this system, with its smallest quorums.

The columns:
  Q1, Q2c, Q2f  the number of acceptors in the smallest quorums of each phase
  survives      how many acceptors may fail, whichever they are, with a quorum of each phase left
  load          the share of quorums that the busiest acceptor is in, if quorums are picked in the best way
  classic       the mean latency of Multi-Paxos over a client at each site, simulated = predicted; every server hears
                the votes, and a client is answered by the one beside it
  fast          the same for Fast Paxos without a collision
  collision     the chance that a fast ballot decides neither of two commands at the same time, if each acceptor
                hears either first with equal chance; with --collisions, also how often this happened in the simulator
  ●             on the Pareto front: no other listed system with as many acceptors is at least as good in
                survives, the loads of phase 2, classic, fast and collision, and better in one of these

Examples:
  paxos-bench quorums --acceptors 7
  paxos-bench quorums --acceptors 5 --all --format csv
  paxos-bench quorums --quorum zones:3,3,3/3.2,1.2
  paxos-bench quorums --quorum majority --acceptors 3,4,5,7 --collisions 100000

Exit codes: 0 all is as predicted, 1 a latency or a share of collisions is not, 2 the command line or a file is wrong, or
quorums do not intersect as they must; the error names them.";

/// Which quorum systems to survey.
#[derive(Debug, Args)]
pub struct Survey {
    /// Numbers of acceptors [default: 5, or as many as --quorum is made for]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=32), value_name = "N")]
    pub acceptors: Vec<u16>,
    /// Only this quorum system, not all by number: majority, flexible:Q1,Q2, fast-flexible:Q1,Q2,FAST, weighted:…,
    /// grid:RxC, zones:…, sets:… or rule:… (docs/quorums.md says how to write them)
    #[arg(long, value_name = "QUORUMS")]
    pub quorum: Option<QuorumChoice>,
    /// List every legal (Q1, Q2c, Q2f), not only the smallest
    #[arg(long, conflicts_with = "quorum")]
    pub all: bool,
    /// Sites of the acceptors, with a client at each [default: as many AWS regions, first five on three continents]
    #[arg(long, value_delimiter = ',', value_name = "SITE")]
    pub sites: Vec<String>,
    /// Round trips between sites in ms, as CSV with a header of site names [default: 13 AWS regions, built in]
    #[arg(long, value_name = "FILE")]
    pub rtt_file: Option<PathBuf>,
    /// The leader's site [default: the one with the lowest mean]
    #[arg(long, value_name = "SITE")]
    pub leader: Option<String>,
    /// Also let this many pairs of commands collide in the simulator, for each size of fast quorums
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N", value_parser = whole)]
    pub collisions: u64,
    /// The seed of all random choices
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl Survey {
    /// Checks that at most as many sites are named as there are acceptors.
    pub(crate) fn check_sites(&self, most: u16) -> Result<(), Misfit> {
        if self.sites.len() <= usize::from(most) {
            return Ok(());
        }
        let because = format!("beyond the first {most}, because each acceptor has one site");
        let option = format!("--sites with {} sites", self.sites.len());
        Err(Misfit::new(option, because, format!("give --acceptors {}", self.sites.len())))
    }

    /// Checks that commands can collide in one of the quorum systems.
    pub(crate) fn check_collisions(&self, fast: bool) -> Result<(), Misfit> {
        if self.collisions == 0 || fast {
            return Ok(());
        }
        let instead = "name a system with fast quorums and several acceptors";
        Err(Misfit::new("--collisions", "without fast ballots of several acceptors", instead))
    }
}

/// Surveys every system that the command line asks for. `progress` is called before each system.
///
/// # Errors
/// [`CompareError`]. If the command line is at fault, nothing is run.
pub fn survey(options: &Survey, progress: Progress<'_>) -> Result<Vec<SystemRow>, CompareError> {
    let world = match &options.rtt_file {
        None => RttMatrix::aws(),
        Some(file) => RttMatrix::from_file(file)?,
    };
    survey_over(options, &world, progress)
}

/// The same with these round trips, whatever file the options name.
pub(crate) fn survey_over(
    options: &Survey,
    world: &RttMatrix,
    progress: Progress<'_>,
) -> Result<Vec<SystemRow>, CompareError> {
    let usual = options.quorum.and_then(QuorumChoice::made_for).unwrap_or(5);
    let acceptors = if options.acceptors.is_empty() { vec![usual] } else { options.acceptors.clone() };
    options.check_sites(acceptors.iter().copied().max().unwrap_or(usual))?;
    let (mut views, mut can_collide) = (Vec::new(), false);
    for n in acceptors {
        let choices = options.quorum.map_or_else(|| by_number(usize::from(n), options.all), |one| vec![one]);
        for choice in &choices {
            let unlawful = |source| CompareError::Quorum { choice: *choice, acceptors: n, source };
            can_collide |= choice.over(NodeSet::first(n)).map_err(unlawful)?.has_fast_rounds() && n > 1;
        }
        views.push((View::new(options, world, n)?, choices));
    }
    options.check_collisions(can_collide)?;
    let mut rows = Vec::new();
    for (mut view, choices) in views {
        let mut of_this = Vec::new();
        for choice in choices {
            progress(format!("{choice} of {} acceptors", view.n));
            of_this.push(view.row(choice)?);
        }
        mark_front(&mut of_this);
        rows.extend(of_this);
    }
    Ok(rows)
}

/// The legal systems by number: for each size of phase 1 quorums, those with the smallest other quorums, or all.
fn by_number(n: usize, all: bool) -> Vec<QuorumChoice> {
    let mut choices = Vec::new();
    for q1 in 1..=n {
        let (q2, fast) = (n + 1 - q1, (2 * n - q1) / 2 + 1);
        let last = |smallest: usize| if all { n } else { smallest };
        for q2 in q2..=last(q2) {
            choices.extend((fast..=last(fast)).map(|fast| QuorumChoice::FastFlexible(q1, q2, fast)));
        }
    }
    choices
}

/// The acceptors at their sites, and the measurements made there.
struct View<'a> {
    options: &'a Survey,
    n: u16,
    world: RttMatrix,
    leader: Option<usize>,
    /// Mean latencies by variant and by what the latency depends on: the quorums and the leader.
    measured: BTreeMap<(Variant, String, usize), f64>,
    collided: BTreeMap<String, Collisions>,
}

impl<'a> View<'a> {
    fn new(options: &'a Survey, world: &RttMatrix, n: u16) -> Result<Self, CompareError> {
        let usual = *world == RttMatrix::aws();
        let world = if options.sites.is_empty() { world.clone() } else { world.select(&options.sites)? };
        let (wanted, known) = (usize::from(n), world.sites().len());
        let world = if options.sites.is_empty() && usual {
            first_sites(&world, Some(n))?
        } else {
            let names = world.sites().get(..wanted).ok_or(CompareError::Sites { wanted, known })?.to_vec();
            world.select(&names)?
        };
        let leader = options.leader.as_ref().map(|site| world.index_of(site)).transpose()?;
        Ok(Self { options, n, world, leader, measured: BTreeMap::new(), collided: BTreeMap::new() })
    }

    fn row(&mut self, choice: QuorumChoice) -> Result<SystemRow, CompareError> {
        let acceptors = NodeSet::first(self.n);
        let unlawful = |source| CompareError::Quorum { choice, acceptors: self.n, source };
        let quorums = choice.over(acceptors).map_err(unlawful)?;
        let has_fast = quorums.has_fast_rounds();
        let leader = self.leader.unwrap_or_else(|| latency::best_leader(&self.world, &*quorums));
        let classic = mean_ms(&self.world, &*quorums, Journey::Classic { leader });
        let fast = has_fast.then(|| mean_ms(&self.world, &*quorums, Journey::Fast));

        let mut row = SystemRow {
            quorum: choice.to_string(),
            acceptors: usize::from(self.n),
            sites: self.world.sites().to_vec(),
            leader: self.world.sites()[leader].clone(),
            predicted_classic_ms: classic,
            classic_ms: self.measured(Variant::Multi, choice, leader)?,
            predicted_fast_ms: fast,
            fast_ms: if has_fast { Some(self.measured(Variant::Fast, choice, 0)?) } else { None },

            ..SystemRow::default()
        };
        row.measure(&*quorums, choice.counts(acceptors).as_ref(), self.options.quorum.is_some());
        if has_fast && self.options.collisions > 0 && self.n > 1 {
            let collided = self.collided(choice)?;
            (row.collisions, row.undecided) = (Some(collided.collisions), Some(collided.undecided));
        }
        Ok(row)
    }

    /// The simulated mean latency over all sites. Systems that do not differ in what matters share one simulation.
    fn measured(
        &mut self,
        variant: Variant,
        choice: QuorumChoice,
        leader: usize,
    ) -> Result<f64, CompareError> {
        let phase = if variant.traits().fast { Phase::TwoFast } else { Phase::TwoClassic };
        let key = (variant, self.what_matters(choice, phase), leader);
        if let Some(known) = self.measured.get(&key) {
            return Ok(*known);
        }
        let placement = Placement {
            world: &self.world,
            variant,
            // The same for both, so that they can be compared.
            learning: Learning::Everyone,
            leader,
            quorum: choice,
            flexible: false,
            seed: self.options.seed,
        };
        let mean_ms = wide::measure(placement)?.mean_ms;
        self.measured.insert(key, mean_ms);
        Ok(mean_ms)
    }

    fn collided(&mut self, choice: QuorumChoice) -> Result<Collisions, CompareError> {
        let key = self.what_matters(choice, Phase::TwoFast);
        if let Some(known) = self.collided.get(&key) {
            return Ok(*known);
        }
        let collided = collide(choice, self.n, self.options.collisions, self.options.seed)?;
        self.collided.insert(key, collided);
        Ok(collided)
    }

    /// What a measurement depends on: of a system by number, only the size of this phase's quorums.
    fn what_matters(&self, choice: QuorumChoice, phase: Phase) -> String {
        let size = choice.counts(NodeSet::first(self.n)).and_then(|counts| counts.size(phase));
        size.map_or_else(|| choice.to_string(), |size| size.to_string())
    }
}

/// Marks the rows on the Pareto front: no other row is at least as good in everything and better in something.
fn mark_front(rows: &mut [SystemRow]) {
    let several = rows.len() > 1;
    let merits: Vec<[f64; MERITS]> = rows.iter().map(SystemRow::merits).collect();
    let beats = |a: &[f64; MERITS], b: &[f64; MERITS]| {
        a.iter().zip(b).all(|(a, b)| a >= b) && a.iter().zip(b).any(|(a, b)| a > b)
    };
    for (row, own) in rows.iter_mut().zip(&merits) {
        row.front = several && !merits.iter().any(|other| beats(other, own));
    }
}
