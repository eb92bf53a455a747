//! Clusters with an election timeout T of 100 ms, on links that take up to T/20.

use core::time::Duration;
use paxos_core::{Config, Elections, Kind, NodeId, Protocol, Time, Timeouts};
pub(crate) use paxos_transport::conformance::cluster::Journal;
use paxos_transport::sim::{Cut, Delay, Links, Sim, World};

pub(crate) type Multi = multi_paxos::MultiPaxos<u64, u64>;
pub(crate) type Simple = basic_paxos::BasicPaxos<u64, u64>;
pub(crate) type Fast = fast_paxos::FastPaxos<u64, u64>;

/// The other recoveries of Fast Paxos from a collision, by seed. Other variants have no such option.
pub(crate) fn recovering<P: Protocol>(seed: u64) -> P::Options {
    let mut options = P::Options::default();
    if let Some(fast) = (&mut options as &mut dyn core::any::Any).downcast_mut::<fast_paxos::Options>() {
        use fast_paxos::Recovery::{Classic, Uncoordinated};
        fast.recovery = if seed % 4 == 3 { Classic } else { Uncoordinated };
    }
    options
}

/// The shortest election timeout.
pub(crate) const T: Duration = Duration::from_millis(100);
pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const FOREVER: Time = Time(u64::MAX);

pub(crate) fn world<P: Protocol>(n: u16, seed: u64) -> World<P> {
    let mut config = Config::collapsed(n).expect("acceptors");
    config.timeouts = Timeouts::default();
    assert_eq!(config.timeouts.election, Some(T));
    let mut world = World::new(config, P::Options::default(), seed);
    world.links = Links::new(Delay::Uniform { low: MS, high: T / 20 });
    world.limit.time = Duration::from_secs(20);
    world.replay = format!("{} with n = {n} and --seed", P::NAME);
    world
}

pub(crate) fn start<P: Protocol<Value = u64, Reply = u64>>(world: World<P>) -> Sim<P, Journal> {
    Sim::new(world, |_| Journal::default())
}

pub(crate) fn run<P>(sim: &mut Sim<P, Journal>, time: Duration)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    sim.run_for(time).unwrap_or_else(|violation| panic!("{violation}"));
}

/// Cuts the links of these pairs, both ways and for ever.
pub(crate) fn cut<P>(sim: &mut Sim<P, Journal>, pairs: &[(u16, u16)])
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let start = sim.now();
    for (a, b) in pairs {
        let (from, to) = (vec![NodeId(*a)], vec![NodeId(*b)]);
        sim.links_mut().cuts.push(Cut { from, to, both_ways: true, start, end: FOREVER });
    }
}

/// Cuts the links from each of `from` to each of `to`, for ever.
pub(crate) fn cut_way<P>(sim: &mut Sim<P, Journal>, from: &[u16], to: &[u16])
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let start = sim.now();
    let ids = |ids: &[u16]| ids.iter().map(|id| NodeId(*id)).collect();
    sim.links_mut().cuts.push(Cut { from: ids(from), to: ids(to), both_ways: false, start, end: FOREVER });
}

/// Submits a command at `node` and waits for its answer, for at most `patience`. Returns whether it was answered.
pub(crate) fn decides<P>(sim: &mut Sim<P, Journal>, node: u16, value: u64, patience: Duration) -> bool
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let id = sim.submit(NodeId(node), value).expect("it is up");
    let end = sim.now().after(patience);
    let answered = |sim: &Sim<P, Journal>| sim.command(id).is_some_and(|c| c.answer.is_some());
    let stop = sim.run_until(|sim| answered(sim) || sim.now() >= end);
    stop.unwrap_or_else(|violation| panic!("{violation}"));
    answered(sim)
}

/// The sum of the election counters of all processes, in their current incarnations.
pub(crate) fn elections<P>(sim: &Sim<P, Journal>) -> Elections
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let all = sim.ids().iter().filter_map(|id| Some(sim.node(*id)?.elections()));
    all.fold(Elections::default(), |sum, one| Elections {
        pre_votes: sum.pre_votes + one.pre_votes,
        campaigns: sum.campaigns + one.campaigns,
        won: sum.won + one.won,
        stepped_down: sum.stepped_down + one.stepped_down,
    })
}

pub(crate) fn prepares<P>(sim: &Sim<P, Journal>) -> u64
where
    P: Protocol<Value = u64, Reply = u64>,
{
    sim.counts().of(Kind::Prepare)
}

/// Checks that each of `values` was executed once, in the same order at every server.
pub(crate) fn assert_exactly_once<P>(sim: &Sim<P, Journal>, values: core::ops::Range<u64>)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let seed = sim.world().seed;
    let servers = sim.world().config.servers();
    let journals: Vec<_> = servers.iter().filter_map(|id| Some(&sim.machine(id)?.0)).collect();
    assert!(journals.iter().all(|journal| *journal == journals[0]), "seed {seed}: {journals:?}");
    let mut executed = journals[0].clone();
    executed.sort_unstable();
    assert_eq!(executed, values.collect::<Vec<_>>(), "seed {seed}");
}

/// The first `most` seeds, or `SEEDS` of them from `FIRST` on.
pub(crate) fn seeds(most: u64) -> core::ops::Range<u64> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = number("FIRST").unwrap_or(0);
    first..first + number("SEEDS").unwrap_or(most)
}
