//! Runs with at most one fault: what is counted, timed, drawn and written.

use crate::sim::support::{MS, Machine, Multi, assert_golden, quiet, sim};
use core::time::Duration;
use paxos_core::{CommandId, Config, Kind, Message, Node, NodeId, Slot, Time, Timeouts};
use paxos_transport::sim::{
    Cut, Delay, Disk, Fate, Fault, Limit, Links, Note, Service, Sim, Sites, Stop, Submitted, Tail, World,
};

const N0: NodeId = NodeId(0);
const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);

fn after(ms: u64) -> Time {
    Time::default().after(Duration::from_millis(ms))
}

fn one_decision() -> Sim<Multi, Machine> {
    let (mut world, client) = quiet(3);
    (world.trace, world.steps) = (true, true);
    let mut sim = sim(world);
    sim.submit_at(after(2), client, 7);
    assert_eq!(sim.run_to_quiescence(100 * MS), Ok(Stop::Quiet));
    sim
}

/// A quiet world in which `client` submits one command, once there is a leader. Returns the command, too, and when.
fn one_command(world: World<Multi>, client: NodeId) -> (Sim<Multi, Machine>, CommandId, Time) {
    let mut sim = sim(world);
    sim.run_to_quiescence(Duration::from_secs(1)).expect("nothing breaks");
    let start = sim.now();
    let id = sim.submit(client, 1).expect("up");
    sim.run_to_quiescence(Duration::from_secs(1)).expect("nothing breaks");
    (sim, id, start)
}

#[test]
fn a_run_is_drawn() {
    let sim = one_decision();
    let trace = sim.trace().expect("kept");
    assert_golden("decision.txt", &trace.draw());
    assert_golden("decision.mermaid", &trace.to_mermaid());
    assert_golden("decision.svg", &trace.to_svg());
    let short = trace.without(&[Kind::Prepare, Kind::Promise], &[Note::Submitted, Note::Learned]).draw();
    assert_eq!(short.lines().count(), trace.draw().lines().count() - 6, "{short}");
}

#[test]
fn a_run_is_written_as_steps() {
    let mut lines = Vec::new();
    one_decision().steps().expect("kept").write(&mut lines).expect("memory");
    assert_golden("decision.jsonl", &String::from_utf8(lines).expect("text"));
}

#[test]
fn messages_and_delays_are_counted_exactly() {
    // Multi-Paxos in the steady state with a distinguished learner: 3(n − 1) + 2 messages, 3 delays to the first
    // learner, and 4 to the others and to the client.
    for n in [3, 5, 7] {
        let (world, client) = quiet(n);
        let mut sim = sim(world);
        sim.run_to_quiescence(100 * MS).expect("nothing breaks");
        sim.reset_counts();
        let start = sim.now();
        let id = sim.submit(client, 1).expect("up");
        assert_eq!(sim.run_to_quiescence(100 * MS), Ok(Stop::Quiet));
        assert_eq!(sim.counts().total(), 3 * u64::from(n - 1) + 2);
        assert_eq!(sim.counts().of(Kind::Accepted), u64::from(n - 1));
        let command = sim.command(id).expect("submitted");
        assert_eq!(command.latency(), Some(4 * MS));
        assert_eq!(command.answer.as_ref().map(|a| (a.by, a.sent.total())), Some((N0, sim.counts().total())));
        assert_eq!(sim.learned(N0, Slot(0)), Some(start.after(3 * MS)));
        assert_eq!(sim.applied(N1, Slot(0)), Some(start.after(4 * MS)));
    }
}

#[test]
fn a_disk_adds_its_latency_where_something_is_written() {
    let (mut world, client) = quiet(3);
    world.disk = Disk::with_sync(Delay::Constant(5 * MS));
    let (sim, id, _) = one_command(world, client);
    // The leader writes at the same time as the others.
    assert_eq!(sim.command(id).and_then(Submitted::latency), Some(9 * MS));
}

#[test]
fn service_times_queue_up() {
    let (mut world, client) = quiet(3);
    world.service = Service::receiving(MS);
    let (sim, id, _) = one_command(world, client);
    // There are 4 hops, and a millisecond each for the request, the proposal, two votes together, and the reply.
    assert_eq!(sim.command(id).and_then(Submitted::latency), Some(9 * MS));
}

#[test]
fn what_is_sent_leaves_one_message_after_the_other() {
    let (mut world, client) = quiet(3);
    world.service = Service { send: MS, ..Service::default() };
    let (sim, id, start) = one_command(world, client);
    // The request leaves after 1 ms, the proposals to n1 and n2 one and two ms later. So n1's vote arrives after 6 ms.
    assert_eq!(sim.learned(N0, Slot(0)), Some(start.after(6 * MS)));
    // The leader then sends three messages: to n1 and n2 first, and to the client last.
    assert_eq!(sim.command(id).and_then(Submitted::latency), Some(10 * MS));
}

#[test]
fn what_arrives_while_a_process_sends_waits() {
    let (mut world, client) = quiet(3);
    let other = world.add_clients(1)[0];
    world.service = Service { send: 10 * MS, ..Service::default() };
    let mut sim = sim(world);
    sim.run_to_quiescence(Duration::from_secs(1)).expect("nothing breaks");
    let start = sim.now();
    sim.submit(client, 1).expect("up");
    sim.submit_at(start.after(2 * MS), other, 2);
    sim.run_to_quiescence(Duration::from_secs(1)).expect("nothing breaks");
    // n1's vote arrives after 33 ms. But the leader handled the second request after 31 ms, when it had sent its first
    // two proposals, and then it sends two more.
    assert_eq!(sim.learned(N0, Slot(0)), Some(start.after(51 * MS)));
}

#[test]
fn one_disk_may_be_slower_than_the_others() {
    for (slow, latency) in [(N0, 9), (N1, 9)] {
        let (mut world, client) = quiet(3);
        world.disk = Disk::with_sync(Delay::Constant(5 * MS));
        world.syncs = [(slow, Delay::Constant(50 * MS))].into();
        let (sim, id, _) = one_command(world, client);
        assert_eq!(sim.command(id).and_then(Submitted::latency), Some(latency * MS), "{slow}");
    }
}

#[test]
fn sites_are_half_a_round_trip_apart() {
    let (mut world, client) = quiet(3);
    let mut sites = Sites::new(&[vec![Duration::ZERO, 80 * MS], vec![80 * MS, 2 * MS]]);
    for (node, site) in [(N0, 0), (N1, 1), (NodeId(2), 1), (client, 0)] {
        sites.place(node, site);
    }
    world.links = Links::between(sites);
    let (sim, id, _) = one_command(world, client);
    assert_eq!(sim.command(id).and_then(Submitted::latency), Some(80 * MS));
}

#[test]
fn a_cut_stops_one_way_or_both() {
    let cut = |both_ways| Cut { from: vec![N0], to: vec![N1], both_ways, start: after(10), end: after(20) };
    assert!(cut(false).stops(after(10), N0, N1) && !cut(false).stops(after(10), N1, N0));
    assert!(cut(true).stops(after(19), N1, N0) && !cut(true).stops(after(20), N1, N0));
    assert!(!cut(true).stops(after(9), N0, N1) && !cut(true).stops(after(15), N0, NodeId(2)));
}

#[test]
fn a_carrier_decides_when_each_message_arrives() {
    let (world, client) = quiet(3);
    let mut sim = sim(world);
    sim.set_carrier(|post| {
        let kind = post.message.kind();
        if kind == Kind::Accepted && post.from == N1 {
            Fate::Lost
        } else if kind == Kind::Reply {
            Fate::After(50 * MS)
        } else {
            Fate::Usual
        }
    });
    sim.run_to_quiescence(100 * MS).expect("nothing breaks");
    let id = sim.submit(client, 1).expect("up");
    sim.run_to_quiescence(100 * MS).expect("nothing breaks");
    assert_eq!(sim.command(id).and_then(Submitted::latency), Some(53 * MS));
}

#[test]
fn a_process_that_is_halted_forgets_nothing() {
    let (world, client) = quiet(3);
    let mut sim = sim(world);
    sim.run_to_quiescence(100 * MS).expect("nothing breaks");
    sim.fail(Fault::Pause(N0));
    let id = sim.submit(client, 1).expect("up");
    assert_eq!(sim.run_to_quiescence(100 * MS), Ok(Stop::Quiet));
    assert_eq!(sim.command(id).and_then(Submitted::latency), None);
    sim.fail(Fault::Resume(N0));
    sim.run_to_quiescence(100 * MS).expect("nothing breaks");
    assert!(sim.command(id).is_some_and(|c| c.answer.is_some()));
}

#[test]
fn a_crash_loses_what_was_not_written() {
    for (tail, most) in [(Tail::Lost, 0), (Tail::Torn, 3)] {
        let (mut world, client) = quiet(1);
        world.disk = Disk { sync: Delay::Constant(10 * MS), tail, lies: false };
        let mut sim = sim(world);
        sim.run_to_quiescence(100 * MS).expect("nothing breaks");
        let before = sim.disk(N0).len();
        sim.submit(client, 1).expect("up");
        sim.run_for(5 * MS).expect("nothing breaks");
        sim.fail(Fault::Crash(N0));
        assert!(!sim.is_up(N0) && sim.submit(N0, 1).is_err());
        assert!((before..=before + most).contains(&sim.disk(N0).len()));
        sim.fail(Fault::Restart(N0));
        sim.run_for(5 * MS).expect("nothing breaks");
        assert!(sim.is_up(N0));
    }
}

#[test]
fn a_drifting_clock_shows_in_timeouts() {
    let mut config = Config::collapsed(1).expect("acceptors");
    config.timeouts = Timeouts { gossip: Some(100 * MS), ..Timeouts::NEVER };
    let mut world = World::<Multi>::new(config, (), 0);
    world.drift.insert(N0, 250_000);
    let mut sim = sim(world);
    sim.run_for(MS).expect("nothing breaks");
    assert_eq!(sim.node(N0).and_then(Node::deadline), Some(after(100)));
    sim.run_for(80 * MS).expect("nothing breaks");
    assert_eq!(sim.node(N0).and_then(Node::deadline), Some(after(200)), "its 100 ms are over after 80");
}

#[test]
fn a_run_that_goes_round_in_circles_is_stopped() {
    let mut world = World::<Multi>::new(Config::collapsed(3).expect("acceptors"), (), 0);
    world.limit = Limit { events: 1000, ..Limit::default() };
    let mut sim = sim(world);
    assert_eq!(sim.run_until(|_| false), Ok(Stop::Events));
    assert_eq!(Stop::Events.to_string(), "the limit of events is reached");
}

#[test]
fn a_crash_and_a_lost_message_are_drawn() {
    let (mut world, client) = quiet(3);
    world.trace = true;
    world.links = Links::new(Delay::Uniform { low: MS, high: 3 * MS });
    world.faults.plan = vec![(after(8), Fault::Crash(NodeId(2))), (after(30), Fault::Restart(NodeId(2)))];
    let cut = Cut { from: vec![N0], to: vec![N1], both_ways: true, start: after(14), end: after(20) };
    world.faults.cuts.push(cut);
    let mut sim = sim(world);
    sim.submit_at(after(7), client, 7);
    sim.submit_at(after(12), client, 8);
    sim.run_for(40 * MS).expect("nothing breaks");
    assert_golden("crash.txt", &sim.trace().expect("kept").draw());
}

#[test]
fn an_acceptor_that_tells_another_vote_is_found_out() {
    let (world, client) = quiet(3);
    let mut sim = sim(world);
    sim.set_carrier(|post| {
        if let Message::Accepted(accepted) = &mut post.message {
            accepted.slots.end = accepted.slots.end.plus(1);
        }
        Fate::Usual
    });
    sim.submit_at(after(2), client, 7);
    let violation = sim.run_to_quiescence(100 * MS).expect_err("a lie");
    assert_eq!(violation.invariant, "written_before_spoken", "{violation}");
}

#[test]
fn a_replica_that_is_not_deterministic_is_found_out() {
    let (world, client) = quiet(3);
    let odd = |node: NodeId| Machine { entries: vec![0; usize::from(node.0 / 2)] };
    let mut sim: Sim<Multi, Machine> = Sim::new(world, odd);
    sim.submit_at(after(2), client, 7);
    let violation = sim.run_to_quiescence(100 * MS).expect_err("another reply");
    assert_eq!(violation.invariant, "replicas_are_equal", "{violation}");
}

#[test]
fn a_liar_is_found_out_and_the_run_can_be_replayed() {
    let (mut world, client) = quiet(3);
    (world.seed, world.replay) = (77, "lab check --seed".into());
    world.faults.plan = vec![(after(3), Fault::Crash(N1)), (after(4), Fault::Restart(N1))];
    world.disk.lies = true;
    let mut sim = sim(world);
    sim.submit_at(after(2), client, 7);
    let violation = sim.run_to_quiescence(100 * MS).expect_err("a disk that lies");
    assert_eq!(violation.invariant, "nothing_is_forgotten");
    assert_eq!(
        violation.to_string(),
        "nothing_is_forgotten does not hold at 4ms with seed 77: n1 had promised or voted in 1.n0 for s0-, but \
         its disk does not say so\nreplay: lab check --seed 77"
    );
}

#[test]
fn only_faults_that_change_something_are_noted() {
    let (mut world, client) = quiet(3);
    world.stores = true;
    let at = after;
    world.faults.plan = vec![
        (at(10), Fault::Crash(N1)),
        (at(11), Fault::Crash(N1)),
        (at(12), Fault::Pause(N1)),
        (at(13), Fault::StopClock(N1)),
        (at(14), Fault::StopDisk(N1)),
        (at(20), Fault::Restart(N1)),
        (at(21), Fault::Restart(N1)),
        (at(22), Fault::Resume(N0)),
        // n1 has not heard of n2's disk, so it would not miss it.
        (at(30), Fault::Crash(N2)),
        (at(31), Fault::WipeDisk(N2)),
    ];
    // Only the second cut meets a message.
    let cut = |to: &[u16], start, end| Cut {
        from: vec![client],
        to: to.iter().copied().map(NodeId).collect(),
        both_ways: false,
        start: at(start),
        end: at(end),
    };
    world.faults.cuts = vec![cut(&[], 0, 100), cut(&[0, 1, 2], 5, 8), cut(&[0, 1, 2], 50, 60)];
    let mut sim = sim(world);
    sim.submit_at(at(6), client, 1);
    sim.run_to_quiescence(Duration::from_secs(1)).expect("nothing breaks");
    let faults = [(at(10), Fault::Crash(N1)), (at(20), Fault::Restart(N1)), (at(30), Fault::Crash(N2))];
    assert_eq!(sim.harm().faults, faults);
    assert!(sim.harm().did(at(10), Fault::Crash(N1)) && !sim.harm().did(at(11), Fault::Crash(N1)));
    assert_eq!(sim.harm().cut.keys().copied().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_process_whose_disk_is_full_stops_when_it_writes_and_starts_when_there_is_room() {
    let (mut world, client) = quiet(3);
    let at = after;
    world.faults.plan = vec![
        (at(5), Fault::FillDisk(N1)),
        (at(40), Fault::Restart(N1)),
        (at(60), Fault::FreeDisk(N1)),
        (at(61), Fault::Restart(N1)),
    ];
    world.service = Service::each(Duration::from_micros(10));
    let mut sim = sim(world);
    let up = |sim: &mut Sim<Multi, Machine>, ms| {
        sim.run_for(at(ms).since(sim.now())).expect("nothing breaks");
        sim.is_up(N1)
    };
    assert!(up(&mut sim, 10), "it has nothing to write");
    sim.submit_at(at(20), client, 1);
    assert!(!up(&mut sim, 30) && !up(&mut sim, 50), "a full disk takes no start either");
    assert!(up(&mut sim, 70));
    let written = sim.disk(N1).len();
    sim.submit_at(at(80), client, 2);
    sim.run_to_quiescence(Duration::from_secs(1)).expect("nothing breaks");
    assert!(sim.all_answered() && sim.disk(N1).len() > written, "it votes again");
}

#[test]
fn a_slow_process_answers_late() {
    let (mut world, client) = quiet(3);
    let slow = Duration::from_millis(30);
    world.faults.plan = vec![(after(1), Fault::Slow(N1, slow)), (after(1), Fault::Slow(N2, slow))];
    let mut sim = sim(world);
    sim.submit_at(after(10), client, 1);
    sim.run_for(15 * MS).expect("nothing breaks");
    sim.run_until(Sim::all_answered).expect("nothing breaks");
    assert!(sim.now() >= after(10 + 30), "a quorum needs one of them");
    sim.fail(Fault::Slow(N1, Duration::ZERO));
    // It still has the decision before it, for which it takes its time.
    sim.run_for(2 * slow).expect("nothing breaks");
    sim.submit_at(sim.now().after(MS), client, 2);
    // A message takes about a millisecond.
    sim.run_for(20 * MS).expect("nothing breaks");
    assert!(sim.all_answered());
}

#[test]
fn to_a_process_whose_clock_jumps_the_leader_seems_silent() {
    let mut sim = sim(World::<Multi>::new(Config::collapsed(3).expect("acceptors"), (), 1));
    sim.run_for(50 * MS).expect("nothing breaks");
    assert_eq!(sim.counts().of(Kind::PreVote), 0);
    sim.fail(Fault::JumpClock(N1, Duration::from_secs(10)));
    sim.run_for(MS).expect("nothing breaks");
    assert!(sim.counts().of(Kind::PreVote) > 0);
}
