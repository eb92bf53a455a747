//! The proposer: both phases for every command.

mod missed;

use super::*;

/// A proposer in its first round, with these commands.
fn proposing(mut bench: Process, seqs: core::ops::Range<u64>) -> Process {
    bench.request(seqs).expect("room");
    bench.begin();
    bench
}

fn promise(bench: &mut Process, from: u16, slot: u64, b: Ballot, vote: Option<(Ballot, One<u64>)>) {
    bench.hear(NodeId(from), Promise { ballot: b, slot: Slot(slot), vote });
}

fn refused(bench: &mut Process, slot: u64, refused: Ballot, promised: Ballot) -> bool {
    bench.refused(refused, promised, Slot(slot).extend(1))
}

#[test]
fn each_command_gets_a_slot_and_a_first_phase_of_its_own() {
    let mut bench = proposing(rival(), 0..2);
    let b = ballot(1, 0);
    // The round is on disk before its first message leaves, and is written only once.
    assert_eq!(bench.prepares(), [(prepare(b, 0), Some(Record::Started(b))), (prepare(b, 1), None)]);
    promise(&mut bench, 1, 1, b, None);
    assert!(bench.proposes().is_empty());
    promise(&mut bench, 2, 1, b, None);
    assert_eq!(bench.proposes(), [accept(b, 1, 1)]);
}

#[test]
fn a_refusal_holds_the_instance_until_the_next_campaign() {
    let mut bench = proposing(rival(), 0..2);
    bench.prepares();
    assert!(refused(&mut bench, 0, ballot(1, 0), ballot(4, 2)));
    assert!(!refused(&mut bench, 0, ballot(1, 0), ballot(4, 2)), "once is enough");
    // The other slot is not affected.
    promise(&mut bench, 1, 1, ballot(1, 0), None);
    promise(&mut bench, 2, 1, ballot(1, 0), None);
    assert_eq!(bench.proposes().len(), 1);
    // Promises of the refused ballot change nothing either.
    promise(&mut bench, 1, 0, ballot(1, 0), None);
    promise(&mut bench, 2, 0, ballot(1, 0), None);
    bench.request(2..3).expect("room");
    assert!(bench.proposes().is_empty() && bench.has_work());
    bench.begin();
    let b = ballot(5, 0);
    assert_eq!(bench.prepares(), [(prepare(b, 0), Some(Record::Started(b))), (prepare(b, 2), None)]);
}

#[test]
fn a_refusal_of_an_earlier_ballot_changes_nothing_but_the_next_round() {
    let mut bench = proposing(rival(), 0..1);
    bench.prepares();
    assert!(refused(&mut bench, 0, ballot(1, 0), ballot(2, 1)));
    bench.begin();
    assert!(
        !refused(&mut bench, 0, ballot(1, 0), ballot(8, 1))
            && !refused(&mut bench, 0, ballot(3, 0), ballot(3, 0))
    );
    assert_eq!(bench.prepares()[0].0.ballot, ballot(3, 0));
    assert!(refused(&mut bench, 0, ballot(3, 0), ballot(7, 1)));
    bench.begin();
    assert_eq!(bench.prepares()[0].0.ballot, ballot(9, 0));
}

#[test]
fn an_instance_left_behind_in_an_old_round_joins_the_new_one_without_another_wait() {
    let mut bench = proposing(rival(), 0..2);
    bench.prepares();
    assert!(refused(&mut bench, 0, ballot(1, 0), ballot(2, 1)));
    bench.begin();
    assert_eq!(bench.prepares().len(), 1);
    assert!(!refused(&mut bench, 1, ballot(1, 0), ballot(2, 1)));
    assert_eq!(bench.prepares(), [(prepare(ballot(3, 0), 1), None)]);
    // It does not, if it would be refused again.
    assert!(refused(&mut bench, 1, ballot(3, 0), ballot(4, 1)) && bench.prepares().is_empty());
}

#[test]
fn ballots_in_other_slots_disturb_self_appointed_proposers_not_at_all() {
    let mut bench = proposing(rival(), 0..1);
    bench.prepares();
    assert!(!paxos_core::Proposer::<P>::on_ballot(&mut bench.proposer, ballot(9, 2)));
    promise(&mut bench, 1, 0, ballot(1, 0), None);
    promise(&mut bench, 2, 0, ballot(1, 0), None);
    assert_eq!(bench.proposes().len(), 1);
    assert_eq!(bench.leading(), None);
    bench.choose(0, 0..1);
    assert_eq!(bench.leading(), Some(ballot(1, 0)));
}

#[test]
fn a_higher_ballot_ends_an_elected_leader() {
    let mut bench = proposing(process(simple(3).expect("lawful")), 0..3);
    assert_eq!((bench.leading(), bench.prepares().len()), (Some(ballot(1, 0)), 3));
    assert!(paxos_core::Proposer::<P>::on_ballot(&mut bench.proposer, ballot(2, 1)));
    assert_eq!(bench.leading(), None);
    let given_up = paxos_core::Proposer::<P>::surrender(&mut bench.proposer);
    assert_eq!(given_up.iter().map(|batch| batch[0].clone()).collect::<Vec<_>>(), [0, 1, 2].map(entry));
    assert!(!bench.has_work());
    // It may lead again, but never in a ballot that it used before.
    bench.request(5..6).expect("room");
    bench.begin();
    assert_eq!(bench.prepares()[0].0, prepare(ballot(3, 0), 0));
}

#[test]
fn a_command_that_was_chosen_elsewhere_is_not_proposed_again() {
    let mut config = leaderless(3).expect("lawful");
    config.limits.window = 1;
    let mut bench = proposing(process(config), 0..3);
    assert_eq!(bench.prepares().len(), 1);
    bench.choose(0, 1..2);
    assert_eq!(bench.proposer.queued(), 2);
    // Command 0 lost slot 0 and gets slot 1. Command 1 no longer needs a slot, so command 2 is next.
    assert_eq!(bench.prepares()[0].0.slot, Slot(1));
    bench.choose(1, 0..1);
    assert_eq!((bench.prepares()[0].0.slot, bench.proposer.queued()), (Slot(2), 0));
    bench.choose(2, 2..3);
    assert!(!bench.has_work() && bench.proposer.in_flight() == 0);
}

#[test]
fn a_proposer_that_does_not_learn_goes_by_what_learners_say() {
    let mut config = Config::separate(2, 3, 1).expect("lawful");
    config.learning = paxos_core::Learning::Everyone;
    config.leadership = leaderless(1).expect("lawful").leadership;
    let mut bench = proposing(process(config), 0..2);
    bench.prepares();
    for acceptor in [2, 3] {
        promise(&mut bench, acceptor, 0, ballot(1, 0), None);
    }
    assert_eq!(bench.proposes().len(), 1);
    bench.progress(2);
    // Command 0 was proposed and counts as done. Command 1 was not, so another proposer's command was chosen.
    assert_eq!((bench.prepares()[0].0.slot, bench.proposer.in_flight()), (Slot(2), 1));
    // When asked again, it proposes command 0 again, which executes once all the same.
    bench.request(0..1).expect("room");
    assert_eq!(bench.prepares()[0].0.slot, Slot(3));
}

#[test]
fn its_own_command_gets_the_next_slot_when_another_was_chosen_in_this_one() {
    let mut bench = proposing(process(leaderless(5).expect("lawful")), 0..1);
    bench.prepares();
    let b = ballot(1, 0);
    promise(&mut bench, 1, 0, b, Some((ballot(0, 3), one(50))));
    promise(&mut bench, 2, 0, b, Some((ballot(0, 4), one(60))));
    promise(&mut bench, 3, 0, b, None);
    assert_eq!(bench.proposes(), [accept(b, 0, 60)]);
    // Its own command is not lost: it gets the next slot if another command was chosen in this one.
    bench.choose(0, 60..61);
    assert_eq!(bench.prepares(), [(prepare(b, 1), None)]);
}

#[test]
fn slots_between_those_known_to_be_chosen_are_used() {
    let mut bench = rival();
    bench.choose(0, 50..51);
    bench.choose(2, 52..53);
    bench.request(0..2).expect("room");
    bench.begin();
    let slots: Vec<_> = bench.prepares().iter().map(|(prepare, _)| prepare.slot).collect();
    assert_eq!(slots, [Slot(1), Slot(3)]);
}
