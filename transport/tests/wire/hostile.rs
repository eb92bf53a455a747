//! Networks and peers that misbehave.

use crate::wire::raw::{self, HELLO, MESSAGES, PART, PING, WELCOME, frame, header};
use crate::wire::{ANY_PORT, Journal, Multi, bind, config, identity, options, soon, until};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use paxos_core::{
    Amount, Audience, Batch, ClientId, Entry, Envelope, Event, Message, NodeId, Request, Setup, To,
};
use paxos_transport::{HostError, MemoryStorage, ProposeError, Reason, Replicated, TcpCarrier, Transport};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A message with a payload of `size` bytes that is determined by `n`.
pub(crate) fn message(n: u64, size: usize) -> Message<Multi> {
    let mut payload = vec![0; size];
    ChaCha8Rng::seed_from_u64(n).fill_bytes(&mut payload);
    let commands = Batch::from(Entry::new(ClientId::default(), n, payload));
    Message::Request(Request { commands, audience: Audience::Leader })
}

/// Returns the sender and the message of an event.
pub(crate) fn letter(event: Event<Multi>) -> (NodeId, Message<Multi>) {
    let Event::Message { from, message } = event else { panic!("{event:?}") };
    (from, message)
}

pub(crate) fn number(message: &Message<Multi>) -> u64 {
    let Message::Request(Request { commands, .. }) = message else { panic!("{message:?}") };
    commands[0].id().expect("a command").seq
}

pub(crate) async fn send(carrier: &mut TcpCarrier<Multi>, to: u16, message: Message<Multi>) {
    carrier.send(&mut vec![Envelope { to: To::One(NodeId(to)), message }]).await.expect("sends");
}

/// What a [`proxy`] does to the data that passes through it.
#[derive(Default)]
pub(crate) struct Mood {
    /// Flips a bit in about one of a hundred pieces.
    pub(crate) damages: AtomicBool,
    /// Passes nothing on, on existing connections.
    pub(crate) stalls: AtomicBool,
}

/// Forwards connections to `to`, with the faults of `mood`. Returns its own address.
pub(crate) async fn proxy(to: SocketAddr, mood: Arc<Mood>) -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut seed = 0;
        while let Ok((here, _)) = listener.accept().await {
            let Ok(there) = TcpStream::connect(to).await else { continue };
            let (here, there) = (here.into_split(), there.into_split());
            seed += 2;
            tokio::spawn(pass(here.0, there.1, seed, Arc::clone(&mood)));
            tokio::spawn(pass(there.0, here.1, seed + 1, Arc::clone(&mood)));
        }
    });
    address
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    seed: u64,
    mood: Arc<Mood>,
) {
    let (mut random, mut bytes) = (ChaCha8Rng::seed_from_u64(seed), vec![0; 1400]);
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        if mood.stalls.load(Ordering::Relaxed) {
            // This is like an unplugged cable: no end, no reset.
            return core::future::pending().await;
        }
        if mood.damages.load(Ordering::Relaxed) && random.next_u32() % 100 == 0 {
            bytes[random.next_u32() as usize % n] ^= 1 << (random.next_u32() % 8);
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_sent_or_not_at_all() {
    let mood = Arc::new(Mood::default());
    let mut receiver = bind(options(1)).await;
    let through = proxy(receiver.local_address(), Arc::clone(&mood)).await;
    let mut sender = bind(options(0).peer(NodeId(1), through.to_string())).await;
    mood.damages.store(true, Ordering::Relaxed);
    let handle = receiver.handle();
    let (mut n, mut arrived, mut inbox) = (0, 0, Vec::new());
    while handle.stats().refused_for(Reason::Damaged) < 20 {
        for _ in 0..10 {
            n += 1;
            send(&mut sender, 1, message(n, 300)).await;
        }
        tokio::select! {
            some = receiver.recv(&mut inbox) => some.expect("receives"),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        for (from, whole) in inbox.drain(..).map(letter) {
            assert_eq!((from, &whole), (NodeId(0), &message(number(&whole), 300)));
            arrived += 1;
        }
    }
    assert!(arrived > 0, "{n} were sent");
    // Damaged messages were not delivered, and each damage ended a connection.
    assert!(sender.handle().stats().connected > 10, "{:?}", sender.handle().stats());
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_any_more_is_replaced() {
    let mood = Arc::new(Mood::default());
    let mut receiver = bind(options(1)).await;
    let through = proxy(receiver.local_address(), Arc::clone(&mood)).await;
    let mut quick = options(0).peer(NodeId(1), through.to_string());
    (quick.limits.ping, quick.limits.silence) = (Duration::from_millis(20), Duration::from_millis(200));
    let mut sender = bind(quick).await;
    let handle = sender.handle();
    until(|| handle.stats().connected == 1).await;
    mood.stalls.store(true, Ordering::Relaxed);
    until(|| handle.stats().refused_for(Reason::Silent) >= 1).await;
    mood.stalls.store(false, Ordering::Relaxed);
    until(|| handle.stats().connected >= 2).await;
    send(&mut sender, 1, message(1, 10)).await;
    let mut inbox = Vec::new();
    soon(receiver.recv(&mut inbox)).await.expect("receives");
    assert_eq!(number(&letter(inbox.remove(0)).1), 1);
}

/// A peer that greets properly and then reads nothing more.
async fn deaf() -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            raw::read(&mut stream).await;
            stream.write_all(&frame(raw::WELCOME, b"")).await.ok();
            held.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn a_peer_that_reads_nothing_costs_a_bounded_queue_and_delays_nobody() {
    const QUEUE: usize = 1 << 20;
    let mut receiver = bind(options(1)).await;
    let mut options = options(0).peer(NodeId(1), receiver.local_address().to_string());
    options.peers.insert(NodeId(2), deaf().await.to_string());
    options.peers.insert(NodeId(3), "127.0.0.1:1".into());
    options.limits.queue_bytes = QUEUE;
    let mut sender = bind(options).await;
    let handle = sender.handle();
    until(|| handle.stats().connected == 2).await;
    let (mut n, mut inbox) = (0, Vec::new());
    while handle.stats().peers[&NodeId(2)].dropped < 100 {
        n += 1;
        for to in [2, 3, 1] {
            send(&mut sender, to, message(n, 10_000)).await;
        }
        let queued = handle.stats().peers[&NodeId(2)].queued_bytes as usize;
        assert!(queued <= QUEUE, "{queued} bytes wait");
        // The receiver that reads gets each message before the next is sent.
        let mut last = 0;
        while last < n {
            soon(receiver.recv(&mut inbox)).await.expect("receives");
            last = inbox.drain(..).map(letter).next_back().map_or(0, |(_, message)| number(&message));
        }
    }
    // The silent peer is given up and tried again.
    until(|| handle.stats().refused_for(Reason::Silent) >= 1 && handle.stats().connected >= 3).await;
    assert_eq!(handle.stats().peers[&NodeId(1)].dropped, 0);
}

#[tokio::test]
async fn what_the_host_does_not_take_waits_within_bounds_and_is_not_lost() {
    let mut small = options(1);
    small.limits.inbox_bytes = 100_000;
    let mut receiver = bind(small).await;
    let mut sender = bind(options(0).peer(NodeId(1), receiver.local_address().to_string())).await;
    for n in 0..2000 {
        send(&mut sender, 1, message(n, 1000)).await;
    }
    until(|| sender.handle().stats().messages_sent > 0).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let held = receiver.handle().stats().bytes_received;
    // The bytes taken from the connection are within the bound, except for one frame that waits for room.
    assert!(held <= 100_000 + 2 * (1 << 18), "{held}");
    let (mut inbox, mut next) = (Vec::new(), 0);
    while next < 2000 {
        soon(receiver.recv(&mut inbox)).await.expect("receives");
        for (_, message) in inbox.drain(..).map(letter) {
            assert_eq!(number(&message), next);
            next += 1;
        }
    }
}

#[tokio::test]
async fn a_message_that_fits_no_frame_is_dropped_and_counted() {
    let receiver = bind(options(1)).await;
    let mut small = options(0).peer(NodeId(1), receiver.local_address().to_string());
    small.limits.frame_bytes = 10_000;
    let mut sender = bind(small).await;
    send(&mut sender, 1, message(1, 10_001)).await;
    send(&mut sender, 9, message(2, 10)).await;
    assert_eq!(
        (sender.handle().stats().dropped_too_large, sender.handle().stats().dropped_unreachable),
        (1, 1)
    );
    assert_eq!(receiver.handle().stats().messages_received, 0);
}

/// A cluster of one member, whose carrier takes frames of up to `frame_bytes`.
async fn alone_with(frame_bytes: usize) -> Result<Replicated<Multi, Journal>, HostError> {
    let mut small = options(0);
    small.limits.frame_bytes = frame_bytes;
    let setup = Setup { id: NodeId(0), config: Arc::new(config(1)), options: () };
    Replicated::start(setup, Journal::default(), Box::new(bind(small).await), Box::new(MemoryStorage::new()))
        .await
}

#[tokio::test]
async fn a_carrier_for_shorter_messages_than_the_limits_allow_is_refused_at_the_start() {
    let needed = config(1).limits.longest_message();
    // Twelve bytes of a frame are framing.
    let refused = alone_with(needed + 11).await.expect_err("one byte is missing");
    assert!(
        matches!(refused, HostError::Carrier { needed: n, longest } if n == needed && longest == n - 1),
        "{refused}"
    );
    assert!(alone_with(needed + 12).await.is_ok());
}

#[tokio::test]
async fn a_command_that_no_message_can_carry_is_refused() {
    let member = alone_with(2 << 20).await.expect("starts");
    let longest = (2 << 20) - 12;
    let fits = longest - Amount { count: 1, bytes: 0 }.longest();
    assert!(soon(member.propose(vec![1; fits])).await.is_ok());
    let refused = soon(member.propose(vec![1; fits + 1])).await.expect_err("it could not be passed on");
    assert_eq!(refused, ProposeError::TooLarge { bytes: fits + 1, longest });
}

/// The resident memory of this program in bytes, if the system reports it.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Whether this is a separate program for the test `name`, so that no other test uses memory meanwhile. If not, this
/// runs that program and checks that its test passes.
fn alone(name: &str) -> bool {
    const ALONE: &str = "PAXOS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let test = std::env::current_exe().expect("a test");
    let ran = std::process::Command::new(test).args(["--exact", name]).env(ALONE, "1").output();
    let output = ran.expect("it can be run once more");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// `STRANGERS=100000` makes more of them connect.
#[tokio::test]
async fn random_bytes_on_the_port_cost_nothing_that_lasts() {
    if !alone("wire::hostile::random_bytes_on_the_port_cost_nothing_that_lasts") {
        return;
    }
    let strangers = std::env::var("STRANGERS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000_u64);
    let mut receiver = bind(options(0)).await;
    let handle = receiver.handle();
    let mut sender = bind(options(1).peer(NodeId(0), receiver.local_address().to_string())).await;
    let before = resident();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut inbox = Vec::new();
    for n in 0..strangers {
        let mut bytes = vec![0; random.next_u32() as usize % 20_000];
        random.fill_bytes(&mut bytes);
        match n % 5 {
            // Bytes with a plausible beginning get further.
            0 => bytes.insert(0, 1),
            1 => bytes.splice(..0, header(1, random.next_u32(), 0)).for_each(drop),
            2 => bytes.splice(..0, raw::proper()).for_each(drop),
            3 => bytes.splice(..0, [frame(MESSAGES, b"abc"), frame(PING, b"")].concat()).for_each(drop),
            _ => {}
        }
        let mut stream = TcpStream::connect(handle.local_address()).await.expect("somebody listens");
        // The connection may be closed meanwhile.
        stream.write_all(&bytes).await.ok();
        if n % 50 == 0 {
            send(&mut sender, 0, message(n, 100)).await;
            let mut seen = false;
            while !seen {
                soon(receiver.recv(&mut inbox)).await.expect("receives");
                seen = inbox.drain(..).map(letter).any(|(_, message)| number(&message) == n);
            }
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    assert!(handle.stats().refused.values().sum::<u64>() > strangers / 2, "{:?}", handle.stats());
}

#[tokio::test]
async fn a_long_frame_costs_memory_as_it_comes_and_not_before() {
    if !alone("wire::hostile::a_long_frame_costs_memory_as_it_comes_and_not_before") {
        return;
    }
    let listener = bind(options(0)).await;
    let handle = listener.handle();
    let before = resident();
    let mut streams = Vec::new();
    for node in 1..50 {
        let mut stream = TcpStream::connect(handle.local_address()).await.expect("somebody listens");
        raw::answer(&mut stream, &raw::hello(&identity(node), NodeId(0))).await;
        stream.write_all(&header(MESSAGES, 100 << 20, 0)).await.expect("written");
        streams.push(stream);
    }
    until(|| handle.stats().accepted == 49).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes more for 4.9 GB that were announced");
}

#[tokio::test]
async fn a_small_message_waits_behind_no_large_ones() {
    // If both cores are busy with other tests for longer than a peer may be silent, what was sent is lost.
    let patient = |id| {
        let mut options = options(id);
        options.limits.silence = Duration::from_secs(120);
        options
    };
    let mut n1 = bind(patient(1)).await;
    let address = n1.handle().local_address().to_string();
    let mut n0 = bind(patient(0).peer(NodeId(1), address)).await;
    until(|| n0.handle().stats().connected == 1).await;
    let size = |n| if n < 48 { 700_000 } else { 100 };
    let post = |n| Envelope { to: To::One(NodeId(1)), message: message(n, size(n)) };
    n0.send(&mut (0..49).map(post).collect()).await.expect("sends");
    let mut inbox = Vec::new();
    let receive = async |n1: &mut TcpCarrier<Multi>, inbox: &mut Vec<_>| {
        let mut some = Vec::new();
        soon(n1.recv(&mut some)).await.expect("receives");
        inbox.extend(some.into_iter().map(letter));
    };
    while !inbox.iter().any(|(_, message)| number(message) == 48) {
        receive(&mut n1, &mut inbox).await;
    }
    assert!(inbox.len() < 3, "it came after {} large ones", inbox.len() - 1);
    while inbox.len() < 49 {
        receive(&mut n1, &mut inbox).await;
    }
    inbox.sort_by_key(|(_, message)| number(message));
    assert!((0..49).zip(&inbox).all(|(n, (_, held))| *held == message(n, size(n))));
}

#[tokio::test]
async fn a_large_message_does_not_wait_until_no_small_one_waits() {
    let listener = TcpListener::bind(ANY_PORT).await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let mut options = options(0).peer(NodeId(1), address);
    // Both cores may be busy with other tests.
    (options.limits.silence, options.limits.handshake) = (Duration::from_secs(120), Duration::from_secs(120));
    let mut n0 = bind(options).await;
    let (mut stream, _) = listener.accept().await.expect("it connects");
    assert_eq!(soon(raw::read(&mut stream)).await.expect("a greeting").0, HELLO);
    // All of these wait when the connection begins to carry messages: 12.5 MiB of small ones, and then a large one.
    let size = |n| if n < 200 { 1 << 16 } else { 200_000 };
    let post = |n| Envelope { to: To::One(NodeId(1)), message: message(n, size(n) - 100) };
    n0.send(&mut (0..201).map(post).collect()).await.expect("sends");
    stream.write_all(&frame(WELCOME, &[])).await.expect("written");
    let (mut small, mut large, mut before) = (0, 0, 0);
    while small < 200 {
        let (kind, body) = soon(raw::read(&mut stream)).await.expect("a frame");
        if kind == PART {
            (large, before) = (large + body.len(), small);
        } else if kind == MESSAGES {
            small += body.len() / ((1 << 16) - 200);
        }
    }
    assert!(large >= 199_900 && before < 50, "{large} bytes of the large one, after {before} small ones");
}
