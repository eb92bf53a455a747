//! Each kind of read separately, without faults.

use crate::reads::support::{MS, Multi, N0, N1, N2, leased, ms, run, sim};
use core::time::Duration;
use paxos_core::{Config, Consistency, Kind, NodeId, NodeSet, ReadError, Slot, Time};
use paxos_transport::sim::{Fault, Reading, Seen, Unread};

#[test]
fn a_process_without_a_replica_says_so() {
    let (world, client) = leased(3);
    let mut sim = sim(world);
    assert_eq!(sim.read(client, Consistency::Local), Err(Unread::Refused(ReadError::NoReplica)));
}

#[test]
fn reads_are_bounded_in_number() {
    let (mut world, _) = leased(3);
    let mut config = (*world.config).clone();
    config.limits.reads = 2;
    world.config = config.into();
    let mut sim = sim(world);
    for _ in 0..2 {
        sim.read(N1, Consistency::AtLeast(Slot(9))).expect("room");
    }
    let full = Err(Unread::Refused(ReadError::Overloaded { limit: 2 }));
    assert_eq!(sim.read(N1, Consistency::Local), full);
}

#[test]
fn a_read_may_wait_for_a_slot() {
    let (world, client) = leased(3);
    let mut sim = sim(world);
    sim.read(N2, Consistency::AtLeast(Slot(2))).expect("up");
    for value in 0..3 {
        sim.submit_at(ms(30 + 10 * value), client, value);
    }
    run(&mut sim, 100 * MS);
    let Reading { seen: Some(Seen { at, applied }), .. } = sim.reads()[0] else { panic!("it was answered") };
    // The second command is submitted at 40 ms, and all processes know it 4 ms later.
    assert_eq!((at, applied), (ms(44), Slot(2)));
}

#[test]
fn a_lease_runs_out_when_the_others_are_gone_and_reads_wait_until_they_are_back() {
    let (world, _) = leased(3);
    let mut sim = sim(world);
    sim.fail_at(ms(99), Fault::Crash(N1));
    sim.fail_at(ms(99), Fault::Crash(N2));
    for at in [98, 150, 300] {
        sim.read_at(ms(at), N0, Consistency::Lease);
    }
    sim.fail_at(ms(500), Fault::Restart(N1));
    run(&mut sim, 1000 * MS);
    let took: Vec<bool> = sim.reads().iter().map(|r| r.latency() == Some(Duration::ZERO)).collect();
    assert_eq!(took, [true, true, false]);
    assert!(sim.all_read());
}

#[test]
fn an_acceptor_that_restarts_elects_nobody_for_a_lease() {
    let (mut world, _) = leased(3);
    let mut config = (*world.config).clone();
    // The first candidate leads.
    config.timeouts.election = Some(10 * MS);
    world.config = config.into();
    let mut sim = sim(world);
    run(&mut sim, 100 * MS);
    (0..3).for_each(|id| sim.fail(Fault::Crash(NodeId(id))));
    (0..3).for_each(|id| sim.fail(Fault::Restart(NodeId(id))));
    run(&mut sim, 80 * MS);
    assert_eq!(sim.counts().of(Kind::Promise), 2);
    run(&mut sim, 200 * MS);
    assert!(sim.counts().of(Kind::Promise) > 2);
}

#[test]
fn a_leader_that_gives_up_its_lease_bars_nobody() {
    use paxos_core::{Event, Message, Node, ReadMessage, Setup};
    let mut config = Config::collapsed(3).expect("acceptors");
    config.timeouts.lease = Some(80 * MS);
    let config = std::sync::Arc::new(config);
    let build = |id| Node::<Multi>::new(Setup { id, config: config.clone(), options: () }, Time(0));
    let mut replicas = [(); 3]
        .map(|()| paxos_core::Replica::new(crate::reads::support::Count(0), &paxos_core::Limits::default()));
    let mut nodes = [N0, N1, N2].map(build);
    let mut wire = Vec::new();
    nodes[0].step(Time(0), Event::Timeout);
    loop {
        for (node, replica) in nodes.iter_mut().zip(&mut replicas) {
            let from = node.id();
            node.process(
                replica,
                |envelope| wire.extend(envelope.to.iter().map(|to| (from, to, envelope.message.clone()))),
                |_| {},
                |_| {},
            );
        }
        if wire.is_empty() {
            break;
        }
        for (from, to, message) in wire.drain(..) {
            nodes[usize::from(to.0)].step(Time(1), Event::Message { from, message });
        }
    }
    assert!(nodes[0].has_lease());
    nodes[0].release_lease(Time(1));
    assert!(!nodes[0].has_lease());
    let mut released = NodeSet::EMPTY;
    nodes[0].process(
        &mut replicas[0],
        |envelope| {
            if let Message::Read(ReadMessage::Release { .. }) = envelope.message {
                envelope.to.iter().for_each(|to| _ = released.insert(to));
            }
        },
        |_| {},
        |_| {},
    );
    assert_eq!(released.iter().collect::<Vec<_>>(), [N1, N2]);
}
