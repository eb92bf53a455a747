//! The plan of a run, drawn from a seed.

use super::{Kind, Mishap, Planted, Settings};
use crate::lab::cluster::Shape;
use crate::lab::quorums::QuorumChoice;
use crate::theory::{Layout, Learning, Recovery};
use crate::variants::Variant;
use paxos_core::{Consistency, NodeId, NodeSet, Time};
use paxos_transport::sim::Chance;
use std::fmt;
use std::time::Duration;

/// All mishaps end by this time.
pub(super) const END: Duration = Duration::from_millis(1500);

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed that the plan was drawn from.
    pub seed: u64,
    /// Which variation of the seed this is; 0 is the seed itself.
    pub vary: u64,
    /// The mistake planted on purpose, if any.
    pub planted: Option<Planted>,
    /// Whether what the run reaches is noted.
    pub(super) steered: bool,
    /// Whether the variant was given on the command line, and not drawn.
    pub(super) asked: bool,
    /// The cluster.
    pub shape: Shape,
    /// The recovery from collisions.
    pub recovery: Recovery,
    /// The other settings.
    pub settings: Settings,
    /// The number of processes that may become members.
    pub spares: u16,
    /// After how many slots each process takes a snapshot; 0: never.
    pub snapshot: u64,
    /// The most commands in a message.
    pub batch: usize,
    /// The most bytes of commands in a message; none: as many as are usual.
    pub batch_bytes: Option<usize>,
    /// How many slots after it was chosen a change of members takes effect.
    pub alpha: usize,
    /// The longest time of a sync, in milliseconds: usually, and for one sync in a hundred.
    pub disk_ms: (u64, u64),
    /// How long leases last; none if there are no leases.
    pub lease: Option<Duration>,
    /// The drift of each server's clock, in millionths.
    pub drift: Vec<(NodeId, i32)>,
    /// The number of clients, and how many commands each client submits.
    pub clients: (u16, u64),
    /// The reads: when, at which server, and of which kind.
    pub reads: Vec<(Time, NodeId, Consistency)>,
    /// The mishaps.
    pub mishaps: Vec<Mishap>,
    /// The most time that the remaining commands and reads may take after the last mishap.
    pub(super) patience: Duration,
}

impl Plan {
    /// Draws the plan of `seed`. With another variant, the plan is another one.
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
            vary: 0,
            planted,
            steered: false,
            asked: variant.is_some(),
            shape,
            recovery: one_of(&mut chance, &recoveries),
            settings: Settings::draw(seed, shape),
            spares,
            snapshot: if chance.hits(0.4) { 1 + chance.below(12) } else { 0 },
            batch: if chance.hits(0.3) { 1 + chance.below(4) as usize } else { 64 },
            batch_bytes: chance.hits(0.2).then(|| 16 << chance.below(4)),
            alpha: 1 << chance.below(6),
            disk_ms: one_of(&mut chance, &[(0, 0), (0, 0), (2, 2), (5, 200)]),
            lease: chance.hits(0.4).then_some(Duration::from_millis(80)),
            drift: Vec::new(),
            clients: (1 + chance.below(3) as u16, 4 + chance.below(9)),
            reads: Vec::new(),
            mishaps: Vec::new(),
            patience: Duration::from_secs(60),
        };
        plan.draw_mishaps(&mut chance);
        plan.draw_reads(&mut chance);
        plan
    }

    /// A variation of the plan: the same cluster and mishaps, with other delays and other times of some mishaps.
    #[must_use]
    pub fn varied(mut self, vary: u64) -> Self {
        self.vary = vary;
        if vary > 0 {
            let mut chance = self.chance(51);
            for mishap in &mut self.mishaps {
                if chance.hits(0.5) {
                    (mishap.start, mishap.end) = span(&mut chance);
                }
            }
            for (at, _, _) in &mut self.reads {
                *at = Time(0).after(chance.between(Duration::ZERO, END));
            }
        }
        self
    }

    /// The source of chance of this variation, for one purpose.
    fn chance(&self, stream: u64) -> Chance {
        let own = self.vary.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Chance::new(self.seed ^ own, stream)
    }

    /// The seed of the delays in this run.
    pub(super) fn delays(&self) -> u64 {
        if self.vary == 0 { self.seed } else { self.chance(52).below(u64::MAX) }
    }

    /// The same plan with only the mishaps of these numbers.
    #[must_use]
    pub fn with_only(&self, numbers: &[usize]) -> Self {
        let mishaps =
            self.mishaps.iter().filter(|mishap| numbers.contains(&mishap.number)).cloned().collect();
        Self { mishaps, ..self.clone() }
    }

    /// The servers at the start.
    pub(super) fn servers(&self) -> Vec<NodeId> {
        let shape = self.shape;
        let servers = match shape.layout {
            Layout::Collapsed => shape.acceptors,
            Layout::Separate => self.settings.proposers + shape.acceptors + shape.learners,
        };
        NodeSet::first(servers).iter().collect()
    }

    /// The processes that may become members.
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

    /// Draws a mishap of this kind, if it is possible in this run.
    fn mishap(&self, chance: &mut Chance, number: usize, kind: Kind) -> Option<Mishap> {
        let (start, end) = span(chance);
        let servers = self.servers();
        let first = one_of(chance, &servers);
        let others: Vec<NodeId> = servers.iter().copied().filter(|id| *id != first).collect();
        let second = if others.is_empty() { first } else { one_of(chance, &others) };
        let (side, rest): (Vec<_>, Vec<_>) = servers.iter().partition(|_| chance.hits(0.5));
        let percent = 1 + chance.below(if kind == Kind::Loss { 30 } else { 50 });
        let (least, most) = if kind == Kind::Slow { (1, 30) } else { (50, 700) };
        let latest = chance.between(Duration::from_millis(least), Duration::from_millis(most));
        let collapsed = self.shape.layout == Layout::Collapsed;
        let majority = self.shape.quorum == QuorumChoice::Majority;
        let has = |kind| self.mishaps.iter().any(|mishap: &Mishap| mishap.kind == kind);
        let possible = match kind {
            Kind::WipeDisk | Kind::OlderDisk => collapsed && majority && self.shape.acceptors >= 3,
            Kind::SwapDisks => collapsed && majority && self.shape.acceptors >= 5,
            Kind::Replace | Kind::JoinAndLeave => self.spares > 0 && !has(kind),
            Kind::Transfer => (collapsed || self.settings.proposers > 1) && !self.settings.rivals,
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
            | Kind::JumpClock
            | Kind::Slow
            | Kind::StallDisk
            | Kind::FullDisk
            | Kind::RollingRestart => true,
        };
        if !possible || self.mishaps.iter().any(|mishap| mishap.kind.apart(kind).is_some()) {
            return None;
        }
        let (nodes, others) = match kind {
            Kind::Cut | Kind::OneWay => (side, rest),
            Kind::Partial => (vec![first], vec![second]),
            Kind::SwapDisks => (vec![first, second], Vec::new()),
            Kind::Replace => (vec![first], self.spares().into_iter().take(1).collect()),
            Kind::JoinAndLeave => (self.spares().into_iter().skip(1).take(1).collect(), Vec::new()),
            Kind::CrashAll | Kind::RollingRestart => (servers, Vec::new()),
            Kind::Loss
            | Kind::Duplication
            | Kind::Late
            | Kind::Crash
            | Kind::Pause
            | Kind::Halt
            | Kind::StopClock
            | Kind::JumpClock
            | Kind::Slow
            | Kind::StallDisk
            | Kind::FullDisk
            | Kind::Transfer
            | Kind::WipeDisk
            | Kind::OlderDisk => (vec![first], Vec::new()),
        };
        Some(Mishap { number, kind, start, end, nodes, others, percent, latest })
    }

    fn draw_reads(&mut self, chance: &mut Chance) {
        // Leases rely on clocks that run at about the same speed, and neither stop nor jump.
        let clocks = !self.mishaps.iter().any(|mishap| mishap.kind.wrongs_clocks());
        if self.lease.is_some() || chance.hits(0.3) {
            let servers = self.servers();
            self.drift = servers.iter().map(|id| (*id, chance.below(1001) as i32 - 500)).collect();
        }
        let mut ways = vec![Consistency::Confirmed, Consistency::Quorum];
        if self.lease.is_some() && clocks {
            ways.push(Consistency::Lease);
        }
        // Only learners can be asked to read. In each layout, the last servers are learners.
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

/// Draws two moments before the end, in order.
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

/// Draws majorities half of the time, and otherwise any lawful sizes.
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
    // Building a system fails if the sizes are unlawful.
    let lawful = choice.over(NodeSet::first(acceptors)).is_ok();
    if lawful { choice } else { QuorumChoice::Majority }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = self.shape;
        write!(f, "seed {}", self.seed)?;
        if self.vary > 0 {
            write!(f, ", variation {}", self.vary)?;
        }
        write!(f, ": {}, {} acceptors", shape.variant, shape.acceptors)?;
        write!(f, ", roles {}, learning {}, quorums {}", shape.layout, shape.learning, shape.quorum)?;
        if shape.variant.traits().fast {
            write!(f, ", recovery {}", self.recovery)?;
        }
        let (clients, commands) = self.clients;
        writeln!(f, ", clients: {clients}, commands of each: {commands}, reads: {}", self.reads.len())?;
        writeln!(f, "    {}", self.settings)?;
        write!(f, "    up to {} commands", self.batch)?;
        if let Some(bytes) = self.batch_bytes {
            write!(f, " of {bytes} bytes together")?;
        }
        write!(f, " per message, α = {}", self.alpha)?;
        if shape.thrifty {
            write!(f, ", thrifty")?;
        }
        match self.snapshot {
            0 => write!(f, ", no snapshots")?,
            slots => write!(f, ", a snapshot every {slots} slots")?,
        }
        match self.disk_ms {
            (0, 0) => write!(f, ", syncs that take no time")?,
            (usual, rare) => write!(f, ", syncs of up to {usual} ms, 1 % of them up to {rare} ms")?,
        }
        match self.lease {
            None => writeln!(f, ", no leases")?,
            Some(lease) => writeln!(f, ", leases of {} ms", lease.as_millis())?,
        }
        self.mishaps.iter().try_for_each(|mishap| writeln!(f, "{mishap}"))
    }
}
