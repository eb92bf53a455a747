//! `paxos-bench experiment`: runs experiments and writes their files.

use super::{EXPERIMENTS, Experiment, Facts, Findings, LabError, Setting, Table, named};
use crate::arguments::whole;
use crate::lab::report::Format;
use crate::theory::matrix::RttMatrix;
use clap::Args;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Which experiment to run, and what to do with its results.
#[derive(Debug, Args)]
pub struct ExperimentOptions {
    /// The experiment, or all
    #[arg(required_unless_present = "list", value_name = "NAME")]
    pub name: Option<String>,
    /// List the experiments and the question of each
    #[arg(long, conflicts_with = "name")]
    pub list: bool,
    #[command(flatten)]
    pub(super) setting: SettingOptions,
    /// Write DIR/NAME/*.csv, NAME.json, *.svg and NAME.md
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How to print the results; csv: the first table
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
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
    /// Round trips between sites in ms, as CSV with a header of site names [default: 13 AWS regions, built in]
    #[arg(long, value_name = "FILE")]
    rtt_file: Option<PathBuf>,
}

impl SettingOptions {
    pub(super) fn read(&self) -> Result<Setting, LabError> {
        let world = self.rtt_file.as_deref().map_or_else(|| Ok(RttMatrix::aws()), RttMatrix::from_file)?;
        Ok(Setting { quick: self.quick, seed: self.seed, world })
    }
}

/// Runs the experiments that the command line asks for, and returns the text to print. `progress` is called before each
/// step.
///
/// # Errors
/// [`LabError`]. If the command line is at fault, nothing is run.
pub fn experiment(options: &ExperimentOptions, mut progress: impl FnMut(String)) -> Result<String, LabError> {
    if options.list {
        let line = |experiment: &Experiment| format!("{:<12} {}\n", experiment.name, experiment.question);
        return Ok(EXPERIMENTS.iter().map(line).collect());
    }
    let setting = options.setting.read()?;
    let chosen: Vec<&Experiment> = match options.name.as_deref() {
        None | Some("all") => EXPERIMENTS.iter().collect(),
        Some(name) => vec![named(name)?],
    };
    if let Some(dir) = &options.out {
        make(dir)?;
    }
    let mut text = String::new();
    for (nth, experiment) in chosen.iter().enumerate() {
        let left = format!("{} of {}, {}", nth + 1, chosen.len(), experiment.name);
        let findings = (experiment.run)(&setting, &mut |step| progress(format!("{left}: {step}")))?;
        if let Some(dir) = &options.out {
            write(experiment, &setting, &findings, dir)?;
        }
        text.push_str(&render(experiment, &setting, &findings, options.format));
    }
    Ok(text)
}

/// The command that repeats an experiment.
pub(super) fn command(experiment: &Experiment, setting: &Setting) -> String {
    format!("paxos-bench experiment {}{}", experiment.name, arguments(setting))
}

/// The command-line options of this setting, with a space before each.
pub(super) fn arguments(setting: &Setting) -> String {
    let quick = if setting.quick { " --quick" } else { "" };
    let world = setting.world.name();
    let file = if world == RttMatrix::aws().name() { String::new() } else { format!(" --rtt-file {world}") };
    format!("{quick} --seed {}{file}", setting.seed)
}

/// Renders the findings as text.
pub fn render(experiment: &Experiment, setting: &Setting, findings: &Findings, format: Format) -> String {
    match format {
        Format::Csv => findings.tables.first().unwrap_or(findings.facts.table()).csv(),
        Format::Json => pretty(&json(experiment, setting, findings)),
        Format::Markdown => markdown(experiment, setting, findings),
        Format::Table => {
            let mut text = format!("{}: {}\n\n", experiment.name, experiment.question);
            for lesson in &findings.lessons {
                let _ = writeln!(text, "- {}", findings.facts.plain(lesson));
            }
            let _ = writeln!(text, "\n{}\n", grid(findings.facts.table()));
            text
        }
    }
}

fn grid(table: &Table) -> comfy_table::Table {
    let mut grid = comfy_table::Table::new();
    grid.load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    grid.set_header(table.columns.iter().map(|(name, _)| *name));
    for row in &table.rows {
        grid.add_row(row.iter().map(super::Cell::text));
    }
    grid
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Everything about a run: the experiment, its setting and its findings.
fn json(experiment: &Experiment, setting: &Setting, findings: &Findings) -> Value {
    let plain = |text: &str| findings.facts.plain(text);
    let parameters: Map<String, Value> =
        findings.parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let tables: Map<String, Value> =
        findings.tables().map(|table| (table.name.to_owned(), table.json())).collect();
    let figure = |figure: &super::chart::Figure| json!({"file": format!("{}.svg", figure.name), "title": figure.title, "caption": plain(&figure.caption)});
    json!({
        "experiment": experiment.name,
        "question": experiment.question,
        "source": experiment.source,
        "version": env!("CARGO_PKG_VERSION"),
        "seed": setting.seed,
        "quick": setting.quick,
        "round_trips": setting.world.name(),
        "command": command(experiment, setting),
        "parameters": parameters,
        "lessons": findings.lessons.iter().map(|lesson| plain(lesson)).collect::<Vec<_>>(),
        "figures": findings.figures.iter().map(figure).collect::<Vec<_>>(),
        "tables": tables,
    })
}

/// A section of a report.
fn markdown(experiment: &Experiment, setting: &Setting, findings: &Findings) -> String {
    let facts: &Facts = &findings.facts;
    let mut text = format!("## {}\n\n{}\n\n", experiment.name, experiment.question);
    for lesson in &findings.lessons {
        let _ = writeln!(text, "- {}", facts.plain(lesson));
    }
    for figure in &findings.figures {
        let (title, name) = (&figure.title, figure.name);
        let _ = write!(text, "\n![{title}]({name}.svg)\n\n*{title}.* {}\n", facts.plain(&figure.caption));
    }
    let constant: Vec<String> =
        findings.parameters.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let _ = write!(text, "\nHeld constant: {}.\n\nAfter: {}\n", constant.join("; "), experiment.source);
    let _ = write!(
        text,
        "\nTo repeat: `{}`\n\n| table | column | meaning |\n|---|---|---|\n",
        command(experiment, setting)
    );
    for table in findings.tables() {
        for (name, meaning) in &table.columns {
            let _ = writeln!(text, "| {}.csv | {name} | {meaning} |", table.name);
        }
    }
    text.push('\n');
    text
}

/// Writes all findings into `dir/NAME`.
///
/// # Errors
/// [`LabError::Write`] if a file cannot be written.
pub fn write(
    experiment: &Experiment,
    setting: &Setting,
    findings: &Findings,
    dir: &Path,
) -> Result<(), LabError> {
    let dir = dir.join(experiment.name);
    make(&dir)?;
    for table in findings.tables() {
        put(&dir.join(format!("{}.csv", table.name)), &table.csv())?;
    }
    for figure in &findings.figures {
        put(&dir.join(format!("{}.svg", figure.name)), &figure.svg)?;
    }
    put(&dir.join(format!("{}.json", experiment.name)), &pretty(&json(experiment, setting, findings)))?;
    put(&dir.join(format!("{}.md", experiment.name)), &markdown(experiment, setting, findings))
}

pub(super) fn make(dir: &Path) -> Result<(), LabError> {
    fs::create_dir_all(dir).map_err(|source| LabError::Write { path: dir.to_owned(), source })
}

pub(super) fn put(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).map_err(|source| LabError::Write { path: path.to_owned(), source })
}
