//! What a seed stands for.

use super::{Kind, Mishap, Planted};
use crate::lab::cluster::Shape;
use crate::lab::quorums::QuorumChoice;
use crate::theory::{Layout, Learning, Recovery};
use crate::variants::Variant;
use paxos_core::{Consistency, NodeId, NodeSet, Time};
use paxos_transport::sim::Chance;
use std::fmt;
use std::time::Duration;

/// From then on, nothing goes wrong.
pub(super) const END: Duration = Duration::from_millis(1500);

/// A run, before it is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// The mistake made on purpose, if any.
    pub planted: Option<Planted>,
    /// Whether the variant was asked for, and not drawn.
    pub(super) asked: bool,
    /// The cluster.
    pub shape: Shape,
    /// What a collision is answered with.
    pub recovery: Recovery,
    /// How many processes may become members.
    pub spares: u16,
    /// After how many slots each process takes a snapshot; 0: never.
    pub snapshot: u64,
    /// Commands in a message.
    pub batch: usize,
    /// How many slots after it was chosen a change of members takes effect.
    pub alpha: usize,
    /// The longest that a sync of a disk takes, in milliseconds, and the longest of one in a hundred.
    pub disk_ms: (u64, u64),
    /// How long leases last; none: there are none.
    pub lease: Option<Duration>,
    /// By how many millionths the clock of each server goes fast, or slow.
    pub drift: Vec<(NodeId, i32)>,
    /// How many clients, and how many commands each of them submits.
    pub clients: (u16, u64),
    /// When a server is asked to read, and how.
    pub reads: Vec<(Time, NodeId, Consistency)>,
    /// What goes wrong.
    pub mishaps: Vec<Mishap>,
}

impl Plan {
    /// What `seed` stands for; with another variant, another run.
    pub fn draw(seed: u64, variant: Option<Variant>, planted: Option<Planted>) -> Self {
        let mut chance = Chance::new(seed, 50);
        let drawn = one_of(&mut chance, Variant::ALL);
        let shape = shape(&mut chance, variant.unwrap_or(drawn));
        let collapsed = shape.layout == Layout::Collapsed;
        let mobile = collapsed && shape.quorum == QuorumChoice::Majority;
        let spares = if mobile && chance.hits(0.4) { 2 } else { 0 };
        let recoveries = [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic];
        let mut plan = Self {
            seed,
            planted,
            asked: variant.is_some(),
            shape,
            recovery: one_of(&mut chance, &recoveries),
            spares,
            snapshot: if chance.hits(0.4) { 1 + chance.below(12) } else { 0 },
            batch: if chance.hits(0.3) { 1 + chance.below(4) as usize } else { 64 },
            alpha: 4 << chance.below(4),
            disk_ms: one_of(&mut chance, &[(0, 0), (0, 0), (2, 2), (5, 200)]),
            lease: chance.hits(0.4).then_some(Duration::from_millis(80)),
            drift: Vec::new(),
            clients: (1 + chance.below(3) as u16, 4 + chance.below(9)),
            reads: Vec::new(),
            mishaps: Vec::new(),
        };
        plan.draw_mishaps(&mut chance);
        plan.draw_reads(&mut chance);
        plan
    }

    /// The same with only these of its mishaps, by number.
    #[must_use]
    pub fn with_only(&self, numbers: &[usize]) -> Self {
        let mishaps =
            self.mishaps.iter().filter(|mishap| numbers.contains(&mishap.number)).cloned().collect();
        Self { mishaps, ..self.clone() }
    }

    /// Who serves at the start.
    pub(super) fn servers(&self) -> Vec<NodeId> {
        let shape = self.shape;
        let servers = match shape.layout {
            Layout::Collapsed => shape.acceptors,
            Layout::Separate => 1 + shape.acceptors + shape.learners,
        };
        NodeSet::first(servers).iter().collect()
    }

    /// Those that may become members.
    pub(super) fn spares(&self) -> Vec<NodeId> {
        let first = self.servers().len() as u16;
        (first..first + self.spares).map(NodeId).collect()
    }

    fn draw_mishaps(&mut self, chance: &mut Chance) {
        let wanted = chance.below(7) as usize;
        for number in 0..wanted {
            let kind = one_of(chance, &Kind::ALL);
            if let Some(mishap) = self.mishap(chance, number, kind) {
                self.mishaps.push(mishap);
            }
        }
        for (number, mishap) in self.mishaps.iter_mut().enumerate() {
            mishap.number = number;
        }
    }

    /// A mishap of that kind, if it can happen here.
    fn mishap(&self, chance: &mut Chance, number: usize, kind: Kind) -> Option<Mishap> {
        let (start, end) = span(chance);
        let servers = self.servers();
        let first = one_of(chance, &servers);
        let others: Vec<NodeId> = servers.iter().copied().filter(|id| *id != first).collect();
        let second = if others.is_empty() { first } else { one_of(chance, &others) };
        let (side, rest): (Vec<_>, Vec<_>) = servers.iter().partition(|_| chance.hits(0.5));
        let percent = 1 + chance.below(if kind == Kind::Loss { 30 } else { 50 });
        let latest = chance.between(Duration::from_millis(50), Duration::from_millis(700));
        let collapsed = self.shape.layout == Layout::Collapsed;
        let majority = self.shape.quorum == QuorumChoice::Majority;
        let has = |kind| self.mishaps.iter().any(|mishap: &Mishap| mishap.kind == kind);
        let possible = match kind {
            Kind::WipeDisk | Kind::OlderDisk => collapsed && majority && self.shape.acceptors >= 3,
            Kind::SwapDisks => collapsed && majority && self.shape.acceptors >= 5,
            Kind::Replace => self.spares > 0 && !has(kind),
            Kind::Transfer => collapsed && !self.shape.variant.traits().leaderless,
            Kind::Loss
            | Kind::Duplication
            | Kind::Late
            | Kind::Cut
            | Kind::OneWay
            | Kind::Partial
            | Kind::Crash
            | Kind::CrashAll
            | Kind::Pause
            | Kind::Halt
            | Kind::StopClock
            | Kind::StallDisk => true,
        };
        if !possible || self.mishaps.iter().any(|mishap| mishap.kind.apart(kind).is_some()) {
            return None;
        }
        let (nodes, others) = match kind {
            Kind::Cut | Kind::OneWay => (side, rest),
            Kind::Partial => (vec![first], vec![second]),
            Kind::SwapDisks => (vec![first, second], Vec::new()),
            Kind::Replace => (vec![first], self.spares().into_iter().take(1).collect()),
            Kind::CrashAll => (servers, Vec::new()),
            Kind::Loss
            | Kind::Duplication
            | Kind::Late
            | Kind::Crash
            | Kind::Pause
            | Kind::Halt
            | Kind::StopClock
            | Kind::StallDisk
            | Kind::Transfer
            | Kind::WipeDisk
            | Kind::OlderDisk => (vec![first], Vec::new()),
        };
        Some(Mishap { number, kind, start, end, nodes, others, percent, latest })
    }

    fn draw_reads(&mut self, chance: &mut Chance) {
        // A lease rests on clocks that go on, at about the same speed.
        let clocks = !self.mishaps.iter().any(|mishap| mishap.kind.stops_clocks());
        if self.lease.is_some() || chance.hits(0.3) {
            let servers = self.servers();
            self.drift = servers.iter().map(|id| (*id, chance.below(1001) as i32 - 500)).collect();
        }
        let mut ways = vec![Consistency::Confirmed, Consistency::Quorum];
        if self.lease.is_some() && clocks {
            ways.push(Consistency::Lease);
        }
        // Only those that learn can be asked, and these do in each layout.
        let servers = self.servers();
        let learners = &servers[servers.len() - usize::from(self.shape.learners)..];
        for _ in 0..chance.below(13) {
            let at = Time(0).after(chance.between(Duration::ZERO, END));
            let (reader, way) = (one_of(chance, learners), one_of(chance, &ways));
            self.reads.push((at, reader, way));
        }
    }
}

fn one_of<T: Copy>(chance: &mut Chance, all: &[T]) -> T {
    all[chance.below(all.len() as u64) as usize]
}

/// Two moments before the end, in order.
fn span(chance: &mut Chance) -> (Time, Time) {
    let mut draw = || Time(0).after(chance.between(Duration::ZERO, END));
    let (one, other) = (draw(), draw());
    (one.min(other), one.max(other))
}

fn shape(chance: &mut Chance, variant: Variant) -> Shape {
    let layouts = [Layout::Collapsed, Layout::Collapsed, Layout::Separate];
    let learning = one_of(chance, &[Learning::Distinguished, Learning::Everyone]);
    let (layout, learning) = variant.placed(one_of(chance, &layouts), learning);
    let acceptors = one_of(chance, &[1, 3, 3, 4, 5, 5, 7]);
    let learners = if layout == Layout::Collapsed { acceptors } else { 1 + chance.below(3) as u16 };
    let quorum = quorum(chance, acceptors, variant.traits().fast);
    Shape { variant, layout, learning, acceptors, learners, thrifty: chance.hits(0.2), quorum }
}

/// Majorities half of the time, and otherwise any lawful sizes.
fn quorum(chance: &mut Chance, acceptors: u16, fast: bool) -> QuorumChoice {
    let n = u64::from(acceptors);
    if chance.hits(0.5) {
        return QuorumChoice::Majority;
    }
    let mut size = || 1 + chance.below(n) as usize;
    let sizes = (size(), size(), size());
    let choice = match sizes {
        (q1, q2, q2f) if fast => QuorumChoice::FastFlexible(q1, q2, q2f),
        (q1, q2, _) => QuorumChoice::Flexible(q1, q2),
    };
    // What is unlawful is refused where it is built.
    let lawful = choice.over(NodeSet::first(acceptors)).is_ok();
    if lawful { choice } else { QuorumChoice::Majority }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = self.shape;
        write!(f, "seed {}: {}, {} acceptors", self.seed, shape.variant, shape.acceptors)?;
        write!(f, ", roles {}, learning {}, quorums {}", shape.layout, shape.learning, shape.quorum)?;
        if shape.variant.traits().fast {
            write!(f, ", recovery {}", self.recovery)?;
        }
        let (clients, commands) = self.clients;
        writeln!(f, ", clients: {clients}, commands of each: {commands}, reads: {}", self.reads.len())?;
        write!(f, "    up to {} commands a message, α = {}", self.batch, self.alpha)?;
        if shape.thrifty {
            write!(f, ", thrifty")?;
        }
        match self.snapshot {
            0 => write!(f, ", no snapshots")?,
            slots => write!(f, ", a snapshot every {slots} slots")?,
        }
        match self.disk_ms {
            (0, 0) => write!(f, ", disks that take no time")?,
            (usual, rare) => write!(f, ", syncs of up to {usual} ms, 1 % of them up to {rare} ms")?,
        }
        match self.lease {
            None => writeln!(f, ", no leases")?,
            Some(lease) => writeln!(f, ", leases of {} ms", lease.as_millis())?,
        }
        self.mishaps.iter().try_for_each(|mishap| writeln!(f, "{mishap}"))
    }
}
