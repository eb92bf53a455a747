//! Every invariant, broken on purpose.

mod executed;

use crate::sim::scene::{CLIENT, N0, N1, N2, Scene, assert_breach, classic, command, fast, snapshot};
use paxos_core::{Amount, Change, Changed, CommandId, Entry, Kind, Limits, NodeId, Record, Slot, Unanswered};
use paxos_transport::sim::invariants::execution::one_outcome;
use paxos_transport::sim::invariants::spoken::messages_are_bounded;

#[test]
fn a_proposer_that_speaks_in_the_ballot_of_another() {
    let mut scene = Scene::new();
    assert_breach(scene.prepares(N1, classic(1, N0)), "spoken_by_owner", "n1 speaks in 1.n0");
    assert_breach(scene.proposes(N2, classic(1, N0), 0, 0), "spoken_by_owner", "n2 speaks in 1.n0");
}

#[test]
fn a_proposer_that_forgets_its_ballot_across_a_crash() {
    let mut scene = Scene::new();
    scene.prepares(N0, classic(1, N0)).expect("new");
    scene.prepares(N0, classic(1, N0)).expect("asked again");
    scene.0.restarted(N0, 1, None, []).expect("nothing was written");
    scene.prepares(N0, classic(2, N0)).expect("new");
    assert_breach(
        scene.prepares(N0, classic(1, N0)),
        "no_ballot_used_twice",
        "1.n0 is used for s0- in incarnation 1 of its owner, and was used for s0- in incarnation 0",
    );
}

#[test]
fn a_proposer_of_two_values_in_one_ballot() {
    let mut scene = Scene::new();
    let one = classic(1, N0);
    scene.elect(one, &[N0, N1]);
    scene.proposes(N0, one, 0, 3).expect("free");
    scene.proposes(N0, one, 0, 3).expect("said again");
    assert_breach(
        scene.proposes(N0, one, 0, 4),
        "one_value_per_ballot",
        "in 1.n0, s0 is proposed c9#3 and c9#4",
    );
}

#[test]
fn a_ballot_with_any_and_a_value_in_one_slot() {
    let (one, mut scene) = (classic(1, N0), Scene::new());
    scene.elect(one, &[N0, N1]);
    scene.opens(N0, fast(one), 5).expect("free");
    scene.proposes(N0, fast(one), 4, 0).expect("another slot");
    assert_breach(
        scene.proposes(N0, fast(one), 6, 0),
        "any_stands_alone",
        "1.n0+1f is opened for any value in s5- and proposes c9#0 in s6",
    );
    assert_breach(
        scene.opens(N0, fast(one), 2),
        "any_stands_alone",
        "1.n0+1f is opened for any value in s2- and proposes c9#0 in s4",
    );
}

#[test]
fn a_proposer_without_a_quorum_of_promises() {
    let mut scene = Scene::new();
    scene.elect(classic(1, N0), &[N0]);
    assert_breach(
        scene.proposes(N0, classic(1, N0), 0, 0),
        "proposals_are_safe",
        "1.n0 proposes in s0, while {n1, n2} have not promised it and may choose without it",
    );
}

#[test]
fn a_proposer_that_overlooks_a_vote() {
    let (one, two, mut scene) = (classic(1, N0), classic(2, N1), Scene::new());
    scene.elect(one, &[N0, N1]);
    scene.proposes(N0, one, 0, 3).expect("free");
    scene.writes_vote(N0, one, 0, 3).expect("proposed");
    scene.elect(two, &[N1, N2]);
    // Only n0 voted, and n1 and n2 never will: nothing is chosen in the first ballot, so the second is free.
    scene.proposes(N1, two, 0, 4).expect("free");
    let (one, two, mut scene) = (classic(1, N0), classic(2, N1), Scene::new());
    scene.choose(0, 3);
    scene.elect(two, &[N1, N2]);
    assert_breach(
        scene.proposes(N1, two, 0, 4),
        "proposals_are_safe",
        "2.n1 asks for c9#4 in s0, while c9#3 may be chosen in the lower ballot 1.n0",
    );
    scene.proposes(N1, two, 0, 3).expect("the value of the vote");
    assert!(scene.0.chosen(Slot(0)).is_some() && one < two);
}

#[test]
fn a_proposal_that_may_be_chosen_below_another() {
    let (one, two, mut scene) = (classic(1, N0), classic(2, N1), Scene::new());
    scene.elect(one, &[N0, N1, N2]);
    scene.elect(two, &[N1, N2]);
    scene.proposes(N1, two, 0, 4).expect("free");
    scene.proposes(N0, one, 0, 3).expect("late, but it cannot be chosen any more");
    let later = fast(two).next_step(false).expect("a step");
    scene.proposes(N1, later, 1, 4).expect("free");
    assert_breach(
        scene.proposes(N1, two, 1, 3),
        "proposals_are_safe",
        "2.n1 asks for c9#3 in s1 and may have it chosen, below 2.n1+2 with c9#4",
    );
}

#[test]
fn a_value_proposed_while_a_fast_ballot_is_open() {
    let (one, two, mut scene) = (classic(1, N0), classic(2, N1), Scene::new());
    scene.elect(one, &[N0, N1, N2]);
    scene.opens(N0, fast(one), 0).expect("free");
    let classic_step = fast(one).next_step(false).expect("a step");
    assert_breach(
        scene.proposes(N0, classic_step, 0, 3),
        "proposals_are_safe",
        "1.n0+2 asks for c9#3 in s0, while any value may be chosen in the open ballot 1.n0+1f",
    );
    // Two of three votes are for c9#3 and the third is unknown: with a fast quorum of three, it may be chosen.
    scene.writes_vote(N0, fast(one), 0, 3).expect("open");
    scene.writes_vote(N1, fast(one), 0, 3).expect("open");
    assert_breach(
        scene.proposes(N0, classic_step, 0, 4),
        "proposals_are_safe",
        "1.n0+2 asks for c9#4 in s0, while c9#3 may be chosen in the lower ballot 1.n0+1f",
    );
    scene.writes_vote(N2, fast(one), 0, 4).expect("open");
    scene.proposes(N0, classic_step, 0, 4).expect("a collision frees the choice");
    scene.elect(two, &[N0, N1]);
    scene.proposes(N1, two, 0, 3).expect("nobody voted in the classic step, and two of three never will");
    assert_breach(
        scene.opens(N1, fast(two), 0),
        "proposals_are_safe",
        "2.n1+1f asks for any value in s0, while c9#3 may be chosen in the lower ballot 2.n1",
    );
}

#[test]
fn an_acceptor_whose_promise_falls() {
    let mut scene = Scene::new();
    scene.writes_promise(N0, classic(2, N1)).expect("the highest");
    assert_breach(
        scene.writes_promise(N0, classic(1, N0)),
        "promises_never_fall",
        "n0 writes a promise of 1.n0 for s0-, having promised 2.n1 from s0 on",
    );
}

#[test]
fn a_disk_that_forgets() {
    let mut scene = Scene::new();
    scene.choose(3, 0);
    assert_breach(
        scene.0.restarted(N1, 1, None, []),
        "nothing_is_forgotten",
        "n1 had promised or voted in 1.n0 for s0-, but its disk does not say so",
    );
}

#[test]
fn an_acceptor_that_votes_below_its_promise() {
    let (one, mut scene) = (classic(1, N0), Scene::new());
    scene.elect(one, &[N0, N1]);
    scene.proposes(N0, one, 0, 0).expect("free");
    scene.writes_promise(N1, classic(2, N2)).expect("the highest");
    assert_breach(
        scene.writes_vote(N1, one, 0, 0),
        "no_vote_below_promise",
        "n1 votes in 1.n0 in s0, having promised 2.n2",
    );
}

#[test]
fn a_client_that_is_told_what_did_not_happen() {
    let mut scene = Scene::new();
    scene.choose(0, 3);
    scene.executes(N1, 0, 3, 7).expect("chosen");
    let (Some(id), Some(other)) = (command(3).id(), command(4).id()) else { return };
    scene.0.answered(N2, id, Slot(0), Some(&(7, 0))).expect("true");
    assert_breach(
        scene.0.answered(N2, id, Slot(0), Some(&(8, 0))),
        "answers_are_true",
        "n2 is answered (8, 0) for c9#3 in s0, where replicas returned Some((7, 0))",
    );
    assert_breach(
        scene.0.answered(N2, other, Slot(0), Some(&(7, 0))),
        "answers_are_true",
        "n2 is answered (7, 0) for c9#4 in s0, where replicas returned None",
    );
    scene.0.answered(N2, id, Slot(0), None).expect("it was executed there");
    assert_breach(
        scene.0.answered(N2, other, Slot(0), None),
        "answers_are_true",
        "n2 is told that c9#4 was executed in s0, but no replica has executed it there",
    );
    assert_breach(one_outcome(N2, id, true), "one_outcome", "n2 is told a second outcome of c9#3");
}

#[test]
fn an_acceptor_that_votes_twice_in_a_ballot() {
    let (one, mut scene) = (classic(1, N0), Scene::new());
    scene.elect(one, &[N0, N1]);
    scene.opens(N0, fast(one), 0).expect("free");
    scene.writes_vote(N1, fast(one), 0, 3).expect("open");
    assert_breach(
        scene.writes_vote(N1, fast(one), 0, 4),
        "one_vote_per_ballot",
        "in 1.n0+1f, n1 votes for c9#3 and c9#4 in s0",
    );
}

#[test]
fn an_acceptor_that_votes_for_what_nobody_proposed() {
    let (one, mut scene) = (classic(1, N0), Scene::new());
    scene.elect(one, &[N0, N1]);
    scene.proposes(N0, one, 0, 0).expect("free");
    let said = "in 1.n0, n1 votes for c9#4 in s0, which was not proposed there";
    assert_breach(scene.writes_vote(N1, one, 0, 4), "votes_follow_proposals", said);
    let said = "in 1.n0+1f, n1 votes for c9#4 in s0, which was not proposed there";
    assert_breach(scene.writes_vote(N1, fast(one), 0, 4), "votes_follow_proposals", said);
}

#[test]
fn a_message_that_grows_with_the_log() {
    let limit = Limits { batch: 4, batch_bytes: 64, ..Limits::default() }.message();
    let said = |count, bytes| messages_are_bounded(N1, Kind::Promise, Amount { count, bytes }, limit);
    said(4, 64).expect("as much as is allowed");
    said(1, 65).expect("one command");
    let message = "n1 sends a promise of Amount { count: 5, bytes: 40 }, where Amount { count: 4, bytes: 64 } is the most";
    assert_breach(said(5, 40), "messages_are_bounded", message);
    let message = "n1 sends a promise of Amount { count: 2, bytes: 65 }, where Amount { count: 4, bytes: 64 } is the most";
    assert_breach(said(2, 65), "messages_are_bounded", message);
}

#[test]
fn an_acceptor_that_speaks_before_it_writes() {
    let (one, two, mut scene) = (classic(1, N0), classic(2, N1), Scene::new());
    let said = "n1 says it promised 1.n0 for s0-, which is not on its disk";
    assert_breach(scene.promises(N1, one, &[]), "written_before_spoken", said);
    let said = "n1 says it voted for c9#0 in 1.n0 in s0, which is not on its disk";
    assert_breach(scene.tells_vote(N1, one, 0, 0), "written_before_spoken", said);
    scene.choose(0, 0);
    scene.tells_vote(N1, one, 0, 0).expect("written");
    scene.writes_promise(N1, two).expect("the highest");
    scene.promises(N1, two, &[(0, one, 0)]).expect("written");
    let said = "n1 promises 2.n1 and does not report its vote for c9#0 in 1.n0 in s0";
    assert_breach(scene.promises(N1, two, &[]), "written_before_spoken", said);
    let said = "n1 reports a vote for c9#1 in 1.n0 in s0, which is not on its disk";
    assert_breach(scene.promises(N1, two, &[(0, one, 1)]), "written_before_spoken", said);
}

#[test]
fn a_proposer_that_goes_where_the_members_are_not_decided() {
    let mut scene = Scene::new();
    let alpha = paxos_core::Limits::default().alpha as u64;
    scene.prepares(N0, classic(1, N0)).expect("new");
    let verdict = scene.proposes(N0, classic(1, N0), alpha, 0);
    let says =
        "1.n0 proposes in s8192, while the members are decided only below s8192, by what is chosen below s0";
    assert_breach(verdict, "members_are_known", says);
}

#[test]
fn an_acceptor_that_promises_among_new_members_without_the_past() {
    let mut scene = Scene::new();
    let id = CommandId { client: CLIENT, seq: 50 };
    let change = Entry::Change(id, Box::new(Change::add_learner(NodeId(5)).into()));
    scene.0.submitted(change.clone());
    scene.decides(0, change).expect("proposed");
    // The learner is a member from this slot on.
    let promise = Record::Promised { ballot: classic(2, N0), slots: Slot(8192).onwards() };
    let says = "n1 promises slots from s8192 on, where the members are those since s8192, but knows only what is chosen \
                below s0";
    assert_breach(scene.0.wrote(N1, &promise), "the_past_is_kept", says);
}

#[test]
fn a_caller_that_is_told_of_its_command_what_is_not_true() {
    let id = |seq| CommandId { client: CLIENT, seq };
    let mut scene = Scene::new();
    scene.choose(0, 0);
    let says = "c9#0 takes effect in s0, but its caller was told: not the leader";
    let verdict = scene.0.told().unanswered(id(0), Unanswered::NotLeader(None));
    assert_breach(verdict, "ends_are_true", says);
    scene.0.told().unanswered(id(0), Unanswered::SessionExpired).expect("it may have happened before");
    scene.0.told().unanswered(id(1), Unanswered::OutcomeUnknown).expect("nothing is said");
    scene.choose(1, 1);
    for (slot, reason) in [(2, Unanswered::SessionExpired), (3, Unanswered::NotLeader(None))] {
        scene.0.told().unanswered(id(slot), reason).expect("it has not happened");
        let says = format!("c9#{slot} takes effect in s{slot}, but its caller was told: {}", reason.name());
        assert_breach(scene.decides(slot, command(slot)), "ends_are_true", &says);
    }
    // A copy made by the network may take effect after a refusal.
    scene.0.told().doubled([id(4)]);
    scene.0.told().unanswered(id(4), Unanswered::NotLeader(None)).expect("it has not happened");
    scene.choose(4, 4);
}

#[test]
fn a_caller_that_is_told_of_its_change_what_is_not_true() {
    let (mut scene, id) = (Scene::new(), CommandId { client: CLIENT, seq: 50 });
    let change = Entry::Change(id, Box::new(Change::add_learner(NodeId(5)).into()));
    scene.0.submitted(change.clone());
    let changed = |slot, from| Changed { id, slot: Slot(slot), result: Ok(Slot(from)) };
    let verdict = scene.0.told().changed(N0, changed(0, 8192));
    let says = "n0 is answered Changed(Ok(s8192)) for c9#50 in s0, where replicas returned None";
    assert_breach(verdict, "answers_are_true", says);
    scene.decides(0, change).expect("proposed");
    scene.0.told().changed(N0, changed(0, 8192)).expect("it is so");
    let says = "n0 is answered Changed(Ok(s8193)) for c9#50 in s1, where replicas returned None";
    assert_breach(scene.0.told().changed(N0, changed(1, 8193)), "answers_are_true", says);
}
