//! Members that end and restart, and the command line.

use crate::harness::cluster::{Cluster, bulk, call, command, ok, signal};
use crate::starts::logged;
use paxos_bench::server::resp::Client;
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_go_on_and_the_cluster_says_who_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &[]);
    let mut client = cluster.client(1).await;
    assert_eq!(call(&mut client, "SET k v").await, ok());
    signal(cluster.members[0].1, Signal::KILL);
    assert!(cluster.line().starts_with("ended id=0 "), "it says so");
    assert_eq!(call(&mut client, "SET k w").await, ok());
    assert_eq!(call(&mut cluster.client(2).await, "GET k").await, bulk("w"));
    assert!(!cluster.stop(), "a member died, and the exit code says so");

    let cluster = Cluster::start("multi", dir.path(), &[]);
    assert_eq!(call(&mut cluster.client(0).await, "GET k").await, bulk("w"));
    assert!(cluster.stop());
}

/// The value of `name` in a line as `ready id=0 resp=127.0.0.1:7001`.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let found = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    found.expect("a field")
}

/// `cluster | head` leaves a pipe that nobody reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_nobody_listens_to_goes_on_when_a_member_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = command(dir.path())
        .args(["--log", "error"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(cluster.stdout.take().expect("a pipe")).lines();
    let mut ready: Vec<String> =
        lines.map(|line| line.expect("text")).take_while(|line| !line.starts_with("all ready")).collect();
    // The pipe is closed by now.
    ready.retain(|line| line.starts_with("ready "));
    assert_eq!(ready.len(), 3, "{ready:?}");
    signal(field(&ready[0], "pid").parse().expect("a number"), Signal::KILL);
    let mut log = BufReader::new(cluster.stderr.take().expect("a pipe"));
    logged(&mut log, "stopped unexpectedly");
    let mut client = Client::connect(field(&ready[1], "resp")).await.expect("it listens");
    assert_eq!(call(&mut client, "SET k v").await, ok());
    signal(cluster.id(), Signal::INT);
    assert_eq!(cluster.wait().expect("it ends").code(), Some(1), "a member died");
}

/// Removes the last founding member from the cluster's file.
fn drop_last(file: &Path) {
    let text = fs::read_to_string(file).expect("a file");
    let mut table: toml::Table = text.parse().expect("well-formed");
    table["members"].as_array_mut().expect("a list").pop().expect("a member");
    fs::write(file, table.to_string()).expect("it can be written");
}

/// Two of two are a quorum that need not know what two of three had decided.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_began_with_three_members_does_not_go_on_with_two() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let cluster = Cluster::start("multi", &data, &[]);
    assert_eq!(call(&mut cluster.client(1).await, "SET k v").await, ok());
    assert!(cluster.stop());
    let file = data.join("cluster.toml");
    let whole = fs::read(&file).expect("a file");
    drop_last(&file);
    let lab = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_paxos-bench")).args(arguments).output().expect("it runs");
        let said = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let path = |name: &str| data.join(name).display().to_string();
    let (code, said) =
        lab(&["serve", "--id", "0", "--cluster", &path("cluster.toml"), "--data", &path("n0")]);
    assert!(code == Some(2) && said.contains("began with members {n0, n1, n2}"), "{said}");
    assert!(said.contains("Members are changed while the cluster runs"), "{said}");
    let (code, said) = lab(&["cluster", "--data", &data.display().to_string()]);
    assert!(code == Some(2) && !said.contains("ready id="), "{said}");
    let (code, said) = lab(&["store", "backup", &path("a.backup"), &path("n0"), &path("n1")]);
    assert!(code == Some(2) && said.contains("give the cluster's file of that store"), "{said}");

    // A power loss empties a file that was not synced.
    fs::write(&file, "").expect("written");
    let (code, said) = lab(&["cluster", "--data", &data.display().to_string()]);
    assert!(code == Some(2) && said.contains("put the file back"), "{said}");
    fs::remove_file(&file).expect("it is there");
    let (code, said) = lab(&["cluster", "--data", &data.display().to_string()]);
    assert!(code == Some(2) && said.contains("put the file back") && !file.exists(), "{said}");

    fs::write(&file, whole).expect("it can be written");
    let cluster = Cluster::start("multi", &data, &[]);
    assert_eq!(call(&mut cluster.client(0).await, "GET k").await, bulk("v"));
    assert!(cluster.stop());
}

/// A member whose disk cannot be used ends at once. Whoever waits for the others hears how many are ready.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_tells_when_those_that_run_are_ready() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(Cluster::start("multi", dir.path(), &[]).stop());
    fs::remove_file(dir.path().join("n1").join("manifest")).expect("removed");
    let cluster = Cluster::start_some("multi", dir.path(), &[]);
    assert_eq!(cluster.ready, "2 of 3 ready; stop with Ctrl-C");
    cluster.ended(1);
    assert_eq!(call(&mut cluster.client(0).await, "SET k v").await, ok());
    assert!(!cluster.stop(), "a member ended");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_with_an_older_copy_of_its_directory_or_none_ends_and_nothing_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let (n0, kept) = (dir.path().join("n0"), dir.path().join("kept"));
    for older in [true, false] {
        let cluster = Cluster::start("multi", dir.path(), &[]);
        assert_eq!(call(&mut cluster.client(0).await, "SET k old").await, ok());
        assert!(cluster.stop());
        fs::remove_dir_all(&kept).ok();
        copy(&n0, &kept);

        let cluster = Cluster::start("multi", dir.path(), &[]);
        let mut client = cluster.client(0).await;
        for n in 0..20 {
            assert_eq!(call(&mut client, &format!("SET k {n}")).await, ok());
        }
        drop(client);
        assert!(cluster.stop());
        let newest = dir.path().join("newest");
        fs::remove_dir_all(&newest).ok();
        copy(&n0, &newest);
        fs::remove_dir_all(&n0).expect("removed");
        if older {
            copy(&kept, &n0);
        }

        let cluster = Cluster::start_some("multi", dir.path(), &[]);
        cluster.ended(0);
        let mut client = cluster.client(1).await;
        assert_eq!(call(&mut client, "GET k").await, bulk("19"));
        assert_eq!(call(&mut client, "SET k after").await, ok());
        assert!(!cluster.stop(), "a member ended");

        // With its own disk again, the member is believed.
        fs::remove_dir_all(&n0).expect("removed");
        copy(&newest, &n0);
        let cluster = Cluster::start("multi", dir.path(), &[]);
        assert_eq!(call(&mut cluster.client(0).await, "GET k").await, bulk("after"));
        assert!(cluster.stop());
    }
}

#[test]
fn a_member_that_nobody_named_and_an_open_address_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("cluster.toml");
    let run = |text: &str, arguments: &[&str]| {
        std::fs::write(&file, text).expect("it can be written");
        let done = Command::new(env!("CARGO_BIN_EXE_paxos-bench"))
            .args(["serve", "--cluster"])
            .arg(&file)
            .arg("--data")
            .arg(dir.path().join("data"))
            .args(arguments)
            .output()
            .expect("it runs");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let good = "name = 'x'\n[[members]]\nid = 0\npeer = '127.0.0.1:1'\nresp = '0.0.0.0:0'\n";
    let (code, error) = run(good, &["--id", "1"]);
    assert!(code == Some(2) && error.contains("names no process 1"), "{error}");
    let (code, error) = run(good, &["--id", "0"]);
    assert!(code == Some(2) && error.contains("--insecure-bind"), "{error}");
    let (code, error) = run(&good.replace("peer", "pear"), &["--id", "0"]);
    assert!(code == Some(2) && error.contains("did you mean `peer`?"), "{error}");
}
