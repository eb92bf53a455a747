//! Decimal numbers, added as Redis adds them on x86-64: in the 80-bit format of the x87 (64 bits of mantissa, rounded
//! to nearest, ties to even), computed with integers. So every replica gets the same sum, whatever its processor.

use super::decimal::Natural;

/// The longest text that is parsed as a number, in bytes.
const LONGEST: usize = 5_119;

/// The number of digits after the decimal point.
const PLACES: usize = 17;

/// 10 to the power of [`PLACES`].
const SCALE: u128 = 100_000_000_000_000_000;

/// The exponents that a number's highest bit can have.
const EXPONENTS: core::ops::RangeInclusive<i32> = -16_445..=16_383;

/// A number in the 80-bit format of the x87.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Float {
    negative: bool,
    /// Zero, or a mantissa with its highest bit set; `None` is infinity.
    mantissa: Option<u64>,
    /// The exponent of the mantissa's lowest bit.
    exponent: i32,
}

impl Float {
    /// Zero.
    pub const ZERO: Self = Self { negative: false, mantissa: Some(0), exponent: 0 };

    /// Parses a decimal number or infinity. Returns `None` if it is not a number or is outside the range of the format.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(Self { negative, mantissa: None, exponent: 0 });
        }
        let (digits, power) = match text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e')) {
            Some(at) => (&text[..at], power(&text[at + 1..])?),
            None => (text, 0),
        };
        let point = digits.iter().position(|byte| *byte == b'.');
        let (whole, fraction) = point.map_or((digits, &[][..]), |at| (&digits[..at], &digits[at + 1..]));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let digits = &digits[zeros..];
        if digits.is_empty() {
            return Some(Self { negative, ..Self::ZERO });
        }
        let power = power.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let magnitude = power.checked_add(i32::try_from(digits.len()).ok()?)?;
        let number = (-4_960..=4_940).contains(&magnitude).then(|| nearest(negative, digits, power))?;
        number.mantissa.is_some_and(|mantissa| mantissa != 0).then_some(number)
    }

    /// Returns the sum, or `None` for infinity minus infinity.
    pub fn plus(self, other: Self) -> Option<Self> {
        let (Some(a), Some(b)) = (self.mantissa, other.mantissa) else {
            let contrary = self.mantissa == other.mantissa && self.negative != other.negative;
            let infinite = if self.mantissa.is_none() { self } else { other };
            return (!contrary).then_some(infinite);
        };
        if a == 0 || b == 0 {
            return Some(if a == 0 { other } else { self });
        }
        let ahead = (self.exponent, a) >= (other.exponent, b);
        let (large, small) = if ahead { (self, other) } else { (other, self) };
        let (a, b) = if ahead { (a, b) } else { (b, a) };
        let (wide, narrow) = (u128::from(a) << 63, u128::from(b) << 63);
        let distance = large.exponent.abs_diff(small.exponent);
        let moved = narrow.checked_shr(distance).unwrap_or(0);
        let lost = moved.checked_shl(distance) != Some(narrow);
        let sum = if large.negative == small.negative {
            wide + moved
        } else {
            // The lost bits are subtracted, too: the exact difference lies between this number and the next.
            wide - moved - u128::from(lost)
        };
        Some(rounded(large.negative && sum != 0, sum, large.exponent - 63, lost))
    }

    /// The number in decimal, with up to 17 digits after the point and no trailing zeros; `None` if it is infinite.
    pub fn text(self) -> Option<String> {
        let mantissa = self.mantissa?;
        let digits = if let Ok(power) = u32::try_from(self.exponent) {
            let mut number = Natural::new(mantissa);
            number.shift(power);
            number.text()
        } else {
            let scaled = u128::from(mantissa) * SCALE;
            let scaled = halved(scaled, self.exponent.unsigned_abs());
            let text = format!("{}.{:0PLACES$}", scaled / SCALE, scaled % SCALE);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        Some(if self.negative && digits != "0" { format!("-{digits}") } else { digits })
    }
}

/// Parses a decimal exponent. One that is too large is capped.
fn power(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0, |sum: i32, digit| {
        sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(1 << 24)
    });
    Some(if negative { -size } else { size })
}

/// Returns the number of the format that is nearest to these digits times this power of 10.
fn nearest(negative: bool, digits: &[u8], power: i32) -> Float {
    let mut number = Natural::from_digits(digits);
    let (mut exponent, mut lost) = (0, false);
    if power >= 0 {
        number.raise(power.unsigned_abs());
    } else {
        // Enough bits that at least 70 are left: a digit takes at most 10/3 bits.
        let room = power.unsigned_abs() * 10 / 3 + 72;
        number.shift(room);
        lost = number.lower(power.unsigned_abs());
        exponent = -room.cast_signed();
    }
    let (top, below, more) = number.top();
    rounded(negative, top, exponent + below.cast_signed(), lost || more)
}

/// Returns the number of the format nearest to `wide` × 2^`exponent`; with `lost` it is slightly larger.
fn rounded(negative: bool, wide: u128, exponent: i32, lost: bool) -> Float {
    let bits = u128::BITS - wide.leading_zeros();
    if bits == 0 {
        return Float { negative, ..Float::ZERO };
    }
    let (mantissa, exponent) = if bits <= u64::BITS {
        ((wide << (u64::BITS - bits)) as u64, exponent - (u64::BITS - bits).cast_signed())
    } else {
        let cut = bits - u64::BITS;
        let (kept, rest, half) = (wide >> cut, wide & ((1 << cut) - 1), 1 << (cut - 1));
        let up = rest > half || (rest == half && (lost || kept & 1 == 1));
        match u64::try_from(kept + u128::from(up)) {
            Ok(kept) => (kept, exponent + cut.cast_signed()),
            Err(_) => (1 << 63, exponent + cut.cast_signed() + 1),
        }
    };
    let highest = exponent + 63;
    if highest > *EXPONENTS.end() {
        Float { negative, mantissa: None, exponent: 0 }
    } else if highest < *EXPONENTS.start() {
        Float { negative, ..Float::ZERO }
    } else {
        Float { negative, mantissa: Some(mantissa), exponent }
    }
}

/// Divides by this power of 2, rounding to nearest, ties to even.
fn halved(n: u128, power: u32) -> u128 {
    if power >= u128::BITS {
        // Mantissas have 64 bits and the scale has 57.
        return 0;
    }
    let (kept, rest, half) = (n >> power, n & ((1 << power) - 1), (1_u128 << power) >> 1);
    kept + u128::from(rest > half || (rest == half && half > 0 && kept & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        Float::parse(a.as_bytes())?.plus(Float::parse(b.as_bytes())?)?.text()
    }

    #[test]
    fn sums_are_those_of_redis() {
        let cases = [
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("0.1", "0.2", "0.3"),
            ("3", "1.1", "4.1"),
            ("1", "-1", "0"),
            ("-0.5", "0.5", "0"),
            ("-1.25", "0", "-1.25"),
            ("1e30", "0", "1000000000000000000024696061952"),
            ("18446744073709551615", "0", "18446744073709551615"),
            ("1e-30", "0", "0"),
            ("-1e-30", "0", "0"),
            (".5", "5.", "5.5"),
        ];
        for (a, b, expected) in cases {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "x", " 1", "1 ", "1e", "e1", ".", "--1", "nan", "1e5000", "1e-5000", "1e99999999999999"]
        {
            assert_eq!(Float::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("inf", "-inf"), None);
        assert_eq!(sum("1e4932", "1e4932"), None);
    }
}
