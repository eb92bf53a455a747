//! Measures how long something has been running, including the time when its machine was suspended.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use tokio::time::Instant;

/// A clock that continues while the machine is suspended, where the system has one (`CLOCK_BOOTTIME` of Linux and
/// Android). Elsewhere it stops meanwhile, as [`std::time::Instant`] does.
///
/// Leases rest on it: in true time, an acceptor's grant must not expire before the leader assumes it does.
///
/// No clock of a machine notices that a hypervisor paused the machine or restored it from an image, with its clocks
/// as they were.
#[derive(Debug)]
pub struct Uptime {
    start: Instant,
    sleep: Sleep,
}

impl Uptime {
    /// Starts the clock.
    pub fn new() -> Self {
        let sleep = Sleep::new(read());
        Self { start: Instant::now(), sleep }
    }

    /// Returns the time since the start. It never decreases.
    pub fn elapsed(&self) -> Duration {
        let asleep = self.sleep.so_far(read());
        // Read this clock last: the result is then at most the true time, since a suspension between the reads is in
        // neither.
        self.start.elapsed() + asleep
    }

    /// Returns the [`Instant`] at which `after` will have passed since the start, if the machine is not suspended
    /// until then.
    pub(crate) fn instant(&self, after: Duration) -> Option<Instant> {
        self.start.checked_add(after.saturating_sub(self.sleep.known()))
    }

    pub(crate) fn start(&self) -> Instant {
        self.start
    }
}

impl Default for Uptime {
    fn default() -> Self {
        Self::new()
    }
}

/// The readings of a clock that counts suspension and of one that does not, one right after the other.
type Clocks = (Duration, std::time::Instant);

/// Measures how long the machine was suspended: the difference between what the two clocks advanced.
#[derive(Debug)]
struct Sleep {
    begin: Option<Clocks>,
    /// The highest value seen, in nanoseconds. A thread that is delayed between reading the two clocks sees less.
    seen: AtomicU64,
}

impl Sleep {
    fn new(begin: Option<Clocks>) -> Self {
        Self { begin, seen: AtomicU64::new(0) }
    }

    fn so_far(&self, now: Option<Clocks>) -> Duration {
        if let (Some((boot, awake)), Some((boot_now, awake_now))) = (self.begin, now) {
            let all = boot_now.saturating_sub(boot);
            let asleep = all.saturating_sub(awake_now.saturating_duration_since(awake));
            self.seen.fetch_max(u64::try_from(asleep.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        }
        self.known()
    }

    fn known(&self) -> Duration {
        Duration::from_nanos(self.seen.load(Relaxed))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn read() -> Option<Clocks> {
    use rustix::time::{ClockId, clock_gettime};
    let boot = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
    Some((boot, std_now()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn read() -> Option<Clocks> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(clippy::disallowed_methods, reason = "real time is told to nodes here")]
fn std_now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn begin() -> Clocks {
        (500 * SECOND, std::time::Instant::now())
    }

    #[test]
    fn what_the_machine_slept_counts() {
        let begin = begin();
        let sleep = Sleep::new(Some(begin));
        let after = |boot, awake| Some((begin.0 + boot, begin.1 + awake));
        assert_eq!(sleep.so_far(after(SECOND, SECOND)), Duration::ZERO);
        assert_eq!(sleep.so_far(after(12 * SECOND, 2 * SECOND)), 10 * SECOND);
        // The thread was delayed for three seconds between the two clocks. The measured sleep does not decrease.
        assert_eq!(sleep.so_far(after(13 * SECOND, 6 * SECOND)), 10 * SECOND);
        assert_eq!(sleep.so_far(after(36 * SECOND, 6 * SECOND)), 30 * SECOND);
        assert_eq!(Sleep::new(None).so_far(None), Duration::ZERO);
    }

    #[test]
    fn deadlines_come_nearer_by_what_the_machine_slept() {
        let uptime = Uptime { start: Instant::now(), sleep: Sleep::new(None) };
        uptime.sleep.seen.store(3_000_000_000, Relaxed);
        assert_eq!(uptime.instant(10 * SECOND), Some(uptime.start + 7 * SECOND));
        assert_eq!(uptime.instant(SECOND), Some(uptime.start));
        assert!(uptime.elapsed() >= 3 * SECOND);
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn it_goes_by_the_clock_that_counts_sleep() {
        use rustix::time::{ClockId, clock_gettime};
        let boot = || Duration::try_from(clock_gettime(ClockId::Boottime)).expect("a time");
        let (before, uptime, after) = (boot(), Uptime::new(), boot());
        for _ in 0..1000 {
            let (earlier, told, later) = (boot(), uptime.elapsed(), boot());
            assert!(earlier <= after + told && before + told <= later, "{told:?}");
        }
    }
}
