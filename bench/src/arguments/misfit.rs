//! Options that have no effect beside the others. Somebody who gives one expects something of it, so it is refused.

use crate::variants::Variant;

/// An option that has no effect beside the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} has no effect {because}; leave it out, or {instead}")]
pub struct Misfit {
    option: String,
    because: String,
    instead: String,
}

impl Misfit {
    /// That `option` has no effect, why, and what to give instead.
    pub(crate) fn new(
        option: impl Into<String>,
        because: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self { option: option.into(), because: because.into(), instead: instead.into() }
    }

    /// Of something in a list that is there already.
    pub(crate) fn twice(option: &str, one: impl std::fmt::Display) -> Self {
        Self::new(format!("the second {one} in {option}"), "beside the first", "give another in its place")
    }

    /// Of learners, where no layout has learners of its own.
    pub(crate) fn learners() -> Self {
        Self::new("--learners", "with collapsed roles, where every server learns", "give --roles separate")
    }

    /// Of a collision, where no variant has fast ballots.
    pub(crate) fn collision(variants: &[Variant]) -> Self {
        let names: Vec<&str> = variants.iter().map(|variant| variant.name()).collect();
        let because = format!("with {}, which has no fast ballots", names.join(","));
        Self::new("--collision", because, "choose fast as a variant")
    }
}
