//! Quorum systems by name, as given on the command line.

mod rule;
mod system;
#[cfg(test)]
mod tests;

pub use rule::Expression;
pub use system::System;

use paxos_core::{Counts, NodeSet, Phase, QuorumError, QuorumSystem};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The choice of a quorum system, without its acceptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum QuorumChoice {
    /// Majorities, and the smallest fast quorums beside them.
    #[default]
    Majority,
    /// Phase 1 and phase 2 quorums of these sizes.
    Flexible(usize, usize),
    /// Phase 1, phase 2 and fast quorums of these sizes.
    FastFlexible(usize, usize, usize),
    /// A system that is not by number. It lives as long as the process, so that the choice is `Copy`.
    Other(&'static System),
}

impl QuorumChoice {
    /// Builds the system over these acceptors.
    ///
    /// # Errors
    /// [`QuorumError`] if the quorums do not intersect as they must, or are made for another number of acceptors.
    pub fn over(self, acceptors: NodeSet) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        Ok(match self {
            Self::Majority => Arc::new(Counts::fast(acceptors)?),
            Self::Flexible(q1, q2) => Arc::new(Counts::flexible(acceptors, q1, q2)?),
            Self::FastFlexible(q1, q2, fast) => Arc::new(Counts::fast_flexible(acceptors, q1, q2, fast)?),
            Self::Other(system) => system.over(acceptors)?,
        })
    }

    /// Builds the system if it is a lawful system by number.
    pub fn counts(self, acceptors: NodeSet) -> Option<Counts> {
        match self {
            Self::Majority => Counts::fast(acceptors).ok(),
            Self::Flexible(q1, q2) => Counts::flexible(acceptors, q1, q2).ok(),
            Self::FastFlexible(q1, q2, fast) => Counts::fast_flexible(acceptors, q1, q2, fast).ok(),
            Self::Other(_) => None,
        }
    }

    /// The number of acceptors that the system requires; none if any number will do.
    pub fn made_for(self) -> Option<u16> {
        if let Self::Other(system) = self { Some(system.acceptors()) } else { None }
    }

    /// The name with the sizes over `n` acceptors. `fast` selects the phases that fast variants use.
    pub fn name(self, n: usize, fast: bool) -> String {
        let Some(counts) = self.counts(NodeSet::first(n as u16)) else { return self.to_string() };
        let size = |phase| counts.size(phase).map_or("-".into(), |size| size.to_string());
        match self {
            Self::Majority if fast => format!("fast:{},{}", size(Phase::One), size(Phase::TwoFast)),
            Self::Majority => format!("majority:{}", size(Phase::One)),
            Self::Flexible(..) | Self::FastFlexible(..) | Self::Other(_) => self.to_string(),
        }
    }

    /// The name, quoted so that a shell takes it for one word.
    pub fn quoted(self) -> String {
        let name = self.to_string();
        if name.contains('(') { format!("'{name}'") } else { name }
    }
}

impl fmt::Display for QuorumChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority => f.write_str("majority"),
            Self::Flexible(q1, q2) => write!(f, "flexible:{q1},{q2}"),
            Self::FastFlexible(q1, q2, fast) => write!(f, "fast-flexible:{q1},{q2},{fast}"),
            Self::Other(system) => write!(f, "{system}"),
        }
    }
}

/// The name of each system, how it is written, and an example.
const FORMS: [(&str, &str, &str); 8] = [
    ("majority", "majority", "majority"),
    ("flexible", "flexible:Q1,Q2", "flexible:4,2"),
    ("fast-flexible", "fast-flexible:Q1,Q2,FAST", "fast-flexible:5,3,3"),
    ("weighted", "weighted:WEIGHT,…[/T1,T2[,TFAST]]", "weighted:3,1,1,1/4,3"),
    ("grid", "grid:ROWSxCOLUMNS[/symmetric]", "grid:2x3"),
    ("zones", "zones:SIZE,…[/ZONES.EACH,ZONES.EACH[,ZONES.EACH]]", "zones:3,3,3/3.2,1.2"),
    ("sets", "sets:SET,…[/SET,…[/SET,…]]", "sets:0.1,1.2,0.2"),
    ("rule", "rule:RULE[/RULE[/RULE]]", "rule:all(0,any(1,2))/2of(0,1,2)"),
];

/// Why a quorum system cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownQuorum {
    /// No system has this name.
    #[error("no quorum system is called `{name}`{}; write {}", meant(name), forms())]
    Name {
        /// The unknown name.
        name: String,
    },
    /// The system has no acceptor, or none with a weight.
    #[error("`{text}` leaves no acceptor to ask: {remedy}")]
    Nobody {
        /// The text that was given.
        text: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The text does not have the form of this system.
    #[error("`{text}` cannot be read; write {form}, for example {example}")]
    Form {
        /// The text that was given.
        text: String,
        /// The form of the system.
        form: &'static str,
        /// An example.
        example: &'static str,
    },
}

fn forms() -> String {
    let forms: Vec<&str> = FORMS.iter().map(|(_, form, _)| *form).collect();
    forms.join(" or ")
}

/// A hint at a system with a similar name, if there is one.
fn meant(name: &str) -> String {
    let near = |known: &&str| strsim::damerau_levenshtein(name, known) <= 2;
    let known = FORMS.iter().map(|(known, ..)| *known);
    known.filter(near).map(|known| format!(" (did you mean {known}?)")).next().unwrap_or_default()
}

impl FromStr for QuorumChoice {
    type Err = UnknownQuorum;

    fn from_str(text: &str) -> Result<Self, UnknownQuorum> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let known = FORMS.iter().find(|(known, ..)| *known == name);
        let (_, form, example) = *known.ok_or_else(|| UnknownQuorum::Name { name: name.to_owned() })?;
        let sizes: Option<Vec<usize>> =
            rest.split(',').filter(|size| !size.is_empty()).map(|size| size.trim().parse().ok()).collect();
        let read = match (name, sizes.as_deref()) {
            ("majority", Some([])) => Some(Self::Majority),
            ("flexible", Some([q1, q2])) => Some(Self::Flexible(*q1, *q2)),
            ("fast-flexible", Some([q1, q2, fast])) => Some(Self::FastFlexible(*q1, *q2, *fast)),
            _ => System::parse(name, rest).map(|system| Self::Other(Box::leak(Box::new(system)))),
        };
        let text = text.to_owned();
        let remedy = if let Some(Self::Other(system)) = read { system.leaves_nobody() } else { None };
        match (read, remedy) {
            (None, _) => Err(UnknownQuorum::Form { text, form, example }),
            (_, Some(remedy)) => Err(UnknownQuorum::Nobody { text, remedy }),
            (Some(read), None) => Ok(read),
        }
    }
}
