//! Predicted sizes of quorums. The protocols have quorum systems of their own, which prove their law.

/// The smallest majority of `n` acceptors: ⌊n/2⌋ + 1.
pub const fn majority(n: usize) -> usize {
    n / 2 + 1
}

/// The size of the smallest fast quorum of `n` acceptors beside classic majorities: the smallest `q` with
/// 2q + (⌊n/2⌋ + 1) > 2n.
///
/// From Lamport, *Fast Paxos* (2006): any two fast quorums and any classic one have an acceptor in common.
/// "3n/4 rounded down" would be wrong: 3 of 5 is unsafe.
pub const fn fast_quorum(n: usize) -> usize {
    fast_flexible_quorum(n, majority(n))
}

/// The size of the smallest fast quorum if fast and classic quorums have the same size: ⌊2n/3⌋ + 1.
pub const fn uniform_fast_quorum(n: usize) -> usize {
    2 * n / 3 + 1
}

/// The size of the smallest fast quorum of `n` acceptors beside phase 1 quorums of `q1` (at most `n`): the
/// smallest `q` with q1 + 2q > 2n.
///
/// From Howard, Charapko, Mortier, *Fast Flexible Paxos* (2021).
pub const fn fast_flexible_quorum(n: usize, q1: usize) -> usize {
    (2 * n - q1) / 2 + 1
}

/// Whether quorums of these sizes among `n` acceptors are safe: |Q1| + |Q2c| > n and |Q1| + 2|Q2f| > 2n.
///
/// From Howard, Charapko, Mortier, *Fast Flexible Paxos* (2021): `q1` for phase 1, `q2c` for phase 2 of a
/// classic round, `q2f` for phase 2 of a fast round.
pub const fn fast_quorums_intersect(n: usize, q1: usize, q2c: usize, q2f: usize) -> bool {
    q1 + q2c > n && q1 + 2 * q2f > 2 * n
}

/// The sizes of the quorums that thrifty proposers and clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorums {
    /// The size of a quorum of a classic round, in both phases.
    pub classic: usize,
    /// The size of a quorum of a fast round.
    pub fast: usize,
}

impl Quorums {
    /// [Majorities](majority), and the [smallest fast quorums](fast_quorum) beside them.
    pub const fn majorities(n: usize) -> Self {
        Self { classic: majority(n), fast: fast_quorum(n) }
    }

    /// Whether quorums of these sizes exist among `n` acceptors and intersect as they must.
    pub(super) const fn are_safe(self, n: usize) -> bool {
        self.classic <= n
            && self.fast <= n
            && fast_quorums_intersect(n, self.classic, self.classic, self.fast)
    }
}

/// The chance that a fast round decides neither of two simultaneous values, if each of `n` acceptors hears
/// either value first with equal chance: 1 − 2·P\[Bin(n, ½) ≥ q\], for fast quorums of `q`.
///
/// It is 0 if `q` is at most half of `n` rounded up, because one of the two values then always has a quorum.
pub fn collision_probability(n: usize, q: usize) -> f64 {
    // P[Bin(n, ½) = k], from k = 0 on. Each is the previous one times (n − k) / (k + 1), with the previous k.
    let exactly = (0..=n).scan((-(n as f64)).exp2(), |chance, k| {
        let this = *chance;
        *chance *= (n - k) as f64 / (k + 1) as f64;
        Some(this)
    });
    let at_least: f64 = exactly.skip(q).sum();
    (1.0 - 2.0 * at_least).max(0.0)
}
