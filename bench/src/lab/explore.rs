//! `paxos-bench explore`: a page on which the shipped nodes run under the simulator's clock, event by event.
//!
//! A session is a list of inputs, and its run is made again from the start each time. So a prefix of the list is the
//! past, the same list with another variant is the same experiment with that variant, and a saved list is a run that
//! anybody can repeat.
//!
//! ```text
//! script     inputs, and how they are saved       frame   what is shown of a run
//! scenarios  clusters, and inputs to begin with   state   the state of a process
//! mistake    mistakes made on purpose             draw    the space-time diagram
//! run        from inputs to frames                page    the page, and a run as one file
//!                                                 serve   the page over HTTP, on loopback
//! ```

mod draw;
mod frame;
mod mistake;
mod page;
mod run;
mod scenarios;
mod script;
mod serve;
mod state;

pub use draw::{Drawing, draw};
pub use frame::{
    Accepting, Broken, Fate, Frame, Held, Knowing, Lane, Mark, Proposing, Recording, Shelf, State, Tone, Trip,
};
pub use mistake::Mistake;
pub use page::{export_html, export_svg, page};
pub use run::play;
pub use scenarios::{Scenario, Setting, scenarios};
pub use script::{Action, Goal, Script, named};
pub use serve::{Asked, Reply, Site, serve};

use crate::lab::report::write_whole;
use crate::load::Form;
use crate::variants::Variant;
use clap::Args;
use paxos_core::QuorumError;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The end of the command's help text.
pub const HELP: &str = "\
Examples:
  paxos-bench explore --scenario leader-crash           open http://127.0.0.1:7800/ in a browser
  paxos-bench explore --scenario duel --export duel.html
  paxos-bench explore --replay session.json             repeat a saved session in the terminal
  paxos-bench explore --list --format json              the scenarios, for programs

docs/explore.md describes the keys, the scenarios and the format of saved sessions.";

/// A page to step through a run and to intervene in it.
#[derive(Debug, Args)]
pub struct Explore {
    /// The variant [default: the one that shows the scenario best]
    #[arg(long, value_enum)]
    pub variant: Option<Variant>,
    /// The scenario to begin with; --list prints all of them
    #[arg(long, default_value = "no-fault", value_name = "NAME")]
    pub scenario: String,
    /// The seed of delays and waiting times
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = crate::options::arguments::whole)]
    pub seed: u64,
    /// The port of the page, on loopback only; 0: any free port
    #[arg(long, default_value_t = 7800, value_name = "PORT")]
    pub port: u16,
    /// Repeat a saved session and print what happens; exit code 1 if an invariant is broken
    #[arg(long, value_name = "FILE", group = "printed", conflicts_with_all = ["variant", "scenario", "seed", "port"])]
    pub replay: Option<PathBuf>,
    /// Write the run as one self-contained file, FILE.html or FILE.svg, or as a session, FILE.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["port", "list"])]
    pub export: Option<PathBuf>,
    /// List the scenarios
    #[arg(long, group = "printed")]
    pub list: bool,
    /// How to print the list, or what happens in a repeated session [default: table]
    #[arg(long, value_enum, requires = "printed", conflicts_with = "export")]
    pub format: Option<Form>,
}

/// The result of a task that needs no page.
#[derive(Debug)]
pub struct Explored {
    /// The text to print.
    pub text: String,
    /// Whether all invariants hold.
    pub holds: bool,
}

/// Why the explorer failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// The text is not a session.
    #[error("this is not a session: {0}; docs/explore.md describes the format and every input")]
    Session(#[from] serde_json::Error),
    /// The session was written by another version of the program.
    #[error("the session has format {0}, and this program reads format 1; use the program that wrote it")]
    Format(u32),
    /// The session is too long.
    #[error("the session has {actions} inputs, and at most {longest} are allowed; begin a new one")]
    Long {
        /// The number of inputs.
        actions: usize,
        /// The most inputs that are allowed.
        longest: usize,
    },
    /// There is no such variant.
    #[error("there is no variant {0:?}; choose one of {names}", names = variants())]
    Variant(String),
    /// There is no such scenario.
    #[error("there is no scenario {0:?}; `paxos-bench explore --list` prints all of them")]
    Scenario(String),
    /// The cluster cannot be built.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}; name a saved session", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; name a file in a directory that can be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file to export has none of the known suffixes.
    #[error("{} is not an HTML, SVG or JSON file; end its name in .html, .svg or .json", .0.display())]
    Suffix(PathBuf),
    /// The page cannot be served.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; choose another --port")]
    Listen {
        /// The port.
        port: u16,
        /// The cause.
        source: io::Error,
    },
    /// The page cannot be made.
    #[error("the page cannot be made: {0}; this is a bug, please report it with this command line")]
    Page(#[from] askama::Error),
}

/// A task of `explore`. Some tasks need no page.
#[derive(Debug)]
pub enum Task {
    /// The task is done, without a page.
    Done(Explored),
    /// The page that begins with this session is to be served on this port.
    Page(Script, u16),
}

/// Does what the command line asks for, except serving the page.
///
/// # Errors
/// [`ExploreError`] if a name or a file is at fault.
pub fn explore(options: &Explore) -> Result<Task, ExploreError> {
    let json = options.format == Some(Form::Json);
    if options.list {
        let text = if json { readable(&page::choices().collect::<Vec<_>>())? } else { list() };
        return Ok(Task::Done(Explored { text, holds: true }));
    }
    let script = match &options.replay {
        Some(path) => {
            let text = fs::read_to_string(path);
            Script::read(&text.map_err(|source| ExploreError::Read { path: path.clone(), source })?)?
        }
        None => Script::of(named(&options.scenario)?, options.variant, options.seed),
    };
    match (&options.export, &options.replay) {
        (Some(path), _) => export(&script, path).map(Task::Done),
        (None, Some(_)) => {
            let run = play(&script)?;
            let text = if json { readable(&run)? } else { told(&run) };
            Ok(Task::Done(Explored { text, holds: run.broken.is_none() }))
        }
        (None, None) => Ok(Task::Page(script, options.port)),
    }
}

/// The names of all variants.
fn variants() -> String {
    Variant::ALL.iter().map(|variant| variant.name()).collect::<Vec<_>>().join(", ")
}

fn list() -> String {
    scenarios().fold(String::new(), |mut text, scenario| {
        let Scenario { name, title, variant, look, .. } = scenario;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}  ({title}; shown best by {variant})\n    {look}\n");
        text
    })
}

/// Writes the run to a file.
fn export(script: &Script, path: &Path) -> Result<Explored, ExploreError> {
    let run = play(script)?;
    let content = match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("html") => export_html(script, &run, false)?,
        Some("svg") => export_svg(&run, false),
        Some("json") => script.write()?,
        _ => return Err(ExploreError::Suffix(path.to_owned())),
    };
    write_whole(path, content.as_ref())
        .map_err(|source| ExploreError::Write { path: path.to_owned(), source })?;
    Ok(Explored { text: format!("{}\n", path.display()), holds: run.broken.is_none() })
}

/// Describes the run in words: a line for each frame that is more than upkeep.
fn told(run: &Recording) -> String {
    let mut text = format!("{} with {}, seed {}\n\n", run.title, run.variant, run.seed);
    for frame in run.frames.iter().filter(|frame| !frame.quiet) {
        let (ms, tenth) = (frame.at_us / 1000, frame.at_us % 1000 / 100);
        let _ = writeln!(text, "{ms:>7}.{tenth} ms  {}", frame.text);
        for mark in frame.marks.iter().filter(|mark| !mark.is_said()) {
            let line = format!("n{} {} {}", mark.node, mark.what, mark.text);
            let _ = writeln!(text, "{:>15}{}", "", line.trim_end());
        }
    }
    if let Some(why) = &run.cut_short {
        let _ = writeln!(text, "\n{why}");
    }
    match &run.broken {
        None => text.push_str("\nNo invariant was broken.\n"),
        Some(Broken { invariant, says, source, message, .. }) => {
            let _ = writeln!(text, "\n{invariant} was broken: {message}\nIt says: {says} ({source}).");
        }
    }
    text
}

/// The same as JSON, for programs.
fn readable(shown: &impl serde::Serialize) -> Result<String, ExploreError> {
    Ok(serde_json::to_string_pretty(shown)? + "\n")
}

#[cfg(test)]
mod tests;
