//! Time as an argument, and chance as a seed: the core reads no clock and draws no lots.

use core::fmt;
use core::time::Duration;

/// Nanoseconds since some moment that the driver chose. Only differences mean anything, and each process may
/// have its own: never compare two processes' times.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Time(pub u64);

impl Time {
    /// The moment `d` later.
    #[must_use]
    pub const fn after(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.as_nanos() as u64))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

/// When a question is asked again. It waits twice as long each time it was in vain, up to sixteen times: what takes long to carry
/// or to write takes longer yet if it is said again and again meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Again {
    at: Option<Time>,
    vain: u32,
}

impl Again {
    /// How much longer than the first time to wait after so many questions in vain.
    pub const fn factor(vain: u32) -> u32 {
        1 << if vain < 4 { vain } else { 4 }
    }

    /// Something new was asked, or something was answered: it is asked again after `every`, never if that is none.
    pub fn start(&mut self, now: Time, every: Option<Duration>) {
        *self = Self { at: every.map(|every| now.after(every)), vain: 0 };
    }

    /// It is asked again now, and was not answered.
    pub fn repeat(&mut self, now: Time, every: Option<Duration>) {
        self.vain = self.vain.saturating_add(1);
        self.at = every.map(|every| now.after(every.saturating_mul(Self::factor(self.vain))));
    }

    /// Nothing is to be asked.
    pub fn stop(&mut self) {
        *self = Self::default();
    }

    /// When to ask again.
    pub const fn at(&self) -> Option<Time> {
        self.at
    }

    /// Whether that has come.
    pub fn is_due(&self, now: Time) -> bool {
        self.at.is_some_and(|at| at <= now)
    }
}

/// A reproducible stream of waiting times (`SplitMix64`, Steele, Lea and Flood 2014), so that processes with
/// different seeds do not act in step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Jitter(u64);

impl Jitter {
    /// The stream of one process.
    pub fn new(seed: u64, node: crate::NodeId) -> Self {
        Self(seed ^ u64::from(node.0).wrapping_mul(0xA24B_AED4_963E_E407))
    }

    /// The next number, uniform in 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A duration between `low` and `high`, `low` if they are the wrong way round.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_nanos() as u64;
        low + Duration::from_nanos(self.draw() % (span + 1))
    }
}
