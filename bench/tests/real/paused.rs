//! A leader that is paused, and does not know this when it resumes.

use crate::{ELECTION, LONG, alone, amount, cluster};
use paxos_bench::nemesis::members::{Members, call};
use paxos_bench::nemesis::network::{Network, Weather};
use paxos_bench::server::resp::{Client, Value};
use paxos_bench::variants::Variant;
use rustix::process::Signal;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_stopped_is_replaced_and_its_confirmed_reads_are_fresh_when_it_goes_on() {
    stopped("confirmed", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_stopped_is_replaced_and_reads_by_its_lease_are_fresh_when_it_goes_on() {
    stopped("lease", 250).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_stopped_is_replaced_and_its_quorum_reads_are_fresh_when_it_goes_on() {
    stopped("quorum", 0).await;
}

async fn stopped(reads: &str, lease_ms: u64) {
    let _alone = alone().await;
    let (mut members, _dir) = cluster(Variant::Multi, lease_ms, &["--reads", reads]);
    let network = Network::between(&members, amount("SEED", 1)).expect("ports are free");
    members.start_all(LONG).await.expect("they serve");
    let mut took = Vec::new();
    for round in 0..amount("STOPS", 2) {
        let old = led(&members, 0, |_| true).await;
        let (other, third) = ((old + 1) % 3, (old + 2) % 3);
        write(&mut members, old, &format!("SET k old{round}")).await;
        let mut first = Client::connect(&members.resp[old]).await.expect("it listens");
        assert!(call(&mut first, "GET k").await.is_some());

        members.pause(old).await.expect("it runs");
        let begun = Instant::now();
        // Every second time, the leader does not even hear from the others when it resumes.
        let cut = round % 2 == 1;
        if cut {
            network.set(|from, to| (from == old || to == old).then_some(Weather::Cut));
        }
        // The system accepts the request for the process, which reads it first when it resumes.
        first.push(&[b"GET", b"k"]);
        first.flush().await.expect("the system takes it");
        led(&members, other, |leader| leader != old).await;
        led(&members, third, |leader| leader != old).await;
        took.push(begun.elapsed());
        write(&mut members, other, &format!("SET k new{round}")).await;
        members.signal(old, Signal::CONT).expect("it is there");

        // It answers with the current value, or refuses.
        let fresh = Value::Bulk(format!("new{round}").into_bytes());
        let refused = |value: &Value| value.error().is_some_and(|text| text.starts_with("CLUSTERDOWN"));
        if cut {
            let early = timeout(ELECTION, first.fill()).await;
            assert!(early.is_err(), "who is cut off cannot know: {:?}", first.poll());
            network.heal();
        }
        let value = timeout(LONG, first.read()).await.expect("it answers in time").expect("it answers");
        assert!(value == fresh || refused(&value), "a stale read: {value:?}");
        for _ in 0..20 {
            let value = call(&mut first, "GET k").await.expect("it answers");
            assert!(value == fresh || refused(&value), "a stale read: {value:?}");
        }
        led(&members, old, |leader| leader != old).await;
        members.serves(old, LONG).await.expect("it serves");
    }
    eprintln!("multi, {reads} reads: others led, and knew it, after {took:?}");
}

/// Waits until `nth` follows a leader that is wanted.
async fn led(members: &Members, nth: usize, wanted: impl Fn(usize) -> bool) -> usize {
    let begun = Instant::now();
    loop {
        if let Some(leader) = members.leader(nth).await.filter(|leader| wanted(*leader)) {
            return leader;
        }
        assert!(begun.elapsed() < LONG, "n{nth} follows nobody, or the wrong one");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Repeats a write until it is answered.
async fn write(members: &mut Members, nth: usize, words: &str) {
    loop {
        members.serves(nth, LONG).await.expect("it serves");
        let mut client = Client::connect(&members.resp[nth]).await.expect("it listens");
        if call(&mut client, words).await == Some(Value::Simple("OK".into())) {
            return;
        }
    }
}
