//! The proposer: what it may propose, and in which ballots.

use super::stage::{NOW, Process, STRANGER, candidate, elect, entry, proposed, stage};
use crate::conformance::{Facts, Tested};
use paxos_core::{
    Ballot, Batch, Config, Entry, InBallot, Nack, NodeId, Overloaded, Phase, Proposal, Proposer as _, Reach,
    Slot,
};

/// This is the central rule of Paxos.
pub fn it_proposes_the_value_of_the_highest_vote_reported<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 5);
    let low = elect(&mut all, 0, 7, Ballot::ZERO, &[0, 1, 2]);
    all[0].vote(&low).expect("a vote");
    let high = elect(&mut all, 1, 8, low.ballot(), &[1, 2, 3]);
    all[1].vote(&high).expect("a vote");
    // The proposer receives both votes, in any order, and has its own command.
    for order in [[0, 1, 4], [1, 0, 4], [4, 1, 0]] {
        let accept = elect(&mut all.clone(), 2, 9, high.ballot(), &order);
        let value = proposed::<P>(&accept).into_iter().find(|(slot, ..)| *slot == Slot(0));
        assert_eq!(value, Some((Slot(0), accept.ballot(), entry(8))), "{order:?}");
    }
    // Without a reported vote the proposer is free to choose.
    let mut all = stage(facts, 5);
    let accept = elect(&mut all, 2, 9, Ballot::ZERO, &[0, 1, 4]);
    assert_eq!(proposed::<P>(&accept), [(Slot(0), accept.ballot(), entry(9))]);
}

/// The proposer counts acceptors, not answers, and only answers to its current ballot.
pub fn strangers_and_repeated_promises_change_nothing<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 5);
    let other = candidate(&mut all, 1, Ballot::ZERO);
    let stray = all[4].promise(&other).expect("a promise");
    // The ballot is higher than that of the vote below.
    let question = candidate(&mut all, 0, Ballot::classic(1, NodeId(2)));
    let mut promises: Vec<_> =
        all[1..4].iter_mut().map(|n| n.promise(&question).expect("a promise")).collect();
    // One promise reports a vote, and one answers a prepare for other slots.
    let low = elect(&mut stage(facts, 5), 2, 50, Ballot::ZERO, &[1, 2, 3]);
    assert!(low.ballot() < question.ballot());
    let mut n4 = Process::<P>::new(facts, Config::collapsed(5).expect("servers"), 4);
    n4.vote(&low).expect("a vote");
    let tempted = n4.promise(&question).expect("a promise");
    let mut far = stage(facts, 5);
    far[0].chosen.choose(Slot(0), Batch::from(entry(50)));
    let Process { proposer, chosen, .. } = &mut far[0];
    proposer.on_chosen(NOW, chosen);
    let elsewhere = candidate(&mut far, 0, low.ballot());
    assert_eq!(elsewhere.ballot(), question.ballot());
    let elsewhere = far[4].promise(&elsewhere).expect("a promise");
    let n0 = &mut all[0];
    n0.hear(NodeId(1), promises[0].clone());
    let before = n0.proposer.clone();
    let again =
        [(NodeId(1), &promises[0]), (NodeId(1), &tempted), (NodeId(4), &stray), (NodeId(4), &elsewhere)];
    for (from, promise) in again {
        n0.hear(from, promise.clone());
        assert_eq!(n0.proposer, before, "{from}");
    }
    for stranger in [5, STRANGER.0, 63, 64, u16::MAX] {
        n0.hear(NodeId(stranger), promises[2].clone());
    }
    n0.hear(NodeId(2), promises.remove(1));
    assert!(n0.accepts().is_empty(), "two acceptors of five and strangers have promised");
    n0.hear(NodeId(3), promises.remove(1));
    // A late promise has no influence on the proposal.
    n0.hear(NodeId(4), tempted);
    let accepts = n0.accepts();
    let [accept] = &accepts[..] else { panic!("{accepts:?}") };
    assert_eq!(proposed::<P>(accept), [(Slot(0), question.ballot(), entry(90))]);
}

/// The proposer remembers the ballots that it started, and those that its acceptor promised or voted in.
pub fn a_ballot_is_never_used_twice_not_even_across_a_crash<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 3);
    let used = candidate(&mut all, 0, Ballot::ZERO);
    assert!(!all[0].disk.is_empty(), "a ballot that is not on disk is used again");
    let first = candidate(&mut [all[0].restored()], 0, Ballot::ZERO);
    assert!(first.ballot() > used.ballot() && first.ballot().owner == NodeId(0));
    // n1 learns of the ballot only by its vote.
    let foreign = elect(&mut all, 2, 7, Ballot::classic(6, NodeId(1)), &[0, 2]);
    let mut promised = [all[0].restored()];
    assert!(candidate(&mut promised, 0, Ballot::ZERO).ballot() > foreign.ballot());
    all[1].vote(&foreign).expect("a vote");
    let mut voted = [all[1].restored()];
    assert!(candidate(&mut voted, 0, Ballot::ZERO).ballot() > foreign.ballot());
}

/// Clients repeat a request when they receive no answer.
pub fn a_command_asked_for_twice_is_proposed_once<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 3);
    all[0].request(7..8).expect("there is room");
    let accept = elect(&mut all, 0, 7, Ballot::ZERO, &[0, 1]);
    all[0].request(7..8).expect("there is room");
    let mut values = proposed::<P>(&accept);
    values.extend(all[0].accepts().iter().flat_map(|accept| proposed::<P>(accept)));
    assert_eq!(values, [(Slot(0), accept.ballot(), entry(7))]);
}

/// Nothing is proposed in such a slot, and the next command takes the next slot.
pub fn slots_known_to_be_chosen_are_passed_over<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 3);
    all[0].chosen.choose(Slot(0), Batch::from(entry(50)));
    let Process { proposer, chosen, .. } = &mut all[0];
    proposer.on_chosen(NOW, chosen);
    let accept = elect(&mut all, 0, 8, Ballot::ZERO, &[0, 1]);
    assert_eq!(proposed::<P>(&accept), [(Slot(1), accept.ballot(), entry(8))]);
}

/// A variant in which each slot has a phase 1 of its own says so.
pub fn a_proposer_says_whether_one_phase_1_serves_all_slots<P: Tested>(facts: &Facts<P>) {
    let mut n0 = stage(facts, 3).swap_remove(0);
    n0.request(0..2).expect("there is room");
    n0.proposer.campaign(NOW, &n0.chosen);
    let asked = n0.poll().len();
    assert_eq!(asked == 1, facts.one_phase_1, "`one_phase_1` of {} is not true", P::NAME);
}

/// The acceptors of the first quorum may have crashed. This holds in both phases.
pub fn an_unanswered_question_goes_to_all<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 3);
    let mut n0 = all.swap_remove(0);
    n0.request(0..1).expect("there is room");
    n0.proposer.campaign(NOW, &n0.chosen);
    for phase in [Phase::One, Phase::TwoClassic] {
        let asked = n0.poll().into_iter().next();
        assert_eq!(asked.as_ref().map(|(_, reach)| *reach), Some(Reach::Quorum(phase)));
        let due = n0.proposer.deadline().expect("it waits");
        let resend = Config::collapsed(3).expect("servers").timeouts.resend;
        assert!(phase != Phase::One || Some(due.since(NOW)) == resend, "{due:?}");
        n0.proposer.on_timeout(due, &n0.chosen);
        let (_, reach) = n0.proposer.poll(due, &n0.chosen).expect("it asks again");
        assert_eq!(reach, Reach::All);
        if let Some((Proposal::Prepare(question, _), _)) = asked {
            n0.hear_all(&mut all, &question);
        }
    }
    n0.know(1);
    assert_eq!(n0.proposer.deadline(), None);
}

/// Acceptors and learners keep what is under way in memory.
pub fn no_more_slots_are_under_way_than_the_window_has<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::collapsed(3).expect("servers");
    (config.limits.window, config.limits.batch) = (3, if facts.pieces { 2 } else { 1024 });
    let mut all: Vec<Process<P>> = (0..3).map(|id| Process::new(facts, config.clone(), id)).collect();
    let mut n0 = all.swap_remove(0);
    n0.request(0..5).expect("there is room");
    n0.proposer.campaign(NOW, &n0.chosen);
    let mut values = Vec::new();
    for _ in 0..20 {
        let asked = n0.poll();
        let load = n0.proposer.load();
        assert!(load.in_flight.count <= 3, "{load:?}");
        for (proposal, _) in asked {
            match proposal {
                Proposal::Prepare(question, _) => n0.hear_all(&mut all, &question),
                Proposal::Accept(accept) => values.extend(proposed::<P>(&accept)),
            }
        }
        assert!(values.len() <= n0.chosen.first_unknown().index() as usize + 3, "{values:?}");
        if n0.proposer.load().in_flight.count == values.len() - n0.chosen.first_unknown().index() as usize {
            for (slot, _, entry) in &values {
                n0.chosen.choose(*slot, entry.clone().into());
            }
            n0.proposer.on_chosen(NOW, &n0.chosen);
        }
    }
    let expected: Vec<_> = (0..5).map(|n| (Slot(n), entry(n))).collect();
    assert_eq!(values.into_iter().map(|(slot, _, entry)| (slot, entry)).collect::<Vec<_>>(), expected);
}

/// No promise of the quorum reports a vote there, so a no-op may be proposed. Its own command comes after what it found.
pub fn gaps_are_filled_with_noops<P: Tested>(facts: &Facts<P>) {
    if !facts.gaps || !facts.one_phase_1 {
        return;
    }
    let mut all = stage(facts, 3);
    let mut acceptors = all.clone();
    all[1].know(2);
    let accept = all[1].proposals(&mut acceptors, Ballot::ZERO, 7..8).swap_remove(0);
    all[1].vote(&accept).expect("a vote");
    let mut n0 = all.swap_remove(0);
    n0.request(5..6).expect("there is room");
    n0.proposer.on_ballot(accept.ballot());
    n0.begin();
    let mut values = Vec::new();
    for _ in 0..10 {
        for (proposal, _) in n0.poll() {
            match proposal {
                Proposal::Prepare(question, _) => n0.hear_all(&mut all, &question),
                Proposal::Accept(accept) => {
                    for (slot, _, entry) in proposed::<P>(&accept) {
                        n0.chosen.choose(slot, entry.clone().into());
                        values.push((slot, entry));
                    }
                }
            }
        }
        n0.proposer.on_chosen(NOW, &n0.chosen);
    }
    let expected = [Entry::Noop, Entry::Noop, entry(7), entry(5)];
    assert_eq!(values, (0..).map(Slot).zip(expected).collect::<Vec<_>>());
}

/// Commands that already wait may be requested again.
pub fn more_than_the_queue_holds_is_refused<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::collapsed(3).expect("servers");
    config.limits.queue = 2;
    let mut n0 = Process::<P>::new(facts, config, 0);
    n0.request(0..2).expect("there is room");
    n0.request(0..2).expect("they wait already");
    assert_eq!(n0.request(1..3), Err(Overloaded::Waiting(2)));
    assert_eq!(n0.proposer.load().waiting.count, 2);
}

/// A refusal, or any other news of a higher ballot, ends the leadership at once.
pub fn a_higher_ballot_ends_a_leader<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 3);
    let accept = elect(&mut all, 0, 7, Ballot::ZERO, &[0, 1]);
    let (own, higher) = (accept.ballot(), Ballot::classic(9, NodeId(1)));
    let leader = all.swap_remove(0);
    assert!(leader.proposer.leading().is_some_and(|ballot| ballot.same_term(own)));
    let refusal = |refused| Nack { refused, promised: higher, slots: Slot(0).onwards() };
    let mut heard = leader.clone();
    assert!(heard.proposer.on_ballot(higher) && !heard.proposer.on_ballot(higher));
    let mut refused = leader.clone();
    assert!(refused.proposer.on_nack(NOW, &refusal(own)) && !refused.proposer.on_nack(NOW, &refusal(own)));
    for deposed in [&mut heard, &mut refused] {
        assert_eq!(deposed.proposer.leading(), None);
        assert!(deposed.accepts().is_empty());
        let question = candidate(core::slice::from_mut(deposed), 0, Ballot::ZERO);
        assert!(question.ballot() > higher);
        // Unfinished commands are proposed again before later ones, and once, though acceptors report them.
        for voted in [false, true] {
            let mut deposed = deposed.clone();
            for id in [1, 2] {
                let mut acceptor = Process::<P>::new(facts, Config::collapsed(3).expect("servers"), id);
                if voted {
                    acceptor.vote(&accept).expect("a vote");
                }
                let promise = acceptor.promise(&question).expect("a promise");
                deposed.hear(NodeId(id), promise);
            }
            let values: Vec<_> = deposed.accepts().iter().flat_map(|accept| proposed::<P>(accept)).collect();
            assert_eq!(values.first(), Some(&(Slot(0), question.ballot(), entry(7))), "{values:?}");
            assert!(values[1..].iter().all(|(.., again)| *again != entry(7)), "{values:?}");
        }
    }
    // A refusal of an earlier ballot has no effect, nor has a lower ballot.
    let mut stays = leader;
    let lower = Ballot::classic(0, NodeId(1));
    assert!(!stays.proposer.on_nack(NOW, &refusal(lower)) && !stays.proposer.on_ballot(lower));
    assert!(stays.proposer.leading().is_some());
}

/// A proposer that keeps all its records says so, as its acceptor does.
pub fn a_proposer_says_whether_it_can_forget<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 3);
    let used = candidate(&mut all, 0, Ballot::ZERO);
    let retained = all[0].proposer.retained();
    assert_eq!(retained.is_some(), facts.compacts, "`compacts` of {} is not true", P::NAME);
    let Some(retained) = retained else { return };
    let again = all[0].restored_from(retained);
    assert!(candidate(&mut [again], 0, Ballot::ZERO).ballot() > used.ballot());
}
