//! Candidates and leaders: when they begin a ballot, give up, and hand over.

use super::{N0, N1, N2, Server, asked, asks, change, told};
use crate::conformance::roles::stage::{NOW, Process, entry, request};
use crate::conformance::{Facts, Tested};
use core::time::Duration;
use paxos_core::{
    Ballot, Change, Config, InBallot as _, Leadership, Learning, Message, Nack, NodeId, Slot, Time, Timeouts,
};
use std::collections::BTreeSet;

const T: Duration = Duration::from_millis(100);

/// Three servers without any timeout.
fn quiet() -> Config {
    Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("servers") }
}

/// The ballots in which the server asks or proposes.
fn ballots<P: Tested>(said: &super::Said<P>) -> BTreeSet<Ballot> {
    let ballot = |message: &Message<P>| {
        if let Message::Accept(accept) = message {
            return Some(accept.ballot());
        }
        let Message::Prepare(question) = message else { return None };
        Some(question.ballot())
    };
    said.iter().filter_map(|(_, message)| ballot(message)).collect()
}

/// Others follow a candidate that asks them, so one that cannot hear the answers must give up, or nobody else is elected. The
/// first piece of a promise, which its own acceptor repeats each time that it is asked, is no answer.
pub fn a_candidate_that_hears_nothing_new_gives_up<P: Tested>(facts: &Facts<P>) {
    let resend = Some(Duration::from_millis(1));
    let timeouts = Timeouts { election: Some(T), resend, ..Timeouts::NEVER };
    let mut config = Config { timeouts, pre_vote: false, ..quiet() };
    if facts.pieces {
        config.limits.batch = 2;
    }
    // Where each slot has a phase 1 of its own, it leads without an answer, and asks whether it is heard.
    config.timeouts.heartbeat = (!facts.one_phase_1).then_some(T / 5);
    let mut server = Server::new(facts, config, N1);
    // Its own acceptor has more votes than one message holds.
    server.vote(N0, Ballot::ZERO, 0..2);
    server.vote(N0, Ballot::ZERO, 2..4);
    let mut begun = BTreeSet::new();
    while let Some(at) = server.node.deadline().filter(|at| *at < NOW.after(20 * T)) {
        server.wake(at);
        begun.insert(server.node.status().load.ballot);
    }
    assert!(begun.len() > 5, "{begun:?}");
}

/// A proposer that does not learn hears of progress. While there is some, its waits stay within the configured limit.
pub fn a_rival_that_does_not_learn_waits_no_longer_while_others_advance<P: Tested>(facts: &Facts<P>) {
    let high = Duration::from_millis(20);
    let mut config = Config::separate(2, 3, 2).expect("servers");
    (config.learning, config.timeouts) = (Learning::Everyone, Timeouts::NEVER);
    config.leadership = Leadership::SelfAppointed { backoff: Some((high / 4, high)) };
    let mut server = Server::new(facts, config, N0);
    server.hear(NodeId(9), Message::Request(request(0..1)));
    for lost in 0..200 {
        let at = server.node.deadline().unwrap_or(NOW);
        server.wake(at);
        let refused = server.node.status().load.ballot;
        let promised = Ballot::classic(refused.round() + 1, N1);
        let nack = Nack { refused, promised, slots: Slot(lost).onwards() };
        server.hear_at(at, NodeId(5), Message::Progress { chosen: Slot(lost), durable: Slot(0) });
        server.hear_at(at, N2, Message::Nack(nack));
        let wait = server.node.deadline().expect("it tries again").since(at);
        assert!(wait <= high, "{wait:?} after {lost} lost ballots");
    }
}

/// The first proposer of the present members leads.
pub fn without_timeouts_the_successor_of_a_removed_leader_leads_again_after_a_restart<P: Tested>(
    facts: &Facts<P>,
) {
    let mut config = quiet();
    config.limits.alpha = 1;
    let Some(mut server) = Server::changing(facts, config, N1) else { return };
    let mut said = server.hear(N0, told(0, [change(50, Change::remove(N0)), entry(1)]));
    for _ in 0..2 {
        while let Some(at) = server.node.deadline().filter(|at| *at <= NOW) {
            said.extend(server.wake(at));
        }
        assert!(asks(&said) || server.node.leading().is_some(), "{said:?}");
        server.restart();
        said = server.settle();
    }
}

/// In one turn it wins, and learns that all slots are taken in which it may propose: nobody knows the members after them. Or
/// the members change in its phase 1. It needs another ballot, and no message will say that this one is over.
pub fn a_ballot_that_ends_without_a_refusal_is_followed_by_another<P: Tested>(facts: &Facts<P>) {
    let add = change(0, Change::add(NodeId(7)));
    for leadership in [Leadership::SelfAppointed { backoff: None }, quiet().leadership] {
        for first in [entry(0), add.clone()] {
            let mut config = Config { leadership, ..quiet() };
            config.limits.alpha = 2;
            let Some(mut server) = Server::changing(facts, config.clone(), N0) else { return };
            server.node.submit(NOW, 7).expect("room");
            let question = asked(&server.settle()).expect("it asks");
            let promise = Process::new(facts, config, 1).promise(&question).expect("a promise");
            let taken = [first, entry(1)].into_iter().collect();
            let taken = Message::Chosen { first: Slot(0), batch: taken, known: Slot(2), asked: None };
            server.give(N1, taken);
            server.give(N1, Message::Promise(promise));
            let said = server.settle();
            let again = ballots(&said).into_iter().any(|ballot| ballot >= question.ballot());
            assert!(asks(&said) && again, "it has executed both slots: {said:?}");
        }
    }
}

/// The queue of a leader has one limit, wherever commands wait.
pub fn commands_that_wait_for_the_next_leader_are_bounded_in_bytes<P: Tested>(facts: &Facts<P>) {
    let mut config = quiet();
    config.limits.queue_bytes = 100;
    let (mut leader, _) = Server::leading(facts, config, 0);
    leader.node.transfer(NOW, N1).expect("it leads");
    leader.settle();
    let refused: usize = (0..100)
        .map(|seq| {
            let said = leader.hear(NodeId(9), Message::Request(request(seq..seq + 1)));
            said.iter().filter(|(_, m)| matches!(m, Message::Refuse(_))).count()
        })
        .sum();
    assert!(refused > 80 && refused < 100, "{refused}");
}

/// Then the leader goes on with the commands that waited.
pub fn a_transfer_to_one_that_does_not_answer_ends_without_elections_by_timeout_too<P: Tested>(
    facts: &Facts<P>,
) {
    for election in [None, Some(Duration::from_nanos(50))] {
        let timeouts = Timeouts { election, give_up: Some(Duration::from_nanos(100)), ..Timeouts::NEVER };
        let (mut leader, _) = Server::leading(facts, Config { timeouts, ..quiet() }, 0);
        leader.node.transfer(NOW, N1).expect("it leads");
        leader.settle();
        leader.hear(NodeId(9), Message::Request(request(0..1)));
        while leader.node.is_transferring() {
            let at = leader.node.deadline().expect("it does not wait for ever");
            assert!(at <= Time(200), "{at:?}");
            let said = leader.wake(at);
            assert!(leader.node.is_transferring() || !ballots(&said).is_empty(), "{said:?}");
        }
    }
}

/// Two learners that reach only the leader miss different slots. A third one knows them.
pub fn learners_that_reach_only_a_leader_that_does_not_learn_make_it_begin_few_ballots<P: Tested>(
    facts: &Facts<P>,
) {
    let mut config = Config::separate(1, 3, 3).expect("servers");
    config.learning = Learning::Everyone;
    let mut leader = Server::new(facts, config.clone(), N0);
    let mut said = leader.settle();
    for id in [1, 2] {
        let mut acceptor = Process::new(facts, config.clone(), id);
        said = leader.win(&mut acceptor, said);
    }
    assert!(leader.node.status().leads);
    let mut said = Vec::new();
    for turn in 1..=50 {
        let now = NOW.after(turn * Duration::from_millis(40));
        let progress = Message::Progress { chosen: Slot(200), durable: Slot(200) };
        leader.node.step(now, paxos_core::Event::Message { from: NodeId(6), message: progress });
        for (from, missed) in [(5, 120), (4, 100)] {
            let message = Message::CatchUp { from: Slot(missed) };
            leader.node.step(now, paxos_core::Event::Message { from: NodeId(from), message });
        }
        for acceptor in [1, 2] {
            let message = Message::Heard { ballot: leader.node.status().ballot, sent: now };
            leader.node.step(now, paxos_core::Event::Message { from: NodeId(acceptor), message });
        }
        said.extend(leader.settle().into_iter().filter(|(_, m)| matches!(m, Message::Prepare(_))));
    }
    // One for each learner would make a hundred. The waits are 0.1 s, 0.2 s and so on.
    let ballots = ballots(&said).len();
    assert!((1..10).contains(&ballots), "{ballots} ballots");
}
