//! The cost of sockets, TLS and disks: everything is measured alternately in one run, so that ratios are meaningful.
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
    Announce, Audience, Ballot, Batch, Bytes, ClientId, Config, Digest, Entry, Envelope, Fold, Message,
    NodeId, Record, Request, Setup, Slot, To, Value,
};
use paxos_transport::{
    DiskStorage, Identity, MemoryStorage, Replicated, Storage, TcpCarrier, TcpOptions, TlsOptions, Transport,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How often each thing is measured, in turn with the others.
const REPETITIONS: usize = 7;

#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Payload(Bytes);

impl Value for Payload {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

type Multi = MultiPaxos<Payload, u64>;

type Counter = Fold<u64, Payload, u64>;

fn counter() -> Counter {
    Fold::new(0, |count, _| {
        *count += 1;
        *count
    })
}

/// Creates certificates for three processes.
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
        genesis: String::new(),
        lease: None,
    }
}

/// Creates three carriers that know and have reached each other.
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

/// Returns the CPU time of this program in seconds. Other load on the machine disturbs it less than elapsed time.
#[cfg(unix)]
fn computed() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(not(unix))]
fn computed() -> f64 {
    0.0
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Returns megabytes per second from one process to another, in messages of `size` bytes, and CPU microseconds per
/// megabyte.
async fn stream(carriers: &mut [TcpCarrier<Multi>], size: usize, bytes: usize) -> [f64; 2] {
    let payload = Payload(Bytes::from(vec![7; size]));
    let commands = Batch::from(Entry::new(ClientId::default(), 0, payload));
    let message: Message<Multi> = Message::Request(Request { commands, audience: Audience::Leader });
    let [sender, receiver, ..] = carriers else { return [0.0; 2] };
    let (handle, count) = (sender.handle(), (bytes / size).next_multiple_of(64));
    let (begun, before) = (Instant::now(), computed());
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
    let megabytes = (count * size) as f64 / 1e6;
    [megabytes / begun.elapsed().as_secs_f64(), (computed() - before) * 1e6 / megabytes]
}

/// Starts a cluster whose first member leads.
async fn cluster(tls: Option<&[TlsOptions]>, dir: Option<&Path>) -> Vec<Replicated<Multi, Counter>> {
    let mut config = Config::collapsed(3).expect("lawful");
    config.announce = Announce::WithNext;
    config.timeouts = config.timeouts.scaled(20);
    config.limits.snapshot = 0;
    let config = Arc::new(config);
    let mut members = Vec::new();
    for (node, carrier) in (0..3).zip(carriers(tls).await) {
        let storage: Box<dyn Storage<Multi>> = match dir {
            None => Box::new(MemoryStorage::new()),
            Some(dir) => {
                let dir = dir.join(node.to_string());
                Box::new(DiskStorage::open(dir, &identity(node)).expect("opens"))
            }
        };
        let setup = Setup { id: NodeId(node), config: Arc::clone(&config), options: () };
        let member = Replicated::start(setup, counter(), Box::new(carrier), storage).await;
        members.push(member.expect("starts"));
    }
    for member in &members {
        member.until(|status| status.leader == Some(NodeId(0))).await.expect("runs");
    }
    members
}

/// Returns the microseconds until `together` commands of 1 KiB that are proposed at once are all answered, and the CPU
/// microseconds per command.
async fn commit(members: &[Replicated<Multi, Counter>], together: usize, rounds: usize) -> [f64; 2] {
    let payload = Payload(Bytes::from(vec![7; 1024]));
    let (mut times, before) = (Vec::with_capacity(rounds), computed());
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
    [median(times), (computed() - before) * 1e6 / (rounds * together) as f64]
}

/// Returns the microseconds of a write to a store and, measured alternately with it, of syncing 1 KiB appended to a
/// file and of syncing 1 KiB overwritten in a file.
async fn writes(dir: &Path, rounds: usize) -> [f64; 3] {
    let mut store = DiskStorage::<Multi>::open(dir, &identity(0)).expect("opens");
    store.load().await.expect("new");
    let mut files = [0, 1].map(|n| {
        let mut file = File::create(dir.join(format!("floor{n}"))).expect("created");
        file.write_all(&[0; 4096]).expect("written");
        file.sync_all().expect("synced");
        file
    });
    let payload = Payload(Bytes::from(vec![7; 1024]));
    let mut times = [const { Vec::new() }; 3];
    for n in 0..rounds as u64 {
        let entry = Entry::new(ClientId::default(), n, payload.clone());
        let record = Record::Voted { ballot: Ballot::ZERO, first: Slot(n), batch: Batch::from(entry) };
        let begun = Instant::now();
        store.append(&[record]).await.expect("written");
        times[0].push(begun.elapsed().as_secs_f64() * 1e6);
        for (at, file) in files.iter_mut().enumerate() {
            let begun = Instant::now();
            if at == 1 {
                file.rewind().expect("seeks");
            }
            file.write_all(&[7; 1024]).expect("written");
            file.sync_data().expect("synced");
            times[at + 1].push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.map(median)
}

/// Prints the measurements of one thing as a row of the table.
fn row(name: &impl Display, plain: &[[f64; 2]], secure: &[[f64; 2]], more_is_better: bool) {
    let of = |all: &[[f64; 2]], which: usize| median(all.iter().map(|one| one[which]).collect());
    let (a, b) = (of(plain, 0), of(secure, 0));
    let (ratio, computing) = (if more_is_better { a / b } else { b / a }, of(secure, 1) / of(plain, 1));
    println!("| {name} | {a:.0} | {b:.0} | {ratio:.2} | {computing:.2} |");
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--test");
    let (times, scale) = if quick { (1, 50) } else { (REPETITIONS, 1) };
    let certificates = certificates();

    println!(
        "Megabytes a second from one process to another:\n\n| message | TCP | mutual TLS | ratio | ratio of computing time |\n|---|---|---|---|---|"
    );
    let mut plain = carriers(None).await;
    let mut secure = carriers(Some(&certificates)).await;
    for (size, bytes) in [(64, 16 << 20), (1024, 96 << 20), (65536, 256 << 20)] {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..times {
            a.push(stream(&mut plain, size, bytes / scale).await);
            b.push(stream(&mut secure, size, bytes / scale).await);
        }
        row(&format!("{size} B"), &a, &b, true);
    }
    drop((plain, secure));

    println!(
        "\nMicroseconds of a commit of 1 KiB with 3 replicas, so many at a time:\n\n| store, at a time | TCP | mutual TLS | ratio | ratio of computing time |\n|---|---|---|---|---|"
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
            row(&format!("{store}, {together}"), &a, &b, false);
        }
        for member in plain.iter().chain(&secure) {
            member.shutdown().await.expect("stops");
        }
    }
    let [append, appended, changed] = writes(&dir.path().join("store"), (500 / scale).max(2)).await;
    println!(
        "\nA write of 1 KiB to the store takes {append:.0} µs; a sync of 1 KiB appended to a file {appended:.0} µs, \
         of 1 KiB in its place {changed:.0} µs."
    );
}
