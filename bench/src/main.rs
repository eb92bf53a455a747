//! The lab's command line.

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use paxos_bench::compare::{CompareError, compare};
use paxos_bench::load::{Form, Load, load};
use paxos_bench::local_cluster::run_cluster;
use paxos_bench::options::{Cli, Command, Compare, Simulate};
use paxos_bench::report::{Row, render, write_dir};
use paxos_bench::serve::{ServeError, serve};
use paxos_bench::simulate::{draw, simulate};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// The command line or a file is wrong.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => run_compare(&cli.compare),
        Some(Command::Compare(options)) => run_compare(&options),
        Some(Command::Simulate(options)) => run_simulate(&options),
        Some(Command::Draw(options)) => match draw(&options) {
            Ok(picture) => finish(&[], &picture),
            Err(error) => fail(&error, if error.is_input() { BAD_INPUT } else { 1 }),
        },
        Some(Command::Serve(options)) => live(serve(&options)),
        Some(Command::Cluster(options)) => live(run_cluster(&options)),
        Some(Command::Load(options)) => run_load(&options),
    }
}

fn run_load(options: &Load) -> ExitCode {
    let bar = progress();
    let done = load(options, |step| bar.set_message(step));
    bar.finish_and_clear();
    match done {
        Err(error) => fail(&error, 1),
        Ok(report) => {
            let text = match options.format {
                Form::Table => report.table(),
                Form::Json => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
            };
            finish(&[], &text)
        }
    }
}

/// The end of something that ran until it was told to stop.
fn live(end: Result<(), ServeError>) -> ExitCode {
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, if error.is_input() { BAD_INPUT } else { 1 }),
    }
}

fn run_compare(options: &Compare) -> ExitCode {
    let bar = progress();
    let rows = compare(options, |step| bar.set_message(step));
    bar.finish_and_clear();
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return fail(&error, if error.is_input() { BAD_INPUT } else { 1 }),
    };
    if let Some(dir) = &options.out
        && let Err(error) = write_dir(&rows, dir)
    {
        return fail(&error, BAD_INPUT);
    }
    finish(&rows, &render(&rows, options.format))
}

fn run_simulate(options: &Simulate) -> ExitCode {
    let bar = progress();
    let outcome = simulate(options, |step| bar.set_message(step));
    bar.finish_and_clear();
    match outcome {
        Err(error) => fail(&error, if error.is_input() { BAD_INPUT } else { 1 }),
        Ok(outcome) => {
            let rows: Vec<Row> = vec![outcome.row.into()];
            let drawing = outcome.drawing.unwrap_or_default();
            let table = if drawing.is_empty() { render(&rows, options.format) } else { drawing };
            finish(&rows, &table)
        }
    }
}

/// Prints the results; the exit code says whether all is as it must be.
fn finish(rows: &[Row], text: &str) -> ExitCode {
    let differs = rows.iter().filter(|row| row.differs()).count();
    // A reader that has seen enough, as `head` does, is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if differs == 0 {
        return ExitCode::SUCCESS;
    }
    let broken = CompareError::Differs { differs, rows: rows.len() };
    fail(&broken, 1)
}

fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "paxos-bench: {error}");
    ExitCode::from(code)
}

/// A line on the terminal that says what is going on; nothing where there is no terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
