//! Quorum rules in text form: `2of(0,1,all(2,3))`.

use paxos_core::{NodeId, Rule};
use std::fmt;

/// How deep a rule may be, so that parsing it does not overflow the stack.
const DEPTH: usize = 16;

/// A rule over the places of acceptors, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// The acceptor at this place.
    Place(u16),
    /// At least this many of these expressions.
    KOf(usize, Vec<Expression>),
}

impl Expression {
    /// Parses an expression; none if it is not well formed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut left = text;
        let expression = Self::take(&mut left, DEPTH)?;
        left.is_empty().then_some(expression)
    }

    fn take(left: &mut &str, depth: usize) -> Option<Self> {
        let word = left.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(left.len());
        let (word, rest) = left.split_at(word);
        let Some(rest) = rest.strip_prefix('(') else {
            *left = rest;
            return word.parse().ok().filter(|place| *place < paxos_core::NodeSet::CAPACITY).map(Self::Place);
        };
        *left = rest;
        let mut parts = vec![Self::take(left, depth.checked_sub(1)?)?];
        while let Some(rest) = left.strip_prefix(',') {
            *left = rest;
            parts.push(Self::take(left, depth - 1)?);
        }
        *left = left.strip_prefix(')')?;
        let k = match word {
            "all" => parts.len(),
            "any" => 1,
            _ => word.strip_suffix("of")?.parse().ok()?,
        };
        (1..=parts.len()).contains(&k).then_some(Self::KOf(k, parts))
    }

    /// The highest place.
    pub fn highest(&self) -> u16 {
        match self {
            Self::Place(place) => *place,
            Self::KOf(_, parts) => parts.iter().map(Self::highest).max().unwrap_or(0),
        }
    }

    /// The rule over the acceptors in these places; none if a place has no acceptor.
    pub fn over(&self, places: &[NodeId]) -> Option<Rule> {
        Some(match self {
            Self::Place(place) => Rule::Node(*places.get(usize::from(*place))?),
            Self::KOf(k, parts) => {
                Rule::KOf(*k, parts.iter().map(|part| part.over(places)).collect::<Option<_>>()?)
            }
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => write!(f, "{place}"),
            Self::KOf(k, parts) => {
                match *k {
                    k if k == parts.len() => f.write_str("all(")?,
                    1 => f.write_str("any(")?,
                    k => write!(f, "{k}of(")?,
                }
                for (i, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if i == 0 { "" } else { "," })?;
                }
                f.write_str(")")
            }
        }
    }
}
