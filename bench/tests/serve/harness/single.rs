//! A cluster with one member, whose log a test reads.

use crate::harness::authority::Authority;
use crate::harness::cluster::call;
use paxos_bench::server::resp::{Client, Value};
use paxos_bench::server::tls::Connector;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than any step takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Single {
    child: Child,
    /// Its address for clients.
    pub(crate) resp: String,
    log: mpsc::Receiver<String>,
}

/// Runs a member with the data in `data`, by way of `before`, which may be a shell that runs its arguments.
pub(crate) fn serve(before: &[&str], dir: &Path, more: &[&str]) -> Child {
    let program = before.iter().copied().chain([env!("CARGO_BIN_EXE_paxos-bench"), "serve", "--id", "0"]);
    let words: Vec<&str> = program.chain(more.iter().copied()).chain(["--until-stdin-ends"]).collect();
    Command::new(words[0])
        .args(&words[1..])
        .arg("--cluster")
        .arg(dir.join("cluster.toml"))
        .arg("--data")
        .arg(dir.join("data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

impl Single {
    /// Starts a member with a certificate for `name`, and waits until it listens.
    pub(crate) fn start(dir: &Path, authority: &Authority, section: &str, name: &str) -> Self {
        Self::start_at("127.0.0.1:0", dir, authority, section, name)
    }

    pub(crate) fn start_at(resp: &str, dir: &Path, authority: &Authority, section: &str, name: &str) -> Self {
        let mut child = Self::spawn(resp, dir, authority, section, name);
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let (say, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut ready).expect("text");
        let resp = ready.split(' ').find_map(|field| field.strip_prefix("resp="));
        let resp = resp.unwrap_or_else(|| panic!("{:?}", log.iter().collect::<Vec<_>>())).to_owned();
        Self { child, resp, log }
    }

    /// Starts a member that may refuse to run. Its data goes to `data` below the directory.
    pub(crate) fn spawn(resp: &str, dir: &Path, authority: &Authority, section: &str, name: &str) -> Child {
        authority.write(dir);
        authority.certify(dir, "n0", &[name]);
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let peer = free.local_addr().expect("an address");
        drop(free);
        let file = format!("name = 'alone'\n[[members]]\nid = 0\npeer = '{peer}'\n{section}");
        fs::write(dir.join("cluster.toml"), file).expect("written");
        serve(&[], dir, &["--log", "info", "--resp", resp])
    }

    /// Waits for a line of the log that has all of `words`.
    pub(crate) fn logs(&self, words: &[&str]) {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.log.recv_timeout(LONG) else { panic!("no {words:?} in {seen:#?}") };
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
            seen.push(line);
        }
    }

    /// Connects with TLS, and is answered.
    pub(crate) async fn pongs(&self, tls: &Connector) {
        let mut client = Client::connect_by(Some(tls), &self.resp).await.expect("a handshake");
        assert_eq!(call(&mut client, "PING").await, Value::Simple("PONG".into()));
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
