//! Numbers as clients write them.

mod decimal;
mod float;

pub use float::Float;

/// Parses a signed 64-bit number in canonical form: no sign except a minus, no leading zeros, no spaces.
pub fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', rest @ ..] if rest.len() < 19 && rest.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    digits.iter().try_fold(0_i64, |sum, digit| {
        let digit = i64::from(digit - b'0');
        let sum = sum.checked_mul(10)?;
        if negative { sum.checked_sub(digit) } else { sum.checked_add(digit) }
    })
}

/// Parses an unsigned 64-bit number.
pub fn natural(text: &[u8]) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 20 && text.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}
