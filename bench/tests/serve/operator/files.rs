//! Members whose files differ, or are wrong.

use super::{free_ports, get};
use crate::harness::cluster::{Cluster, call};
use crate::starts::logged;
use core::fmt::Write;
use paxos_bench::server::resp::{Client, Value};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The text of a file with these members and spares, each with its port for members and its port for clients.
fn file(members: &[(u16, u16, u16)], spares: &[(u16, u16, u16)]) -> String {
    let mut text = "name = \"differs\"\n".to_owned();
    for (kind, all) in [("members", members), ("spares", spares)] {
        for (id, peer, resp) in all {
            let at = "127.0.0.1";
            writeln!(text, "[[{kind}]]\nid = {id}\npeer = \"{at}:{peer}\"\nresp = \"{at}:{resp}\"")
                .expect("a string");
        }
    }
    text
}

/// A member that runs until this is dropped.
struct Process(Child);

impl Process {
    fn start(dir: &Path, id: u16, file: &str, more: &[&str]) -> Self {
        let (path, data) = (dir.join(format!("{id}.toml")), dir.join(format!("n{id}")));
        fs::write(&path, file).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_paxos-bench"))
            .args(["serve", "--until-stdin-ends", "--id", &id.to_string(), "--cluster"])
            .arg(path)
            .arg("--data")
            .arg(data)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("it starts"))
    }

    /// Waits until it takes clients.
    fn is_ready(&mut self) {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("text");
        assert!(line.starts_with("ready "), "{line}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn refusal(value: &Value) -> String {
    if let Value::Error(text) = value { text.clone() } else { panic!("{value:?} is no error") }
}

/// The others reach n0, which hears them and knows the leader.
#[test]
fn a_member_that_can_send_to_nobody_is_not_ready() {
    let (dir, peer, resp, page) =
        (tempfile::tempdir().expect("a directory"), free_ports(), free_ports(), free_ports());
    let place = |id: u16, at: u16| (id, peer + at, resp + id);
    let right = file(&[place(0, 0), place(1, 1), place(2, 2)], &[]);
    let swapped = file(&[place(0, 0), place(1, 2), place(2, 1)], &[]);
    let _others = [1, 2].map(|id| Process::start(dir.path(), id, &right, &[]));
    let metrics = format!("127.0.0.1:{page}");
    let mut member = Process::start(dir.path(), 0, &swapped, &["--metrics", &metrics]);
    member.is_ready();
    loop {
        let said = get(page, "/readyz");
        assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
        // It knows a leader and hears a quorum by then.
        if said.contains("too few members are connected") {
            break;
        }
        std::thread::sleep(core::time::Duration::from_millis(20));
    }
    assert!(get(page, "/healthz").starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_in_no_file_is_added_when_it_is_there_and_shown_with_what_is_known() {
    let (dir, peer, resp) = (tempfile::tempdir().expect("a directory"), free_ports(), free_ports());
    let (first, second) = ((0, peer, resp), (1, peer + 1, resp + 1));
    let mut member = Process::start(dir.path(), 0, &file(&[first], &[]), &[]);
    member.is_ready();
    let mut client = Client::connect(&format!("127.0.0.1:{resp}")).await.expect("it listens");
    let unknown = refusal(&call(&mut client, "PAXOS ADD 1").await);
    assert!(unknown.contains("does not name n1, and n1 has not connected"), "{unknown}");
    let mut spare = Process::start(dir.path(), 1, &file(&[first], &[second]), &[]);
    spare.is_ready();
    loop {
        let answer = call(&mut client, "PAXOS ADD 1").await;
        if matches!(answer, Value::Int(_)) {
            break;
        }
        assert!(refusal(&answer).contains("has not connected"), "{answer:?}");
    }
    let text = |text: String| Value::Bulk(text.into_bytes());
    let address = text(format!("127.0.0.1:{}", peer + 1));
    loop {
        let Value::Array(members) = call(&mut client, "PAXOS MEMBERS").await else { panic!("a list") };
        let Value::Array(row) = &members[1] else { panic!("{members:?}") };
        assert_eq!((&row[0], &row[2], &row[3]), (&Value::Int(1), &address, &text(String::new())), "{row:?}");
        // The change takes effect some slots later.
        if row[1] != text("spare".into()) {
            assert!([text("member".into()), text("leader".into())].contains(&row[1]), "{row:?}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_member_takes_changes_as_soon_as_its_addition_is_answered() {
    for variant in ["multi", "fast", "simple", "basic"] {
        let dir = tempfile::tempdir().expect("a directory");
        let cluster = Cluster::start(variant, dir.path(), &["--nodes", "1", "--spares", "1"]);
        let (mut old, mut new) = (cluster.client(0).await, cluster.client(1).await);
        let outside = refusal(&call(&mut new, "PAXOS REMOVE 0").await);
        assert!(outside.contains("this process is not a member"), "{variant}: {outside}");
        let added = call(&mut old, "PAXOS ADD 1").await;
        assert!(matches!(added, Value::Int(_)), "{variant}: {added:?}");
        let removed = call(&mut new, "PAXOS REMOVE 0").await;
        assert!(matches!(removed, Value::Int(_)), "{variant}: {removed:?}");
    }
}

#[test]
fn a_name_that_cannot_be_resolved_is_told() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), free_ports());
    let text = file(&[(0, port, port + 1), (1, port + 2, port + 2)], &[]);
    let text = text.replace(&format!("peer = \"127.0.0.1:{}", port + 2), "peer = \"no.such.host.invalid:1");
    let mut member = Process::start(dir.path(), 0, &text, &[]);
    let mut log = BufReader::new(member.0.stderr.take().expect("a pipe"));
    let line = logged(&mut log, "cannot be resolved");
    assert!(line.contains("n1") && line.contains("no.such.host.invalid:1"), "{line}");
}
