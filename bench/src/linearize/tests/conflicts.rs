//! Reports of histories that are not linearizable.

use super::{append, get, put, verdict, wrong};
use crate::linearize::{Report, timeline};
use expect_test::expect;

#[test]
fn a_conflict_is_drawn_over_time() {
    let history =
        [put("a", 10, 20), put("b", 30, 40), put("lost", 33, 0), get("a", 50, 60), put("c", 70, 80)];
    let report = Report::new(&history, verdict(&history));
    expect![[r#"
        key k: 3 of its 5 operations contradict each other. Each is needed: had any one taken effect at another moment, or not at all, the rest would have an order.
          line 1  client 0  put "a"     [--]
          line 2  client 0  put "b"           [--]
          line 4  client 0  get -> "a"              [--]

        not linearizable: 5 operations over 1 keys, 1 of them of unknown outcome
    "#]]
    .assert_eq(&report.table());
}

#[test]
fn operations_that_overlap_or_never_end_are_drawn_so() {
    let history = [put("a", 1, 9), append("x", None, 3, 0), get("", 5, 7), get("z", 7, 7)];
    expect![[r#"
        over time:
          line 1  client 0  put "a"         [-----------]
          line 2  client 0  append "x"         [------------ ?
          line 3  client 0  get -> nothing        [--]
          line 4  client 0  get -> "z"               *
    "#]]
    .assert_eq(&format!("over time:\n{}", timeline(&history, &[0, 1, 2, 3])));
}

#[test]
fn a_value_from_nowhere_is_named() {
    let history = [put("a", 1, 2), get("ghost", 3, 4)];
    let report = Report::new(&history, verdict(&history));
    assert_eq!(report.conflicts[0].lines, [2]);
    assert_eq!(report.conflicts[0].from_nowhere.as_deref(), Some("ghost"));
    assert!(report.table().contains("No operation leaves \"ghost\" behind"), "{}", report.table());
}

#[test]
fn only_what_is_needed_is_named() {
    // A cycle of two readers among many other reads.
    let mut history = vec![put("a", 1, 100), put("b", 1, 100)];
    history.extend((0..30).map(|nth| get("a", 2 + nth, 40)));
    history.extend([get("a", 50, 51), get("b", 52, 53), get("a", 54, 55)]);
    history.extend((0..30).map(|nth| put(&format!("later{nth}"), 200 + 2 * nth, 201 + 2 * nth)));
    let conflicts = wrong(&history);
    let named = &conflicts[0].operations;
    assert!(conflicts[0].is_smallest && named.len() <= 4, "{conflicts:?}");
}
