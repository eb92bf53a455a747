//! The shapes of the diagram.

use crate::lab::explore::frame::{Fate, Trip};
use std::fmt::{Arguments, Write};

/// A picture in the making.
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new(width: usize, height: usize, label: &str) -> Self {
        let mut svg = Self(String::new());
        svg.push(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"drawing\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{}\">",
            escape(label)
        ));
        svg
    }

    pub(super) fn push(&mut self, content: Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{content}");
    }

    pub(super) fn style(&mut self, css: &str) {
        self.push(format_args!("<style>{css}</style>"));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    /// Draws a piece of a column.
    pub(super) fn column(&mut self, x: usize, top: usize, bottom: usize, from: usize, up: bool) {
        let class = if up { "up" } else { "down" };
        self.push(format_args!(
            "<path class=\"column {class}\" data-f=\"{from}\" d=\"M{x} {top}V{bottom}\"/>"
        ));
    }

    /// Draws a message from where it was sent to where it arrives, or a part of the way if it is lost.
    pub(super) fn arrow(
        &mut self,
        (x1, y1): (usize, usize),
        (x2, y2): (usize, usize),
        trip: &Trip,
        class: &'static str,
    ) {
        let (x1, y1, x2, y2) = (x1 as f64, y1 as f64, x2 as f64, y2 as f64);
        let whole = matches!(trip.fate, Fate::Arrived | Fate::Flying | Fate::Void);
        // A message that is lost when it is sent still has a short arrow beside its column.
        let (x2, y2) = match trip.fate {
            Fate::Lost => (x1 + (x2 - x1) * 0.35, y1 + 7.0),
            Fate::Dropped => (x1 + (x2 - x1) * 0.6, y1 + (y2 - y1) * 0.6),
            Fate::Arrived | Fate::Flying | Fate::Void => (x2, y2),
        };
        let length = (x2 - x1).hypot(y2 - y1).max(1.0);
        let (dx, dy) = ((x2 - x1) / length, (y2 - y1) / length);
        let fate = match trip.fate {
            Fate::Arrived | Fate::Flying => "",
            Fate::Void | Fate::Lost | Fate::Dropped => " gone",
        };
        let end = trip.end.map_or(String::new(), |end| format!(" data-e=\"{end}\""));
        let number = trip.number.map_or(String::new(), |number| format!(" data-m=\"{number}\""));
        let label = escape(&trip.label);
        self.push(format_args!(
            "<g class=\"trip {class}{fate}\" data-f=\"{}\"{end}{number}><title>{label}: n{} to n{}</title>\
             <path class=\"hit\" d=\"M{x1:.0} {y1:.0}L{x2:.0} {y2:.0}\"/><path d=\"M{x1:.0} {y1:.0}L{x2:.1} {y2:.1}\"/>",
            trip.sent, trip.from, trip.to
        ));
        if whole {
            let back = |along: f64, aside: f64| (x2 - dx * along - dy * aside, y2 - dy * along + dx * aside);
            let ((ax, ay), (bx, by)) = (back(8.0, 3.5), back(8.0, -3.5));
            self.push(format_args!(
                "<path class=\"tip\" d=\"M{x2:.1} {y2:.1}L{ax:.1} {ay:.1}L{bx:.1} {by:.1}z\"/>"
            ));
        }
        if !fate.is_empty() {
            self.push(format_args!(
                "<path class=\"cross\" d=\"M{0:.1} {1:.1}l8 8m0 -8l-8 8\"/>",
                x2 - 4.0,
                y2 - 4.0
            ));
        }
        self.push(format_args!("</g>"));
    }

    /// Draws a sign where something happens at a process.
    pub(super) fn sign(&mut self, x: usize, y: usize, frame: usize, class: &str) {
        let shape = match class {
            "learns" => format!("M{x} {}l5 5l-5 5l-5 -5z", y - 5),
            "crash" => format!("M{} {}l10 10m0 -10l-10 10", x - 5, y - 5),
            "restart" => format!("M{x} {}l5 9h-10z", y - 5),
            _ => format!("M{} {y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", x - 3),
        };
        self.push(format_args!("<path class=\"sign {class}\" data-f=\"{frame}\" d=\"{shape}\"/>"));
    }
}

/// Formats a time in milliseconds.
pub(super) fn time(at_us: u64) -> String {
    format!("{}.{} ms", at_us / 1000, at_us % 1000 / 100)
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
