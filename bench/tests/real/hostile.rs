//! Hostile clients, and a normal client that must be served meanwhile.

use crate::{LONG, alone, amount, chance, cluster};
use paxos_bench::nemesis::members::{Members, call};
use paxos_bench::server::resp::{Client, Value};
use paxos_bench::variants::Variant;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// A normal client that must be served, whatever others do.
struct Guest {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(i64, Duration)>,
}

impl Guest {
    fn comes(address: &str) -> Self {
        let (stop, address) = (Arc::new(AtomicBool::new(false)), address.to_owned());
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut client = Client::connect(&address).await.expect("it listens");
            let (mut count, mut slowest) = (0, Duration::ZERO);
            while !stopped.load(SeqCst) {
                let begun = Instant::now();
                let answer = timeout(LONG, call(&mut client, "INCR guest")).await.expect("in time");
                let answer = answer.expect("its connection stays");
                if answer.error().is_none_or(|text| !text.starts_with("UNKNOWN")) {
                    count += 1;
                    assert_eq!(answer, Value::Int(count), "served, in order");
                }
                slowest = slowest.max(begun.elapsed());
                sleep(Duration::from_millis(5)).await;
            }
            (count, slowest)
        });
        Self { stop, task }
    }

    async fn goes(self) -> String {
        self.stop.store(true, SeqCst);
        let (count, slowest) = self.task.await.expect("it was served");
        assert!(count > 0, "it was served");
        format!("another client was answered {count} times, after {slowest:?} at most")
    }
}

/// Starts three members. The first one will be attacked; its memory at this time is returned.
async fn attacked(arguments: &[&str]) -> ((Members, TempDir), Guest, u64) {
    let (mut members, dir) = cluster(Variant::Multi, 0, arguments);
    members.start_all(LONG).await.expect("they serve");
    let guest = Guest::comes(&members.resp[0]);
    sleep(Duration::from_millis(300)).await;
    let memory = members.memory(0).expect("the system tells").0;
    ((members, dir), guest, memory)
}

/// Checks that no member has crashed, that memory is bounded, and that the guest was served.
async fn survived((mut members, _dir): (Members, TempDir), guest: Guest, before: u64, more: u64, what: &str) {
    let served = guest.goes().await;
    members.all_live().expect("nobody has crashed");
    for nth in 0..3 {
        members.serves(nth, LONG).await.expect("it serves");
    }
    let (now, most) = members.memory(0).expect("the system tells");
    eprintln!("{what}: {served}; memory {before} MiB before, {most} MiB at most, {now} MiB after");
    assert!(most <= before + more, "{what}: {before} MiB have become {most} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_thousands_of_idle_connections_cost_little_and_others_are_served() {
    let _alone = alone().await;
    let limit = getrlimit(Resource::Nofile);
    // If the limit cannot be raised, the test opens as many connections as are allowed.
    _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let count = amount("CONNECTIONS", 1_000).min(most.saturating_sub(500));
    let ((members, dir), guest, before) = attacked(&["--maxclients", "10100"]).await;
    let mut idle = Vec::new();
    for nth in 0..count {
        let mut stream = TcpStream::connect(&members.resp[0]).await.expect("it listens");
        // Half of the clients have sent a part of a request.
        let begin: &[u8] = if nth % 2 == 0 { b"*2\r\n$3\r\nGET\r\n$5\r\nab" } else { b"" };
        stream.write_all(begin).await.expect("it takes that");
        idle.push(stream);
    }
    // So many strangers at the port for members are more than it accepts.
    let mut strangers = Vec::new();
    for _ in 0..count.min(500) {
        strangers.push(TcpStream::connect(&members.peer[0]).await.expect("it listens"));
    }
    sleep(Duration::from_millis(500)).await;
    for (nth, stream) in idle.iter_mut().enumerate().step_by(97) {
        let rest: &[u8] = if nth % 2 == 0 { b"cde\r\n" } else { b"GET abcde\r\n" };
        stream.write_all(rest).await.expect("it is still there");
        let mut reply = [0; 5];
        timeout(LONG, stream.read_exact(&mut reply)).await.expect("in time").expect("it answers");
        assert_eq!(&reply, b"$-1\r\n", "who was idle is served");
    }
    let more = 32 + count / 200;
    survived((members, dir), guest, before, more, &format!("{count} idle connections")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_that_announce_too_much_are_refused_and_others_are_served() {
    let _alone = alone().await;
    let ((members, dir), guest, before) = attacked(&[]).await;
    let address = members.resp[0].clone();
    let slow = tokio::spawn(a_byte_at_a_time(address.clone()));
    let bulk = refusal(&address, b"*2\r\n$3\r\nGET\r\n$536870912\r\n", &vec![b'x'; 64 << 10]).await;
    assert!(bulk.starts_with("-ERR Protocol error: an argument of 536870912 bytes is longer than"), "{bulk}");
    let nested = refusal(&address, b"", &b"*1\r\n".repeat(1_000_000)).await;
    assert_eq!(nested, "-ERR Protocol error: expected '$', got '*'");
    let list = refusal(&address, b"*1000000000\r\n", b"").await;
    assert_eq!(list, "-ERR Protocol error: invalid multibulk length");
    let line = refusal(&address, b"", &vec![b'x'; 1 << 20]).await;
    assert_eq!(line, "-ERR Protocol error: too big inline request");
    // The same bytes at the port for members get no answer at all.
    drop(refusal(&members.peer[0], b"*2\r\n$3\r\nGET\r\n$536870912\r\n", &b"*1\r\n".repeat(1_000_000)).await);
    // An announced length costs no memory until the bytes arrive.
    let mut announced = Vec::new();
    for _ in 0..500 {
        let mut stream = TcpStream::connect(&address).await.expect("it listens");
        stream.write_all(b"*262144\r\n$16777216\r\nx").await.expect("it takes that");
        announced.push(stream);
    }
    slow.await.expect("who sends a byte at a time is answered, too");
    survived((members, dir), guest, before, 128, "announcements").await;
}

/// Sends a request byte by byte: in a campaign, one byte per second.
async fn a_byte_at_a_time(address: String) {
    let pause = Duration::from_millis(amount("BYTE_MS", 100));
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    for byte in b"*2\r\n$4\r\nECHO\r\n$4\r\nslow\r\n" {
        stream.write_all(&[*byte]).await.expect("it takes that");
        sleep(pause).await;
    }
    let mut reply = [0; 10];
    timeout(LONG, stream.read_exact(&mut reply)).await.expect("in time").expect("it answers");
    assert_eq!(&reply, b"$4\r\nslow\r\n");
}

/// Sends `first`, and then `rest` as often as it is accepted. Returns the answer, up to when the other side closes.
async fn refusal(address: &str, first: &[u8], rest: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let mut heard = Vec::new();
    let (mut input, mut output) = stream.split();
    let saying = async {
        output.write_all(first).await?;
        let mut said = 0;
        while said < 8 << 20 && !rest.is_empty() {
            output.write_all(rest).await?;
            said += rest.len();
        }
        std::io::Result::Ok(())
    };
    let hearing = async {
        let mut bytes = [0; 256];
        // The connection may end with a reset, because much of what was sent is never read.
        while let Ok(length @ 1..) = input.read(&mut bytes).await {
            heard.extend_from_slice(&bytes[..length]);
        }
    };
    timeout(LONG, async { tokio::join!(saying, hearing) }).await.expect("it closes the connection").0.ok();
    String::from_utf8_lossy(&heard).trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_clients_that_ask_for_much_and_read_nothing_hold_little_and_others_are_served() {
    let _alone = alone().await;
    let ((members, dir), guest, before) = attacked(&[]).await;
    let mut client = Client::connect(&members.resp[0]).await.expect("it listens");
    client.call(&[b"SET".as_slice(), b"large", &vec![b'x'; 1 << 20]]).await.expect("it is set");
    let mut deaf = Vec::new();
    for nth in 0..amount("DEAF", 9) {
        let mut stream = TcpStream::connect(&members.resp[0]).await.expect("it listens");
        // Values are shared with the store, parts of them are not.
        let request: &[u8] = match nth % 3 {
            0 => b"GET large\r\n",
            1 => b"GETRANGE large 0 -2\r\n",
            _ => b"KEYS *\r\n",
        };
        stream.write_all(&request.repeat(1_000)).await.expect("it takes that");
        deaf.push(stream);
    }
    sleep(Duration::from_secs(1)).await;
    let more = 96 + 72 * deaf.len() as u64;
    survived((members, dir), guest, before, more, &format!("{} clients that read nothing", deaf.len())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_random_bytes_on_both_ports_crash_nobody_and_others_are_served() {
    let _alone = alone().await;
    let ((members, dir), guest, before) = attacked(&[]).await;
    let until = Instant::now() + Duration::from_secs(amount("RANDOM_SECONDS", 4));
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..8 {
        let to_members = nth % 2 == 1;
        let address = if to_members { &members.peer[0] } else { &members.resp[0] };
        tasks.spawn(babble(address.clone(), to_members, nth, until));
    }
    let (mut connections, mut bytes) = (0, 0);
    for (more, length) in tasks.join_all().await {
        connections += more;
        bytes += length;
    }
    let what = format!("{} MiB of random bytes over {connections} connections", bytes >> 20);
    survived((members, dir), guest, before, 256, &what).await;
}

/// Sends random bytes. Many begin like valid requests.
async fn babble(address: String, to_members: bool, nth: u64, until: Instant) -> (u64, u64) {
    const CLIENT: [&[u8]; 6] =
        [b"", b"*3\r\n$3\r\nFOO\r\n$", b"*1\r\n", b"*-1\r\n*2\r\n$9\r\n", b"GET ", b"*100000\r\n$1\r\n"];
    const MEMBER: [&[u8]; 5] = [b"", &[1], &[1, 1], &[1, 4, 0, 0, 255, 255, 255, 255], &[22, 3, 1]];
    let mut chance = chance(400 + nth);
    let (mut connections, mut sent) = (0, 0);
    while Instant::now() < until {
        let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
        connections += 1;
        for _ in 0..=chance.below(16) {
            let begin =
                if to_members { MEMBER[chance.below(5) as usize] } else { CLIENT[chance.below(6) as usize] };
            let mut bytes = begin.to_vec();
            bytes.resize(begin.len() + chance.below(8 << 10) as usize, 0);
            chance.fill(&mut bytes[begin.len()..]);
            // The server may have closed the connection.
            if !matches!(timeout(Duration::from_millis(200), stream.write_all(&bytes)).await, Ok(Ok(()))) {
                break;
            }
            sent += bytes.len() as u64;
        }
    }
    (connections, sent)
}
