//! Quorum systems built from others by *and*, *or* and *k of*, to any depth.

use super::places::{Places, Renaming};
use super::{Phase, QuorumError, QuorumSystem, prove};
use crate::{NodeId, NodeSet};
use std::sync::Arc;

/// A rule that a set of acceptors keeps or breaks. If a set keeps it, so does every superset.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// The set contains this acceptor.
    Node(NodeId),
    /// The set contains a quorum of this phase of the system.
    Quorum(Arc<dyn QuorumSystem>, Phase),
    /// The set keeps at least this number of the rules.
    KOf(usize, Vec<Rule>),
}

impl Rule {
    /// Combines rules by *and*: the set keeps all of them.
    pub fn all(rules: impl IntoIterator<Item = Self>) -> Self {
        let rules: Vec<Self> = rules.into_iter().collect();
        Self::KOf(rules.len(), rules)
    }

    /// Combines rules by *or*: the set keeps at least one of them.
    pub fn any(rules: impl IntoIterator<Item = Self>) -> Self {
        Self::k_of(1, rules)
    }

    /// Requires at least `k` of these rules.
    pub fn k_of(k: usize, rules: impl IntoIterator<Item = Self>) -> Self {
        Self::KOf(k, rules.into_iter().collect())
    }

    /// Requires at least `k` of these acceptors.
    pub fn members(k: usize, acceptors: NodeSet) -> Self {
        Self::k_of(k, acceptors.iter().map(Self::Node))
    }

    /// Requires a quorum of this phase of the system, whatever its acceptors are.
    pub fn quorum(system: impl QuorumSystem + 'static, phase: Phase) -> Self {
        Self::Quorum(Arc::new(system), phase)
    }

    /// Whether `answered` keeps the rule.
    pub fn is_kept(&self, answered: NodeSet) -> bool {
        match self {
            Self::Node(node) => answered.contains(*node),
            Self::Quorum(system, phase) => {
                system.is_quorum(*phase, answered.intersection(system.acceptors()))
            }
            Self::KOf(k, rules) => rules.iter().filter(|rule| rule.is_kept(answered)).count() >= *k,
        }
    }

    /// The acceptors that the rule names.
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

/// Quorums by a [`Rule`] for each phase, which combines other systems and single acceptors. The law is proven by
/// trying every set, so there are at most [`EXHAUSTIVE`](super::EXHAUSTIVE) acceptors.
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
    /// Creates a system from the rules of phase 1, phase 2 and fast phase 2; no fast ballots without the third. The
    /// acceptors are all that the rules name.
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

    /// An acceptor that takes another's place takes it in every rule. The systems in the rules must support this.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let now = places.renaming("composed quorums", self.acceptors)?;
        let renamed = |rule: &Rule| rule.renamed(&now);
        let (one, two) = (renamed(&self.one)?, renamed(&self.two)?);
        let fast = self.fast.as_ref().map(renamed).transpose()?;
        // A system of another kind may form its quorums in any way, so the law is proven again.
        Ok(Arc::new(Self::new(one, two, fast)?))
    }
}
