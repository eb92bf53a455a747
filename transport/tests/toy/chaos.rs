//! The benefit of patience: in runs with all kinds of faults, no log holds a no-op.

use crate::toy::patient::Dialect;
use crate::toy::{Journal, Patient};
use core::time::Duration;
use paxos_core::{Config, Entry, Kind, Leadership, Protocol, Slot, Time, Timeouts};
use paxos_transport::conformance::chaos::{RIVALS, survive};
use paxos_transport::conformance::{Facts, seeds};
use paxos_transport::sim::{Note, Sim, Stop, World};

const MS: Duration = Duration::from_millis(1);

/// Checks that in 200 seeds nothing breaks, every command is answered, and no log holds a no-op.
fn survives<P: Dialect<u64> + Protocol<Reply = u64>>(leadership: Option<Leadership>) {
    for seed in seeds(200) {
        let sim =
            survive::<P>(&Facts::usual(), seed, leadership).unwrap_or_else(|violation| panic!("{violation}"));
        for node in sim.ids().iter().filter_map(|id| sim.node(*id)) {
            let log = node.chosen().within(Slot(0).onwards());
            let noops = log.flat_map(|(_, batch)| batch.to_vec()).filter(|entry| *entry == Entry::Noop);
            assert_eq!(noops.count(), 0, "seed {seed}: {}", node.id());
        }
    }
}

#[test]
fn with_an_elected_leader_no_gap_is_ever_filled() {
    survives::<Patient>(None);
}

#[test]
fn with_rival_leaders_no_gap_is_ever_filled() {
    survives::<Patient>(RIVALS);
}

#[test]
fn the_picture_in_the_docs_is_a_run() {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let mut world = World::<Patient>::new(config, (), 1);
    world.trace = true;
    let client = world.add_clients(1)[0];
    let mut sim = Sim::new(world, |_| Journal::default());
    for command in [7, 8] {
        sim.submit_at(Time::default().after(2 * MS), client, command);
    }
    assert_eq!(sim.run_to_quiescence(100 * MS), Ok(Stop::Quiet));
    let trace = sim.trace().expect("kept");
    let drawn = trace.without(&[Kind::Decide], &[Note::Submitted, Note::Learned]).draw();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toy/patient/run.txt");
    if std::env::var("BLESS").is_ok() {
        std::fs::write(&path, &drawn).expect("writable");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(drawn, golden, "not current; look at it, and if it is right run with BLESS=1");
}
