//! The files of an experiment: CSV, JSON, SVG, Markdown, and the text for a terminal.

use super::png::Printer;
use crate::lab::experiments::run::quoted;
use crate::lab::experiments::{Cell, Experiment, Facts, Findings, LabError, Setting, Table, chart::Figure};
use crate::lab::report::{Format, write_whole};
use comfy_table::ContentArrangement;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The columns of a terminal that a table may take.
const WIDTH: u16 = 100;

/// The command that repeats an experiment.
pub(in crate::lab::experiments) fn command(experiment: &Experiment, setting: &Setting) -> String {
    format!("paxos-bench experiment {}{}", experiment.name, arguments(setting, experiment.sites > 0))
}

/// The command-line options of this setting, with a space before each. The round trips are among them if they `matter`.
pub(in crate::lab::experiments) fn arguments(setting: &Setting, matter: bool) -> String {
    let quick = if setting.quick { " --quick" } else { "" };
    let file = if matter && !setting.is_usual_world() {
        format!(" --rtt-file {}", quoted(Path::new(setting.world.name())))
    } else {
        String::new()
    };
    format!("{quick} --seed {}{file}", setting.seed)
}

/// All findings as one JSON array.
pub(in crate::lab::experiments) fn render_all(all: &[(Experiment, Findings)], setting: &Setting) -> String {
    let one = |(experiment, findings): &(Experiment, Findings)| json(experiment, setting, findings);
    pretty(&all.iter().map(one).collect())
}

/// Renders the findings as text.
///
/// The table for a terminal has the facts of the sentences above it, or `all` facts.
pub fn render(
    experiment: &Experiment,
    setting: &Setting,
    findings: &Findings,
    format: Format,
    all: bool,
) -> String {
    match format {
        Format::Csv => findings.tables.first().unwrap_or(findings.facts.table()).csv(),
        Format::Json => pretty(&json(experiment, setting, findings)),
        Format::Markdown => markdown(experiment, setting, findings),
        Format::Table => {
            let mut text = format!("{}: {}\n\n", experiment.name, experiment.question);
            for lesson in &findings.lessons {
                let _ = writeln!(text, "- {}", findings.facts.plain(lesson));
            }
            let facts = findings.facts.table();
            let said = findings.facts.rows_in(&findings.lessons);
            let rows = facts.rows.iter().zip(1..).filter(|(_, row)| all || said.contains(row));
            let _ = writeln!(text, "\n{}", grid(facts, rows.map(|(row, _)| row)));
            if let hidden @ 1.. = facts.rows.len() - said.len()
                && !all
            {
                let _ = writeln!(text, "{hidden} more facts with --all, and in summary.csv with --out");
            }
            text.push('\n');
            text
        }
    }
}

/// These rows of a table, for a terminal.
fn grid<'a>(table: &Table, rows: impl Iterator<Item = &'a Vec<Cell>>) -> comfy_table::Table {
    let mut grid = comfy_table::Table::new();
    grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    grid.load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    grid.set_header(table.columns.iter().map(|(name, _)| *name));
    for row in rows {
        grid.add_row(row.iter().map(Cell::text));
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
        findings.parameters.iter().map(|(name, words)| ((*name).to_owned(), json!(plain(words)))).collect();
    let tables: Map<String, Value> =
        findings.tables().map(|table| (table.name.to_owned(), table.json())).collect();
    let figure = |figure: &Figure| json!({"file": format!("{}.svg", figure.name), "title": figure.title, "caption": plain(&figure.caption)});
    json!({
        "experiment": experiment.name,
        "question": experiment.question,
        "source": experiment.source,
        "version": env!("CARGO_PKG_VERSION"),
        "seed": setting.seed,
        "quick": setting.quick,
        "round_trips": (experiment.sites > 0).then(|| setting.world.name()),
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
        findings.parameters.iter().map(|(name, words)| format!("{name}: {}", facts.plain(words))).collect();
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
    write_with(None, experiment, setting, findings, dir)
}

/// Writes all findings into `dir/NAME`, and the figures as PNG too if there is a printer.
///
/// # Errors
/// [`LabError::Write`] if a file cannot be written.
pub(in crate::lab::experiments) fn write_with(
    printer: Option<&Printer>,
    experiment: &Experiment,
    setting: &Setting,
    findings: &Findings,
    dir: &Path,
) -> Result<(), LabError> {
    let dir = dir.join(experiment.name);
    make(&dir)?;
    for table in findings.tables() {
        put(&dir.join(format!("{}.csv", table.name)), table.csv())?;
    }
    for figure in &findings.figures {
        put(&dir.join(format!("{}.svg", figure.name)), &figure.svg.wide)?;
        if let Some(printer) = printer {
            put(&dir.join(format!("{}.png", figure.name)), &printer.png(&figure.svg.wide)?)?;
        }
    }
    put(&dir.join(format!("{}.json", experiment.name)), pretty(&json(experiment, setting, findings)))?;
    put(&dir.join(format!("{}.md", experiment.name)), markdown(experiment, setting, findings))
}

pub(in crate::lab::experiments) fn make(dir: &Path) -> Result<(), LabError> {
    fs::create_dir_all(dir).map_err(|source| LabError::Write { path: dir.to_owned(), source })
}

pub(in crate::lab::experiments) fn put(path: &Path, content: impl AsRef<[u8]>) -> Result<(), LabError> {
    write_whole(path, content.as_ref()).map_err(|source| LabError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::experiments::EXPERIMENTS;

    #[test]
    fn several_experiments_are_one_array() {
        let all: Vec<_> = EXPERIMENTS.iter().map(|experiment| (*experiment, Findings::default())).collect();
        let array: Vec<Value> = serde_json::from_str(&render_all(&all, &Setting::default())).expect("JSON");
        let names: Vec<&str> = array.iter().filter_map(|one| one["experiment"].as_str()).collect();
        assert_eq!(names, EXPERIMENTS.iter().map(|experiment| experiment.name).collect::<Vec<_>>());
    }
}
