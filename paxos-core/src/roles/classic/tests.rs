//! What the classic messages state, and which of them cannot be true.

use super::*;
use crate::{ClientId, Entry, NodeId};
use core::fmt::Debug;

const B: Ballot = Ballot::classic(3, NodeId(1));
const HIGHER: Ballot = Ballot::classic(4, NodeId(0));

fn batch(seqs: core::ops::Range<u64>) -> Batch<u64> {
    seqs.map(|seq| Entry::new(ClientId::default(), seq, seq)).collect()
}

fn slots(range: core::ops::Range<u64>) -> SlotRange {
    SlotRange::new(Slot(range.start), Slot(range.end))
}

fn vote(first: Slot, ballot: Ballot) -> Vote<u64> {
    Vote { first, ballot, batch: batch(0..1) }
}

fn promise(from: u64, votes: Vec<Vote<u64>>) -> Promise<u64> {
    Promise { ballot: B, from: Slot(from), until: Slot(9), votes }
}

fn accept(first: Slot, chosen: Slot) -> Accept<u64> {
    Accept { ballot: B, first, batch: batch(0..2), chosen }
}

fn accepted(range: core::ops::Range<u64>, batch: Option<Batch<u64>>) -> Accepted<u64> {
    Accepted { ballot: B, slots: slots(range), batch }
}

fn facts(message: &impl PhaseMessage<u64>) -> Vec<String> {
    let mut all = Vec::new();
    message.facts(&mut |fact| all.push(format!("{fact:?}")));
    all
}

fn each(facts: impl IntoIterator<Item = impl Debug>) -> Vec<String> {
    facts.into_iter().map(|fact| format!("{fact:?}")).collect()
}

#[test]
fn phase_1_speaks_of_all_slots_from_one_on_and_reports_each_vote() {
    let prepare = Prepare { ballot: B, from: Slot(2) };
    assert_eq!(facts(&prepare), each([Fact::Prepare::<u64> { ballot: B, slots: Slot(2).onwards() }]));
    let votes = vec![Vote { first: Slot(3), ballot: B, batch: batch(7..9) }, vote(Slot(6), B)];
    let entries = batch(7..9);
    let told = [(Slot(3), B, &entries[0]), (Slot(4), B, &entries[1]), (Slot(6), B, &batch(0..1)[0])];
    let told = Fact::Promise { ballot: B, slots: slots(2..9), votes: &told };
    assert_eq!(facts(&promise(2, votes)), each([told]));
}

#[test]
fn phase_2_and_the_decision_speak_of_each_slot_with_the_value_or_without() {
    let entries = batch(0..2);
    let proposed = |at: usize| Fact::Propose { ballot: B, slot: Slot(5 + at as u64), entry: &entries[at] };
    assert_eq!(facts(&accept(Slot(5), Slot(1))), each([proposed(0), proposed(1)]));
    for batch in [None, Some(entries)] {
        let entry = |at| batch.as_ref().map(|batch: &Batch<u64>| &batch[at]);
        let told = |at: usize| Fact::Vote { ballot: B, slot: Slot(5 + at as u64), entry: entry(at) };
        assert_eq!(facts(&accepted(5..7, batch.clone())), each([told(0), told(1)]));
        let told = |at: usize| Fact::Chosen { slot: Slot(5 + at as u64), entry: entry(at) };
        let decision = Decision { ballot: B, slots: slots(5..7), batch: batch.clone() };
        assert_eq!(facts(&decision), each([told(0), told(1)]));
    }
}

#[test]
fn a_message_whose_numbers_cannot_be_true_is_not_sound() {
    let sound = |message: &dyn Fn(Slot) -> bool| [Slot(0), Slot::LAST, Slot::MAX].map(message);
    assert_eq!(
        sound(&|from| PhaseMessage::<u64>::is_sound(&Prepare { ballot: B, from })),
        [true, true, false]
    );
    assert_eq!(sound(&|first| promise(0, vec![vote(first, B)]).is_sound()), [true, true, false]);
    assert_eq!(sound(&|first| accept(first, Slot(0)).is_sound()), [true, false, false]);
    assert_eq!(sound(&|chosen| accept(Slot(0), chosen).is_sound()), [true, true, false]);
    // Its acceptor would have refused the ballot that it promises.
    assert!(!promise(0, vec![vote(Slot(0), HIGHER)]).is_sound());
    // Too few or too many values for the slots.
    for (range, values, is_sound) in [(5..7, 2, true), (5..8, 2, false), (5..6, 2, false), (5..5, 0, true)] {
        let (batch, decided) = (Some(batch(0..values)), slots(range.clone()));
        let decision = Decision { ballot: B, slots: decided, batch: batch.clone() };
        assert_eq!((accepted(range, batch).is_sound(), decision.is_sound()), (is_sound, is_sound));
    }
    assert!(accepted(5..8, None).is_sound());
}

#[test]
fn a_phase_2a_reaches_what_it_proposes_and_what_it_calls_chosen() {
    assert_eq!(accept(Slot(5), Slot(1)).furthest(), Slot(5));
    assert_eq!(accept(Slot(5), Slot(9)).furthest(), Slot(9));
}
