//! The command line of `load`.

use crate::options::arguments::address::reachable;
use crate::options::arguments::{Misfit, TlsArguments, whole};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The operations of the clients, after the Yahoo Cloud Serving Benchmark (Cooper et al., `SoCC` 2010).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Half reads, half updates
    A,
    /// 95 % reads, 5 % updates
    B,
    /// Reads only
    C,
    /// 95 % reads, mostly of new keys, 5 % inserts
    D,
    /// 95 % scans, 5 % inserts; a scan is one SCAN from a random cursor with COUNT up to 100, since keys have no order
    E,
    /// Half reads, half read-modify-write: WATCH, GET, MULTI, SET, EXEC
    F,
    /// Updates only
    Write,
    /// Gets, puts, compare-and-set, appends and deletes together: for histories
    Register,
}

/// The distribution of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Skew {
    /// All keys equally often
    Uniform,
    /// A few keys are drawn often: the nth as often as 1/n^0.99
    Zipf,
    /// Like zipf, with the newest keys most often
    Latest,
}

/// The format of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A table to read
    Table,
    /// JSON for programs
    Json,
}

/// A load for any server that speaks the Redis protocol.
#[derive(Clone, Debug, Args)]
pub struct Load {
    /// The servers' addresses; clients are spread over them, and move to the next one when a server fails
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:7001", value_name = "ADDR", value_parser = reachable)]
    pub addr: Vec<String>,
    /// The operations of the clients
    #[arg(long, value_enum, default_value_t = Workload::A)]
    pub workload: Workload,
    /// The distribution of keys [default: zipf; latest for workload d, uniform for register]
    #[arg(long, value_enum)]
    pub skew: Option<Skew>,
    /// The number of clients, each with its own connection
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clients: u32,
    /// The number of requests that a client has under way at a time; 1 in workloads with compare-and-set [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub pipeline: Option<u32>,
    /// Requests per second of all clients together, sent whether or not earlier ones are answered (open loop); latency
    /// counts from the time a request is due [default: one after another (closed loop)]
    #[arg(long, value_name = "R", value_parser = positive)]
    pub rate: Option<f64>,
    /// The duration in seconds
    #[arg(long, default_value_t = 10.0, value_name = "S", value_parser = positive)]
    pub seconds: f64,
    /// The number of requests, if the time suffices
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// The number of keys at first; they are set before the measurement starts, unless --no-fill is given
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
    /// Do not set the keys first
    #[arg(long)]
    pub no_fill: bool,
    /// The length of values in bytes; each begins with a unique text, so values that are too short are made longer
    #[arg(long, default_value_t = 100, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub value_size: u32,
    /// The prefix of all keys
    #[arg(long, default_value = "key", value_name = "TEXT")]
    pub prefix: String,
    /// The password of the servers
    #[arg(long, value_name = "PASSWORD", env = "PAXOS_REQUIREPASS", hide_env_values = true)]
    pub password: Option<String>,
    /// How clients connect
    #[command(flatten)]
    pub tls: TlsArguments,
    /// The time in seconds after which the outcome of an unanswered request counts as unknown
    #[arg(long, default_value_t = 15.0, value_name = "S", value_parser = positive)]
    pub timeout: f64,
    /// Write operations and results as JSON lines, for any linearizability checker (docs/history-format.md)
    #[arg(long, value_name = "FILE")]
    pub history_out: Option<PathBuf>,
    /// The seed of all random choices
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Form::Table)]
    pub format: Form,
}

impl Load {
    /// Checks that each option has an effect.
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        let name = |workload| match workload {
            Workload::A => "a",
            Workload::B => "b",
            Workload::C => "c",
            Workload::D => "d",
            Workload::E => "e",
            Workload::F => "f",
            Workload::Write => "write",
            Workload::Register => "register",
        };
        let with = format!("with --workload {}", name(self.workload));
        if self.pipeline.is_some_and(|pipeline| pipeline as usize != self.depth()) {
            let because = format!("{with}, whose clients wait for each answer");
            return Err(Misfit::new("--pipeline", because, "choose another workload"));
        }
        let skew: Option<Skew> = self.skew;
        if skew.is_some() && self.workload == Workload::E {
            let because = format!("{with}, whose scans and inserts draw no key");
            return Err(Misfit::new("--skew", because, "choose another workload"));
        }
        Ok(())
    }

    /// The distribution of keys, with the workload's default.
    pub fn skew(&self) -> Skew {
        self.skew.unwrap_or(match self.workload {
            Workload::D => Skew::Latest,
            Workload::Register => Skew::Uniform,
            Workload::A | Workload::B | Workload::C | Workload::E | Workload::F | Workload::Write => {
                Skew::Zipf
            }
        })
    }

    /// The number of requests that a client has under way.
    pub fn depth(&self) -> usize {
        match self.workload {
            // WATCH applies to the whole connection.
            Workload::F | Workload::Register => 1,
            Workload::A | Workload::B | Workload::C | Workload::D | Workload::E | Workload::Write => {
                self.pipeline.unwrap_or(1) as usize
            }
        }
    }
}

/// Parses a finite number above 0. A rate of 0 or an endless duration is taken for a typing mistake.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text} is not a number"))?;
    let is_usable = number.is_finite() && number > 0.0 && number <= 1e9;
    if is_usable { Ok(number) } else { Err("give a number above 0, and no more than 1,000,000,000".into()) }
}
