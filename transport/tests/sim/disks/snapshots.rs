//! An acceptor that hides what it has forgotten is detected. The conformance suite tests that processes forget and
//! catch up under all kinds of faults.

use crate::sim::support::{Multi, sim};
use core::time::Duration;
use multi_paxos::Promise;
use paxos_core::{Kind, Message, Nack, NodeId};
use paxos_transport::sim::{Fate, Fault, Sim, World};

/// The acceptor knows nothing about the slots below its snapshot, and answers as if it had never voted there.
#[test]
fn an_acceptor_that_forgets_and_does_not_say_so_is_found_out() {
    let mut config = paxos_core::Config::collapsed(3).expect("acceptors");
    config.limits.snapshot = 2;
    let mut world = World::<Multi>::new(config, (), 1);
    let client = world.add_clients(1)[0];
    let mut sim = sim(world);
    sim.fail(Fault::Crash(NodeId(2)));
    sim.submit_in_turn(client, 1, 0..12);
    sim.run_until(Sim::all_answered).expect("nothing breaks");
    // The leader is gone, and n2, which was away, must be elected before it catches up.
    sim.fail(Fault::Crash(NodeId(0)));
    sim.fail(Fault::Restart(NodeId(2)));
    sim.submit(client, 99).expect("up");
    sim.set_carrier(|post| {
        let from_n1 = post.from == NodeId(1);
        // Without this, n2 would not even be supported.
        if let Message::PreVoteReply { granted, .. } = &mut post.message {
            *granted = true;
        }
        if let (true, Message::Nack(nack)) = (from_n1, &post.message)
            && nack.promised <= nack.refused
        {
            let Nack { refused: ballot, slots, .. } = *nack;
            post.message =
                Message::Promise(Promise { ballot, from: slots.start, until: slots.end, votes: Vec::new() });
        }
        let kept = matches!(post.message.kind(), Kind::Progress | Kind::Offer | Kind::Prepare);
        if from_n1 && kept { Fate::Lost } else { Fate::Usual }
    });
    let breach = sim.run_for(Duration::from_secs(5)).expect_err("a promise that hides votes");
    assert_eq!(breach.invariant, "written_before_spoken", "{breach}");
}
