//! Measures where this process's own commands spend their time.

use core::time::Duration;
use tokio::time::Instant;

/// Where the executed commands of this process spent their time, as sums since it started. The three stages follow one
/// another and add up to the time from the call to the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// The number of commands.
    pub commands: u64,
    /// Time in the queue, until a turn took the command.
    pub queue: Duration,
    /// Time until the command and all before it were agreed on. It includes the disks of a quorum and the network.
    pub agreement: Duration,
    /// Time in the state machine, with everything learned in the same turn, until the command was answered.
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
