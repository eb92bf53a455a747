//! Ballots: the numbered attempts to get a value chosen ("rounds" in the Fast Paxos paper).

use crate::NodeId;
use core::cmp::Ordering;
use core::fmt;
use serde::{Deserialize, Serialize};

/// One numbered attempt, classic or fast, owned by one proposer.
///
/// Ballots are ordered by their fields, in the order of declaration. All ballots of one `(round, owner)` form a
/// *term*; no foreign ballot lies between its `step`s. Because of that, a phase 2b of one step can be read as a phase
/// 1b of the next (Lamport, *Fast Paxos*, §3.2: coordinated recovery goes from round *i* to round *i*+1 of the same
/// coordinator), and one phase 1 serves every step of its term.
///
/// # Which ballots are believed
///
/// There are 2⁴⁸ rounds. Each takes a quorum's answer. With one each microsecond they last for nine years, with one
/// each millisecond for nine thousand. So a higher round is a mistake, and cannot be read from a message or a disk. A
/// ballot named by another process is believed up to halfway between the highest seen and the last
/// ([`Ballot::is_credible`]). No process that was away has missed 2⁴⁷ rounds, so no true ballot is refused. And no
/// single mistake ends all elections, as promising the last round would: half of the remaining rounds always stay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Ballot {
    round: u64,
    /// The only proposer that may use this ballot.
    pub owner: NodeId,
    step: u8,
    /// Whether acceptors may vote for values that come directly from clients.
    pub fast: bool,
}

/// A ballot as it is encoded.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename = "Ballot")]
struct Fields {
    round: u64,
    owner: NodeId,
    step: u8,
    fast: bool,
}

impl Ballot {
    /// The ballot below every ballot in use: nothing promised, nothing voted.
    pub const ZERO: Self = Self { round: 0, owner: NodeId(0), step: 0, fast: false };

    /// The last round.
    pub const LAST_ROUND: u64 = (1 << 48) - 1;

    /// Returns the first, classic ballot of a term. A round above the last is taken as the last.
    pub const fn classic(round: u64, owner: NodeId) -> Self {
        let round = if round <= Self::LAST_ROUND { round } else { Self::LAST_ROUND };
        Self { round, owner, step: 0, fast: false }
    }

    /// The number of the round; 0 only in [`Ballot::ZERO`].
    pub const fn round(self) -> u64 {
        self.round
    }

    /// The position within the term, from 0.
    pub const fn step(self) -> u8 {
        self.step
    }

    /// Returns the ballot at this position of the term, whatever the position of `self`.
    #[must_use]
    pub const fn at_step(self, step: u8, fast: bool) -> Self {
        Self { step, fast, ..self }
    }

    /// Returns the first ballot of `owner` in the next round, or `None` if the rounds are used up.
    #[must_use]
    pub fn next_term(self, owner: NodeId) -> Option<Self> {
        (self.round < Self::LAST_ROUND).then(|| Self::classic(self.round + 1, owner))
    }

    /// Whether another process may have reached this ballot, if `highest` is the highest one seen.
    pub const fn is_credible(self, highest: Self) -> bool {
        self.round <= highest.round + (Self::LAST_ROUND - highest.round) / 2
    }

    /// Returns the next step of the same term, or `None` after step 255.
    #[must_use]
    pub fn next_step(self, fast: bool) -> Option<Self> {
        Some(Self { step: self.step.checked_add(1)?, fast, ..self })
    }

    /// Whether both belong to the same term, that is, to one phase 1 of one proposer.
    pub fn same_term(self, other: Self) -> bool {
        self.round == other.round && self.owner == other.owner
    }

    /// Whether `self` is the step after `other`, so that no ballot lies between them.
    pub fn directly_follows(self, other: Self) -> bool {
        self.same_term(other) && Some(self.step) == other.step.checked_add(1)
    }

    /// Returns owner, step and kind as one number with the same order.
    #[inline]
    fn within_round(self) -> u32 {
        (u32::from(self.owner.0) << 16) | (u32::from(self.step) << 8) | u32::from(self.fast)
    }

    /// Returns an integer with the same order as the ballots of a run, for traces: `round · 2²⁴ + owner · 2⁸ + step`.
    /// Rounds from 2⁴⁰ on, which no traced run reaches, are written as the last below.
    pub fn number(self) -> u64 {
        let round = self.round.min((1 << 40) - 1);
        (round << 24) | (u64::from(self.owner.0) << 8) | u64::from(self.step)
    }
}

impl TryFrom<Fields> for Ballot {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let Fields { round, owner, step, fast } = fields;
        let ballot = Self { round, owner, step, fast };
        if round <= Self::LAST_ROUND { Ok(ballot) } else { Err("there are no rounds from 2^48 on") }
    }
}

impl From<Ballot> for Fields {
    fn from(ballot: Ballot) -> Self {
        let Ballot { round, owner, step, fast } = ballot;
        Self { round, owner, step, fast }
    }
}

impl Ord for Ballot {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.round.cmp(&other.round).then_with(|| self.within_round().cmp(&other.within_round()))
    }
}

impl PartialOrd for Ballot {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Ballot {
    /// `2.n1` is the classic ballot that starts term 2 of n1; `2.n1+1f` is its first step, a fast one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.owner)?;
        if self.step > 0 {
            write!(f, "+{}", self.step)?;
        }
        if self.fast { f.write_str("f") } else { Ok(()) }
    }
}

impl fmt::Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lies_between_two_steps_of_a_term() {
        let one = Ballot::classic(3, NodeId(1));
        let two = one.next_step(true).expect("a step");
        assert!(two.directly_follows(one) && !one.directly_follows(two));
        for other in
            [Ballot::classic(3, NodeId(0)), Ballot::classic(3, NodeId(2)), Ballot::classic(4, NodeId(0))]
        {
            assert!(!(one < other && other < two), "{other}");
        }
    }

    #[test]
    fn the_number_orders_as_the_ballot_does() {
        let first = Ballot::classic(1, NodeId(4));
        let all =
            [Ballot::ZERO, first, first.next_step(true).expect("a step"), Ballot::classic(2, NodeId(0))];
        assert!(all.windows(2).all(|w| w[0] < w[1] && w[0].number() < w[1].number()));
    }

    #[test]
    fn a_term_above_every_round_does_not_exist() {
        assert_eq!(Ballot::classic(u64::MAX, NodeId(0)).next_term(NodeId(1)), None);
        let fields = |round| Fields { round, ..Ballot::ZERO.into() };
        assert!(Ballot::try_from(fields(Ballot::LAST_ROUND)).is_ok());
        for round in [Ballot::LAST_ROUND + 1, u64::MAX] {
            Ballot::try_from(fields(round)).expect_err("no round");
        }
    }

    #[test]
    fn whatever_is_believed_of_a_ballot_rounds_are_left() {
        let owner = NodeId(0);
        let mut highest = Ballot::ZERO;
        for _ in 0..40 {
            let believed = |round: &u64| Ballot::classic(*round, owner).is_credible(highest);
            // A number with one bit flipped, and the last round.
            let flipped = (0..64).map(|bit| highest.round ^ (1 << bit)).filter(|n| *n <= Ballot::LAST_ROUND);
            let worst = flipped.chain([Ballot::LAST_ROUND]).filter(believed).max().unwrap_or_default();
            highest = highest.max(Ballot::classic(worst, owner)).next_term(owner).expect("rounds are left");
            assert!(highest.next_term(owner).is_some_and(|next| next.is_credible(highest)));
        }
    }

    #[test]
    fn a_process_that_missed_a_hundred_million_million_rounds_believes_the_next_ballot() {
        let (away, now) = (Ballot::classic(7, NodeId(1)), Ballot::classic(100_000_000_000_000, NodeId(0)));
        assert!(now.is_credible(away) && now.is_credible(Ballot::ZERO));
    }
}
