//! What sockets, TLS and disks cost: everything in one run, in turn, so that ratios mean something.
//!
//! ```text
//! cargo bench -p paxos-transport --bench wire              everything, two minutes
//! cargo bench -p paxos-transport --bench wire -- --test    only that it runs
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used, clippy::print_stdout)]

use core::fmt::Display;
use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Announce, Audience, Batch, Bytes, ClientId, Config, Digest, Entry, Envelope, Message, NodeId, Request,
    Setup, Slot, StateMachine, To, Value,
};
use paxos_transport::{
    Identity, MemoryStorage, RedbStorage, Replicated, Storage, TcpCarrier, TcpOptions, TlsOptions, Transport,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// So often each is measured, in turn with the others.
const REPETITIONS: usize = 7;

#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Payload(Bytes);

impl Value for Payload {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

type Multi = MultiPaxos<Payload, u64>;

/// Counts what it executes.
struct Counter(u64);

impl StateMachine for Counter {
    type Command = Payload;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, _command: &Payload) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// Certificates of three processes.
fn certificates() -> Vec<TlsOptions> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("random");
    let authority = params.self_signed(&key).expect("signed").pem();
    let issuer = Issuer::new(params, key);
    let of = |id: u16| {
        let params = CertificateParams::new(vec![NodeId(id).to_string()]).expect("a name");
        let key = KeyPair::generate().expect("random");
        TlsOptions {
            authorities: authority.clone().into(),
            certificate: params.signed_by(&key, &issuer).expect("signed").pem().into(),
            key: key.serialize_pem().into(),
            domain: None,
        }
    };
    (0..3).map(of).collect()
}

fn identity(node: u16) -> Identity {
    Identity {
        cluster: "bench".into(),
        node: NodeId(node),
        variant: "multi".into(),
        configuration: Digest(0),
    }
}

/// Three processes that know each other.
async fn carriers(tls: Option<&[TlsOptions]>) -> Vec<TcpCarrier<Multi>> {
    let mut carriers: Vec<TcpCarrier<Multi>> = Vec::new();
    for node in 0..3 {
        let mut options = TcpOptions::new(identity(node), ([127, 0, 0, 1], 0).into());
        options.tls = tls.map(|tls| tls[usize::from(node)].clone());
        carriers.push(TcpCarrier::bind(options).await.expect("a port"));
    }
    for (i, carrier) in carriers.iter().enumerate() {
        for other in &carriers {
            other.handle().set_peer(NodeId(i as u16), carrier.local_address().to_string());
        }
    }
    for carrier in &carriers {
        while carrier.handle().stats().connected < 2 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    carriers
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Megabytes a second from one process to another, in messages of `size` bytes.
async fn stream(carriers: &mut [TcpCarrier<Multi>], size: usize, bytes: usize) -> f64 {
    let payload = Payload(Bytes::from(vec![7; size]));
    let commands = Batch::from(Entry::new(ClientId::default(), 0, payload));
    let message: Message<Multi> = Message::Request(Request { commands, audience: Audience::Leader });
    let [sender, receiver, ..] = carriers else { return 0.0 };
    let (handle, count) = (sender.handle(), (bytes / size).next_multiple_of(64));
    let begun = Instant::now();
    let send = async {
        let mut batch = Vec::new();
        for _ in 0..count / 64 {
            batch.extend((0..64).map(|_| Envelope { to: To::One(NodeId(1)), message: message.clone() }));
            sender.send(&mut batch).await.expect("sends");
            while handle.stats().peers[&NodeId(1)].queued_bytes > 8 << 20 {
                tokio::task::yield_now().await;
            }
        }
    };
    let receive = async {
        let (mut inbox, mut seen) = (Vec::new(), 0);
        while seen < count {
            receiver.recv(&mut inbox).await.expect("receives");
            seen += inbox.drain(..).len();
        }
    };
    tokio::join!(send, receive);
    (count * size) as f64 / begun.elapsed().as_secs_f64() / 1e6
}

/// A cluster that runs; its first member leads.
async fn cluster(tls: Option<&[TlsOptions]>, dir: Option<&Path>) -> Vec<Replicated<Multi, Counter>> {
    let mut config = Config::collapsed(3).expect("lawful");
    config.announce = Announce::WithNext;
    config.timeouts = config.timeouts.scaled(20);
    let config = Arc::new(config);
    let mut members = Vec::new();
    for (node, carrier) in (0..3).zip(carriers(tls).await) {
        let storage: Box<dyn Storage<Multi>> = match dir {
            None => Box::new(MemoryStorage::new()),
            Some(dir) => {
                let dir = dir.join(node.to_string());
                Box::new(RedbStorage::open(dir, &identity(node)).expect("opens"))
            }
        };
        let setup = Setup { id: NodeId(node), config: Arc::clone(&config), options: () };
        let member = Replicated::start(setup, Counter(0), Box::new(carrier), storage).await;
        members.push(member.expect("starts"));
    }
    for member in &members {
        member.until(|status| status.leader == Some(NodeId(0))).await.expect("runs");
    }
    members
}

/// Microseconds until `together` commands of 1 KiB that are proposed at once are all answered.
async fn commit(members: &[Replicated<Multi, Counter>], together: usize, rounds: usize) -> f64 {
    let payload = Payload(Bytes::from(vec![7; 1024]));
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        if together == 1 {
            members[0].propose(payload.clone()).await.expect("answered");
        } else {
            let mut tasks = JoinSet::new();
            for _ in 0..together {
                let (member, payload) = (members[0].clone(), payload.clone());
                tasks.spawn(async move { member.propose(payload).await });
            }
            while let Some(answer) = tasks.join_next().await {
                answer.expect("no panic").expect("answered");
            }
        }
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    median(times)
}

/// Microseconds of a sync of 1 KiB that is appended to a file, and of 1 KiB that is changed in its place.
fn sync(dir: &Path, appended: bool) -> f64 {
    use std::io::{Seek, SeekFrom};
    let mut file = File::create(dir.join("floor")).expect("created");
    file.write_all(&[0; 4096]).expect("written");
    file.sync_all().expect("synced");
    let times = (0..50).map(|_| {
        let begun = Instant::now();
        if !appended {
            file.seek(SeekFrom::Start(0)).expect("seeks");
        }
        file.write_all(&[7; 1024]).expect("written");
        file.sync_data().expect("synced");
        begun.elapsed().as_secs_f64() * 1e6
    });
    median(times.collect())
}

/// The measurements of one thing, and how they are told.
fn row(name: &impl Display, plain: Vec<f64>, secure: Vec<f64>, faster_is_more: bool) {
    let (plain, secure) = (median(plain), median(secure));
    let ratio = if faster_is_more { plain / secure } else { secure / plain };
    println!("| {name} | {plain:.0} | {secure:.0} | {ratio:.2} |");
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--test");
    let (times, scale) = if quick { (1, 50) } else { (REPETITIONS, 1) };
    let certificates = certificates();

    println!(
        "Megabytes a second from one process to another:\n\n| message | TCP | mutual TLS | ratio |\n|---|---|---|---|"
    );
    let mut plain = carriers(None).await;
    let mut secure = carriers(Some(&certificates)).await;
    for (size, bytes) in [(64, 16 << 20), (1024, 128 << 20), (65536, 512 << 20)] {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..times {
            a.push(stream(&mut plain, size, bytes / scale).await);
            b.push(stream(&mut secure, size, bytes / scale).await);
        }
        row(&format!("{size} B"), a, b, true);
    }
    drop((plain, secure));

    println!(
        "\nMicroseconds of a commit of 1 KiB with 3 replicas, so many at a time:\n\n| store, at a time | TCP | mutual TLS | ratio |\n|---|---|---|---|"
    );
    let dir = tempfile::tempdir().expect("a directory");
    for (store, dirs) in [
        ("memory", [None, None]),
        ("disk", [Some(dir.path().join("plain")), Some(dir.path().join("secure"))]),
    ] {
        let plain = cluster(None, dirs[0].as_deref()).await;
        let secure = cluster(Some(&certificates), dirs[1].as_deref()).await;
        for (together, rounds) in [(1, 500), (64, 200), (1024, 20)] {
            let rounds = (rounds / scale).max(2);
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for _ in 0..times {
                a.push(commit(&plain, together, rounds).await);
                b.push(commit(&secure, together, rounds).await);
            }
            row(&format!("{store}, {together}"), a, b, false);
        }
        for member in plain.iter().chain(&secure) {
            member.shutdown().await.expect("stops");
        }
    }
    println!(
        "\nFor comparison: a sync of 1 KiB appended takes {:.0} µs, of 1 KiB in its place {:.0} µs.",
        sync(dir.path(), true),
        sync(dir.path(), false)
    );
}
