//! What a mark says when it is pointed at: its series and its values, one a line.

use super::{Axis, Panel, Style};
use crate::lab::experiments::facts::rounded;

/// The values of a point.
pub(super) fn of_point(panel: &Panel, style: &Style, (x, y): (f64, f64)) -> String {
    lines(&[style.name.clone(), along(&panel.x, x, ""), along(&panel.y, y, &panel.title)])
}

/// The value of a bar, which is its length if it is one of several parts.
pub(super) fn of_bar(panel: &Panel, style: &Style, low: (f64, f64), high: (f64, f64)) -> String {
    let (name, value) = if panel.y.names.is_empty() {
        (along(&panel.x, f64::midpoint(low.0, high.0), ""), along(&panel.y, high.1 - low.1, &panel.title))
    } else {
        (along(&panel.y, f64::midpoint(low.1, high.1), ""), along(&panel.x, high.0 - low.0, &panel.title))
    };
    lines(&[style.name.clone(), name, value])
}

/// The value of a tile, which is its text.
pub(super) fn of_tile(panel: &Panel, (x, y): (f64, f64), text: &str) -> String {
    lines(&[along(&panel.y, y, ""), along(&panel.x, x, ""), text.to_owned()])
}

/// A value along an axis, behind the axis's label or another one if it has none.
fn along(axis: &Axis, value: f64, other: &str) -> String {
    let label = if axis.label.is_empty() { other } else { &axis.label };
    let value = if axis.names.is_empty() { rounded(value) } else { axis.label_at(value) };
    if label.is_empty() { value } else { format!("{label}: {value}") }
}

fn lines(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}
