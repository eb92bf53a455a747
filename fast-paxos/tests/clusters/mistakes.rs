//! Mistakes from published implementations, made on purpose. An invariant of the simulator finds each of them, or the
//! claim that every command is decided does. The same runs without a mistake find nothing.

use core::time::Duration;
use fast_paxos::{FastPaxos, Mistake, Options, Recovery, RoundedDown};
use paxos_core::{Config, Counts, NodeSet, QuorumSystem, Time, Timeouts};
use paxos_transport::conformance::cluster::{Journal, ms};
use paxos_transport::sim::{Delay, Faults, Links, Sim, World};
use std::sync::Arc;

type P = FastPaxos<u64, u64>;

/// The result of a run in which not every command is decided.
const UNDECIDED: &str = "every command is decided";

/// Four clients send to five servers at the same time, over links that lose, duplicate and delay messages until the
/// faults end, with a crash, a halt and a partition. Clients ask again only if `again`. Returns what was found, if
/// anything.
fn run(seed: u64, options: Options, quorums: Arc<dyn QuorumSystem>, again: bool) -> Option<&'static str> {
    let mut config = Config::new(quorums);
    config.timeouts = Timeouts::default();
    // A snapshot would hide what an invariant looks for from the servers that fetch it.
    config.limits.snapshot = 0;
    if !again {
        config.timeouts.client = None;
    }
    let mut world = World::<P>::new(config, options, seed);
    world.limit.time = Duration::from_secs(20);
    world.limit.events = 400_000;
    world.links = Links::new(Delay::Uniform { low: ms(1), high: ms(10) });
    if again {
        let end = Duration::from_secs(1);
        world.links = Links::lossy(ms(1), ms(20), 0.1, 0.05);
        world.links.reliable_from = Some(Time(0).after(end));
        world.faults = Faults::random(seed, world.config.servers().iter(), end);
    }
    let clients = world.add_clients(4);
    let mut sim = Sim::new(world, |_| Journal::default());
    for (client, nth) in clients.iter().zip(0..) {
        sim.submit_in_turn(*client, 2, (0..6).map(|k| 10 * nth + k));
    }
    let stop = sim.run_until(Sim::all_answered).and_then(|stop| sim.run_for(ms(500)).map(|_| stop));
    match stop {
        Err(violation) => Some(violation.invariant),
        Ok(_) => (!sim.all_answered()).then_some(UNDECIDED),
    }
}

fn fast() -> Arc<dyn QuorumSystem> {
    Arc::new(Counts::fast(NodeSet::first(5)).expect("lawful"))
}

/// The number of seeds until something finds the mistake, and what finds it.
fn seeds_needed(
    options: &Options,
    quorums: &Arc<dyn QuorumSystem>,
    again: bool,
) -> Option<(u64, &'static str)> {
    (0..1000).find_map(|seed| Some((seed + 1, run(seed, *options, quorums.clone(), again)?)))
}

const ALL: [Recovery; 3] = [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic];

#[test]
fn without_a_mistake_nothing_is_found() {
    for recovery in ALL {
        let options = Options { recovery, ..Options::default() };
        for seed in 0..60 {
            assert_eq!(run(seed, options, fast(), true), None, "{recovery:?} {seed}");
            assert_eq!(run(seed, options, fast(), false), None, "{recovery:?} {seed}, clients ask once");
        }
    }
}

/// By whichever of the invariants, or by the claim, within 50 seeds, with each recovery. `docs/verification.md` has a row for
/// each mistake with the number of seeds needed.
#[test]
fn each_mistake_is_found_after_as_many_seeds_as_the_page_says() {
    use Mistake::{
        AnyWithAValue, HighestReplica, LosersForgotten, LosersRenamed, NothingProposed, ValuesInASet,
        WaitsForEver,
    };
    const SAFE: &str = "proposals_are_safe";
    let rounded: Arc<dyn QuorumSystem> = Arc::new(RoundedDown(NodeSet::first(5)));
    let rows: [(_, _, &[&str]); 8] = [
        ("The values voted for are counted as a set", Some(ValuesInASet), &[SAFE]),
        ("Where no value is forced, none is proposed", Some(NothingProposed), &[UNDECIDED]),
        ("The value of the acceptor with the highest id is taken", Some(HighestReplica), &[SAFE]),
        ("Fast quorums are rounded down", None, &[SAFE, "agreement"]),
        ("The leader waits forever for a fast quorum", Some(WaitsForEver), &[UNDECIDED]),
        ("A loser is not proposed again", Some(LosersForgotten), &[UNDECIDED]),
        ("A loser is proposed again under a new name", Some(LosersRenamed), &["integrity"]),
        (
            "*Any* is sent in a ballot in which a value was proposed",
            Some(AnyWithAValue),
            &["any_stands_alone", SAFE],
        ),
    ];
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verification.md"))
        .expect("the page is beside the crates");
    for (row, mistake, by) in rows {
        let needed = ALL.map(|recovery| {
            let options = Options { recovery, mistake, ..Options::default() };
            let quorums = if mistake.is_some() { fast() } else { Arc::clone(&rounded) };
            let found = seeds_needed(&options, &quorums, mistake != Some(LosersForgotten));
            let (seeds, what) = found.expect("it is found");
            assert!(by.contains(&what) && seeds <= 50, "{row}, {recovery:?}: {what} after {seeds} seeds");
            seeds.to_string()
        });
        let line = page.lines().find(|line| line.starts_with(&format!("| {row}"))).expect("its row");
        assert_eq!(line.rsplit('|').nth(1).map(str::trim), Some(&*needed.join(", ")), "{row}");
    }
}
