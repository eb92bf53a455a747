//! A cluster of processes that a test runs.

use paxos_bench::server::resp::{Client, Value};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than any step takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// The command that runs three members with their stores in `data`, on ports that are free.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    command.args(["cluster", "--port", "0", "--data"]).arg(data).stdin(Stdio::null());
    command
}

pub(crate) struct Cluster {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// The address of each member for clients, and the id of its process.
    pub(crate) members: Vec<(String, u32)>,
    /// Lines that the cluster printed before all members were ready.
    early: Vec<String>,
    /// The line that says that they are ready.
    pub(crate) ready: String,
}

impl Cluster {
    /// Starts a cluster whose members all get ready.
    pub(crate) fn start(variant: &str, data: &Path, arguments: &[&str]) -> Self {
        let cluster = Self::start_some(variant, data, arguments);
        assert_eq!(cluster.ready, "all ready; stop with Ctrl-C");
        cluster
    }

    /// Starts a cluster, some members of which the test has spoilt.
    pub(crate) fn start_some(variant: &str, data: &Path, arguments: &[&str]) -> Self {
        let mut child = command(data)
            .args(["--variant", variant, "--log", "error"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        let (members, early, ready) = (Vec::new(), Vec::new(), String::new());
        let mut cluster = Self { child, lines, members, early, ready };
        let mut ready = Vec::new();
        loop {
            let line = cluster.line();
            if line.ends_with("ready; stop with Ctrl-C") {
                cluster.ready = line;
                break;
            }
            if let Some(fields) = line.strip_prefix("ready ") {
                let field = |name: &str| {
                    let found =
                        fields.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
                    found.expect("a field").to_owned()
                };
                let number = |name| field(name).parse::<u32>().expect("a number");
                ready.push((number("id"), field("resp"), number("pid")));
            } else {
                cluster.early.push(line);
            }
        }
        ready.sort_unstable();
        cluster.members = ready.into_iter().map(|(_, resp, pid)| (resp, pid)).collect();
        cluster
    }

    /// The next line that the cluster prints.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(LONG).expect("it says something in time")
    }

    /// Waits until the cluster has printed that member `id` ended.
    pub(crate) fn ended(&self, id: u32) {
        let said = |line: &str| line.starts_with(&format!("ended id={id} "));
        while !self.early.iter().any(|line| said(line)) && !said(&self.line()) {}
    }

    pub(crate) async fn client(&self, nth: usize) -> Client {
        Client::connect(&self.members[nth].0).await.expect("it listens")
    }

    /// Stops the cluster as Ctrl-C does. Returns whether it ended successfully.
    pub(crate) fn stop(mut self) -> bool {
        signal(self.child.id(), rustix::process::Signal::INT);
        self.child.wait().expect("it ends").success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The members notice that their parent process is gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, signal).expect("it is there");
}

/// Sends a command and returns the answer of the member. Asks again while the cluster has no leader.
pub(crate) async fn call(client: &mut Client, words: &str) -> Value {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    client.push(&words);
    client.flush().await.expect("it listens");
    tokio::time::timeout(LONG, client.read()).await.expect("it answers in time").expect("it answers")
}

pub(crate) fn bulk(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

pub(crate) fn ok() -> Value {
    Value::Simple("OK".into())
}
