//! Changes of members combined with snapshots, restarts and leases: runs that a review found.

use super::snapshot::{N0, N1, N2, PATIENCE, Server, fetch};
use super::*;
use paxos_core::{
    Announce, Change, CommandId, Counts, Incarnation, Leadership, Learning, Membership, NodeSet, ReadMessage,
    Reconfiguration, Recorded, StillNeeded, StoreMark, Timeouts, To,
};
use std::time::Duration;

fn change(seq: u64, change: impl Into<Reconfiguration>) -> Entry<u64> {
    Entry::Change(
        CommandId { client: ClientId { node: NodeId(9), session: 0, nonce: 0 }, seq },
        Box::new(change.into()),
    )
}

fn told(first: u64, entries: Vec<Entry<u64>>) -> Message<P> {
    let known = Slot(first + entries.len() as u64);
    Message::Chosen { first: Slot(first), batch: entries.into(), known, asked: Some(Slot(first)) }
}

/// With α = 2.
fn config() -> Config {
    let mut config = Server::config();
    config.limits.alpha = 2;
    config
}

#[test]
fn votes_that_a_snapshot_stands_for_are_forgotten_after_a_restart_too() {
    let mut server = Server::of(config(), N2);
    server.hear(N0, Message::Accept(accept(ballot(2, 0), 0, 0..4)));
    server.hear(N0, told(0, batch(0..4).to_vec()));
    assert_eq!(server.snapshot().next, Slot(4));
    // When the members change, it writes all that it has learned: from slot 0 past the snapshot.
    server.hear(N0, told(4, vec![change(50, Change::add_learner(NodeId(5))), entry(5)]));
    server.restart(config());
    server.settle();
    // It voted in slots 0 to 3, and does not remember its votes.
    let said = server.hear(N1, Message::Prepare(prepare(ballot(9, 1), 0)));
    assert!(!said.iter().any(|(_, m)| matches!(m, Message::Promise(_))), "{said:?}");
}

#[test]
fn what_was_learned_behind_a_snapshot_is_known_after_a_restart() {
    let mut config = config();
    (config.limits.snapshot, config.limits.window, config.limits.batch) = (20, 1, 1);
    let mut server = Server::of(config.clone(), N2);
    (0..42).for_each(|n| _ = server.hear(N0, told(n, batch(n..n + 1).to_vec())));
    assert_eq!(server.snapshot().next, Slot(40));
    server.hear(N0, told(42, vec![change(50, Change::replace(N0, NodeId(5)))]));
    server.hear(N0, told(43, vec![entry(43)]));
    // The next members are in effect: every slot below is on disk, far from slot 0.
    server.restart(config);
    assert_eq!(server.node.chosen().first_unknown(), Slot(44));
}

#[test]
fn a_snapshot_tells_who_was_removed() {
    let (mut peer, mut behind) = (Server::of(config(), N1), Server::of(config(), N2));
    let first = std::iter::once(change(50, Change::remove(NodeId(9))));
    peer.hear(N0, told(0, first.chain((1..9).map(entry)).collect()));
    fetch(&mut behind, &mut peer, None);
    let says = |s: &Server| s.node.chosen().epochs().expect("they change").after(&Change::add(NodeId(9)));
    assert_eq!(behind.node.chosen().first_unknown(), peer.node.chosen().first_unknown());
    assert_eq!(says(&peer), says(&behind));
}

#[test]
fn members_that_came_and_went_leave_what_they_chose_on_disk() {
    let mut config = Config::new(Arc::new(Counts::majority(NodeSet::first(1)).expect("one")));
    config.timeouts = Timeouts::NEVER;
    (config.limits.alpha, config.limits.snapshot) = (2, 0);
    let mut server = Server::of(config, N0);
    server.hear(N1, Message::Progress { chosen: Slot(6), durable: Slot(0) });
    // In the meantime n1 and n2 decided without it. Now it is alone again, and hears of all that at once.
    let there_and_back = vec![
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

#[test]
fn one_that_comes_and_goes_before_that_is_in_force_is_needed_until_then() {
    let mut config = config();
    config.limits.alpha = 8;
    let (mut server, n5) = (Server::of(config, N2), NodeId(5));
    server.hear(N0, told(0, vec![change(50, Change::add(n5)), change(51, Change::remove(n5))]));
    let leaving = StillNeeded::Leaving { node: n5, until: Slot(9), applied: Slot(2) };
    assert_eq!((server.node.may_stop(n5), server.node.status().may_stop), (Err(leaving), NodeSet::EMPTY));
    // From then on it depends on what the others have on their disks.
    server.hear(N0, told(2, batch(2..9).to_vec()));
    let (keepers, of) = (NodeSet::only(N2), NodeSet::first(3));
    let alone = StillNeeded::NotOnDisk { keepers, of, from: Slot(9) };
    assert_eq!((server.node.may_stop(n5), server.node.status().may_stop), (Err(alone), NodeSet::EMPTY));
    server.hear(N1, Message::Progress { chosen: Slot(12), durable: Slot(8) });
    assert_eq!(server.node.may_stop(n5), Err(alone));
    server.hear(N1, Message::Progress { chosen: Slot(12), durable: Slot(9) });
    assert_eq!((server.node.may_stop(n5), server.node.status().may_stop), (Ok(()), NodeSet::only(n5)));
    // What n1 reported before it lost its disk is not on its disk any more.
    let store = |id| Incarnation::begin(StoreMark { id, writes: 40 }, 1);
    for id in [7, 8] {
        server.node.step(NOW, Event::Met { from: N1, store: store(id) });
        server.hear(N1, Message::Progress { chosen: Slot(12), durable: Slot(9) });
    }
    assert_eq!((server.node.may_stop(n5), server.node.status().may_stop), (Err(alone), NodeSet::EMPTY));
    assert_eq!(server.node.may_stop(N1), Err(StillNeeded::Member(N1)));
    assert_eq!(server.node.may_stop(NodeId(7)), Err(StillNeeded::NotRemoved(NodeId(7))));
}

#[test]
fn what_was_learned_stays_on_disk_behind_a_snapshot() {
    let told = [(0, 0..4), (4, 4..9)]
        .map(|(first, seqs)| Record::Learned { first: Slot(first), batch: batch(seqs) });
    let mut node = Node::<P>::restore_from(setup(config(), 2), NOW, 1, None, &told);
    assert_eq!(node.status().durable, Slot(9));
    let mut replica = paxos_core::Replica::new(super::snapshot::sum(), &paxos_core::Limits::default());
    // The driver executes one piece, and takes a snapshot of it.
    let mut ready = node.ready();
    let piece = ready.decided().expect("it knows nine slots");
    replica.execute(piece);
    node.compact(replica.snapshot().expect("it can be written down"));
    let install = node.ready().write().expect("it is to be written");
    let snapshot = install.snapshot().expect("it is that").clone();
    assert_eq!(snapshot.next(), Slot(4));
    let again = Node::<P>::restore_from(setup(config(), 2), NOW, 2, Some(snapshot), install.records());
    assert_eq!((again.status().durable, again.chosen().first_unknown()), (Slot(9), Slot(9)));
}

#[test]
fn votes_are_counted_among_the_members_of_now_whatever_the_driver_does_between() {
    let mut config = Config::collapsed(3).expect("lawful");
    (config.timeouts, config.learning, config.limits.alpha) = (Timeouts::NEVER, Learning::Everyone, 1);
    let mut server = Server::of(config, N2);
    let more: NodeSet = [3, 4].map(NodeId).into_iter().collect();
    let add = Membership { proposers: more, acceptors: more, learners: more };
    let five = change(50, Change { add, remove: NodeSet::EMPTY });
    server.node.step(NOW, Event::Message { from: N0, message: told(0, vec![five]) });
    server.node.ready().execute(&mut server.replica);
    server
        .node
        .step(NOW, Event::Message { from: N0, message: Message::Accept(accept(ballot(2, 0), 1, 1..2)) });
    for from in [N0, N1] {
        let vote = Message::Accepted(accepted(ballot(2, 0), 1..2));
        server.node.step(NOW, Event::Message { from, message: vote });
    }
    assert!(!server.node.chosen().knows(Slot(1)), "two of five are no quorum");
}

/// n0, which knows `known` slots, has won its ballot, and has proposed a change and a command. With α = 2, they fill the
/// epoch.
fn leader_that_proposed(config: Config, known: u64, new: Change) -> (Server, Ballot) {
    let mut server = Server::of(config, N0);
    for first in (0..known).step_by(1000) {
        let entries = (first..known.min(first + 1000)).map(entry).collect();
        server.node.step(NOW, Event::Message { from: N1, message: told(first, entries) });
    }
    server.settle();
    if known > 0 {
        let at = server.node.deadline().expect("it has to execute that first");
        server.node.step(at, Event::Timeout);
        server.settle();
    }
    let own = server.node.proposer().expect("it proposes").ballot();
    server.hear(N1, Message::Promise(promise(own, known, vec![])));
    for command in [change(known, new), entry(known + 1)] {
        let request = Request { commands: Batch::from(vec![command]), audience: Audience::Leader };
        server.hear(NodeId(9), Message::Request(request));
    }
    (server, own)
}

#[test]
fn a_leader_that_is_removed_tells_the_last_decision_of_its_epoch() {
    let config = Config { announce: Announce::ToWaiting, ..config() };
    let (mut server, own) = leader_that_proposed(config, 0, Change::replace(N0, NodeId(5)));
    // Slot 1 is chosen before the change in slot 0 is executed. Nobody waits for it, and nothing follows with which the
    // others would be told.
    for slot in 0..2 {
        let vote = Message::Accepted(accepted(own, slot..slot + 1));
        server.node.step(NOW, Event::Message { from: N1, message: vote });
    }
    let said = server.settle();
    let told = said.iter().filter_map(|(to, m)| match (to, m) {
        (To::Each(to), Message::Decide(decision)) if decision.slots == slots(1..2) => Some(*to),
        _ => None,
    });
    assert_eq!(told.fold(NodeSet::EMPTY, NodeSet::union), [N1, N2].into_iter().collect(), "{said:?}");
}

#[test]
fn a_leader_that_stays_a_member_goes_on_at_once_though_a_heartbeat_is_due() {
    // What the epoch leaves behind is written in more than one piece.
    let known = 100_000;
    for due in [false, true] {
        let mut config = config();
        let [heartbeat, election] = [1, 5].map(|n| Some(Duration::from_nanos(n * PATIENCE)));
        config.timeouts = Timeouts { heartbeat, election, ..Timeouts::NEVER };
        config.limits.snapshot = 0;
        let (mut server, own) = leader_that_proposed(config, known, Change::replace(N2, NodeId(5)));
        let beat = server.node.deadline().expect("it sends heartbeats");
        let vote = Message::Accepted(accepted(own, known..known + 2));
        server.node.step(NOW, Event::Message { from: N1, message: vote });
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
        assert!(said.iter().any(|(_, m)| matches!(m, Message::Prepare(_))), "{due}: {said:?}");
    }
}

/// A snapshot takes the place of all records, also of those that say which store each member has.
#[test]
fn the_stores_of_others_are_remembered_behind_a_snapshot() {
    let store = |id| Incarnation::begin(StoreMark { id, writes: 40 }, 1);
    let mut server = Server::of(config(), N2);
    server.node.step(NOW, Event::Met { from: N1, store: store(7) });
    server.hear(N0, told(0, batch(0..4).to_vec()));
    assert_eq!(server.snapshot().next, Slot(4));
    server.restart(config());
    server.node.step(NOW, Event::Met { from: N1, store: store(8) });
    assert_eq!(server.node.status().forgetful, NodeSet::only(N1));
}

/// The message may be lost, and the process may write nothing more that would make a carrier report its store again.
#[test]
fn a_process_that_has_forgotten_is_told_again_when_it_speaks() {
    let store = |id| Incarnation::begin(StoreMark { id, writes: 40 }, 1);
    let mut server = Server::of(config(), N2);
    server.node.step(NOW, Event::Met { from: N1, store: store(7) });
    server.node.step(NOW, Event::Met { from: N1, store: store(8) });
    let told = |said: &[(To, Message<P>)]| {
        let again = Message::Forgotten { store: store(8), known: store(7) };
        said.iter().filter(|(to, m)| *to == To::One(N1) && *m == again).count()
    };
    assert_eq!(told(&server.settle()), 1);
    let mut said = Vec::new();
    // It speaks ten times in each interval.
    for step in 1..=50 {
        let at = NOW.after(Duration::from_nanos(step * PATIENCE / 10));
        let message = Message::Progress { chosen: Slot(0), durable: Slot(0) };
        server.node.step(at, Event::Message { from: N1, message });
        said.extend(server.settle());
    }
    assert_eq!(told(&said), 5);
    // Its former store is there again, and nothing more is to be said.
    server.node.step(NOW, Event::Met { from: N1, store: store(7) });
    let message = Message::Progress { chosen: Slot(0), durable: Slot(0) };
    server.node.step(NOW.after(Duration::from_secs(60)), Event::Message { from: N1, message });
    assert_eq!(told(&server.settle()), 0);
}

/// A process that learns at once that n3 joined and leaves, and has never met it, believes the store that joined and no
/// other, as long as n3 is an acceptor of any slot.
#[test]
fn a_member_is_held_to_the_store_with_which_it_joined_until_it_is_gone() {
    let n3 = NodeId(3);
    let mut config = config();
    (config.limits.alpha, config.limits.snapshot) = (4, 0);
    config.spares = NodeSet::only(n3);
    let store =
        |id, writes, opened| Incarnation { mark: StoreMark { id, writes }, opened, nonce: opened as u32 };
    let stores = [(n3, store(7, 20, 1))].into();
    let joins = Reconfiguration { change: Change::replace(N2, n3), stores };
    let mut log = vec![change(50, joins), entry(1), entry(2), entry(3)];
    log.push(change(51, Change::replace(n3, NodeId(4))));
    let cases = [
        (store(7, 20, 1), true),
        (store(7, 26, 25), true),
        (store(8, 26, 25), false),
        (store(7, 15, 1), false),
        (store(7, 26, 12), false),
    ];
    for (shown, believed) in cases {
        let mut server = Server::of(config.clone(), N1);
        server.hear(N0, told(0, log.clone()));
        server.node.step(NOW, Event::Met { from: n3, store: shown });
        assert_eq!(!server.node.status().forgetful.contains(n3), believed, "{shown:?}");
        // Nor did it matter that it met another store before it knew of any of this.
        let mut server = Server::of(config.clone(), N1);
        server.node.step(NOW, Event::Met { from: n3, store: store(9, 40, 1) });
        server.hear(n3, Message::Progress { chosen: Slot(9), durable: Slot(9) });
        server.hear(N0, told(0, log.clone()));
        let reported = server.node.surroundings().peers.into_iter().find(|peer| peer.id == n3);
        assert_eq!(reported.and_then(|peer| peer.known), None, "its former store had that");
        assert!(server.node.status().forgetful.contains(n3), "it has not shown the store that joined");
        server.node.step(NOW, Event::Met { from: n3, store: shown });
        assert_eq!(!server.node.status().forgetful.contains(n3), believed, "{shown:?}");
        // The process itself stops.
        let mut server = Server::of(config.clone(), n3);
        server.node.tell_store(shown);
        server.hear(N0, told(0, log.clone()));
        assert_eq!(server.node.amnesia().is_none(), believed, "{shown:?}");
    }
}

#[test]
fn a_learner_that_becomes_an_acceptor_promises() {
    let mut config = Config::collapsed(2).expect("lawful");
    (config.timeouts, config.limits.alpha, config.learners) = (Timeouts::NEVER, 1, NodeSet::first(3));
    let mut server = Server::of(config, N2);
    server.hear(N0, told(0, vec![change(50, Change::add(N2)), entry(1)]));
    let said = server.hear(N0, Message::Prepare(prepare(ballot(3, 0), 2)));
    assert!(said.iter().any(|(_, m)| matches!(m, Message::Promise(_))), "{said:?}");
}

#[test]
fn a_batch_that_lingers_where_nothing_may_be_proposed_wakes_nobody() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.timeouts = Timeouts { linger: Some(Duration::from_nanos(10)), ..Timeouts::NEVER };
    config.limits.alpha = 1;
    let mut server = Server::of(config, N0);
    server.settle();
    let own = server.node.proposer().expect("it proposes").ballot();
    server.hear(N1, Message::Promise(promise(own, 0, vec![])));
    for n in 0..2 {
        server.node.submit(Time(100 * n), n).expect("room");
        server.settle();
    }
    for _ in 0..3 {
        server.node.step(Time(200), Event::Timeout);
        server.settle();
    }
    assert!(server.node.deadline().is_none_or(|at| at > Time(200)));
}

#[test]
fn a_lease_that_was_given_up_is_not_granted_again() {
    let mut config = Server::config();
    config.timeouts.lease = Some(Duration::from_millis(50));
    let mut server = Server::of(config, N2);
    let beat = |n| Message::Heartbeat { ballot: ballot(2, 0), chosen: Slot(0), sent: Time(n) };
    server.hear(N0, beat(1));
    let barred = server.hear(N1, Message::Prepare(prepare(ballot(3, 1), 0)));
    assert!(barred.is_empty(), "{barred:?}");
    server.hear(N0, Message::Read(ReadMessage::Release { ballot: ballot(2, 0) }));
    server.hear(N0, beat(2));
    let said = server.hear(N1, Message::Prepare(prepare(ballot(3, 1), 0)));
    assert!(said.iter().any(|(_, m)| matches!(m, Message::Promise(_))), "{said:?}");
}

#[test]
fn a_proposer_that_was_removed_gets_no_promise_for_what_it_asked_before() {
    for removed in [true, false] {
        let mut server = Server::of(config(), N2);
        // Nobody knows the members of that slot yet.
        server.hear(N0, Message::Prepare(prepare(ballot(2, 0), 3)));
        let gone = if removed { N0 } else { N1 };
        let said =
            server.hear(N1, told(0, vec![change(50, Change::replace(gone, NodeId(5))), entry(1), entry(2)]));
        let promised = said.iter().any(|(_, m)| matches!(m, Message::Promise(_)));
        assert_eq!(promised, !removed, "{said:?}");
    }
}

#[test]
fn a_change_takes_effect_among_self_appointed_proposers_though_nobody_has_commands() {
    for rivals in [true, false] {
        let mut config = config();
        if rivals {
            config.leadership = Leadership::SelfAppointed { backoff: None };
        }
        let mut server = Server::of(config, N2);
        // Who proposed the change has crashed, and slot 1 stays empty.
        server.hear(N0, told(0, vec![change(50, Change::replace(N0, NodeId(5)))]));
        let asks = |said: &[(To, Message<P>)]| said.iter().any(|(_, m)| matches!(m, Message::Prepare(_)));
        let said = server.hear(N1, Message::Progress { chosen: Slot(1), durable: Slot(0) });
        assert!(!asks(&said), "others may be filling the slots: {said:?}");
        server.node.step(NOW.after(Duration::from_nanos(PATIENCE)), Event::Timeout);
        let said = server.settle();
        assert_eq!(asks(&said), rivals, "{said:?}");
    }
}
