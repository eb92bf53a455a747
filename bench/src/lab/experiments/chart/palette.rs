//! Looks: each variant has the same colour, dashes and marker in every figure. The colours of the variants are those of Okabe
//! and Ito (2008), which colour-blind people can tell apart. What is not a variant has colours of its own. In grey print
//! some colours look alike, so lines also differ in dashes and markers, and bars in hatches.

use super::{Dash, Marker, Style};
use crate::theory::Recovery;
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

/// How a line looks.
type Look = (Hue, Dash, Marker);

/// The looks of the variants, in the order of [`Variant::ALL`].
const VARIANTS: [Look; 7] = [
    (ORANGE, Dash::Long, Marker::Ring),
    (PURPLE, Dash::Short, Marker::Triangle),
    (BLUE, Dash::Solid, Marker::Circle),
    (VERMILION, Dash::Mixed, Marker::Cross),
    (SKY, Dash::Long, Marker::Circle),
    (YELLOW, Dash::Short, Marker::Ring),
    (GREY, Dash::Mixed, Marker::Triangle),
];

/// The colours of what is not a variant. None of them is the colour of a variant.
pub const SERIES: [Hue; 10] = [
    Hue(92, 88, 190),
    Hue(200, 170, 70),
    Hue(170, 50, 100),
    Hue(105, 200, 225),
    Hue(140, 140, 40),
    Hue(60, 160, 150),
    Hue(225, 120, 130),
    Hue(60, 130, 60),
    Hue(165, 85, 170),
    Hue(150, 100, 70),
];

fn look(variant: Variant) -> Look {
    let place = Variant::ALL.iter().position(|known| *known == variant).unwrap_or(0);
    VARIANTS[place % VARIANTS.len()]
}

/// The colour of a variant.
pub fn of(variant: Variant) -> Hue {
    look(variant).0
}

/// The style of a variant, with its name.
pub fn style(variant: Variant) -> Style {
    let (hue, dash, marker) = look(variant);
    Style::new(variant.name(), hue).dash(dash).marker(marker)
}

/// The style of a variant with majorities as fast quorums.
pub fn flexible(variant: Variant) -> Style {
    let name = format!("{variant}, majority fast quorums");
    Style::new(name, FLEXIBLE).dash(Dash::Double).marker(Marker::Square)
}

/// The style of a fast variant that recovers from collisions in this way.
pub fn recovering(variant: Variant, recovery: Recovery) -> Style {
    let (dash, marker) = match recovery {
        Recovery::Coordinated => (Dash::Long, Marker::Triangle),
        Recovery::Uncoordinated => (Dash::Short, Marker::Square),
        Recovery::Classic => (Dash::Double, Marker::Ring),
    };
    Style::new(format!("{variant}, {recovery} recovery"), of(variant)).dash(dash).marker(marker)
}

/// The style of the series with this number, counted from 0, among those that are no variants.
pub fn series(nth: usize, name: impl Into<String>) -> Style {
    let dashes = [Dash::Solid, Dash::Long, Dash::Short, Dash::Mixed, Dash::Double];
    let markers = [Marker::Circle, Marker::Triangle, Marker::Cross, Marker::Ring, Marker::Square];
    let style = Style::new(name, SERIES[nth % SERIES.len()]);
    style.dash(dashes[nth % dashes.len()]).marker(markers[nth % markers.len()])
}

/// The hatch of bars of this colour. Two colours without a hatch differ in lightness.
pub fn hatch(hue: Hue) -> Hatch {
    let series = [
        Hatch::None,
        Hatch::None,
        Hatch::Rising,
        Hatch::Rising,
        Hatch::Falling,
        Hatch::Level,
        Hatch::Crossed,
        Hatch::Falling,
        Hatch::Crossed,
        Hatch::Upright,
    ];
    match hue {
        PURPLE => Hatch::Rising,
        VERMILION => Hatch::Falling,
        GREEN => Hatch::Level,
        GREY => Hatch::Upright,
        SKY => Hatch::Crossed,
        _ => SERIES.iter().position(|known| *known == hue).map_or(Hatch::None, |nth| series[nth]),
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
        let variants = [ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY];
        // No figure has bars of more than seven series.
        let series = SERIES.into_iter().take(7).chain([GREY]).collect();
        for all in [variants.to_vec(), series] {
            for (nth, one) in all.iter().enumerate() {
                for other in all.iter().skip(nth + 1) {
                    let apart = (lightness(*one) - lightness(*other)).abs();
                    assert!(hatch(*one) != hatch(*other) || apart > 15.0, "{one:?} and {other:?}: {apart}");
                }
            }
        }
    }

    #[test]
    fn lines_of_two_variants_differ_in_dashes_and_markers_and_no_other_series_has_their_colour() {
        for (nth, (hue, dash, marker)) in VARIANTS.iter().enumerate() {
            let others = || VARIANTS.iter().skip(nth + 1);
            assert!(others().all(|other| other.0 != *hue && (other.1, other.2) != (*dash, *marker)));
            assert!(!SERIES.contains(hue) && *hue != FLEXIBLE);
        }
        let shipped = &VARIANTS[..Variant::ALL.len().min(4)];
        for (nth, (_, dash, marker)) in shipped.iter().enumerate() {
            assert!(shipped.iter().skip(nth + 1).all(|other| other.1 != *dash && other.2 != *marker));
        }
    }
}
