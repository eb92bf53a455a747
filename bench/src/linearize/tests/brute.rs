//! The checker gives the same verdicts as trying every order of every choice of outcomes.

use super::{MEMORY, verdict};
use crate::linearize::{Deed, Operation, Verdict, check};
use proptest::prelude::*;

/// The rules of a key, written a second time, so that these do not share a mistake with the checker's.
fn agrees(deed: &Deed, is_known: bool, value: &mut Option<String>) -> bool {
    match deed {
        Deed::Get(seen) => !is_known || seen == value,
        Deed::Put(to) => {
            *value = Some(to.clone());
            true
        }
        Deed::Cas(from, to) => {
            let found = from == value;
            *value = Some(to.clone());
            found
        }
        Deed::Append(tail, length) => {
            let whole = value.take().unwrap_or_default() + tail;
            let fits = !is_known || *length == Some(whole.len());
            *value = Some(whole);
            fits
        }
        Deed::Delete(had) => {
            let found = value.take().is_some();
            !is_known || *had == Some(found)
        }
        Deed::Incr(after) => {
            let Ok(number) = value.as_deref().unwrap_or("0").parse::<i64>() else { return false };
            *value = Some((number + 1).to_string());
            !is_known || *after == Some(number + 1)
        }
    }
}

/// Whether some order of all answered and some unanswered operations explains everything.
pub(super) fn has_order(history: &[Operation], done: u32, value: Option<&String>) -> bool {
    let left = || (0..history.len()).filter(|nth| done & (1 << nth) == 0);
    if left().all(|nth| history[nth].ended.is_none()) {
        return true;
    }
    left().any(|nth| {
        let operation = &history[nth];
        // An operation that ended before this one began may not come after it.
        let too_early = left().any(|other| history[other].ended.is_some_and(|ended| ended < operation.begun));
        let mut value = value.cloned();
        !too_early
            && agrees(&operation.deed, operation.ended.is_some(), &mut value)
            && has_order(history, done | 1 << nth, value.as_ref())
    })
}

/// Draws values that are prefixes and lengths of each other, or numbers.
fn values() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "1", "2", "11", "12", "9", "-", "-1", "x", "1x"]).prop_map(str::to_owned)
}

fn perhaps() -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.8, values())
}

fn deed(rich: bool) -> BoxedStrategy<Deed> {
    let plain = prop_oneof![
        3 => perhaps().prop_map(Deed::Get),
        2 => values().prop_map(Deed::Put),
        2 => (perhaps(), values()).prop_map(|(from, to)| Deed::Cas(from, to)),
    ];
    if !rich {
        return plain.boxed();
    }
    prop_oneof![
        3 => plain,
        2 => (values(), 0_usize..5).prop_map(|(tail, length)| Deed::Append(tail, Some(length))),
        1 => any::<bool>().prop_map(|had| Deed::Delete(Some(had))),
        1 => (-1_i64..14).prop_map(|after| Deed::Incr(Some(after))),
    ]
    .boxed()
}

fn history(rich: bool) -> impl Strategy<Value = Vec<Operation>> {
    let operation =
        (deed(rich), 0_u64..12, prop::option::weighted(0.6, 0_u64..8)).prop_map(|(deed, begun, lasts)| {
            let ended = lasts.map(|lasts| begun + lasts);
            Operation { client: 0, key: "k".into(), deed, begun, ended }
        });
    prop::collection::vec(operation, 1..8)
}

/// Answers operations as a real register would, so that more histories are right, or nearly right.
fn told(mut history: Vec<Operation>, but: usize) -> Vec<Operation> {
    let mut value = None;
    for (nth, operation) in history.iter_mut().enumerate() {
        if nth == but {
            continue;
        }
        match &mut operation.deed {
            Deed::Get(seen) | Deed::Cas(seen, _) => seen.clone_from(&value),
            Deed::Append(tail, length) => *length = Some(value.as_ref().map_or(0, String::len) + tail.len()),
            Deed::Delete(had) => *had = Some(value.is_some()),
            Deed::Incr(after) => {
                *after = value.as_deref().unwrap_or("0").parse::<i64>().ok().map(|number| number + 1);
                if after.is_none() {
                    operation.deed = Deed::Get(value.clone());
                }
            }
            Deed::Put(_) => {}
        }
        agrees(&operation.deed, operation.ended.is_some(), &mut value);
    }
    history
}

fn same_verdict(history: &[Operation]) {
    let expected = has_order(history, 0, None);
    match verdict(history) {
        Verdict::Linearizable => assert!(expected, "it has no order: {history:#?}"),
        Verdict::NotLinearizable(conflicts) => {
            assert!(!expected, "it has an order: {history:#?}");
            assert!(conflicts.len() == 1 && conflicts[0].is_smallest, "{conflicts:?}");
            let named: Vec<Operation> =
                conflicts[0].operations.iter().map(|nth| history[*nth].clone()).collect();
            assert!(!has_order(&named, 0, None), "those named have an order: {named:#?} of {history:#?}");
        }
        Verdict::Undecided(keys) => panic!("{keys:?}: {history:#?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn registers_are_judged_as_by_trying_every_order(history in history(false)) {
        same_verdict(&history);
    }

    #[test]
    fn all_operations_are_judged_as_by_trying_every_order(history in history(true)) {
        same_verdict(&history);
    }

    #[test]
    fn nearly_right_histories_are_judged_as_by_trying_every_order(history in history(true), but in 0_usize..12) {
        same_verdict(&told(history, but));
    }

    #[test]
    fn nearly_right_registers_are_judged_as_by_trying_every_order(history in history(false), but in 0_usize..12) {
        same_verdict(&told(history, but));
    }
}

#[test]
fn a_search_without_memory_is_no_verdict() {
    let history: Vec<Operation> = (0..20).map(|nth| super::put(&nth.to_string(), nth + 1, 100)).collect();
    assert_eq!(check(&history, 100, |_| {}), Verdict::Undecided(vec!["k".into()]));
    assert_eq!(check(&history, MEMORY, |_| {}), Verdict::Linearizable);
}
