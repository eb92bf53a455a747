//! Quorums of zones, where each zone counts with a quorum of its acceptors.

use super::counts::{part, three_apart, two_apart};
use super::places::Places;
use super::{Phase, QuorumError, QuorumSystem, Remedy};
use crate::NodeSet;
use std::sync::Arc;

/// The size of a quorum within a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// This number of acceptors.
    Count(usize),
    /// More than half.
    Majority,
    /// The size of a fast quorum beside majorities: the smallest `q` with 2q + (⌊n/2⌋ + 1) > 2n.
    Fast,
    /// All of them.
    All,
}

impl Within {
    fn of(self, zone: usize) -> usize {
        match self {
            Self::Count(members) => members,
            Self::Majority => zone / 2 + 1,
            Self::Fast => (2 * zone).saturating_sub(zone / 2 + 1) / 2 + 1,
            Self::All => zone,
        }
    }
}

/// The quorums of one phase: quorums within a number of zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneQuorum {
    /// The number of zones.
    pub zones: usize,
    /// The size of the quorum within each of these zones.
    pub within: Within,
}

/// Quorums of quorums (Kumar 1991). Acceptors are in zones, such as regions. A quorum of a phase contains quorums of a
/// number of zones.
///
/// The law has a formula. A phase 1 and a phase 2 quorum can be disjoint within a zone of n acceptors if m1 + m2 ≤ n.
/// Of Z zones, z1 and z2 have at least z1 + z2 − Z in common. So two disjoint quorums exist if and only if quorums can
/// be disjoint within at least that many zones. For a phase 1 and two fast quorums, the same holds with z1 + 2 zf − 2Z
/// and m1 + 2 mf ≤ 2n.
///
/// ```
/// use paxos_core::{NodeId, NodeSet, QuorumError, Within, ZoneQuorum, Zones};
///
/// let zone = |from: u16| (from..from + 3).map(NodeId).collect::<NodeSet>();
/// let zones = vec![zone(0), zone(3), zone(6)];
/// // Phase 2 within one zone, if phase 1 hears of all three.
/// let one = ZoneQuorum { zones: 3, within: Within::Majority };
/// let two = ZoneQuorum { zones: 1, within: Within::Majority };
/// Zones::new(zones.clone(), one, two, None)?;
/// // Two zones are too few for that.
/// assert!(Zones::new(zones, ZoneQuorum { zones: 2, ..one }, two, None).is_err());
/// # Ok::<(), QuorumError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zones {
    all: Vec<NodeSet>,
    one: ZoneQuorum,
    two: ZoneQuorum,
    fast: Option<ZoneQuorum>,
}

impl Zones {
    /// Creates quorums of majorities in a majority of zones, for phases 1 and 2. Fast quorums are the smallest that
    /// the law allows beside these, within zones and by number of zones.
    ///
    /// # Errors
    /// A [`QuorumError`] if there are no zones, two zones share an acceptor, or a zone is empty.
    pub fn majority(zones: Vec<NodeSet>) -> Result<Self, QuorumError> {
        let most = |within: Within| ZoneQuorum { zones: within.of(zones.len()), within };
        let (half, fast) = (most(Within::Majority), most(Within::Fast));
        Self::new(zones, half, half, Some(fast))
    }

    /// Creates these quorums for the three phases; no fast ballots if the last is None.
    ///
    /// # Errors
    /// A [`QuorumError`] that names the quorums that break the law, or the reason why there are none.
    pub fn new(
        zones: Vec<NodeSet>,
        one: ZoneQuorum,
        two: ZoneQuorum,
        fast: Option<ZoneQuorum>,
    ) -> Result<Self, QuorumError> {
        Self { all: zones, one, two, fast }.proven()
    }

    fn of(&self, phase: Phase) -> Option<ZoneQuorum> {
        match phase {
            Phase::One => Some(self.one),
            Phase::TwoClassic => Some(self.two),
            Phase::TwoFast => self.fast,
        }
    }

    fn proven(self) -> Result<Self, QuorumError> {
        if self.all.is_empty() {
            return Err(QuorumError::NoAcceptors);
        }
        for (i, &a) in self.all.iter().enumerate() {
            if let Some(&b) = self.all[i + 1..].iter().find(|b| !b.intersection(a).is_empty()) {
                return Err(QuorumError::Overlap { a, b });
            }
        }
        for phase in Phase::ALL {
            let Some(quorum) = self.of(phase) else { continue };
            self.exists(phase, quorum)?;
            if phase != Phase::One {
                self.meets(phase, quorum)?;
            }
        }
        self.fast.map_or(Ok(()), |fast| self.tells_apart(fast))?;
        Ok(self)
    }

    fn exists(&self, phase: Phase, quorum: ZoneQuorum) -> Result<(), QuorumError> {
        let zones = self.all.len();
        if quorum.zones == 0 || quorum.zones > zones {
            return Err(QuorumError::ZoneCount { phase, asked: quorum.zones, zones });
        }
        for &zone in &self.all {
            let members = quorum.within.of(zone.len());
            if members == 0 || members > zone.len() {
                return Err(QuorumError::ZoneSize { phase, zone, members });
            }
        }
        Ok(())
    }

    fn meets(&self, phase: Phase, two: ZoneQuorum) -> Result<(), QuorumError> {
        let sizes = |zone: NodeSet| (self.one.within.of(zone.len()), two.within.of(zone.len()));
        let apart = |zone: &NodeSet| sizes(*zone).0 + sizes(*zone).1 <= zone.len();
        let (order, loose) = loose_first(&self.all, apart);
        let shared = (self.one.zones + two.zones).saturating_sub(self.all.len());
        if loose < shared {
            return Ok(());
        }
        // The phase 1 quorum takes the first zones; the other one takes the zones after those, and as few as possible
        // of these.
        let (mut first, mut second) = (NodeSet::EMPTY, NodeSet::EMPTY);
        for (i, &zone) in order.iter().enumerate() {
            let (a, b) = two_apart(zone, sizes(zone).0, sizes(zone).1);
            first = first.union(if i < self.one.zones { a } else { NodeSet::EMPTY });
            let behind = i >= self.one.zones && i - self.one.zones < two.zones;
            second = second.union(if i < shared || behind { b } else { NodeSet::EMPTY });
        }
        Err(QuorumError::Disjoint { one: first, phase, two: second, remedy: Remedy::Zones })
    }

    fn tells_apart(&self, fast: ZoneQuorum) -> Result<(), QuorumError> {
        let all = self.all.len();
        let sizes = |zone: NodeSet| (self.one.within.of(zone.len()), fast.within.of(zone.len()));
        let apart = |zone: &NodeSet| sizes(*zone).0 + 2 * sizes(*zone).1 <= 2 * zone.len();
        let (order, loose) = loose_first(&self.all, apart);
        let shared = (self.one.zones + 2 * fast.zones).saturating_sub(2 * all);
        if loose < shared {
            return Ok(());
        }
        // Each zone that the three quorums need not share is left out by one of them, in turn.
        let (skips_one, skips_fast) = (all - self.one.zones, all - fast.zones);
        let [mut one, mut a, mut b] = [NodeSet::EMPTY; 3];
        for (i, &zone) in order.iter().enumerate() {
            let sets = three_apart_or_any(zone, sizes(zone).0, sizes(zone).1, i < shared);
            let skipped = |from: usize, count: usize| (shared + from..shared + from + count).contains(&i);
            let unless = |skip: bool, set: NodeSet| if skip { NodeSet::EMPTY } else { set };
            one = one.union(unless(skipped(0, skips_one), sets.0));
            a = a.union(unless(skipped(skips_one, skips_fast), sets.1));
            b = b.union(unless(skipped(skips_one + skips_fast, skips_fast), sets.2));
        }
        Err(QuorumError::Ambiguous { one, a, b, remedy: Remedy::Zones })
    }
}

/// Returns the zones, first those in which quorums can be disjoint, and the number of these.
fn loose_first(zones: &[NodeSet], apart: impl Fn(&NodeSet) -> bool) -> (Vec<NodeSet>, usize) {
    let (mut order, others): (Vec<NodeSet>, Vec<NodeSet>) = zones.iter().partition(|zone| apart(zone));
    let loose = order.len();
    order.extend(others);
    (order, loose)
}

fn three_apart_or_any(zone: NodeSet, one: usize, fast: usize, apart: bool) -> (NodeSet, NodeSet, NodeSet) {
    if apart {
        three_apart(zone, one, fast)
    } else {
        (part(zone, 0, one), part(zone, 0, fast), part(zone, 0, fast))
    }
}

impl QuorumSystem for Zones {
    fn acceptors(&self) -> NodeSet {
        self.all.iter().fold(NodeSet::EMPTY, |all, zone| all.union(*zone))
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        let Some(quorum) = self.of(phase) else { return false };
        let has = |zone: &&NodeSet| zone.intersection(answered).len() >= quorum.within.of(zone.len());
        self.all.iter().filter(has).count() >= quorum.zones
    }

    /// An acceptor that takes another's place takes its place in the zone.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let all = places.renaming("zones", self.acceptors())?.sets(&self.all);
        Ok(Arc::new(Self { all, ..self.clone() }))
    }

    /// A zone has no quorum after n − m + 1 failures in it, and the phase has none when Z − z + 1 zones have none. The
    /// zones that need the fewest failures fail first.
    fn failures_survived(&self, phase: Phase) -> Result<Option<usize>, QuorumError> {
        let Some(quorum) = self.of(phase) else { return Ok(None) };
        let fatal = |zone: &NodeSet| zone.len() - quorum.within.of(zone.len()) + 1;
        let mut fatal: Vec<usize> = self.all.iter().map(fatal).collect();
        fatal.sort_unstable();
        let fallen = self.all.len() - quorum.zones + 1;
        Ok(Some(fatal.iter().take(fallen).sum::<usize>() - 1))
    }
}
