//! Redis's glob patterns for keys.

/// Whether `text` matches `pattern`: `*` any bytes, `?` one byte, `[a-c]` one of these, `[^a]` any other byte, `\` the
/// next byte literally. The number of steps is at most the product of both lengths.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume after the last star, which takes one more byte each time.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
            continue;
        }
        let step = text.get(t).and_then(|byte| one(&pattern[p.min(pattern.len())..], *byte));
        if let Some(taken) = step {
            p += taken;
            t += 1;
        } else if t == text.len() && p == pattern.len() {
            return true;
        } else if let Some((after, from)) = star
            && from < text.len()
        {
            (p, t) = (after, from + 1);
            star = Some((after, from + 1));
        } else {
            return false;
        }
    }
}

/// How many bytes at the start of the pattern match `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', next, ..] => (*next == byte).then_some(2),
        [b'[', rest @ ..] => class(rest, byte).map(|taken| taken + 1),
        [first, ..] => (*first == byte).then_some(1),
    }
}

/// How many bytes of the pattern after `[` belong to the class, if the class contains the byte.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let not = pattern.first() == Some(&b'^');
    let mut at = usize::from(not);
    let mut found = false;
    loop {
        match pattern.get(at..).unwrap_or_default() {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', next, ..] => {
                found |= *next == byte;
                at += 2;
            }
            [low, b'-', high, ..] if *high != b']' => {
                found |= (*low.min(high)..=*low.max(high)).contains(&byte);
                at += 3;
            }
            [single, ..] => {
                found |= *single == byte;
                at += 1;
            }
        }
    }
    (found != not).then_some(at)
}
