//! The learner: which votes choose a value.

use super::stage::{Process, STRANGER, elect, entry, proposed, stage};
use crate::conformance::{Facts, Tested};
use paxos_core::{Ballot, Chosen, Config, Fact, InBallot, NodeId, PhaseMessage, Protocol, Slot};

/// The votes of some acceptors.
type Votes<P> = Vec<(NodeId, <P as Protocol>::Accepted)>;

/// Three servers, a proposal of n0, and the votes of all servers for it.
fn vote<P: Tested>(facts: &Facts<P>) -> (Vec<Process<P>>, P::Accept, Votes<P>) {
    let mut all = stage(facts, 3);
    let accept = elect(&mut all, 0, 7, Ballot::classic(1, NodeId(2)), &[0, 1]);
    let votes = all.iter_mut().map(|n| (n.id, n.vote(&accept).expect("a vote"))).collect();
    (all, accept, votes)
}

/// A later vote causes no second decision.
pub fn a_quorum_in_one_ballot_chooses<P: Tested>(facts: &Facts<P>) {
    let (mut all, accept, votes) = vote(facts);
    let n0 = &mut all[0];
    n0.see(&accept);
    n0.count(votes[1].0, &votes[1].1);
    assert_eq!((n0.learned(), n0.decisions.len()), (None, 0));
    n0.count(votes[2].0, &votes[2].1);
    assert_eq!(n0.learned(), Some(entry(7)));
    let decided = n0.decisions.len();
    assert!(decided > 0, "n0 announces");
    n0.count(votes[0].0, &votes[0].1);
    assert_eq!(n0.decisions.len(), decided);
}

/// A quorum of acceptors has voted, but not all in one ballot. This chooses nothing, even if all voted for one value.
pub fn votes_in_different_ballots_are_not_added_up<P: Tested>(facts: &Facts<P>) {
    for same in [false, true] {
        let mut all = stage(facts, 3);
        let low = elect(&mut all, 0, 7, Ballot::ZERO, &[0, 1]);
        if same {
            // The next proposer hears of this vote, and must propose its value.
            all[0].vote(&low).expect("a vote");
        }
        let high = elect(&mut all, 1, 8, low.ballot(), &[0, 1]);
        let mut fresh = stage(facts, 3);
        let [of_low, of_high, second] =
            [(&low, 0), (&high, 1), (&high, 2)].map(|(accept, id)| fresh[id].vote(accept).expect("a vote"));
        let n0 = &mut all[0];
        n0.see(&low);
        n0.see(&high);
        n0.count(NodeId(0), &of_low);
        n0.count(NodeId(1), &of_high);
        assert_eq!((n0.learned(), n0.decisions.len()), (None, 0));
        n0.count(NodeId(2), &second);
        assert_eq!(n0.learned(), Some(entry(if same { 7 } else { 8 })));
    }
}

/// The learner counts acceptors, not messages.
pub fn strangers_and_repeated_votes_change_nothing<P: Tested>(facts: &Facts<P>) {
    let (mut all, accept, votes) = vote(facts);
    let n0 = &mut all[0];
    n0.see(&accept);
    for from in
        [votes[1].0, votes[1].0, NodeId(3), STRANGER, NodeId(63), NodeId(64), NodeId(u16::MAX), votes[1].0]
    {
        n0.count(from, &votes[1].1);
        assert_eq!((n0.learned(), n0.decisions.len()), (None, 0), "{from}");
    }
    n0.count(votes[2].0, &votes[2].1);
    assert_eq!(n0.learned(), Some(entry(7)));
}

/// An announcement without the value may arrive before the phase 2a that carries it, and after one of another ballot.
pub fn what_is_decided_is_known_when_its_value_is_there<P: Tested>(facts: &Facts<P>) {
    let (mut all, accept, votes) = vote(facts);
    all[0].see(&accept);
    for (from, vote) in &votes {
        all[0].count(*from, vote);
    }
    let decision = all[0].decisions.pop().expect("n0 announces");
    let other = elect(&mut stage(facts, 3), 1, 6, Ballot::ZERO, &[1, 2]);
    assert!(other.ballot() < accept.ballot());
    for decided in [false, true] {
        let n2 = &mut all[2].clone();
        if decided {
            n2.decide(&decision);
        } else {
            for (from, vote) in &votes {
                n2.count(*from, vote);
            }
        }
        n2.see(&other);
        assert_ne!(n2.learned(), Some(entry(6)), "decided: {decided}");
        n2.see(&accept);
        assert_eq!(n2.learned(), Some(entry(7)), "decided: {decided}");
    }
}

/// Whatever peers send, the memory of a learner has a limit. The near part of a batch still counts.
pub fn votes_too_far_ahead_are_not_kept<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::collapsed(3).expect("servers");
    config.limits.batch = 4;
    let mut all: Vec<Process<P>> = (0..3).map(|id| Process::new(facts, config.clone(), id)).collect();
    let (mut n2, mut announcer) = (all[2].clone(), all[0].clone());
    let accepts = all.swap_remove(0).proposals(&mut all, Ballot::ZERO, 0..40);
    n2.chosen = Chosen::within_reach(10);
    let empty = n2.clone();
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for accept in accepts {
        let votes: Vec<_> = all.iter_mut().map(|n| (n.id, n.vote(&accept).expect("a vote"))).collect();
        announcer.see(&accept);
        for (from, vote) in &votes {
            announcer.count(*from, vote);
        }
        let first = proposed::<P>(&accept)[0].0;
        let decisions = core::mem::take(&mut announcer.decisions);
        if first < Slot(10) { &mut near } else { &mut far }.push((accept, votes, decisions));
    }
    for messages in [far, near] {
        // The farthest comes first, since a learner that knows more reaches further.
        for (accept, votes, decisions) in messages.into_iter().rev() {
            n2.see(&accept);
            for (from, vote) in &votes {
                n2.count(*from, vote);
            }
            for decision in &decisions {
                n2.decide(decision);
            }
            assert!(n2.chosen.knows(proposed::<P>(&accept)[0].0) || n2.learner == empty.learner);
        }
    }
    // A proposal without gaps below is learned slot by slot.
    assert!(n2.chosen.end() == Slot(10) || !facts.gaps && n2.chosen.end() > Slot(10));
}

/// These are learners that are not acceptors, and acceptors that a thrifty proposer leaves out.
pub fn an_announcement_carries_the_value_to_those_who_may_not_have_it<P: Tested>(facts: &Facts<P>) {
    let separate = Config::separate(1, 3, 2).expect("servers");
    let mut all: Vec<Process<P>> = (0..6).map(|id| Process::new(facts, separate.clone(), id)).collect();
    let accept = elect(&mut all, 0, 7, Ballot::ZERO, &[1, 2]);
    let votes: Vec<_> = (1..4).map(|id| all[id].vote(&accept).expect("a vote")).collect();
    let announcer = &mut all[0];
    announcer.see(&accept);
    (1..4).zip(&votes).for_each(|(id, vote)| announcer.count(NodeId(id), vote));
    let mut decisions = core::mem::take(&mut announcer.decisions);
    // In some variants, a learner that is not a proposer announces.
    (1..4).zip(&votes).for_each(|(id, vote)| all[4].count(NodeId(id), vote));
    decisions.append(&mut all[4].decisions);
    let decision = decisions.pop().expect("somebody announces");
    let mut told = Vec::new();
    decision.facts(&mut |fact| {
        if let Fact::Chosen { slot, entry } = fact {
            told.push((slot, entry.cloned()));
        }
    });
    assert_eq!(told, [(Slot(0), Some(entry(7)))]);
}
