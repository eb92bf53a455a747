//! Outcomes that clients are told while leaders change, processes crash, messages get lost, and sessions expire: each
//! command has one outcome, and it is true.

use super::chaos::{END, RIVALS, weather};
use super::cluster::Journal;
use super::{Facts, Tested, as_usual, seeds};
use crate::sim::{Chance, Sim, Stop};
use core::time::Duration;
use paxos_core::{Config, Leadership, Learning, Patience, Time, Unanswered};
use std::collections::BTreeSet;

/// The number of commands with each outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    /// The command was executed, and the client has the answer.
    pub answered: usize,
    /// A leader refused the command.
    pub refused: usize,
    /// The client gave up.
    pub unknown: usize,
    /// The session ended before the answer.
    pub expired: usize,
    /// The command was executed, and its answer was not kept.
    pub lost: usize,
    /// The command was answered in a session that replaced an expired one.
    pub renewed: usize,
}

/// The settings that all seeds of a test share.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What clients do about refusals.
    pub patience: Patience,
    /// How long clients wait.
    pub give_up: Option<Duration>,
    /// A session expires after this many slots without a command.
    pub idle: u64,
    /// The number of sessions that are kept.
    pub sessions: usize,
    /// The limit of bytes of replies that are kept for a session.
    pub reply_bytes: usize,
    /// Whether the network delivers some messages twice.
    pub doubles: bool,
}

/// Clients wait for ever, and sessions expire soon.
pub const PATIENT: Case = Case {
    patience: Patience::Follow,
    give_up: None,
    idle: 12,
    sessions: 3,
    reply_bytes: 1 << 20,
    doubles: true,
};

/// Creates a run of 40 commands of four clients, some of which are busy and some idle for long.
fn run<P: Tested>(
    facts: &Facts<P>,
    seed: u64,
    case: Case,
    leadership: Option<Leadership>,
) -> Sim<P, Journal> {
    let mut config = Config::collapsed(3 + 2 * (seed % 2) as u16).expect("acceptors");
    config.leadership = leadership.unwrap_or(config.leadership);
    config.learning = if seed % 4 < 2 { Learning::Everyone } else { Learning::Distinguished };
    config.patience = case.patience;
    config.timeouts.give_up = case.give_up;
    (config.limits.idle, config.limits.sessions) = (case.idle, case.sessions);
    config.limits.reply_bytes = case.reply_bytes;
    // A leader's queue holds little more than one request.
    (config.limits.queue, config.limits.session) = (6, 8);
    if facts.pieces {
        config.limits.batch = 4;
    }
    let mut world = weather::<P>(config, (facts.options)(seed), seed);
    world.drift.clear();
    if !case.doubles {
        world.links.duplication = 0.0;
    }
    let mut clients = world.add_clients(2);
    // Servers submit as well: a crash abandons their commands, and they return in a new incarnation.
    clients.extend(world.config.servers().iter().take(2));
    let mut chance = Chance::new(seed, 9);
    let mut sim = Sim::new(world, |_| Journal::default());
    for (i, client) in (0..).zip(clients) {
        let (busy, n) = (i % 2 == 0, if i % 2 == 0 { 16 } else { 4 });
        for k in 0..n {
            // The idle clients submit at the start and at the end.
            let early = busy || k < 2;
            let at = chance.between(Duration::ZERO, END / if early && !busy { 8 } else { 1 });
            let at = if early { at } else { at.max(END * 3 / 4) };
            sim.submit_at(Time(0).after(at), client, 100 * i + k);
        }
    }
    sim
}

/// Runs a seed to its end, and checks that every outcome is known and true.
fn ends<P: Tested>(facts: &Facts<P>, seed: u64, case: Case, leadership: Option<Leadership>, ends: &mut Ends) {
    let mut sim = run::<P>(facts, seed, case, leadership);
    sim.run_for(END).unwrap_or_else(|v| panic!("{v}"));
    let patience = sim.now().after(Duration::from_secs(20));
    let stop =
        sim.run_until(|sim| sim.all_settled() || sim.now() > patience).unwrap_or_else(|v| panic!("{v}"));
    assert_eq!(stop, Stop::Done, "seed {seed}: {:?}", sim.counts());
    let open: Vec<_> = sim.commands().iter().filter(|c| !c.is_settled()).map(|c| c.id).collect();
    assert!(open.is_empty(), "seed {seed}: no end of {open:?}");
    // Commands that were refused or given up may still be chosen later.
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
                // A server executes its own commands, and without snapshots it skips none.
                let server = sim.world().config.servers().contains(id.client.node);
                assert!(!server, "seed {seed}: {id} has its answer from its own replica");
                assert!(executed.contains(&id), "seed {seed}: {id} was told to have been executed");
            }
            Some(_) => ends.expired += 1,
        }
    }
}

/// Returns the outcomes of all seeds.
pub fn survive<P: Tested>(facts: &Facts<P>, case: Case, leadership: Option<Leadership>, usual: u64) -> Ends {
    let mut all = Ends::default();
    for seed in seeds(usual) {
        ends::<P>(facts, seed, case, leadership, &mut all);
    }
    all
}

/// In these runs no session expires.
pub fn a_command_that_is_asked_for_again_is_executed_once_whoever_leads<P: Tested>(facts: &Facts<P>) {
    for (leadership, share) in [(None, 1), (RIVALS, facts.seeds.rivals)] {
        let case = Case { idle: 1 << 20, sessions: 65_536, ..PATIENT };
        let ends = survive(facts, case, leadership, facts.seeds.sessions / share.max(1));
        assert!(ends.answered > 0 && ends.refused + ends.unknown + ends.expired == 0, "{ends:?}");
    }
}

/// Clients give up after a while, and some learn that their session has expired.
pub fn each_command_has_one_end_though_sessions_expire<P: Tested>(facts: &Facts<P>) {
    for (leadership, share) in [(None, 1), (RIVALS, facts.seeds.rivals)] {
        let case = Case { give_up: Some(Duration::from_millis(300)), ..PATIENT };
        let ends = survive(facts, case, leadership, facts.seeds.sessions / share.max(1));
        let each = [ends.unknown, ends.expired, ends.renewed];
        assert!(!as_usual() || each.into_iter().all(|n| n > 10), "{ends:?}");
    }
}
