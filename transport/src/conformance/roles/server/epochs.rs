//! Changes of members combined with snapshots, restarts and leases: runs that a review found.

use super::fetching::fetch;
use super::stores::{meet, store};
use super::{N0, N1, N2, PATIENCE, Server, asks, change, forgetful, promises, told};
use crate::conformance::roles::stage::{NOW, Process, entry, setup};
use crate::conformance::{Facts, Tested};
use core::time::Duration;
use paxos_core::{
    Announce, Audience, Ballot, Batch, Change, Config, Counts, Event, Fact, Leadership, Learning, Limits,
    Membership, Message, Node, NodeId, NodeSet, PhaseMessage as _, ReadMessage, Recorded, Request, Slot,
    StillNeeded, Timeouts, To,
};
use std::sync::Arc;

const N5: NodeId = NodeId(5);

/// Three servers that take snapshots, with α = 2; n0 leads first.
pub(super) fn config() -> Config {
    let mut config = forgetful();
    config.leadership = Leadership::Elected { first: Some(N0) };
    config.limits.alpha = 2;
    config
}

/// Three servers without any timeout, with this α.
fn quiet(alpha: usize) -> Config {
    let mut config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("servers") };
    config.limits.alpha = alpha;
    config
}

/// It voted in slots 0 to 3, and does not remember its votes.
pub fn votes_that_a_snapshot_stands_for_are_forgotten_after_a_restart_too<P: Tested>(facts: &Facts<P>) {
    let Some(mut server) = Server::changing(facts, config(), N2) else { return };
    server.vote(N0, Ballot::classic(1, N0), 0..4);
    server.learn(0..4);
    assert_eq!(server.snapshot().next, Slot(4));
    // When the members change, it writes all that it has learned: from slot 0 past the snapshot.
    server.hear(N0, told(4, [change(50, Change::add_learner(N5)), entry(5)]));
    server.restart();
    server.settle();
    let question = server.question(N1, Ballot::classic(8, N1), 0);
    let said = server.hear(N1, question);
    assert!(!promises(&said), "{said:?}");
}

/// The next members are in effect: every slot below is on disk, far from slot 0.
pub fn what_was_learned_behind_a_snapshot_is_known_after_a_restart<P: Tested>(facts: &Facts<P>) {
    let mut config = config();
    (config.limits.snapshot, config.limits.window, config.limits.batch) = (20, 1, 1);
    let Some(mut server) = Server::changing(facts, config, N2) else { return };
    (0..42).for_each(|n| _ = server.learn(n..n + 1));
    assert_eq!(server.snapshot().next, Slot(40));
    server.hear(N0, told(42, [change(50, Change::replace(N0, N5))]));
    server.learn(43..44);
    server.restart();
    assert_eq!(server.unknown(), Slot(44));
}

/// A removed process never becomes a member again.
pub fn a_snapshot_tells_who_was_removed<P: Tested>(facts: &Facts<P>) {
    let Some(mut peer) = Server::changing(facts, config(), N1) else { return };
    let mut behind = Server::new(facts, config(), N2);
    let removed = [change(50, Change::remove(NodeId(9)))];
    peer.hear(N0, told(0, removed.into_iter().chain((1..9).map(entry))));
    fetch(&mut behind, &mut peer, None);
    assert_eq!(behind.unknown(), peer.unknown());
    let says = |server: &Server<'_, P>| {
        server.node.chosen().epochs().expect("they change").after(&Change::add(NodeId(9)))
    };
    assert_eq!(says(&peer), says(&behind));
}

/// In the meantime n1 and n2 decided without n0. Now it is alone again, and hears of all that at once.
pub fn members_that_came_and_went_leave_what_they_chose_on_disk<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::new(Arc::new(Counts::majority(NodeSet::first(1)).expect("one")));
    config.timeouts = Timeouts::NEVER;
    (config.limits.alpha, config.limits.snapshot) = (2, 0);
    let Some(mut server) = Server::changing(facts, config, N0) else { return };
    server.hear(N1, Message::Progress { chosen: Slot(6), durable: Slot(0) });
    let there_and_back = [
        change(50, Change::add(N1)),
        change(51, Change::add(N2)),
        entry(2),
        change(52, Change::remove(N1)),
        change(53, Change::remove(N2)),
        entry(5),
    ];
    server.hear(N1, told(0, there_and_back));
    let epochs = server.node.chosen().epochs().expect("they change");
    assert_eq!(epochs.current().members.acceptors, NodeSet::first(1));
    assert!(server.disk.1.iter().any(|record| record.as_learned().is_some()));
}

/// From then on it depends on what the others have on their disks.
pub fn one_that_comes_and_goes_before_that_is_in_force_is_needed_until_then<P: Tested>(facts: &Facts<P>) {
    let mut config = config();
    config.limits.alpha = 8;
    let Some(mut server) = Server::changing(facts, config, N2) else { return };
    let check = |server: &Server<'_, P>, needed: Option<StillNeeded>| {
        assert_eq!(server.node.may_stop(N5), needed.map_or(Ok(()), Err));
        let may_stop = if needed.is_some() { NodeSet::EMPTY } else { NodeSet::only(N5) };
        assert_eq!(server.node.status().may_stop, may_stop);
    };
    server.hear(N0, told(0, [change(50, Change::add(N5)), change(51, Change::remove(N5))]));
    check(&server, Some(StillNeeded::Leaving { node: N5, until: Slot(9), applied: Slot(2) }));
    server.learn(2..9);
    let (keepers, of) = (NodeSet::only(N2), NodeSet::first(3));
    let alone = Some(StillNeeded::NotOnDisk { keepers, of, from: Slot(9) });
    check(&server, alone);
    for (durable, needed) in [(8, alone), (9, None)] {
        server.hear(N1, Message::Progress { chosen: Slot(12), durable: Slot(durable) });
        check(&server, needed);
    }
    // What n1 reported before it lost its disk is not on its disk any more.
    for id in [7, 8] {
        meet(&mut server, N1, store(id));
        server.hear(N1, Message::Progress { chosen: Slot(12), durable: Slot(9) });
    }
    check(&server, alone);
    assert_eq!(server.node.may_stop(N1), Err(StillNeeded::Member(N1)));
    assert_eq!(server.node.may_stop(NodeId(7)), Err(StillNeeded::NotRemoved(NodeId(7))));
}

/// The driver executes one piece of what is on disk, and takes a snapshot of it.
pub fn what_was_learned_stays_on_disk_behind_a_snapshot<P: Tested>(facts: &Facts<P>) {
    let learned = [0..4, 4..9].map(|slots| {
        let first = Slot(slots.start);
        P::Record::learned(first, slots.map(entry).collect())
    });
    let mut node = Node::<P>::restore_from(setup(facts, config(), 2), NOW, 1, None, &learned);
    assert_eq!(node.status().durable, Slot(9));
    let mut replica = super::sum();
    let mut ready = node.ready();
    replica.execute(ready.decided().expect("it knows nine slots"));
    node.compact(replica.snapshot().expect("it can be written down"));
    let Some(install) = node.ready().write() else { return assert!(!facts.compacts) };
    let snapshot = install.snapshot().expect("it is that").clone();
    assert_eq!(snapshot.next(), Slot(4));
    let again = Node::<P>::restore_from(setup(facts, config(), 2), NOW, 2, Some(snapshot), install.records());
    assert_eq!((again.status().durable, again.chosen().first_unknown()), (Slot(9), Slot(9)));
}

/// Two of five acceptors are no quorum, whatever the driver does before they vote.
pub fn votes_are_counted_among_the_members_of_now<P: Tested>(facts: &Facts<P>) {
    let config = Config { learning: Learning::Everyone, ..quiet(1) };
    let Some(mut server) = Server::changing(facts, config, N2) else { return };
    let accept = server.proposals(N0, Ballot::classic(1, N0), 1..2).swap_remove(0);
    let votes = [N0, N1].map(|id| {
        let mut acceptor = Process::new(facts, server.config(), id.0);
        (id, acceptor.vote(&accept).expect("a vote"))
    });
    let more: NodeSet = [3, 4].map(NodeId).into_iter().collect();
    let add = Membership { proposers: more, acceptors: more, learners: more };
    server.give(N0, told(0, [change(50, Change { add, remove: NodeSet::EMPTY })]));
    server.node.ready().execute(&mut server.replica);
    server.give(N0, Message::Accept(accept));
    for (from, vote) in votes {
        server.give(from, Message::Accepted(vote));
    }
    assert!(!server.node.chosen().knows(Slot(1)));
}

/// n0, which knows `known` slots, leads, and has proposed a change and a command. With α = 2, they fill the epoch. Also
/// returns the votes of n1.
fn leader_that_proposed<P: Tested>(
    facts: &Facts<P>,
    config: Config,
    known: u64,
    new: Change,
) -> (Server<'_, P>, Vec<P::Accepted>) {
    let (mut server, mut n1) = Server::leading(facts, config, known);
    let mut votes = Vec::new();
    for command in [change(known, new), entry(known + 1)] {
        let request = Request { commands: Batch::from(command), audience: Audience::Leader };
        let said = server.hear(NodeId(9), Message::Request(request));
        for (_, message) in server.win(&mut n1, said) {
            if let Message::Accept(accept) = message {
                votes.push(n1.vote(&accept).expect("a vote"));
            }
        }
    }
    (server, votes)
}

/// Slot 1 is chosen before the change in slot 0 is executed. Nobody waits for it, and nothing follows with which the
/// others would be told.
pub fn a_leader_that_is_removed_tells_the_last_decision_of_its_epoch<P: Tested>(facts: &Facts<P>) {
    if !P::CHANGES {
        return;
    }
    let config = Config { announce: Announce::ToWaiting, ..config() };
    let (mut server, votes) = leader_that_proposed(facts, config, 0, Change::replace(N0, N5));
    for vote in votes {
        server.give(N1, Message::Accepted(vote));
    }
    let said = server.settle();
    let told = said.iter().filter_map(|(to, message)| {
        let (To::Each(to), Message::Decide(decision)) = (to, message) else { return None };
        let mut last = false;
        decision.facts(&mut |fact| last |= matches!(fact, Fact::Chosen { slot, .. } if slot == Slot(1)));
        last.then_some(*to)
    });
    assert_eq!(told.fold(NodeSet::EMPTY, NodeSet::union), [N1, N2].into_iter().collect(), "{said:?}");
}

/// What the epoch leaves behind is written in more than one piece. After that, the leader asks or leads.
pub fn a_leader_that_stays_a_member_goes_on_at_once_though_a_heartbeat_is_due<P: Tested>(facts: &Facts<P>) {
    if !P::CHANGES {
        return;
    }
    let known = 100_000;
    for due in [false, true] {
        let mut config = config();
        let [heartbeat, election] = [1, 5].map(|n| Some(n * PATIENCE));
        config.timeouts = Timeouts { heartbeat, election, ..Timeouts::NEVER };
        config.limits.snapshot = 0;
        let (mut server, votes) = leader_that_proposed(facts, config, known, Change::replace(N2, N5));
        let beat = server.node.deadline().expect("it sends heartbeats");
        for vote in votes {
            server.give(N1, Message::Accepted(vote));
        }
        let (mut said, mut writes) = (Vec::new(), 0);
        while server.node.is_ready() {
            let mut ready = server.node.ready();
            said.extend(ready.messages().map(|e| (e.to, e.message)));
            ready.execute(&mut server.replica);
            let Some(write) = ready.write() else { continue };
            writes += 1;
            server.node.durable(write.durable());
            if due {
                server.node.step(beat, Event::Timeout);
            }
        }
        assert!(writes > 1);
        assert!(asks(&said) || server.node.leading().is_some(), "{due}: {said:?}");
    }
}

/// It knows the members by the change that it has learned.
pub fn a_learner_that_becomes_an_acceptor_promises<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::collapsed(2).expect("servers");
    (config.timeouts, config.limits.alpha, config.learners) = (Timeouts::NEVER, 1, NodeSet::first(3));
    let Some(mut server) = Server::changing(facts, config, N2) else { return };
    server.hear(N0, told(0, [change(50, Change::add(N2)), entry(1)]));
    let question = server.question(N0, Ballot::classic(2, N0), 2);
    let said = server.hear(N0, question);
    assert!(promises(&said), "{said:?}");
}

/// The members of the next slot are not known, however long the batch lingers.
pub fn a_batch_that_lingers_where_nothing_may_be_proposed_wakes_nobody<P: Tested>(facts: &Facts<P>) {
    let mut config = quiet(1);
    config.timeouts.linger = Some(Duration::from_nanos(10));
    let (mut server, _) = Server::leading(facts, config, 0);
    for n in 0..2 {
        server.node.submit(NOW.after(Duration::from_nanos(100 * n)), n).expect("room");
        server.settle();
    }
    let now = NOW.after(Duration::from_nanos(200));
    for _ in 0..3 {
        server.wake(now);
    }
    assert!(server.node.deadline().is_none_or(|at| at > now));
}

/// Its holder may have stopped meanwhile.
pub fn a_lease_that_was_given_up_is_not_granted_again<P: Tested>(facts: &Facts<P>) {
    let mut config = forgetful();
    config.timeouts.lease = Some(PATIENCE);
    if !facts.compacts {
        config.limits.snapshot = Limits::default().snapshot;
    }
    let mut server = Server::new(facts, config, N2);
    let ballot = Ballot::classic(2, N0);
    let beat = |n| Message::Heartbeat { ballot, chosen: Slot(0), sent: NOW.after(Duration::from_nanos(n)) };
    let question = || server_question(facts);
    server.hear(N0, beat(1));
    let barred = server.hear(N1, question());
    assert!(barred.is_empty(), "{barred:?}");
    server.hear(N0, Message::Read(ReadMessage::Release { ballot }));
    server.hear(N0, beat(2));
    let said = server.hear(N1, question());
    assert!(promises(&said), "{said:?}");
}

/// A phase 1a of n1 in ballot 3.
fn server_question<P: Tested>(facts: &Facts<P>) -> Message<P> {
    Server::new(facts, quiet(2), N2).question(N1, Ballot::classic(2, N1), 0)
}

/// Nobody knows the members of the slot about which it asks when it asks.
pub fn a_proposer_that_was_removed_gets_no_promise_for_what_it_asked_before<P: Tested>(facts: &Facts<P>) {
    for removed in [true, false] {
        let Some(mut server) = Server::changing(facts, config(), N2) else { return };
        let question = server.question(N0, Ballot::classic(1, N0), 3);
        server.hear(N0, question.clone());
        let gone = if removed { N0 } else { N1 };
        let mut said = server.hear(N1, told(0, [change(50, Change::replace(gone, N5)), entry(1), entry(2)]));
        if !facts.one_phase_1 {
            // A question about one slot does not wait. It is asked again.
            said.extend(server.hear(N0, question));
        }
        assert_eq!(promises(&said), !removed, "{said:?}");
    }
}

/// The process that proposed the change has crashed, and slot 1 stays empty.
pub fn a_change_takes_effect_among_self_appointed_proposers_though_nobody_has_commands<P: Tested>(
    facts: &Facts<P>,
) {
    for rivals in [true, false] {
        let mut config = config();
        if rivals {
            config.leadership = Leadership::SelfAppointed { backoff: None };
        }
        let Some(mut server) = Server::changing(facts, config, N2) else { return };
        server.hear(N0, told(0, [change(50, Change::replace(N0, N5))]));
        let mut said = server.hear(N1, Message::Progress { chosen: Slot(1), durable: Slot(0) });
        // Where each slot has a phase 1 of its own, asking about one harms nobody.
        assert!(!asks(&said) || !facts.one_phase_1, "others may be filling the slots: {said:?}");
        said.extend(server.wake(NOW.after(PATIENCE)));
        assert_eq!(asks(&said), rivals, "{said:?}");
    }
}
