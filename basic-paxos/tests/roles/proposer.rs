//! The proposer: both phases for every command.

mod missed;

use super::*;

struct Bench {
    proposer: Proposer<u64>,
    chosen: Chosen<u64>,
}

impl Bench {
    fn new(setup: &Setup<Options>) -> Self {
        let proposer = <Proposer<u64> as paxos_core::Proposer<P>>::new(setup);
        Self { proposer, chosen: Chosen::default() }
    }

    /// A proposer in its first round, with these commands.
    fn with(setup: &Setup<Options>, seqs: core::ops::Range<u64>) -> Self {
        let mut bench = Self::new(setup);
        bench.request(seqs);
        bench.campaign();
        bench
    }

    fn request(&mut self, seqs: core::ops::Range<u64>) {
        let taken = paxos_core::Proposer::<P>::on_request(&mut self.proposer, NOW, &request(seqs), true);
        taken.expect("there is room");
    }

    fn campaign(&mut self) {
        paxos_core::Proposer::<P>::campaign(&mut self.proposer, NOW, &self.chosen);
    }

    fn poll_at(&mut self, now: Time) -> Vec<(Proposal<P>, Reach)> {
        std::iter::from_fn(|| self.proposer.poll(now, &self.chosen)).collect()
    }

    fn prepares(&mut self) -> Vec<(Prepare, Option<Record<u64>>)> {
        let prepare = |(proposal, _)| match proposal {
            Proposal::Prepare(prepare, record) => (prepare, record),
            Proposal::Accept(accept) => panic!("{accept:?}"),
        };
        self.poll_at(NOW).into_iter().map(prepare).collect()
    }

    fn accepts(&mut self) -> Vec<Accept<u64>> {
        let accept = |(proposal, _)| match proposal {
            Proposal::Prepare(prepare, _) => panic!("{prepare:?}"),
            Proposal::Accept(accept) => accept,
        };
        self.poll_at(NOW).into_iter().map(accept).collect()
    }

    fn promise(&mut self, from: u16, slot: u64, b: Ballot, vote: Option<(Ballot, One<u64>)>) {
        let promise = Promise { ballot: b, slot: Slot(slot), vote };
        paxos_core::Proposer::<P>::on_promise(&mut self.proposer, NOW, NodeId(from), promise, &self.chosen);
    }

    fn nack(&mut self, slot: u64, refused: Ballot, promised: Ballot) -> bool {
        let nack = Nack { refused, promised, slots: Slot(slot).extend(1) };
        paxos_core::Proposer::<P>::on_nack(&mut self.proposer, NOW, &nack)
    }

    fn choose(&mut self, slot: u64, seq: u64) {
        self.chosen.choose(Slot(slot), Batch::from(entry(seq)));
        paxos_core::Proposer::<P>::on_chosen(&mut self.proposer, NOW, &self.chosen);
    }

    fn leading(&self) -> Option<Ballot> {
        paxos_core::Proposer::<P>::leading(&self.proposer)
    }
}

#[test]
fn each_command_gets_a_slot_and_a_first_phase_of_its_own() {
    let mut bench = Bench::with(&rivals(), 0..2);
    let b = ballot(1, 0);
    let prepare = |slot| Prepare { ballot: b, slot: Slot(slot) };
    // The round is on disk before its first message leaves, and is written only once.
    assert_eq!(bench.prepares(), [(prepare(0), Some(Record::Started(b))), (prepare(1), None)]);
    bench.promise(1, 1, b, None);
    assert!(bench.accepts().is_empty());
    bench.promise(2, 1, b, None);
    assert_eq!(bench.accepts(), [Accept { ballot: b, slot: Slot(1), entry: one(1) }]);
}

#[test]
fn a_refusal_holds_the_instance_until_the_next_campaign() {
    let mut bench = Bench::with(&rivals(), 0..2);
    bench.prepares();
    assert!(bench.nack(0, ballot(1, 0), ballot(4, 2)));
    assert!(!bench.nack(0, ballot(1, 0), ballot(4, 2)), "once is enough");
    // The other slot is not affected.
    bench.promise(1, 1, ballot(1, 0), None);
    bench.promise(2, 1, ballot(1, 0), None);
    assert_eq!(bench.accepts().len(), 1);
    // Promises of the refused ballot change nothing either.
    bench.promise(1, 0, ballot(1, 0), None);
    bench.promise(2, 0, ballot(1, 0), None);
    bench.request(2..3);
    assert!(bench.accepts().is_empty() && paxos_core::Proposer::<P>::has_work(&bench.proposer));
    bench.campaign();
    let b = ballot(5, 0);
    let prepare = |slot| Prepare { ballot: b, slot: Slot(slot) };
    assert_eq!(bench.prepares(), [(prepare(0), Some(Record::Started(b))), (prepare(2), None)]);
}

#[test]
fn a_refusal_of_an_earlier_ballot_changes_nothing_but_the_next_round() {
    let mut bench = Bench::with(&rivals(), 0..1);
    bench.prepares();
    assert!(bench.nack(0, ballot(1, 0), ballot(2, 1)));
    bench.campaign();
    assert!(!bench.nack(0, ballot(1, 0), ballot(8, 1)) && !bench.nack(0, ballot(3, 0), ballot(3, 0)));
    assert_eq!(bench.prepares()[0].0.ballot, ballot(3, 0));
    assert!(bench.nack(0, ballot(3, 0), ballot(7, 1)));
    bench.campaign();
    assert_eq!(bench.prepares()[0].0.ballot, ballot(9, 0));
}

#[test]
fn an_instance_left_behind_in_an_old_round_joins_the_new_one_without_another_wait() {
    let mut bench = Bench::with(&rivals(), 0..2);
    bench.prepares();
    assert!(bench.nack(0, ballot(1, 0), ballot(2, 1)));
    bench.campaign();
    assert_eq!(bench.prepares().len(), 1);
    assert!(!bench.nack(1, ballot(1, 0), ballot(2, 1)));
    assert_eq!(bench.prepares(), [(Prepare { ballot: ballot(3, 0), slot: Slot(1) }, None)]);
    // It does not, if it would be refused again.
    assert!(bench.nack(1, ballot(3, 0), ballot(4, 1)) && bench.prepares().is_empty());
}

#[test]
fn ballots_in_other_slots_disturb_self_appointed_proposers_not_at_all() {
    let mut bench = Bench::with(&rivals(), 0..1);
    bench.prepares();
    assert!(!paxos_core::Proposer::<P>::on_ballot(&mut bench.proposer, ballot(9, 2)));
    bench.promise(1, 0, ballot(1, 0), None);
    bench.promise(2, 0, ballot(1, 0), None);
    assert_eq!(bench.accepts().len(), 1);
    assert_eq!(bench.leading(), None);
    bench.choose(0, 0);
    assert_eq!(bench.leading(), Some(ballot(1, 0)));
}

#[test]
fn a_higher_ballot_ends_an_elected_leader() {
    let mut bench = Bench::with(&setup(simple(3).expect("lawful"), 0), 0..3);
    assert_eq!((bench.leading(), bench.prepares().len()), (Some(ballot(1, 0)), 3));
    assert!(paxos_core::Proposer::<P>::on_ballot(&mut bench.proposer, ballot(2, 1)));
    assert_eq!(bench.leading(), None);
    let given_up = paxos_core::Proposer::<P>::surrender(&mut bench.proposer);
    assert_eq!(given_up.iter().map(|batch| batch[0].clone()).collect::<Vec<_>>(), [0, 1, 2].map(entry));
    assert!(!paxos_core::Proposer::<P>::has_work(&bench.proposer));
    // It may lead again, but never in a ballot that it used before.
    bench.request(5..6);
    bench.campaign();
    assert_eq!(bench.prepares()[0].0, Prepare { ballot: ballot(3, 0), slot: Slot(0) });
}

#[test]
fn a_command_asked_for_twice_is_proposed_once() {
    let mut bench = Bench::with(&rivals(), 0..1);
    bench.request(0..2);
    assert_eq!(bench.prepares().len(), 2);
    bench.request(0..2);
    assert_eq!((bench.prepares().len(), bench.proposer.in_flight()), (0, 2));
}

#[test]
fn a_command_that_was_chosen_elsewhere_is_not_proposed_again() {
    let mut config = leaderless(3).expect("lawful");
    config.limits.window = 1;
    let mut bench = Bench::with(&setup(config, 0), 0..3);
    assert_eq!(bench.prepares().len(), 1);
    bench.choose(0, 1);
    assert_eq!(bench.proposer.queued(), 2);
    // Command 0 lost slot 0 and gets slot 1. Command 1 no longer needs a slot, so command 2 is next.
    assert_eq!(bench.prepares()[0].0.slot, Slot(1));
    bench.choose(1, 0);
    assert_eq!((bench.prepares()[0].0.slot, bench.proposer.queued()), (Slot(2), 0));
    bench.choose(2, 2);
    assert!(!paxos_core::Proposer::<P>::has_work(&bench.proposer) && bench.proposer.in_flight() == 0);
}

#[test]
fn a_proposer_that_does_not_learn_goes_by_what_learners_say() {
    let mut config = Config::separate(2, 3, 1).expect("lawful");
    config.learning = paxos_core::Learning::Everyone;
    config.leadership = leaderless(1).expect("lawful").leadership;
    let mut bench = Bench::with(&setup(config, 0), 0..2);
    bench.prepares();
    for acceptor in [2, 3] {
        bench.promise(acceptor, 0, ballot(1, 0), None);
    }
    assert_eq!(bench.accepts().len(), 1);
    paxos_core::Proposer::<P>::on_progress(&mut bench.proposer, NOW, Slot(2));
    // Command 0 was proposed and counts as done. Command 1 was not, so another proposer's command was chosen.
    assert_eq!((bench.prepares()[0].0.slot, bench.proposer.in_flight()), (Slot(2), 1));
    // When asked again, it proposes command 0 again, which executes once all the same.
    bench.request(0..1);
    assert_eq!(bench.prepares()[0].0.slot, Slot(3));
}

#[test]
fn its_own_command_gets_the_next_slot_when_another_was_chosen_in_this_one() {
    let mut setup = rivals();
    setup.config = Arc::new(leaderless(5).expect("lawful"));
    let mut bench = Bench::with(&setup, 0..1);
    bench.prepares();
    let b = ballot(1, 0);
    bench.promise(1, 0, b, Some((ballot(0, 3), one(50))));
    bench.promise(2, 0, b, Some((ballot(0, 4), one(60))));
    bench.promise(3, 0, b, None);
    assert_eq!(bench.accepts(), [Accept { ballot: b, slot: Slot(0), entry: one(60) }]);
    // Its own command is not lost: it gets the next slot if another command was chosen in this one.
    bench.choose(0, 60);
    assert_eq!(bench.prepares(), [(Prepare { ballot: b, slot: Slot(1) }, None)]);
}

#[test]
fn promises_for_other_slots_and_ballots_and_late_ones_change_nothing() {
    let mut bench = Bench::with(&rivals(), 0..1);
    bench.prepares();
    bench.promise(1, 0, ballot(1, 0), None);
    let before = bench.proposer.clone();
    bench.promise(1, 0, ballot(1, 0), Some((ballot(0, 3), one(50))));
    bench.promise(STRANGER.0, 0, ballot(1, 0), None);
    bench.promise(2, 0, ballot(7, 0), None);
    bench.promise(2, 5, ballot(1, 0), None);
    assert_eq!(bench.proposer, before);
    bench.promise(2, 0, ballot(1, 0), None);
    let proposing = bench.proposer.clone();
    bench.promise(0, 0, ballot(1, 0), Some((ballot(0, 3), one(50))));
    assert_eq!(bench.proposer, proposing);
}

#[test]
fn slots_between_those_known_to_be_chosen_are_used() {
    let mut bench = Bench::new(&rivals());
    bench.choose(0, 50);
    bench.choose(2, 52);
    bench.request(0..2);
    bench.campaign();
    let slots: Vec<_> = bench.prepares().iter().map(|(prepare, _)| prepare.slot).collect();
    assert_eq!(slots, [Slot(1), Slot(3)]);
}

#[test]
fn an_unanswered_question_goes_to_all_until_its_slot_is_chosen() {
    let mut bench = Bench::with(&rivals(), 0..1);
    let reach =
        |asked: Vec<(Proposal<P>, Reach)>| asked.into_iter().map(|(_, reach)| reach).collect::<Vec<_>>();
    assert_eq!(reach(bench.poll_at(NOW)), [Reach::Quorum(Phase::One)]);
    let due = paxos_core::Proposer::<P>::deadline(&bench.proposer).expect("it waits");
    assert_eq!(due, NOW.after(Duration::from_millis(50)));
    paxos_core::Proposer::<P>::on_timeout(&mut bench.proposer, due, &bench.chosen);
    assert_eq!(reach(bench.poll_at(due)), [Reach::All]);
    bench.choose(0, 0);
    assert_eq!(paxos_core::Proposer::<P>::deadline(&bench.proposer), None);
}
