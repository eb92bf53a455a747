//! Checks whether the store is fast enough for the timeouts.

use core::time::Duration;
use tokio::time::Instant;

/// How long no further slow write is reported after one was.
const QUIET: Duration = Duration::from_secs(60);

/// Watches how long writes take. An election needs two consecutive writes: the candidate's ballot, and the promises.
#[derive(Debug)]
pub(in crate::host) struct Pace {
    election: Option<Duration>,
    told: Option<Instant>,
}

impl Pace {
    pub(in crate::host) fn new(election: Option<Duration>) -> Self {
        Self { election, told: None }
    }

    /// Notes how long a write took. Returns a warning if it was too slow.
    pub(in crate::host) fn wrote(&mut self, took: Duration, now: Instant) -> Option<String> {
        let election = self.election.filter(|election| took > *election / 2)?;
        if self.told.is_some_and(|told| now.duration_since(told) < QUIET) {
            return None;
        }
        self.told = Some(now);
        Some(format!(
            "a write to the store took {took:.1?}, and the shortest election timeout is {election:.1?}: leaders are \
             elected late while writes take that long; use a faster disk, or set the election timeout to {:.1?} or more at every member",
            took.saturating_mul(4)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_takes_half_an_election_timeout_is_told_once_a_minute() {
        let (mut pace, start) = (Pace::new(Some(Duration::from_millis(100))), Instant::now());
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(pace.wrote(Duration::from_millis(50), start), None);
        let told = pace.wrote(Duration::from_millis(400), start).expect("it is too slow");
        assert!(told.contains("took 400.0ms") && told.contains("to 1.6s or more"), "{told}");
        assert_eq!(pace.wrote(Duration::from_millis(400), at(59)), None);
        assert!(pace.wrote(Duration::from_millis(400), at(60)).is_some());
        assert_eq!(Pace::new(None).wrote(Duration::from_secs(9), start), None, "nobody waits for a leader");
    }
}
