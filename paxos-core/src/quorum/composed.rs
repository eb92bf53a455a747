//! Quorum systems made of others: and, or, k of, as deep as you like.

use super::places::{Places, Renaming};
use super::{Phase, QuorumError, QuorumSystem, prove};
use crate::{NodeId, NodeSet};
use std::sync::Arc;

/// A rule that a set of acceptors keeps or not. If a set keeps it, so do its supersets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// This acceptor is in the set.
    Node(NodeId),
    /// The set contains a quorum of this phase of that system.
    Quorum(Arc<dyn QuorumSystem>, Phase),
    /// The set keeps at least so many of these rules.
    KOf(usize, Vec<Rule>),
}

impl Rule {
    /// All of these rules: *and*.
    pub fn all(rules: impl IntoIterator<Item = Self>) -> Self {
        let rules: Vec<Self> = rules.into_iter().collect();
        Self::KOf(rules.len(), rules)
    }

    /// One of these rules at least: *or*.
    pub fn any(rules: impl IntoIterator<Item = Self>) -> Self {
        Self::k_of(1, rules)
    }

    /// At least `k` of these rules.
    pub fn k_of(k: usize, rules: impl IntoIterator<Item = Self>) -> Self {
        Self::KOf(k, rules.into_iter().collect())
    }

    /// At least `k` of these acceptors.
    pub fn members(k: usize, acceptors: NodeSet) -> Self {
        Self::k_of(k, acceptors.iter().map(Self::Node))
    }

    /// A quorum of this phase of that system, with whoever its acceptors are.
    pub fn quorum(system: impl QuorumSystem + 'static, phase: Phase) -> Self {
        Self::Quorum(Arc::new(system), phase)
    }

    /// Whether `answered` keeps it.
    pub fn is_kept(&self, answered: NodeSet) -> bool {
        match self {
            Self::Node(node) => answered.contains(*node),
            Self::Quorum(system, phase) => {
                system.is_quorum(*phase, answered.intersection(system.acceptors()))
            }
            Self::KOf(k, rules) => rules.iter().filter(|rule| rule.is_kept(answered)).count() >= *k,
        }
    }

    /// Everyone whom it asks for.
    pub fn acceptors(&self) -> NodeSet {
        match self {
            Self::Node(node) => NodeSet::only(*node),
            Self::Quorum(system, _) => system.acceptors(),
            Self::KOf(_, rules) => rules.iter().fold(NodeSet::EMPTY, |all, rule| all.union(rule.acceptors())),
        }
    }

    fn renamed(&self, now: &Renaming) -> Result<Self, QuorumError> {
        Ok(match self {
            Self::Node(node) => Self::Node(now.node(*node)),
            Self::Quorum(system, phase) => {
                Self::Quorum(system.over(&now.of_part(system.acceptors()))?, *phase)
            }
            Self::KOf(k, rules) => {
                Self::KOf(*k, rules.iter().map(|rule| rule.renamed(now)).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// Quorums by a [`Rule`] for each phase: other systems, and single acceptors, combined. The law is proven by trying every
/// set, so there are at most [`EXHAUSTIVE`](super::EXHAUSTIVE) acceptors.
///
/// ```
/// use paxos_core::{Composed, Counts, NodeId, NodeSet, Phase, QuorumError, Rule};
///
/// // A majority of five, n0 or n1 among them; and whoever opens a ballot hears both of these.
/// let five = NodeSet::first(5);
/// let lead = [0, 1].map(NodeId).into_iter().collect();
/// let most = || Rule::quorum(Counts::majority(five).unwrap(), Phase::One);
/// let one = Rule::all([most(), Rule::members(2, lead)]);
/// let two = Rule::all([most(), Rule::members(1, lead)]);
/// Composed::new(one, two, None)?;
/// // Two decisions in the dark: n0 with n1, or n2 with n3.
/// let two_of = |a, b| Rule::all([Rule::Node(NodeId(a)), Rule::Node(NodeId(b))]);
/// let pairs = Rule::any([two_of(0, 1), two_of(2, 3)]);
/// let refused = Composed::new(pairs.clone(), pairs, None).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "phase 1 quorum {n0, n1} and phase 2 quorum {n2, n3} share no acceptor; make them larger until they meet"
/// );
/// # Ok::<(), QuorumError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Composed {
    acceptors: NodeSet,
    one: Rule,
    two: Rule,
    fast: Option<Rule>,
}

impl Composed {
    /// Sets that keep these rules in phase 1, phase 2 and fast phase 2; no fast ballots if there is no third. The acceptors
    /// are all that the rules ask for.
    ///
    /// # Errors
    /// As [`prove`].
    pub fn new(one: Rule, two: Rule, fast: Option<Rule>) -> Result<Self, QuorumError> {
        let asked = [Some(&one), Some(&two), fast.as_ref()].into_iter().flatten();
        let acceptors = asked.fold(NodeSet::EMPTY, |all, rule| all.union(rule.acceptors()));
        let composed = Self { acceptors, one, two, fast };
        prove(&composed).map(|()| composed)
    }
}

impl QuorumSystem for Composed {
    fn acceptors(&self) -> NodeSet {
        self.acceptors
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        match phase {
            Phase::One => self.one.is_kept(answered),
            Phase::TwoClassic => self.two.is_kept(answered),
            Phase::TwoFast => self.fast.as_ref().is_some_and(|rule| rule.is_kept(answered)),
        }
    }

    /// Who takes another's place does so in every rule; systems among them must know how to.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let now = places.renaming("composed quorums", self.acceptors)?;
        let renamed = |rule: &Rule| rule.renamed(&now);
        let (one, two) = (renamed(&self.one)?, renamed(&self.two)?);
        let fast = self.fast.as_ref().map(renamed).transpose()?;
        // What another's system made of its new acceptors is not known: the law is proven again.
        Ok(Arc::new(Self::new(one, two, fast)?))
    }
}
