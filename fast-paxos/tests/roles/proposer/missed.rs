//! Somebody waits for a slot of the open ballot, and its votes have not arrived at the coordinator.

use super::*;

fn asked(bench: &mut Process, slot: u64) -> usize {
    bench.missed(slot);
    bench.prepares().len()
}

#[test]
fn a_coordinator_that_missed_votes_recovers_the_slot_that_a_reader_waits_for() {
    let mut bench = open(Recovery::Coordinated);
    assert_eq!([asked(&mut bench, 0), asked(&mut bench, 0)], [0, 1]);
    let b = ballot(2, 0);
    for from in 0..4 {
        let votes = if from < 2 { vec![vote(fast(B), 0, &[7])] } else { vec![] };
        bench.hear(NodeId(from), promise(b, 0, votes));
    }
    let accepts = bench.proposes();
    assert_eq!(
        accepts[0].classic.batch.iter().filter_map(Entry::id).map(|id| id.seq).collect::<Vec<_>>(),
        [7]
    );
}

/// A learner that was told of something that does not exist asks again and again. The votes that it was told of may also
/// be with an acceptor that phase 1 did not hear.
#[test]
fn a_coordinator_that_found_no_votes_looks_again_when_it_was_asked_twice_as_often() {
    let mut bench = open(Recovery::Coordinated);
    let mut terms = vec![];
    for times in 1..40 {
        if asked(&mut bench, 0) == 0 {
            continue;
        }
        terms.push(times);
        let b = ballot(1 + terms.len() as u64, 0);
        for from in 0..4 {
            bench.hear(NodeId(from), promise(b, 0, vec![]));
        }
        assert_eq!(bench.proposes(), [any(b, 0)]);
    }
    assert_eq!(terms, [2, 4, 8, 16, 32]);
    // Commands are decided, and it waits for the next slot each time.
    assert!((1..9).all(|slot| asked(&mut bench, slot) == 0));
}

fn ms(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

/// Takes one command that was sent to a process that follows, which has passed it on.
fn passed_on(bench: &mut Process, now: Time, seq: u64) {
    let request = request(seq..seq + 1, Audience::Relayed);
    let taken = paxos_core::Proposer::<P>::on_request(&mut bench.proposer, now, &request, true);
    taken.expect("there is room");
}

#[test]
fn a_command_that_only_the_coordinator_has_does_not_wait_while_others_are_decided() {
    let mut bench = open(Recovery::Coordinated);
    passed_on(&mut bench, NOW, 100);
    let mut due = vec![];
    for slot in 0..20 {
        let now = ms(10 * slot);
        due.push(bench.deadline().expect("it has work") <= now);
        bench.chosen.choose(Slot(slot), list(&[slot]));
        paxos_core::Proposer::<P>::on_chosen(&mut bench.proposer, now, &bench.chosen);
    }
    assert!(due.contains(&true));
    bench.timeout();
    assert_eq!(bench.prepares().len(), 1);
}

/// Each command is soon decided by the acceptors, and the next one takes its place.
#[test]
fn commands_that_acceptors_decide_begin_no_term() {
    let mut bench = open(Recovery::Coordinated);
    for slot in 0..20 {
        let now = ms(20 * slot);
        passed_on(&mut bench, now, slot);
        passed_on(&mut bench, now, slot + 1);
        assert!(bench.deadline().expect("it has work") > now);
        bench.chosen.choose(Slot(slot), list(&[slot]));
        paxos_core::Proposer::<P>::on_chosen(&mut bench.proposer, now, &bench.chosen);
    }
}

/// The phase 2a of a recovery, or all answers to it, are lost, while the acceptors go on deciding commands behind it.
#[test]
fn a_proposal_without_answers_is_sent_again_while_others_are_decided() {
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 7), (2, 8), (3, 8), (4, 8)]);
    assert_eq!(recovered(&mut bench), [Some(8)]);
    let mut due = None;
    for slot in 1..20 {
        let now = ms(10 * slot);
        let Process { proposer, chosen, .. } = &mut bench;
        let vote = accepted(fast(B), slot, &[10 + slot]);
        paxos_core::Proposer::<P>::on_accepted(proposer, now, NodeId(1), &vote, chosen);
        chosen.choose(Slot(slot), list(&[10 + slot]));
        paxos_core::Proposer::<P>::on_chosen(proposer, now, chosen);
        due = due.or_else(|| bench.deadline().filter(|at| *at <= now));
    }
    assert!(due.is_some());
    bench.timeout();
    assert_eq!(recovered(&mut bench), [Some(8)]);
}

#[test]
fn a_coordinator_in_a_quiet_cluster_gives_acceptors_time_to_vote() {
    let mut bench = open(Recovery::Coordinated);
    let now = ms(10_000);
    passed_on(&mut bench, now, 7);
    assert_eq!(bench.deadline(), Some(now.after(core::time::Duration::from_millis(50))));
}

#[test]
fn a_command_in_the_log_begins_no_term() {
    let mut bench = open(Recovery::Coordinated);
    bench.choose(0, 7..8);
    passed_on(&mut bench, NOW, 7);
    bench.timeout();
    assert!(bench.poll().iter().all(|(proposal, _)| matches!(proposal, Proposal::Accept(_))));
    assert_eq!(bench.deadline(), None);
}

#[test]
fn a_slot_without_a_vote_below_a_chosen_one_is_recovered() {
    let mut bench = open(Recovery::Coordinated);
    bench.choose(1, 7..8);
    bench.timeout();
    assert_eq!(bench.prepares().len(), 1);
}
