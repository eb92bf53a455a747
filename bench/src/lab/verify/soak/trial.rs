//! Executes one run.

use super::plan::END;
use super::steer::{Feature, features};
use super::{Kind, Mishap, Plan, Planted};
use crate::lab::faults::{Drawing, disagreement};
use crate::variants::{Digest, Payload, WithProtocol};
use paxos_core::{Change, Leadership, NodeId, NodeSet, Protocol, Time, Timeouts};
use paxos_transport::sim::{Cut, Delay, Disk, Fault, Links, Sim, Stop, Violation, World};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The most time that the remaining commands and reads may take after the last mishap.
const PATIENCE: Duration = Duration::from_secs(60);

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The failure, if any.
    pub failure: Option<String>,
    /// A checksum of all answers with their times, and of the message counts. Equal runs have equal checksums.
    pub print: u128,
    /// The number of commands that were answered.
    pub answered: u64,
    /// The number of reads that were answered.
    pub read: u64,
    /// The drawing of the run, if requested.
    pub drawing: Option<String>,
    /// What the run reached.
    pub(super) reached: BTreeSet<Feature>,
}

/// Executes the run.
pub fn run(plan: &Plan, draw: Option<Drawing>) -> Ran {
    let made =
        catch_unwind(AssertUnwindSafe(|| plan.shape.variant.with(plan.recovery, true, Trial { plan, draw })));
    made.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Ran { failure: Some(format!("panicked: {text}")), ..Ran::default() }
    })
}

struct Trial<'a> {
    plan: &'a Plan,
    draw: Option<Drawing>,
}

impl WithProtocol for Trial<'_> {
    type Out = Ran;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Ran {
        let Self { plan, draw } = self;
        let mut world = match world::<P>(plan, options) {
            Ok(world) => world,
            Err(failure) => return Ran { failure: Some(failure), ..Ran::default() },
        };
        world.trace = draw.is_some();
        let clients = world.add_clients(plan.clients.0);
        let mut sim = Sim::new(world, |_| Digest::default());
        for (nth, client) in (0..).zip(clients) {
            let mine = nth * 1_000_000..nth * 1_000_000 + plan.clients.1;
            sim.submit_in_turn(client, 2, mine.clone().take(mine.count() / 2));
            // The other half is submitted during the mishaps.
            for k in plan.clients.1 / 2..plan.clients.1 {
                let at = Time(0).after(END * (k as u32) / (plan.clients.1 as u32));
                sim.submit_at(at, client, nth * 1_000_000 + k);
            }
        }
        for (at, reader, way) in &plan.reads {
            sim.read_at(*at, *reader, *way);
        }
        let failure = drive(plan, &mut sim).err();
        let print = format!("{:?} {:?} {:?}", sim.commands(), sim.counts(), sim.now());
        Ran {
            failure,
            print: paxos_core::Digest::of(print.as_bytes()).0,
            answered: sim.commands().iter().filter(|command| command.answer.is_some()).count() as u64,
            read: sim.reads().iter().filter(|read| read.latency().is_some()).count() as u64,
            drawing: draw.zip(sim.trace()).map(|(drawing, trace)| drawing.of(trace)),
            reached: if plan.steered {
                let counters = sim.ids().iter().filter_map(|id| Some(sim.node(*id)?.status().counters));
                features(plan, counters, sim.counts().iter())
            } else {
                BTreeSet::new()
            },
        }
    }
}

fn world<P: Protocol>(plan: &Plan, options: P::Options) -> Result<World<P>, String> {
    let ms = Duration::from_millis;
    let mut config = plan.shape.config().map_err(|error| error.to_string())?;
    config.timeouts = Timeouts { lease: plan.lease, ..Timeouts::default() };
    if plan.shape.variant.traits().leaderless {
        config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
    }
    config.spares = plan.spares().into_iter().collect();
    (config.limits.snapshot, config.limits.chunk) = (plan.snapshot, 100);
    (config.limits.batch, config.limits.alpha) = (plan.batch, plan.alpha);
    let mut world = World::<P>::new(config, options, plan.delays());
    world.replay = "paxos-bench soak --seeds".into();
    world.limit.events = 3_000_000;
    world.limit.time = PATIENCE;
    world.stores = plan.planted != Some(Planted::UnnoticedAmnesia);
    world.drift = plan.drift.iter().copied().collect();
    world.links = Links::new(Delay::Uniform { low: ms(1), high: ms(8) });
    let (usual, rare) = plan.disk_ms;
    if rare > 0 {
        let high = ms(usual);
        world.disk = Disk::with_sync(Delay::Tailed { low: Duration::ZERO, high, late: 10, latest: ms(rare) });
    }
    world.disk.lies = plan.planted == Some(Planted::LyingDisks);
    Ok(world)
}

/// Drives the run through all mishaps, and checks its end.
fn drive<P>(plan: &Plan, sim: &mut Sim<P, Digest>) -> Result<(), String>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let told = |violation: Violation| format!("{}: {}", violation.invariant, violation.message);
    let end = Time(0).after(END);
    plan.mishaps.iter().for_each(|mishap| schedule(sim, mishap));
    let moments = plan.mishaps.iter().flat_map(|mishap| [mishap.start, mishap.end]);
    let mut moments: Vec<Time> = moments.chain([end]).collect();
    moments.sort_unstable();
    moments.dedup();
    for moment in moments {
        sim.run_for(moment.since(sim.now())).map_err(told)?;
        links(plan, sim, moment);
        for mishap in plan.mishaps.iter().filter(|mishap| mishap.start == moment) {
            ask(sim, mishap);
        }
    }
    heal(sim);
    let stop = sim.run_until(Sim::all_answered).map_err(told)?;
    if stop != Stop::Done {
        let open: Vec<_> =
            sim.commands().iter().filter(|c| !c.is_settled()).map(|c| c.id.to_string()).collect();
        return Err(format!(
            "{PATIENCE:?} after the last mishap, some commands have no answer ({stop}): {}",
            open.join(" ")
        ));
    }
    sim.run_for(Duration::from_secs(3)).map_err(told)?;
    if plan.mishaps.iter().any(|mishap| mishap.kind.is_amnesia() || mishap.kind == Kind::Replace) {
        // Forgetful processes have stopped, and removed processes hear nothing more, so they do not catch up.
        return agreement(sim);
    }
    disagreement(sim).map_or(Ok(()), Err)
}

/// Checks that running replicas at the same slot are in the same state.
fn agreement<P>(sim: &Sim<P, Digest>) -> Result<(), String>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let at = |id: &NodeId| Some((sim.node(*id)?.chosen().applied(), sim.machine(*id)?.value()));
    let states: Vec<_> =
        sim.ids().iter().filter(|id| sim.is_up(**id) && !sim.has_forgotten(**id)).filter_map(at).collect();
    let differs =
        states.iter().any(|(slot, state)| states.iter().any(|(s, other)| s == slot && other != state));
    if differs { Err(format!("replicas differ: {states:?}")) } else { Ok(()) }
}

/// Schedules the parts of a mishap that the simulator does by itself.
fn schedule<P>(sim: &mut Sim<P, Digest>, mishap: &Mishap)
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let Mishap { start, end, .. } = *mishap;
    let mut both = |first: fn(NodeId) -> Fault, second: fn(NodeId) -> Fault| {
        for id in &mishap.nodes {
            sim.fail_at(start, first(*id));
            sim.fail_at(end, second(*id));
        }
    };
    match mishap.kind {
        Kind::Crash | Kind::CrashAll => both(Fault::Crash, Fault::Restart),
        Kind::Pause => both(Fault::Pause, Fault::Resume),
        Kind::StopClock => both(Fault::StopClock, Fault::StartClock),
        Kind::Halt => {
            both(Fault::StopClock, Fault::StartClock);
            both(Fault::Pause, Fault::Resume);
        }
        Kind::StallDisk => both(Fault::StopDisk, Fault::StartDisk),
        Kind::WipeDisk => {
            both(Fault::Crash, Fault::WipeDisk);
            both(Fault::Crash, Fault::Restart);
        }
        Kind::OlderDisk => {
            both(Fault::CopyDisk, Fault::Crash);
            both(Fault::CopyDisk, Fault::PutDiskBack);
            both(Fault::CopyDisk, Fault::Restart);
        }
        Kind::SwapDisks => {
            if let &[one, other] = &mishap.nodes[..] {
                mishap.nodes.iter().for_each(|id| sim.fail_at(start, Fault::Crash(*id)));
                sim.fail_at(end, Fault::SwapDisks(one, other));
                mishap.nodes.iter().for_each(|id| sim.fail_at(end, Fault::Restart(*id)));
            }
        }
        Kind::Cut | Kind::OneWay | Kind::Partial => {
            let both_ways = mishap.kind != Kind::OneWay;
            let (from, to) = (mishap.nodes.clone(), mishap.others.clone());
            sim.links_mut().cuts.push(Cut { from, to, both_ways, start, end });
        }
        Kind::Loss | Kind::Duplication | Kind::Late | Kind::Transfer | Kind::Replace => {}
    }
}

/// Sets the network from `now` on.
fn links<P>(plan: &Plan, sim: &mut Sim<P, Digest>, now: Time)
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let going = |kind| plan.mishaps.iter().filter(move |m| m.kind == kind && m.start <= now && now < m.end);
    let percent = |kind| going(kind).map(|m| m.percent).max().unwrap_or(0) as f64 / 100.0;
    let (low, high) = (Duration::from_millis(1), Duration::from_millis(8));
    let late = going(Kind::Late).map(|m| m.latest).max();
    let links = sim.links_mut();
    (links.loss, links.duplication) = (percent(Kind::Loss), percent(Kind::Duplication));
    links.delay = match late {
        Some(latest) => Delay::Tailed { low, high, late: 50, latest },
        None => Delay::Uniform { low, high },
    };
}

/// Makes the request of an operator. It is refused if it is impossible.
fn ask<P>(sim: &mut Sim<P, Digest>, mishap: &Mishap)
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    match (mishap.kind, &mishap.nodes[..], &mishap.others[..]) {
        (Kind::Transfer, &[to, ..], _) => {
            if let Some(leader) = sim.leader() {
                _ = sim.transfer(leader, to);
            }
        }
        (Kind::Replace, &[old, ..], &[new, ..]) => {
            let up = NodeSet::first(64).iter().find(|id| *id != new && sim.is_up(*id));
            if let Some(asked) = up {
                _ = sim.force_change(asked, Change::replace(old, new));
            }
        }
        _ => {}
    }
}

/// Ends all mishaps that are still going on.
fn heal<P>(sim: &mut Sim<P, Digest>)
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let now = sim.now();
    let links = sim.links_mut();
    (links.loss, links.duplication, links.reliable_from) = (0.0, 0.0, Some(now));
    for id in sim.ids().to_vec() {
        for fault in [Fault::Restart, Fault::Resume, Fault::StartClock, Fault::StartDisk] {
            sim.fail(fault(id));
        }
    }
}
