//! The command line of `load`.

use crate::arguments::address::reachable;
use crate::arguments::{Misfit, whole};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What clients do, after the Yahoo Cloud Serving Benchmark (Cooper et al., `SoCC` 2010).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Half reads, half updates
    A,
    /// 95 % reads, 5 % updates
    B,
    /// Reads only
    C,
    /// 95 % reads, mostly of what is new, 5 % inserts
    D,
    /// 95 % scans, 5 % inserts; a scan is one SCAN from a random cursor with COUNT up to 100, since keys have no order
    E,
    /// Half reads, half read-modify-write: WATCH, GET, MULTI, SET, EXEC
    F,
    /// Updates only
    Write,
    /// Gets, puts, compare-and-set, appends and deletes alike: for histories
    Register,
}

/// How keys are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Skew {
    /// All alike
    Uniform,
    /// Few are drawn often: the nth as often as 1/n^0.99
    Zipf,
    /// As zipf, the newest first
    Latest,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Load for any server that speaks the Redis protocol.
#[derive(Clone, Debug, Args)]
pub struct Load {
    /// Where the servers listen; clients are spread over them, and go to the next when one fails
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:7001", value_name = "ADDR", value_parser = reachable)]
    pub addr: Vec<String>,
    /// What clients do
    #[arg(long, value_enum, default_value_t = Workload::A)]
    pub workload: Workload,
    /// How keys are drawn [default: zipf; latest for workload d, uniform for register]
    #[arg(long, value_enum)]
    pub skew: Option<Skew>,
    /// How many clients, each with a connection of its own
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clients: u32,
    /// How many requests a client has under way at a time; 1 in workloads with compare-and-set [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub pipeline: Option<u32>,
    /// Requests a second of all clients together, whether or not earlier ones are answered (open loop): latency counts from
    /// when a request was due [default: the next when one is answered (closed loop)]
    #[arg(long, value_name = "R", value_parser = positive)]
    pub rate: Option<f64>,
    /// For how many seconds
    #[arg(long, default_value_t = 10.0, value_name = "S", value_parser = positive)]
    pub seconds: f64,
    /// How many requests, if the time allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How many keys there are at first; they are set before the time runs, unless --no-fill
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
    /// Do not set the keys before
    #[arg(long)]
    pub no_fill: bool,
    /// The length of values in bytes; they are told apart by what they begin with, so short ones are made longer
    #[arg(long, default_value_t = 100, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub value_size: u32,
    /// What keys begin with
    #[arg(long, default_value = "key", value_name = "TEXT")]
    pub prefix: String,
    /// What the servers want to hear first
    #[arg(long, value_name = "PASSWORD", env = "PAXOS_REQUIREPASS", hide_env_values = true)]
    pub password: Option<String>,
    /// Seconds after which a request that is not answered has an unknown outcome
    #[arg(long, default_value_t = 15.0, value_name = "S", value_parser = positive)]
    pub timeout: f64,
    /// Write what clients did and saw as JSON lines, for any linearizability checker (docs/history-format.md)
    #[arg(long, value_name = "FILE")]
    pub history_out: Option<PathBuf>,
    /// Where everything random is drawn from
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Form::Table)]
    pub format: Form,
}

impl Load {
    /// That each option has an effect.
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

    /// How keys are drawn.
    pub fn skew(&self) -> Skew {
        self.skew.unwrap_or(match self.workload {
            Workload::D => Skew::Latest,
            Workload::Register => Skew::Uniform,
            Workload::A | Workload::B | Workload::C | Workload::E | Workload::F | Workload::Write => {
                Skew::Zipf
            }
        })
    }

    /// How many requests a client has under way.
    pub fn depth(&self) -> usize {
        match self.workload {
            // What is watched is watched by the connection.
            Workload::F | Workload::Register => 1,
            Workload::A | Workload::B | Workload::C | Workload::D | Workload::E | Workload::Write => {
                self.pipeline.unwrap_or(1) as usize
            }
        }
    }
}

/// Reads a number above 0 that has an end: a rate of 0, or a time that never comes, is a typing mistake.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    let is_usable = number.is_finite() && number > 0.0 && number <= 1e9;
    if is_usable { Ok(number) } else { Err("give a number above 0, and no more than 1,000,000,000".into()) }
}
