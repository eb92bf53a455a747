//! Time as an argument, and chance as a seed: the core reads no clock and has no source of randomness.

use core::fmt;
use core::time::Duration;

/// Nanoseconds since a moment that the driver chose. Only differences have a meaning. Each process may have its own
/// moment, so times of two processes must not be compared.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Time(pub u64);

impl Time {
    /// Returns the moment `d` later.
    #[must_use]
    pub const fn after(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.as_nanos() as u64))
    }

    /// The time since `earlier`; zero if `earlier` lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

/// When a question is asked again. The wait doubles with each question without an answer, up to sixteen times the
/// first: a large message or a slow write takes longer still if it is sent again meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Again {
    at: Option<Time>,
    vain: u32,
}

impl Again {
    /// The factor by which the wait grows after `vain` questions without an answer.
    pub const fn factor(vain: u32) -> u32 {
        1 << if vain < 4 { vain } else { 4 }
    }

    /// Starts to wait after a new question or an answer: the question is due again after `every`; None: never.
    pub fn start(&mut self, now: Time, every: Option<Duration>) {
        *self = Self { at: every.map(|every| now.after(every)), vain: 0 };
    }

    /// Notes that the question is asked again without an answer.
    pub fn repeat(&mut self, now: Time, every: Option<Duration>) {
        self.vain = self.vain.saturating_add(1);
        self.at = every.map(|every| now.after(every.saturating_mul(Self::factor(self.vain))));
    }

    /// Stops: there is no question.
    pub fn stop(&mut self) {
        *self = Self::default();
    }

    /// When the question is asked again.
    pub const fn at(&self) -> Option<Time> {
        self.at
    }

    /// Whether the question is due.
    pub fn is_due(&self, now: Time) -> bool {
        self.at.is_some_and(|at| at <= now)
    }
}

/// A reproducible stream of random numbers (`SplitMix64`, Steele, Lea and Flood 2014), so that processes with
/// different seeds do not act in step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Jitter(u64);

impl Jitter {
    /// Creates the stream of one process.
    pub fn new(seed: u64, node: crate::NodeId) -> Self {
        Self(seed ^ u64::from(node.0).wrapping_mul(0xA24B_AED4_963E_E407))
    }

    /// Returns the next number, uniform in 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a duration from `low` to `high`; `low` if `high` is lower.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = u64::try_from(high.saturating_sub(low).as_nanos()).unwrap_or(u64::MAX);
        low + Duration::from_nanos(self.draw() % span.saturating_add(1))
    }
}
