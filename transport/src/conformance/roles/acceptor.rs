//! The acceptor: what it promises, votes for and reports.

use super::stage::{Process, candidate, elect, entry, proposed, reported, stage, votes};
use crate::conformance::{Facts, Tested};
use paxos_core::{Acceptor as _, Ballot, Config, InBallot, Learning, NodeId, Slot};

/// Three servers, the proposal of n0 in slot 0, and one in a higher ballot by n1, which heard of no vote.
fn rivals<P: Tested>(facts: &Facts<P>) -> (Vec<Process<P>>, P::Accept, P::Accept) {
    let mut all = stage(facts, 3);
    let low = elect(&mut all, 0, 7, Ballot::ZERO, &[0, 1]);
    let high = elect(&mut all, 1, 8, low.ballot(), &[0, 1]);
    assert!(low.ballot() < high.ballot());
    (all, low, high)
}

/// The acceptor neither promises nor votes, and its state does not change. Ballots of one round are ordered, too.
pub fn a_promise_refuses_lower_ballots<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 3);
    all[0].request(7..8).expect("there is room");
    let early = all[0].campaign();
    let (mut all, low, same_round) = rivals(facts);
    let high = candidate(&mut all, 2, low.ballot());
    assert_eq!(high.ballot().round(), same_round.ballot().round());
    let n2 = &mut all[2];
    n2.promise(&high).expect("a promise");
    let before = n2.clone();
    for (answer, ballot) in [
        (n2.promise(&early).map(drop), low.ballot()),
        (n2.vote(&low).map(drop), low.ballot()),
        (n2.vote(&same_round).map(drop), same_round.ballot()),
    ] {
        let refused = answer.expect_err("refused");
        assert_eq!((refused.refused, refused.promised), (ballot, high.ballot()));
        assert!(refused.slots.contains(Slot(0)));
    }
    assert_eq!((&n2.acceptor, &n2.disk), (&before.acceptor, &before.disk));
    assert!(n2.acceptor.follows(high.ballot()) && !n2.acceptor.follows(low.ballot()));
}

/// It promises the ballot of its vote, even without a prepare.
pub fn a_vote_is_a_promise_too<P: Tested>(facts: &Facts<P>) {
    let early = candidate(&mut stage(facts, 3), 0, Ballot::ZERO);
    let (mut all, low, high) = rivals(facts);
    assert_eq!(early.ballot(), low.ballot());
    all[2].vote(&high).expect("a vote");
    for mut n2 in [all[2].restored(), all[2].clone()] {
        assert_eq!(n2.promise(&early).expect_err("refused").promised, high.ballot());
        assert_eq!(n2.vote(&low).expect_err("refused").promised, high.ballot());
        assert!(n2.acceptor.voted_below() > Slot(0));
    }
}

/// The acceptor voted twice in one slot.
pub fn a_promise_reports_the_highest_vote<P: Tested>(facts: &Facts<P>) {
    let (mut all, low, high) = rivals(facts);
    for accept in [&low, &high] {
        all[2].vote(accept).expect("a vote");
    }
    all[2].vote(&low).expect_err("refused");
    let third = candidate(&mut all, 0, high.ballot());
    let promise = all[2].promise(&third).expect("a promise");
    assert_eq!(promise.ballot(), third.ballot());
    assert_eq!(reported::<P>(&promise), [(Slot(0), high.ballot(), entry(8))]);
}

/// A later proposer receives the ballot of the vote, not of the promise, even after a crash.
pub fn promised_and_voted_are_two_things<P: Tested>(facts: &Facts<P>) {
    let (mut all, low, _) = rivals(facts);
    all[2].vote(&low).expect("a vote");
    let second = candidate(&mut all, 1, low.ballot());
    all[2].promise(&second).expect("a promise");
    let third = candidate(&mut all, 0, second.ballot());
    for mut n2 in [all[2].restored(), all[2].clone()] {
        let promise = n2.promise(&third).expect("a promise");
        assert_eq!(reported::<P>(&promise), [(Slot(0), low.ballot(), entry(7))]);
    }
}

/// The acceptor gives the same answer, and writes nothing unless the variant says that it writes again.
pub fn a_repeated_question_is_answered_again_and_changes_nothing<P: Tested>(facts: &Facts<P>) {
    let (mut all, low, _) = rivals(facts);
    let question = candidate(&mut all, 1, low.ballot());
    let before = all[2].clone();
    let mut voted = before.clone();
    let vote = voted.vote(&low);
    let mut again = voted.clone();
    assert_eq!((again.vote(&low), &again.acceptor), (vote, &voted.acceptor));
    assert_eq!(again.disk.len() > voted.disk.len(), facts.rewrites, "`rewrites` of {} is not true", P::NAME);
    let mut promised = before;
    let promise = promised.promise(&question);
    let mut again = promised.clone();
    assert_eq!((again.promise(&question), &again.acceptor), (promise, &promised.acceptor));
    assert_eq!(
        again.disk.len() > promised.disk.len(),
        facts.rewrites,
        "`rewrites` of {} is not true",
        P::NAME
    );
}

/// n2, after the votes of two ballots in several slots and the promise of a third. Also returns the ballots. None if the
/// variant's acceptors leave no gaps: the second leader knows what is chosen, and n2 does not.
fn veteran<P: Tested>(facts: &Facts<P>) -> Option<(Process<P>, [Ballot; 3])> {
    let mut n2 = stage(facts, 3).swap_remove(2);
    let mut ballots = [Ballot::ZERO; 3];
    for (who, first, seqs) in [(0, 0, 0..4), (1, 2, 12..14), (1, 6, 16..17)] {
        let mut acceptors = stage(facts, 3);
        let mut leader = acceptors.swap_remove(who);
        leader.know(first);
        for accept in leader.proposals(&mut acceptors, ballots[0], seqs) {
            let voted = n2.vote(&accept).is_ok();
            assert_eq!(voted, facts.gaps || first == 0, "`gaps` of {} is not true", P::NAME);
            ballots[who] = accept.ballot();
        }
    }
    let question = knowing(&mut stage(facts, 3), 0, 2, ballots[1]);
    n2.promise(&question).ok()?;
    ballots[2] = question.ballot();
    facts.gaps.then_some((n2, ballots))
}

/// A slot without a vote is left out.
pub fn a_promise_reports_the_highest_vote_of_each_slot<P: Tested>(facts: &Facts<P>) {
    let Some((n2, [low, high, promised])) = veteran(facts) else { return };
    let ask = |from| {
        let question = knowing(&mut stage(facts, 3), 1, from, promised);
        reported::<P>(&n2.reports(&question).expect("a promise"))
    };
    let told: Vec<_> = if facts.one_phase_1 { ask(1) } else { (1..8).flat_map(ask).collect() };
    let vote = |slot, ballot, seq| (Slot(slot), ballot, entry(seq));
    assert_eq!(told, [vote(1, low, 1), vote(2, high, 12), vote(3, high, 13), vote(6, high, 16)]);
}

/// The acceptor answers as it would have without the crash.
pub fn a_restored_acceptor_has_what_was_on_disk<P: Tested>(facts: &Facts<P>) {
    let (mut all, low, high) = rivals(facts);
    let third = candidate(&mut all, 0, high.ballot());
    all[2].vote(&low).expect("a vote");
    all[2].vote(&high).expect("a vote");
    let mut again = all[2].restored();
    assert_eq!(again.acceptor, all[2].acceptor);
    assert_eq!(again.reports(&third), all[2].reports(&third));
    again.vote(&low).expect_err("refused");
    // A promise is as binding as a vote.
    all[2].promise(&third).expect("a promise");
    let mut again = all[2].restored();
    assert_eq!(again.acceptor, all[2].acceptor);
    assert_eq!(again.vote(&high).expect_err("refused").promised, third.ballot());
    // So it does in several slots.
    let Some((n2, [low, _, promised])) = veteran(facts) else { return };
    let again = n2.restored();
    assert_eq!(again.acceptor, n2.acceptor);
    for (from, heard) in [(0, promised), (2, promised), (2, low)] {
        let question = knowing(&mut stage(facts, 3), 1, from, heard);
        assert_eq!(again.reports(&question), n2.reports(&question));
    }
}

/// What is not on disk was never sent.
pub fn a_record_that_tore_off_takes_its_promise_with_it_and_no_other<P: Tested>(facts: &Facts<P>) {
    let (mut all, low, high) = rivals(facts);
    all[2].vote(&low).expect("a vote");
    let kept = all[2].disk.len();
    let third = candidate(&mut all, 0, high.ballot());
    all[2].promise(&third).expect("a promise");
    assert!(all[2].disk.len() > kept);
    let mut again = all[2].restored_from(all[2].disk[..kept].to_vec());
    again.vote(&high).expect("nothing higher is promised");
    assert_eq!(
        reported::<P>(&again.promise(&third).expect("a promise")),
        [(Slot(0), high.ballot(), entry(8))]
    );
}

/// A learner that is not an acceptor receives no phase 2a.
pub fn votes_carry_the_value_to_learners_that_the_question_does_not_reach<P: Tested>(facts: &Facts<P>) {
    let config = Config { learning: Learning::Everyone, ..Config::separate(1, 3, 2).expect("servers") };
    let mut all: Vec<Process<P>> = (0..4).map(|id| Process::new(facts, config.clone(), id)).collect();
    let accept = elect(&mut all, 0, 7, Ballot::ZERO, &[1, 2]);
    let voted = all[3].vote(&accept).expect("a vote");
    let values: Vec<_> =
        proposed::<P>(&accept).into_iter().map(|(s, b, entry)| (s, b, Some(entry))).collect();
    assert_eq!(votes::<P>(&voted), values);
}

/// The phase 1a of process `who` when it knows what is chosen below slot `below`, in a ballot above `heard`.
fn knowing<P: Tested>(all: &mut [Process<P>], who: usize, below: u64, heard: Ballot) -> P::Prepare {
    all[who].know(below);
    candidate(all, who, heard)
}

/// An acceptor may forget only what its other records restore. A variant that forgets nothing says so, and keeps
/// everything.
pub fn an_acceptor_says_whether_it_can_forget<P: Tested>(facts: &Facts<P>) {
    let (mut all, low, high) = rivals(facts);
    all[2].vote(&high).expect("a vote");
    let third = candidate(&mut all, 0, high.ballot());
    let retained = all[2].acceptor.retained(Slot(0));
    assert_eq!(retained.is_some(), facts.compacts, "`compacts` of {} is not true", P::NAME);
    let Some(retained) = retained else {
        // Whatever it is told to forget, it reports all its votes, or refuses.
        let whole = all[2].reports(&third);
        all[2].acceptor.trim(Slot(1));
        match all[2].promise(&third) {
            Ok(promise) => assert_eq!(Ok(promise), whole),
            Err(_refusal) => assert!(all[2].acceptor.floor() >= Slot(1)),
        }
        return;
    };
    let mut again = all[2].restored_from(retained);
    assert_eq!(again.reports(&third), all[2].reports(&third));
    assert_eq!(again.vote(&low).expect_err("refused").promised, high.ballot());
    // It makes no promise about slots whose votes it has forgotten.
    again.acceptor.trim(Slot(1));
    let before = again.clone();
    again.promise(&third).expect_err("refused");
    assert_eq!((&again.acceptor, &again.disk), (&before.acceptor, &before.disk));
    assert!(again.acceptor.floor() >= Slot(1) && again.acceptor.voted_below() >= Slot(1));
    // It promises later slots, and its retained records are enough for this.
    let mut later = stage(facts, 3);
    let second = knowing(&mut later, 0, 1, third.ballot());
    let promise = later[1].promise(&second).expect("a promise");
    later[0].hear(NodeId(1), promise);
    let promise = later[2].promise(&second).expect("a promise");
    later[0].hear(NodeId(2), promise);
    let accept = later[0].accepts().into_iter().next().expect("a phase 2a");
    assert!(proposed::<P>(&accept).iter().any(|(slot, ..)| *slot == Slot(1)));
    again.vote(&accept).expect("a vote");
    let fourth = knowing(&mut stage(facts, 3), 1, 1, accept.ballot());
    let told = reported::<P>(&again.reports(&fourth).expect("from the floor on"));
    assert!(told.iter().any(|(slot, ballot, _)| (*slot, *ballot) == (Slot(1), accept.ballot())), "{told:?}");
    let retained = again.acceptor.retained(Slot(1)).expect("as before");
    let mut last = again.restored_from(retained);
    last.acceptor.trim(Slot(1));
    assert_eq!(last.reports(&fourth), again.reports(&fourth));
}

/// It forgets its votes below a slot, and keeps all its other votes and promises.
pub fn what_an_acceptor_retains_restores_it<P: Tested>(facts: &Facts<P>) {
    let Some((n2, [low, _, promised])) = veteran(facts) else { return };
    let Some(retained) = n2.acceptor.retained(Slot(2)) else { return assert!(!facts.compacts) };
    let mut again = n2.restored_from(retained);
    again.acceptor.trim(Slot(2));
    let question = |from, heard| knowing(&mut stage(facts, 3), 1, from, heard);
    // The first of them is in a ballot below the promise.
    assert!(question(2, low).ballot() < promised && n2.reports(&question(2, low)).is_err());
    for (from, heard) in [(2, low), (2, promised), (3, promised), (6, promised)] {
        let question = question(from, heard);
        assert_eq!(again.reports(&question), n2.reports(&question), "from {from}");
    }
    let forgotten = question(1, promised);
    assert!(again.reports(&forgotten).is_err() && n2.reports(&forgotten).is_ok());
}
