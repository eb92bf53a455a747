//! Servers with a bad configuration must not start.

use super::input::{Dir, is_refused, is_refused_in_one_line};
use std::net::TcpListener;

/// A cluster file with three members, on ports where nobody listens.
fn file(more: &str) -> String {
    let places = (0..3).map(|id| {
        format!("[[members]]\nid = {id}\npeer = '127.0.0.1:{}'\nresp = '127.0.0.1:{}'\n", 11 + id, 21 + id)
    });
    format!("name = 'x'\n{}{more}", places.collect::<String>())
}

/// Checks that the server is refused, and does not create its data directory.
fn cannot_serve(file: &str, more: &[&str], words: &[&str]) {
    let dir = Dir::with(&[("c.toml", file), ("bad.pem", "no certificate")]);
    let (cluster, data) = (dir.path("c.toml"), dir.path("data"));
    let serve = ["serve", "--log", "error", "--id", "0", "--cluster", &cluster, "--data", &data];
    is_refused_in_one_line(&[&serve[..], more].concat(), words);
    assert_eq!(dir.files().len(), 2, "{:?}", dir.files());
}

#[test]
fn a_file_that_contradicts_itself_is_refused() {
    let file = file("");
    cannot_serve(&file.replace("127.0.0.1:12", "127.0.0.1:11"), &[], &["c.toml", "`peer`", "127.0.0.1:11"]);
    cannot_serve(&file.replace("127.0.0.1:12", "127.0.0.1"), &[], &["c.toml", "`peer`", "host:port"]);
    cannot_serve(&(file + "[timeouts]\ngive_up_ms = 0\n"), &[], &["c.toml", "give_up_ms is 0"]);
}

#[test]
fn reads_by_lease_need_leases() {
    cannot_serve(&file(""), &["--reads", "lease"], &["--reads lease", "lease_ms"]);
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let tls = |name: &str| {
        file(&format!("[tls]\nauthorities = '{name}'\ncertificate = '{name}'\nkey = '{name}'\n"))
    };
    cannot_serve(&tls("none.pem"), &["--resp", "127.0.0.1:0"], &["none.pem", "certificate"]);
    cannot_serve(&tls("bad.pem"), &["--resp", "127.0.0.1:0"], &["authorities", "PEM"]);
}

#[test]
fn files_and_directories_that_cannot_be_made_are_named() {
    let free = ["--resp", "127.0.0.1:0"];
    cannot_serve(&file(""), &[&free[..], &["--trace-out", "/nonexistent/t"]].concat(), &["/nonexistent/t"]);
    let dir = Dir::with(&[("c.toml", &file("")), ("file", "")]);
    let (cluster, below) = (dir.path("c.toml"), dir.path("file/below"));
    let serve = ["serve", "--log", "error", "--id", "0", "--cluster", &cluster, "--data", &below];
    is_refused_in_one_line(&[&serve[..], &free].concat(), &[&below, "directory"]);
    is_refused_in_one_line(&["cluster", "--log", "error", "--data", &below], &[&below, "directory"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    cannot_serve(&file(""), &["--resp", &address], &[&address, "in use"]);
    // At this point the server has created its directory.
    let taken_by_peer = file("").replace("127.0.0.1:11", &address);
    let dir = Dir::with(&[("c.toml", &taken_by_peer), ("cluster.toml", &taken_by_peer)]);
    let (cluster, data) = (dir.path("c.toml"), dir.path("data"));
    let serve = ["serve", "--log", "error", "--id", "0", "--cluster", &cluster, "--data", &data];
    is_refused_in_one_line(&[&serve[..], &["--resp", "127.0.0.1:0"]].concat(), &[&address, "in use"]);
    let whole = dir.path("");
    is_refused_in_one_line(&["cluster", "--log", "error", "--data", &whole], &[&address, "in use"]);
    // A cluster that cannot start leaves no cluster file behind.
    let port = taken.local_addr().expect("an address").port().to_string();
    let empty = Dir::with(&[]);
    let data = empty.path("");
    is_refused(&["cluster", "--log", "error", "--port", &port, "--data", &data], &[&address, "in use"]);
    assert!(empty.files().is_empty());
}

#[test]
fn a_directory_of_another_cluster_than_the_one_asked_for_is_refused() {
    // Its port is in use, so the server ends in any case.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let alone = format!("name = 'x'\n[[members]]\nid = 0\npeer = '127.0.0.1:1'\nresp = '127.0.0.1:{port}'\n");
    let dir = Dir::with(&[("cluster.toml", &alone)]);
    let data = dir.path("");
    for (option, given, found) in [("--nodes", "5", "1"), ("--spares", "1", "0"), ("--port", "7001", &port)] {
        let (asked, found) = (format!("{option} {given}"), format!("{option} {found}"));
        let cluster = ["cluster", "--log", "error", "--data", &data, option, given];
        is_refused_in_one_line(&cluster, &["cluster.toml", &asked, &found]);
    }
    let lease = ["cluster", "--log", "error", "--data", &data, "--reads", "lease"];
    is_refused_in_one_line(&lease, &["--reads lease", "lease_ms"]);
    assert_eq!(dir.files().len(), 1);
}

#[test]
fn a_word_that_is_no_level_is_refused() {
    let dir = Dir::with(&[("c.toml", &file(""))]);
    let (cluster, data) = (dir.path("c.toml"), dir.path("data"));
    let serve = ["serve", "--log", "loud", "--id", "0", "--cluster", &cluster, "--data", &data];
    is_refused_in_one_line(&serve, &["--log loud"]);
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_starts() {
    let dir = Dir::with(&[]);
    let data = dir.path("");
    let versus = |more: &[&'static str]| [&["versus", "--data", &data][..], more].concat();
    for (given, words) in [
        (&["--clients", "0"][..], &["0", "--clients", "1..=512"][..]),
        (&["--clients", "many"], &["many", "--clients"]),
        (&["--value-size", "1"], &["1", "--value-size", "16.."]),
        (&["--nodes", "0"], &["0", "--nodes", "1..=9"]),
        (&["--rounds", "0"], &["0", "--rounds"]),
        (&["--seconds", "0"], &["0", "--seconds", "above 0"]),
        (&["--seconds", "1e6"], &["1e6", "--seconds", "3,600"]),
        (&["--against", "raft"], &["raft", "--against"]),
        (&["--variant", "raft"], &["raft", "--variant"]),
    ] {
        is_refused(&versus(given), words);
    }
    is_refused_in_one_line(&versus(&["--clients", "1,8,1"]), &["second 1", "--clients"]);
    is_refused_in_one_line(&versus(&["--against", "floor,floor"]), &["second floor", "--against"]);
    let large = ["--clients", "512", "--value-size", "1048576"];
    is_refused_in_one_line(&versus(&large), &["--clients 512", "64 MiB", "lower"]);
    is_refused_in_one_line(&["versus", "--data", &dir.path("none")], &["none", "not found", "--data"]);
    assert!(dir.files().is_empty());
}
