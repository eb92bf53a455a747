//! Natural numbers of any length, with the operations that exact reading and writing of decimal numbers needs.

/// 10⁹: nine decimal digits fit into a limb.
const NINE: u32 = 1_000_000_000;

/// A natural number in limbs of 32 bits, lowest limb first, without zero limbs at the end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Natural(Vec<u32>);

impl Natural {
    pub(super) fn new(mut n: u64) -> Self {
        let mut limbs = Vec::new();
        while n > 0 {
            limbs.push(n as u32);
            n >>= 32;
        }
        Self(limbs)
    }

    /// Reads a number from decimal digits.
    pub(super) fn from_digits(digits: &[u8]) -> Self {
        let mut number = Self::default();
        for chunk in digits.chunks(9) {
            let value = chunk.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            number.multiply(10_u32.pow(chunk.len() as u32), value);
        }
        number
    }

    /// Multiplies by `by` and adds `carry`.
    fn multiply(&mut self, by: u32, carry: u32) {
        let mut carry = u64::from(carry);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(by);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// Divides, rounding down, and returns the remainder.
    fn divide(&mut self, by: u32) -> u32 {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / u64::from(by)) as u32;
            rest = value % u64::from(by);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        rest as u32
    }

    /// Multiplies by this power of 10.
    pub(super) fn raise(&mut self, power: u32) {
        (0..power / 9).for_each(|_| self.multiply(NINE, 0));
        self.multiply(10_u32.pow(power % 9), 0);
    }

    /// Divides by this power of 10, rounding down, and returns whether there is a remainder.
    pub(super) fn lower(&mut self, power: u32) -> bool {
        let rests = (0..power / 9).map(|_| self.divide(NINE)).fold(0, |rests, rest| rests | rest);
        rests | self.divide(10_u32.pow(power % 9)) != 0
    }

    /// Multiplies by this power of 2.
    pub(super) fn shift(&mut self, power: u32) {
        if !self.0.is_empty() {
            self.multiply(1 << (power % 32), 0);
            self.0.splice(0..0, (0..power / 32).map(|_| 0));
        }
    }

    /// The 128 highest bits, the number of lower bits, and whether any of the lower bits is set.
    pub(super) fn top(&self) -> (u128, u32, bool) {
        let split = self.0.len().saturating_sub(5);
        let (low, high) = self.0.split_at(split);
        let mut lost = low.iter().any(|limb| *limb != 0);
        let Some((lowest, high)) = high.split_first().filter(|_| high.len() == 5) else {
            return (join(high), 0, false);
        };
        // Five limbs have 160 bits.
        let (high, room) = (join(high), join(high).leading_zeros());
        lost |= lowest.checked_shl(room).is_some_and(|below| below != 0);
        let below = u128::from(*lowest) << room >> 32;
        (high << room | below, split as u32 * 32 + 32 - room, lost)
    }

    /// The number in decimal digits.
    pub(super) fn text(mut self) -> String {
        let mut chunks = Vec::new();
        while !self.0.is_empty() {
            chunks.push(self.divide(NINE));
        }
        let first = chunks.pop().unwrap_or(0).to_string();
        chunks.iter().rev().fold(first, |text, chunk| format!("{text}{chunk:09}"))
    }
}

/// Joins at most four limbs.
fn join(limbs: &[u32]) -> u128 {
    limbs.iter().rev().fold(0, |sum, limb| sum << 32 | u128::from(*limb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_as_they_were() {
        for digits in
            ["1", "999999999", "1000000000", "123456789012345678901234567890123456789012345678901234567890"]
        {
            assert_eq!(Natural::from_digits(digits.as_bytes()).text(), digits);
        }
        assert_eq!(Natural::default().text(), "0");
    }

    #[test]
    fn the_top_is_what_a_shift_left_over() {
        for (n, power) in [(1, 0), (u64::MAX, 7), (0x8000_0000_0000_0001, 300), (5, 64), (0xffff_ffff, 133)] {
            let mut number = Natural::new(n);
            number.shift(power);
            let (top, below, lost) = number.top();
            let shift = power - below.min(power);
            assert_eq!(
                (top, lost),
                (u128::from(n) << shift >> (below - power.min(below)), false),
                "{n} {power}"
            );
        }
    }

    #[test]
    fn dividing_by_a_power_of_ten_undoes_multiplying() {
        let mut number = Natural::from_digits(b"12345");
        number.raise(40);
        assert!(!number.lower(40));
        assert_eq!(number.clone().text(), "12345");
        assert!(number.lower(1));
        assert_eq!(number.text(), "1234");
    }
}
