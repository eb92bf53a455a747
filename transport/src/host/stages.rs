//! Where the time of this process's own commands goes.

use core::time::Duration;
use tokio::time::Instant;

/// Where the time of the commands goes that this process was asked for and that were executed: sums since it started. The three
/// times follow one another and add up to the time from the call to the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// How many commands.
    pub commands: u64,
    /// In the queue, until a turn took them.
    pub queue: Duration,
    /// Until they were agreed on and all before them were, which includes the disks of a quorum and the network.
    pub agreement: Duration,
    /// In the state machine, with all that became known in the same turn, until they were answered.
    pub apply: Duration,
}

impl Stages {
    /// Adds a command that was answered at `answered`.
    pub(super) fn add(&mut self, asked: Instant, taken: Instant, known: Instant, answered: Instant) {
        self.commands += 1;
        for (sum, from, to) in [
            (&mut self.queue, asked, taken),
            (&mut self.agreement, taken, known),
            (&mut self.apply, known, answered),
        ] {
            *sum = sum.saturating_add(to.saturating_duration_since(from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_of_a_command_add_up_to_its_time() {
        let asked = Instant::now();
        let after = |ms: u64| asked + Duration::from_millis(ms);
        let mut stages = Stages::default();
        stages.add(asked, after(1), after(11), after(13));
        stages.add(asked, after(2), after(3), after(3));
        let ms = Duration::from_millis;
        assert_eq!(stages, Stages { commands: 2, queue: ms(3), agreement: ms(11), apply: ms(2) });
    }
}
