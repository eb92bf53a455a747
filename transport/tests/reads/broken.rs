//! Reads broken on purpose, by processes that lie about one thing: the invariant detects each lie, and nothing without
//! one.

use crate::reads::support::{Count, MS, Multi, N0, N1, N2, leased, ms, sim};
use core::time::Duration;
use paxos_core::{Consistency, Message, NodeId, ReadMessage, Slot};
use paxos_transport::sim::{Cut, Fate, Post, Sim, Violation};

const CLIENT: NodeId = NodeId(3);

fn honest(_post: &mut Post<Multi>) -> Fate {
    Fate::Usual
}

fn verdict(
    mut sim: Sim<Multi, Count>,
    mut lie: impl FnMut(&mut Post<Multi>) -> Fate + 'static,
) -> Result<(), Violation> {
    sim.set_carrier(move |post| {
        // In all runs, acceptors support every candidate; otherwise no second leader would be elected.
        if let Message::PreVoteReply { granted, .. } = &mut post.message {
            *granted = true;
        }
        lie(post)
    });
    sim.run_for(Duration::from_secs(1)).map(|_| ())
}

fn assert_found(scene: impl Fn() -> Sim<Multi, Count>, lie: impl FnMut(&mut Post<Multi>) -> Fate + 'static) {
    verdict(scene(), honest).expect("nothing is found where nobody lies");
    let violation = verdict(scene(), lie).expect_err("a stale read");
    assert_eq!(violation.invariant, "reads_are_fresh", "{violation}");
}

/// n0 leads and then loses its links to n2 and the client, and with `alone` also to n1. n2 is elected with the promise
/// of n1, and the client continues to write there.
fn cut_off(way: Consistency, alone: bool) -> Sim<Multi, Count> {
    let (mut world, client) = leased(3);
    assert_eq!(client, CLIENT);
    let mut config = (*world.config).clone();
    if alone {
        config.timeouts.heartbeat = Some(5 * MS);
    } else {
        config.timeouts.lease = None;
    }
    world.config = config.into();
    let mut to = vec![N2, CLIENT];
    to.extend(alone.then_some(N1));
    world.links.cuts = vec![Cut { from: vec![N0], to, both_ways: true, start: ms(100), end: ms(800) }];
    let mut sim = sim(world);
    sim.submit_in_turn(CLIENT, 1, 0..500);
    for at in 150..700 {
        sim.read_at(ms(at), N0, way);
    }
    sim
}

#[test]
fn a_lease_measured_from_arrival() {
    // Answers that left before the cut arrive one by one as late as possible, and pretend to answer what was sent just
    // before they arrive. Heartbeats are sent every 5 ms.
    assert_found(
        || cut_off(Consistency::Lease, true),
        |post| {
            if let Message::Heard { sent, .. } = &mut post.message
                && post.to == N0
                && post.at > ms(50)
            {
                let under_way = post.at.since(ms(50)) * 8;
                *sent = post.at.after(under_way.saturating_sub(5 * MS));
                return Fate::After(under_way);
            }
            Fate::Usual
        },
    );
}

#[test]
fn answers_under_way_for_long_are_no_lease() {
    // The same delay without the lie.
    let late = |post: &mut Post<Multi>| {
        let late = matches!(post.message, Message::Heard { .. }) && post.to == N0 && post.at > ms(50);
        if late { Fate::After(250 * MS) } else { Fate::Usual }
    };
    verdict(cut_off(Consistency::Lease, true), late).expect("no stale read");
}

#[test]
fn a_heartbeat_answered_by_an_acceptor_that_has_promised_a_higher_ballot() {
    let mut last = None;
    assert_found(
        || cut_off(Consistency::Confirmed, false),
        move |post| {
            if let Message::Heartbeat { ballot, sent, .. } = post.message
                && ballot.owner == N0
            {
                last = Some((ballot, sent));
            }
            // From then on, n1 sends nothing else to n0.
            if let Some((ballot, sent)) = last
                && (post.from, post.to) == (N1, N0)
                && post.at > ms(110)
            {
                post.message = Message::Heard { ballot, sent };
            }
            Fate::Usual
        },
    );
}

#[test]
fn a_quorum_read_with_one_answer_too_few() {
    // The answer of n1 counts, but has no content.
    assert_found(
        || cut_off(Consistency::Quorum, false),
        |post| {
            if let Message::Read(ReadMessage::VotedBelow { slot, .. }) = &mut post.message {
                *slot = Slot(0);
            }
            Fate::Usual
        },
    );
}
