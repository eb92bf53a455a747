//! Marks as SVG. Each series is a group with the number of its key, so that a page can bring it out, and each mark has a title
//! with its value, which browsers show when it is pointed at.

use super::draw::FONT;
use super::legend::{self, Key};
use super::palette::{Hatch, Hue, hatch};
use super::{Dash, Mark, Marker, Panel, Style, hatch as hatches, values};
use std::fmt::{Arguments, Write};

/// The size of text in pixels; see [`FONT`].
const SIZE: f64 = FONT as f64 / 1.24;
/// The most values that a line without markers shows when it is pointed at.
const VALUES: usize = 12;

/// The area between the axes of a panel.
pub(super) struct Plot<'a> {
    pub(super) panel: &'a Panel,
    /// The places at both ends of the horizontal axis.
    pub(super) x: (f64, f64),
    /// The places at both ends of the vertical axis.
    pub(super) y: (f64, f64),
    /// The corner in pixels where both axes have their low ends.
    pub(super) low: (f64, f64),
    /// The opposite corner.
    pub(super) high: (f64, f64),
}

impl Plot<'_> {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.panel.x.place(x), self.panel.y.place(y))
    }

    /// The pixel of a point. Points outside the axes' ranges are moved to the edge.
    fn pixel(&self, point: (f64, f64)) -> (f64, f64) {
        let between = |at: f64, ends: (f64, f64), pixels: (f64, f64)| {
            pixels.0 + ((at - ends.0) / (ends.1 - ends.0)).clamp(0.0, 1.0) * (pixels.1 - pixels.0)
        };
        let (x, y) = self.place(point);
        (between(x, self.x, (self.low.0, self.high.0)), between(y, self.y, (self.low.1, self.high.1)))
    }

    /// Whether a point is within the axes' ranges.
    fn has(&self, point: (f64, f64)) -> bool {
        let (x, y) = self.place(point);
        (self.x.0..=self.x.1).contains(&x) && (self.y.0..=self.y.1).contains(&y)
    }
}

/// Where text stands relative to its point.
#[derive(Clone, Copy)]
pub(super) struct Anchor(&'static str, &'static str);

impl Anchor {
    pub(super) const RIGHT: Self = Self("start", "0.5ex");
    const LEFT: Self = Self("end", "0.5ex");
    const MIDDLE: Self = Self("middle", "0.5ex");
    const ABOVE: Self = Self("start", "-0.5ex");
    const BELOW: Self = Self("end", "0.76em");
}

/// The marks of a picture.
#[derive(Default)]
pub(super) struct Marks(String);

impl Marks {
    fn push(&mut self, content: Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(content);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// Adds all marks of a panel, from back to front.
    pub(super) fn panel(&mut self, plot: &Plot<'_>, keys: &[Key]) {
        for mark in &plot.panel.marks {
            match mark {
                Mark::Line(style, points) => {
                    self.begin("series", legend::number(keys, style), style.hue);
                    self.line(plot, style, points);
                    self.end();
                }
                Mark::Rule(style, from, to) => {
                    self.begin("series", legend::number(keys, style), style.hue);
                    self.path(style, &[plot.pixel(*from), plot.pixel(*to)]);
                    self.end();
                }
                Mark::Bar(style, low, high) => {
                    self.begin("series", legend::number(keys, style), style.hue);
                    let value = values::of_bar(plot.panel, style, *low, *high);
                    self.bar(plot.pixel(*low), plot.pixel(*high), style.hue, &value);
                    self.end();
                }
                Mark::Tile(hue, low, high, text) => self.tile(plot, *hue, (*low, *high), text),
                Mark::Words(point, text, right) => {
                    let (x, y) = plot.pixel(*point);
                    // The last line is next to the point.
                    for (line, nth) in text.lines().rev().zip(0..) {
                        let up = f64::from(nth) * SIZE;
                        let (at, anchor) = if *right {
                            ((x + 6.0, y - 4.0 - up), Anchor::ABOVE)
                        } else {
                            ((x - 6.0, y + 4.0 + up), Anchor::BELOW)
                        };
                        self.text(at, anchor, line, "#111113", SIZE - 1.6);
                    }
                }
            }
        }
    }

    /// Begins the group of a series or of its key.
    pub(super) fn begin(&mut self, class: &str, number: Option<usize>, hue: Hue) {
        let number = number.map_or(String::new(), |number| format!(" data-s=\"{number}\""));
        let color = css(hue);
        self.push(format_args!(
            "<g class=\"{class}\"{number} fill=\"{color}\" stroke=\"{color}\" stroke-width=\"2\">"
        ));
    }

    pub(super) fn end(&mut self) {
        self.push(format_args!("</g>\n"));
    }

    fn line(&mut self, plot: &Plot<'_>, style: &Style, points: &[(f64, f64)]) {
        let shown: Vec<(f64, f64)> = points.iter().copied().filter(|point| plot.has(*point)).collect();
        let pixels: Vec<(f64, f64)> = shown.iter().map(|point| plot.pixel(*point)).collect();
        self.path(style, &pixels);
        let is_plain = style.marker == Marker::None;
        if is_plain {
            self.push(format_args!("<g fill=\"none\" stroke=\"none\" pointer-events=\"all\">"));
        }
        let step = if is_plain { shown.len().div_ceil(VALUES).max(1) } else { 1 };
        for (point, at) in shown.iter().zip(pixels).step_by(step) {
            self.marker(style.marker, at, &values::of_point(plot.panel, style, *point));
        }
        if is_plain {
            self.end();
        }
    }

    /// Draws a line in the style of its series, if it has one.
    pub(super) fn path(&mut self, style: &Style, pixels: &[(f64, f64)]) {
        let dashes = match style.dash {
            Some(Dash::Solid) => "",
            Some(Dash::Long) => " stroke-dasharray=\"9 5\"",
            Some(Dash::Short) => " stroke-dasharray=\"2 4\"",
            Some(Dash::Mixed) => " stroke-dasharray=\"9 4 2 4\"",
            Some(Dash::Double) => " stroke-dasharray=\"12 3 2 3 2 3\"",
            None => return,
        };
        if let [first, rest @ ..] = pixels
            && !rest.is_empty()
        {
            self.push(format_args!("<path fill=\"none\"{dashes} d=\"M{:.1} {:.1}", first.0, first.1));
            for (x, y) in rest {
                self.push(format_args!("L{x:.1} {y:.1}"));
            }
            self.push(format_args!("\"/>"));
        }
    }

    /// Draws a marker with its value. A point without a marker is invisible, and shows its value all the same.
    pub(super) fn marker(&mut self, marker: Marker, (x, y): (f64, f64), value: &str) {
        let title = title(value);
        match marker {
            Marker::None if value.is_empty() => {}
            Marker::None => self.push(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\">{title}</circle>")),
            Marker::Circle => {
                self.push(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\">{title}</circle>"));
            }
            Marker::Ring => self.push(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"none\" pointer-events=\"all\">{title}</circle>"
            )),
            Marker::Halo => self.push(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\" fill=\"none\" stroke-width=\"1.2\" pointer-events=\"stroke\">{title}</circle>"
            )),
            Marker::Triangle => self.push(format_args!(
                "<path d=\"M{x:.1} {:.1}l4.2 7.2h-8.4z\" stroke-width=\"1\">{title}</path>",
                y - 5.0
            )),
            Marker::Square => self.push(format_args!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"6\" height=\"6\" stroke-width=\"1\">{title}</rect>",
                x - 3.0,
                y - 3.0
            )),
            Marker::Cross => {
                self.push(format_args!("<path d=\"M{:.1} {:.1}l8 8m0-8l-8 8\">{title}</path>", x - 4.0, y - 4.0));
            }
        }
    }

    /// Draws a bar between two corners, with its hatch and its value.
    pub(super) fn bar(&mut self, one: (f64, f64), other: (f64, f64), hue: Hue, value: &str) {
        let (low, high) =
            ((one.0.min(other.0), one.1.min(other.1)), (one.0.max(other.0), one.1.max(other.1)));
        self.push(format_args!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" stroke=\"#FFFFFE\" stroke-width=\"1\">{}</rect>",
            low.0,
            low.1,
            high.0 - low.0,
            high.1 - low.1,
            title(value)
        ));
        let (hatch, lines) = (hatch(hue), hatches::lines(hatch(hue), low, high));
        if hatch != Hatch::None && !lines.is_empty() {
            let class = format!("{hatch:?}").to_lowercase();
            self.push(format_args!(
                "<path class=\"hatch {class}\" pointer-events=\"none\" stroke=\"#FFFFFE\" stroke-width=\"1.3\" d=\"{lines}\"/>"
            ));
        }
    }

    fn tile(&mut self, plot: &Plot<'_>, hue: Hue, (low, high): ((f64, f64), (f64, f64)), text: &str) {
        let middle = (f64::midpoint(low.0, high.0), f64::midpoint(low.1, high.1));
        let ((left, bottom), (right, top)) = (plot.pixel(low), plot.pixel(high));
        self.push(format_args!(
            "<g>{}<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
            title(&values::of_tile(plot.panel, middle, text)),
            right - left,
            bottom - top,
            css(hue)
        ));
        let is_dark = u32::from(hue.0) + u32::from(hue.1) + u32::from(hue.2) < 420;
        let ink = if is_dark { "#FFFFFF" } else { "#111111" };
        self.text(plot.pixel(middle), Anchor::MIDDLE, text, ink, SIZE);
        self.end();
    }

    /// Writes text in the colour of the axes.
    pub(super) fn words(&mut self, at: (f64, f64), anchor: Anchor, text: &str) {
        self.text(at, anchor, text, "#111113", SIZE);
    }

    fn text(&mut self, (x, y): (f64, f64), Anchor(across, down): Anchor, text: &str, ink: &str, size: f64) {
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" dy=\"{down}\" text-anchor=\"{across}\" font-family=\"sans-serif\" font-size=\"{size:.2}\" \
             fill=\"{ink}\" stroke=\"none\">{}</text>",
            escaped(text)
        ));
    }

    /// Writes the names left of the vertical axis, each in several lines.
    pub(super) fn wrapped(&mut self, plot: &Plot<'_>, labels: &[Vec<String>]) {
        for (lines, place) in labels.iter().zip(plot.panel.y.ticks(plot.y)) {
            let middle = plot.pixel((0.0, place)).1;
            for (nth, line) in lines.iter().enumerate() {
                let y = middle + (nth as f64 - (lines.len() - 1) as f64 / 2.0) * (SIZE + 1.0);
                self.words((plot.low.0 - 9.0, y), Anchor::LEFT, line);
            }
        }
    }

    /// Writes the names below the horizontal axis, slanted.
    pub(super) fn slanted(&mut self, plot: &Plot<'_>) {
        for (name, place) in plot.panel.x.names.iter().zip(plot.panel.x.ticks(plot.x)) {
            let (x, y) = (plot.pixel((place, 0.0)).0 + 4.0, plot.low.1 + 12.0);
            self.push(format_args!("<g transform=\"rotate(-40 {x:.1} {y:.1})\">"));
            self.words((x, y), Anchor::LEFT, name);
            self.end();
        }
    }
}

fn css(Hue(r, g, b): Hue) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

fn title(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(value)) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
