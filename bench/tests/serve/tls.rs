//! Clients over TLS: `[client_tls]` in the cluster's file.

use crate::harness::authority::{Authority, connector};
use crate::harness::cluster::{Cluster, bulk, call, ok};
use crate::harness::single::Single;
use paxos_bench::server::resp::{Client, Value};
use paxos_bench::server::tls::Connector;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring, version::TLS12};

const HERE: &str = "127.0.0.1";

/// Members have certificates for this machine; clients need none.
const SECTION: &str = "[client_tls]\nca = 'ca.pem'\ncertificate = 'n{id}.pem'\nkey = 'n{id}.key'\n";

/// Clients need a certificate, too.
const MUTUAL: &str = "authorities = 'ca.pem'\n";

fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paxos-bench")).args(arguments).output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Starts three members whose clients need certificates.
fn secure_cluster(data: &Path, authority: &Authority) -> Cluster {
    assert!(Cluster::start("multi", data, &[]).stop());
    authority.write(data);
    for id in 0..3 {
        authority.certify(data, &format!("n{id}"), &[HERE]);
    }
    let file = data.join("cluster.toml");
    let plain = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("{plain}\n{SECTION}{MUTUAL}")).expect("written");
    Cluster::start("multi", data, &["--requirepass", "secret"])
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_clients_of_all_kinds_are_served_and_commands_for_the_leader_are_passed_on() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
    let data = dir.path().join("data");
    let cluster = secure_cluster(&data, &authority);
    authority.certify(&data, "client", &[]);
    let mine = connector(&data, Some("client"), None);
    let mut client = Client::open(Some(&mine), &cluster.members[0].0, Some("secret")).await.expect("TLS");
    assert_eq!(call(&mut client, "SET k v").await, ok());
    assert_eq!(call(&mut client, "GET k").await, bulk("v"));
    // One command is sent to each, and two of three pass it on.
    for to in [2, 1, 0] {
        assert_eq!(call(&mut client, &format!("PAXOS TRANSFER {to}")).await, ok());
        let leads = [Value::Int(to), bulk(&cluster.members[to as usize].0)];
        while call(&mut client, "PAXOS LEADER").await != Value::Array(leads.to_vec()) {}
    }
    // Requests and replies that are longer than all buffers.
    let long = vec![b'x'; 3_000_000];
    for _ in 0..4 {
        client.push(&[b"SET", b"long", &long]);
        client.push(&[b"GET", b"long"]);
        client.flush().await.expect("it listens");
        assert_eq!(client.read().await.expect("an answer"), ok());
        assert!(client.read().await.expect("an answer") == Value::Bulk(long.clone()));
    }

    let path = |name: &str| data.join(name).display().to_string();
    let (ca, certificate, key, backup) = (path("ca.pem"), path("client.pem"), path("client.key"), path("b"));
    let addresses: Vec<&str> = cluster.members.iter().map(|(address, _)| address.as_str()).collect();
    let addresses = addresses.join(",");
    let common = ["--addr", &addresses, "--password", "secret", "--tls-ca", &ca];
    let with =
        |words: &[&str]| lab(&[words, &common, &["--tls-cert", &certificate, "--tls-key", &key]].concat());
    let load = with(&["load", "--format", "json", "--count", "500", "--clients", "6", "--pipeline", "4"]);
    let report: serde_json::Value = serde_json::from_slice(&load.stdout).expect("a report");
    assert_eq!((&report["unknown"], &report["error"]), (&0.into(), &serde_json::Value::Null), "{report}");
    let taken = with(&["backup", &backup]);
    assert_eq!(taken.status.code(), Some(0), "{}", said(&taken));
    let restored = with(&["restore", &backup, "--merge"]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));
    assert!(said(&restored).contains("1002 keys restored; the cluster has 1002"), "{}", said(&restored));

    let anonymous = lab(&[&["backup", &path("c")], &common[..]].concat());
    let text = said(&anonymous);
    assert!(anonymous.status.code() == Some(1) && text.contains("requires a certificate"), "{text}");
    let plain = lab(&["backup", &path("c"), "--addr", &addresses]);
    assert!(plain.status.code() == Some(1) && said(&plain).contains("speaks TLS only"), "{}", said(&plain));
    assert!(cluster.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_clients_without_a_certificate_that_counts_are_refused_if_the_file_names_authorities() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
    let member = Single::start(dir.path(), &authority, &format!("{SECTION}{MUTUAL}"), HERE);
    let refused = async |tls: &Connector| match Client::open(Some(tls), &member.resp, Some("x")).await {
        Ok(_) => panic!("it is refused"),
        Err(error) => error.to_string(),
    };
    let error = refused(&connector(dir.path(), None, None)).await;
    assert!(error.contains("the server requires a certificate of the client"), "{error}");
    member.logs(&["a client is refused", "presented no certificate", "`authorities` in [client_tls]"]);
    Authority::new().certify(dir.path(), "stranger", &[]);
    let error = refused(&connector(dir.path(), Some("stranger"), None)).await;
    assert!(error.contains("alert"), "{error}");
    member.logs(&[
        "a client is refused",
        "the client's certificate is refused",
        "`authorities` in [client_tls]",
    ]);
    authority.certify(dir.path(), "client", &[]);
    member.pongs(&connector(dir.path(), Some("client"), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_and_no_tls_are_told_apart_and_the_log_says_so() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
    let secure = Single::start(dir.path(), &authority, SECTION, HERE);
    let tls = connector(dir.path(), None, None);
    secure.pongs(&tls).await;

    let mut plain = Client::connect(&secure.resp).await.expect("it listens");
    let answer = call(&mut plain, "SET k v").await;
    assert!(answer.error().is_some_and(|text| text.contains("connect with TLS")), "{answer:?}");
    assert!(plain.read().await.is_err(), "it closes the connection");
    secure.logs(&["a client is refused", "this port speaks TLS only"]);

    // A client that begins no handshake holds no connection for long.
    let mut idle = TcpStream::connect(&secure.resp).await.expect("it listens");
    assert_eq!(idle.read(&mut [0; 8]).await.expect("it closes the connection"), 0);
    secure.logs(&["a client is refused", "did not finish the TLS handshake"]);

    let other = tempfile::tempdir().expect("a directory");
    let open = Single::start(other.path(), &authority, "", HERE);
    let error = Client::connect_by(Some(&tls), &open.resp).await.expect_err("it speaks no TLS").to_string();
    assert!(error.contains("does not speak TLS at this port: connect without TLS"), "{error}");
    open.logs(&["a client speaks another protocol", "this is TLS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_clients_trust_only_servers_with_the_right_authority_and_name() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
    let member = Single::start(dir.path(), &authority, SECTION, "store.example");
    let refused = async |tls: &Connector| {
        Client::connect_by(Some(tls), &member.resp).await.expect_err("it is not trusted").to_string()
    };
    let error = refused(&connector(dir.path(), None, None)).await;
    assert!(error.contains("does not name `127.0.0.1`"), "{error}");
    member.pongs(&connector(dir.path(), None, Some("store.example"))).await;
    let stranger = tempfile::tempdir().expect("a directory");
    Authority::new().write(stranger.path());
    let error = refused(&connector(stranger.path(), None, Some("store.example"))).await;
    assert!(error.contains("no authority that this client trusts"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_version_1_2_is_spoken_too_and_an_end_is_told_by_its_last_record() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
    let member = Single::start(dir.path(), &authority, SECTION, HERE);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.path().join("ca.pem")).expect("PEM")).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(&member.resp).await.expect("it listens");
    let name = ServerName::try_from(HERE).expect("a name");
    let connected = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let mut stream = connected.expect("a handshake");
    // A request that comes in two records, and two in one.
    for part in ["PI", "NG\r\nPING\r\nQUIT\r\n"] {
        stream.write_all(part.as_bytes()).await.expect("written");
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an end that no attacker can make");
    assert_eq!(answer, "+PONG\r\n+PONG\r\n+OK\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_certificates_that_change_are_used_without_a_restart() {
    let (dir, former) = (tempfile::tempdir().expect("a directory"), Authority::new());
    let member = Single::start(dir.path(), &former, SECTION, HERE);
    let old = connector(dir.path(), None, None);
    let mut before = Client::connect_by(Some(&old), &member.resp).await.expect("a handshake");
    // A key that belongs to another certificate is not taken up.
    let pair = fs::read(dir.path().join("n0.key")).expect("a file");
    former.certify(dir.path(), "other", &[HERE]);
    fs::copy(dir.path().join("other.key"), dir.path().join("n0.key")).expect("copied");
    member.logs(&["new certificates of [client_tls] cannot be used"]);
    member.pongs(&old).await;
    fs::write(dir.path().join("n0.key"), pair).expect("written");

    let new = Authority::new();
    new.write(dir.path());
    new.certify(dir.path(), "n0", &[HERE]);
    let renewed = connector(dir.path(), None, None);
    // The time limit of the test ends the loop otherwise.
    while Client::connect_by(Some(&renewed), &member.resp).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    member.logs(&["new certificates of [client_tls] are in use"]);
    member.pongs(&renewed).await;
    assert!(Client::connect_by(Some(&old), &member.resp).await.is_err(), "the former certificate is gone");
    assert_eq!(call(&mut before, "PING").await, Value::Simple("PONG".into()), "connections stay up");
}

#[test]
fn tls_lets_the_port_for_clients_be_reached_by_others() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
    drop(Single::start_at("0.0.0.0:0", dir.path(), &authority, SECTION, HERE));
    let other = tempfile::tempdir().expect("a directory");
    let mut open = Single::spawn("0.0.0.0:0", other.path(), &authority, "", HERE);
    let mut text = String::new();
    open.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
    assert_eq!(open.wait().expect("it ends").code(), Some(2), "{text}");
    assert!(text.contains("add [client_tls] to the cluster's file"), "{text}");
}

#[test]
fn tls_that_cannot_work_is_refused_before_anything_starts() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
    authority.write(dir.path());
    authority.certify(dir.path(), "c", &[]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("text"), "no certificate").expect("written");
    let (ca, certificate, key, text, none) =
        (path("ca.pem"), path("c.pem"), path("c.key"), path("text"), path("none"));
    for command in [&["load", "--no-fill"][..], &["backup", "file"], &["restore", "file"]] {
        for (arguments, words) in [
            (&["--tls-cert", &certificate, "--tls-key", &key][..], &["--tls-ca"][..]),
            (&["--tls-ca", &ca, "--tls-cert", &certificate], &["--tls-key"]),
            (&["--tls-ca", &ca, "--tls-key", &key], &["--tls-cert"]),
            (&["--tls-name", "x"], &["--tls-ca"]),
            (&["--tls-ca", &none], &["--tls-ca", &none]),
            (&["--tls-ca", &text], &["--tls-ca", "PEM"]),
            (&["--tls-ca", &ca, "--tls-name", "a b"], &["--tls-name", "`a b`"]),
            (&["--tls-ca", &ca, "--tls-cert", &ca, "--tls-key", &key], &["--tls-cert", "TLS"]),
        ] {
            let output = lab(&[command, arguments].concat());
            let text = said(&output);
            assert_eq!(output.status.code(), Some(2), "{command:?} {arguments:?}: {text}");
            assert!(words.iter().all(|word| text.contains(word)), "{command:?} {arguments:?}: {text}");
        }
    }
    for (wrong, words) in [
        (SECTION.replace("ca.pem", "text"), "PEM"),
        (SECTION.replace("n{id}.key", "c.key"), "[client_tls]"),
        (SECTION.replace("n{id}.pem", "none"), "none"),
        (SECTION.replace("ca =", "cas ="), "did you mean `ca`?"),
    ] {
        let mut member = Single::spawn("127.0.0.1:0", dir.path(), &authority, &wrong, HERE);
        let mut text = String::new();
        member.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
        assert_eq!(member.wait().expect("it ends").code(), Some(2), "{wrong}: {text}");
        assert!(text.contains(words) && !dir.path().join("data").exists(), "{wrong}: {text}");
    }
}
