//! Backups of running and of stopped members, and what comes back of them.

use crate::harness::cluster::{Cluster, bulk, call, ok, signal};
use paxos_bench::server::resp::{Client, Value};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

fn lab(arguments: &[&str], paths: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    command.args(arguments).args(paths).output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Expects success.
fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    said(output)
}

/// Sets 301 keys, some of them large, one with a deadline.
async fn fill(client: &mut Client) {
    // A new cluster has no time before its members have compared their clocks.
    while call(client, "SET late later PXAT 4000000000000").await != ok() {}
    for n in 0..300 {
        let value = "v".repeat(if n % 50 == 0 { 300_000 } else { n });
        client.push(&[b"SET", format!("key{n}").as_bytes(), value.as_bytes()]);
    }
    client.flush().await.expect("it listens");
    for _ in 0..300 {
        assert_eq!(client.read().await.expect("an answer"), ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_has_the_keys_of_one_moment_and_comes_back_in_a_cluster_of_another_variant() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, offline) = (dir.path().join("a.backup"), dir.path().join("b.backup"));
    let old = dir.path().join("old");
    let cluster = Cluster::start("multi", &old, &[]);
    let mut client = cluster.client(0).await;
    fill(&mut client).await;
    // Any member gives all that was answered before.
    let addresses = format!("127.0.0.1:1,{}", cluster.members[2].0);
    let text = done(&lab(&["backup", "--addr", &addresses], &[&file]));
    assert!(text.contains("301 keys of n2"), "{text}");
    let again = lab(&["backup", "--addr", &addresses], &[&file]);
    assert!(
        again.status.code() == Some(2) && said(&again).contains("exists: name a new file"),
        "{}",
        said(&again)
    );
    assert_eq!(call(&mut client, "SET key7 after").await, ok());
    assert_eq!(call(&mut client, "SET new after").await, ok());
    assert!(cluster.stop());

    // Any two members have all that was answered.
    let text = done(&lab(&["store", "backup"], &[&offline, &old.join("n2"), &old.join("n1")]));
    assert!(text.contains("302 keys, of all slots below"), "{text}");

    let cluster = Cluster::start("fast", &dir.path().join("new"), &[]);
    let address = cluster.members[1].0.clone();
    let text = done(&lab(&["restore", "--addr", &address], &[&file]));
    assert!(text.contains("301 keys restored; the cluster has 301 keys now"), "{text}");
    let mut client = cluster.client(2).await;
    assert_eq!(call(&mut client, "GET key7").await, bulk("vvvvvvv"));
    assert_eq!(call(&mut client, "GET new").await, Value::Nil);
    assert_eq!(call(&mut client, "STRLEN key250").await, Value::Int(300_000));
    assert_eq!(call(&mut client, "GET late").await, bulk("later"));
    assert_eq!(call(&mut client, "PEXPIRETIME late").await, Value::Int(4_000_000_000_000));

    // A cluster with keys is left alone, unless it is asked for.
    assert_eq!(call(&mut client, "SET mine 1").await, ok());
    let refused = lab(&["restore", "--addr", &address], &[&offline]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("has 302 keys: restore into an empty cluster, or give --merge"));
    let text = done(&lab(&["restore", "--merge", "--addr", &address], &[&offline]));
    assert!(text.contains("302 keys restored; the cluster has 303 keys now"), "{text}");
    assert_eq!(call(&mut client, "GET key7").await, bulk("after"));
    assert_eq!(call(&mut client, "GET mine").await, bulk("1"));

    // A file that is not whole changes nothing.
    let bytes = fs::read(&file).expect("a file");
    fs::write(&file, &bytes[..bytes.len() - 1]).expect("written");
    assert_eq!(call(&mut client, "FLUSHALL").await, ok());
    let damaged = lab(&["restore", "--addr", &address], &[&file]);
    assert!(damaged.status.code() == Some(1) && said(&damaged).contains("not a complete backup"));
    assert_eq!(call(&mut client, "DBSIZE").await, Value::Int(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_a_member_gives_what_it_has_if_that_is_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    assert!(Cluster::start("multi", &data, &[]).stop());
    let toml = fs::read_to_string(data.join("cluster.toml")).expect("a file");
    fs::write(data.join("cluster.toml"), toml + "\n[timeouts]\ngive_up_ms = 500\n").expect("written");
    let cluster = Cluster::start("multi", &data, &[]);
    let mut client = cluster.client(0).await;
    for n in 0..20 {
        assert_eq!(call(&mut client, &format!("SET k{n} v")).await, ok());
    }
    for id in [1, 2] {
        signal(cluster.members[id as usize].1, Signal::KILL);
        cluster.ended(id);
    }
    let file = dir.path().join("a.backup");
    let address = &cluster.members[0].0;
    let refused = lab(&["backup", "--addr", address], &[&file]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("CLUSTERDOWN not done") && !file.exists(), "{}", said(&refused));
    let text = done(&lab(&["backup", "--local", "--addr", address], &[&file]));
    assert!(text.contains("20 keys of n0"), "{text}");
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 2, "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_members_of_each_variant_give_all_that_was_answered_if_they_are_a_quorum() {
    for variant in ["multi", "fast", "simple", "basic"] {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let cluster = Cluster::start(variant, &data, &[]);
        let mut client = cluster.client(0).await;
        for n in 0..50 {
            assert_eq!(call(&mut client, &format!("SET k{n} v{n}")).await, ok());
        }
        drop(client);
        // With no time to tell each other anything.
        for id in [2, 1, 0] {
            signal(cluster.members[id as usize].1, Signal::KILL);
            cluster.ended(id);
        }
        drop(cluster);
        let before = fs::read(data.join("n1/manifest")).expect("a file");
        for (file, pair) in [("a.backup", [0, 1]), ("b.backup", [1, 2])] {
            let [first, second] = pair.map(|id| data.join(format!("n{id}")));
            let text = done(&lab(&["store", "backup"], &[&dir.path().join(file), &first, &second]));
            assert!(text.contains("50 keys, of all slots below"), "{variant}: {text}");
        }
        assert_eq!(fs::read(data.join("n1/manifest")).expect("a file"), before, "nothing is changed");
        // Two of three have voted for, or know, whatever was answered.
        let file = dir.path().join("c.backup");
        let [first, second] = [0, 2].map(|id| data.join(format!("n{id}")));
        let text = done(&lab(&["store", "backup", "--survivor"], &[&file, &first, &second]));
        assert!(text.contains("50 keys, of all slots below"), "{variant}: {text}");
        let twice = lab(&["store", "backup"], &[&dir.path().join("y.backup"), &first, &first]);
        assert_eq!(twice.status.code(), Some(2), "{}", said(&twice));
        assert!(said(&twice).contains("is another directory of n0"), "{}", said(&twice));

        let file = dir.path().join("x.backup");
        let other = dir.path().join("other.toml");
        let toml = fs::read_to_string(data.join("cluster.toml")).expect("a file");
        fs::write(&other, toml.replace("name = \"", "name = \"not-")).expect("written");
        let foreign = ["store", "backup", "--cluster", &other.display().to_string()];
        let foreign = lab(&foreign, &[&file, &data.join("n0")]);
        assert_eq!(foreign.status.code(), Some(2), "{}", said(&foreign));
        assert!(said(&foreign).contains("give the cluster's file of that store"), "{}", said(&foreign));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_stopped_member_of_three_cannot_tell_what_was_chosen() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let cluster = Cluster::start("multi", &data, &[]);
    assert_eq!(call(&mut cluster.client(0).await, "SET k v").await, ok());
    assert!(cluster.stop());
    let file = dir.path().join("a.backup");
    let alone = lab(&["store", "backup"], &[&file, &data.join("n0")]);
    assert_eq!(alone.status.code(), Some(1), "{}", said(&alone));
    assert!(said(&alone).contains("cannot tell what was chosen") && !file.exists(), "{}", said(&alone));
}

#[test]
fn a_backup_of_survivors_without_keys_is_a_warning() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    assert!(Cluster::start("multi", &data, &[]).stop());
    let saved = lab(&["store", "backup", "--survivor"], &[&dir.path().join("a.backup"), &data.join("n0")]);
    assert_eq!(saved.status.code(), Some(0), "{}", said(&saved));
    assert!(
        said(&saved).contains("warning: ") && said(&saved).contains("a.backup has no keys"),
        "{}",
        said(&saved)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survivor_that_was_away_gives_what_it_learned_as_well_as_what_it_voted_for() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let cluster = Cluster::start("multi", &data, &[]);
    signal(cluster.members[2].1, Signal::KILL);
    cluster.ended(2);
    let mut client = cluster.client(0).await;
    for n in 0..30 {
        assert_eq!(call(&mut client, &format!("SET early{n} v")).await, ok());
    }
    drop(client);
    assert!(!cluster.stop(), "a member died");
    let cluster = Cluster::start("multi", &data, &[]);
    let mut client = cluster.client(2).await;
    for n in 0..30 {
        assert_eq!(call(&mut client, &format!("SET late{n} v")).await, ok());
    }
    // Its clients are answered while it catches up. A read waits until it has.
    assert!(matches!(call(&mut client, "GET early0").await, Value::Bulk(_)));
    drop(client);
    assert!(cluster.stop());
    let file = dir.path().join("a.backup");
    let text = done(&lab(&["store", "backup", "--survivor"], &[&file, &data.join("n2")]));
    assert!(text.contains("60 keys, of all slots below") && !text.contains("left out"), "{text}");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_between_the_pieces_of_a_backup_are_not_in_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &[]);
    let mut client = cluster.client(0).await;
    fill(&mut client).await;
    let mut taker = cluster.client(0).await;
    let Value::Bulk(mut bytes) = call(&mut taker, "PAXOS BACKUP").await else { panic!("the first bytes") };
    for n in 0..300 {
        assert_eq!(call(&mut client, &format!("SET key{n} overwritten")).await, ok());
    }
    assert_eq!(call(&mut client, "DEL late").await, Value::Int(1));
    while let Value::Bulk(piece) = call(&mut taker, "PAXOS BACKUP NEXT").await {
        bytes.extend(piece);
    }
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("overwritten") && text.contains("later"));
    let again = call(&mut taker, "PAXOS BACKUP NEXT").await;
    assert!(again.error().is_some_and(|text| text.contains("no backup was begun")), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_goes_on_at_another_member_when_one_is_dead() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("a.backup");
    let cluster = Cluster::start("multi", &dir.path().join("old"), &[]);
    fill(&mut cluster.client(0).await).await;
    done(&lab(&["backup", "--addr", &cluster.members[0].0], &[&file]));
    assert!(cluster.stop());
    let cluster = Cluster::start("multi", &dir.path().join("new"), &[]);
    signal(cluster.members[1].1, Signal::KILL);
    cluster.ended(1);
    let addresses = [1, 2].map(|nth| cluster.members[nth].0.clone()).join(",");
    let text = done(&lab(&["restore", "--addr", &addresses], &[&file]));
    assert!(text.contains("301 keys restored; the cluster has 301 keys now"), "{text}");
}

/// Reads a request until its last word.
fn hear(stream: &mut TcpStream, last: &str) {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(format!("{last}\r\n").as_bytes()) {
        stream.read_exact(&mut byte).expect("it goes on");
        heard.push(byte[0]);
    }
}

#[test]
fn a_backup_that_is_interrupted_leaves_nothing_behind() {
    for told in [Signal::INT, Signal::TERM] {
        let dir = tempfile::tempdir().expect("a directory");
        let files = || fs::read_dir(dir.path()).expect("a directory").count();
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut taker = Command::new(env!("CARGO_BIN_EXE_paxos-bench"))
            .args(["backup", "--addr", &server.local_addr().expect("an address").to_string()])
            .arg(dir.path().join("a.backup"))
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        let (mut stream, _) = server.accept().expect("it connects");
        hear(&mut stream, "BACKUP");
        stream.write_all(b"$5\r\npiece\r\n").expect("it listens");
        // It waits for the next piece.
        hear(&mut stream, "NEXT");
        assert_eq!(files(), 1, "it has begun");
        signal(taker.id(), told);
        let mut said = String::new();
        taker.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(taker.wait().expect("it ends").code(), Some(1), "{said}");
        assert!(said.contains("interrupted: there is no backup"), "{said}");
        assert_eq!(files(), 0, "nothing is left behind");
    }
}
