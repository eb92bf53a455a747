//! Colours: one for one variant, in every figure. They are those of Okabe and Ito (2008), which people who see two
//! primary colours only can tell apart; lines differ in dashes and markers as well, for print.

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
/// For what is no variant: theory, and other people's figures.
pub const GREY: Hue = Hue(118, 118, 120);

/// Fast Paxos with fast quorums that are majorities, at the price of larger ones in phase 1.
pub const FLEXIBLE: Hue = GREEN;

/// In the order of [`Variant::ALL`].
const VARIANTS: [Hue; 7] = [ORANGE, PURPLE, BLUE, VERMILION, SKY, YELLOW, GREY];

/// For series that are no variants, one after the other.
pub const SERIES: [Hue; 6] = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY];

/// The colour of a variant.
pub fn of(variant: Variant) -> Hue {
    let place = Variant::ALL.iter().position(|known| *known == variant).unwrap_or(0);
    VARIANTS[place % VARIANTS.len()]
}
