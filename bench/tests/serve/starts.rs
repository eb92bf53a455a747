//! The start of a member: what it refuses before it creates anything, and what it does until it serves clients.

use crate::harness::cluster::{Cluster, call, signal};
use crate::harness::single::serve;
use crate::operator::{free_ports, get, until};
use paxos_bench::server::resp::{Client, Value};
use rustix::process::Signal;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Writes the file of a cluster with one member, which listens to members at `port`.
fn alone(dir: &Path, port: u16) {
    let member = format!("{{ id = 0, peer = \"127.0.0.1:{port}\", resp = \"127.0.0.1:{}\" }}", port + 1);
    fs::write(dir.join("cluster.toml"), format!("name = \"alone\"\nmembers = [{member}]\n"))
        .expect("written");
}

/// The next line of the log that contains `text`.
pub(crate) fn logged(log: &mut BufReader<ChildStderr>, text: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).expect("text") > 0, "no `{text}` in {seen}");
        if line.contains(text) {
            return line;
        }
        seen.push_str(&line);
    }
}

/// Waits for the line that says that the member is ready.
fn is_ready(member: &mut Child) {
    let mut line = String::new();
    BufReader::new(member.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("text");
    assert!(line.starts_with("ready id=0 "), "{line}");
}

fn stop(member: &mut Child) {
    signal(member.id(), Signal::TERM);
    assert!(member.wait().expect("it ends").success());
}

#[test]
fn while_its_store_is_read_a_member_is_alive_takes_no_clients_and_can_be_stopped() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), free_ports());
    alone(dir.path(), port);
    let mut first = serve(&[], dir.path(), &[]);
    is_ready(&mut first);
    stop(&mut first);

    // The member reads this file when it starts, and nobody writes to this pipe.
    let addresses = dir.path().join("data/addresses");
    fs::remove_file(&addresses).expect("it was written");
    assert!(Command::new("mkfifo").arg(&addresses).status().expect("it runs").success());
    for thread in ["1", "2"] {
        let mut member = serve(&[], dir.path(), &["--threads", thread, "--metrics", "127.0.0.1:0"]);
        let mut log = BufReader::new(member.stderr.take().expect("a pipe"));
        let line = logged(&mut log, "serves /metrics");
        let at = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        assert!(get(at, "/healthz").starts_with("HTTP/1.1 200 "));
        let page = get(at, "/readyz");
        assert!(page.starts_with("HTTP/1.1 503 ") && page.contains("the store is being read"), "{page}");
        let refused = TcpStream::connect(("127.0.0.1", port + 1)).expect_err("it does not listen");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        stop(&mut member);
        let mut said = String::new();
        member.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(said, "", "it was never ready");
    }

    fs::remove_file(&addresses).expect("it is there");
    let mut last = serve(&[], dir.path(), &["--existing"]);
    is_ready(&mut last);
    stop(&mut last);
}

/// The system looks up a name in the file of aliases first. This one is a pipe, so the lookup lasts until it is closed.
#[cfg_attr(not(target_env = "gnu"), ignore)]
#[test]
fn while_a_name_is_looked_up_a_member_can_be_stopped() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), free_ports());
    alone(dir.path(), port);
    let aliases = dir.path().join("aliases");
    assert!(Command::new("mkfifo").arg(&aliases).status().expect("it runs").success());
    let setting = format!("HOSTALIASES={}", aliases.display());
    let mut member = serve(&["env", &setting], dir.path(), &["--resp", "nowhere:1"]);
    // Its end would stop the member as well.
    let _stdin = member.stdin.take();
    let (pid, (tell, looks_up), (end, ended)) = (member.id(), mpsc::channel(), mpsc::channel::<()>());
    thread::spawn(move || {
        let held = File::options().write(true).open(aliases);
        _ = tell.send(());
        signal(pid, Signal::TERM);
        _ = ended.recv_timeout(Duration::from_secs(30));
        drop(held);
    });
    let status = member.wait().expect("it ends");
    drop(end);
    // A system with another resolver does not read the file, and finds no such name.
    if looks_up.try_recv().is_ok() {
        assert!(status.success(), "{status}");
    } else {
        assert_eq!(status.code(), Some(2));
    }
}

#[test]
fn a_port_for_members_that_is_in_use_is_an_error_before_anything_is_created() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    alone(dir.path(), port);
    let trace = dir.path().join("trace");
    let more = ["--resp", "127.0.0.1:0", "--trace-out", trace.to_str().expect("text")];
    let out = serve(&[], dir.path(), &more).wait_with_output().expect("it runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(!dir.path().join("data").exists() && !trace.exists(), "something was created");
}

/// The disk may be full, for example.
#[test]
fn a_member_that_cannot_keep_addresses_says_what_that_means() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), free_ports());
    alone(dir.path(), port);
    fs::create_dir_all(dir.path().join("data/addresses/x")).expect("created");
    let mut member = serve(&[], dir.path(), &[]);
    let mut log = BufReader::new(member.stderr.take().expect("a pipe"));
    let line = logged(&mut log, "addresses of all members in --data");
    assert!(line.contains("not noticed if one of them moves") && !line.contains("remove"), "{line}");
    is_ready(&mut member);
    stop(&mut member);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_limited_to_what_the_limit_of_open_files_leaves() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), free_ports());
    alone(dir.path(), port);
    let shell = ["sh", "-c", "ulimit -n 700; exec \"$0\" \"$@\""];
    let mut member = serve(&shell, dir.path(), &["--maxclients", "5000"]);
    let mut log = BufReader::new(member.stderr.take().expect("a pipe"));
    let line = logged(&mut log, "--maxclients");
    assert!(["380", "5000", "700"].iter().all(|number| line.contains(number)), "{line}");
    is_ready(&mut member);
    let mut client = Client::connect(&format!("127.0.0.1:{}", port + 1)).await.expect("it listens");
    let Value::Array(pair) = call(&mut client, "CONFIG GET maxclients").await else { panic!("a pair") };
    assert_eq!(pair[1], Value::Bulk(b"380".to_vec()));
    stop(&mut member);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_becomes_ready_with_and_without_leaders_and_is_not_ready_alone() {
    for variant in ["basic", "multi"] {
        let (dir, base) = (tempfile::tempdir().expect("a directory"), free_ports());
        let more = ["--nodes", "1", "--spares", "1", "--metrics-port", &base.to_string()];
        let cluster = Cluster::start(variant, dir.path(), &more);
        until(base + 1, "/readyz", "200");
        let page = get(base + 1, "/metrics");
        assert!(page.contains("paxos_has_leader{node=\"n1\"} 1\n"), "{page}");
        signal(cluster.members[0].1, Signal::KILL);
        until(base + 1, "/readyz", "503");
    }
}
