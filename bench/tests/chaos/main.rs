//! A thousand runs with faults for each variant: messages are lost, duplicated and reordered, and there are a crash
//! with a restart, pauses and a partition that heals. No invariant is broken, and at the end every command is decided.

mod collisions;

use paxos_bench::lab::cluster::Shape;
use paxos_bench::lab::faults::{Scenario, Trial};
use paxos_bench::lab::quorums::QuorumChoice;
use paxos_bench::theory::{Layout, Learning, Recovery};
use paxos_bench::variants::Variant;

const CLIENTS: u16 = 3;
const COMMANDS: u64 = 8;

/// The number of runs: for a long test, `CHAOS=100000 cargo test --release -p paxos-bench --test chaos`.
fn seeds() -> u64 {
    std::env::var("CHAOS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000)
}

/// Sets each option by the seed, so that all combinations occur every 48 seeds.
fn trial(variant: Variant, seed: u64) -> Trial<'static> {
    let pick = |place: u64, of: u64| seed / place % of;
    let (layout, learning) = variant.placed(
        [Layout::Collapsed, Layout::Separate][pick(1, 2) as usize],
        [Learning::Distinguished, Learning::Everyone][pick(2, 2) as usize],
    );
    Trial {
        shape: Shape {
            variant,
            layout,
            learning,
            acceptors: [3, 4, 5][pick(16, 3) as usize],
            learners: 2,
            thrifty: pick(4, 2) == 1,
            quorum: QuorumChoice::Majority,
        },
        recovery: [Recovery::Coordinated, Recovery::Classic][pick(8, 2) as usize],
        scenario: Scenario::Chaos,
        clients: CLIENTS,
        commands: COMMANDS,
        snapshot_every: 0,
        seed,
        trace_out: None,
        draw: None,
    }
}

/// Makes all runs. Returns the number of their phase 1a messages.
fn survives(variant: Variant) -> u64 {
    survive((0..seeds()).map(|seed| trial(variant, seed)))
}

/// Makes runs with a snapshot every 1 to 6 slots, so that a process that was briefly away is too far behind for any
/// log.
fn survives_with_snapshots(variant: Variant) {
    survive((0..seeds() / 4).map(|seed| Trial { snapshot_every: 1 + seed % 6, ..trial(variant, seed) }));
}

fn survive(trials: impl Iterator<Item = Trial<'static>>) -> u64 {
    let mut prepares = 0;
    for trial in trials {
        let row = trial.run().expect("such a cluster can be built").row;
        assert!(row.violations.is_empty(), "{}\n{}", row.replay, row.violations.join("\n"));
        assert_eq!(row.decided, u64::from(CLIENTS) * COMMANDS, "{}", row.replay);
        prepares += row.prepares;
    }
    prepares
}

#[test]
fn basic_paxos_survives_chaos() {
    survives(Variant::Basic);
}

#[test]
fn simple_paxos_survives_chaos() {
    survives(Variant::Simple);
}

#[test]
fn multi_paxos_survives_chaos() {
    // A leader that is never disturbed asks each of at most five acceptors once.
    assert!(survives(Variant::Multi) > 5 * seeds(), "this is no chaos");
}

#[test]
fn fast_paxos_survives_chaos() {
    assert!(survives(Variant::Fast) > 5 * seeds(), "this is no chaos");
}

#[test]
fn fast_paxos_survives_chaos_when_acceptors_recover_by_themselves() {
    let by_themselves = |seed| Trial { recovery: Recovery::Uncoordinated, ..trial(Variant::Fast, seed) };
    assert!(survive((0..seeds() / 2).map(by_themselves)) > 5 * seeds() / 2, "this is no chaos");
    let forgetful = |seed| Trial { snapshot_every: 1 + seed % 6, ..by_themselves(seed) };
    survive((0..seeds() / 8).map(forgetful));
}

#[test]
fn basic_paxos_survives_chaos_with_snapshots() {
    survives_with_snapshots(Variant::Basic);
}

#[test]
fn simple_paxos_survives_chaos_with_snapshots() {
    survives_with_snapshots(Variant::Simple);
}

#[test]
fn multi_paxos_survives_chaos_with_snapshots() {
    survives_with_snapshots(Variant::Multi);
}

#[test]
fn fast_paxos_survives_chaos_with_snapshots() {
    survives_with_snapshots(Variant::Fast);
}
