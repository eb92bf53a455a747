//! Colours: each variant has the same colour in every figure. The palette is that of Okabe and Ito (2008), which
//! colour-blind people can tell apart. In grey print some colours look alike, so lines also differ in dashes and markers,
//! and bars in hatches.

use crate::variants::Variant;

/// How a bar is hatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hatch {
    /// Not at all.
    None,
    /// With lines that rise to the right.
    Rising,
    /// With lines that fall to the right.
    Falling,
    /// With horizontal lines.
    Level,
    /// With vertical lines.
    Upright,
    /// With lines that rise and lines that fall.
    Crossed,
}

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hue(pub u8, pub u8, pub u8);

/// Orange.
pub const ORANGE: Hue = Hue(230, 159, 0);
/// Sky blue.
pub const SKY: Hue = Hue(86, 180, 233);
/// Bluish green.
pub const GREEN: Hue = Hue(0, 158, 115);
/// Yellow.
pub const YELLOW: Hue = Hue(240, 228, 66);
/// Blue.
pub const BLUE: Hue = Hue(0, 114, 178);
/// Vermilion.
pub const VERMILION: Hue = Hue(213, 94, 0);
/// Reddish purple.
pub const PURPLE: Hue = Hue(204, 121, 167);
/// Grey, for everything that is not a variant: theory, and figures from other work.
pub const GREY: Hue = Hue(118, 118, 120);

/// The colour of Fast Paxos with majorities as fast quorums, at the price of larger phase 1 quorums.
pub const FLEXIBLE: Hue = GREEN;

/// The colours of the variants, in the order of [`Variant::ALL`].
const VARIANTS: [Hue; 7] = [ORANGE, PURPLE, BLUE, VERMILION, SKY, YELLOW, GREY];

/// The colours of consecutive series that are not variants.
pub const SERIES: [Hue; 6] = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY];

/// The colour of a variant.
pub fn of(variant: Variant) -> Hue {
    let place = Variant::ALL.iter().position(|known| *known == variant).unwrap_or(0);
    VARIANTS[place % VARIANTS.len()]
}

/// The hatch of bars of this colour. Two colours without a hatch differ in lightness.
pub fn hatch(hue: Hue) -> Hatch {
    match hue {
        PURPLE => Hatch::Rising,
        VERMILION => Hatch::Falling,
        GREEN => Hatch::Level,
        GREY => Hatch::Upright,
        SKY => Hatch::Crossed,
        _ => Hatch::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lightness of a colour in grey print, from 0 to 100: L* of CIELAB.
    fn lightness(Hue(r, g, b): Hue) -> f64 {
        let linear = |part: u8| {
            let share = f64::from(part) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { libm::pow((share + 0.055) / 1.055, 2.4) }
        };
        116.0 * libm::cbrt(0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)) - 16.0
    }

    #[test]
    fn bars_of_two_colours_differ_in_grey_print_by_their_hatches_or_clearly_in_lightness() {
        let all = [ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY];
        for (nth, one) in all.into_iter().enumerate() {
            for other in all.into_iter().skip(nth + 1) {
                let apart = (lightness(one) - lightness(other)).abs();
                assert!(hatch(one) != hatch(other) || apart > 15.0, "{one:?} and {other:?}: {apart}");
            }
        }
    }
}
