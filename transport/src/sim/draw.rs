//! Pictures of runs.

mod ascii;
mod mermaid;
mod svg;

use super::trace::{Note, Row, Trace, What};
use paxos_core::{NodeId, Time};

/// Equal events at the same time, drawn as one line.
struct Line<'a> {
    at: Time,
    nodes: Vec<NodeId>,
    what: &'a What,
}

impl Trace {
    /// The lines of the drawing, in order. The same note at several processes is one line, and so is one message to
    /// several receivers, unless it was carried to each separately.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for Row { at, node, what } in &self.rows {
            match lines.last_mut() {
                Some(last) if matches!(what, What::Noted(..)) && last.at == *at && last.what == what => {
                    last.nodes.push(*node);
                }
                _ => lines.push(Line { at: *at, nodes: vec![*node], what }),
            }
        }
        lines
    }

    fn column(&self, node: NodeId) -> Option<usize> {
        self.nodes.binary_search(&node).ok()
    }

    /// Whether messages take different times, so that a picture must show when they arrive.
    fn delays_vary(&self) -> bool {
        let mut delays = self.rows.iter().flat_map(|row| match &row.what {
            What::Sent { to, .. } => {
                to.iter().filter_map(|(_, at)| at.map(|at| at.since(row.at))).collect::<Vec<_>>()
            }
            What::Noted(..) => Vec::new(),
        });
        delays.next().is_some_and(|first| delays.any(|d| d != first))
    }
}

impl Note {
    /// The sign in the process's column.
    const fn sign(self) -> char {
        match self {
            Self::Submitted => '!',
            Self::Answered | Self::Read => '=',
            Self::Asked => '?',
            Self::Unanswered => '%',
            Self::Learned => '*',
            Self::Stored => '+',
            Self::Crashed => 'X',
            Self::Restarted => '^',
            Self::Paused => '#',
            Self::Resumed => '~',
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Submitted => "submits",
            Self::Answered => "has its answer to",
            Self::Asked => "begins",
            Self::Read => "may answer",
            Self::Unanswered => "has no answer to",
            Self::Learned => "learns",
            Self::Stored => "stores",
            Self::Crashed => "crashes",
            Self::Restarted => "restarts",
            Self::Paused => "halts",
            Self::Resumed => "goes on",
        }
    }

    fn tell(self, text: &str) -> String {
        if text.is_empty() { self.verb().into() } else { format!("{} {text}", self.verb()) }
    }
}

/// Formats a time in milliseconds with `digits` decimals.
fn millis(at: Time, digits: usize) -> String {
    let scale = 10_u64.pow(digits as u32);
    let units = at.0 / (1_000_000 / scale);
    if digits == 0 { units.to_string() } else { format!("{}.{:0digits$}", units / scale, units % scale) }
}
