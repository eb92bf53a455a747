//! Axes: a label with its unit, a range, and the places of the ticks.

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The label, with the unit.
    pub label: String,
    /// The range; none: as far as the marks reach.
    pub range: Option<(f64, f64)>,
    /// Whether the scale is logarithmic.
    pub log: bool,
    /// Names in the middle of the unit steps from 0 on, instead of numbers.
    pub names: Vec<String>,
}

impl Axis {
    /// An axis as long as its marks need. It begins at 0 if they come near 0.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), range: None, log: false, names: Vec::new() }
    }

    /// The same axis with this range.
    #[must_use]
    pub const fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// The same axis with a logarithmic scale, which its label says.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.log = true;
        self.label.push_str(", log scale");
        self
    }

    /// An axis with names instead of numbers.
    pub fn named(label: impl Into<String>, names: Vec<String>) -> Self {
        let range = Some((0.0, names.len() as f64));
        Self { label: label.into(), range, log: false, names }
    }

    /// The place of a value along the axis.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.log { libm::log10(value.max(f64::MIN_POSITIVE)) } else { value }
    }

    /// The places of both ends, if the marks have these values.
    pub(super) fn ends(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        if let Some((low, high)) = self.range {
            return (self.place(low), self.place(high));
        }
        let placed = values.filter(|value| !self.log || *value > 0.0).map(|value| self.place(value));
        let (low, high) = placed.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return (0.0, 1.0);
        }
        let low = if !self.log && low >= 0.0 && low < 0.6 * high { 0.0 } else { low };
        let air = if high > low { (high - low) * 0.05 } else { 0.5 };
        (if low == 0.0 && !self.log { 0.0 } else { low - air }, high + air)
    }

    /// The places of the ticks along the axis.
    pub(super) fn ticks(&self, (low, high): (f64, f64)) -> Vec<f64> {
        if !self.names.is_empty() {
            return (0..self.names.len()).map(|i| i as f64 + 0.5).collect();
        }
        if self.log {
            let steps: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let decades = low.floor() as i32..=high.ceil() as i32;
            let all = decades.flat_map(|d| steps.iter().map(move |s| f64::from(d) + libm::log10(*s)));
            let all: Vec<f64> = all.filter(|tick| (low - 1e-9..=high + 1e-9).contains(tick)).collect();
            if all.len() > 1 {
                return all;
            }
            // A range of less than a decade has the ticks of a linear scale.
            let plain = Self::new("").ticks((libm::pow(10.0, low), libm::pow(10.0, high)));
            return plain.into_iter().filter(|tick| *tick > 0.0).map(libm::log10).collect();
        }
        let rough = (high - low) / 6.0;
        let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|s| s * power).find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }

    /// The label of a tick.
    pub(super) fn label_at(&self, tick: f64) -> String {
        if !self.names.is_empty() {
            return self.names.get(tick.max(0.0) as usize).cloned().unwrap_or_default();
        }
        let value = if self.log { libm::pow(10.0, tick) } else { tick };
        let value = (value * 1e6).round() / 1e6 + 0.0;
        if self.log && value >= 10_000.0 { format!("{value:e}") } else { value.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_axis_that_begins_at_1_leaves_room_for_its_first_marker() {
        let (low, high) = Axis::new("x").log().ends([1.0, 10.0].into_iter());
        assert!(low < -0.01 && high > 1.01, "{low} to {high}");
        assert!(Axis::new("x").ends([0.0, 10.0].into_iter()).0.abs() < f64::EPSILON);
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        let axis = Axis::new("x");
        assert_eq!(axis.ticks((0.0, 1.0)), [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]);
        let labels: Vec<String> =
            axis.ticks((0.0, 1.0)).into_iter().map(|tick| axis.label_at(tick)).collect();
        assert_eq!(labels, ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        let log = Axis::new("x").log();
        let labels: Vec<String> = log.ticks((0.0, 2.0)).into_iter().map(|tick| log.label_at(tick)).collect();
        assert_eq!(labels, ["1", "2", "5", "10", "20", "50", "100"]);
    }
}
