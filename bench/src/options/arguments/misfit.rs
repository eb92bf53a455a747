//! Options that have no effect next to the others. They are refused, because users expect an effect.

use crate::variants::Variant;

/// An option that has no effect next to the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} has no effect {because}; leave it out, or {instead}")]
pub struct Misfit {
    option: String,
    because: String,
    instead: String,
}

impl Misfit {
    /// Creates the error that `option` has no effect, with the reason and an alternative.
    pub(crate) fn new(
        option: impl Into<String>,
        because: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self { option: option.into(), because: because.into(), instead: instead.into() }
    }

    /// An item that is in a list twice.
    pub(crate) fn twice(option: &str, one: impl std::fmt::Display) -> Self {
        Self::new(format!("the second {one} in {option}"), "beside the first", "give another in its place")
    }

    /// `--learners` where no layout has separate learners.
    pub(crate) fn learners() -> Self {
        Self::new("--learners", "with collapsed roles, where every server learns", "give --roles separate")
    }

    /// `--collision` where no variant has fast ballots.
    pub(crate) fn collision(variants: &[Variant]) -> Self {
        let names: Vec<&str> = variants.iter().map(|variant| variant.name()).collect();
        let because = format!("with {}, which has no fast ballots", names.join(","));
        Self::new("--collision", because, "choose fast as a variant")
    }
}
