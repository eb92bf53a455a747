//! The lab's command line.

use indicatif::{ProgressBar, ProgressStyle};
use mimalloc::MiMalloc;
use paxos_bench::lab::compare::{Compare, CompareError, compare};
use paxos_bench::lab::experiments::{ExperimentOptions, Printed, ReportOptions, experiment, report};
use paxos_bench::lab::explore::{Explore, Task, explore};
use paxos_bench::lab::report::{Row, render, write_dir};
use paxos_bench::lab::simulate::{Simulate, draw, simulate};
use paxos_bench::lab::survey::{Survey, survey};
use paxos_bench::lab::verify::check::{Check, check};
use paxos_bench::lab::verify::soak::{Soak, soak};
use paxos_bench::linearize::{Linearize, linearize};
use paxos_bench::load::{Form, Load, load};
#[cfg(unix)]
use paxos_bench::nemesis::{self, Nemesis};
use paxos_bench::options::{Cli, Command};
use paxos_bench::server::backup::{Backup, Restore, backup, restore};
use paxos_bench::server::local_cluster::run_cluster;
use paxos_bench::server::store::{Inspected, StoreOptions, store};
use paxos_bench::server::{ServeError, serve};
use paxos_bench::versus::floor::floor;
use paxos_bench::versus::{Versus, versus};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// A server allocates several times for each command. With this allocator, a member needs an eighth less processor time for a write than
/// with glibc's, and a tenth more memory (docs/versus.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The exit code when the command line or a file is wrong, or the results cannot be written.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        // Help is not an error and goes to the standard output.
        Err(help) if !help.use_stderr() => return end(0, 0, help.print()),
        Err(wrong) => wrong.exit(),
    };
    match cli.command {
        None => run_compare(&cli.compare),
        Some(Command::Compare(options)) => run_compare(&options),
        Some(Command::Simulate(options)) => run_simulate(&options),
        Some(Command::Soak(options)) => run_soak(&options),
        #[cfg(unix)]
        Some(Command::Nemesis(options)) => run_nemesis(&options),
        Some(Command::Check(options)) => run_check(&options),
        Some(Command::Draw(options)) => match draw(&options) {
            Ok(picture) => finish(&[], &picture),
            Err(error) => fail(&error, code(error.is_input())),
        },
        Some(Command::Explore(options)) => run_explore(&options),
        Some(Command::Quorums(options)) => run_survey(&options),
        Some(Command::Experiment(options)) => run_experiment(&options),
        Some(Command::Report(options)) => run_report(&options),
        Some(Command::Serve(options)) => live(serve(&options)),
        Some(Command::Cluster(options)) => live(run_cluster(&options)),
        Some(Command::Load(options)) => run_load(&options),
        Some(Command::Versus(options)) => run_versus(&options),
        Some(Command::Floor(options)) => live(floor(&options)),
        Some(Command::Store(options)) => run_store(&options),
        Some(Command::Backup(options)) => run_backup(&options),
        Some(Command::Restore(options)) => run_restore(&options),
        Some(Command::Linearize(options)) => run_linearize(&options),
    }
}

fn run_survey(options: &Survey) -> ExitCode {
    let bar = progress();
    let rows = survey(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return fail(&error, code(error.is_input())),
    };
    let differs = rows.iter().filter(|row| row.differs()).count();
    end(differs, rows.len(), print(&paxos_bench::lab::survey::render(&rows, options.format)))
}

fn run_soak(options: &Soak) -> ExitCode {
    let bar = progress();
    let done = soak(options, &|step| bar.set_message(step));
    bar.finish_and_clear();
    match done {
        // The text says what failed.
        Ok(tally) => show(options.format, &tally, tally.table(), tally.failures.is_empty()),
        Err(error) => fail(&error, BAD_INPUT),
    }
}

#[cfg(unix)]
fn run_nemesis(options: &Nemesis) -> ExitCode {
    if options.list {
        return finish(&[], &nemesis::list());
    }
    let mut tell = |line: &str| match options.format {
        // A closed pipe does not end the run.
        Form::Table => _ = print(&format!("{line}\n")).and_then(|()| io::stdout().flush()),
        Form::Json => _ = writeln!(io::stderr(), "{line}"),
    };
    let summary = match nemesis::nemesis(options, &mut tell) {
        Ok(summary) => summary,
        Err(error) => return fail(&error, code(error.is_input())),
    };
    show(options.format, &summary, summary.table(), summary.holds())
}

fn run_check(options: &Check) -> ExitCode {
    let bar = progress();
    let done = check(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    let explored = match done {
        Ok(explored) => explored,
        Err(error) => return fail(&error, BAD_INPUT),
    };
    if let Err(error) = explored.write_trace(options.trace_out.as_deref()) {
        return fail(&error, 1);
    }
    if explored.found.is_none() && (options.draw.is_some() || options.trace_out.is_some()) {
        _ = writeln!(io::stderr(), "no violation was found, so there is no run to draw or to write");
    }
    // The text says what failed.
    let text = explored.drawing(options.draw).unwrap_or_else(|| explored.table());
    show(options.format, &explored, text, !explored.fails())
}

fn run_explore(options: &Explore) -> ExitCode {
    match explore(options) {
        // The text says which invariant was violated.
        Ok(Task::Done(explored)) => match finish(&[], &explored.text) {
            ExitCode::SUCCESS if !explored.holds => ExitCode::from(1),
            printed => printed,
        },
        Ok(Task::Page(script, port)) => {
            let told = |at| _ = finish(&[], &format!("http://{at}/\n"));
            match paxos_bench::lab::explore::serve(script, port, told) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error, BAD_INPUT),
            }
        }
        Err(error) => fail(&error, BAD_INPUT),
    }
}

fn run_store(options: &StoreOptions) -> ExitCode {
    let bar = progress();
    let Inspected { text, warnings, errors } = store(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    let printed = finish(&[], &text);
    for warning in warnings {
        // If nobody reads it, the exit code is right all the same.
        _ = writeln!(io::stderr(), "warning: {warning}");
    }
    errors.iter().fold(printed, |_, error| fail(error, code(error.is_input())))
}

fn run_backup(options: &Backup) -> ExitCode {
    let bar = progress();
    let done = backup(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    match done {
        Ok(head) => {
            finish(&[], &format!("{}: {} keys of n{}\n", options.file.display(), head.keys, head.member))
        }
        Err(error) => fail(&error, code(error.is_input())),
    }
}

fn run_restore(options: &Restore) -> ExitCode {
    let bar = progress();
    let done = restore(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    match done {
        Ok(done) => {
            let present = done.present.map(|keys| format!("; the cluster has {keys} keys now"));
            let failed =
                |address| format!("{address} failed meanwhile: restart that member before clients write\n");
            let failed: String = done.failed.iter().map(failed).collect();
            let text = format!("{} keys restored{}\n{failed}", done.keys, present.unwrap_or_default());
            finish(&[], &text)
        }
        Err(error) => fail(&error, code(error.is_input())),
    }
}

fn run_experiment(options: &ExperimentOptions) -> ExitCode {
    let bar = progress();
    let text = experiment(options, &mut |step| bar.set_message(step), &mut |line| bar.suspend(|| note(line)));
    bar.finish_and_clear();
    match text {
        Ok(Printed { text, failed }) => as_it_must_be(failed, finish(&[], &text)),
        Err(error) => fail(&error, code(error.is_input())),
    }
}

/// The exit code after printing findings, of which `failed` results contradict what must hold.
fn as_it_must_be(failed: u64, printed: ExitCode) -> ExitCode {
    if failed == 0 || printed != ExitCode::SUCCESS {
        return printed;
    }
    note(&format!("{failed} results are not as they must be; the sentences above say which"));
    ExitCode::from(1)
}

fn run_report(options: &ReportOptions) -> ExitCode {
    let bar = progress();
    let file = report(options, &mut |step| bar.set_message(step), &mut |line| bar.suspend(|| note(line)));
    bar.finish_and_clear();
    match file {
        Ok(written) => {
            let table = format!("{}\n", written.file.display());
            match text(options.format, &written, table) {
                Ok(text) => as_it_must_be(written.failed, finish(&[], &text)),
                Err(error) => fail(&error, 1),
            }
        }
        Err(error) => fail(&error, code(error.is_input())),
    }
}

fn run_load(options: &Load) -> ExitCode {
    let bar = progress();
    let done = load(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    match done {
        Ok(report) => show(options.format, &report, report.table(), true),
        Err(error) => fail(&error, code(error.is_input())),
    }
}

fn run_versus(options: &Versus) -> ExitCode {
    let bar = progress();
    let done = versus(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    match done {
        Ok(report) => show(options.format, &report, report.table(), true),
        Err(error) => fail(&error, code(error.is_input())),
    }
}

fn run_linearize(options: &Linearize) -> ExitCode {
    let bar = progress();
    let done = linearize(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    let report = match done {
        Ok(report) => report,
        Err(error) => return fail(&error, code(error.is_input())),
    };
    let text = match text(options.format, &report, report.table()) {
        Ok(text) => text,
        Err(error) => return fail(&error, 1),
    };
    let printed = end(0, 0, print(&text));
    match report.end() {
        Err(error) if printed == ExitCode::SUCCESS => fail(&error, 1),
        Ok(()) | Err(_) => printed,
    }
}

/// Prints a result in the requested form. The exit code says whether everything `holds`.
fn show(form: Form, report: &impl serde::Serialize, table: String, holds: bool) -> ExitCode {
    match text(form, report, table) {
        Ok(text) => match end(0, 0, print(&text)) {
            ExitCode::SUCCESS if !holds => ExitCode::from(1),
            printed => printed,
        },
        Err(error) => fail(&error, 1),
    }
}

/// Returns a result in the requested form.
fn text(form: Form, report: &impl serde::Serialize, table: String) -> serde_json::Result<String> {
    match form {
        Form::Table => Ok(table),
        Form::Json => Ok(serde_json::to_string_pretty(report)? + "\n"),
    }
}

/// Returns the exit code of a program that runs until it is stopped.
fn live(end: Result<(), ServeError>) -> ExitCode {
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, code(error.is_input())),
    }
}

fn run_compare(options: &Compare) -> ExitCode {
    let bar = progress();
    let rows = compare(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return fail(&error, code(error.is_input())),
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
    let outcome = simulate(options, &mut |step| bar.set_message(step));
    bar.finish_and_clear();
    match outcome {
        Err(error) => fail(&error, code(error.is_input())),
        Ok(outcome) => {
            let rows: Vec<Row> = vec![outcome.row.into()];
            let drawing = outcome.drawing.unwrap_or_default();
            let table = if drawing.is_empty() { render(&rows, options.format) } else { drawing };
            finish(&rows, &table)
        }
    }
}

/// Prints the results. The exit code says whether all rows are as expected.
fn finish(rows: &[Row], text: &str) -> ExitCode {
    end(rows.iter().filter(|row| row.differs()).count(), rows.len(), print(text))
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

/// Returns the exit code after printing the results, where `differs` of `rows` rows are not as expected.
fn end(differs: usize, rows: usize, printed: io::Result<()>) -> ExitCode {
    match printed.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let what = format!("the results cannot be written to the standard output: {error}");
            fail(&io::Error::new(error.kind(), what), BAD_INPUT)
        }
        // It is not an error if the reader closes the pipe early, as `head` does.
        Ok(()) | Err(_) if differs == 0 => ExitCode::SUCCESS,
        Ok(()) | Err(_) => fail(&CompareError::Differs { differs, rows }, 1),
    }
}

fn code(is_input: bool) -> u8 {
    if is_input { BAD_INPUT } else { 1 }
}

/// Tells the user something that is no result.
fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "paxos-bench: {line}");
}

fn fail(error: &dyn Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "paxos-bench: {error}");
    ExitCode::from(code)
}

/// A progress line on the terminal; nothing if there is no terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
