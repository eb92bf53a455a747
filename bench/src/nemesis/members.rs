//! A cluster of processes that are started, killed, paused and restarted.

use super::NemesisError;
use crate::server::local_cluster::ports::reserve;
use crate::server::resp::{Client, Value};
use crate::server::{ClusterFile, Place, Waits};
use crate::variants::Variant;
use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep, timeout};

/// How long one attempt at a request may take. It is longer than `give_up_ms` of these clusters.
const ATTEMPT: Duration = Duration::from_secs(6);

/// What the processes of a cluster have in common.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program `paxos-bench`.
    pub program: PathBuf,
    /// The directory for cluster files, logs and data.
    pub dir: PathBuf,
    /// The variant.
    pub variant: Variant,
    /// The number of founding members. They have the ids from 0 on.
    pub nodes: usize,
    /// The number of spares. They have the ids after the members.
    pub spares: usize,
    /// Timeouts, which the cluster files contain.
    pub waits: Waits,
    /// Additional arguments of `serve`.
    pub arguments: Vec<String>,
}

/// The processes of a cluster. The id of a process is its index in all lists.
#[derive(Debug)]
pub struct Members {
    setup: Setup,
    /// The address of each process for clients.
    pub resp: Vec<String>,
    /// The address of each process for the other processes.
    pub peer: Vec<String>,
    processes: Vec<Option<Child>>,
    /// The ports of each process while it is down, so that no one else gets them.
    held: Vec<Vec<TcpSocket>>,
}

impl Members {
    /// Reserves ports and writes cluster files in which each process has the others' addresses. Starts no process.
    ///
    /// # Errors
    /// [`NemesisError::Io`] if ports cannot be reserved, or the cluster files cannot be written.
    pub fn new(setup: Setup) -> Result<Self, NemesisError> {
        let count = setup.nodes + setup.spares;
        let processes = (0..count).map(|_| None).collect();
        let (mut resp, mut peer, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let pair = reserve().and_then(|one| Ok((one, reserve()?)));
            let ((one, first), (other, second)) = pair.map_err(NemesisError::io("cannot reserve ports"))?;
            resp.push(format!("127.0.0.1:{one}"));
            peer.push(format!("127.0.0.1:{other}"));
            held.push(vec![first, second]);
        }
        let members = Self { setup, resp, peer, processes, held };
        for nth in 0..count {
            members.describe(nth, |to| members.peer[to].clone())?;
        }
        Ok(members)
    }

    /// The number of processes, whether they run or not.
    pub fn count(&self) -> usize {
        self.processes.len()
    }

    /// Writes the cluster file of one process, in which the others have the addresses that `at` returns.
    ///
    /// # Errors
    /// [`NemesisError::Io`] if it cannot be written.
    pub fn describe(&self, nth: usize, at: impl Fn(usize) -> String) -> Result<(), NemesisError> {
        let place = |id: usize| Place {
            id: id as u16,
            peer: if id == nth { self.peer[id].clone() } else { at(id) },
            resp: self.resp[id].clone(),
        };
        let mut members: Vec<Place> = (0..self.count()).map(place).collect();
        let spares = members.split_off(self.setup.nodes);
        let (name, timeouts) = ("real".into(), self.setup.waits);
        let file = ClusterFile { name, members, spares, tls: None, client_tls: None, timeouts };
        let path = self.path(nth, "toml");
        file.write(&path).map_err(NemesisError::io(format!("cannot write {}", path.display())))
    }

    fn path(&self, nth: usize, end: &str) -> PathBuf {
        self.setup.dir.join(format!("n{nth}.{end}"))
    }

    /// The directory with the data of a process.
    pub fn data(&self, nth: usize) -> PathBuf {
        self.path(nth, "data")
    }

    /// Starts a process.
    ///
    /// # Errors
    /// [`NemesisError::Io`] if it cannot be started.
    pub fn start(&mut self, nth: usize) -> Result<(), NemesisError> {
        let wrong = || NemesisError::io(format!("cannot start n{nth}"));
        self.held[nth].clear();
        let log = OpenOptions::new().create(true).append(true).open(self.path(nth, "log"));
        let child = Command::new(&self.setup.program)
            .args(["serve", "--variant", self.setup.variant.name(), "--id", &nth.to_string()])
            .args(["--log", "warn"])
            .arg("--cluster")
            .arg(self.path(nth, "toml"))
            .arg("--data")
            .arg(self.data(nth))
            .args(&self.setup.arguments)
            // When this process ends, the member ends, too.
            .arg("--until-stdin-ends")
            // Ctrl-C in a terminal goes to this process only.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log.map_err(wrong())?)
            .spawn();
        self.processes[nth] = Some(child.map_err(wrong())?);
        Ok(())
    }

    /// Starts all members, but no spare, and waits until each has answered a write.
    ///
    /// # Errors
    /// [`NemesisError`] if a member does not start or serve.
    pub async fn start_all(&mut self, bound: Duration) -> Result<(), NemesisError> {
        for nth in 0..self.setup.nodes {
            self.start(nth)?;
        }
        for nth in 0..self.setup.nodes {
            self.serves(nth, bound).await?;
        }
        Ok(())
    }

    /// The system's id of a process; none if it is down.
    pub fn pid(&self, nth: usize) -> Option<u32> {
        self.processes[nth].as_ref().map(Child::id)
    }

    /// Kills a process (SIGKILL) and waits until it has ended. Unlike a loss of power, this loses no write that the
    /// process has handed to the system.
    pub fn kill(&mut self, nth: usize) {
        if let Some(mut child) = self.processes[nth].take() {
            // It may have ended already.
            _ = child.kill();
            _ = child.wait();
            self.hold(nth);
        }
    }

    /// Tells a process to stop (SIGTERM), and waits until it has ended.
    ///
    /// # Errors
    /// [`NemesisError::Silent`] if it still runs after `bound`.
    pub async fn terminate(&mut self, nth: usize, bound: Duration) -> Result<(), NemesisError> {
        self.signal(nth, Signal::TERM)?;
        match self.ends(nth, bound).await? {
            Some(_) => Ok(()),
            None => Err(self.silent(nth, "stop when it was told to", bound)),
        }
    }

    /// Waits until a process has ended by itself; none if it still runs when the time is over.
    ///
    /// # Errors
    /// [`NemesisError::Io`] if the system does not know the process.
    pub async fn ends(&mut self, nth: usize, bound: Duration) -> Result<Option<ExitStatus>, NemesisError> {
        let begun = Instant::now();
        while let Some(child) = &mut self.processes[nth] {
            let ended = child.try_wait().map_err(NemesisError::io(format!("cannot wait for n{nth}")))?;
            if ended.is_some() {
                self.processes[nth] = None;
                self.hold(nth);
                return Ok(ended);
            }
            if begun.elapsed() > bound {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(None)
    }

    /// Holds the ports of a process that is down. The system may still have closed connections there, so the sockets
    /// reuse the addresses.
    fn hold(&mut self, nth: usize) {
        let held = |address: &String| {
            let socket = TcpSocket::new_v4().ok()?;
            socket.set_reuseaddr(true).ok()?;
            socket.bind(address.parse().ok()?).ok()?;
            Some(socket)
        };
        self.held[nth] = [&self.resp[nth], &self.peer[nth]].into_iter().filter_map(held).collect();
    }

    /// Whether a process is down: it was not started, was killed, or was seen to end.
    pub fn is_down(&self, nth: usize) -> bool {
        self.processes[nth].is_none()
    }

    /// Sends a signal to a process that runs.
    ///
    /// # Errors
    /// [`NemesisError::Io`] if it has ended.
    pub fn signal(&self, nth: usize, signal: Signal) -> Result<(), NemesisError> {
        let Some(pid) = self.pid(nth) else { return Ok(()) };
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput);
        let sent = pid.map_err(io::Error::from).and_then(|pid| Ok(kill_process(pid, signal)?));
        sent.map_err(NemesisError::io(format!("cannot send a signal to n{nth}")))
    }

    /// Pauses a process (SIGSTOP). The signal returns before every thread has stopped, so this waits until all have.
    /// The process then reads whatever is sent afterwards only when it continues.
    ///
    /// # Errors
    /// [`NemesisError::Io`] if it has ended.
    pub async fn pause(&self, nth: usize) -> Result<(), NemesisError> {
        self.signal(nth, Signal::STOP)?;
        let Some(pid) = self.pid(nth) else { return Ok(()) };
        let tasks = format!("/proc/{pid}/task");
        let stands = || {
            // Systems without this directory do not say whether threads have stopped.
            let Ok(threads) = fs::read_dir(&tasks) else { return true };
            threads.flatten().all(|thread| {
                let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                // The state comes after the name, which is in brackets. A thread that has ended has none.
                stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['T', 'Z']))
            })
        };
        while !stands() {
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Checks that no process has ended by itself.
    ///
    /// # Errors
    /// [`NemesisError::Ended`] if one has.
    pub fn all_live(&mut self) -> Result<(), NemesisError> {
        for nth in 0..self.count() {
            let ended = self.processes[nth].as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                let (status, log) = (status.to_string(), self.log(nth));
                return Err(NemesisError::Ended { member: nth, status, log });
            }
        }
        Ok(())
    }

    /// The last 15 lines of a process's log.
    pub fn log(&self, nth: usize) -> String {
        let text = fs::read_to_string(self.path(nth, "log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// The error for a process that did not do `what` within `bound`.
    pub(super) fn silent(&self, nth: usize, what: impl Into<String>, bound: Duration) -> NemesisError {
        NemesisError::Silent { member: nth, what: what.into(), bound, log: self.log(nth) }
    }

    /// Repeats a write at `nth` until it is answered. Returns how long that took.
    ///
    /// # Errors
    /// [`NemesisError::Silent`] if that takes longer than `bound`; [`NemesisError::Ended`] if a process ended.
    pub async fn serves(&mut self, nth: usize, bound: Duration) -> Result<Duration, NemesisError> {
        let begun = Instant::now();
        loop {
            self.all_live()?;
            if let Ok(Some(value)) = timeout(ATTEMPT, ask(&self.resp[nth], "SET probe x")).await
                && value == Value::Simple("OK".into())
            {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > bound {
                return Err(self.silent(nth, "answer a write", bound));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The leader, as far as `nth` knows.
    pub async fn leader(&self, nth: usize) -> Option<usize> {
        match timeout(ATTEMPT, ask(&self.resp[nth], "PAXOS LEADER")).await {
            Ok(Some(Value::Array(fields))) => match fields.first() {
                Some(Value::Int(id)) => usize::try_from(*id).ok(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The resident memory of a process in MiB, now and at its highest; none if the system does not say.
    pub fn memory(&self, nth: usize) -> Option<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid(nth)?)).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
        };
        Some((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// The directory of the cluster.
    pub fn dir(&self) -> &Path {
        &self.setup.dir
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for nth in 0..self.count() {
            let ran = !self.is_down(nth);
            self.kill(nth);
            if ran && std::thread::panicking() {
                // If the standard error is closed, nobody reads it.
                _ = writeln!(io::stderr(), "n{nth} said at last:\n{}", self.log(nth));
            }
        }
    }
}

/// Sends a command on a new connection. Returns the answer; none if there is no answer.
pub async fn ask(address: &str, words: &str) -> Option<Value> {
    let mut client = Client::connect(address).await.ok()?;
    call(&mut client, words).await
}

/// Sends a command. Returns the answer; none if there is no answer.
pub async fn call(client: &mut Client, words: &str) -> Option<Value> {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    client.push(&words);
    client.flush().await.ok()?;
    client.read().await.ok()
}
