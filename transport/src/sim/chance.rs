//! All random draws of a simulation, from one seed: the same seed gives the same run on every machine.

use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// A stream of random numbers. The streams of a seed are independent, so that a run with another disk still has the
/// same network.
#[derive(Clone, Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// Creates stream `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Draws a number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Draws a number from 0 up to, but not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Draws true with this probability. Draws nothing if the probability is 0.
    pub fn hits(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// Draws a duration from `low` to `high`, both included.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_nanos() as u64;
        low + Duration::from_nanos(self.below(span.saturating_add(1)))
    }

    /// Draws an exponentially distributed duration.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        let nanos = -ln(1.0 - self.unit()) * mean.as_nanos() as f64;
        Duration::from_nanos(nanos as u64)
    }
}

/// Returns the natural logarithm of a normal number above 0. It uses only basic operations, because they give the same
/// bits on every platform, unlike a mathematics library.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as f64 - 1023.0;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    // ln m = 2 artanh z with z = (m − 1)/(m + 1), at most a third.
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut power, mut sum) = (z, 0.0);
    for k in 0..18_u32 {
        sum += power / f64::from(2 * k + 1);
        power *= z * z;
    }
    2.0 * sum + exponent * core::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right() {
        for x in [1e-300, 1e-9, 0.1, 0.5, 0.999, 1.0] {
            assert!((ln(x) - f64::ln(x)).abs() <= 1e-12 * f64::ln(x).abs().max(1.0), "{x}");
        }
    }

    #[test]
    fn exponential_draws_have_their_mean() {
        let mut chance = Chance::new(1, 0);
        let mean = Duration::from_millis(10);
        let total: Duration = (0..20_000).map(|_| chance.exponential(mean)).sum();
        assert!((total.as_secs_f64() / 200.0 - 1.0).abs() < 0.05, "{total:?}");
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let draw = |stream| Chance::new(7, stream).below(u64::MAX);
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
    }
}
