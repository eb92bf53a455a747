//! Processes that do not belong to the cluster are refused, and both sides report it.

use crate::wire::raw::{self, HELLO, MESSAGES, PING, PONG, REFUSAL, WELCOME, frame, header, say};
use crate::wire::{bind, identity, options, until};
use paxos_core::{Digest, NodeId};
use paxos_transport::{Identity, Reason, TcpOptions, WIRE_VERSION};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tracing::field::{Field, Visit};

/// Collects the warnings in the log, and counts them by their words.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>);

impl Log {
    /// The number of warnings that contain all of these words.
    pub(crate) fn warnings(&self, words: &[&str]) -> usize {
        let lines = self.0.lock().expect("no panic");
        lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string does not fail.
        _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed) as u64 + 1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// n1 differs in one property and dials n0 repeatedly: both count the reason each time, and log it once.
async fn refused(reason: Reason, dialler: TcpOptions) {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let listener = bind(options(0)).await;
    let dialler = bind(dialler.peer(NodeId(0), listener.local_address().to_string())).await;
    let (here, there) = (listener.handle(), dialler.handle());
    until(|| here.stats().refused_for(reason) >= 3 && there.stats().refused_for(reason) >= 3).await;
    assert_eq!((here.stats().accepted, there.stats().connected), (0, 0));
    assert_eq!(here.stats().refused.len() + there.stats().refused.len(), 2, "{:?}", here.stats());
    // Each of them logs one line.
    assert_eq!(log.warnings(&[&format!("reason={reason}")]), 2, "{:?}", log.0);
    drop(guard);
}

fn other(change: impl FnOnce(&mut Identity)) -> TcpOptions {
    let mut options = options(1);
    change(&mut options.identity);
    options
}

#[tokio::test]
async fn a_process_of_another_cluster_is_refused() {
    refused(Reason::Cluster, other(|me| me.cluster = "other".into())).await;
}

#[tokio::test]
async fn a_process_of_another_variant_is_refused() {
    refused(Reason::Variant, other(|me| me.variant = "fast".into())).await;
}

#[tokio::test]
async fn a_process_that_was_configured_differently_is_refused() {
    refused(Reason::Configuration, other(|me| me.configuration = Digest(8))).await;
}

#[tokio::test]
async fn a_process_that_looks_for_somebody_else_is_refused() {
    let listener = bind(options(2)).await;
    let dialler = bind(options(1).peer(NodeId(0), listener.local_address().to_string())).await;
    let (here, there) = (listener.handle(), dialler.handle());
    until(|| here.stats().refused_for(Reason::Addressee) >= 1).await;
    until(|| there.stats().refused_for(Reason::Addressee) >= 1).await;
    assert_eq!(there.stats().connected, 0);
}

#[tokio::test]
async fn a_second_process_of_the_same_name_is_refused() {
    let listener = bind(options(0)).await;
    let handle = listener.handle();
    let answer = say(handle.local_address(), &raw::hello(&identity(0), NodeId(0))).await;
    assert_eq!(answer.expect("an answer").0, REFUSAL);
    until(|| handle.stats().refused_for(Reason::Sender) == 1).await;
}

#[tokio::test]
async fn another_version_is_answered_in_this_one() {
    let listener = bind(options(0)).await;
    let handle = listener.handle();
    let mut hello = raw::proper();
    hello[0] = WIRE_VERSION + 1;
    let (kind, words) = say(handle.local_address(), &hello).await.expect("an answer");
    assert_eq!(kind, REFUSAL);
    assert!(String::from_utf8_lossy(&words).contains(&format!(
        "version {} of the wire format, this process version {WIRE_VERSION}",
        WIRE_VERSION + 1
    )));
    until(|| handle.stats().refused_for(Reason::Version) == 1).await;
}

#[tokio::test]
async fn what_is_no_greeting_is_refused_and_what_is_too_long_before_it_has_come() {
    let listener = bind(options(0)).await;
    let handle = listener.handle();
    let address = handle.local_address();
    for bytes in
        [frame(MESSAGES, b"x"), frame(PING, b""), frame(HELLO, b"x"), b"GET / HTTP/1.1\r\n\r\n".to_vec()]
    {
        assert_eq!(say(address, &bytes).await.expect("an answer").0, REFUSAL);
    }
    assert_eq!(handle.stats().refused_for(Reason::Version), 4);
    assert_eq!(say(address, &header(HELLO, (16 << 10) + 1, 0)).await.expect("an answer").0, REFUSAL);
    until(|| handle.stats().refused_for(Reason::TooLarge) == 1).await;
    let mut damaged = raw::proper();
    damaged[20] ^= 1;
    assert_eq!(say(address, &damaged).await.expect("an answer").0, REFUSAL);
    until(|| handle.stats().refused_for(Reason::Damaged) == 1).await;
    assert_eq!(handle.stats().accepted, 0);
}

#[tokio::test]
async fn a_peer_is_answered_and_one_that_talks_nonsense_is_told_so() {
    let listener = bind(options(0)).await;
    let handle = listener.handle();
    for nonsense in [
        frame(MESSAGES, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 255]),
        frame(MESSAGES, &[9; 10]),
        frame(MESSAGES, &[9, 9]),
        frame(WELCOME, b""),
    ] {
        let mut stream = TcpStream::connect(handle.local_address()).await.expect("somebody listens");
        assert_eq!(raw::answer(&mut stream, &raw::proper()).await, Some((WELCOME, Vec::new())));
        assert_eq!(raw::answer(&mut stream, &frame(PING, b"")).await, Some((PONG, Vec::new())));
        assert_eq!(raw::answer(&mut stream, &nonsense).await.expect("an answer").0, REFUSAL);
        assert_eq!(raw::read(&mut stream).await, None);
    }
    until(|| handle.stats().refused_for(Reason::Damaged) == 4).await;
}

#[tokio::test]
async fn who_says_nothing_makes_room_for_those_who_do() {
    let mut few = options(0);
    few.limits.greetings = 4;
    let listener = bind(few).await;
    let handle = listener.handle();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(handle.local_address()).await.expect("somebody listens"));
    }
    assert_eq!(say(handle.local_address(), &raw::proper()).await, Some((WELCOME, Vec::new())));
    until(|| handle.stats().refused_for(Reason::Crowded) >= 46).await;
    // A greeting that does not end is also cut off.
    let mut slow = options(0);
    slow.limits.handshake = core::time::Duration::from_millis(50);
    let listener = bind(slow).await;
    let handle = listener.handle();
    let mut stream = TcpStream::connect(handle.local_address()).await.expect("somebody listens");
    stream.write_all(&raw::proper()[..20]).await.expect("written");
    until(|| handle.stats().refused_for(Reason::Silent) == 1).await;
    assert_eq!(raw::read(&mut stream).await, None);
}
