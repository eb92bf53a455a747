//! The sends behind each formula, and the possible savings.

use super::*;

/// The sends of each phase, listed one by one rather than as a formula.
fn sends(case: Case, quorums: Quorums) -> u64 {
    let (n, l) = (case.acceptors as u64, case.learners as u64);
    let (c, f) = (quorums.classic as u64, quorums.fast as u64);
    let collapsed = u64::from(case.layout == Collapsed);
    let everyone = case.learning == Everyone;
    // Messages from the leader to the acceptors that are asked, or back. The leader sends none to itself.
    let exchange = |asked: u64| asked - collapsed;
    let learners = if collapsed == 1 { n - 1 } else { l };
    let votes = |voters: u64| if everyone { voters * learners } else { exchange(voters) };
    // A coordinator that is no learner needs a copy of each vote, in every round where a collision is possible.
    let copies = |voters: u64| if everyone && collapsed == 0 { voters } else { 0 };
    let decide = if everyone { 0 } else { learners };
    let (phase_1, phase_2) = (2 * exchange(c), exchange(c) + votes(c));
    let collided = 2 * f + votes(f);
    1 + decide
        + match case.run {
            Basic | MultiFirst => 1 + phase_1 + phase_2,
            MultiSteady => 1 + phase_2,
            Fast => f + votes(f),
            FastCollision(Coordinated) => collided + copies(f) + phase_2 + copies(c),
            FastCollision(Classic) => collided + copies(f) + phase_1 + phase_2 + copies(c),
            FastCollision(Uncoordinated) => {
                let to_acceptors = if collapsed == 1 { 0 } else { f * (f - 1) };
                2 * f + 2 * (votes(f) + to_acceptors)
            }
        }
}

#[test]
fn the_formulas_are_the_sums_of_their_sends() {
    let mut counted = 0;
    for case in all_cases(&[2, 3, 4, 5, 7, 9]) {
        let everybody = Quorums { classic: case.acceptors, fast: case.acceptors };
        if let Some(prediction) = case.predict() {
            assert_eq!(prediction.messages, sends(case, everybody), "{case:?}");
            counted += 1;
        }
        if let Some(prediction) = case.thrifty(Quorums::majorities(case.acceptors)) {
            assert_eq!(
                prediction.messages,
                sends(case, Quorums::majorities(case.acceptors)),
                "thrifty {case:?}"
            );
        }
    }
    assert_eq!(counted, 6 * 2 * (7 * 4 - 2), "all but uncoordinated with a distinguished learner");
}

#[test]
fn asking_everybody_is_thrifty_with_quorums_of_everybody() {
    for case in all_cases(&[4, 5, 7, 9]) {
        let thrifty = case.thrifty(Quorums { classic: case.acceptors, fast: case.acceptors });
        let expected = if case.run == FastCollision(Uncoordinated) { None } else { case.predict() };
        assert_eq!(thrifty, expected, "{case:?}");
    }
}

#[test]
fn thrifty_counts_agree_with_those_counted_by_hand() {
    let of_five = |run, layout, learning| {
        case(run, layout, learning, 5, 3).thrifty(Quorums::majorities(5)).unwrap().messages
    };
    // Simple Paxos, 3 of 5: request, 2 prepares, 2 promises, 2 accepts, 2 votes, 4 decides, reply.
    assert_eq!(of_five(Basic, Collapsed, Distinguished), 1 + 2 + 2 + 2 + 2 + 4 + 1);
    // Multi-Paxos: request, 2 accepts, 3 voters tell 4 others each, reply.
    assert_eq!(of_five(MultiSteady, Collapsed, Everyone), 1 + 2 + 12 + 1);
    // Separate, three learners: request, 3 accepts, 9 votes, reply.
    assert_eq!(of_five(MultiSteady, Separate, Everyone), 1 + 3 + 9 + 1);
    // Fast Paxos, 4 of 5: 4 requests, 3 votes to the leader, 4 decides, reply.
    assert_eq!(of_five(Fast, Collapsed, Distinguished), 4 + 3 + 4 + 1);
    // A collision: 8 requests, 3 votes, then 2 accepts, 2 votes, 4 decides, reply.
    assert_eq!(of_five(FastCollision(Coordinated), Collapsed, Distinguished), 8 + 3 + 2 + 2 + 4 + 1);
}

#[test]
fn thrifty_changes_no_delay_and_needs_quorums_that_intersect() {
    for case in all_cases(&[2, 3, 4, 5, 7]) {
        let Some(thrifty) = case.thrifty(Quorums::majorities(case.acceptors)) else { continue };
        let table = case.predict().unwrap();
        assert_eq!(Prediction { messages: table.messages, ..thrifty }, table, "{case:?}");
    }
    let unsafe_sizes = [(2, 4), (3, 3), (6, 4), (3, 6)];
    for (classic, fast) in unsafe_sizes {
        assert_eq!(case(Fast, Separate, Everyone, 5, 3).thrifty(Quorums { classic, fast }), None);
    }
}

#[test]
fn a_client_on_the_leader_saves_its_request_and_the_leaders_reply() {
    let near = |run, layout, learning| {
        let case = case(run, layout, learning, 5, 3);
        case.client_on_leader().map(|saving| case.predict().unwrap().less(saving))
    };
    let expected = |messages, learn_first, learn_last, reply| {
        Some(Prediction { messages, learn_first, learn_last, reply })
    };
    assert_eq!(near(MultiSteady, Collapsed, Distinguished), expected(12, 2, 3, 2));
    assert_eq!(near(MultiSteady, Collapsed, Everyone), expected(24, 2, 2, 2));
    assert_eq!(near(Basic, Separate, Distinguished), expected(23, 4, 5, 4));
    assert_eq!(near(Basic, Separate, Everyone), expected(31, 4, 4, 5), "a learner's reply still travels");
    assert_eq!(near(Fast, Collapsed, Distinguished), None);
}

#[test]
fn a_piggybacked_commit_and_a_carried_vote_save_n_minus_1_messages() {
    let saved = |saving: Option<Saving>| saving.map(|s| (s.messages, s.learn, s.reply));
    let multi = |layout, learning| case(MultiSteady, layout, learning, 5, 3);
    assert_eq!(saved(multi(Collapsed, Distinguished).piggybacked_commit()), Some((4, 0, 0)));
    assert_eq!(saved(multi(Collapsed, Everyone).piggybacked_commit()), None);
    assert_eq!(saved(multi(Separate, Distinguished).piggybacked_commit()), None);
    assert_eq!(saved(multi(Collapsed, Everyone).vote_in_accept(5)), Some((4, 0, 0)));
    assert_eq!(saved(multi(Collapsed, Everyone).vote_in_accept(3)), Some((2, 0, 0)), "thrifty");
    assert_eq!(saved(multi(Collapsed, Distinguished).vote_in_accept(5)), None);
    assert_eq!(
        saved(case(FastCollision(Classic), Collapsed, Everyone, 5, 3).vote_in_accept(5)),
        Some((4, 0, 0))
    );
    assert_eq!(saved(case(Fast, Collapsed, Everyone, 5, 3).vote_in_accept(5)), None);
}
