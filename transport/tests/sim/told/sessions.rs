//! What clients are told when leaders change, processes crash and messages get lost, and when their sessions
//! expire: each command has one end, and what is said of it is true.
//!
//! `SEEDS=100000` runs more seeds, `FIRST=3769` starts there.

use crate::chaos::{END, number};
use crate::support::{Basic, Fast, MS, Machine, Multi, sim};
use core::time::Duration;
use paxos_core::{Config, Leadership, Learning, Patience, Protocol, Time, Unanswered};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Sim, Stop, World};
use std::collections::BTreeSet;

/// How often each end came.
#[derive(Debug, Default)]
struct Ends {
    answered: usize,
    refused: usize,
    unknown: usize,
    expired: usize,
    /// Executed, and the answer was not kept.
    lost: usize,
    /// Commands of a session that took the place of an expired one, and were answered.
    renewed: usize,
}

/// What is the same for all seeds of a test.
#[derive(Clone, Copy)]
struct Case {
    patience: Patience,
    give_up: Option<Duration>,
    idle: u64,
    sessions: usize,
    /// How many bytes of replies are kept of a session.
    reply_bytes: usize,
    /// The carrier delivers some messages twice.
    doubles: bool,
}

const PATIENT: Case = Case {
    patience: Patience::Follow,
    give_up: None,
    idle: 12,
    sessions: 3,
    reply_bytes: 1 << 20,
    doubles: true,
};

/// A run of 40 commands of four clients, some of which are busy and some silent for long.
fn run<P>(seed: u64, case: Case, leadership: Option<Leadership>) -> Sim<P, Machine>
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let mut config = Config::collapsed(3 + 2 * (seed % 2) as u16).expect("acceptors");
    config.leadership = leadership.unwrap_or(config.leadership);
    config.learning = if seed % 4 < 2 { Learning::Everyone } else { Learning::Distinguished };
    config.patience = case.patience;
    config.timeouts.give_up = case.give_up;
    (config.limits.idle, config.limits.sessions) = (case.idle, case.sessions);
    config.limits.reply_bytes = case.reply_bytes;
    // A leader has room for little more than a request.
    (config.limits.batch, config.limits.queue, config.limits.session) = (4, 6, 8);
    let mut world = World::<P>::new(config, P::Options::default(), seed);
    world.replay = "cargo test -p paxos-transport --test sim sessions with FIRST =".into();
    world.limit.events = 1_000_000;
    world.links = Links::lossy(MS / 2, 5 * MS, 0.1, if case.doubles { 0.1 } else { 0.0 });
    world.links.reliable_from = Some(Time::default().after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 2 * MS });
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    let mut clients = world.add_clients(2);
    // Servers ask as well: their commands are abandoned when they crash, and they come back in a new life.
    clients.extend(world.config.servers().iter().take(2));
    let mut chance = Chance::new(seed, 9);
    let mut sim = sim(world);
    for (i, client) in (0..).zip(clients) {
        let (busy, n) = (i % 2 == 0, if i % 2 == 0 { 16 } else { 4 });
        for k in 0..n {
            // The silent ones ask at the start and at the end.
            let early = busy || k < 2;
            let at = chance.between(Duration::ZERO, END / if early && !busy { 8 } else { 1 });
            let at = if early { at } else { at.max(END * 3 / 4) };
            sim.submit_at(Time::default().after(at), client, 100 * i + k);
        }
    }
    sim
}

/// Runs a seed to its end: everything was settled, and what callers were told is true.
fn ends<P>(seed: u64, case: Case, leadership: Option<Leadership>, ends: &mut Ends)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let mut sim = run::<P>(seed, case, leadership);
    sim.run_for(END).unwrap_or_else(|v| panic!("{v}"));
    let patience = sim.now().after(Duration::from_secs(20));
    let stop =
        sim.run_until(|sim| sim.all_answered() || sim.now() > patience).unwrap_or_else(|v| panic!("{v}"));
    assert_eq!(stop, Stop::Done, "seed {seed}: {:?}", sim.counts());
    let open: Vec<_> = sim.commands().iter().filter(|c| !c.is_settled()).map(|c| c.id).collect();
    assert!(open.is_empty(), "seed {seed}: no end of {open:?}");
    // What was refused or given up may be chosen late, if ever.
    sim.run_for(Duration::from_secs(2)).unwrap_or_else(|v| panic!("{v}"));
    let executed: BTreeSet<_> = (0..)
        .map_while(|slot| Some((slot, sim.ledger()?.books().get(&paxos_core::Slot(slot))?)))
        .filter_map(|(_, book)| book.executed()?)
        .collect();
    let mut firsts = std::collections::BTreeMap::new();
    for command in sim.commands() {
        let id = command.id;
        match command.unanswered {
            None if command.answer.is_some() => {
                ends.answered += 1;
                assert!(executed.contains(&id), "seed {seed}: {id} was answered and not executed");
                let first = firsts.entry((id.client.node, id.client.nonce)).or_insert(id.client);
                ends.renewed += usize::from(id.client != *first);
            }
            None => assert!(command.abandoned, "seed {seed}: {id}"),
            Some(Unanswered::NotLeader(_) | Unanswered::Overloaded(_)) => {
                ends.refused += 1;
                assert!(
                    case.doubles || !executed.contains(&id),
                    "seed {seed}: {id} was refused and executed"
                );
            }
            Some(Unanswered::OutcomeUnknown) => ends.unknown += 1,
            Some(Unanswered::AnswerNotKept(_)) => {
                ends.lost += 1;
                // A server executes its own commands, and nothing is skipped where there are no snapshots.
                let server = sim.world().config.servers().contains(id.client.node);
                assert!(!server, "seed {seed}: {id} has its answer from its own replica");
                assert!(executed.contains(&id), "seed {seed}: {id} was told to have been executed");
            }
            Some(_) => ends.expired += 1,
        }
    }
}

fn survive<P>(case: Case, leadership: Option<Leadership>, seeds: u64) -> Ends
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let first = number("FIRST").unwrap_or(0);
    let mut all = Ends::default();
    for seed in first..first + number("SEEDS").unwrap_or(seeds) {
        ends::<P>(seed, case, leadership, &mut all);
    }
    all
}

#[test]
fn a_command_that_is_asked_for_again_is_executed_once_whoever_leads() {
    // Nothing expires here.
    let ends = survive::<Multi>(Case { idle: 1 << 20, sessions: 65_536, ..PATIENT }, None, 2000);
    assert!(ends.answered > 0 && ends.refused + ends.unknown + ends.expired == 0, "{ends:?}");
}

#[test]
fn each_command_has_one_end_though_sessions_expire() {
    let ends = survive::<Multi>(PATIENT, None, 2000);
    assert!(ends.expired > 100 && ends.renewed > 100, "{ends:?}");
    assert!(ends.answered > 5 * ends.expired && ends.refused + ends.unknown == 0, "{ends:?}");
}

#[test]
fn whose_answer_is_not_kept_was_executed() {
    // Room for the last two replies, of two or three bytes each.
    let ends = survive::<Multi>(Case { reply_bytes: 6, ..PATIENT }, None, 1000);
    assert!(ends.lost > 10 && ends.answered > 5 * ends.lost && ends.refused + ends.unknown == 0, "{ends:?}");
}

#[test]
fn a_caller_that_wants_to_be_told_is_told_the_truth() {
    let case = Case {
        patience: Patience::Report,
        give_up: Some(Duration::from_millis(300)),
        doubles: false,
        ..PATIENT
    };
    let ends = survive::<Multi>(case, None, 2000);
    assert!(ends.refused > 100 && ends.unknown > 100 && ends.expired > 100, "{ends:?}");
}

#[test]
fn sessions_expire_in_the_other_variants_too() {
    let impatient = Case { give_up: Some(Duration::from_millis(300)), ..PATIENT };
    let rivals =
        Leadership::SelfAppointed { backoff: Some((Duration::from_millis(20), Duration::from_millis(640))) };
    for ends in [survive::<Fast>(impatient, None, 300), survive::<Basic>(impatient, Some(rivals), 300)] {
        assert!(ends.unknown > 10 && ends.expired > 10 && ends.renewed > 10, "{ends:?}");
    }
}
