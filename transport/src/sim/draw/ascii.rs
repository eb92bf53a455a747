//! Message sequence charts in ASCII.

use super::{Line, Note, Trace, What, millis};
use core::fmt::Write;
use paxos_core::{NodeId, Time};

/// The number of characters from one column to the next.
const STEP: usize = 8;

impl Trace {
    /// Draws the run: a column for each process, and the messages and events from top to bottom.
    ///
    /// ```text
    ///   ms  n0      n1      n2      n3
    ///    0  |       |       |       !       submits c3#0
    ///    0  |<------+-------+-------o       request c3#0
    ///    1  o------>|------>|       |       accept 1.n0 s0 c3#0
    ///    2  |<------o       |       |       accepted 1.n0 s0
    ///    2  |       |       X       |       crashes
    /// ```
    ///
    /// `o` sends, `>` and `<` point at receivers, and `x` in their place marks a lost message. In a process's column,
    /// `!` is a submission, `=` an answer, `*` something learned, `+` a snapshot on disk, `X` a crash, `^` a restart,
    /// and `#` and `~` the start and end of a pause; `:` is a process that is down. Times are those of sending, in
    /// milliseconds. If messages do not all take equally long, the times of arrival follow the label.
    pub fn draw(&self) -> String {
        let digits = self.digits();
        let lines = self.lines();
        let width = lines.iter().map(|l| millis(l.at, digits).len()).max().unwrap_or(0).max(2);
        let mut picture = format!("{:>width$}  ", "ms");
        for node in &self.nodes {
            // Writing to a string cannot fail.
            let _ = write!(picture, "{:<STEP$}", node.to_string());
        }
        let arrivals = self.delays_vary();
        let mut down = vec![false; self.nodes.len()];
        let mut text = picture.trim_end().to_string() + "\n";
        for line in &lines {
            let (drawing, label) = self.line(line, &mut down, arrivals.then_some(digits));
            let row = format!("{:>width$}  {drawing}{label}", millis(line.at, digits));
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// The number of decimals that distinguish all times, at most those of a microsecond.
    fn digits(&self) -> usize {
        let mut times = self.rows.iter().flat_map(|row| match &row.what {
            What::Sent { to, .. } => {
                to.iter().filter_map(|(_, at)| *at).chain([row.at]).collect::<Vec<Time>>()
            }
            What::Noted(..) => vec![row.at],
        });
        if times.all(|at| at.0 % 1_000_000 == 0) { 0 } else { 3 }
    }

    fn line(&self, line: &Line<'_>, down: &mut [bool], arrivals: Option<usize>) -> (String, String) {
        let mut canvas = vec![' '; self.nodes.len() * STEP];
        for (at, down) in down.iter().enumerate() {
            canvas[at * STEP] = if *down { ':' } else { '|' };
        }
        let label = match line.what {
            What::Noted(note, text) => {
                for at in line.nodes.iter().filter_map(|node| self.column(*node)) {
                    canvas[at * STEP] = note.sign();
                    match note {
                        Note::Crashed => down[at] = true,
                        Note::Restarted => down[at] = false,
                        Note::Submitted
                        | Note::Answered
                        | Note::Asked
                        | Note::Read
                        | Note::Unanswered
                        | Note::Learned
                        | Note::Stored
                        | Note::Paused
                        | Note::Resumed => {}
                    }
                }
                note.tell(text)
            }
            What::Sent { label, to, .. } => {
                if let Some(from) = line.nodes.first().and_then(|node| self.column(*node)) {
                    self.arrows(&mut canvas, from, to);
                }
                arrivals.map_or_else(|| label.clone(), |digits| format!("{label}  [{}]", times(to, digits)))
            }
        };
        (canvas.into_iter().collect(), label)
    }

    /// Draws arrows from column `from` to each receiver.
    fn arrows(&self, canvas: &mut [char], from: usize, to: &[(NodeId, Option<Time>)]) {
        let columns: Vec<(usize, bool)> =
            to.iter().filter_map(|(node, at)| Some((self.column(*node)?, at.is_some()))).collect();
        let left = columns.iter().map(|(at, _)| *at).filter(|at| *at < from).min().unwrap_or(from);
        let right = columns.iter().map(|(at, _)| *at).filter(|at| *at > from).max().unwrap_or(from);
        for (at, place) in canvas.iter_mut().enumerate().take(right * STEP).skip(left * STEP + 1) {
            *place = if at % STEP == 0 { '+' } else { '-' };
        }
        for (at, arrives) in columns {
            let (place, head) = if at < from { (at * STEP + 1, '<') } else { (at * STEP - 1, '>') };
            canvas[place] = if arrives { head } else { 'x' };
            if canvas[at * STEP] == '+' {
                canvas[at * STEP] = '|';
            }
        }
        canvas[from * STEP] = 'o';
    }
}

fn times(to: &[(NodeId, Option<Time>)], digits: usize) -> String {
    let each = to.iter().map(|(_, at)| at.map_or_else(|| "lost".into(), |at| millis(at, digits)));
    each.collect::<Vec<_>>().join(" ")
}
