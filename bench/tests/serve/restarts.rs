//! Members that end, and the command line.

use crate::cluster::{Cluster, bulk, call, ok, signal};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_go_on_and_the_cluster_says_who_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &[]);
    let mut client = cluster.client(1).await;
    assert_eq!(call(&mut client, "SET k v").await, ok());
    signal(cluster.members[0].1, rustix::process::Signal::KILL);
    assert!(cluster.line().starts_with("ended id=0 "), "it says so");
    assert_eq!(call(&mut client, "SET k w").await, ok());
    assert_eq!(call(&mut cluster.client(2).await, "GET k").await, bulk("w"));
    assert!(!cluster.stop(), "a member died, and the exit code says so");

    let cluster = Cluster::start("multi", dir.path(), &[]);
    assert_eq!(call(&mut cluster.client(0).await, "GET k").await, bulk("w"));
    assert!(cluster.stop());
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
