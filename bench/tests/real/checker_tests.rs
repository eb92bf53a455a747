//! The checker finds what it is for, and nothing else.

use crate::chance;
use crate::checker::{Deed, Op, check};

fn op(deed: Deed, begun: u64, ended: u64) -> Op {
    Op { key: "k".into(), deed, begun, ended: (ended > 0).then_some(ended) }
}

fn put(value: &str, begun: u64, ended: u64) -> Op {
    op(Deed::Put(value.into()), begun, ended)
}

fn get(value: &str, begun: u64, ended: u64) -> Op {
    op(Deed::Get((!value.is_empty()).then(|| value.into())), begun, ended)
}

fn right(history: &[Op]) {
    assert_eq!(check(history).map(|_| ()), Ok(()));
}

fn wrong(history: &[Op]) {
    assert!(check(history).is_err(), "{history:?}");
}

#[test]
fn the_checker_finds_a_stale_read() {
    right(&[put("a", 1, 2), put("b", 3, 4), get("b", 5, 6)]);
    wrong(&[put("a", 1, 2), put("b", 3, 4), get("a", 5, 6)]);
    right(&[put("a", 1, 2), put("b", 3, 6), get("a", 4, 5)]);
    // The new value was seen, so the old one is gone for all who come later.
    wrong(&[put("a", 1, 2), put("b", 3, 20), get("b", 4, 5), get("a", 6, 7)]);
    right(&[put("a", 1, 2), put("b", 3, 20), get("b", 4, 7), get("a", 5, 6)]);
}

#[test]
fn the_checker_finds_a_lost_write() {
    wrong(&[put("a", 1, 2), get("", 3, 4)]);
    let incr = |n, begun, ended| op(Deed::Incr(n), begun, ended);
    right(&[incr(Some(1), 1, 5), incr(Some(2), 1, 5)]);
    wrong(&[incr(Some(1), 1, 2), incr(Some(1), 3, 4)]);
    wrong(&[incr(Some(1), 1, 2), incr(Some(2), 3, 4), get("1", 5, 6)]);
    let append = |text: &str, length, begun, ended| op(Deed::Append(text.into(), length), begun, ended);
    right(&[append("x", Some(2), 1, 9), append("y", Some(1), 1, 9), get("yx", 10, 11)]);
    wrong(&[append("x", Some(1), 1, 2), append("y", Some(2), 3, 4), get("y", 5, 6)]);
}

#[test]
fn the_checker_lets_an_unknown_outcome_happen_once_at_any_time_or_never() {
    right(&[put("a", 1, 2), put("b", 3, 0), get("a", 10, 11), get("a", 12, 13)]);
    right(&[put("a", 1, 2), put("b", 3, 0), get("a", 10, 11), get("b", 12, 13)]);
    wrong(&[put("a", 1, 2), put("b", 3, 0), get("b", 10, 11), get("a", 12, 13)]);
    wrong(&[put("a", 1, 2), get("b", 3, 4), put("b", 5, 0)]);
    let incr = |n, begun, ended| op(Deed::Incr(n), begun, ended);
    right(&[incr(None, 1, 0), incr(None, 2, 0), get("1", 3, 4), incr(Some(3), 5, 6)]);
    right(&[incr(None, 1, 0), incr(None, 2, 0), get("2", 3, 4)]);
    wrong(&[incr(None, 1, 0), incr(None, 2, 0), get("3", 3, 4)]);
    wrong(&[incr(None, 1, 0), incr(Some(2), 3, 4), incr(Some(4), 5, 6)]);
}

#[test]
fn the_checker_lets_many_unknown_appends_happen_in_the_order_that_was_seen() {
    let append = |text: &str, length, begun, ended| op(Deed::Append(text.into(), length), begun, ended);
    let mut history: Vec<Op> = (0..12).map(|nth| append(&format!("{nth},"), None, 1, 0)).collect();
    history.extend([get("7,", 10, 11), get("7,3,", 12, 13), put("a,", 14, 0), get("a,9,", 15, 16)]);
    right(&history);
    // One that was overwritten unseen counts in the length that another saw.
    history.extend([append("x,", Some(8), 17, 18), get("a,9,5,x,", 19, 20), put("b,", 21, 22)]);
    right(&history);
    let mut again = history.clone();
    again.push(get("b,9,", 23, 24));
    wrong(&again);
    // Seen by one that ends only after it was overwritten.
    history.extend([get("b,2,", 21, 30), put("c,", 23, 24)]);
    right(&history);
}

#[test]
fn the_checker_knows_compare_and_set_and_removal() {
    let cas = |from: &str, to: &str, begun, ended| {
        op(Deed::Cas((!from.is_empty()).then(|| from.into()), to.into()), begun, ended)
    };
    right(&[cas("", "a", 1, 2), cas("a", "b", 3, 4), get("b", 5, 6)]);
    wrong(&[put("a", 1, 2), cas("a", "b", 3, 9), cas("a", "c", 3, 9)]);
    right(&[put("a", 1, 2), cas("a", "b", 3, 0), cas("b", "c", 4, 5)]);
    let delete = |had, begun, ended| op(Deed::Delete(had), begun, ended);
    right(&[put("a", 1, 2), delete(Some(true), 3, 4), delete(Some(false), 5, 6), get("", 7, 8)]);
    wrong(&[put("a", 1, 2), delete(Some(true), 3, 4), delete(Some(true), 5, 6)]);
    right(&[put("a", 1, 2), delete(Some(true), 3, 4), put("b", 1, 0), delete(Some(true), 5, 6)]);
}

/// What a true register would have answered to ten clients, a tenth of whom never hear the end.
fn drawn(stream: u64, length: u64) -> Vec<Op> {
    let mut chance = chance(1_000 + stream);
    let (mut value, mut history) = (None::<String>, Vec::new());
    for nth in 0..length {
        let at = 1_000 + nth * 10;
        let (begun, ended) = (at - chance.below(60), at + 1 + chance.below(60));
        let ended = (chance.below(10) > 0).then_some(ended);
        let deed = match chance.below(3) {
            0 => {
                let from = value.replace(nth.to_string());
                Deed::Cas(from, nth.to_string())
            }
            1 => {
                value = Some(nth.to_string());
                Deed::Put(nth.to_string())
            }
            _ => Deed::Get(value.clone()),
        };
        history.push(Op { key: "k".into(), deed, begun, ended });
    }
    history
}

#[test]
fn the_checker_explains_long_histories_and_finds_one_old_answer_in_them() {
    let mut found = 0;
    for stream in 0..20 {
        let mut history = drawn(stream, 2_000);
        right(&history);
        // One read of a value that was written long before.
        let old = history.iter().find_map(|op| match (&op.deed, op.ended) {
            (Deed::Put(value), Some(_)) => Some(value.clone()),
            _ => None,
        });
        let read = history.iter_mut().rev().find(|op| matches!(op.deed, Deed::Get(_)) && op.ended.is_some());
        read.expect("there are reads").deed = Deed::Get(old);
        found += u32::from(check(&history).is_err());
    }
    assert_eq!(found, 20);
}
