//! For how long something has been running, with the time in which its machine was suspended.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use tokio::time::Instant;

/// A clock that goes on while the machine sleeps, where the system has one (`CLOCK_BOOTTIME` of Linux and Android). Elsewhere
/// it stands still meanwhile, as [`std::time::Instant`] does.
///
/// Leases rest on it: an acceptor's grant must not run out sooner than the leader thinks, by true time.
///
/// No clock of a machine sees what is kept from the machine itself: that a hypervisor paused it, or put it back from an
/// image, with its clocks as they were.
#[derive(Debug)]
pub struct Uptime {
    start: Instant,
    sleep: Sleep,
}

impl Uptime {
    /// Begins now.
    pub fn new() -> Self {
        let sleep = Sleep::new(read());
        Self { start: Instant::now(), sleep }
    }

    /// For how long it has been running. It never goes back.
    pub fn elapsed(&self) -> Duration {
        let asleep = self.sleep.so_far(read());
        // Read last, so that it is never more than what has passed: what it slept meanwhile is in neither.
        self.start.elapsed() + asleep
    }

    /// The [`Instant`] at which so long will have passed, if the machine does not sleep until then.
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

/// A clock that counts sleep and then one that does not, as they were read one after the other.
type Clocks = (Duration, std::time::Instant);

/// How long the machine slept: by how much the first clock went further than the second.
#[derive(Debug)]
struct Sleep {
    begin: Option<Clocks>,
    /// In nanoseconds: the most that was seen, for whoever is held up between the two clocks sees less.
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
        // It was held up for three seconds between the two clocks. Nothing is taken back.
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
