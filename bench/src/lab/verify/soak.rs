//! `paxos-bench soak`: draws a cluster, a workload and mishaps from each seed and runs them, with every invariant
//! checked after every event. A failure is reduced to the mishaps that it needs.
//!
//! ```text
//! mishap   what may go wrong          trial    one run                   tally   what was reached, and the report
//! plan     what a seed stands for     effect   which mishaps did a thing  steer   more runs where few have been
//! outcome  what a run comes to        shrink   less that still fails      settings   how the cluster is configured
//! journal  finished blocks on disk    error    why it cannot begin
//! ```

mod effect;
mod error;
mod journal;
mod mishap;
mod outcome;
mod plan;
mod settings;
mod shrink;
mod steer;
mod tally;
#[cfg(test)]
mod tests;
mod trial;

pub use effect::Effect;
pub use error::SoakError;
pub use mishap::{Kind, Mishap};
pub use outcome::{Ends, Ran, Wrong};
pub use plan::Plan;
pub use settings::Settings;
pub use tally::{About, Failure, Tally};
pub use trial::run;

use crate::lab::faults::Drawing;
use crate::load::Form;
use crate::options::arguments::{shard, whole};
use crate::variants::Variant;
use clap::{Args, ValueEnum};
use journal::{BLOCK, Journal};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The end of the help text.
pub const HELP: &str = "\
A seed determines the whole run: the variant, the number of acceptors, their quorums and roles, who leads and how decisions are told,
limits, disks, clocks, clients, reads, and mishaps, each with its time: loss up to 30 %, duplication up to 50 %, late messages, one-way
and partial cuts, crashes of one or all processes, restarts of one server after the other, pauses, slow processes, clocks that stop or
jump, disks that stall or are full, leadership transfers, members that are replaced or come and go, and disks that are lost, restored
from a copy or exchanged. After 1.5 s of virtual time there are no more mishaps: every command must be answered, every read must end,
and all replicas must agree.

A mishap that does nothing, such as a crash of a process that is down, is drawn but not counted as one that took effect. Two kinds
met if both were in effect at the same time.

Every hundredth seed is run twice, and both runs must be equal. A seed that fails is run again with fewer mishaps as long as it fails
in the same way; the command that repeats the smallest failure is printed.

  paxos-bench soak                                    10,000 seeds, on all cores
  paxos-bench soak --seeds 0..1000000 --shard 2/4 --journal soak2.jsonl      the second quarter of a million
  paxos-bench soak --merge soak1.jsonl soak2.jsonl soak3.jsonl soak4.jsonl   the four quarters together
  paxos-bench soak --seeds 7 --draw ascii             one seed: a description and a drawing of its run
  paxos-bench soak --planted lying-disks              what a failure looks like
  paxos-bench soak --seeds 0..100000 --steer          half of the runs are variations of seeds that reached something rare

Exit codes: 0 no run failed, 1 a run failed, 2 the command line is wrong.";

/// Which seeds to run, and how.
#[derive(Clone, Debug, Args)]
pub struct Soak {
    /// One seed, or the seeds from A to the one before B
    #[arg(long, default_value = "0..10000", value_name = "A..B", value_parser = seeds)]
    pub seeds: Range<u64>,
    /// Only every Nth seed, from the Kth on, to share the seeds among N machines
    #[arg(long, default_value = "1/1", value_name = "K/N", value_parser = shard)]
    pub shard: (u64, u64),
    /// Add each finished block of 1,000 runs to this file, and go on behind those that are there
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Run nothing: put the journals of all shares together
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = [
        "seeds", "shard", "journal", "jobs", "variant", "only", "draw", "steer", "vary", "planted", "failures",
    ])]
    pub merge: Vec<PathBuf>,
    /// How many runs at a time [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Only this variant
    #[arg(long)]
    pub variant: Option<Variant>,
    /// Only the mishaps with these numbers, of a single seed
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub only: Option<Vec<usize>>,
    /// Draw the run of a single seed
    #[arg(long, value_enum, value_name = "FORM")]
    pub draw: Option<Drawing>,
    /// Spend half of the runs on variations of seeds that reached what few runs reach
    #[arg(long)]
    pub steer: bool,
    /// This variation of a single seed: the same cluster and mishaps at other times
    #[arg(long, default_value = "0", value_name = "N", value_parser = whole)]
    pub vary: u64,
    /// Plant a mistake on purpose, to see it found
    #[arg(long, value_enum)]
    pub planted: Option<Planted>,
    /// Stop after this many failures
    #[arg(long, default_value = "1", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub failures: u64,
    /// How to print the results
    #[arg(long, value_enum, default_value = "table")]
    pub format: Form,
}

/// The mistakes that can be planted on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Planted {
    /// Disks report writes as durable that are not durable
    LyingDisks,
    /// No process notices that a disk was lost or replaced
    UnnoticedAmnesia,
}

impl Planted {
    /// The name of the mistake on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LyingDisks => "lying-disks",
            Self::UnnoticedAmnesia => "unnoticed-amnesia",
        }
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = match text.split_once("..") {
        None => whole(text).and_then(|seed| Ok(seed..seed.checked_add(1).ok_or("that is the last seed")?)),
        Some((first, end)) => Ok(whole(first)?..whole(end)?),
    }?;
    if range.is_empty() {
        Err("the first seed must be before the end, as in 0..10000".into())
    } else {
        Ok(range)
    }
}

impl Soak {
    /// The plan of the `nth` seed of this shard, if there is one.
    fn plan(&self, nth: u64) -> Option<Plan> {
        let (k, n) = self.shard;
        let seed = nth.checked_mul(n)?.checked_add(k - 1)?.checked_add(self.seeds.start)?;
        self.seeds.contains(&seed).then(|| Plan::draw(seed, self.variant, self.planted))
    }

    fn count(&self) -> u64 {
        let (k, n) = self.shard;
        (self.seeds.end - self.seeds.start).saturating_sub(k - 1).div_ceil(n)
    }

    fn is_single(&self) -> bool {
        self.seeds.end - self.seeds.start == 1
    }
}

/// Runs the seeds.
///
/// # Errors
/// [`SoakError`] if the options do not fit together.
pub fn soak(options: &Soak, progress: &(dyn Fn(String) + Sync)) -> Result<Tally, SoakError> {
    if !options.merge.is_empty() {
        return journal::merge(&options.merge);
    }
    let about_one = [
        ("--only", options.only.is_some()),
        ("--draw", options.draw.is_some()),
        ("--vary", options.vary > 0),
    ];
    if let Some((name, _)) = about_one.into_iter().find(|(_, given)| *given && !options.is_single()) {
        return Err(SoakError::OneSeed(name));
    }
    let about_many = [
        ("--shard", options.shard != (1, 1)),
        ("--steer", options.steer),
        ("--journal", options.journal.is_some()),
    ];
    if let Some((name, _)) = about_many.into_iter().find(|(_, given)| *given && options.is_single()) {
        return Err(SoakError::ManySeeds(name));
    }
    if options.steer && options.journal.is_some() {
        return Err(SoakError::Steered);
    }
    let about = About::new(options)?;
    let tally = if options.is_single() {
        one(options)?
    } else if options.steer {
        steered(options, progress)
    } else {
        let journal = options.journal.as_deref().map(|path| Journal::open(path, &about)).transpose()?;
        many(options, journal, progress)?
    };
    Ok(Tally { about: Some(about), ..tally })
}

/// Runs a single seed and describes its run in full.
fn one(options: &Soak) -> Result<Tally, SoakError> {
    let mut plan = Plan::draw(options.seeds.start, options.variant, options.planted).varied(options.vary);
    if let Some(only) = &options.only {
        let mishaps = plan.mishaps.len();
        if let Some(number) = only.iter().copied().find(|number| *number >= mishaps) {
            return Err(SoakError::NoMishap { mishaps, number });
        }
        plan = plan.with_only(only);
    }
    let ran = run(&plan, options.draw);
    let mut tally = Tally { told: Some(plan.to_string()), drawing: ran.drawing.clone(), ..Tally::default() };
    tally.add(&plan, &ran);
    if ran.failure.is_some() {
        let failure =
            if options.only.is_some() { Failure::of(&plan, &ran) } else { shrink::shrink(&plan, &ran) };
        tally.failures.push(failure);
    }
    Ok(tally)
}

fn jobs(options: &Soak) -> usize {
    options.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// The name of the failure of a seed whose runs are not equal.
const UNEQUAL: &str = "unequal_runs";

/// Runs a plan, and again if `twice`, to see that both runs are equal.
fn tried(plan: &Plan, twice: bool) -> Ran {
    let mut ran = run(plan, None);
    if twice && ran.failure.is_none() && run(plan, None).print != ran.print {
        ran.failure = Some(Wrong::new(UNEQUAL, "two runs of this seed differ"));
    }
    ran
}

/// Runs the seeds of this share, in blocks if these are kept in a journal.
fn many(
    options: &Soak,
    mut journal: Option<Journal>,
    progress: &(dyn Fn(String) + Sync),
) -> Result<Tally, SoakError> {
    let (count, mut sum) = (options.count(), Tally::default());
    let size = if journal.is_some() { BLOCK } else { count.max(1) };
    for block in 0..count.div_ceil(size) {
        let done = journal.as_ref().and_then(|journal| journal.block(block)).cloned();
        let tally = if let Some(done) = done {
            done
        } else {
            let most = options.failures - sum.failures.len() as u64;
            let nths = block * size..count.min((block + 1) * size);
            let runs = nths.end - nths.start;
            let tally = some(options, nths, most, progress);
            // A block that ended early is run again.
            if let Some(journal) = journal.as_mut().filter(|_| tally.runs == runs) {
                journal.add(block, &tally)?;
            }
            tally
        };
        sum.join(tally);
        if sum.failures.len() as u64 >= options.failures {
            break;
        }
    }
    sum.failures.sort_by_key(|failure| failure.seed);
    Ok(sum)
}

/// Runs some seeds of this share, until `most` fail.
fn some(options: &Soak, nths: Range<u64>, most: u64, progress: &(dyn Fn(String) + Sync)) -> Tally {
    let (next, done, stop) = (AtomicU64::new(nths.start), AtomicU64::new(nths.start), AtomicBool::new(false));
    let sum = Mutex::new(Tally::default());
    let count = options.count();
    let work = || {
        let mut own = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(plan) = options.plan(nth).filter(|_| nths.contains(&nth)) else { break };
            let ran = tried(&plan, nth % 100 == 0);
            own.replayed += u64::from(nth % 100 == 0);
            own.add(&plan, &ran);
            if ran.failure.is_some() {
                let failure = shrink::shrink(&plan, &ran);
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                sum.failures.push(failure);
                if sum.failures.len() as u64 >= most {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done % 64 == 0 {
                progress(format!("{done} of {count} seeds"));
            }
        }
        sum.lock().unwrap_or_else(PoisonError::into_inner).join(own);
    };
    thread::scope(|scope| {
        for _ in 0..jobs(options) {
            scope.spawn(work);
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Makes as many runs as there are seeds, in rounds. Each round but the first is decided by those before it.
fn steered(options: &Soak, progress: &(dyn Fn(String) + Sync)) -> Tally {
    let (mut steering, mut sum) = (steer::Steering::default(), Tally::default());
    let (count, mut fresh, mut variations) = (options.count(), 0, 0);
    while sum.runs < count && (sum.failures.len() as u64) < options.failures {
        let size = (count - sum.runs).min(steer::round(count)) as usize;
        let varied = steering.variations(size / 2);
        variations += varied.len() as u64;
        let mut plans: Vec<Plan> = Vec::with_capacity(size);
        while plans.len() + varied.len() < size {
            let Some(plan) = options.plan(fresh) else { break };
            plans.push(plan);
            fresh += 1;
        }
        let draw = |(seed, vary)| Plan::draw(seed, options.variant, options.planted).varied(vary);
        plans.extend(varied.into_iter().map(draw));
        for plan in &mut plans {
            plan.steered = true;
        }
        for (nth, (plan, ran)) in plans.iter().zip(round(&plans, jobs(options))).enumerate() {
            sum.replayed += u64::from(nth.is_multiple_of(100));
            sum.add(plan, &ran);
            steering.note(plan, &ran);
            if ran.failure.is_some() {
                sum.failures.push(shrink::shrink(plan, &ran));
            }
        }
        progress(format!("{} of {count} runs", sum.runs));
    }
    sum.steered = Some((variations, steering.features()));
    sum
}

/// Runs these plans, in several threads, and returns the results in their order.
fn round(plans: &[Plan], jobs: usize) -> Vec<Ran> {
    let next = AtomicU64::new(0);
    let results: Vec<Mutex<Ran>> = plans.iter().map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(plan) = plans.get(nth) else { break };
            *results[nth].lock().unwrap_or_else(PoisonError::into_inner) =
                tried(plan, nth.is_multiple_of(100));
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    results.into_iter().map(|ran| ran.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}
