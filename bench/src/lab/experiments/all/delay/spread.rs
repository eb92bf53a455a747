//! Delays of a given mean and spread, from several families of distributions.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp, LogNormal, Pareto, Weibull};
use std::time::Duration;

/// The mean of all distributions, in milliseconds.
pub(super) const MEAN_MS: f64 = 10.0;

/// How delays are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// All delays are equal.
    Constant,
    /// A shortest delay plus an exponentially distributed one.
    Exponential,
    /// The Weibull distribution.
    Weibull,
    /// The log-normal distribution.
    LogNormal,
    /// The Pareto distribution, which has the heaviest tail.
    Pareto,
}

impl Family {
    /// All families.
    pub(super) const ALL: [Self; 5] =
        [Self::Constant, Self::Exponential, Self::Weibull, Self::LogNormal, Self::Pareto];

    /// The name of the family.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Exponential => "exponential",
            Self::Weibull => "weibull",
            Self::LogNormal => "log-normal",
            Self::Pareto => "pareto",
        }
    }

    /// The name of the family in a sentence: two are named after people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Weibull => "Weibull",
            Self::Pareto => "Pareto",
            Self::Constant | Self::Exponential | Self::LogNormal => self.name(),
        }
    }

    /// The coefficients of variation (standard deviation / mean) to try.
    pub(super) const fn spreads(self) -> &'static [f64] {
        match self {
            Self::Constant => &[0.0],
            Self::Exponential => &[0.1, 0.25, 0.5, 0.75, 1.0],
            Self::Weibull | Self::LogNormal | Self::Pareto => &[0.1, 0.25, 0.5, 1.0, 2.0, 4.0],
        }
    }

    /// The distribution with [`MEAN_MS`] and this coefficient of variation, if it exists.
    pub(super) fn with_spread(self, spread: f64) -> Option<Spread> {
        let squared = spread * spread;
        Some(match self {
            Self::Constant => Spread::Constant,
            Self::Exponential => {
                Spread::Exponential(MEAN_MS * (1.0 - spread), Exp::new(1.0 / (MEAN_MS * spread)).ok()?)
            }
            Self::Weibull => {
                let shape = weibull_shape(squared);
                Spread::Weibull(Weibull::new(MEAN_MS / libm::tgamma(1.0 + 1.0 / shape), shape).ok()?)
            }
            Self::LogNormal => {
                let variance = libm::log1p(squared);
                Spread::LogNormal(LogNormal::new(libm::log(MEAN_MS) - variance / 2.0, variance.sqrt()).ok()?)
            }
            Self::Pareto => {
                let shape = 1.0 + (1.0 + 1.0 / squared).sqrt();
                Spread::Pareto(Pareto::new(MEAN_MS * (shape - 1.0) / shape, shape).ok()?)
            }
        })
    }
}

/// Finds the shape k for which Γ(1 + 2/k) / Γ(1 + 1/k)² − 1, which falls in k, equals `squared`, by bisection.
fn weibull_shape(squared: f64) -> f64 {
    let (mut low, mut high) = (0.2_f64, 100.0_f64);
    for _ in 0..100 {
        let shape = f64::midpoint(low, high);
        let first = libm::tgamma(1.0 + 1.0 / shape);
        if libm::tgamma(1.0 + 2.0 / shape) / (first * first) - 1.0 > squared {
            low = shape;
        } else {
            high = shape;
        }
    }
    f64::midpoint(low, high)
}

/// A distribution of delays.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    /// Every delay is the mean.
    Constant,
    /// The shortest delay in milliseconds, and the distribution of the rest.
    Exponential(f64, Exp<f64>),
    /// The Weibull distribution.
    Weibull(Weibull<f64>),
    /// The log-normal distribution.
    LogNormal(LogNormal<f64>),
    /// The Pareto distribution.
    Pareto(Pareto<f64>),
}

impl Spread {
    /// Draws one delay.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Duration {
        let ms = match self {
            Self::Constant => MEAN_MS,
            Self::Exponential(shortest, rest) => shortest + rest.sample(rng),
            Self::Weibull(all) => all.sample(rng),
            Self::LogNormal(all) => all.sample(rng),
            Self::Pareto(all) => all.sample(rng),
        };
        // Delays are rounded to nanoseconds, and at most a day long.
        Duration::from_nanos((ms.clamp(0.0, 86_400_000.0) * 1e6).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    /// Tests only small spreads: with larger ones, the tails are so heavy that the sample's deviation says little.
    #[test]
    fn draws_have_the_mean_and_the_spread_that_were_asked_for() {
        for family in Family::ALL {
            for spread in family.spreads().iter().copied().filter(|spread| *spread <= 0.5) {
                let delays = family.with_spread(spread).unwrap_or_else(|| panic!("{family:?} {spread}"));
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                let ms: Vec<f64> = (0..40_000).map(|_| delays.draw(&mut rng).as_secs_f64() * 1e3).collect();
                let mean = ms.iter().sum::<f64>() / ms.len() as f64;
                let variance = ms.iter().map(|ms| (ms - mean) * (ms - mean)).sum::<f64>() / ms.len() as f64;
                assert!((mean / MEAN_MS - 1.0).abs() < 0.02, "{family:?} {spread}: mean {mean}");
                assert!(
                    (variance.sqrt() / mean - spread).abs() < 0.06,
                    "{family:?} {spread}: {}",
                    variance.sqrt() / mean
                );
            }
        }
    }
}
