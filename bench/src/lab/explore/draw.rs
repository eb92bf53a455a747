//! The space-time diagram as SVG: one column per process, one row per event, one arrow per message.
//!
//! Every shape has the frame in which it appears (`data-f`), and a message also the frame in which it ended (`data-e`).
//! So a page can show any frame of the run by hiding what comes later.

mod shapes;

use super::frame::{Fate, Frame, Recording, Trip};
use crate::lab::experiments::chart::palette::{BLUE, GREEN, GREY, Hue, ORANGE, PURPLE, VERMILION};
use serde::Serialize;
use shapes::{Svg, escape, time};
use std::fmt::Write;

/// The space left of the first column, for the time.
const LEFT: usize = 84;
/// The space right of the last column, for its text.
const RIGHT: usize = 190;
/// The height of a line of text.
const LINE: usize = 15;
/// The space between two events.
const GAP: usize = 9;
/// The height of the names above the columns.
const HEAD: usize = 34;

/// The style of the shapes, on the page and in a file.
pub(super) const STYLE: &str = include_str!("../../../templates/explore-drawing.css");

/// A diagram.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// The names of the columns.
    pub head: String,
    /// The run below them.
    pub body: String,
    /// The vertical position of each frame.
    pub rows: Vec<usize>,
}

/// The palette as CSS variables.
pub(super) fn colours() -> String {
    let hues = [
        ("phase1", BLUE),
        ("phase2", VERMILION),
        ("chosen", GREEN),
        ("lead", PURPLE),
        ("no", ORANGE),
        ("ask", GREY),
    ];
    hues.iter().fold(String::new(), |mut css, (name, Hue(r, g, b))| {
        // Writing to a string cannot fail.
        let _ = write!(css, "--{name}:rgb({r},{g},{b});");
        css
    })
}

/// Draws a run, with or without upkeep.
pub fn draw(run: &Recording, upkeep: bool) -> Drawing {
    let width = width(run);
    let plan = Plan::new(run, upkeep);
    let mut head = Svg::new(width, HEAD, "The processes");
    names(&mut head, run);
    let label = format!("Space-time diagram of {} with the variant {}", run.title, run.variant);
    let mut body = Svg::new(width, plan.height, &label);
    plan.draw(&mut body);
    Drawing { head: head.finish(), body: body.finish(), rows: plan.rows }
}

/// Draws a run as a separate SVG file.
pub(super) fn file(run: &Recording, upkeep: bool) -> String {
    let width = width(run);
    let plan = Plan::new(run, upkeep);
    let mut svg = Svg::new(width, plan.height + 2 * HEAD, &format!("{} with {}", run.title, run.variant));
    svg.style(&format!(":root{{{}}}{STYLE}", colours()));
    svg.push(format_args!("<rect class=\"paper\" width=\"100%\" height=\"100%\"/>"));
    let (title, variant, seed) = (escape(run.title), run.variant, run.seed);
    svg.push(format_args!("<text class=\"lane\" x=\"12\" y=\"21\">{title}: {variant}, seed {seed}</text>"));
    svg.push(format_args!("<g transform=\"translate(0 {HEAD})\">"));
    names(&mut svg, run);
    svg.push(format_args!("</g><g transform=\"translate(0 {})\">", 2 * HEAD));
    plan.draw(&mut svg);
    svg.push(format_args!("</g>"));
    svg.finish()
}

/// The space between two columns. With few processes, there is more room for their text.
const fn spacing(run: &Recording) -> usize {
    if run.lanes.len() <= 4 { 140 } else { 118 }
}

const fn width(run: &Recording) -> usize {
    LEFT + (run.lanes.len() - 1) * spacing(run) + RIGHT
}

const fn x(run: &Recording, column: usize) -> usize {
    LEFT + column * spacing(run)
}

fn names(svg: &mut Svg, run: &Recording) {
    for (column, lane) in run.lanes.iter().enumerate() {
        let (x, node, role) = (x(run, column), lane.node, lane.role);
        svg.push(format_args!(
            "<g class=\"name\" data-node=\"{node}\"><text class=\"lane\" x=\"{x}\" y=\"15\">n{node}</text>\
             <text class=\"role\" x=\"{x}\" y=\"28\">{role}</text></g>"
        ));
    }
}

/// One line of text: its column, its content, and the messages that leave there.
struct Line<'a> {
    node: u16,
    class: &'static str,
    text: String,
    trips: Vec<&'a Trip>,
}

struct Plan<'a> {
    run: &'a Recording,
    rows: Vec<usize>,
    lines: Vec<Vec<Line<'a>>>,
    /// Messages that are still under way at the end: the index of each, and the vertical position of its arrival.
    pending: Vec<(usize, usize)>,
    upkeep: bool,
    height: usize,
}

impl<'a> Plan<'a> {
    fn new(run: &'a Recording, upkeep: bool) -> Self {
        let (mut rows, mut lines) = (Vec::new(), Vec::new());
        let mut y = LINE;
        let mut sent = run.messages.iter().peekable();
        for (nth, frame) in run.frames.iter().enumerate() {
            let mut trips = Vec::new();
            while let Some(trip) = sent.next_if(|trip| trip.sent == nth) {
                trips.push(trip);
            }
            let mine = if frame.quiet && !upkeep { Vec::new() } else { written(frame, &trips, upkeep) };
            rows.push(y);
            if !frame.quiet || upkeep {
                y += mine.len().max(1) * LINE + GAP;
            }
            lines.push(mine);
        }
        let flying = run.messages.iter().enumerate().filter(|(_, trip)| trip.fate == Fate::Flying);
        let mut flying: Vec<_> = flying
            .filter(|(_, trip)| upkeep || !trip.upkeep)
            .map(|(place, trip)| (trip.due_us, place))
            .collect();
        flying.sort_unstable();
        let mut pending = Vec::new();
        for (_, place) in flying {
            y += LINE;
            pending.push((place, y));
        }
        Self { run, rows, lines, pending, upkeep, height: y + 2 * LINE }
    }

    fn draw(&self, svg: &mut Svg) {
        // Rows are drawn below all arrows, so that a highlighted row hides none.
        for (nth, frame) in self.run.frames.iter().enumerate() {
            if frame.quiet && !self.upkeep {
                continue;
            }
            let y = self.rows[nth];
            let height = self.lines[nth].len().max(1) * LINE + GAP;
            svg.push(format_args!(
                "<rect class=\"row\" data-f=\"{nth}\" y=\"{}\" height=\"{height}\" width=\"100%\"/>",
                y.saturating_sub(LINE - 2)
            ));
        }
        self.columns(svg);
        let mut texts = String::new();
        let mut before = None;
        for (nth, frame) in self.run.frames.iter().enumerate() {
            if frame.quiet && !self.upkeep {
                continue;
            }
            let y = self.rows[nth];
            if before != Some(frame.at_us) {
                let _ = writeln!(
                    texts,
                    "<text class=\"time\" data-f=\"{nth}\" x=\"6\" y=\"{}\">{}</text>",
                    y + 4,
                    time(frame.at_us)
                );
                before = Some(frame.at_us);
            }
            for (row, line) in self.lines[nth].iter().enumerate() {
                self.line(svg, &mut texts, nth, y + row * LINE, line);
            }
        }
        svg.push(format_args!("<g class=\"labels\">{texts}</g>"));
    }

    /// Draws the columns, each in pieces where the process is up or down.
    fn columns(&self, svg: &mut Svg) {
        for (column, lane) in self.run.lanes.iter().enumerate() {
            let (mut top, mut up, mut from) = (0, true, 0);
            for (nth, frame) in self.run.frames.iter().enumerate() {
                let Some(state) = frame.changed.iter().find(|state| state.node == lane.node) else {
                    continue;
                };
                if state.up != up {
                    svg.column(x(self.run, column), top, self.rows[nth], from, up);
                    (top, up, from) = (self.rows[nth], state.up, nth);
                }
            }
            svg.column(x(self.run, column), top, self.height, from, up);
        }
    }

    fn place(&self, node: u16) -> Option<usize> {
        self.run.lanes.iter().position(|lane| lane.node == node).map(|column| x(self.run, column))
    }

    fn line(&self, svg: &mut Svg, texts: &mut String, nth: usize, y: usize, line: &Line<'_>) {
        let Some(from) = self.place(line.node) else { return };
        for trip in &line.trips {
            let Some(to) = self.place(trip.to) else { continue };
            let pending = || {
                let place = self.run.messages.iter().position(|other| std::ptr::eq(other, *trip))?;
                self.pending.iter().find(|(pending, _)| *pending == place).map(|(_, y)| *y)
            };
            let end =
                trip.end.map_or_else(|| pending().unwrap_or(self.height), |end| self.rows[end].max(y + 4));
            svg.arrow((from, y), (to, end), trip, class(trip.kind));
        }
        svg.sign(from, y, nth, line.class);
        let _ = writeln!(
            texts,
            "<text class=\"label {}\" data-f=\"{nth}\" x=\"{}\" y=\"{}\">{}</text>",
            line.class,
            from + 8,
            y + 4,
            escape(&line.text)
        );
    }
}

/// The lines of text in the rows of a frame.
fn written<'a>(frame: &Frame, trips: &[&'a Trip], upkeep: bool) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for mark in &frame.marks {
        let text = format!("{} {}", mark.what, mark.text).trim_end().to_owned();
        lines.push(Line { node: mark.node, class: sign(mark.what), text, trips: Vec::new() });
    }
    for trip in trips.iter().filter(|trip| upkeep || !trip.upkeep) {
        let same = |line: &&mut Line<'_>| line.node == trip.from && line.text == trip.label;
        if let Some(line) = lines.iter_mut().find(same) {
            line.trips.push(trip);
        } else {
            let (node, text) = (trip.from, trip.label.clone());
            lines.push(Line { node, class: class(trip.kind), text, trips: vec![trip] });
        }
    }
    lines
}

/// The colour of a kind of message.
fn class(kind: &str) -> &'static str {
    match kind {
        "prepare" | "promise" => "phase1",
        "accept" | "any" | "accepted" => "phase2",
        "decide" | "chosen" => "chosen",
        "nack" | "refuse" | "forgotten" => "no",
        "request" | "reply" => "ask",
        _ => "lead",
    }
}

/// The sign for something that happens at one process.
fn sign(what: &str) -> &'static str {
    match what {
        "learns" => "learns",
        "crashes" => "crash",
        "restarts" => "restart",
        _ => "note",
    }
}
