//! The legend: each style once, with a number by which a page finds the marks of its series.

use super::draw::LETTER;
use super::marks::{Anchor, Marks};
use super::{Mark, Marker, Panel, Style};

const LINE: i32 = 22;
/// The width of a line in the legend, wide enough for its dashes, and the place of the name behind it.
const SAMPLE: i32 = 46;
const NAME: i32 = SAMPLE + 8;

/// A line of the legend, with the place of its upper left corner below the panels.
pub(super) struct Key {
    pub(super) style: Style,
    x: i32,
    y: i32,
}

/// The styles of these panels, each once, in lines of this width.
pub(super) fn keys(panels: &[Panel], width: i32) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    let (mut x, mut y) = (16, 4);
    for mark in panels.iter().flat_map(|panel| &panel.marks) {
        let (Mark::Line(style, _) | Mark::Bar(style, ..) | Mark::Rule(style, ..)) = mark else { continue };
        if style.name.is_empty() || number(&keys, style).is_some() {
            continue;
        }
        let wide = NAME + (style.name.chars().count() as f64 * LETTER) as i32 + 18;
        if x + wide > width && x > 16 {
            (x, y) = (16, y + LINE);
        }
        keys.push(Key { style: style.clone(), x, y });
        x += wide;
    }
    keys
}

/// The number of a style in the legend.
pub(super) fn number(keys: &[Key], style: &Style) -> Option<usize> {
    keys.iter().position(|key| key.style == *style)
}

/// The height of the legend in pixels.
pub(super) fn height(keys: &[Key]) -> i32 {
    keys.last().map_or(0, |key| key.y + LINE + 6)
}

/// Draws the legend below `top`.
pub(super) fn draw(keys: &[Key], top: i32, marks: &mut Marks) {
    for (number, Key { style, x, y }) in keys.iter().enumerate() {
        let (x, middle) = (f64::from(*x), f64::from(top + y + LINE / 2));
        marks.begin("key", Some(number), style.hue);
        if let (None, Marker::None) = (style.dash, style.marker) {
            let right = x + f64::from(SAMPLE);
            marks.bar((right - 20.0, middle - 6.0), (right, middle + 6.0), style.hue, "");
        } else {
            marks.path(style, &[(x, middle), (x + f64::from(SAMPLE), middle)]);
            marks.marker(style.marker, (x + f64::from(SAMPLE) / 2.0, middle), "");
        }
        marks.words((x + f64::from(NAME), middle), Anchor::RIGHT, &style.name);
        marks.end();
    }
}
