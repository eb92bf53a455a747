//! The information for operators: metrics, health, and the log.

mod files;

use crate::harness::cluster::{Cluster, call, command, ok, signal};
use core::sync::atomic::{AtomicU16, Ordering::Relaxed};
use paxos_bench::server::resp::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

/// The first of three free ports, below the range from which the system picks ports.
pub(crate) fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests that run at the same time must not find the same ones.
    let first = 10_000 + (std::process::id() % 20_000) as u16 + NEXT.fetch_add(100, Relaxed);
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (first..32_000).find(|port| (*port..port + 3).all(free)).expect("three free ports")
}

pub(crate) fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("written");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("text");
    page
}

/// Requests the page until it begins with `status`. The time limit of the test ends the loop otherwise.
pub(crate) fn until(port: u16, path: &str, status: &str) -> String {
    loop {
        let page = get(port, path);
        if page.starts_with(&format!("HTTP/1.1 {status} ")) {
            return page;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The value of a metric without further labels.
fn value(page: &str, name: &str, node: u16) -> f64 {
    let begin = format!("{name}{{node=\"n{node}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&begin));
    line.unwrap_or_else(|| panic!("{name}: {page}")).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_tells_prometheus_its_numbers_and_is_not_ready_without_a_quorum() {
    let (dir, base) = (tempfile::tempdir().expect("a directory"), free_ports());
    let cluster = Cluster::start("multi", dir.path(), &["--metrics-port", &base.to_string()]);
    let mut client = cluster.client(2).await;
    for n in 0..5 {
        assert_eq!(call(&mut client, &format!("SET k {n}")).await, ok());
    }
    until(base + 2, "/readyz", "200");
    until(base + 2, "/healthz", "200");
    let page = get(base + 2, "/metrics");
    assert!(page.contains("content-type: application/openmetrics-text"), "{page}");
    assert!(value(&page, "paxos_applied_slot", 2) >= 1.0);
    assert!(value(&page, "paxos_client_commands_total", 2) >= 5.0);
    assert!(value(&page, "paxos_store_writes_total", 2) >= 1.0);
    assert!(page.contains("paxos_peer_lag_slots{node=\"n2\",peer=\"n0\"}"), "{page}");

    let told: BTreeSet<&str> =
        page.lines().filter_map(|line| line.split_once('{')).map(|(name, _)| name).collect();
    let dashboard = include_str!("../../../docs/deploy/grafana-dashboard.json");
    let names = dashboard.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: BTreeSet<&str> = names.filter(|name| name.starts_with("paxos_")).collect();
    let unknown: Vec<_> = names.difference(&told).collect();
    assert!(names.len() > 5 && unknown.is_empty(), "the dashboard asks for {unknown:?}");

    let Value::Bulk(info) = call(&mut client, "INFO").await else { panic!("INFO is a text") };
    let info = String::from_utf8_lossy(&info);
    assert!(info.contains("peer_n0:connected=yes,heard=yes,lag="), "{info}");
    for nth in [0, 1] {
        signal(cluster.members[nth].1, rustix::process::Signal::KILL);
    }
    until(base + 2, "/readyz", "503");
    assert!(get(base + 2, "/healthz").starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_member_and_has_no_colour_codes_in_a_pipe() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut child =
        command(dir.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut log = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut text, mut line) = (String::new(), String::new());
    let elected = |text: &str| text.contains("leads now") && text.matches("follows n").count() >= 2;
    while !elected(&text) {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut log, &mut line).expect("text") > 0, "{text}");
        text.push_str(&line);
    }
    signal(child.id(), rustix::process::Signal::INT);
    log.read_to_string(&mut text).expect("text");
    assert!(child.wait().expect("it ends").success());
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.lines().all(|line| line.starts_with('n') && line.contains(" │ ")), "{text}");
}

#[test]
fn a_port_for_metrics_that_is_in_use_is_an_error_before_anything_is_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("cluster.toml");
    let members = "name = \"x\"\nmembers = [{ id = 0, peer = \"127.0.0.1:0\", resp = \"127.0.0.1:0\" }]\n";
    std::fs::write(&file, members.replace("peer = \"127.0.0.1:0\"", "peer = \"127.0.0.1:1\""))
        .expect("written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (data, address) = (dir.path().join("data"), taken.local_addr().expect("an address").to_string());
    let out = Command::new(env!("CARGO_BIN_EXE_paxos-bench"))
        .args(["serve", "--id", "0", "--resp", "127.0.0.1:0", "--metrics", &address, "--cluster"])
        .arg(&file)
        .arg("--data")
        .arg(&data)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains(&address) && !data.exists(), "{said}");
}
