//! Colours: each variant has the same colour in every figure. The palette is that of Okabe and Ito (2008), which
//! colour-blind people can tell apart. Lines also differ in dashes and markers, for print.

use crate::variants::Variant;

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
