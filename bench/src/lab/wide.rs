//! Simulates latency over a wide area: a server with a client of its own at each site.

use crate::lab::counts::CountError;
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::LatencyRow;
use crate::theory::matrix::RttMatrix;
use crate::theory::{
    Layout, Learning, Recovery, Run, WideArea, WideAreaLatency, fast_flexible_quorum, majority,
    wide_area_latency,
};
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Config, Leadership, NodeId, NodeSet, Phase, Protocol, QuorumError, Timeouts};
use paxos_transport::sim::{Chance, Fate, Links, Sim, Sites, World};
use std::collections::BTreeMap;
use std::time::Duration;

/// One row to measure: a variant with its learning, its quorums and the site of its leader.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// The sites, with a server at each.
    pub world: &'a RttMatrix,
    /// The variant.
    pub variant: Variant,
    /// Which servers hear the votes. A variant that runs with one kind only takes that.
    pub learning: Learning,
    /// The site of the leader, or of the coordinator of fast ballots.
    pub leader: usize,
    /// The quorums.
    pub quorum: QuorumChoice,
    /// Whether `quorum` is replaced by fast quorums that are majorities, with phase 1 quorums of all acceptors.
    pub flexible: bool,
    /// The seed of the simulation.
    pub seed: u64,
}

impl Placement<'_> {
    fn n(&self) -> usize {
        self.world.sites().len()
    }

    fn choice(&self) -> QuorumChoice {
        let n = self.n();
        if self.flexible {
            QuorumChoice::FastFlexible(n, majority(n), fast_flexible_quorum(n, n))
        } else {
            self.quorum
        }
    }

    /// Which servers hear the votes. If every server does, so does the one beside the client, and answers it. Else the
    /// leader answers.
    fn learning(&self) -> Learning {
        self.variant.placed(Layout::Collapsed, self.learning).1
    }

    /// Whether the latency depends on the leader's place. Clients of fast ballots ask the acceptors, so it does only if
    /// the leader hears the votes.
    pub(super) fn is_led(&self) -> bool {
        !self.variant.traits().fast || self.learning() == Learning::Distinguished
    }

    /// The cluster, without any timeout.
    fn config(&self) -> Result<Config, QuorumError> {
        Ok(Config {
            learning: self.learning().into(),
            leadership: Leadership::Elected { first: Some(NodeId(self.leader as u16)) },
            timeouts: Timeouts::NEVER,
            ..Config::new(self.choice().over(NodeSet::first(self.n() as u16))?)
        })
    }

    /// Half of the round trip between two sites, in milliseconds.
    fn one_way_ms(&self, a: usize, b: usize) -> f64 {
        if a == b { 0.0 } else { self.world.rtt_ms(a, b) / 2.0 }
    }

    /// The prediction, if theory has a formula for these quorums.
    fn prediction(&self) -> Option<WideAreaLatency> {
        let leader = self.leader;
        let quorums = self.choice().counts(NodeSet::first(self.n() as u16))?;
        let quorum = quorums.size(Phase::TwoClassic)?;
        let (traits, everyone) = (self.variant.traits(), self.learning() == Learning::Everyone);
        let variant = if traits.fast {
            let quorum = quorums.size(Phase::TwoFast)?;
            if everyone {
                WideArea::FastPaxos { quorum }
            } else {
                WideArea::FastPaxosVotesToLeader { leader, quorum }
            }
        } else if traits.runs.contains(&Run::MultiSteady) {
            if everyone {
                WideArea::MultiPaxosVotesToClient { leader, quorum }
            } else {
                WideArea::MultiPaxos { leader, quorum }
            }
        } else if quorums.size(Phase::One) != Some(quorum) {
            return None;
        } else if everyone {
            WideArea::BasicPaxosVotesToClient { leader, quorum }
        } else {
            WideArea::BasicPaxos { leader, quorum }
        };
        wide_area_latency(self.world, variant)
    }
}

/// Returns the leader's site with the lowest predicted mean latency, for a placement with any leader; none if theory has
/// no formula.
pub fn best_leader(placement: Placement<'_>) -> Option<usize> {
    let mean = |leader| Some((leader, Placement { leader, ..placement }.prediction()?.mean_ms));
    let means = (0..placement.n()).filter_map(mean);
    means.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(leader, _)| leader)
}

/// Measures the latency that the client at each site sees for one command in the steady state.
///
/// # Errors
/// As [`crate::lab::counts::measure`].
pub fn measure(placement: Placement<'_>) -> Result<LatencyRow, CountError> {
    let recovery = Recovery::Coordinated;
    let ms = placement.variant.with(recovery, true, Journey(placement))?;
    let sites = placement.world.sites().to_vec();
    let mean_ms = ms.iter().sum::<f64>() / ms.len().max(1) as f64;
    let row = LatencyRow {
        variant: placement.variant.to_string(),
        learning: placement.learning().to_string(),
        leader: placement.is_led().then(|| sites[placement.leader].clone()),
        quorum: placement.choice().name(placement.n(), placement.variant.traits().fast),
        latency_ms_by_site: sites.iter().cloned().zip(ms).collect::<BTreeMap<_, _>>(),
        sites,
        mean_ms,
        ..LatencyRow::default()
    };
    Ok(row.with_prediction(placement.prediction().as_ref()))
}

struct Journey<'a>(Placement<'a>);

impl WithProtocol for Journey<'_> {
    type Out = Result<Vec<f64>, CountError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let Self(placement) = self;
        let mut world = World::<P>::new(placement.config()?, options, placement.seed);
        world.links = Links::between(sites(placement.world));
        let mut sim = Sim::new(world, |_| Digest::default());
        let long = Duration::from_secs(60);
        sim.run_to_quiescence(long)?;
        let mut latencies = Vec::new();
        for site in 0..placement.n() {
            let undecided = || CountError::Undecided(format!("{} at site {site}", placement.variant));
            let id = sim.submit(NodeId(site as u16), site as u64).map_err(|_| undecided())?;
            sim.run_to_quiescence(long)?;
            let latency = sim.command(id).and_then(paxos_transport::sim::Submitted::latency);
            latencies.push(latency.ok_or_else(undecided)?.as_secs_f64() * 1e3);
        }
        Ok(latencies)
    }
}

/// Latencies in milliseconds, for the client at each site.
pub type Latencies = Vec<Vec<f64>>;

/// Measures the latency of so many commands of the client at each site, one after the other, if each message between two
/// sites takes longer than half of the round trip by an exponentially distributed time, whose mean is this share of it.
///
/// # Errors
/// As [`crate::lab::counts::measure`].
pub fn measure_late(placement: Placement<'_>, late: f64, commands: u64) -> Result<Latencies, CountError> {
    placement.variant.with(Recovery::Coordinated, true, Late { placement, share: late, commands })
}

struct Late<'a> {
    placement: Placement<'a>,
    share: f64,
    commands: u64,
}

impl WithProtocol for Late<'_> {
    type Out = Result<Latencies, CountError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let Self { placement, share, commands } = self;
        let mut config = placement.config()?;
        let n = placement.n();
        // Without timers the learner tells the leader nothing, so to the leader all slots stay in progress.
        config.limits.window = config.limits.window.max(commands as usize * n);
        let mut sim = Sim::new(World::<P>::new(config, options, placement.seed), |_| Digest::default());
        let long = Duration::from_secs(60);
        sim.run_to_quiescence(long)?;
        let half: Vec<Vec<Duration>> = (0..n)
            .map(|a| (0..n).map(|b| Duration::from_secs_f64(placement.one_way_ms(a, b) / 1e3)).collect())
            .collect();
        let mut chance = Chance::new(placement.seed, 70);
        sim.set_carrier(move |post| {
            let least = half[usize::from(post.from.0)][usize::from(post.to.0)];
            Fate::After(least + chance.exponential(least.mul_f64(share)))
        });
        let mut latencies = vec![Vec::new(); n];
        for value in 0..commands {
            for (site, mine) in (0_u16..).zip(&mut latencies) {
                let undecided = || CountError::Undecided(format!("{} at site {site}", placement.variant));
                let value = value * n as u64 + u64::from(site);
                let id = sim.submit(NodeId(site), value).map_err(|_| undecided())?;
                sim.run_to_quiescence(long)?;
                let latency = sim.command(id).and_then(paxos_transport::sim::Submitted::latency);
                mine.push(latency.ok_or_else(undecided)?.as_secs_f64() * 1e3);
            }
        }
        Ok(latencies)
    }
}

/// A server at each site. Messages within a site take no time.
fn sites(world: &RttMatrix) -> Sites {
    let n = world.sites().len();
    let between =
        |a, b| Duration::from_nanos(if a == b { 0 } else { (world.rtt_ms(a, b) * 1e6).round() as u64 });
    let round_trips: Vec<Vec<Duration>> = (0..n).map(|a| (0..n).map(|b| between(a, b)).collect()).collect();
    let mut sites = Sites::new(&round_trips);
    for site in 0..n {
        sites.place(NodeId(site as u16), site);
    }
    sites
}
