//! Learners, replicas and snapshots with a mistake.

use super::*;

#[test]
fn a_process_that_knows_what_is_not_chosen() {
    let mut scene = Scene::new();
    let said = "n2 believes that c9#0 is chosen in s0, but no quorum has voted for it";
    assert_breach(scene.knows(N2, 0, 0), "agreement", said);
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.knows(N1, 0, 0).expect("chosen");
    let said = "n2 believes that c9#1 is chosen in s0, where 1.n0 chose c9#0";
    assert_breach(scene.knows(N2, 0, 1), "agreement", said);
}

#[test]
fn a_process_that_takes_a_vote_of_its_own_for_one_for_what_is_chosen() {
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.writes_known(N1, 0).expect("it voted for that");
    let said = "n2 records that its vote in s0 is the chosen value, but has no vote there";
    assert_breach(scene.writes_known(N2, 0), "agreement", said);
    // The acceptor voted for another value before.
    let mut scene = Scene::new();
    let zero = classic(0, N2);
    scene.elect(zero, &[N0, N2]);
    scene.proposes(N2, zero, 0, 1).expect("free");
    scene.writes_vote(N2, zero, 0, 1).expect("proposed");
    scene.choose(0, 0);
    let said = "n2 believes that c9#1 is chosen in s0, where 1.n0 chose c9#0";
    assert_breach(scene.writes_known(N2, 0), "agreement", said);
}

#[test]
fn a_process_that_changes_its_mind() {
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.knows(N2, 0, 0).expect("chosen");
    let said = "n2 changes from c9#0 to c9#1 in s0, where the first is chosen";
    assert_breach(scene.knows(N2, 0, 1), "stability", said);
    scene.writes_promise(N2, classic(2, N2)).expect("the highest");
    assert_breach(scene.writes_vote(N2, classic(2, N2), 0, 1), "stability", said);
}

#[test]
fn a_command_that_nobody_submitted() {
    let (one, mut scene) = (classic(1, N0), Scene::new());
    scene.elect(one, &[N0, N1]);
    let said = "no client submitted c9#77, which appears in s0";
    assert_breach(scene.proposes(N0, one, 0, 77), "integrity", said);
    scene.opens(N0, fast(one), 0).expect("free");
    assert_breach(scene.writes_vote(N1, fast(one), 0, 77), "integrity", said);
    scene.0.submitted(Entry::new(CLIENT, 5, 50));
    let said = "another value was submitted as c9#5, which appears in s0";
    assert_breach(scene.writes_vote(N1, fast(one), 0, 5), "integrity", said);
}

#[test]
fn a_replica_that_leaves_out_a_slot() {
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.choose(1, 1);
    scene.choose(2, 2);
    scene.executes(N0, 0, 0, 1).expect("the first");
    assert_breach(scene.executes(N0, 2, 2, 2), "in_order", "n0 executes s2, where s1 comes next");
}

#[test]
fn a_replica_that_executes_a_command_again() {
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.choose(1, 0);
    scene.executes(N0, 0, 0, 1).expect("the first");
    let said = "n0 executes c9#0 in s1, and has executed it before";
    assert_breach(scene.executes(N0, 1, 0, 2), "exactly_once", said);
}

#[test]
fn replicas_that_differ() {
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.executes(N0, 0, 0, 1).expect("the first");
    let said = "n1 returns (2, 0) for c9#0 in s0, where another returned (1, 0)";
    assert_breach(scene.executes(N1, 0, 0, 2), "replicas_are_equal", said);
}

#[test]
fn a_replica_that_takes_a_new_command_for_a_former_one() {
    for (first, second, said) in [
        (true, false, "n1 passes over c9#0 in s0, where another executes it"),
        (false, true, "n1 executes c9#0 in s0, where another passes over it"),
    ] {
        let mut scene = Scene::new();
        scene.choose(0, 0);
        let reply = |took: bool| took.then_some((1, 0));
        scene.0.executed(N0, Slot(0), &command(0), reply(first).as_ref()).expect("the first");
        let breach = scene.0.executed(N1, Slot(0), &command(0), reply(second).as_ref());
        assert_breach(breach, "replicas_are_equal", said);
    }
}

#[test]
fn a_snapshot_that_stands_for_more_than_is_chosen_or_for_another_state() {
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.choose(2, 2);
    let said = "n1 has a snapshot of all below s3, but nothing is chosen in s1";
    assert_breach(scene.0.compacted(N1, &snapshot(3, 7), []), "snapshots_tell_the_truth", said);
    assert_breach(scene.0.jumped(N1, &snapshot(3, 7)), "snapshots_tell_the_truth", said);
    scene.choose(1, 1);
    scene.0.jumped(N2, &snapshot(3, 7)).expect("all are chosen");
    let said = "n0 has a snapshot of all below s3 that differs from the first one";
    assert_breach(scene.0.jumped(N0, &snapshot(3, 8)), "snapshots_tell_the_truth", said);
}

#[test]
fn a_disk_that_forgets_more_than_its_snapshot_stands_for() {
    let mut scene = Scene::new();
    (0..3).for_each(|slot| scene.choose(slot, slot));
    let (one, kept) = (classic(1, N0), Slot(2).onwards());
    let promise = Record::Promised { ballot: one, slots: kept };
    let said = "n1 had promised or voted in 1.n0 for s2-, but its disk does not say so";
    assert_breach(scene.0.compacted(N1, &snapshot(2, 7), []), "nothing_is_forgotten", said);
    let said = "n1 had voted for c9#2 in 1.n0 in s2, but its disk does not say so";
    assert_breach(scene.0.compacted(N1, &snapshot(2, 7), [&promise]), "nothing_is_forgotten", said);
    let vote = Record::Voted { ballot: one, first: Slot(2), batch: command(2).into() };
    scene.0.compacted(N1, &snapshot(2, 7), [&promise, &vote]).expect("the rest is there");
    scene.0.restarted(N1, 1, Some(&snapshot(2, 7)), [&promise, &vote]).expect("and after a crash");
    assert_breach(
        scene.0.restarted(N1, 2, None, [&promise, &vote]),
        "nothing_is_forgotten",
        "n1 had promised or voted in 1.n0 for s0-, but its disk does not say so",
    );
}

#[test]
fn a_replica_that_executes_again_what_a_snapshot_stands_for() {
    let mut scene = Scene::new();
    scene.choose(0, 0);
    scene.choose(1, 1);
    scene.choose(2, 0);
    scene.0.jumped(N0, &snapshot(2, 7)).expect("all are chosen");
    let said = "n0 executes s1, where s2 comes next";
    assert_breach(scene.executes(N0, 1, 1, 2), "in_order", said);
    assert_breach(scene.0.jumped(N0, &snapshot(1, 7)), "in_order", said);
    let said = "n0 executes c9#0 in s2, and has executed it before";
    assert_breach(scene.executes(N0, 2, 0, 3), "exactly_once", said);
}
