//! Runs agree with a plain map from slots.

use super::*;

/// A run of letters: `range(2, "cde")` has c in slot 2 to e in slot 4.
#[derive(Clone, Debug, PartialEq)]
struct Text(String);
impl Divide for Text {
    fn split_off(&mut self, at: u64) -> Self {
        Self(self.0.split_off(at as usize))
    }
}

fn range(start: u64, text: &str) -> (SlotRange, Text) {
    (Slot(start).extend(text.len() as u64), Text(text.into()))
}

fn runs(parts: &[(u64, &str)]) -> Runs<Text> {
    let mut runs = Runs::default();
    for (start, text) in parts {
        let (range, t) = range(*start, text);
        runs.insert(range, t);
    }
    runs
}

fn drawn(runs: &Runs<Text>) -> String {
    let parts: Vec<String> = runs.iter().map(|(r, t)| format!("{}:{}", r.start.index(), t.0)).collect();
    parts.join(" ")
}

#[test]
fn inserting_cuts_what_was_there() {
    assert_eq!(drawn(&runs(&[(0, "abcdef"), (2, "XY")])), "0:ab 2:XY 4:ef");
    assert_eq!(drawn(&runs(&[(5, "f"), (0, "ab"), (1, "XYZWVU")])), "0:a 1:XYZWVU");
    assert_eq!(drawn(&runs(&[(0, "abc"), (0, "XYZ")])), "0:XYZ");
}

#[test]
fn filling_leaves_what_was_there() {
    let mut log = runs(&[(1, "bc"), (5, "f")]);
    let (all, text) = range(0, "ABCDEFG");
    assert!(log.fill(all, &text));
    assert_eq!(drawn(&log), "0:A 1:bc 3:DE 5:f 6:G");
    assert!(!log.fill(all, &text));
}

#[test]
fn an_overlay_replaces_what_yields() {
    let mut log = runs(&[(1, "bc"), (3, "XY"), (6, "g")]);
    let (all, text) = range(0, "0123456");
    assert!(log.overlay(all, &text, |held| held.0.starts_with('X')));
    assert_eq!(drawn(&log), "0:0 1:bc 3:34 5:5 6:g");
}

#[test]
fn a_view_is_cut_to_the_range_asked_for() {
    let log = runs(&[(0, "abc"), (4, "efg")]);
    let seen: Vec<_> = log.within(SlotRange::new(Slot(1), Slot(6))).collect();
    assert_eq!(seen, [range(1, "bc"), range(4, "ef")]);
    assert_eq!(log.within(SlotRange::new(Slot(3), Slot(4))).count(), 0);
    assert!(log.get(Slot(3)).is_none() && log.get(Slot(6)).is_some() && log.get(Slot(7)).is_none());
}

#[test]
fn what_is_taken_out_leaves_the_rest() {
    let mut log = runs(&[(0, "abc"), (4, "efg"), (7, "h")]);
    let middle = SlotRange::new(Slot(1), Slot(6));
    assert_eq!(log.extract(middle, |_, t| t.0.starts_with('e')), Some(range(4, "ef")));
    assert_eq!(log.extract(middle, |_, _| true), Some(range(1, "bc")));
    assert_eq!(log.extract(middle, |_, _| true), None);
    assert_eq!(drawn(&log), "0:a 6:g 7:h");
}

#[test]
fn forgetting_cuts_the_run_at_the_edge() {
    let mut log = runs(&[(0, "abc"), (4, "efg")]);
    log.remove_below(Slot(5));
    assert_eq!(drawn(&log), "5:fg");
    log.remove(Slot(6).extend(1));
    assert_eq!(drawn(&log), "5:f");
}

#[test]
fn it_agrees_with_a_plain_map() {
    let mut jitter = crate::Jitter::new(7, crate::NodeId(0));
    let (mut log, mut plain) = (Runs::default(), std::collections::BTreeMap::new());
    for step in 0..4000_u32 {
        let start = jitter.draw() % 40;
        let len = 1 + jitter.draw() % 9;
        let text: String = (0..len).map(|_| char::from(b'a' + (step % 26) as u8)).collect();
        let (range, t) = range(start, &text);
        let kind = jitter.draw() % 4;
        match kind {
            0 => log.insert(range, t),
            1 => _ = log.fill(range, &t),
            2 => _ = log.overlay(range, &t, |held| held.0.chars().next() < text.chars().next()),
            _ => log.remove(range),
        }
        for (slot, c) in range.iter().zip(text.chars()) {
            let held = plain.get(&slot).copied();
            match kind {
                0 => _ = plain.insert(slot, c),
                1 => _ = plain.entry(slot).or_insert(c),
                2 if held.is_none_or(|held| held < c) => _ = plain.insert(slot, c),
                2 => {}
                _ => _ = plain.remove(&slot),
            }
        }
        let flat: Vec<(Slot, char)> =
            log.iter().flat_map(|(r, t)| r.iter().zip(t.0.chars().collect::<Vec<_>>())).collect();
        assert_eq!(flat, plain.iter().map(|(s, c)| (*s, *c)).collect::<Vec<_>>(), "step {step}");
        assert!(log.runs.iter().zip(log.runs.iter().skip(1)).all(|(a, b)| a.0.end <= b.0.start));
    }
}
