//! Raft's rule in single calls: which logs an acceptor takes for behind, what it votes for, and what a candidate shows. Each claim
//! is about any acceptor with these messages, so that `broken` can show which mistakes it finds.

use crate::raft_rule::Abreast;
use crate::raft_rule::abreast::{Accept, Accepted, Decision, Dialect, Prepare, Reached};
use paxos_core::{
    Acceptor as _, Ballot, Batch, Chosen, ClientId, Config, Entry, Learner as _, NodeId, Proposal,
    Proposer as _, Record, Setup, Slot, SlotRange, Time,
};
use std::sync::Arc;

const NOW: Time = Time(0);

fn setup(id: u16) -> Setup<()> {
    let config = Arc::new(Config::collapsed(3).expect("servers"));
    Setup { id: NodeId(id), config, options: () }
}

fn ballot(round: u64) -> Ballot {
    Ballot::classic(round, NodeId(0))
}

/// Commands, one for each number.
fn batch(seqs: core::ops::Range<u64>) -> Batch<u64> {
    seqs.map(|seq| Entry::new(ClientId::default(), seq, seq)).collect()
}

fn slots(range: core::ops::Range<u64>) -> SlotRange {
    SlotRange::new(Slot(range.start), Slot(range.end))
}

fn accept(round: u64, first: u64, seqs: core::ops::Range<u64>, chosen: u64) -> Accept<u64> {
    Accept { ballot: ballot(round), first: Slot(first), batch: batch(seqs), chosen: Slot(chosen) }
}

/// n1, which has voted for two entries in ballot 2.
fn voter<P: Dialect<u64>>() -> (P::Acceptor, Vec<Record<u64>>) {
    let (mut acceptor, mut disk) = (P::Acceptor::new(&setup(1)), Vec::new());
    acceptor.on_accept(&accept(2, 0, 0..2, 0), &mut disk).expect("a vote");
    (acceptor, disk)
}

/// Whether it promises ballot 9 to a candidate whose log is this far.
fn promises<P: Dialect<u64>>(acceptor: &P::Acceptor, shown: Reached) -> bool {
    let prepare = Prepare { ballot: ballot(9), from: Slot(0), log: Some(shown) };
    acceptor.clone().on_prepare(&prepare, &mut Vec::new()).is_ok()
}

/// That of two logs the one with the later last ballot is ahead, however long they are, and with the same the longer one.
pub(crate) fn a_candidate_whose_log_is_behind_is_refused<P: Dialect<u64>>() {
    let (acceptor, disk) = voter::<P>();
    let mut restored = P::Acceptor::new(&setup(1));
    for record in &disk {
        restored.restore(record);
    }
    for voter in [acceptor, restored] {
        let promises = |round, end| promises::<P>(&voter, (ballot(round), Slot(end)));
        assert!(!promises(1, 1) && !promises(1, 2) && !promises(2, 1), "a log behind in ballot or length");
        assert!(!promises(1, 7), "a longer log of a lower ballot is behind");
        assert!(promises(2, 2) && promises(2, 3) && promises(3, 1), "a log abreast or ahead");
    }
}

/// That it votes where all below is chosen or of the same ballot, and names the slot from which it needs the log otherwise.
pub(crate) fn no_vote_leaves_a_gap<P: Dialect<u64>>() {
    let (mut acceptor, mut disk) = voter::<P>();
    let before = disk.clone();
    for (first, what) in [(1, "what it holds below may not be the leader's"), (4, "a gap")] {
        let nack = acceptor.on_accept(&accept(3, first, 5..7, first), &mut disk).expect_err(what);
        assert_eq!((nack.refused, nack.slots.start, &disk), (ballot(3), Slot(0), &before), "{what}");
    }
    let gap = acceptor.on_accept(&accept(2, 3, 3..4, 0), &mut disk).expect_err("a gap");
    assert_eq!(gap.slots.start, Slot(2));
    acceptor.on_accept(&accept(2, 2, 2..3, 1), &mut disk).expect("its log goes on");
    acceptor.on_accept(&accept(3, 1, 5..6, 1), &mut disk).expect("all below is chosen");
}

/// That a vote is for all that the phase 2a names, and makes the log end there.
pub(crate) fn a_vote_is_for_the_whole_log<P: Dialect<u64>>() {
    let (mut acceptor, mut disk) = voter::<P>();
    let accept = accept(3, 0, 4..8, 0);
    let voted = acceptor.on_accept(&accept, &mut disk).expect("a vote");
    assert_eq!(voted, Some(Accepted { ballot: ballot(3), slots: slots(0..4), batch: Some(accept.batch) }));
    assert_eq!(acceptor.voted_below(), Slot(4));
    assert!(
        !promises::<P>(&acceptor, (ballot(3), Slot(3))) && promises::<P>(&acceptor, (ballot(3), Slot(4)))
    );
}

/// That votes which the leader of a higher ballot did not have are no part of the log any more.
fn a_higher_ballot_cuts_the_log<P: Dialect<u64>>() {
    let (mut acceptor, mut disk) = voter::<P>();
    acceptor.on_accept(&accept(3, 0, 7..8, 0), &mut disk).expect("a vote");
    assert_eq!(acceptor.voted_below(), Slot(1));
    assert!(promises::<P>(&acceptor, (ballot(3), Slot(1))));
}

/// That a candidate shows the log of its own acceptor, wins by promises that report nothing, and proposes all of that log again.
fn a_candidate_wins_with_its_own_log<P: Dialect<u64>>() {
    let (chosen, mut proposer) = (Chosen::default(), P::Proposer::new(&setup(1)));
    // What others voted for is not in its log.
    for (from, seqs) in [(1, 0..2), (2, 2..3)] {
        let vote = Accepted { ballot: ballot(2), slots: slots(seqs.clone()), batch: Some(batch(seqs)) };
        proposer.on_accepted(NOW, NodeId(from), &vote, &chosen);
    }
    proposer.on_ballot(ballot(2));
    proposer.campaign(NOW, &chosen);
    let asked = proposer.poll(NOW, &chosen);
    let Some((Proposal::Prepare(prepare, _), _)) = asked else { panic!("{asked:?}") };
    assert_eq!(prepare.log, Some((ballot(2), Slot(2))));
    for (mut acceptor, from) in [(voter::<P>().0, NodeId(1)), (P::Acceptor::new(&setup(2)), NodeId(2))] {
        let promise = acceptor.on_prepare(&prepare, &mut Vec::new()).expect("a promise");
        assert!(promise.votes.is_empty());
        proposer.on_promise(NOW, from, promise, &chosen);
    }
    let asked = proposer.poll(NOW, &chosen);
    let Some((Proposal::Accept(accept), _)) = asked else { panic!("{asked:?}") };
    assert_eq!((accept.ballot, accept.first, accept.batch), (prepare.ballot, Slot(0), batch(0..2)));
}

/// That a vote counts only with its values, and that a decision without them teaches nothing.
fn what_carries_no_values_is_not_learned<P: Dialect<u64>>() {
    for carried in [false, true] {
        let (mut chosen, mut decisions) = (Chosen::default(), Vec::new());
        let mut learner = P::Learner::new(&setup(0));
        let batch = carried.then(|| batch(0..2));
        let vote = Accepted { ballot: ballot(1), slots: slots(0..2), batch: batch.clone() };
        for from in [1, 2] {
            learner.on_accepted(NodeId(from), &vote, &mut chosen, &mut decisions);
        }
        let known = if carried { Slot(2) } else { Slot(0) };
        assert_eq!((chosen.first_unknown(), decisions.is_empty()), (known, !carried));
        let (mut chosen, mut learner) = (Chosen::default(), P::Learner::new(&setup(2)));
        learner.on_decide(&Decision { ballot: ballot(1), slots: slots(0..2), batch }, &mut chosen);
        assert_eq!(chosen.first_unknown(), known);
    }
}

#[test]
fn the_roles_keep_these_claims() {
    a_candidate_whose_log_is_behind_is_refused::<Abreast>();
    no_vote_leaves_a_gap::<Abreast>();
    a_vote_is_for_the_whole_log::<Abreast>();
    a_higher_ballot_cuts_the_log::<Abreast>();
    a_candidate_wins_with_its_own_log::<Abreast>();
    what_carries_no_values_is_not_learned::<Abreast>();
}
