//! The results of runs, as JSON lines: one file for each shard of an experiment. A run whose result is there is not made
//! again.

use crate::lab::experiments::lab::Shard;
use crate::lab::experiments::{Experiment, LabError, Setting};
use crate::options::arguments::build;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// One run of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lab::experiments) struct Run {
    /// The number of the run, counted from 0.
    pub(in crate::lab::experiments) number: usize,
    /// What is run, with every parameter that distinguishes it.
    pub(in crate::lab::experiments) name: String,
}

impl Run {
    /// A result as it is stored, and can be read. So the results of a new run and of a stored one are equal.
    pub(in crate::lab::experiments) fn stored<T: Serialize + DeserializeOwned>(
        &self,
        result: &T,
    ) -> Result<Value, LabError> {
        let stored = serde_json::to_value(result).and_then(|value| T::deserialize(&value).map(|_| value));
        stored.map_err(|why| self.misfit(why.to_string()))
    }

    fn misfit(&self, why: String) -> LabError {
        LabError::Misfit { run: self.name.clone(), why }
    }
}

/// What results depend on, apart from the run. Only results of one origin may be put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::lab::experiments) struct Origin {
    version: String,
    /// A checksum of the program: two builds of a version may differ.
    build: String,
    pub(in crate::lab::experiments) seed: u64,
    pub(in crate::lab::experiments) quick: bool,
    /// The name of the round trips; empty if the experiment takes none.
    round_trips: String,
    /// Their checksum, because files on two machines may have one name.
    round_trips_sum: String,
}

impl Origin {
    /// The origin of the results of an experiment that this program finds in this setting.
    pub(in crate::lab::experiments) fn new(
        setting: &Setting,
        experiment: &Experiment,
    ) -> Result<Self, LabError> {
        let world = &setting.world;
        let sites = 0..world.sites().len();
        let pairs = sites.clone().flat_map(|a| sites.clone().map(move |b| (a, b)));
        let mut table = world.sites().join(",").into_bytes();
        table.extend(pairs.flat_map(|(a, b)| world.rtt_ms(a, b).to_le_bytes()));
        let sum = format!("{:016x}", xxh3_64(&table));
        let takes = experiment.sites > 0;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build().map_err(|(path, source)| LabError::Read { path, source })?,
            seed: setting.seed,
            quick: setting.quick,
            round_trips: if takes { world.name().to_owned() } else { String::new() },
            round_trips_sum: if takes { sum } else { String::new() },
        })
    }

    /// This origin, with the round trips of the other one if it has none.
    pub(in crate::lab::experiments) fn with_round_trips_of(mut self, other: &Self) -> Self {
        if self.round_trips_sum.is_empty() {
            (self.round_trips, self.round_trips_sum) =
                (other.round_trips.clone(), other.round_trips_sum.clone());
        }
        self
    }

    /// How this origin differs from another one, if results of both must not be put together.
    pub(in crate::lab::experiments) fn difference(&self, other: &Self) -> Option<String> {
        let quick = |origin: &Self| if origin.quick { "with --quick" } else { "without --quick" };
        let (own, others) = (&self.round_trips_sum, &other.round_trips_sum);
        // Equal round trips may have two names, and results that depend on none fit all.
        let table = |origin: &Self| format!("{} ({})", origin.round_trips, origin.round_trips_sum);
        let fit = own == others || own.is_empty() || others.is_empty();
        let (own, others) = if fit { Default::default() } else { (table(self), table(other)) };
        let pairs = [
            ("version", self.version.clone(), other.version.clone()),
            ("build", self.build.clone(), other.build.clone()),
            ("seed", self.seed.to_string(), other.seed.to_string()),
            ("made", quick(self).to_owned(), quick(other).to_owned()),
            ("round trips", own, others),
        ];
        let (what, own, others) = pairs.into_iter().find(|(_, own, others)| own != others)?;
        Some(format!("{what} {own}, not {others}"))
    }

    /// The same results, if this build had made them.
    pub(in crate::lab::experiments) fn built_as(&self, other: &Self) -> Self {
        Self { build: other.build.clone(), ..self.clone() }
    }
}

/// A line of a file: the result of a run, with everything that it depends on.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::lab::experiments) struct Line {
    pub(in crate::lab::experiments) experiment: String,
    /// The number of the run.
    pub(in crate::lab::experiments) number: usize,
    /// What was run.
    pub(in crate::lab::experiments) run: String,
    /// The shard that made the run, and the number of shards.
    pub(in crate::lab::experiments) shard: (u64, u64),
    #[serde(flatten)]
    pub(in crate::lab::experiments) origin: Origin,
    pub(in crate::lab::experiments) result: Value,
}

/// What to do with results that this command would not find: of another program or setting, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab::experiments) enum Foreign {
    /// They stay, and the command is refused.
    Refuse,
    /// They are discarded.
    Replace,
}

/// The results of an experiment's runs, and the file to which further results are added.
#[derive(Debug, Default)]
pub(in crate::lab::experiments) struct Journal {
    known: BTreeMap<usize, (String, Value)>,
    file: Option<Pen>,
}

#[derive(Debug)]
struct Pen {
    path: PathBuf,
    file: File,
    origin: Origin,
    shard: Shard,
}

impl Journal {
    /// Opens the file of this shard in the experiment's directory, with the results that are there. What a stopped
    /// process left of a last line is removed.
    ///
    /// # Errors
    /// [`LabError`] if the file cannot be read or written or is in use, or if it has foreign results that must stay.
    pub(in crate::lab::experiments) fn open(
        dir: &Path,
        origin: &Origin,
        shard: Shard,
        foreign: Foreign,
    ) -> Result<Self, LabError> {
        let path = dir.join(file_name(shard));
        let broken = |source| LabError::Write { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(broken)?;
        file.try_lock().map_err(|why| match why {
            TryLockError::WouldBlock => LabError::InUse { path: path.clone() },
            TryLockError::Error(source) => broken(source),
        })?;
        // The file is read through the lock: on some systems nobody else may read it.
        let mut bytes = Vec::new();
        let unreadable = |source| LabError::Read { path: path.clone(), source };
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        let own = parse(&path, &bytes).and_then(|(lines, end)| {
            match lines.iter().find_map(|line| line.origin.difference(origin)) {
                Some(difference) => Err(LabError::Another { path: path.clone(), difference }),
                None => Ok((lines, end)),
            }
        });
        let (lines, end) = match (own, foreign) {
            (Err(LabError::Another { .. } | LabError::Damaged { .. }), Foreign::Replace) => (Vec::new(), 0),
            (own, _) => own?,
        };
        file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0))).map_err(broken)?;
        let known = lines.into_iter().map(|line| (line.number, (line.run, line.result))).collect();
        let pen = Pen { path, file, origin: origin.clone(), shard };
        Ok(Self { known, file: Some(pen) })
    }

    /// A journal with the results in these lines.
    pub(in crate::lab::experiments) fn of(lines: impl IntoIterator<Item = Line>) -> Self {
        let known = lines.into_iter().map(|line| (line.number, (line.run, line.result))).collect();
        Self { known, file: None }
    }

    /// The number of results.
    pub(in crate::lab::experiments) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether the result of this run is there.
    pub(in crate::lab::experiments) fn has(&self, run: &Run) -> Result<bool, LabError> {
        Ok(self.find(run)?.is_some())
    }

    /// The result of this run, if it is there.
    pub(in crate::lab::experiments) fn result<T: DeserializeOwned>(
        &self,
        run: &Run,
    ) -> Result<Option<T>, LabError> {
        let read = self.find(run)?.map(T::deserialize).transpose();
        read.map_err(|why| run.misfit(why.to_string()))
    }

    fn find(&self, run: &Run) -> Result<Option<&Value>, LabError> {
        let Some((name, result)) = self.known.get(&run.number) else { return Ok(None) };
        if *name == run.name {
            Ok(Some(result))
        } else {
            Err(run.misfit(format!("run {} is {name:?} there", run.number)))
        }
    }

    /// Stores a result.
    pub(in crate::lab::experiments) fn keep(
        &mut self,
        experiment: &str,
        run: &Run,
        result: Value,
    ) -> Result<(), LabError> {
        if let Some(Pen { path, file, origin, shard }) = &mut self.file {
            let line = Line {
                experiment: experiment.to_owned(),
                number: run.number,
                run: run.name.clone(),
                shard: (shard.k, shard.n),
                origin: origin.clone(),
                result: result.clone(),
            };
            let text = serde_json::to_string(&line).map_err(|why| run.misfit(why.to_string()))? + "\n";
            let broken = |source| LabError::Write { path: path.clone(), source };
            file.write_all(text.as_bytes()).map_err(broken)?;
        }
        self.known.insert(run.number, (run.name.clone(), result));
        Ok(())
    }
}

fn file_name(shard: Shard) -> String {
    format!("runs-{}-of-{}.jsonl", shard.k, shard.n)
}

/// The files of all shards in the directory of an experiment, by name.
pub(in crate::lab::experiments) fn files(dir: &Path) -> Result<Vec<PathBuf>, LabError> {
    let unreadable = |source| LabError::Read { path: dir.to_owned(), source };
    let is_of_shard = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("runs-") && name.ends_with(".jsonl")
    };
    let entries = fs::read_dir(dir).map_err(unreadable)?;
    let paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(unreadable)?;
    let mut files: Vec<PathBuf> = paths.into_iter().filter(is_of_shard).collect();
    files.sort();
    Ok(files)
}

/// The lines of a file.
pub(in crate::lab::experiments) fn read(path: &Path) -> Result<Vec<Line>, LabError> {
    let bytes = fs::read(path).map_err(|source| LabError::Read { path: path.to_owned(), source })?;
    Ok(parse(path, &bytes)?.0)
}

/// The lines in these bytes of a file, and where the last whole one ends.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Line>, u64), LabError> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes[..end].split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
    let parsed = lines.map(|(line, number)| {
        let damaged = |why| LabError::Damaged { path: path.to_owned(), line: number, why };
        serde_json::from_slice(line).map_err(damaged)
    });
    Ok((parsed.collect::<Result<_, _>>()?, end as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::experiments::{EXPERIMENTS, named};

    fn origin() -> Origin {
        Origin::new(&Setting::default(), &EXPERIMENTS[0]).expect("the program can be read")
    }

    #[test]
    fn only_results_that_depend_on_round_trips_are_said_to_be_made_with_them() {
        let own = crate::theory::matrix::RttMatrix::from_csv("own.csv", "region,a,b\na,0,9\nb,9,0\n")
            .expect("a matrix");
        let own = Setting { world: own, ..Setting::default() };
        let of = |setting: &Setting, name: &str| {
            Origin::new(setting, named(name).expect("known")).expect("the program can be read")
        };
        assert_eq!(of(&own, "counts").difference(&of(&Setting::default(), "counts")), None);
        assert_eq!(of(&own, "counts").difference(&of(&Setting::default(), "wan")), None);
        assert!(of(&own, "wan").difference(&of(&Setting::default(), "wan")).is_some());
        assert_eq!(of(&own, "counts").with_round_trips_of(&of(&own, "wan")), of(&own, "wan"));
    }

    #[test]
    fn two_processes_do_not_write_to_one_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let origin = origin();
        let open = || Journal::open(dir.path(), &origin, Shard::WHOLE, Foreign::Replace);
        let first = open().expect("nobody has it");
        let error = open().expect_err("it is in use");
        assert!(error.to_string().contains("is in use"), "{error}");
        drop(first);
        assert!(open().is_ok());
    }

    #[test]
    fn a_stored_result_is_equal_to_the_one_that_was_found() {
        let dir = tempfile::tempdir().expect("a directory");
        let origin = origin();
        let run = Run { number: 5, name: "a third".into() };
        let found = (1.0_f64 / 3.0, 1e-300_f64, Some(0.1_f64 + 0.2), None::<f64>, u64::MAX);
        let mut journal =
            Journal::open(dir.path(), &origin, Shard::WHOLE, Foreign::Refuse).expect("nobody has it");
        journal.keep("counts", &run, run.stored(&found).expect("JSON has it")).expect("it can be written");
        assert_eq!(journal.result(&run).expect("it fits"), Some(found));
        drop(journal);
        let journal =
            Journal::open(dir.path(), &origin, Shard::WHOLE, Foreign::Refuse).expect("nobody has it");
        assert_eq!(journal.result(&run).expect("it fits"), Some(found));
        // A result of another run is not taken for this one's.
        let other = Run { name: "a half".into(), ..run.clone() };
        let error = journal.result::<f64>(&other).expect_err("the names differ").to_string();
        assert!(error.contains("a half") && error.contains("a third"), "{error}");
        // A number that JSON does not have is refused when it is found, not when it is read.
        assert!(run.stored(&f64::NAN).is_err());
    }
}
