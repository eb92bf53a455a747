//! The stores of other processes: which are believed, and what a process whose store has forgotten is told.

use super::epochs::config;
use super::{N0, N1, N2, PATIENCE, Said, Server, change, promises, told};
use crate::conformance::roles::stage::{NOW, entry};
use crate::conformance::{Facts, Tested};
use core::time::Duration;
use paxos_core::{
    Amnesia, Ballot, Change, Event, Former, Incarnation, Message, NodeId, NodeSet, Reconfiguration, Slot,
    StoreMark, To,
};

/// A store that was just opened for the first time.
pub(super) fn store(id: u32) -> Incarnation {
    Incarnation::begin(StoreMark { id: id.into(), writes: 40 }, 1)
}

/// The store in its first incarnation, after this number of writes.
fn after(id: u32, writes: u64) -> Incarnation {
    Incarnation { opened: 1, mark: StoreMark { id: id.into(), writes }, nonce: 1 }
}

/// The server meets a process with this store.
pub(super) fn meet<P: Tested>(server: &mut Server<'_, P>, from: NodeId, store: Incarnation) {
    show(server, from, store, &Former::default());
}

fn show<P: Tested>(server: &mut Server<'_, P>, from: NodeId, store: Incarnation, former: &Former) {
    server.node.step(NOW, Event::Met { from, store, former: former.clone() });
}

/// A snapshot takes the place of all records, also of those that say which store each member has.
pub fn the_stores_of_others_are_remembered_behind_a_snapshot<P: Tested>(facts: &Facts<P>) {
    let mut server = Server::new(facts, config(), N2);
    meet(&mut server, N1, store(7));
    server.learn(0..4);
    assert_eq!(server.node.snapshot().map(paxos_core::Snapshot::next), facts.compacts.then_some(Slot(4)));
    server.restart();
    meet(&mut server, N1, store(8));
    assert_eq!(server.node.status().forgetful, NodeSet::only(N1));
}

/// The message may be lost, and the process may write nothing more that would make a carrier report its store again.
pub fn a_process_that_has_forgotten_is_told_again_when_it_speaks<P: Tested>(facts: &Facts<P>) {
    let mut server = Server::new(facts, config(), N2);
    meet(&mut server, N1, store(7));
    meet(&mut server, N1, store(8));
    let times = |said: &Said<P>| {
        let again = Message::Forgotten { store: store(8), known: store(7) };
        said.iter().filter(|(to, m)| *to == To::One(N1) && *m == again).count()
    };
    assert_eq!(times(&server.settle()), 1);
    // It speaks ten times in each interval.
    let speaks = || Message::Progress { chosen: Slot(0), durable: Slot(0) };
    let said =
        (1..=50).flat_map(|step| server.hear_at(NOW.after(step * PATIENCE / 10), N1, speaks())).collect();
    assert_eq!(times(&said), 5);
    // Its former store is there again, and nothing more is to be said.
    meet(&mut server, N1, store(7));
    let said = server.hear_at(NOW.after(Duration::from_secs(60)), N1, speaks());
    assert_eq!(times(&said), 0);
}

/// A process that learns at once that n3 joined and leaves, and has never met it, believes the store that joined and no
/// other, as long as n3 is an acceptor of any slot.
pub fn a_member_is_held_to_the_store_with_which_it_joined_until_it_is_gone<P: Tested>(facts: &Facts<P>) {
    let n3 = NodeId(3);
    let mut config = config();
    (config.limits.alpha, config.limits.snapshot) = (4, 0);
    config.spares = NodeSet::only(n3);
    let server = |id| Server::changing(facts, config.clone(), id);
    let store =
        |id, writes, opened| Incarnation { mark: StoreMark { id, writes }, opened, nonce: opened as u32 };
    let joins = Reconfiguration { change: Change::replace(N2, n3), stores: [(n3, store(7, 20, 1))].into() };
    let mut log = vec![change(50, joins), entry(1), entry(2), entry(3)];
    log.push(change(51, Change::replace(n3, NodeId(4))));
    for (shown, believed) in [
        (store(7, 20, 1), true),
        (store(7, 26, 25), true),
        (store(8, 26, 25), false),
        (store(7, 15, 1), false),
        (store(7, 26, 12), false),
    ] {
        let Some(mut stranger) = server(N1) else { return };
        stranger.hear(N0, told(0, log.clone()));
        meet(&mut stranger, n3, shown);
        assert_eq!(!stranger.node.status().forgetful.contains(n3), believed, "{shown:?}");
        // Nor did it matter that it met another store before it knew of any of this.
        let mut former = server(N1).expect("members change");
        meet(&mut former, n3, store(9, 40, 1));
        former.hear(n3, Message::Progress { chosen: Slot(9), durable: Slot(9) });
        former.hear(N0, told(0, log.clone()));
        let reported = former.node.surroundings().peers.into_iter().find(|peer| peer.id == n3);
        assert_eq!(reported.and_then(|peer| peer.known), None, "its former store had that");
        assert!(former.node.status().forgetful.contains(n3), "it has not shown the store that joined");
        meet(&mut former, n3, shown);
        assert_eq!(!former.node.status().forgetful.contains(n3), believed, "{shown:?}");
        // The process itself stops.
        let mut itself = server(n3).expect("members change");
        itself.node.tell_store(shown, &Former::default());
        itself.hear(N0, told(0, log.clone()));
        assert_eq!(itself.node.amnesia().is_none(), believed, "{shown:?}");
    }
}

/// It has executed that n3 joined, does not follow the epoch yet, and remembers the store that n3 had before.
pub fn a_member_that_joined_is_judged_by_the_log_before_its_epoch_is_followed<P: Tested>(facts: &Facts<P>) {
    let n3 = NodeId(3);
    let mut config = config();
    config.timeouts.election = Some(PATIENCE);
    config.limits.snapshot = 0;
    config.spares = NodeSet::only(n3);
    let Some(mut server) = Server::changing(facts, config, N1) else { return };
    meet(&mut server, n3, store(9));
    let joins = Reconfiguration { change: Change::replace(N2, n3), stores: [(n3, store(7))].into() };
    server.give(N0, told(0, [change(50, joins), entry(1), entry(2), entry(3)]));
    server.settle();
    server.restart();
    server.node.tell_store(after(5, 50), &Former::default());
    server.settle();
    meet(&mut server, n3, store(7));
    assert!(server.node.status().forgetful.is_empty());
    assert!(!server.settle().iter().any(|(_, message)| matches!(message, Message::Forgotten { .. })));
}

/// n1 has started again. If its power fails, or that of the server, a copy of its disk from before that start is noticed.
pub fn a_new_incarnation_of_a_store_is_on_disk_at_once<P: Tested>(facts: &Facts<P>) {
    let mut server = Server::new(facts, config(), N2);
    let begun = |writes, nonce| Incarnation { opened: 41, nonce, ..after(7, writes) };
    meet(&mut server, N1, store(7));
    server.settle();
    meet(&mut server, N1, begun(45, 2));
    server.settle();
    server.restart();
    meet(&mut server, N1, begun(60, 3));
    assert_eq!(server.node.status().forgetful, NodeSet::only(N1));
}

/// Each start is a write, so an older copy that is started often enough has made as many writes as were heard of.
pub fn an_older_copy_is_not_believed_however_often_it_is_started<P: Tested>(facts: &Facts<P>) {
    let known = after(7, 48);
    let begin = |opened, nonce| Incarnation { opened, nonce, ..after(7, opened) };
    let former = |starts: &[Incarnation]| Former::new(&starts.iter().map(|s| s.start()).collect::<Vec<_>>());
    let mut server = Server::new(facts, config(), N2);
    meet(&mut server, N1, known);
    // A copy of 45 writes.
    let mut starts = vec![known];
    for opened in 46..60 {
        let copy = begin(opened, 2);
        show(&mut server, N1, copy, &former(&starts));
        assert_eq!(server.node.status().forgetful, NodeSet::only(N1), "{opened}");
        server.settle();
        let told = (To::One(N1), Message::Forgotten { store: copy, known });
        for _ in 0..3 {
            let said = server.hear(N1, Message::Recognize { store: copy });
            assert!(said.contains(&told), "{opened}: each question is answered");
        }
        // It believes whoever remembers more, also if it has written as much.
        let mut itself = Server::new(facts, config(), N1);
        itself.node.tell_store(copy, &former(&starts));
        itself.hear(N2, Message::Forgotten { store: copy, known });
        assert!(itself.node.amnesia().is_some(), "{opened}");
        starts.push(copy);
    }
    // The right disk, at its second start since.
    let third = begin(60, 4);
    show(&mut server, N1, third, &former(&[known, begin(49, 3)]));
    assert!(server.node.status().forgetful.is_empty());
    // A copy from between these starts, and one from which the second start is not known.
    for (opened, starts) in [(70, vec![known, begin(49, 3), begin(59, 5)]), (70, vec![known, begin(49, 3)])] {
        show(&mut server, N1, begin(opened, 6), &former(&starts));
        assert_eq!(server.node.status().forgetful, NodeSet::only(N1), "{starts:?}");
    }
}

/// Where all members but this one have been replaced, or lost their disks as well, only strangers know better. A stranger that
/// remembers fewer writes may remember another cluster.
pub fn a_process_believes_whoever_remembers_more_writes_than_it_has_made<P: Tested>(facts: &Facts<P>) {
    for (from, writes, believed) in
        [(N1, 60, true), (N1, 3, true), (NodeId(5), 60, false), (NodeId(5), 3, true)]
    {
        let mut server = Server::new(facts, config(), N0);
        let own = after(9, writes);
        server.node.tell_store(own, &Former::default());
        server.hear(from, Message::Forgotten { store: own, known: store(7) });
        assert_eq!(server.node.amnesia().is_some(), believed, "{from} {writes}");
        assert_eq!(server.node.noticed().is_some(), !believed, "{from} {writes}");
    }
    // Its own store can have no other owner, however much was written since it was copied.
    let mut server = Server::new(facts, config(), N0);
    let own = Incarnation { opened: 21, nonce: 2, ..after(9, 60) };
    server.node.tell_store(own, &Former::default());
    server.hear(NodeId(5), Message::Forgotten { store: own, known: after(9, 40) });
    assert!(server.node.amnesia().is_some());
}

/// It might have had another disk, and made promises: as well one that starts with an empty disk as one whose disk might be an
/// older copy.
pub fn a_member_that_begins_votes_when_all_others_have_recognized_it<P: Tested>(facts: &Facts<P>) {
    let mut config = config();
    config.timeouts.election = Some(PATIENCE);
    let (own, others) = (after(9, 50), [N0, N1].into_iter().collect());
    for (is_blank, wait) in [(true, PATIENCE * 3), (false, PATIENCE / 2)] {
        let begun = || {
            let mut server = Server::new(facts, config.clone(), N2);
            let question = server.question(N0, Ballot::default(), 0);
            if !is_blank {
                assert!(promises(&server.hear(N0, question.clone())));
                server.restart();
            }
            server.node.tell_store(own, &Former::default());
            server.settle();
            assert!(asks(&ask(&mut server), others), "it asks the others");
            (server, question)
        };
        let (mut server, question) = begun();
        meet(&mut server, N1, store(1));
        let answers = [
            (N0, Message::Progress { chosen: Slot(0), durable: Slot(0) }, false),
            (N0, Message::Recognized { store: own }, false),
            // This was sent before it began again.
            (N1, Message::Recognized { store: Incarnation { nonce: 2, ..own } }, false),
            (N1, Message::Recognized { store: after(9, 40) }, true),
        ];
        for (from, answer, promised) in answers {
            let what = format!("{is_blank} {from} {answer:?}");
            server.give(from, answer);
            assert_eq!(promises(&server.hear(N0, question.clone())), promised, "{what}");
        }
        // They need not all run.
        let (mut server, question) = begun();
        let end = loop {
            let at = server.node.deadline().expect("it does not wait for ever");
            assert!(!promises(&server.hear_at(at, N0, question.clone())));
            if !asks(&server.wake(at), others) {
                break at;
            }
        };
        assert!(end.since(NOW) <= wait && end.since(NOW) > wait * 9 / 10, "{end:?}");
        assert!(promises(&server.hear_at(end, N0, question)));
        // One of them remembers another disk, or a later state of it.
        for known in [store(7), Incarnation { opened: 60, ..after(9, 60) }] {
            let (mut server, _) = begun();
            server.hear(N1, Message::Forgotten { store: own, known });
            assert!(server.node.amnesia().is_some());
        }
    }
}

/// The moment comes at which it has something to do.
fn ask<P: Tested>(server: &mut Server<'_, P>) -> Said<P> {
    let at = server.node.deadline().expect("it asks");
    server.wake(at)
}

/// Whether a process asks these whether they remember another store.
fn asks<P: Tested>(said: &Said<P>, others: NodeSet) -> bool {
    said.iter().any(|(to, message)| matches!(message, Message::Recognize { .. }) && *to == To::Each(others))
}

/// A process's first configuration may be outdated, and its disk need not hold a snapshot that names the present members.
pub fn a_member_that_joined_waits_for_the_members_that_its_log_names<P: Tested>(facts: &Facts<P>) {
    let n3 = NodeId(3);
    let mut config = config();
    config.timeouts.election = Some(PATIENCE);
    config.limits.snapshot = 0;
    config.spares = NodeSet::only(n3);
    let Some(mut server) = Server::changing(facts, config, n3) else { return };
    server.hear(N0, told(0, [change(50, Change::replace(N2, n3)), entry(1), entry(2), entry(3)]));
    server.restart();
    let own = after(9, 50);
    server.node.tell_store(own, &Former::default());
    server.settle();
    assert!(asks(&ask(&mut server), [N0, N1, N2].into_iter().collect()), "former members may know better");
    let question = server.question(N0, Ballot::default(), 2);
    for (from, promised) in [(N0, false), (N1, true)] {
        server.hear(from, Message::Recognized { store: own });
        assert_eq!(promises(&server.hear(N0, question.clone())), promised, "{from}");
    }
}

/// Also one that waits for answers itself. Whoever remembers another store has said so when it met the process.
pub fn a_process_that_begins_is_answered_by_all_that_have_met_it<P: Tested>(facts: &Facts<P>) {
    let mut config = config();
    config.timeouts.election = Some(PATIENCE);
    let mut server = Server::new(facts, config, N2);
    server.node.tell_store(after(9, 1), &Former::default());
    server.settle();
    let answers = |said: &Said<P>, store| said.contains(&(To::One(N1), Message::Recognized { store }));
    let (first, other) = (store(1), store(2));
    assert!(!answers(&server.hear(N1, Message::Recognize { store: first }), first), "it has not met it");
    meet(&mut server, N1, first);
    assert!(answers(&server.settle(), first));
    assert!(answers(&server.hear(N1, Message::Recognize { store: first }), first));
    meet(&mut server, N1, other);
    assert!(!answers(&server.hear(N1, Message::Recognize { store: other }), other));
    // The process takes itself for a member. That it is one is not known here yet.
    let (n5, older) = (NodeId(5), Incarnation { nonce: 2, ..after(1, 30) });
    meet(&mut server, n5, first);
    let objects = (To::One(n5), Message::Forgotten { store: older, known: first });
    assert!(server.hear(n5, Message::Recognize { store: older }).contains(&objects));
}

/// Its log behind the snapshot names members, too, and a machine may take long to take a snapshot over.
pub fn a_member_whose_machine_takes_over_a_snapshot_asks_whom_its_log_names<P: Tested>(facts: &Facts<P>) {
    let n3 = NodeId(3);
    let mut config = config();
    config.timeouts.election = Some(PATIENCE);
    let Some(mut server) = Server::changing(facts, config, N2) else { return };
    server.learn(0..4);
    server.hear(N0, told(4, [change(50, Change::replace(N1, n3))]));
    server.node.write_known();
    server.settle();
    server.restart();
    server.node.tell_store(after(9, 50), &Former::default());
    let Some(_takeover) = server.node.ready().take_over(&mut server.replica) else {
        return assert!(!facts.compacts);
    };
    let at = server.node.deadline().expect("it waits");
    server.node.step(at, Event::Timeout);
    let mut ready = server.node.ready();
    ready.advance(&mut server.replica);
    let said: Said<P> = ready.messages().map(|envelope| (envelope.to, envelope.message)).collect();
    assert!(asks(&said, [N0, N1, n3].into_iter().collect()));
}

/// Each start is a write, so a copy would soon look as new as what it lacks if it were started again and again.
pub fn who_was_told_that_its_disk_is_an_older_copy_stays_stopped<P: Tested>(facts: &Facts<P>) {
    let mut server = Server::new(facts, config(), N2);
    let copy = Incarnation { opened: 46, nonce: 2, ..after(9, 46) };
    server.node.tell_store(copy, &Former::default());
    server.settle();
    server.hear(N1, Message::Forgotten { store: copy, known: after(9, 48) });
    for opened in [47, 900] {
        server.restart();
        server.node.tell_store(Incarnation { opened, nonce: 3, ..after(9, opened) }, &Former::default());
        assert!(matches!(server.node.amnesia(), Some(Amnesia::Older { known: 48, .. })), "{opened}");
    }
    // The disk of n2, in the place of n1.
    let disk = core::mem::take(&mut server.disk);
    let mut other = Server::new(facts, config(), N2);
    other.disk = disk;
    other.restart();
    other.node.tell_store(after(5, 60), &Former::default());
    assert_eq!(other.node.amnesia(), Some(Amnesia::Misplaced { node: N2 }));
}

/// Most others remember another store of this process, which remembers others of theirs: its directory is of another cluster.
pub fn a_member_of_another_cluster_stops_when_most_members_remember_another<P: Tested>(facts: &Facts<P>) {
    let mut server = Server::new(facts, config(), N2);
    let own = after(9, 50);
    server.node.tell_store(own, &Former::default());
    for (from, known) in [(N0, store(7)), (N1, store(8))] {
        meet(&mut server, from, known);
        meet(&mut server, from, store(1));
    }
    for (from, stops) in [(N0, false), (N0, false), (N1, true)] {
        server.hear(from, Message::Forgotten { store: own, known: store(2) });
        assert_eq!(server.node.amnesia(), stops.then_some(Amnesia::Outnumbered { node: N2 }));
    }
}

/// Those that have lost their disks hear it from nobody else, and the disk of this one may be the only copy of the data.
pub fn a_member_that_remembers_other_stores_for_most_tells_all_of_them<P: Tested>(facts: &Facts<P>) {
    let mut server = Server::new(facts, config(), N2);
    let wiped = [(N0, store(7), store(17)), (N1, store(8), store(18))];
    for (from, known, _) in wiped {
        meet(&mut server, from, known);
    }
    server.settle();
    server.restart();
    // Both have connected before it does anything.
    for (from, _, found) in wiped {
        meet(&mut server, from, found);
    }
    let said = server.settle();
    for (from, known, store) in wiped {
        assert!(said.contains(&(To::One(from), Message::Forgotten { store, known })), "{from}");
    }
    let noticed: Vec<_> = core::iter::from_fn(|| server.node.noticed()).collect();
    assert_eq!((noticed.len(), server.node.amnesia()), (3, None));
    assert!(noticed.contains(&Amnesia::Outnumbered { node: N2 }));
    let question = server.question(N0, Ballot::default(), 0);
    assert!(!promises(&server.hear(N0, question)), "it counts none of them");
}
