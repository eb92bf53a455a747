//! `paxos-bench report`: all experiments as one self-contained HTML file.

use super::files::{arguments, command, put, write_with};
use super::png::Printer;
use crate::lab::experiments::lab::Shard;
use crate::lab::experiments::results::{Foreign, merge};
use crate::lab::experiments::run::{JobOptions, SettingOptions, Task};
use crate::lab::experiments::runs::{Stepped, stepped};
use crate::lab::experiments::{EXPERIMENTS, Experiment, Findings, LabError, Piece, Setting};
use crate::load::Form;
use crate::options::arguments::Progress;
use askama::Template;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// The setting of a report, and where to write it.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// Run nothing: put together the results that `experiment … --out DIR` has written, with or without --shard
    #[arg(value_name = "DIR", conflicts_with_all = ["quick", "seed", "jobs", "replace"])]
    dirs: Vec<PathBuf>,
    #[command(flatten)]
    setting: SettingOptions,
    #[command(flatten)]
    jobs: JobOptions,
    /// Write DIR/report.html, and the files that `experiment all --out DIR` writes; with the same DIR, a stopped command
    /// goes on where it stopped
    #[arg(long, default_value = "paxos-report", value_name = "DIR")]
    pub out: PathBuf,
    /// Discard results in the directory of --out that are damaged, or that another build, seed, --quick or --rtt-file has
    /// made, and make these runs again
    #[arg(long)]
    replace: bool,
    /// Write the figures as PNG too, in a program built with the feature `png`
    #[arg(long)]
    png: bool,
    /// How to print the name of the file and the number of results that are not as they must be
    #[arg(long, value_enum, default_value_t = Form::Table)]
    pub format: Form,
}

/// A report that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The page.
    pub file: PathBuf,
    /// The number of results that contradict what must hold.
    pub failed: u64,
}

/// Runs all experiments, or takes the results of earlier runs, and writes the report. `progress` is called after
/// each run, `tell` with a line that is no result.
///
/// # Errors
/// [`LabError`]. If the command line is at fault, nothing is run.
pub fn report(
    options: &ReportOptions,
    progress: Progress<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Written, LabError> {
    let printer = options.png.then(Printer::new).transpose()?;
    let printer = printer.as_ref();
    let (setting, all) = if options.dirs.is_empty() {
        let setting = options.setting.read()?;
        EXPERIMENTS.iter().try_for_each(|experiment| experiment.check(&setting))?;
        let (jobs, out) = (options.jobs, Some(options.out.as_path()));
        let foreign = if options.replace { Foreign::Replace } else { Foreign::Refuse };
        let task = Task { setting: &setting, shard: Shard::WHOLE, jobs, out, foreign, printer };
        let all = task.run(EXPERIMENTS, progress, tell)?.findings;
        (setting, all)
    } else {
        let (setting, all) = merge(&options.dirs, options.setting.world()?, progress)?;
        for (experiment, findings) in &all {
            write_with(printer, experiment, &setting, findings, &options.out)?;
        }
        (setting, all)
    };
    let file = options.out.join("report.html");
    put(&file, page(&all, &setting)?)?;
    Ok(Written { file, failed: all.iter().map(|(_, findings)| findings.failed).sum() })
}

/// What the page can do with a script. It is readable without one.
const CODE: &str = include_str!("../../../../templates/report.js");

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    style: &'static str,
    code: &'static str,
    version: &'static str,
    seed: u64,
    quick: bool,
    command: String,
    sections: Vec<Section>,
    runs: Vec<Stepped>,
}

struct Section {
    name: &'static str,
    question: &'static str,
    source: &'static str,
    command: String,
    headline: Vec<Part>,
    lessons: Vec<Vec<Part>>,
    figures: Vec<Illustration>,
    parameters: Vec<(&'static str, Vec<Part>)>,
    facts: Vec<[String; 4]>,
}

struct Illustration {
    name: &'static str,
    title: String,
    caption: Vec<Part>,
    wide: String,
    narrow: String,
}

/// Plain text, or a number with its source.
struct Part {
    text: String,
    value: String,
    source: String,
}

fn parts(experiment: &Experiment, findings: &Findings, sentence: &str) -> Vec<Part> {
    let part = |piece| match piece {
        Piece::Words(text) => Part { text, value: String::new(), source: String::new() },
        Piece::Fact { shown, value, row } => {
            Part { text: shown, value, source: format!("{}/summary.csv:{row}", experiment.name) }
        }
    };
    findings.facts.say(sentence).into_iter().map(part).collect()
}

/// Renders these findings as one page.
///
/// # Errors
/// [`LabError::Page`] if the template fails, [`LabError::Explore`] if a run cannot be shown.
pub fn page(all: &[(Experiment, Findings)], setting: &Setting) -> Result<String, LabError> {
    let section = |(experiment, findings): &(Experiment, Findings)| {
        let parts = |sentence: &str| parts(experiment, findings, sentence);
        let facts = findings.facts.table().rows.iter();
        Section {
            name: experiment.name,
            question: experiment.question,
            source: experiment.source,
            command: command(experiment, setting),
            headline: parts(experiment.headline(findings)),
            lessons: findings.lessons.iter().map(|lesson| parts(lesson)).collect(),
            figures: findings
                .figures
                .iter()
                .map(|figure| Illustration {
                    name: figure.name,
                    title: figure.title.clone(),
                    caption: parts(&figure.caption),
                    wide: inline(&figure.svg.wide, &figure.title, "wide"),
                    narrow: inline(&figure.svg.narrow, &figure.title, "narrow"),
                })
                .collect(),
            parameters: findings.parameters.iter().map(|(name, words)| (*name, parts(words))).collect(),
            facts: facts.map(|row| std::array::from_fn(|i| row[i].text())).collect(),
        }
    };
    let page = Page {
        style: include_str!("../../../../templates/report.css"),
        code: CODE,
        version: env!("CARGO_PKG_VERSION"),
        seed: setting.seed,
        quick: setting.quick,
        command: format!("paxos-bench report{}", arguments(setting, true)),
        sections: all.iter().map(section).collect(),
        runs: stepped(setting.seed)?,
    };
    Ok(page.render()?)
}

/// A picture as part of a page. Ink, grid and paper take the page's colours, and a label describes it to screen
/// readers.
fn inline(svg: &str, title: &str, class: &str) -> String {
    let mut svg = svg.to_owned();
    for (color, css) in [("#111113", "currentColor"), ("#DDDDDF", "var(--grid)"), ("#FFFFFE", "var(--paper)")]
    {
        svg = svg.replace(&format!("\"{color}\""), &format!("\"{css}\""));
    }
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    svg.replacen("<svg ", &format!("<svg class=\"{class}\" role=\"img\" aria-label=\"{title}\" "), 1)
}
