//! The proof of any quorum system, and its measures, by trying every set of a few acceptors.

use super::{Phase, QuorumError, QuorumSystem, Remedy};
use crate::{NodeId, NodeSet};

/// The largest number of acceptors for which every set is tried: 65,536 sets.
pub const EXHAUSTIVE: usize = 16;

/// Proves the law of a quorum system by trying every set of its acceptors: phase 1 quorums intersect all phase 2
/// quorums and the intersection of any two fast quorums; supersets of quorums are quorums; other processes do not
/// count; and each phase has a quorum. The constructors of this crate's systems prove their law themselves.
///
/// # Errors
/// A [`QuorumError`] that names the quorums that break the law, or [`QuorumError::TooMany`] beyond [`EXHAUSTIVE`]
/// acceptors.
pub fn prove<Q: QuorumSystem + ?Sized>(system: &Q) -> Result<(), QuorumError> {
    if system.acceptors().is_empty() {
        return Err(QuorumError::NoAcceptors);
    }
    let table = |phase| Table::new(system, phase);
    let (one, two, fast) = (table(Phase::One)?, table(Phase::TwoClassic)?, table(Phase::TwoFast)?);
    for table in [&one, &two, &fast] {
        table.is_closed()?;
        table.ignores_strangers(system)?;
    }
    for table in [&one, &two] {
        if !table.is_quorum(table.everyone()) {
            return Err(QuorumError::NoQuorum { phase: table.phase });
        }
    }
    one.meets(&two)?;
    one.meets(&fast)?;
    one.tells_apart(&fast)
}

/// See [`QuorumSystem::minimal_quorums`].
pub(super) fn minimal_quorums<Q: QuorumSystem + ?Sized>(
    system: &Q,
    phase: Phase,
) -> Result<Vec<NodeSet>, QuorumError> {
    let table = Table::new(system, phase)?;
    Ok(table.minimal().into_iter().map(|bits| table.set(bits)).collect())
}

/// See [`QuorumSystem::failures_survived`].
pub(super) fn failures_survived<Q: QuorumSystem + ?Sized>(
    system: &Q,
    phase: Phase,
) -> Result<Option<usize>, QuorumError> {
    let table = Table::new(system, phase)?;
    let fatal = table.all().filter(|alive| !table.is_quorum(*alive));
    let fewest = fatal.map(|alive| (table.everyone() & !alive).count_ones() as usize).min();
    // If all acceptors together are not a quorum, the phase has none. If the empty set is a quorum, all may fail.
    Ok(fewest.map_or(Some(table.acceptors.len()), |fewest| fewest.checked_sub(1)))
}

/// The quorums of one phase, as a bit for each set of acceptors. Bit `i` of a set's number stands for the `i`-th
/// acceptor.
struct Table {
    phase: Phase,
    acceptors: Vec<NodeId>,
    quorums: Vec<u64>,
}

impl Table {
    fn new<Q: QuorumSystem + ?Sized>(system: &Q, phase: Phase) -> Result<Self, QuorumError> {
        let acceptors: Vec<NodeId> = system.acceptors().iter().collect();
        if acceptors.len() > EXHAUSTIVE {
            return Err(QuorumError::TooMany { acceptors: acceptors.len() });
        }
        let mut table =
            Self { phase, quorums: vec![0; (1_usize << acceptors.len()).div_ceil(64)], acceptors };
        for bits in table.all() {
            if system.is_quorum(phase, table.set(bits)) {
                table.quorums[bits as usize / 64] |= 1 << (bits % 64);
            }
        }
        Ok(table)
    }

    fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..=self.everyone()
    }

    fn everyone(&self) -> u32 {
        (1 << self.acceptors.len()) - 1
    }

    fn set(&self, bits: u32) -> NodeSet {
        let members = self.acceptors.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
        members.map(|(_, node)| *node).collect()
    }

    fn is_quorum(&self, bits: u32) -> bool {
        self.quorums[bits as usize / 64] >> (bits % 64) & 1 == 1
    }

    /// Iterates over the members of `bits`, as sets of one.
    fn each(&self, bits: u32) -> impl Iterator<Item = u32> + use<> {
        (0..self.acceptors.len()).map(|i| 1 << i).filter(move |one| bits & one != 0)
    }

    fn minimal(&self) -> Vec<u32> {
        let is_minimal =
            |bits: &u32| self.is_quorum(*bits) && self.each(*bits).all(|one| !self.is_quorum(bits & !one));
        self.all().filter(is_minimal).collect()
    }

    /// Returns a quorum within `bits` that contains no smaller one.
    fn within(&self, bits: u32) -> NodeSet {
        let drop = |left: u32, one: u32| if self.is_quorum(left & !one) { left & !one } else { left };
        self.set(self.each(bits).fold(bits, drop))
    }

    fn is_closed(&self) -> Result<(), QuorumError> {
        let all = self.everyone();
        let larger = |bits: u32| self.each(all & !bits).map(move |one| bits | one);
        let open = self.all().filter(|bits| self.is_quorum(*bits));
        let open = open.flat_map(|bits| larger(bits).map(move |larger| (bits, larger)));
        match open.into_iter().find(|(_, larger)| !self.is_quorum(*larger)) {
            None => Ok(()),
            Some((quorum, larger)) => Err(QuorumError::NotClosed {
                phase: self.phase,
                quorum: self.set(quorum),
                larger: self.set(larger),
            }),
        }
    }

    /// Checks that nothing changes when all processes that are not acceptors answer as well.
    fn ignores_strangers<Q: QuorumSystem + ?Sized>(&self, system: &Q) -> Result<(), QuorumError> {
        let strangers = NodeSet::first(NodeSet::CAPACITY).without(system.acceptors());
        let counts =
            |bits: u32| system.is_quorum(self.phase, self.set(bits).union(strangers)) != self.is_quorum(bits);
        if self.all().any(counts) {
            return Err(QuorumError::Strangers { phase: self.phase, strangers });
        }
        Ok(())
    }

    /// Checks that every phase 1 quorum shares an acceptor with every phase 2 quorum (Howard, Malkhi, Spiegelman 2016,
    /// §3): no set contains a phase 1 quorum while its complement contains a phase 2 quorum.
    fn meets(&self, two: &Self) -> Result<(), QuorumError> {
        let all = self.everyone();
        let apart = |bits: &u32| self.is_quorum(*bits) && two.is_quorum(all & !bits);
        match self.all().find(apart) {
            None => Ok(()),
            Some(bits) => Err(QuorumError::Disjoint {
                one: self.within(bits),
                phase: two.phase,
                two: two.within(all & !bits),
                remedy: Remedy::Members,
            }),
        }
    }

    /// Checks that every phase 1 quorum shares an acceptor with the intersection of any two fast quorums (Howard,
    /// Charapko, Mortier 2021, §3). It is enough to try the minimal ones. The second fast quorum must avoid the
    /// acceptors in both the first one and the phase 1 quorum, so it exists if and only if all other acceptors contain
    /// a quorum.
    fn tells_apart(&self, fast: &Self) -> Result<(), QuorumError> {
        let all = self.everyone();
        let (ones, fasts) = (self.minimal(), fast.minimal());
        for one in &ones {
            if let Some(a) = fasts.iter().find(|a| fast.is_quorum(all & !(*a & one))) {
                return Err(QuorumError::Ambiguous {
                    one: self.set(*one),
                    a: self.set(*a),
                    b: fast.within(all & !(a & one)),
                    remedy: Remedy::Members,
                });
            }
        }
        Ok(())
    }
}
