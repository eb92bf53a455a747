//! Hatches: the lines over a bar. They are drawn as lines, not as an SVG pattern, because a pattern has an identifier and a page
//! has many pictures.

use super::palette::Hatch;
use std::fmt::Write;

/// The space between two lines.
const STEP: f64 = 6.0;

/// The lines of a hatch over the rectangle with these corners, the upper left one first, as the data of an SVG path.
pub(super) fn lines(hatch: Hatch, low: (f64, f64), high: (f64, f64)) -> String {
    let mut path = String::new();
    let ((left, top), (right, bottom)) = (low, high);
    let mut line = |from: (f64, f64), to: (f64, f64)| {
        // Writing to a string cannot fail.
        let _ = write!(path, "M{:.1} {:.1}L{:.1} {:.1}", from.0, from.1, to.0, to.1);
    };
    let steps = |from: f64, to: f64| {
        let count = ((to - from) / STEP) as usize;
        (0..=count).map(move |nth| from + (nth as f64 + 0.5) * STEP).filter(move |at| *at < to)
    };
    // A slanted line is where x + y is constant; a falling one is its mirror image.
    let mut slanted = |mirror: bool| {
        let width = right - left;
        for sum in steps(0.0, width + bottom - top) {
            let from = (sum.min(width), sum - sum.min(width));
            let to = (sum - sum.min(bottom - top), sum.min(bottom - top));
            let place = |(x, y): (f64, f64)| (if mirror { right - x } else { left + x }, top + y);
            line(place(from), place(to));
        }
    };
    match hatch {
        Hatch::None => {}
        Hatch::Rising => slanted(false),
        Hatch::Falling => slanted(true),
        Hatch::Crossed => [false, true].into_iter().for_each(slanted),
        Hatch::Level => steps(top, bottom).for_each(|y| line((left, y), (right, y))),
        Hatch::Upright => steps(left, right).for_each(|x| line((x, top), (x, bottom))),
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_stay_within_the_bar_and_touch_its_edges() {
        assert_eq!(lines(Hatch::None, (0.0, 0.0), (9.0, 9.0)), "");
        assert_eq!(
            lines(Hatch::Level, (10.0, 20.0), (30.0, 32.0)),
            "M10.0 23.0L30.0 23.0M10.0 29.0L30.0 29.0"
        );
        assert_eq!(
            lines(Hatch::Rising, (10.0, 20.0), (14.0, 30.0)),
            "M13.0 20.0L10.0 23.0M14.0 25.0L10.0 29.0"
        );
        assert_eq!(
            lines(Hatch::Falling, (10.0, 20.0), (14.0, 30.0)),
            "M11.0 20.0L14.0 23.0M10.0 25.0L14.0 29.0"
        );
    }
}
