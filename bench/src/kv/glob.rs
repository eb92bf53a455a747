//! Redis's glob patterns for keys.

/// Whether `text` matches `pattern`: `*` any bytes, `?` one byte, `[a-c]` one of these, `[^a]` any other byte, `\` the
/// next byte literally. The number of steps may be the product of both lengths. They are taken from `steps`; `None` if
/// more are needed than are left, and then none are left.
pub(super) fn matches(pattern: &[u8], text: &[u8], steps: &mut u64) -> Option<bool> {
    let (mut p, mut t) = (0, 0);
    // Where to resume after the last star, which takes one more byte each time.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            if p == pattern.len() {
                return Some(true);
            }
            star = Some((p, t));
            *steps = steps.saturating_sub(1);
            continue;
        }
        let (taken, found) = match text.get(t) {
            Some(byte) => one(pattern.get(p..).unwrap_or_default(), *byte),
            None => (0, false),
        };
        *steps = steps.saturating_sub(1 + taken as u64);
        if *steps == 0 {
            return None;
        }
        if found {
            p += taken;
            t += 1;
        } else if t == text.len() && p == pattern.len() {
            return Some(true);
        } else if let Some((after, from)) = star
            && from < text.len()
        {
            (p, t) = (after, from + 1);
            star = Some((after, from + 1));
        } else {
            return Some(false);
        }
    }
}

/// How many bytes at the start of the pattern stand for one byte, and whether they match `byte`.
fn one(pattern: &[u8], byte: u8) -> (usize, bool) {
    match pattern {
        [] => (0, false),
        [b'?', ..] => (1, true),
        [b'\\', next, ..] => (2, *next == byte),
        [b'[', rest @ ..] => {
            let (taken, found) = class(rest, byte);
            (taken + 1, found)
        }
        [first, ..] => (1, *first == byte),
    }
}

/// How many bytes of the pattern after `[` belong to the class, and whether the class contains the byte.
fn class(pattern: &[u8], byte: u8) -> (usize, bool) {
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
    (at, found != not)
}
