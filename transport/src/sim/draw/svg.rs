//! Message sequence charts as SVG: one self-contained file without scripts or fonts.

use super::{Line, Row, Trace, What, millis};
use core::fmt::Write;
use paxos_core::Time;
use std::collections::BTreeMap;

const COLUMN: usize = 150;
const ROW: usize = 16;
const MARGIN: usize = 80;
const TOP: usize = 30;

impl Trace {
    /// Returns the run as an SVG picture. Time runs down, and each arrow leads from where and when a message was sent
    /// to where and when it arrives. Equal times are at the same height; differences are not to scale. Text is drawn
    /// over all arrows, with a white edge.
    pub fn to_svg(&self) -> String {
        let fanned = self.fanned();
        let lines = fanned.lines();
        let heights = heights(&lines);
        let height = heights.values().map(|(top, rows)| top + rows * ROW).max().unwrap_or(TOP) + ROW;
        let width = MARGIN + self.nodes.len() * COLUMN + MARGIN;
        let mut svg = String::new();
        push(
            &mut svg,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"monospace\" font-size=\"10\">"
            ),
        );
        svg.push_str(
            "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
             markerHeight=\"8\" orient=\"auto\"><path d=\"M0 1 8 4 0 7z\"/></marker></defs>\n",
        );
        push(&mut svg, format_args!("<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"));
        for (at, node) in self.nodes.iter().enumerate() {
            let x = x(at);
            push(
                &mut svg,
                format_args!(
                    "<text x=\"{x}\" y=\"16\" text-anchor=\"middle\" font-size=\"12\">{node}</text>"
                ),
            );
            push(&mut svg, format_args!("<path d=\"M{x} {TOP}V{height}\" stroke=\"#bbb\"/>"));
        }
        for (at, (top, _)) in &heights {
            push(
                &mut svg,
                format_args!("<text x=\"4\" y=\"{}\" fill=\"#888\">{} ms</text>", top + 4, millis(*at, 3)),
            );
        }
        let mut used: BTreeMap<Time, usize> = BTreeMap::new();
        let mut labels = String::new();
        for line in &lines {
            let row = used.entry(line.at).or_default();
            let y = heights.get(&line.at).map_or(TOP, |(top, _)| top + *row * ROW);
            *row += 1;
            self.svg_line(&mut svg, &mut labels, line, y, &heights);
        }
        push(
            &mut svg,
            format_args!(
                "<g paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\">\n{labels}</g>\n</svg>"
            ),
        );
        svg
    }

    /// Returns the same run, with equal messages to several receivers merged into one.
    fn fanned(&self) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        for row in &self.rows {
            if let What::Sent { label, to, .. } = &row.what
                && let Some(last) = rows.last_mut()
                && (last.at, last.node) == (row.at, row.node)
                && let What::Sent { label: before, to: receivers, .. } = &mut last.what
                && before == label
            {
                receivers.extend(to.iter().copied());
            } else {
                rows.push(row.clone());
            }
        }
        Self { nodes: self.nodes.clone(), rows }
    }

    fn svg_line(
        &self,
        svg: &mut String,
        labels: &mut String,
        line: &Line<'_>,
        y: usize,
        heights: &BTreeMap<Time, (usize, usize)>,
    ) {
        for from in line.nodes.iter().filter_map(|node| self.column(*node)).map(x) {
            let text = match line.what {
                What::Noted(note, about) => {
                    push(svg, format_args!("<circle cx=\"{from}\" cy=\"{y}\" r=\"3\" fill=\"#06c\"/>"));
                    note.tell(about)
                }
                What::Sent { label, to, .. } => {
                    for (receiver, at) in to {
                        let Some(to) = self.column(*receiver).map(x) else { continue };
                        let end = at.and_then(|at| Some(heights.get(&at)?.0));
                        let (end, style) = match end {
                            Some(end) => (end, "marker-end=\"url(#head)\" stroke=\"black\""),
                            None => (y + ROW, "stroke=\"#c00\" stroke-dasharray=\"3\""),
                        };
                        push(svg, format_args!("<path d=\"M{from} {y}L{to} {end}\" {style}/>"));
                    }
                    label.clone()
                }
            };
            push(labels, format_args!("<text x=\"{}\" y=\"{}\">{}</text>", from + 5, y - 3, escape(&text)));
        }
    }
}

/// Returns the height of each time at which something is sent, arrives or happens, and the number of lines that begin
/// then.
fn heights(lines: &[Line<'_>]) -> BTreeMap<Time, (usize, usize)> {
    let mut rows: BTreeMap<Time, usize> = BTreeMap::new();
    for line in lines {
        *rows.entry(line.at).or_default() += 1;
        if let What::Sent { to, .. } = line.what {
            for at in to.iter().filter_map(|(_, at)| *at) {
                rows.entry(at).or_default();
            }
        }
    }
    let mut top = TOP + ROW;
    let place = |(at, rows): (Time, usize)| {
        let mine = top;
        top += (rows + 1) * ROW;
        (at, (mine, rows))
    };
    rows.into_iter().map(place).collect()
}

const fn x(column: usize) -> usize {
    MARGIN + column * COLUMN + COLUMN / 3
}

fn push(svg: &mut String, content: core::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(svg, "{content}");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
