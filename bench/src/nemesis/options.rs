//! The command line of `nemesis`.

use super::fault::ABSENT;
use super::{Fault, NemesisError};
use crate::load::{Form, positive};
use crate::options::arguments::whole;
use crate::server::Reads;
use crate::variants::Variant;
use clap::{Args, ValueEnum};
use core::time::Duration;
use std::path::PathBuf;

/// The help text below the options.
pub const HELP: &str = "\
The members are processes of this program on this machine, with their own disks. Each reaches the others through links
that the command disturbs. While clients write and read, one fault follows another. The seed draws them: every kind equally
often, half of them at the leader, some with a second fault beside them. A fault is left out where it could end the
cluster. Most clients only read, and each of these stays at one member, also while that member is cut off or stopped.

At the end of a window all faults end. Each member must answer a write, each member is asked for every key, and the history of
the window must be linearizable (docs/linearize.md). Each window has new keys. Ctrl-C ends the run after the present window.

A violation ends the run. The command then prints the operations that contradict each other and the command that repeats
the window, and keeps the history and the members' data and logs. The same seed gives the same faults in the same order.
Real processes and disks take their own time, so a repeated window need not fail again.

  paxos-bench nemesis                                          multi, 10 minutes, all faults
  paxos-bench nemesis --hours 8 --variant fast --format json > fast.json
  paxos-bench nemesis --faults kill,kill-all --windows 3
  paxos-bench nemesis --reads local --faults cut --minutes 1   what a violation looks like: local reads may be old

Exit codes: 0 no window failed, 1 a window failed or could not be judged, 2 the command line is wrong.";

/// The length of a run without `--minutes`, `--hours` and `--windows`.
const USUAL: Duration = Duration::from_secs(600);

/// Which cluster runs, for how long, and under which faults.
#[derive(Clone, Debug, Args)]
pub struct Nemesis {
    /// The variant
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// The number of members
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(3..=9))]
    pub nodes: u16,
    /// How fresh a read must be. All modes except `local` are linearizable
    #[arg(long, value_enum, default_value_t = Reads::Confirmed)]
    pub reads: Reads,
    /// The minutes after which no window begins [default: 10]
    #[arg(long, value_name = "M", value_parser = positive, group = "time")]
    pub minutes: Option<f64>,
    /// The hours after which no window begins
    #[arg(long, value_name = "H", value_parser = positive, group = "time")]
    pub hours: Option<f64>,
    /// The number of windows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), group = "time")]
    pub windows: Option<u64>,
    /// The seconds of a window in which faults begin
    #[arg(long, default_value = "20", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub window: u64,
    /// The first window, to repeat one
    #[arg(long, default_value = "0", value_name = "N", value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub first_window: u64,
    /// The seed of the faults and of what clients do
    #[arg(long, default_value = "1", value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// Only these kinds of faults (see --list)
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub faults: Option<Vec<String>>,
    /// An empty or new directory for data, logs and histories; it is kept [default: a temporary directory, kept only if a
    /// window fails]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The format of the summary; with `json`, the lines for windows go to the standard error
    #[arg(long, value_enum, default_value_t = Form::Table, value_name = "FORMAT")]
    pub format: Form,
    /// List the kinds of faults
    #[arg(long)]
    pub list: bool,
}

impl Nemesis {
    /// Checks the options. Returns the kinds of faults to draw from.
    ///
    /// # Errors
    /// [`NemesisError`] if a fault is not possible, or the options do not fit together.
    pub(super) fn check(&self) -> Result<Vec<Fault>, NemesisError> {
        let leaderless = self.variant.traits().leaderless;
        if leaderless && self.reads == Reads::Lease {
            return Err(NemesisError::NoLease(self.variant.name()));
        }
        if let Some(data) = &self.data
            && std::fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some())
        {
            return Err(NemesisError::NotEmpty(data.clone()));
        }
        let Some(names) = &self.faults else {
            let possible = |fault: &Fault| !leaderless || *fault != Fault::Transfer;
            return Ok(Fault::ALL.iter().copied().filter(possible).collect());
        };
        let mut faults = Vec::new();
        for name in names {
            if let Some((name, why)) = ABSENT.iter().find(|(absent, _)| absent == name) {
                return Err(NemesisError::Absent(name, why));
            }
            let fault = Fault::from_str(name, false).map_err(|_| NemesisError::Unknown(name.clone()))?;
            if leaderless && fault == Fault::Transfer {
                return Err(NemesisError::Leaderless(fault, self.variant.name()));
            }
            if faults.contains(&fault) {
                return Err(NemesisError::Twice(fault));
            }
            faults.push(fault);
        }
        Ok(faults)
    }

    /// The time after which no window begins; none if the number of windows is given.
    pub(super) fn time(&self) -> Option<Duration> {
        let minutes = self.minutes.or(self.hours.map(|hours| 60.0 * hours));
        match (minutes, self.windows) {
            (Some(minutes), _) => Some(Duration::from_secs_f64(60.0 * minutes)),
            (None, Some(_)) => None,
            (None, None) => Some(USUAL),
        }
    }

    /// The command that repeats a window.
    pub(super) fn again(&self, window: u64) -> String {
        let Self { variant, nodes, seed, .. } = self;
        let reads = crate::server::reads_name(self.reads.into());
        let faults = self.faults.as_ref().map(|names| format!(" --faults {}", names.join(",")));
        format!(
            "paxos-bench nemesis --variant {variant} --nodes {nodes} --reads {reads} --seed {seed} --window {} \
             --first-window {window} --windows 1{}",
            self.window,
            faults.unwrap_or_default()
        )
    }
}
