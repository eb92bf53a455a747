//! Panels of the usual kinds.

use super::{Axis, Mark, Panel, Style};
use crate::lab::experiments::chart::palette::Hue;
use crate::lab::experiments::facts::rounded;

/// The width of all bars of a group together.
const GROUP: f64 = 0.8;

/// Bars in groups: one group for each name, with one bar for each series. A missing value has no bar.
pub fn bars(title: &str, names: &[String], y: Axis, series: &[(Style, Vec<Option<f64>>)]) -> Panel {
    let mut panel = Panel::new(title, Axis::named("", names.to_vec()), y);
    let width = GROUP / series.len().max(1) as f64;
    for (nth, (style, values)) in series.iter().enumerate() {
        for (group, value) in values.iter().enumerate().filter_map(|(i, value)| Some((i, (*value)?))) {
            let left = group as f64 + (1.0 - GROUP) / 2.0 + nth as f64 * width;
            panel.marks.push(Mark::Bar(style.clone(), (left, 0.0), (left + width, value)));
        }
    }
    panel
}

/// The middle of the bar of the series `nth` of so many, in a group of [`bars`].
pub fn middle(group: usize, nth: usize, series: usize) -> f64 {
    group as f64 + (1.0 - GROUP) / 2.0 + (nth as f64 + 0.5) * GROUP / series.max(1) as f64
}

/// Horizontal bars, one for each name, each made of parts.
pub fn stacked(title: &str, names: &[String], x: Axis, parts: &[(Style, Vec<f64>)]) -> Panel {
    let mut panel = Panel::new(title, x, Axis::named("", names.iter().rev().cloned().collect()));
    let mut ends = vec![0.0; names.len()];
    for (style, values) in parts {
        for (row, (end, value)) in ends.iter_mut().zip(values).enumerate().filter(|(_, (_, v))| **v > 0.0) {
            let middle = (names.len() - 1 - row) as f64 + 0.5;
            let (low, high) = (middle - GROUP / 2.0, middle + GROUP / 2.0);
            panel.marks.push(Mark::Bar(style.clone(), (*end, low), (*end + value, high)));
            *end += value;
        }
    }
    panel
}

/// A heat map: a table of numbers on colours, with the palest for the smallest number.
pub fn heat(title: &str, x: (&str, &[String]), y: (&str, &[String]), values: &[Vec<f64>]) -> Panel {
    let below: Vec<String> = y.1.iter().rev().cloned().collect();
    let mut panel = Panel::new(title, Axis::named(x.0, x.1.to_vec()), Axis::named(y.0, below));
    let all = || values.iter().flatten().copied();
    let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
    for (row, line) in values.iter().enumerate() {
        for (column, value) in line.iter().enumerate() {
            let share = if high > low { (value - low) / (high - low) } else { 0.0 };
            let (left, bottom) = (column as f64, (values.len() - 1 - row) as f64);
            let cell =
                Mark::Tile(shade(share), (left, bottom), (left + 1.0, bottom + 1.0), rounded(value.round()));
            panel.marks.push(cell);
        }
    }
    panel
}

/// A shade between almost white and blue.
fn shade(share: f64) -> Hue {
    let between = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
    Hue(between(240.0, 0.0), between(246.0, 92.0), between(252.0, 160.0))
}
