//! The systems that take part: how they are started, what they promise, and how load is put on them.

use super::VersusError;
use super::options::{Against, Versus};
use super::processes::{Line, Processes, on_path};
use super::ready::{addresses, answers, leader_first};
use super::report::Missing;
use crate::load::{self, Form, Load, LoadError, Wire, Workload};
use crate::options::arguments::{Progress, TlsArguments};
use crate::server::local_cluster::ports;
use serde::Serialize;
use std::path::Path;

/// The programs of etcd and Redis.
const ETCD: &str = "etcd";
const REDIS: &str = "redis-server";

/// The number of keys that are written.
const KEYS: u64 = 1000;

/// The seconds after which a write counts as unanswered.
const PATIENCE: f64 = 15.0;

/// What a system promises to a client whose write it has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// The disks on which the write is.
    pub durability: String,
    /// How many members may fail without loss.
    pub replication: String,
    /// The consistency of reads, which are not measured.
    pub reads: &'static str,
    /// The protocol that the clients use.
    pub wire: &'static str,
}

/// A system that took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// `cluster`, `etcd`, `redis` or `floor`.
    pub name: &'static str,
    /// The command line of each process.
    pub commands: Vec<String>,
    /// The system's promises.
    pub promise: Promise,
}

/// A running system.
#[derive(Debug)]
pub(super) struct System {
    pub(super) started: Started,
    wire: Wire,
    addresses: Vec<String>,
}

/// The parameters of one measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) clients: u32,
    /// The round, from 0 on.
    pub(super) round: u32,
    pub(super) value_size: u32,
    pub(super) seconds: f64,
}

/// Starts all systems and waits until they answer. Systems that are not installed are skipped.
pub(super) async fn start(
    options: &Versus,
    processes: &mut Processes<'_>,
    progress: Progress<'_>,
) -> Result<(Vec<System>, Vec<Missing>), VersusError> {
    progress("starting the cluster".into());
    let mut systems = vec![cluster(options, processes).await?];
    let mut missing = Vec::new();
    for against in &options.against {
        let name = against.name();
        progress(format!("starting {name}"));
        let found = match against {
            Against::Floor => Ok(floor(options, processes).await?),
            Against::Etcd => match on_path(ETCD) {
                Some(program) => Ok(etcd(options, processes, &program).await?),
                None => Err(ETCD),
            },
            Against::Redis => match on_path(REDIS) {
                Some(program) => Ok(redis(processes, &program).await?),
                None => Err(REDIS),
            },
        };
        match found {
            Ok(system) => systems.push(system),
            Err(program) => missing.push(Missing { name, program }),
        }
    }
    Ok((systems, missing))
}

/// Describes how many members may fail.
fn survives(nodes: u16) -> String {
    match (nodes - 1) / 2 {
        0 => "no member may fail".into(),
        failures => format!("{failures} of {nodes} members may fail"),
    }
}

fn majority(nodes: u16) -> String {
    format!("synced by {} of {nodes} members before the answer (fdatasync)", nodes / 2 + 1)
}

async fn cluster(options: &Versus, processes: &mut Processes<'_>) -> Result<System, VersusError> {
    let name = "cluster";
    let data = processes.home().directory(name)?;
    let (variant, nodes) = (options.variant.name(), options.nodes.to_string());
    let line = Line::new(
        &std::env::current_exe()?,
        &[
            "cluster",
            "--variant",
            variant,
            "--nodes",
            &nodes,
            "--port",
            "0",
            "--log",
            "warn",
            "--data",
            &data,
            "--until-stdin-ends",
        ],
    );
    let said = processes.start_ours(name, &line)?;
    let addresses = addresses(name, processes, said, "all ready").await?;
    answers(name, processes, Wire::Redis, &addresses).await?;
    let promise = Promise {
        durability: majority(options.nodes),
        replication: survives(options.nodes),
        reads: "linearizable, at any member",
        wire: "the Redis protocol",
    };
    let started = Started { name, commands: vec![line.show()], promise };
    Ok(System { started, wire: Wire::Redis, addresses })
}

async fn floor(options: &Versus, processes: &mut Processes<'_>) -> Result<System, VersusError> {
    let name = "floor";
    let data = processes.home().directory(name)?;
    let nodes = options.nodes.to_string();
    let arguments = ["floor", "--nodes", &nodes, "--data", &data, "--until-stdin-ends"];
    let line = Line::new(&std::env::current_exe()?, &arguments);
    let said = processes.start_ours(name, &line)?;
    let addresses = addresses(name, processes, said, "ready ").await?;
    answers(name, processes, Wire::Redis, &addresses).await?;
    let promise = Promise {
        durability: majority(options.nodes),
        replication: "none: the copies are written and never used".into(),
        reads: "none",
        wire: "the Redis protocol, one process, at its leader",
    };
    let started = Started { name, commands: vec![line.show()], promise };
    Ok(System { started, wire: Wire::Redis, addresses })
}

async fn redis(processes: &mut Processes<'_>, program: &Path) -> Result<System, VersusError> {
    let name = "redis";
    let data = processes.home().directory(name)?;
    let port = ports::free(1)?.first().map(u16::to_string).unwrap_or_default();
    let line = Line::new(
        program,
        &[
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--dir",
            &data,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ],
    );
    processes.start(name, &line)?;
    let addresses = vec![format!("127.0.0.1:{port}")];
    answers(name, processes, Wire::Redis, &addresses).await?;
    let promise = Promise {
        durability: "synced by 1 server before the answer (appendfsync always)".into(),
        replication: "none: one server".into(),
        reads: "linearizable, at the one server",
        wire: "the Redis protocol",
    };
    let started = Started { name, commands: vec![line.show()], promise };
    Ok(System { started, wire: Wire::Redis, addresses })
}

async fn etcd(
    options: &Versus,
    processes: &mut Processes<'_>,
    program: &Path,
) -> Result<System, VersusError> {
    let name = "etcd";
    let ports = ports::free(2 * usize::from(options.nodes))?;
    let peers: Vec<String> = ports.iter().step_by(2).map(|port| format!("http://127.0.0.1:{port}")).collect();
    let addresses: Vec<String> =
        ports.iter().skip(1).step_by(2).map(|port| format!("127.0.0.1:{port}")).collect();
    let all: Vec<String> = peers.iter().enumerate().map(|(nth, peer)| format!("m{nth}={peer}")).collect();
    let all = all.join(",");
    let mut commands = Vec::new();
    for (nth, (peer, address)) in peers.iter().zip(&addresses).enumerate() {
        let member = format!("m{nth}");
        let data = processes.home().directory(&format!("etcd-{member}"))?;
        let client = format!("http://{address}");
        let line = Line::new(
            program,
            &[
                "--name",
                &member,
                "--data-dir",
                &data,
                "--listen-peer-urls",
                peer,
                "--initial-advertise-peer-urls",
                peer,
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
                "--initial-cluster",
                &all,
                "--initial-cluster-state",
                "new",
                // etcd keeps every version of a key, and would refuse writes beyond its default of 2 GiB.
                "--quota-backend-bytes",
                "8589934592",
            ],
        );
        processes.start(name, &line)?;
        commands.push(line.show());
    }
    answers(name, processes, Wire::Etcd, &addresses).await?;
    let promise = Promise {
        durability: majority(options.nodes),
        replication: survives(options.nodes),
        reads: "linearizable, at any member",
        wire: "HTTP/JSON through its gateway, not gRPC",
    };
    Ok(System { started: Started { name, commands, promise }, wire: Wire::Etcd, addresses })
}

impl System {
    /// Puts a load on the system and returns the results.
    pub(super) async fn load(&self, ask: Ask, progress: Progress<'_>) -> Result<load::Report, LoadError> {
        let writes = Load {
            addr: leader_first(self.wire, &self.addresses).await,
            workload: Workload::Write,
            skew: None,
            clients: ask.clients,
            pipeline: None,
            rate: None,
            seconds: ask.seconds,
            count: None,
            keys: KEYS,
            no_fill: true,
            value_size: ask.value_size,
            prefix: "key".into(),
            password: None,
            tls: TlsArguments::default(),
            timeout: PATIENCE,
            history_out: None,
            // All systems get the same keys in a round.
            seed: u64::from(ask.round) + 1,
            format: Form::Table,
        };
        load::run(&writes, self.wire, progress).await
    }
}
