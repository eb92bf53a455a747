//! The spread of a result over all rounds.

use serde::Serialize;

/// The median and the range of a result over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The median; for an even number of rounds, the mean of the middle two.
    pub median: f64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
}

impl Spread {
    /// Returns the spread of these numbers; without any, all fields are 0.
    pub(super) fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (numbers.first(), numbers.last()) else { return Self::default() };
        let middle = numbers.len() / 2;
        let median = if numbers.len() % 2 == 1 {
            numbers[middle]
        } else {
            f64::midpoint(numbers[middle - 1], numbers[middle])
        };
        Self { median, min: *min, max: *max }
    }

    /// All three numbers, multiplied by `factor` and shown with three digits.
    pub(super) fn show(self, factor: f64, unit: &str) -> String {
        let [median, min, max] = [self.median, self.min, self.max].map(|number| digits(number * factor));
        format!("{median}{unit} ({min}–{max})")
    }
}

/// Shows three significant digits, and always all digits before the point.
fn digits(number: f64) -> String {
    let places = match number {
        ..1.0 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{number:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_has_as_many_numbers_below_as_above() {
        assert_eq!(Spread::of([4.0, 1.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of([9.0, 1.0, 3.0]), Spread { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = Spread { median: 1.234, min: 0.5, max: 12.34 }.show(1.0, " x");
        assert_eq!(shown, "1.23 x (0.500–12.3)");
        assert_eq!(Spread { median: 12_345.0, min: 996.0, max: 1e6 }.show(1e-3, ""), "12.3 (0.996–1000)");
    }
}
