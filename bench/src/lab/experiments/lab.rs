//! The runs of an experiment: which of them this process makes, in how many threads, and where their results are kept.

use super::LabError;
use super::results::{Journal, Run};
use crate::options::arguments::Progress;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// A share of all runs: the `k`th of `n`, counted from 1. Run number `i`, counted from 0, belongs to `k = i mod n + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shard {
    /// The number of the share, from 1 to `n`.
    pub(super) k: u64,
    /// The number of shares.
    pub(super) n: u64,
}

impl Shard {
    /// All runs.
    pub(super) const WHOLE: Self = Self { k: 1, n: 1 };

    /// The shard of `n` that has this run.
    pub(super) const fn of(run: usize, n: u64) -> u64 {
        run as u64 % n + 1
    }
}

/// Makes the runs of one experiment, or looks their results up.
///
/// Runs are independent of each other: each is a function of its input. So they may be made in any order, by any number
/// of threads, and on several machines.
pub struct Lab<'a> {
    experiment: &'static str,
    journal: &'a mut Journal,
    /// The runs that this process makes; none if it only looks results up.
    shard: Option<Shard>,
    jobs: NonZeroUsize,
    progress: Progress<'a>,
    /// The number of runs asked for so far.
    asked: usize,
    /// The runs without a result.
    missing: Vec<usize>,
}

/// The results of some runs, in the order in which the runs were asked for.
#[must_use = "the results of the runs"]
#[derive(Debug)]
pub struct Measured<T>(Option<Vec<T>>);

impl<T> Measured<T> {
    /// The results. Ask for all runs of an experiment before you call this: a shard has only some of the results, so it
    /// stops here.
    ///
    /// # Errors
    /// [`LabError::Elsewhere`] if other shards make some of the runs.
    pub fn all(self) -> Result<Vec<T>, LabError> {
        self.0.ok_or(LabError::Elsewhere)
    }
}

impl<'a> Lab<'a> {
    /// A lab that makes the runs of this shard in so many threads, and keeps their results in the journal.
    pub(super) fn new(
        experiment: &'static str,
        journal: &'a mut Journal,
        shard: Shard,
        jobs: NonZeroUsize,
        progress: Progress<'a>,
    ) -> Self {
        let (shard, missing) = (Some(shard), Vec::new());
        Self { experiment, journal, shard, jobs, progress, asked: 0, missing }
    }

    /// A lab that makes no runs. It has the results in the journal.
    pub(super) fn known(experiment: &'static str, journal: &'a mut Journal, progress: Progress<'a>) -> Self {
        let (jobs, missing) = (NonZeroUsize::MIN, Vec::new());
        Self { experiment, journal, shard: None, jobs, progress, asked: 0, missing }
    }

    /// The number of runs without a result that belong to this shard.
    pub(super) fn left(&self, shard: Shard) -> usize {
        self.missing.iter().filter(|run| Shard::of(**run, shard.n) == shard.k).count()
    }

    /// The numbers of the runs that were asked for and have no result.
    pub(super) fn missing(&self) -> &[usize] {
        &self.missing
    }

    /// Makes a run for each input. `name` says what is run: it is shown as progress, and stored beside the result, so it
    /// has every parameter that distinguishes the run from the others.
    ///
    /// # Errors
    /// The first error of a run, or [`LabError`] if a result cannot be stored or a stored one does not fit.
    pub fn each<I: Sync, T: Serialize + DeserializeOwned>(
        &mut self,
        inputs: &[I],
        name: impl Fn(&I) -> String,
        run: impl Fn(&I) -> Result<T, LabError> + Sync,
    ) -> Result<Measured<T>, LabError> {
        let first = self.asked;
        self.asked += inputs.len();
        let runs: Vec<Run> = inputs
            .iter()
            .enumerate()
            .map(|(at, input)| Run { number: first + at, name: name(input) })
            .collect();
        let before = self.missing.len();
        self.make(&runs, &|at| runs[at].stored(&run(&inputs[at])?))?;
        if self.missing.len() > before {
            return Ok(Measured(None));
        }
        let results = runs.iter().map(|run| self.journal.result(run)).collect::<Result<_, _>>()?;
        Ok(Measured(results))
    }

    /// Makes those runs that have no result and belong to this process. It is compiled once, and not for each kind of result.
    fn make(
        &mut self,
        runs: &[Run],
        run: &(dyn Fn(usize) -> Result<Value, LabError> + Sync),
    ) -> Result<(), LabError> {
        let mut open = Vec::new();
        for (at, run) in runs.iter().enumerate() {
            match self.shard {
                _ if self.journal.has(run)? => {}
                Some(shard) if Shard::of(run.number, shard.n) == shard.k => open.push(at),
                Some(_) | None => self.missing.push(run.number),
            }
        }
        let next = AtomicUsize::new(0);
        let (tell, hear) = mpsc::channel();
        let work = |tell: mpsc::Sender<_>| {
            // A receiver that is gone has seen an error.
            while let Some(at) = open.get(next.fetch_add(1, Ordering::Relaxed))
                && tell.send((*at, run(*at))).is_ok()
            {}
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.get().min(open.len()) {
                let tell = tell.clone();
                scope.spawn(move || work(tell));
            }
            drop(tell);
            for (at, result) in hear {
                self.journal.keep(self.experiment, &runs[at], result?)?;
                (self.progress)(runs[at].name.clone());
            }
            Ok(())
        })
    }
}
