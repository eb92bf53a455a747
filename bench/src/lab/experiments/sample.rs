//! Statistics of many measurements.

use serde::{Deserialize, Serialize};

/// Measurements in ascending order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sample(Vec<f64>);

/// What tables say of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The number of measurements.
    pub len: usize,
    /// The mean; none of an empty sample.
    pub mean: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

impl Sample {
    /// A sample of these values.
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The number of measurements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no measurements.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mean; none of an empty sample.
    pub fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / self.0.len() as f64)
    }

    /// The quantile: the measurement that this share of all do not exceed.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        self.0.get(((last as f64) * share).round() as usize).copied()
    }

    /// The number of measurements, their mean and two quantiles.
    pub fn summary(&self) -> Summary {
        let (p50, p99) = (self.quantile(0.5), self.quantile(0.99));
        Summary { len: self.len(), mean: self.mean(), p50, p99 }
    }

    /// The measurement at this place in ascending order, counted from 0.
    ///
    /// # Panics
    /// If there are fewer measurements.
    pub fn nth(&self, place: usize) -> f64 {
        self.0[place]
    }

    /// The distribution as a curve of about this many points: for a value, the share of measurements that do not exceed
    /// it.
    pub fn curve(&self, points: usize) -> Vec<(f64, f64)> {
        let n = self.0.len();
        let step = n.div_ceil(points.max(1)).max(1);
        let mut curve: Vec<(f64, f64)> = self
            .0
            .iter()
            .enumerate()
            .step_by(step)
            .map(|(i, value)| (*value, (i + 1) as f64 / n as f64))
            .collect();
        curve.extend(self.0.last().map(|last| (*last, 1.0)));
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_knows_its_middle_and_its_ends() {
        let sample = Sample::new(vec![3.0, 1.0, 2.0, 10.0, 4.0]);
        assert_eq!(
            (sample.mean(), sample.quantile(0.5), sample.quantile(1.0)),
            (Some(4.0), Some(3.0), Some(10.0))
        );
        assert_eq!(sample.curve(2), [(1.0, 0.2), (4.0, 0.8), (10.0, 1.0)]);
        assert_eq!((Sample::default().mean(), Sample::default().quantile(0.5)), (None, None));
    }
}
