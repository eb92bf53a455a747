//! Operations as bars over time.

use super::operation::Operation;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The most operations that are drawn. More cannot be compared by eye.
const DRAWN: usize = 40;

/// The distance between two consecutive moments, in columns.
const STEP: usize = 3;

/// Draws these operations of a history, one on each line, with its line number in the file. Time goes from left to
/// right, with equal distances between consecutive calls and answers. A bar without an end is an unknown outcome.
pub fn timeline(history: &[Operation], operations: &[usize]) -> String {
    let drawn: Vec<(usize, &Operation)> =
        operations.iter().take(DRAWN).map(|nth| (nth + 1, &history[*nth])).collect();
    let times = drawn.iter().flat_map(|(_, operation)| [Some(operation.begun), operation.ended]).flatten();
    let mut columns: BTreeMap<u64, usize> = times.map(|time| (time, 0)).collect();
    for (column, at) in columns.values_mut().enumerate() {
        *at = column * STEP;
    }
    let width = columns.len() * STEP;
    let labels: Vec<[String; 3]> = drawn
        .iter()
        .map(|(line, Operation { client, deed, .. })| {
            [format!("line {line}"), format!("client {client}"), deed.to_string()]
        })
        .collect();
    let widest =
        |part: usize| labels.iter().map(|label| label[part].chars().count()).max().unwrap_or_default();
    let [line, client, deed] = [widest(0), widest(1), widest(2)];
    let mut picture = String::new();
    for (label, (_, operation)) in labels.iter().zip(&drawn) {
        let from = columns.get(&operation.begun).copied().unwrap_or_default();
        let bar = match operation.ended.and_then(|ended| columns.get(&ended)) {
            Some(to) if *to == from => "*".to_owned(),
            Some(to) => format!("[{}]", "-".repeat(to - from - 1)),
            None => format!("[{} ?", "-".repeat(width - from)),
        };
        let [a, b, c] = label;
        // Writing to a string cannot fail.
        _ = writeln!(picture, "  {a:line$}  {b:client$}  {c:deed$}  {:from$}{bar}", "");
    }
    if operations.len() > DRAWN {
        _ = writeln!(picture, "  … and {} more", operations.len() - DRAWN);
    }
    picture
}
