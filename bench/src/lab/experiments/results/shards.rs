//! Puts the results of all shards together, and says what is wrong with them.

use super::journal::{self, Journal, Line, Origin};
use crate::lab::experiments::lab::{Lab, Shard};
use crate::lab::experiments::{EXPERIMENTS, Experiment, Findings, LabError, Setting};
use crate::options::arguments::Progress;
use crate::theory::matrix::RttMatrix;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The findings of the experiments that have results in these directories, and the setting in which they were made.
/// The round trips are not stored with the results, so they are given.
///
/// # Errors
/// [`LabError::Shards`] if a shard is missing, unfinished, there twice, or of another version, seed or setting.
pub(in crate::lab::experiments) fn merge(
    dirs: &[PathBuf],
    world: RttMatrix,
    progress: Progress<'_>,
) -> Result<(Setting, Vec<(Experiment, Findings)>), LabError> {
    let mut shards = Shards::default();
    for dir in dirs {
        let before = shards.files;
        for experiment in EXPERIMENTS {
            shards.read(*experiment, dir)?;
        }
        // A misspelt directory must not go unnoticed.
        if shards.files == before {
            shards.faults.push(format!("there are no results in {}", dir.display()));
        }
    }
    let Some((first, origin)) = shards.first.clone() else {
        if shards.faults.is_empty() {
            shards
                .faults
                .push("no run is finished: start the experiments again with the same --out".to_owned());
        }
        return Err(LabError::Shards(shards.faults));
    };
    let setting = Setting { quick: origin.quick, seed: origin.seed, world };
    // Whatever build makes the page, the results are as their shards found them.
    let Some(any) = EXPERIMENTS.iter().max_by_key(|experiment| experiment.sites) else {
        return Ok((setting, Vec::new()));
    };
    let own = Origin::new(&setting, any)?;
    let origin = origin.with_round_trips_of(&own);
    if let Some(difference) = origin.difference(&own.built_as(&origin)) {
        shards.faults.push(format!("{first} has {difference} as this program and --rtt-file have"));
    }
    if own != own.built_as(&origin) {
        shards.other_build = Some(first);
    }
    if !shards.faults.is_empty() {
        return Err(LabError::Shards(shards.faults));
    }
    shards.findings(&setting, progress).map(|all| (setting, all))
}

/// The results of the shards, and what is wrong with them.
#[derive(Default)]
struct Shards {
    /// The first file, and the origin of its results.
    first: Option<(String, Origin)>,
    /// The first file, if another build than this one has made the results.
    other_build: Option<String>,
    /// The number of files.
    files: usize,
    /// The number of shards of each experiment, once it is known, and the file that has it.
    n: BTreeMap<&'static str, (u64, String)>,
    /// The shards that have a result, with their numbers of shards.
    present: BTreeSet<(u64, u64)>,
    lines: BTreeMap<&'static str, BTreeMap<usize, (PathBuf, Line)>>,
    faults: Vec<String>,
}

impl Shards {
    /// Reads the results of an experiment in this directory, if there are any.
    fn read(&mut self, experiment: Experiment, dir: &Path) -> Result<(), LabError> {
        let own = dir.join(experiment.name);
        if !own.is_dir() {
            return Ok(());
        }
        for path in journal::files(&own)? {
            self.files += 1;
            // A shard without a run of the experiment has a file without lines.
            let known = self.lines.entry(experiment.name).or_default();
            let mut twice = 0;
            for line in journal::read(&path)? {
                let name = path.display();
                let (k, n) = line.shard;
                let (first, origin) =
                    self.first.get_or_insert_with(|| (name.to_string(), line.origin.clone())).clone();
                if let Some((_, kept)) = &mut self.first {
                    *kept = origin.clone().with_round_trips_of(&line.origin);
                }
                let (of, like) =
                    self.n.entry(experiment.name).or_insert_with(|| (n, name.to_string())).clone();
                let fault = if let Some(difference) = line.origin.difference(&origin) {
                    Some(format!("{name} has {difference} as in {first}: delete the one that is out of date"))
                } else if n != of {
                    Some(format!("{name} is one of {n} shards, {like} one of {of}: delete one of them"))
                } else {
                    None
                };
                if let Some(fault) = fault {
                    self.faults.push(fault);
                    break;
                }
                self.present.insert((k, n));
                if let Some((other, _)) = known.get(&line.number) {
                    twice += 1;
                    if twice == 1 {
                        self.faults.push(format!(
                            "shard {k}/{n} of {} is there twice: in {} and in {name}",
                            experiment.name,
                            other.display()
                        ));
                    }
                    continue;
                }
                known.insert(line.number, (path.clone(), line));
            }
        }
        Ok(())
    }

    /// The findings from these results.
    fn findings(
        mut self,
        setting: &Setting,
        progress: Progress<'_>,
    ) -> Result<Vec<(Experiment, Findings)>, LabError> {
        // For each shard, the runs without a result and the experiments that they belong to.
        let mut missing: BTreeMap<(u64, u64), (usize, BTreeSet<&str>)> = BTreeMap::new();
        let (mut all, mut lines) = (Vec::new(), std::mem::take(&mut self.lines));
        for experiment in EXPERIMENTS {
            let Some(lines) = lines.remove(experiment.name) else { continue };
            progress(format!("the results of {}", experiment.name));
            let n = self.n.get(experiment.name).map_or(1, |(n, _)| *n);
            let mut journal = Journal::of(lines.into_values().map(|(_, line)| line));
            let mut lab = Lab::known(experiment.name, &mut journal, &mut *progress);
            let found = (experiment.run)(setting, &mut lab);
            for run in lab.missing() {
                let (runs, names) = missing.entry((Shard::of(*run, n), n)).or_default();
                *runs += 1;
                names.insert(experiment.name);
            }
            match found {
                Ok(found) => all.push((*experiment, found)),
                Err(LabError::Elsewhere) => {}
                Err(LabError::Misfit { run, why }) => return Err(self.misfit(run, why)),
                Err(other) => return Err(other),
            }
        }
        let told = |(shard, (runs, names)): (&(u64, u64), &(usize, BTreeSet<&str>))| {
            let (k, n) = shard;
            if self.present.contains(shard) {
                let names: Vec<&str> = names.iter().copied().collect();
                let of = names.join(", ");
                format!(
                    "shard {k}/{n} is not finished, {runs} runs of {of} are missing: start it again with the same --out"
                )
            } else {
                format!("shard {k}/{n} is missing")
            }
        };
        let mut faults: Vec<String> = missing.iter().map(told).collect();
        if let (Some(first), 1..) = (&self.other_build, faults.len()) {
            faults.push(format!("another build has made {first}: use that build, which may make other runs"));
        }
        if faults.is_empty() { Ok(all) } else { Err(LabError::Shards(faults)) }
    }

    /// Why a result is none of the run. Another build may have made other runs.
    fn misfit(&self, run: String, why: String) -> LabError {
        match &self.other_build {
            Some(first) => LabError::Shards(vec![format!(
                "another build has made {first}, and its result of {run:?} does not fit ({why}): make the page with that build"
            )]),
            None => LabError::Misfit { run, why },
        }
    }
}
