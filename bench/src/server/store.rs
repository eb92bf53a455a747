//! `paxos-bench store`: what a member's directory contains, and whether it is intact.

use super::backup::{BackupError, Executed, Recovered, Stores};
use crate::load::Form;
use crate::options::arguments::Progress;
use clap::{Args, Subcommand};
use paxos_transport::StoreReport;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The help text below the options.
pub const HELP: &str = "\
A running member locks its directory, so stop it first. Nothing is changed: damage that can be repaired is repaired when
the member starts.

Examples:
  paxos-bench store inspect /var/lib/paxos/n0
  paxos-bench store verify /var/lib/paxos/*
  paxos-bench store inspect --format json data/n0 data/n1
  paxos-bench store backup saved.backup data/n0 data/n1

Exit codes: 0 every store is whole, or will be when it is opened, 1 one is not, 2 the command line is wrong. Of backup: 0 the
file is complete and on the disk, 1 there is no backup, 2 the command line is wrong or a file cannot be used.";

/// Inspects, verifies or backs up stores.
#[derive(Debug, Args)]
pub struct StoreOptions {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read a whole store, and print its owner and its contents
    Inspect {
        /// The directory of one member (of `cluster --data DIR`: DIR/n0, DIR/n1, …)
        #[arg(value_name = "DIR", required = true)]
        dirs: Vec<PathBuf>,
        /// The format of the output
        #[arg(long, value_enum, default_value_t = Form::Table, value_name = "FORMAT")]
        format: Form,
    },
    /// Read a whole store, and print in one line whether it is whole
    Verify {
        /// The directory of one member (of `cluster --data DIR`: DIR/n0, DIR/n1, …)
        #[arg(value_name = "DIR", required = true)]
        dirs: Vec<PathBuf>,
        /// The format of the output
        #[arg(long, value_enum, default_value_t = Form::Table, value_name = "FORMAT")]
        format: Form,
    },
    /// Write all keys to a file that `paxos-bench restore` reads, as `backup` does, from stopped members
    Backup {
        /// The file to write; it must not exist
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The directories of enough members to form a quorum, which then run in memory for a moment
        #[arg(value_name = "DIR", required = true)]
        dirs: Vec<PathBuf>,
        /// The cluster's file [default: cluster.toml in the parent of the first DIR, as written by `cluster --data`]
        #[arg(long, value_name = "FILE")]
        cluster: Option<PathBuf>,
        /// Do without a quorum: use what the survivors know and voted for. Acknowledged writes may be missing, and
        /// unacknowledged ones may be present
        #[arg(long)]
        survivor: bool,
    },
}

/// The result of `store`.
#[derive(Debug, Default)]
pub struct Inspected {
    /// The text to print.
    pub text: String,
    /// What to print on the standard error, although nothing failed.
    pub warnings: Vec<String>,
    /// One error for each store that is not whole.
    pub errors: Vec<BackupError>,
}

/// Reads the stores one after another. It says by `step` what a backup does.
pub fn store(options: &StoreOptions, step: Progress<'_>) -> Inspected {
    let (dirs, short, format) = match &options.what {
        What::Inspect { dirs, format } => (dirs, false, *format),
        What::Verify { dirs, format } => (dirs, true, *format),
        What::Backup { file, dirs, cluster, survivor } => {
            let beside = dirs.first().map(|dir| dir.join("..").join("cluster.toml")).unwrap_or_default();
            let cluster = cluster.as_deref().unwrap_or(&beside);
            return backup(file, Stores { dirs, cluster, survivor: *survivor }, step);
        }
    };
    let mut inspected = Inspected::default();
    let mut stores = Vec::new();
    for dir in dirs {
        match StoreReport::read(dir) {
            Ok(report) if format == Form::Json => stores.push(Described::of(dir, &report)),
            Ok(report) => {
                let name = dir.display();
                // Writing to a string cannot fail.
                _ = match (short, report.damaged) {
                    (true, 0) => writeln!(inspected.text, "{name}: whole"),
                    (true, n) => writeln!(
                        inspected.text,
                        "{name}: {n} damaged, to be repaired from the copy when it is opened"
                    ),
                    (false, _) => writeln!(inspected.text, "{name}\n{}", describe(&report)),
                };
            }
            Err(error) => inspected.errors.push(error.into()),
        }
    }
    if format == Form::Json {
        let text = serde_json::to_string_pretty(&stores);
        inspected.text = text.expect("numbers and strings are JSON") + "\n";
    }
    inspected
}

/// A store that can be read, for programs. One that cannot be read is an error message and exit code 1.
#[derive(Serialize)]
struct Described {
    directory: String,
    node: u16,
    cluster: String,
    variant: String,
    genesis: String,
    store: String,
    writes: u64,
    incarnations: u32,
    lease_ms: Option<u64>,
    /// Every slot below this one is in the snapshot.
    snapshot_next: Option<u64>,
    snapshot_bytes: Option<u64>,
    first_block: u64,
    last_block: u64,
    record_bytes: u64,
    /// The files of the log, each with its length in bytes.
    segments: Vec<(String, u64)>,
    damaged_blocks: usize,
}

impl Described {
    fn of(dir: &Path, report: &StoreReport) -> Self {
        let named = |(path, length): &(PathBuf, u64)| (path.display().to_string(), *length);
        Self {
            directory: dir.display().to_string(),
            node: report.node.0,
            cluster: report.cluster.clone(),
            variant: report.variant.clone(),
            genesis: report.genesis.clone(),
            store: format!("{:032x}", report.store.id),
            writes: report.store.writes,
            incarnations: report.incarnations,
            lease_ms: report.lease.map(|lease| lease.as_millis() as u64),
            snapshot_next: report.snapshot.map(|snapshot| snapshot.next.index()),
            snapshot_bytes: report.snapshot.map(|snapshot| snapshot.length),
            first_block: *report.blocks.start(),
            last_block: *report.blocks.end(),
            record_bytes: report.record_bytes,
            segments: report.segments.iter().map(named).collect(),
            damaged_blocks: report.damaged,
        }
    }
}

fn backup(file: &Path, stores: Stores<'_>, step: &mut dyn FnMut(String)) -> Inspected {
    match stores.back_up(file, step) {
        Ok(Recovered { head, log: Executed { next, chosen, gap } }) => {
            let mut text = format!("{}: {} keys, of all slots below {next}\n", file.display(), head.keys);
            if chosen < next {
                _ = writeln!(text, "  from {chosen} on, these are votes that may not have been chosen");
            }
            if gap {
                _ = writeln!(text, "  later votes are left out: nothing is known of {next}");
            }
            let warnings = (stores.survivor && head.keys == 0).then(|| nothing_survived(file));
            Inspected { text, warnings: warnings.into_iter().collect(), errors: Vec::new() }
        }
        Err(error) => Inspected { errors: vec![error], ..Inspected::default() },
    }
}

fn nothing_survived(file: &Path) -> String {
    format!(
        "{} has no keys: either the store was empty, or none of its keys is in these directories. Before you use it, check that \
         these are the directories that the members used last, and that those of all survivors are given",
        file.display()
    )
}

fn describe(report: &StoreReport) -> String {
    let snapshot = report.snapshot.map_or_else(
        || "none".into(),
        |snapshot| format!("of all slots below {}, {} bytes", snapshot.next, snapshot.length),
    );
    let mut text = format!(
        "  belongs to   {} of cluster {:?}, running {}
  began with   {}
  store        {:032x}, {} writes, started {} times
  snapshot     {snapshot}
  log          blocks {} to {}, {} bytes of records\n",
        report.node,
        report.cluster,
        report.variant,
        report.genesis,
        report.store.id,
        report.store.writes,
        report.incarnations,
        report.blocks.start(),
        report.blocks.end(),
        report.record_bytes,
    );
    if let Some(lease) = report.lease {
        _ = writeln!(
            text,
            "  leases       granted for up to {lease:?}: after a restart it answers no candidate for so long"
        );
    }
    for (path, length) in &report.segments {
        _ = writeln!(text, "    {} ({length} bytes)", path.display());
    }
    if report.damaged > 0 {
        _ = writeln!(
            text,
            "  damaged      {} blocks, to be repaired from their copies when it is opened",
            report.damaged
        );
    }
    text
}
