//! Executes one run.

use super::effect::Watch;
use super::outcome::{Ends, Ran, Wrong};
use super::plan::END;
use super::steer::features;
use super::{Kind, Mishap, Plan, Planted};
use crate::lab::faults::{Drawing, disagreement};
use crate::variants::{Digest, Payload, WithProtocol};
use paxos_core::{Change, CommandId, NodeId, NodeSet, Protocol, Time};
use paxos_transport::sim::{Cut, Delay, Disk, Fault, Links, Reading, Sim, Stop, Submitted, Violation, World};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// In this time after the last mishap a client sends one more command, where leaders appoint themselves: what the last one left
/// undecided is decided with the next command, and a quorum read may wait for that (`Consistency::Quorum`).
const LATER: Duration = Duration::from_millis(100);

/// Executes the run.
pub fn run(plan: &Plan, draw: Option<Drawing>) -> Ran {
    let made =
        catch_unwind(AssertUnwindSafe(|| plan.shape.variant.with(plan.recovery, true, Trial { plan, draw })));
    made.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Ran::failed("panicked", text)
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
            Err(failure) => return Ran::failed("no_cluster", failure),
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
            if nth == 0 && plan.settings.rivals {
                sim.submit_at(Time(0).after(END + LATER / 2), client, plan.clients.1);
            }
        }
        for (at, reader, way) in &plan.reads {
            sim.read_at(*at, *reader, *way);
        }
        let mut watch = Watch::new(plan);
        let failure = drive(plan, &mut sim, &mut watch).err();
        watch.look(sim.now(), sim.harm());
        let effects = watch.effects(sim.harm());
        let print = format!("{:?} {:?} {:?} {:?}", sim.commands(), sim.reads(), sim.counts(), sim.now());
        let counters = sim.ids().iter().filter_map(|id| Some(sim.node(*id)?.status().counters));
        Ran {
            failure,
            print: paxos_core::Digest::of(print.as_bytes()).0,
            commands: commands(plan, &sim),
            reads: reads(plan, &sim),
            reached: if plan.steered {
                features(&effects, counters, sim.counts().iter())
            } else {
                BTreeSet::new()
            },
            effects,
            drawing: draw.zip(sim.trace()).map(|(drawing, trace)| drawing.of(trace)),
        }
    }
}

/// What became of the commands of clients. Servers submit only changes of members.
fn commands<P>(plan: &Plan, sim: &Sim<P, Digest>) -> Ends
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let servers: Vec<NodeId> = plan.servers().into_iter().chain(plan.spares()).collect();
    let all: Vec<_> = sim.commands().iter().filter(|c| !servers.contains(&c.id.client.node)).collect();
    let count = |is: fn(&Submitted<u64>) -> bool| all.iter().filter(|command| is(command)).count() as u64;
    Ends {
        planned: u64::from(plan.clients.0) * plan.clients.1 + u64::from(plan.settings.rivals),
        begun: all.len() as u64,
        answered: count(|command| command.answer.is_some()),
        unanswered: count(|command| command.unanswered.is_some()),
        abandoned: count(|command| command.abandoned),
    }
}

fn reads<P>(plan: &Plan, sim: &Sim<P, Digest>) -> Ends
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let count = |is: fn(&Reading) -> bool| sim.reads().iter().filter(|read| is(read)).count() as u64;
    Ends {
        planned: plan.reads.len() as u64,
        begun: sim.reads().len() as u64,
        answered: count(|read| read.seen.is_some()),
        unanswered: count(|read| read.refused.is_some()),
        abandoned: count(|read| read.abandoned),
    }
}

fn world<P: Protocol>(plan: &Plan, options: P::Options) -> Result<World<P>, String> {
    let ms = Duration::from_millis;
    let mut config = plan.settings.config(plan.shape).map_err(|error| error.to_string())?;
    config.timeouts.lease = plan.lease;
    config.spares = plan.spares().into_iter().collect();
    (config.limits.snapshot, config.limits.chunk) = (plan.snapshot, 100);
    (config.limits.batch, config.limits.alpha) = (plan.batch, plan.alpha);
    config.limits.batch_bytes = plan.batch_bytes.unwrap_or(config.limits.batch_bytes);
    let mut world = World::<P>::new(config, options, plan.delays());
    world.replay = "paxos-bench soak --seeds".into();
    world.limit.events = 3_000_000;
    world.limit.time = plan.patience;
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
fn drive<P>(plan: &Plan, sim: &mut Sim<P, Digest>, watch: &mut Watch<'_>) -> Result<(), Wrong>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let told = |violation: Violation| Wrong::new(violation.invariant, violation.message);
    let end = Time(0).after(END);
    plan.mishaps.iter().for_each(|mishap| schedule(sim, mishap));
    let moments = plan.mishaps.iter().flat_map(|mishap| [mishap.start, mishap.end]);
    let mut moments: Vec<Time> = moments.chain([end]).collect();
    moments.sort_unstable();
    moments.dedup();
    let mut requests = Vec::new();
    for moment in moments {
        sim.run_for(moment.since(sim.now())).map_err(told)?;
        watch.look(moment, sim.harm());
        links(plan, sim, moment);
        for mishap in plan.mishaps.iter().filter(|mishap| mishap.start == moment) {
            if mishap.kind == Kind::Transfer && transfer(sim, mishap) {
                watch.taken(mishap);
            }
            if let (Kind::Replace, &[old, ..], &[new, ..]) =
                (mishap.kind, &mishap.nodes[..], &mishap.others[..])
            {
                requests.extend(change(sim, Change::replace(old, new), new).map(|id| (id, mishap)));
            }
        }
        // In the same moment, a spare may become a member and leave.
        for mishap in plan.mishaps.iter().filter(|mishap| mishap.kind == Kind::JoinAndLeave) {
            let Some(spare) = mishap.nodes.first().copied() else { continue };
            let due = [(mishap.start, Change::add(spare)), (mishap.end, Change::remove(spare))];
            for (_, wanted) in due.into_iter().filter(|(at, _)| *at == moment) {
                requests.extend(change(sim, wanted, spare).map(|id| (id, mishap)));
            }
        }
    }
    heal(sim);
    if plan.settings.rivals {
        sim.run_for(LATER).map_err(told)?;
    }
    let stop = sim.run_until(|sim| sim.all_settled() && overdue(sim).next().is_none()).map_err(told)?;
    let changed = || requests.iter().filter_map(|(id, mishap)| Some((sim.command(*id)?, *mishap)));
    changed()
        .filter(|(command, _)| is_made(command) == Some(true))
        .for_each(|(_, mishap)| watch.taken(mishap));
    let may_have_changed = changed().any(|(command, _)| is_made(command) != Some(false));
    settled(plan, sim, stop)?;
    sim.run_for(Duration::from_secs(3)).map_err(told)?;
    if may_have_changed || sim.ids().iter().any(|id| sim.has_forgotten(*id)) {
        // Forgetful processes have stopped, and removed processes hear nothing more, so they do not catch up.
        return agreement(sim);
    }
    let differ = |text: &String| text.starts_with("replicas differ");
    let mut found = disagreement(sim);
    // A process that was slow is fast when it has done what arrived meanwhile.
    let was_slow = plan.mishaps.iter().any(|mishap| mishap.kind == Kind::Slow);
    while was_slow && found.as_ref().is_some_and(|text| !differ(text)) && sim.now() < end.after(plan.patience)
    {
        sim.run_for(Duration::from_secs(3)).map_err(told)?;
        found = disagreement(sim);
    }
    let name = |text: &String| if differ(text) { "replicas_differ" } else { "replicas_behind" };
    found.map_or(Ok(()), |text| Err(Wrong::new(name(&text), text)))
}

/// The reads that have not ended.
fn overdue<P>(sim: &Sim<P, Digest>) -> impl Iterator<Item = &Reading>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    sim.reads().iter().filter(|read| !read.has_ended())
}

/// Whether a change of members was made; none if that is unknown.
fn is_made(command: &Submitted<u64>) -> Option<bool> {
    command.changed.map(|changed| changed.result.is_ok())
}

/// Checks that every command of a client was submitted and answered, and that every read has ended. Clients never crash.
fn settled<P>(plan: &Plan, sim: &Sim<P, Digest>, stop: Stop) -> Result<(), Wrong>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let late = format!("{:?} after the last mishap", plan.patience);
    let open: Vec<_> = sim.commands().iter().filter(|c| !c.is_settled()).map(|c| c.id.to_string()).collect();
    if !sim.all_settled() {
        let message = format!("{late}, some commands have no answer ({stop}): {}", open.join(" "));
        return Err(Wrong::new("no_answer", message));
    }
    let open: Vec<_> = overdue(sim).map(|read| format!("{:?} at {}", read.consistency, read.node)).collect();
    if !open.is_empty() {
        let message = format!("{late}, some reads have no result ({stop}): {}", open.join(", "));
        return Err(Wrong::new("no_result", message));
    }
    let Ends { planned, begun, answered, .. } = commands(plan, sim);
    if answered < planned {
        let told = sim.commands().iter().filter_map(|c| Some(format!("{}: {}", c.id, c.unanswered?.name())));
        let told: Vec<_> = told.collect();
        let message = format!(
            "of {planned} commands {begun} began, and {answered} were answered ({})",
            told.join(", ")
        );
        return Err(Wrong::new("unanswered", message));
    }
    Ok(())
}

/// Checks that running replicas at the same slot are in the same state.
fn agreement<P>(sim: &Sim<P, Digest>) -> Result<(), Wrong>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let at = |id: &NodeId| Some((sim.node(*id)?.chosen().applied(), sim.machine(*id)?.value()));
    let states: Vec<_> =
        sim.ids().iter().filter(|id| sim.is_up(**id) && !sim.has_forgotten(**id)).filter_map(at).collect();
    let differs =
        states.iter().any(|(slot, state)| states.iter().any(|(s, other)| s == slot && other != state));
    if differs { Err(Wrong::new("replicas_differ", format!("{states:?}"))) } else { Ok(()) }
}

/// Schedules the parts of a mishap that the simulator does by itself.
fn schedule<P>(sim: &mut Sim<P, Digest>, mishap: &Mishap)
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let Mishap { start, end, latest, .. } = *mishap;
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
        Kind::FullDisk => {
            both(Fault::FillDisk, Fault::FreeDisk);
            mishap.nodes.iter().for_each(|id| sim.fail_at(end, Fault::Restart(*id)));
        }
        Kind::JumpClock => {
            mishap.nodes.iter().for_each(|id| sim.fail_at(start, Fault::JumpClock(*id, latest)));
        }
        Kind::Slow => {
            for id in &mishap.nodes {
                sim.fail_at(start, Fault::Slow(*id, latest));
                sim.fail_at(end, Fault::Slow(*id, Duration::ZERO));
            }
        }
        Kind::RollingRestart => {
            for (id, down, up) in mishap.in_turn() {
                sim.fail_at(down, Fault::Crash(id));
                sim.fail_at(up, Fault::Restart(id));
            }
        }
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
        Kind::Loss | Kind::Duplication | Kind::Late | Kind::Transfer | Kind::Replace | Kind::JoinAndLeave => {
        }
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

/// Asks the leader to hand over. Returns whether it tries to.
fn transfer<P>(sim: &mut Sim<P, Digest>, mishap: &Mishap) -> bool
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let (Some(leader), Some(to)) = (sim.leader(), mishap.nodes.first()) else { return false };
    sim.transfer(leader, *to).is_ok() && leader != *to
}

/// Asks for a change of members, at the first process that is up and not `spare`. Returns the change; none if it was
/// refused at once.
fn change<P>(sim: &mut Sim<P, Digest>, wanted: Change, spare: NodeId) -> Option<CommandId>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let asked = NodeSet::first(64).iter().find(|id| *id != spare && sim.is_up(*id))?;
    sim.force_change(asked, wanted).ok()
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
        for fault in [Fault::FreeDisk, Fault::Restart, Fault::Resume, Fault::StartClock, Fault::StartDisk] {
            sim.fail(fault(id));
        }
        sim.fail(Fault::Slow(id, Duration::ZERO));
    }
}
