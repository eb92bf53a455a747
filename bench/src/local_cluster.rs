//! `paxos-bench cluster`: a whole cluster on this machine, each member a process of its own.

use crate::serve::{Clients, ClusterFile, Place, ServeError, Waits, init_log};
use crate::variants::Variant;
use clap::Args;
use std::io::{self, Write};
use std::net::TcpListener as Probe;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

/// How long members may take to stop before they are killed.
const STOP: Duration = Duration::from_secs(10);

/// How far the ports of clients and members are apart.
const APART: u16 = 100;

/// From here on, the ports of 32 members and 16 spares would go beyond 65,535.
const HIGHEST_PORT: i64 = 65_535 - APART as i64 - (32 + 16 - 1);

/// A cluster on this machine.
#[derive(Debug, Args)]
pub struct LocalCluster {
    /// The variant
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// How many members it begins with
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    pub nodes: u16,
    /// How many more processes run that may become members with PAXOS ADD
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=16))]
    pub spares: u16,
    /// Where the members keep what they must not forget [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The port of the first member for clients; the next have the next, and 100 higher are those for members.
    /// 0: any that are free
    #[arg(long, default_value_t = 7001, value_name = "PORT", value_parser = clap::value_parser!(u16).range(..=HIGHEST_PORT))]
    pub port: u16,
    /// Write the protocol steps of member N as JSON lines to PREFIX.nN.jsonl
    #[arg(long, value_name = "PREFIX")]
    pub trace_out: Option<PathBuf>,
    /// How members treat clients
    #[command(flatten)]
    pub clients: Clients,
}

/// Runs a cluster until it is told to stop.
///
/// # Errors
/// [`ServeError`]: it cannot run, or a member ended by itself.
pub fn run_cluster(options: &LocalCluster) -> Result<(), ServeError> {
    init_log(&options.clients.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let temporary;
    let data = if let Some(data) = &options.data {
        std::fs::create_dir_all(data)?;
        data.as_path()
    } else {
        temporary = tempfile::Builder::new().prefix("paxos-cluster-").tempdir()?;
        temporary.path()
    };
    let path = data.join("cluster.toml");
    let file = if path.exists() {
        // Members do not move while they are away.
        ClusterFile::read(&path)?
    } else {
        let file = describe(options)?;
        file.write(&path)?;
        file
    };
    runtime.block_on(run(options, &file, data))
}

/// Chooses the addresses.
fn describe(options: &LocalCluster) -> io::Result<ClusterFile> {
    let count = options.nodes + options.spares;
    let ports: Vec<(u16, u16)> = if options.port == 0 {
        // All are held until all are known, so that none is chosen twice.
        let probe = || Probe::bind("127.0.0.1:0");
        let held: Vec<_> = (0..count).map(|_| Ok((probe()?, probe()?))).collect::<io::Result<_>>()?;
        let port = |probe: &Probe| probe.local_addr().map(|address| address.port());
        held.iter().map(|(resp, peer)| Ok((port(resp)?, port(peer)?))).collect::<io::Result<_>>()?
    } else {
        (0..count).map(|nth| (options.port + nth, options.port + APART + nth)).collect()
    };
    let mut places: Vec<Place> = ports
        .iter()
        .zip(0..)
        .map(|((resp, peer), id)| Place {
            id,
            peer: format!("127.0.0.1:{peer}"),
            resp: format!("127.0.0.1:{resp}"),
        })
        .collect();
    let spares = places.split_off(usize::from(options.nodes));
    let lease = if options.clients.reads == crate::serve::Reads::Lease { 250 } else { 0 };
    let timeouts = Waits { lease_ms: lease, ..Waits::default() };
    Ok(ClusterFile { name: "local".into(), members: places, spares, tls: None, timeouts })
}

/// What a member says.
enum Said {
    Line(String),
    Ended(u16, io::Result<std::process::ExitStatus>),
}

async fn run(options: &LocalCluster, file: &ClusterFile, data: &Path) -> Result<(), ServeError> {
    let stopping = crate::serve::stop_signal(false)?;
    let (say, mut said) = mpsc::channel(64);
    let mut members = JoinSet::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut count = 0_usize;
    for place in file.places() {
        let mut child = start(options, place, data)?;
        if let Some(out) = child.stdout.take() {
            tokio::spawn(pass_on(out, say.clone()));
        }
        members.spawn(mind(place.id, child, stopped.clone(), say.clone()));
        count += 1;
    }
    print(&format!(
        "cluster variant={} members={} data={}",
        options.variant,
        file.members.len(),
        data.display()
    ))?;
    tokio::pin!(stopping);
    let (mut ready, mut alive, mut first_dead) = (0, count, None);
    while alive > 0 {
        tokio::select! {
            () = &mut stopping => break,
            heard = said.recv() => match heard {
                Some(Said::Line(line)) => {
                    print(&line)?;
                    ready += usize::from(line.starts_with("ready "));
                    if ready == count && line.starts_with("ready ") {
                        print("all ready; stop with Ctrl-C")?;
                    }
                }
                Some(Said::Ended(id, status)) => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    print(&format!("ended id={id} {status}"))?;
                    tracing::error!(id, status, "a member ended by itself; the others go on if they are a quorum");
                    first_dead = first_dead.or(Some(id));
                    alive -= 1;
                }
                None => break,
            },
        }
    }
    stop.send_replace(true);
    while members.join_next().await.is_some() {}
    first_dead.map_or(Ok(()), |id| Err(ServeError::Died(id)))
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn start(options: &LocalCluster, place: &Place, data: &Path) -> Result<Child, ServeError> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    let clients = &options.clients;
    command
        .args(["serve", "--variant", options.variant.name(), "--id", &place.id.to_string()])
        .arg("--cluster")
        .arg(data.join("cluster.toml"))
        .arg("--data")
        .arg(data.join(format!("n{}", place.id)))
        .args(["--log", &clients.log, "--reads", crate::serve::reads_name(clients.reads.into())])
        .args(["--maxclients", &clients.maxclients.to_string(), "--lanes", &clients.lanes.to_string()])
        // Its end tells a member that this process is gone, however that came about.
        .arg("--until-stdin-ends");
    if let Some(password) = &clients.requirepass {
        // A command line can be read by everyone on this machine.
        command.env("PAXOS_REQUIREPASS", password);
    }
    if let Some(prefix) = &options.trace_out {
        command.arg("--trace-out").arg(format!("{}.n{}.jsonl", prefix.display(), place.id));
    }
    #[cfg(unix)]
    {
        // Ctrl-C in a terminal is for this process, which stops the members one way or the other.
        command.process_group(0);
    }
    Ok(command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?)
}

async fn pass_on(out: ChildStdout, say: mpsc::Sender<Said>) {
    let mut lines = BufReader::new(out).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if say.send(Said::Line(line)).await.is_err() {
            return;
        }
    }
}

/// Waits until a member ends, by itself or because it is told to.
async fn mind(
    id: u16,
    mut child: Child,
    mut stopped: tokio::sync::watch::Receiver<bool>,
    say: mpsc::Sender<Said>,
) {
    let stdin = child.stdin.take();
    let told = async { drop(stopped.wait_for(|stopped| *stopped).await) };
    tokio::select! {
        status = child.wait() => {
            drop(say.send(Said::Ended(id, status)).await);
            return;
        }
        () = told => {}
    }
    drop(stdin);
    if timeout(STOP, child.wait()).await.is_err() {
        tracing::warn!(id, "a member does not stop, and is killed");
        drop(child.kill().await);
    }
}
