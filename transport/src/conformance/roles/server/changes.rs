//! Requests for changes of members, which a process may refuse according to what the others report about themselves.

use super::{N0, N1, N2, Server, change, told};
use crate::conformance::{Facts, Tested};
use core::time::Duration;
use paxos_core::{
    Change, CommandId, Config, Inadvisable, Message, NodeId, NodeSet, Slot, Time, Timeouts, Unasked,
    Unchangeable,
};

const N3: NodeId = NodeId(3);
const N9: NodeId = NodeId(9);

/// Three servers that may each be silent for 180 ms: an election timeout, and two rounds of four turns of gossip.
fn config() -> Config {
    let mut config = Config::collapsed(3).expect("servers");
    let after = |n| Some(Duration::from_millis(n));
    config.timeouts = Timeouts { election: after(100), gossip: after(10), ..Timeouts::NEVER };
    config.limits.alpha = 1;
    config
}

/// n2, which knows the first nine slots, as `reporting` have just reported of themselves.
fn server<'a, P: Tested>(facts: &'a Facts<P>, reporting: &[NodeId]) -> Option<Server<'a, P>> {
    let mut server = Server::changing(facts, config(), N2)?;
    server.learn(0..9);
    for from in reporting {
        says(&mut server, 0, *from, 9);
    }
    Some(server)
}

/// At `ms`, `from` reports that it knows the first `known` slots.
fn says<P: Tested>(server: &mut Server<'_, P>, ms: u64, from: NodeId, known: u64) {
    server.hear_at(Time(ms * 1_000_000), from, Message::Progress { chosen: Slot(known), durable: Slot(0) });
}

fn asks<P: Tested>(server: &mut Server<'_, P>, ms: u64, change: Change) -> Result<CommandId, Unasked> {
    server.node.submit_change(Time(ms * 1_000_000), change)
}

fn behind(known: u64, of: u64) -> Result<CommandId, Unasked> {
    Err(Inadvisable::Behind { node: N3, known: Slot(known), of: Slot(of) }.into())
}

/// It has reached the slot where this process was at its last report, however long the log is now.
pub fn a_newcomer_is_added_when_it_is_there_and_has_caught_up<P: Tested>(facts: &Facts<P>) {
    let Some(mut server) = server(facts, &[N0, N1]) else { return };
    let add = Change::add(N3);
    assert_eq!(asks(&mut server, 0, add), Err(Inadvisable::NotHeard(N3).into()));
    says(&mut server, 0, N3, 0);
    assert_eq!(asks(&mut server, 0, add), behind(0, 9));
    says(&mut server, 10, N3, 4);
    assert_eq!(asks(&mut server, 10, add), behind(4, 9));
    server.learn(9..12);
    says(&mut server, 20, N3, 9);
    assert!(asks(&mut server.clone(), 20, add).is_ok());
    // This holds while it keeps up, but not once it takes longer than the allowed silence to get there.
    server.learn(12..20);
    for (at, ok) in [(100, true), (190, true), (210, false)] {
        for (from, known) in [(N0, 20), (N1, 20), (N3, 10)] {
            says(&mut server, at, from, known);
        }
        assert_eq!(asks(&mut server.clone(), at, add).is_ok(), ok, "{at} ms");
    }
}

/// The newcomer was level, and may be gone.
pub fn what_was_said_long_ago_says_nothing_about_now<P: Tested>(facts: &Facts<P>) {
    let Some(mut server) = server(facts, &[N0, N1, N3]) else { return };
    server.learn(9..20);
    for from in [N0, N1] {
        says(&mut server, 200, from, 20);
    }
    let add = Change::add(N3);
    assert_eq!(asks(&mut server, 200, add), Err(Inadvisable::NotHeard(N3).into()));
    says(&mut server, 200, N3, 9);
    assert_eq!(asks(&mut server, 200, add), behind(9, 20));
}

/// A server that does not answer may be removed, and a forced change is never refused.
pub fn a_change_is_not_asked_for_when_too_few_would_be_heard<P: Tested>(facts: &Facts<P>) {
    let Some(mut server) = server(facts, &[N3]) else { return };
    let refusal = |server: &mut Server<'_, P>, change| match asks(server, 0, change) {
        Err(Unasked::Inadvisable(why)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let (add, remove) = (Change::add(N3), Change::remove(N0));
    assert_eq!(refusal(&mut server, add), "2 of 4 members would be reachable, a quorum is 3");
    says(&mut server, 0, N0, 9);
    assert_eq!(refusal(&mut server, remove), "1 of 2 members would be reachable, a quorum is 2");
    assert!(asks(&mut server.clone(), 0, Change::remove(N1)).is_ok());
    assert!(asks(&mut server.clone(), 0, add).is_ok());
    assert!(server.node.clone().force_change(Time(0), remove).is_ok());
    assert!(server.node.force_change(Time(0), Change::add(N9)).is_ok());
}

/// The refusal says what the process is: a member, no member, or removed for good.
pub fn what_has_been_done_is_not_asked_for_again<P: Tested>(facts: &Facts<P>) {
    let Some(mut server) = server(facts, &[N0, N1, N3]) else { return };
    assert_eq!(asks(&mut server, 0, Change::add(N1)), Err(Inadvisable::Member(N1).into()));
    assert_eq!(asks(&mut server, 0, Change::remove(N9)), Err(Inadvisable::NoMember(N9).into()));
    server.hear(N0, told(9, [change(50, Change::replace(N1, N3))]));
    for (change, refusal) in [
        (Change::remove(N1), Inadvisable::Removed(N1).into()),
        (Change::replace(N1, N3), Inadvisable::Removed(N1).into()),
        (Change::add(N3), Inadvisable::Member(N3).into()),
        (Change::add(N1), Unchangeable::Retired.into()),
    ] {
        assert_eq!(asks(&mut server, 0, change), Err(refusal));
    }
}

/// It may have been removed itself, and not know it.
pub fn a_process_that_is_no_member_asks_for_no_change<P: Tested>(facts: &Facts<P>) {
    let config = Config { spares: NodeSet::only(N3), ..config() };
    let Some(mut spare) = Server::changing(facts, config, N3) else { return };
    for from in [N0, N1, N2] {
        says(&mut spare, 0, from, 9);
    }
    assert_eq!(asks(&mut spare, 0, Change::remove(N0)), Err(Inadvisable::Outside.into()));
    assert!(spare.node.force_change(Time(0), Change::remove(N0)).is_ok());
}
