//! `paxos-bench experiment`: runs experiments, or one shard of them, and goes on where it was stopped.

use super::bar::Bar;
use super::lab::{Lab, Shard};
use super::output::{Printer, make, write_with};
use super::output::{list, render_all};
use super::results::{Foreign, Journal, Origin};
use super::{EXPERIMENTS, Experiment, Findings, LabError, Setting, named, render};
use crate::lab::report::Format;
use crate::options::arguments::{Progress, shard, whole};
use crate::theory::matrix::RttMatrix;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

/// The end of the help text.
pub const HELP: &str = "\
Examples:
  paxos-bench experiment wan --quick
  paxos-bench experiment all --out results               stop it and start it again: it goes on where it stopped
  paxos-bench experiment all --shard 2/4 --out results   a quarter of the runs
  paxos-bench report results                             all results that are there, as one page

docs/experiments.md describes each experiment, the files, and how to share the runs among machines.

Exit codes: 0 all is as it must be, 1 a run failed, an invariant was broken or a result is not as its formula says, 2 the command
line or a file is wrong.";

/// Which experiment to run, and what to do with its results.
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
#[derive(Debug, Args)]
pub struct ExperimentOptions {
    /// The experiment, or all
    #[arg(required_unless_present = "list", value_name = "NAME")]
    pub name: Option<String>,
    /// List the experiments and the question of each
    #[arg(long, conflicts_with = "name")]
    pub list: bool,
    #[command(flatten)]
    setting: SettingOptions,
    #[command(flatten)]
    jobs: JobOptions,
    /// Make only the Kth of N shares of the runs; `report` puts the shares together
    #[arg(long, value_name = "K/N", value_parser = shard, requires = "out")]
    shard: Option<(u64, u64)>,
    /// Write DIR/NAME/*.csv, NAME.json, *.svg, NAME.md and the runs' results; with the same DIR, a stopped command goes
    /// on where it stopped
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Discard results in DIR that are damaged, or that another build, seed, --quick or --rtt-file has made, and make these
    /// runs again
    #[arg(long, requires = "out")]
    replace: bool,
    /// Write the figures as PNG too, in a program built with the feature `png`
    #[arg(long, requires = "out", conflicts_with = "shard")]
    png: bool,
    /// Print all facts in the table, not only those of the sentences above it
    #[arg(long)]
    all: bool,
    /// How to print the results, or the list; csv: the first table, of a single experiment
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What an experiment prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// The text.
    pub text: String,
    /// The number of results that contradict what must hold.
    pub failed: u64,
}

/// The parameters of all experiments, from the command line.
#[derive(Debug, Args)]
pub(super) struct SettingOptions {
    /// Fewer runs, so that all experiments take a minute or two
    #[arg(long)]
    quick: bool,
    /// The seed of all random choices
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    seed: u64,
    /// For `wan` and `quorums`: round trips between sites in ms, as CSV with a header of site names [default: 13 AWS regions,
    /// built in]
    #[arg(long, value_name = "FILE")]
    rtt_file: Option<PathBuf>,
}

impl SettingOptions {
    pub(super) fn world(&self) -> Result<RttMatrix, LabError> {
        Ok(self.rtt_file.as_deref().map_or_else(|| Ok(RttMatrix::aws()), RttMatrix::from_file)?)
    }

    pub(super) fn read(&self) -> Result<Setting, LabError> {
        Ok(Setting { quick: self.quick, seed: self.seed, world: self.world()? })
    }
}

/// How many threads to use.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct JobOptions {
    /// How many runs at a time [default: the number of cores]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl JobOptions {
    fn threads(self) -> NonZeroUsize {
        self.jobs.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}

/// Runs the experiments that the command line asks for, and returns what to print. `progress` is called after each
/// run, `tell` with a line that is no result.
///
/// # Errors
/// [`LabError`]. If the command line is at fault, nothing is run.
pub fn experiment(
    options: &ExperimentOptions,
    progress: Progress<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Printed, LabError> {
    if options.list {
        return Ok(Printed { text: list(options.format), failed: 0 });
    }
    let chosen = chosen(options)?;
    let shard = options.shard.map_or(Shard::WHOLE, |(k, n)| Shard { k, n });
    let setting = options.setting.read()?;
    chosen.iter().try_for_each(|experiment| experiment.check(&setting))?;
    let out = options.out.as_deref();
    let printer = options.png.then(Printer::new).transpose()?;
    let foreign = if options.replace { Foreign::Replace } else { Foreign::Refuse };
    let task = Task { setting: &setting, shard, jobs: options.jobs, out, foreign, printer: printer.as_ref() };
    let done = task.run(&chosen, progress, tell)?;
    if let (Shard { k, n: 2.. }, Some(out)) = (shard, out) {
        let (n, dir) = (shard.n, quoted(out));
        let runs = done.runs;
        let text = format!(
            "shard {k}/{n}: {runs} results are in {dir}; when all shards are done: paxos-bench report {dir} …\n"
        );
        return Ok(Printed { text, failed: 0 });
    }
    let text = |(experiment, findings): &(Experiment, Findings)| {
        render(experiment, &setting, findings, options.format, options.all)
    };
    let text = match (options.format, &done.findings[..]) {
        (Format::Json, [_, _, ..]) => render_all(&done.findings, &setting),
        (_, findings) => findings.iter().map(text).collect(),
    };
    Ok(Printed { text, failed: done.findings.iter().map(|(_, findings)| findings.failed).sum() })
}

/// The experiments that the command line asks for.
fn chosen(options: &ExperimentOptions) -> Result<Vec<Experiment>, LabError> {
    let name = match options.name.as_deref() {
        None | Some("all") if options.format == Format::Csv => return Err(LabError::ManyTables),
        None | Some("all") => return Ok(EXPERIMENTS.to_vec()),
        Some(name) => name,
    };
    let one = *named(name)?;
    if one.sites == 0 && options.setting.rtt_file.is_some() {
        let takers = EXPERIMENTS.iter().filter(|other| other.sites > 0).map(|other| other.name);
        return Err(LabError::NoSites { name: one.name, takers: takers.collect::<Vec<_>>().join(", ") });
    }
    Ok(vec![one])
}

/// A path as a shell reads it.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// What to run, and where to keep the results.
pub(super) struct Task<'a> {
    pub(super) setting: &'a Setting,
    pub(super) shard: Shard,
    pub(super) jobs: JobOptions,
    pub(super) out: Option<&'a Path>,
    /// What to do with other results in that directory.
    pub(super) foreign: Foreign,
    /// What makes PNG files of the figures, if they are wanted.
    pub(super) printer: Option<&'a Printer>,
}

/// What was done.
#[derive(Default)]
pub(super) struct Done {
    /// The findings of each experiment, if there is one shard.
    pub(super) findings: Vec<(Experiment, Findings)>,
    /// The number of results.
    runs: usize,
}

impl Task<'_> {
    /// Runs these experiments, and writes their files if there is a directory for them.
    pub(super) fn run(
        &self,
        chosen: &[Experiment],
        progress: Progress<'_>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Done, LabError> {
        // All files are opened first, so that nothing is run if one of them is at fault.
        let mut journals = self.journals(chosen)?;
        let known: usize = journals.iter().map(Journal::len).sum();
        if let (Some(out), 1..) = (self.out, known) {
            tell(&format!("{known} results are in {} already: their runs are not made again", out.display()));
        }
        let mut bar = Bar::new(self.left(chosen, &mut journals));
        let mut done = Done::default();
        for (experiment, journal) in chosen.iter().zip(&mut journals) {
            let mut step = |run: String| progress(bar.step(&format!("{}: {run}", experiment.name)));
            let mut lab = Lab::new(experiment.name, journal, self.shard, self.jobs.threads(), &mut step);
            match (experiment.run)(self.setting, &mut lab) {
                Ok(findings) if self.shard == Shard::WHOLE => {
                    if let Some(out) = self.out {
                        write_with(self.printer, experiment, self.setting, &findings, out)?;
                    }
                    done.findings.push((*experiment, findings));
                }
                Ok(_) | Err(LabError::Elsewhere) => {}
                Err(other) => return Err(other),
            }
            done.runs += journal.len();
        }
        Ok(done)
    }

    /// The number of runs that are to be made. Each experiment asks a lab that makes none.
    fn left(&self, chosen: &[Experiment], journals: &mut [Journal]) -> usize {
        let count = |(experiment, journal): (&Experiment, &mut Journal)| {
            let silent = &mut |_| ();
            let mut lab = Lab::known(experiment.name, journal, silent);
            // What is wrong with a result is told when it is used.
            let _ = (experiment.run)(self.setting, &mut lab);
            lab.left(self.shard)
        };
        chosen.iter().zip(journals).map(count).sum()
    }

    fn journals(&self, chosen: &[Experiment]) -> Result<Vec<Journal>, LabError> {
        let Some(out) = self.out else { return Ok(chosen.iter().map(|_| Journal::default()).collect()) };
        let open = |experiment: &Experiment| {
            let origin = Origin::new(self.setting, experiment)?;
            let dir = out.join(experiment.name);
            make(&dir)?;
            Journal::open(&dir, &origin, self.shard, self.foreign)
        };
        chosen.iter().map(open).collect()
    }
}

impl Experiment {
    /// Makes all runs of the experiment, on all cores, and keeps nothing on disk.
    ///
    /// # Errors
    /// [`LabError`] if a run fails.
    pub fn find(&self, setting: &Setting, progress: Progress<'_>) -> Result<Findings, LabError> {
        let (mut journal, jobs) = (Journal::default(), JobOptions { jobs: None }.threads());
        (self.run)(setting, &mut Lab::new(self.name, &mut journal, Shard::WHOLE, jobs, progress))
    }
}
