//! Operations as bars over time.

use super::Operation;
use core::fmt::Display;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many operations are drawn. More nobody compares by eye.
const DRAWN: usize = 40;

/// The distance of two moments.
const STEP: usize = 3;

/// An operation as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The columns before the bar.
    pub label: [String; 3],
    /// When it was called.
    pub begun: u64,
    /// When it was answered; none: never.
    pub ended: Option<u64>,
}

/// Draws these operations of a history, each in a line that begins with its number in the history, from 0 on.
pub fn timeline<D: Display>(history: &[Operation<D>], operations: &[usize]) -> String {
    let bar = |nth: &usize| {
        let Operation { client, deed, begun, ended } = &history[*nth];
        let label = [format!("operation {nth}"), format!("client {client}"), deed.to_string()];
        Bar { label, begun: *begun, ended: *ended }
    };
    bars(&operations.iter().map(bar).collect::<Vec<_>>())
}

/// Draws each operation in a line. Time goes from left to right, from one call or answer to the next at even distances; an
/// operation that nobody heard the end of has none.
pub fn bars(all: &[Bar]) -> String {
    let drawn = &all[..all.len().min(DRAWN)];
    let times = drawn.iter().flat_map(|bar| [Some(bar.begun), bar.ended]).flatten();
    let mut columns: BTreeMap<u64, usize> = times.map(|time| (time, 0)).collect();
    for (column, at) in columns.values_mut().enumerate() {
        *at = column * STEP;
    }
    let width = columns.len() * STEP;
    let widest =
        |part: usize| drawn.iter().map(|bar| bar.label[part].chars().count()).max().unwrap_or_default();
    let [first, second, third] = [widest(0), widest(1), widest(2)];
    let mut picture = String::new();
    for Bar { label: [a, b, c], begun, ended } in drawn {
        let from = columns.get(begun).copied().unwrap_or_default();
        let bar = match ended.and_then(|ended| columns.get(&ended)) {
            Some(to) if *to == from => "*".to_owned(),
            Some(to) => format!("[{}]", "-".repeat(to - from - 1)),
            None => format!("[{} ?", "-".repeat(width - from)),
        };
        // A string takes everything.
        _ = writeln!(picture, "  {a:first$}  {b:second$}  {c:third$}  {:from$}{bar}", "");
    }
    if all.len() > DRAWN {
        _ = writeln!(picture, "  … and {} more", all.len() - DRAWN);
    }
    picture
}
