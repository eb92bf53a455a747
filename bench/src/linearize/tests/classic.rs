//! Histories made by hand.

use super::{append, cas, get, op, put, right, wrong};
use crate::linearize::Deed;

#[test]
fn a_stale_read_is_found() {
    right(&[put("a", 1, 2), put("b", 3, 4), get("b", 5, 6)]);
    wrong(&[put("a", 1, 2), put("b", 3, 4), get("a", 5, 6)]);
    right(&[put("a", 1, 2), put("b", 3, 6), get("a", 4, 5)]);
    // A read saw the new value, so later reads must not see an older one.
    wrong(&[put("a", 1, 2), put("b", 3, 20), get("b", 4, 5), get("a", 6, 7)]);
    right(&[put("a", 1, 2), put("b", 3, 20), get("b", 4, 7), get("a", 5, 6)]);
}

#[test]
fn what_meets_at_one_moment_overlaps() {
    right(&[put("a", 1, 2), put("b", 2, 3), get("a", 3, 4)]);
    right(&[put("a", 5, 5), get("a", 5, 5), get("", 5, 5)]);
    wrong(&[put("a", 1, 2), put("b", 2, 3), get("a", 4, 5), get("b", 6, 7), get("a", 8, 9)]);
}

/// Herlihy and Wing 1990, figure 1, with registers in place of queues: H1 and H2 are right, H3 and H4 are not.
#[test]
fn readers_agree_on_the_order_of_writes() {
    right(&[put("a", 1, 9), put("b", 1, 9), get("a", 10, 12), get("a", 13, 14)]);
    right(&[put("a", 1, 20), put("b", 1, 20), get("a", 2, 4), get("b", 5, 6)]);
    wrong(&[put("a", 1, 9), put("b", 1, 9), get("a", 10, 12), get("b", 13, 14)]);
    wrong(&[put("a", 1, 20), put("b", 1, 20), get("a", 2, 3), get("b", 4, 5), get("a", 6, 7)]);
}

#[test]
fn a_read_from_the_future_is_found() {
    wrong(&[get("a", 1, 2), put("a", 3, 4)]);
    right(&[get("a", 1, 3), put("a", 3, 4)]);
    wrong(&[get("a", 1, 2)]);
}

#[test]
fn a_lost_write_is_found() {
    wrong(&[put("a", 1, 2), get("", 3, 4)]);
    let incr = |n, begun, ended| op(Deed::Incr(n), begun, ended);
    right(&[incr(Some(1), 1, 5), incr(Some(2), 1, 5)]);
    wrong(&[incr(Some(1), 1, 2), incr(Some(1), 3, 4)]);
    wrong(&[incr(Some(1), 1, 2), incr(Some(2), 3, 4), get("1", 5, 6)]);
    right(&[append("x", Some(2), 1, 9), append("y", Some(1), 1, 9), get("yx", 10, 11)]);
    wrong(&[append("x", Some(1), 1, 2), append("y", Some(2), 3, 4), get("y", 5, 6)]);
}

#[test]
fn an_unknown_outcome_takes_effect_once_at_any_time_or_never() {
    right(&[put("a", 1, 2), put("b", 3, 0), get("a", 10, 11), get("a", 12, 13)]);
    right(&[put("a", 1, 2), put("b", 3, 0), get("a", 10, 11), get("b", 12, 13)]);
    wrong(&[put("a", 1, 2), put("b", 3, 0), get("b", 10, 11), get("a", 12, 13)]);
    wrong(&[put("a", 1, 2), get("b", 3, 4), put("b", 5, 0)]);
    // A write does not take effect twice.
    wrong(&[put("b", 1, 0), get("b", 2, 3), put("a", 4, 5), get("a", 6, 7), get("b", 8, 9)]);
    let incr = |n, begun, ended| op(Deed::Incr(n), begun, ended);
    right(&[incr(None, 1, 0), incr(None, 2, 0), get("1", 3, 4), incr(Some(3), 5, 6)]);
    right(&[incr(None, 1, 0), incr(None, 2, 0), get("2", 3, 4)]);
    wrong(&[incr(None, 1, 0), incr(None, 2, 0), get("3", 3, 4)]);
    wrong(&[incr(None, 1, 0), incr(Some(2), 3, 4), incr(Some(4), 5, 6)]);
    // What a read without an answer is said to have seen does not count.
    right(&[op(Deed::Get(Some("z".into())), 1, 0), put("a", 2, 3), get("a", 4, 5)]);
}

#[test]
fn unknown_numbers_become_longer_by_appends() {
    let incr = |n, begun, ended| op(Deed::Incr(n), begun, ended);
    right(&[put("5", 1, 0), incr(None, 1, 0), append("x", None, 1, 0), get("6x", 2, 3)]);
    right(&[put("-1", 1, 0), incr(None, 1, 0), append("x", Some(2), 2, 3), get("0x", 4, 5)]);
    right(&[put("1", 1, 0), append("9", None, 1, 0), incr(Some(20), 2, 3)]);
    wrong(&[put("1", 1, 0), append("9", None, 1, 0), incr(Some(21), 2, 3)]);
}

#[test]
fn many_unknown_appends_take_effect_in_the_order_that_was_seen() {
    let mut history: Vec<_> = (0..12).map(|nth| append(&format!("{nth},"), None, 1, 0)).collect();
    history.extend([get("7,", 10, 11), get("7,3,", 12, 13), put("a,", 14, 0), get("a,9,", 15, 16)]);
    right(&history);
    // An append that no read saw counts in the length that another append saw.
    history.extend([append("x,", Some(8), 17, 18), get("a,9,5,x,", 19, 20), put("b,", 21, 22)]);
    right(&history);
    let mut again = history.clone();
    again.push(get("b,9,", 23, 24));
    wrong(&again);
    // A read sees the value and ends only after the value was overwritten.
    history.extend([get("b,2,", 21, 30), put("c,", 23, 24)]);
    right(&history);
}

#[test]
fn compare_and_set_and_removal_see_what_was_there() {
    right(&[cas("", "a", 1, 2), cas("a", "b", 3, 4), get("b", 5, 6)]);
    wrong(&[put("a", 1, 2), cas("a", "b", 3, 9), cas("a", "c", 3, 9)]);
    right(&[put("a", 1, 2), cas("a", "b", 3, 0), cas("b", "c", 4, 5)]);
    let delete = |had, begun, ended| op(Deed::Delete(had), begun, ended);
    right(&[put("a", 1, 2), delete(Some(true), 3, 4), delete(Some(false), 5, 6), get("", 7, 8)]);
    wrong(&[put("a", 1, 2), delete(Some(true), 3, 4), delete(Some(true), 5, 6)]);
    right(&[put("a", 1, 2), delete(Some(true), 3, 4), put("b", 1, 0), delete(Some(true), 5, 6)]);
    right(&[put("a", 1, 2), delete(None, 3, 0), delete(Some(false), 5, 6)]);
}

#[test]
fn keys_are_independent() {
    let at = |key: &str, operation| crate::linearize::Operation { key: key.into(), ..operation };
    right(&[at("x", put("a", 1, 2)), at("y", get("", 3, 4)), at("x", get("a", 5, 6))]);
    let conflicts = wrong(&[
        at("x", put("a", 1, 2)),
        at("y", get("a", 3, 4)),
        at("x", get("a", 5, 6)),
        at("z", put("c", 5, 6)),
        at("z", get("", 7, 8)),
    ]);
    let found: Vec<_> = conflicts.iter().map(|conflict| (&*conflict.key, &*conflict.operations)).collect();
    assert_eq!(found, [("y", &[1][..]), ("z", &[3, 4])]);
}
