//! `paxos-bench cluster`: a whole cluster on this machine, each member in its own process.

pub(crate) mod ports;

use crate::options::arguments::address::Address;
use crate::server::file::durable;
use crate::server::{Clients, ClusterFile, Place, Reads, ServeError, Waits, cores, init_log, make_dir};
use crate::variants::Variant;
use clap::Args;
use core::future::Future;
use paxos_core::NodeId;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::TcpListener as Probe;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

/// How long members may take to stop before they are killed.
const STOP: Duration = Duration::from_secs(10);

/// The distance between the ports for clients and those for members.
const APART: u16 = 100;

/// Above this, the ports of 32 members and 16 spares would exceed 65,535.
const HIGHEST_PORT: i64 = 65_535 - APART as i64 - (32 + 16 - 1);

/// A cluster on this machine.
#[derive(Debug, Args)]
pub struct LocalCluster {
    /// The variant
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// The number of members at the start [default: 3, or as in --data]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    pub nodes: Option<u16>,
    /// The number of spare processes, which may become members with PAXOS ADD [default: none, or as in --data]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=16))]
    pub spares: Option<u16>,
    /// The directory for the members' data [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The first member's port for clients; the other members use the following ports. Ports for members are 100
    /// higher. 0: any free ports [default: 7001, or as in --data]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(..=HIGHEST_PORT))]
    pub port: Option<u16>,
    /// Serve /metrics, /healthz and /readyz of member N over HTTP at port BASE + N of 127.0.0.1
    #[arg(long, value_name = "BASE", value_parser = clap::value_parser!(u16).range(1..=65_535 - 47))]
    pub metrics_port: Option<u16>,
    /// Write the protocol steps of member N as JSON lines to PREFIX.nN.jsonl
    #[arg(long, value_name = "PREFIX")]
    pub trace_out: Option<PathBuf>,
    /// Stop when the standard input ends, because the process that started this cluster is gone
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
    /// How members treat clients
    #[command(flatten)]
    pub clients: Clients,
}

/// Runs a cluster until it is stopped.
///
/// # Errors
/// [`ServeError`] if the cluster cannot run, or a member stopped unexpectedly.
pub fn run_cluster(options: &LocalCluster) -> Result<(), ServeError> {
    init_log(&options.clients.log, "cluster │")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let temporary;
    let data = if let Some(data) = &options.data {
        make_dir(data)?;
        data.as_path()
    } else {
        temporary = tempfile::Builder::new().prefix("paxos-cluster-").tempdir()?;
        temporary.path()
    };
    let path = data.join("cluster.toml");
    // An earlier version did not sync it, so a power loss may have left nothing in it.
    let described = path.exists() && !durable::is_blank(&path);
    let file = if described {
        // An existing cluster keeps its addresses.
        let file = ClusterFile::read(&path)?;
        agree(options, &file, &path)?;
        file
    } else {
        // A file with other members or addresses than before would end the cluster.
        if let Some(store) =
            (0..64).map(|id| store_of(data, id)).find(|store| store.join("manifest").exists())
        {
            let (path, store) = (path.display().to_string(), store.display().to_string());
            return Err(ServeError::FileLost { path, store });
        }
        describe(options)?
    };
    file.allows(options.clients.reads)?;
    probe(&file)?;
    if !described {
        let wrong = |source| ServeError::Write { path: path.display().to_string(), source };
        file.write(&path).map_err(wrong)?;
    }
    let done = runtime.block_on(run(options, &file, data));
    // A read of the standard input does not hold it up.
    runtime.shutdown_background();
    done
}

/// The directory of a member's store.
fn store_of(data: &Path, id: u16) -> PathBuf {
    data.join(format!("n{id}"))
}

/// Checks that an existing cluster is the one requested.
fn agree(options: &LocalCluster, file: &ClusterFile, path: &Path) -> Result<(), ServeError> {
    let (members, spares) = (file.members.len(), file.spares.len());
    let port = file.members.first().and_then(|place| place.resp.parse::<Address>().ok()).map(|at| at.port);
    let other = |option: &str, given: u16, found: usize| {
        let path = path.display().to_string();
        let (found, option) = (format!("{option} {found}"), format!("{option} {given}"));
        Err(ServeError::Other { path, found, option })
    };
    match *options {
        LocalCluster { nodes: Some(nodes), .. } if usize::from(nodes) != members => {
            other("--nodes", nodes, members)
        }
        LocalCluster { spares: Some(given), .. } if usize::from(given) != spares => {
            other("--spares", given, spares)
        }
        LocalCluster { port: Some(given @ 1..), .. } if port.is_some_and(|port| port != given) => {
            other("--port", given, port.unwrap_or_default().into())
        }
        _ => Ok(()),
    }
}

/// Checks that all addresses are free.
fn probe(file: &ClusterFile) -> Result<(), ServeError> {
    let addresses = file.places().flat_map(|place| [&place.peer, &place.resp]);
    let held = addresses.filter(|address| !address.is_empty()).map(|address| {
        Probe::bind(address).map_err(|source| ServeError::Listen { address: address.clone(), source })
    });
    held.collect::<Result<Vec<_>, _>>().map(drop)
}

/// Chooses the addresses of a new cluster.
fn describe(options: &LocalCluster) -> io::Result<ClusterFile> {
    let (nodes, spares, port) =
        (options.nodes.unwrap_or(3), options.spares.unwrap_or(0), options.port.unwrap_or(7001));
    let count = nodes + spares;
    let ports: Vec<(u16, u16)> = if port == 0 {
        let free = ports::free(2 * usize::from(count))?;
        free.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    } else {
        (0..count).map(|nth| (port + nth, port + APART + nth)).collect()
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
    let spares = places.split_off(usize::from(nodes));
    let lease = if options.clients.reads == Reads::Lease { 250 } else { 0 };
    let timeouts = Waits { lease_ms: lease, ..Waits::default() };
    Ok(ClusterFile { name: "local".into(), members: places, spares, tls: None, client_tls: None, timeouts })
}

/// A report about a member.
enum Said {
    Line(u16, String),
    Ended(u16, io::Result<std::process::ExitStatus>),
}

async fn run(options: &LocalCluster, file: &ClusterFile, data: &Path) -> Result<(), ServeError> {
    let stopping = crate::server::stop_signal(options.until_stdin_ends)?;
    let (say, said) = mpsc::channel(64);
    let mut members = Members::none(say);
    let ended = match members.start(options, file, data) {
        Ok(()) => watch_over(file.places().count(), said, stopping).await,
        Err(error) => Err(error),
    };
    // However it ended, no member is killed in the middle of its work.
    members.stop().await;
    ended
}

/// The processes of the members.
struct Members {
    say: mpsc::Sender<Said>,
    stop: watch::Sender<bool>,
    minds: JoinSet<()>,
    logs: JoinSet<()>,
}

impl Members {
    fn none(say: mpsc::Sender<Said>) -> Self {
        Self { say, stop: watch::Sender::new(false), minds: JoinSet::new(), logs: JoinSet::new() }
    }

    fn start(&mut self, options: &LocalCluster, file: &ClusterFile, data: &Path) -> Result<(), ServeError> {
        let share = (cores() / file.places().count().max(1)).max(1);
        let threads = options.clients.threads.map_or(share, usize::from);
        for place in file.places() {
            let mut child = start(options, place, threads, data)?;
            if let Some(log) = child.stderr.take() {
                self.logs.spawn(prefix(log, NodeId(place.id)));
            }
            if let Some(out) = child.stdout.take() {
                tokio::spawn(pass_on(place.id, out, self.say.clone()));
            }
            self.minds.spawn(mind(place.id, child, self.stop.subscribe(), self.say.clone()));
        }
        let (variant, members) = (options.variant, file.members.len());
        print(&format!("cluster variant={variant} members={members} data={}", data.display()))
    }

    /// Stops those that still run, and collects the last log lines of all.
    async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.minds.join_next().await.is_some() {}
        drop(timeout(STOP, async { while self.logs.join_next().await.is_some() {} }).await);
    }
}

/// Tells what `count` members say, until all of them have ended or the cluster is told to stop.
async fn watch_over(
    count: usize,
    mut said: mpsc::Receiver<Said>,
    stopping: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    tokio::pin!(stopping);
    // A line may come after the end of the member that wrote it.
    let (mut ready, mut ended, mut first_dead) = (BTreeSet::new(), BTreeSet::new(), None);
    let mut told = false;
    while ended.len() < count {
        tokio::select! {
            () = &mut stopping => break,
            heard = said.recv() => match heard {
                Some(Said::Line(id, line)) => {
                    print(&line)?;
                    if line.starts_with("ready ") {
                        ready.insert(id);
                    }
                }
                Some(Said::Ended(id, status)) => {
                    let input = status.as_ref().is_ok_and(|status| status.code() == Some(2));
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    print(&format!("ended id={id} {status}"))?;
                    ended.insert(id);
                    let left = count - ended.len();
                    tracing::error!("{} stopped unexpectedly ({status}); {left} of {count} still run", NodeId(id));
                    first_dead = first_dead.or(Some(ServeError::Died { id, input }));
                }
                None => break,
            },
        }
        // Whoever waits for this line must not wait for a member that has ended.
        let running = ready.difference(&ended).count();
        if !told && running > 0 && running + ended.len() == count {
            told = true;
            if ended.is_empty() {
                print("all ready; stop with Ctrl-C")?;
            } else {
                print(&format!("{running} of {count} ready; stop with Ctrl-C"))?;
            }
        }
    }
    first_dead.map_or(Ok(()), Err)
}

/// Says a line. If nobody reads it any more, as after `cluster | head`, the cluster goes on.
fn print(line: &str) -> Result<(), ServeError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        said => said.map_err(ServeError::Output),
    }
}

fn start(options: &LocalCluster, place: &Place, threads: usize, data: &Path) -> Result<Child, ServeError> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    let clients = &options.clients;
    command
        .args(["serve", "--variant", options.variant.name(), "--id", &place.id.to_string()])
        .arg("--cluster")
        .arg(data.join("cluster.toml"))
        .arg("--data")
        .arg(store_of(data, place.id))
        .args(["--log", &clients.log, "--reads", crate::server::reads_name(clients.reads.into())])
        .args(["--maxclients", &clients.maxclients.to_string(), "--batches", &clients.batches.to_string()])
        .args(["--threads", &threads.to_string()])
        // The end of its standard input tells a member that this process is gone, however it ended.
        .arg("--until-stdin-ends");
    if let Some(password) = &clients.requirepass {
        // Everyone on this machine can read a command line.
        command.env("PAXOS_REQUIREPASS", password);
    }
    if let Some(base) = options.metrics_port {
        command.arg("--metrics").arg(format!("127.0.0.1:{}", base + place.id));
    }
    if let Some(prefix) = &options.trace_out {
        command.arg("--trace-out").arg(format!("{}.n{}.jsonl", prefix.display(), place.id));
    }
    #[cfg(unix)]
    {
        // Ctrl-C in a terminal goes to this process only, which stops the members itself.
        command.process_group(0);
    }
    Ok(command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?)
}

/// Passes on a member's log and its other output to standard error, with the member's name before each line.
async fn prefix(log: ChildStderr, id: NodeId) {
    let (mut log, mut line) = (BufReader::new(log), Vec::new());
    let name = format!("{id} ");
    while log.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        // The member's own log lines begin with the same name.
        let text = text.strip_prefix(&name).unwrap_or(text);
        // If the standard error is closed, the line is dropped.
        _ = writeln!(io::stderr().lock(), "{id} │ {text}");
        line.clear();
    }
}

async fn pass_on(id: u16, out: ChildStdout, say: mpsc::Sender<Said>) {
    let mut lines = BufReader::new(out).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if say.send(Said::Line(id, line)).await.is_err() {
            return;
        }
    }
}

/// Waits until a member ends, by itself or because it was stopped.
async fn mind(id: u16, mut child: Child, mut stopped: watch::Receiver<bool>, say: mpsc::Sender<Said>) {
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
        tracing::warn!("{} did not stop in time and is killed", NodeId(id));
        drop(child.kill().await);
    }
}
