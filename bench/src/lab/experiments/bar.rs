//! A bar that shows how many runs are done, and how long the others may take.

use std::time::{Duration, Instant};

/// The length of the bar in characters.
const LENGTH: usize = 20;

/// The runs of all chosen experiments.
pub(super) struct Bar {
    all: usize,
    done: usize,
    start: Instant,
}

impl Bar {
    /// A bar for so many runs.
    #[expect(clippy::disallowed_methods, reason = "it tells how long the other runs may take, and no result")]
    pub(super) fn new(all: usize) -> Self {
        Self { all, done: 0, start: Instant::now() }
    }

    /// Counts a run, and returns the line to show.
    pub(super) fn step(&mut self, what: &str) -> String {
        self.done += 1;
        line(self.done, self.all, self.start.elapsed(), what)
    }
}

/// The line after `done` of `all` runs. An experiment that asks for runs after it has seen results has more than were
/// counted.
fn line(done: usize, all: usize, elapsed: Duration, what: &str) -> String {
    let all = all.max(done);
    let full = LENGTH * done / all.max(1);
    let bar = "█".repeat(full) + &"░".repeat(LENGTH - full);
    let left = elapsed.as_secs_f64() / done.max(1) as f64 * (all - done) as f64;
    let left = if left < 90.0 { format!("{left:.0} s") } else { format!("{:.0} min", left / 60.0) };
    format!("{bar} {done} of {all} runs, about {left} left; {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_is_done_and_what_is_left() {
        let minute = Duration::from_secs(60);
        assert_eq!(
            line(5, 20, minute, "wan: a"),
            "█████░░░░░░░░░░░░░░░ 5 of 20 runs, about 3 min left; wan: a"
        );
        assert_eq!(line(20, 20, minute, "x"), "████████████████████ 20 of 20 runs, about 0 s left; x");
        assert_eq!(line(3, 2, minute, "x"), "████████████████████ 3 of 3 runs, about 0 s left; x");
    }
}
