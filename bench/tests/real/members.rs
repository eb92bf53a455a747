//! A cluster of processes that a test starts, kills, pauses and restarts.

use crate::LONG;
use paxos_bench::server::resp::{Client, Value};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// The election timeout of these clusters.
pub(crate) const ELECTION: Duration = Duration::from_millis(400);

/// A free port outside the range from which the system picks ports, so that a killed member finds it free when it
/// restarts.
pub(crate) fn port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(61);
    loop {
        let nth = first.wrapping_add(NEXT.fetch_add(1, Relaxed));
        let port = 11_000 + (nth % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(crate) struct Members {
    dir: TempDir,
    variant: String,
    arguments: Vec<String>,
    /// The address of each member for clients.
    pub(crate) resp: Vec<String>,
    /// The address of each member for the other members.
    pub(crate) peer: Vec<String>,
    processes: Vec<Option<Child>>,
}

impl Members {
    /// Three members that find each other at their addresses. None is started yet.
    pub(crate) fn new(variant: &str, waits: &str, arguments: &[&str]) -> Self {
        let address = || format!("127.0.0.1:{}", port());
        let members = Self {
            dir: tempfile::tempdir().expect("a directory"),
            variant: variant.into(),
            arguments: arguments.iter().map(|&argument| argument.into()).collect(),
            resp: (0..3).map(|_| address()).collect(),
            peer: (0..3).map(|_| address()).collect(),
            processes: vec![None, None, None],
        };
        for nth in 0..3 {
            members.describe(nth, waits, |to| members.peer[to].clone());
        }
        members
    }

    /// Writes the cluster file of one member, in which the other members have the addresses that `at` returns.
    pub(crate) fn describe(&self, nth: usize, waits: &str, at: impl Fn(usize) -> String) {
        let mut text = String::from("name = 'real'\n");
        for id in 0..3 {
            let peer = if id == nth { self.peer[id].clone() } else { at(id) };
            let resp = &self.resp[id];
            write!(text, "[[members]]\nid = {id}\npeer = '{peer}'\nresp = '{resp}'\n").expect("a string");
        }
        write!(text, "[timeouts]\ngive_up_ms = 5000\n{waits}\n").expect("a string");
        fs::write(self.path(nth, "toml"), text).expect("it can be written");
    }

    fn path(&self, nth: usize, end: &str) -> PathBuf {
        self.dir.path().join(format!("n{nth}.{end}"))
    }

    pub(crate) fn start(&mut self, nth: usize) {
        let log = OpenOptions::new().create(true).append(true).open(self.path(nth, "log"));
        let child = Command::new(env!("CARGO_BIN_EXE_paxos-bench"))
            .args(["serve", "--variant", &self.variant, "--id", &nth.to_string(), "--log", "warn"])
            .arg("--cluster")
            .arg(self.path(nth, "toml"))
            .arg("--data")
            .arg(self.path(nth, "data"))
            .args(&self.arguments)
            // When this test ends, the member ends, too.
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log.expect("a file"))
            .spawn();
        self.processes[nth] = Some(child.expect("it starts"));
    }

    pub(crate) async fn start_all(&mut self) {
        (0..3).for_each(|nth| self.start(nth));
        for nth in 0..3 {
            self.serves(nth).await;
        }
    }

    pub(crate) fn pid(&self, nth: usize) -> u32 {
        self.processes[nth].as_ref().expect("it runs").id()
    }

    /// Kills a member, as a loss of power does.
    pub(crate) fn kill(&mut self, nth: usize) {
        if let Some(mut child) = self.processes[nth].take() {
            child.kill().expect("it is there");
            child.wait().expect("it ends");
        }
    }

    pub(crate) fn is_down(&self, nth: usize) -> bool {
        self.processes[nth].is_none()
    }

    pub(crate) fn signal(&self, nth: usize, signal: Signal) {
        let pid = i32::try_from(self.pid(nth)).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it is there");
    }

    /// Pauses a member. The system reports the pause before each thread has stopped, so this waits until all have
    /// stopped: the member then finds everything sent afterwards only when it resumes.
    pub(crate) async fn pause(&self, nth: usize) {
        self.signal(nth, Signal::STOP);
        let tasks = format!("/proc/{}/task", self.pid(nth));
        let stands = || {
            let mut threads = fs::read_dir(&tasks).expect("it is there").flatten();
            threads.all(|thread| {
                let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                // The state comes after the name, which is in brackets.
                stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
            })
        };
        while !stands() {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Panics if a member has ended by itself.
    pub(crate) fn all_live(&mut self) {
        for nth in 0..3 {
            let ended = self.processes[nth].as_mut().and_then(|child| child.try_wait().expect("it is ours"));
            assert!(ended.is_none(), "n{nth} ended by itself: {ended:?}\n{}", self.log(nth));
        }
    }

    /// The end of a member's log.
    pub(crate) fn log(&self, nth: usize) -> String {
        let text = fs::read_to_string(self.path(nth, "log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Measures how long it takes until a write at `nth` is answered.
    pub(crate) async fn serves(&mut self, nth: usize) -> Duration {
        let begun = Instant::now();
        loop {
            self.all_live();
            if let Ok(Some(value)) =
                timeout(Duration::from_secs(6), ask(&self.resp[nth], "SET probe x")).await
                && value == Value::Simple("OK".into())
            {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < LONG, "n{nth} does not serve\n{}", self.log(nth));
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The leader, as far as `nth` knows.
    pub(crate) async fn leader(&self, nth: usize) -> Option<usize> {
        match timeout(Duration::from_secs(6), ask(&self.resp[nth], "PAXOS LEADER")).await {
            Ok(Some(Value::Array(fields))) => match fields.first() {
                Some(Value::Int(id)) => usize::try_from(*id).ok(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The memory of a member, now and at most so far, in MiB.
    pub(crate) fn memory(&self, nth: usize) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid(nth))).expect("it is there");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for nth in 0..3 {
            self.kill(nth);
            if std::thread::panicking() {
                eprintln!("n{nth} said at last:\n{}", self.log(nth));
            }
        }
    }
}

/// Sends a command on a new connection. Returns the answer; none if there is no answer.
pub(crate) async fn ask(address: &str, words: &str) -> Option<Value> {
    let mut client = Client::connect(address).await.ok()?;
    call(&mut client, words).await
}

pub(crate) async fn call(client: &mut Client, words: &str) -> Option<Value> {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    client.push(&words);
    client.flush().await.ok()?;
    client.read().await.ok()
}
