//! Runs one event at a time, with messages that are dropped, delayed or duplicated in flight.

use crate::sim::support::{Machine, Multi};
use core::time::Duration;
use paxos_core::{Config, Kind, NodeId};
use paxos_transport::sim::{Delay, Disk, Event, Fault, InFlight, Sim, World};

const CLIENT: NodeId = NodeId(3);

/// Three servers, one of which has been elected, and a client.
fn ready(sync: Duration) -> Sim<Multi, Machine> {
    let mut world = World::<Multi>::new(Config::collapsed(3).expect("acceptors"), (), 1);
    world.add_clients(1);
    world.disk = Disk::with_sync(Delay::Constant(sync));
    let mut sim = Sim::new(world, |_| Machine::default());
    sim.settle().expect("nothing breaks");
    while sim.leader().is_none() {
        sim.step().expect("nothing breaks").expect("something happens");
    }
    sim
}

fn submit(sim: &mut Sim<Multi, Machine>) -> InFlight {
    sim.submit(CLIENT, 7).expect("it is up");
    sim.settle().expect("nothing breaks");
    sim.in_flight().into_iter().find(|message| message.kind == Kind::Request).expect("it asks")
}

#[test]
fn events_one_by_one_lead_to_an_answer() {
    let mut sim = ready(Duration::ZERO);
    let request = submit(&mut sim);
    let mut arrived = false;
    while !sim.all_answered() {
        let before = sim.in_flight();
        let event = sim.step().expect("nothing breaks").expect("something happens");
        arrived |= event == Event::Arrived(request.number);
        if let Event::Arrived(number) = event {
            assert!(before.iter().any(|message| message.number == number), "it was under way");
            assert!(sim.in_flight().iter().all(|message| message.number != number), "and is no more");
        }
    }
    assert!(arrived);
}

#[test]
fn a_message_on_its_way_can_be_lost_late_and_doubled() {
    let mut sim = ready(Duration::ZERO);
    let request = submit(&mut sim);
    let requests = |sim: &Sim<Multi, Machine>| {
        sim.in_flight().into_iter().filter(|message| message.kind == Kind::Request).collect::<Vec<_>>()
    };
    let late = Duration::from_millis(4);
    assert!(sim.delay_message(request.number, late));
    assert_eq!(requests(&sim), [InFlight { due: request.due.after(late), ..request.clone() }]);
    assert!(sim.duplicate_message(request.number));
    assert_eq!(requests(&sim).len(), 2);
    assert!(sim.drop_message(request.number));
    assert_eq!(requests(&sim).len(), 1, "its twin is still under way");
    for gone in [sim.drop_message(request.number), sim.delay_message(request.number, late)] {
        assert!(!gone, "it is not under way any more");
    }
    assert!(!sim.duplicate_message(request.number));
    sim.run_until(Sim::all_answered).expect("nothing breaks");
    assert!(sim.all_answered(), "the twin did it");
}

#[test]
fn what_is_not_written_yet_is_told_apart_from_what_is() {
    let mut sim = ready(Duration::from_millis(5));
    submit(&mut sim);
    while sim.unwritten(NodeId(1)).next().is_none() {
        sim.step().expect("nothing breaks").expect("something happens");
    }
    let (written, waiting) = (sim.disk(NodeId(1)).len(), sim.unwritten(NodeId(1)).count());
    assert!(waiting > 0);
    sim.fail(Fault::StopDisk(NodeId(1)));
    assert!(sim.disk_is_stopped(NodeId(1)));
    sim.run_for(Duration::from_millis(20)).expect("nothing breaks");
    assert_eq!(sim.disk(NodeId(1)).len(), written, "a disk that is stopped finishes nothing");
    sim.fail(Fault::StartDisk(NodeId(1)));
    sim.run_for(Duration::from_millis(20)).expect("nothing breaks");
    assert!(sim.disk(NodeId(1)).len() > written && sim.unwritten(NodeId(1)).next().is_none());
}
