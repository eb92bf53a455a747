//! Requests for changes of members, which a process may refuse according to what the others report about themselves.

use super::snapshot::{N0, N1, N2, Server};
use super::*;
use paxos_core::{Change, CommandId, Inadvisable, NodeSet, Timeouts, Unasked, Unchangeable};
use std::time::Duration;

const N3: NodeId = NodeId(3);
const N9: NodeId = NodeId(9);

const fn ms(n: u64) -> Time {
    Time(n * 1_000_000)
}

/// Three servers that may each be silent for 180 ms: an election timeout, and two rounds of four turns of gossip.
fn config() -> Config {
    let mut config = Config::collapsed(3).expect("lawful");
    let after = |n| Some(Duration::from_millis(n));
    config.timeouts = Timeouts { election: after(100), gossip: after(10), ..Timeouts::NEVER };
    config.limits.alpha = 1;
    config
}

/// n2, which knows the first `n` slots.
fn after(n: u64) -> Server {
    let mut server = Server::of(config(), N2);
    server.hear(N0, chosen(0..n));
    server
}

fn chosen(range: core::ops::Range<u64>) -> Message<P> {
    let (first, known) = (Slot(range.start), Slot(range.end));
    Message::Chosen { first, known, batch: batch(range), asked: Some(first) }
}

/// `from` reports that it knows the first `known` slots.
fn says(server: &mut Server, at: Time, from: NodeId, known: u64) {
    let message = Message::Progress { chosen: Slot(known), durable: Slot(0) };
    server.node.step(at, Event::Message { from, message });
    server.settle();
}

fn behind(known: u64, of: u64) -> Result<CommandId, Unasked> {
    Err(Inadvisable::Behind { node: N3, known: Slot(known), of: Slot(of) }.into())
}

#[test]
fn a_newcomer_is_added_when_it_is_there_and_has_caught_up() {
    let mut server = after(9);
    for from in [N0, N1] {
        says(&mut server, ms(0), from, 9);
    }
    let add = |server: &mut Server, at| server.node.submit_change(ms(at), Change::add(N3));
    assert_eq!(add(&mut server, 0), Err(Inadvisable::NotHeard(N3).into()));
    says(&mut server, ms(0), N3, 0);
    assert_eq!(add(&mut server, 0), behind(0, 9));
    says(&mut server, ms(10), N3, 4);
    assert_eq!(add(&mut server, 10), behind(4, 9));
    // It has reached the slot where this process was at its last report, however long the log is now.
    server.hear(N0, chosen(9..12));
    says(&mut server, ms(20), N3, 9);
    assert!(add(&mut server.clone(), 20).is_ok());
    // This holds while it keeps up, but not once it takes longer than the allowed silence to get there.
    server.hear(N0, chosen(12..20));
    for (at, ok) in [(100, true), (190, true), (210, false)] {
        for from in [N0, N1] {
            says(&mut server, ms(at), from, 20);
        }
        says(&mut server, ms(at), N3, 10);
        assert_eq!(add(&mut server.clone(), at).is_ok(), ok, "{at} ms");
    }
}

#[test]
fn what_was_said_long_ago_says_nothing_about_now() {
    let mut server = after(9);
    for from in [N0, N1, N3] {
        says(&mut server, ms(0), from, 9);
    }
    server.hear(N0, chosen(9..20));
    for from in [N0, N1] {
        says(&mut server, ms(200), from, 20);
    }
    let add = Change::add(N3);
    assert_eq!(server.node.submit_change(ms(200), add), Err(Inadvisable::NotHeard(N3).into()));
    says(&mut server, ms(200), N3, 9);
    assert_eq!(server.node.submit_change(ms(200), add), behind(9, 20));
}

#[test]
fn a_change_is_not_asked_for_when_too_few_would_be_heard() {
    let refusal = |server: &mut Server, change| match server.node.submit_change(ms(0), change) {
        Err(Unasked::Inadvisable(why)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let mut server = after(9);
    says(&mut server, ms(0), N3, 9);
    let add = Change::add(N3);
    assert_eq!(refusal(&mut server, add), "2 of 4 members would be reachable, a quorum is 3");
    says(&mut server, ms(0), N0, 9);
    let remove = Change::remove(N0);
    assert_eq!(refusal(&mut server, remove), "1 of 2 members would be reachable, a quorum is 2");
    // A server that does not answer may be removed, and a forced change is never refused.
    assert!(server.node.clone().submit_change(ms(0), Change::remove(N1)).is_ok());
    assert!(server.node.clone().submit_change(ms(0), add).is_ok());
    assert!(server.node.clone().force_change(ms(0), remove).is_ok());
    assert!(server.node.force_change(ms(0), Change::add(N9)).is_ok());
}

#[test]
fn what_has_been_done_is_not_asked_for_again() {
    let mut server = after(9);
    for from in [N0, N1, N3] {
        says(&mut server, ms(0), from, 9);
    }
    let ask = |server: &mut Server, change| server.node.submit_change(ms(0), change);
    assert_eq!(ask(&mut server, Change::add(N1)), Err(Inadvisable::Member(N1).into()));
    assert_eq!(ask(&mut server, Change::remove(N9)), Err(Inadvisable::NoMember(N9).into()));
    let id = CommandId { client: ClientId { node: N9, session: 0, nonce: 0 }, seq: 50 };
    let gone = Entry::Change(id, Box::new(Change::replace(N1, N3).into()));
    server.hear(
        N0,
        Message::Chosen { first: Slot(9), known: Slot(10), batch: vec![gone].into(), asked: Some(Slot(9)) },
    );
    assert_eq!(ask(&mut server, Change::remove(N1)), Err(Inadvisable::Removed(N1).into()));
    assert_eq!(ask(&mut server, Change::replace(N1, N3)), Err(Inadvisable::Removed(N1).into()));
    assert_eq!(ask(&mut server, Change::add(N3)), Err(Inadvisable::Member(N3).into()));
    assert_eq!(ask(&mut server, Change::add(N1)), Err(Unchangeable::Retired.into()));
}

#[test]
fn a_process_that_is_no_member_asks_for_no_change() {
    let spare = Config { spares: NodeSet::only(N3), ..config() };
    let mut spare = Server::of(spare, N3);
    for from in [N0, N1, N2] {
        says(&mut spare, ms(0), from, 9);
    }
    let outside = Err(Inadvisable::Outside.into());
    assert_eq!(spare.node.submit_change(ms(0), Change::remove(N0)), outside);
    assert!(spare.node.force_change(ms(0), Change::remove(N0)).is_ok());
}
