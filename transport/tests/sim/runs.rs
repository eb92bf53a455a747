//! Runs in which nothing goes wrong.

use crate::support::{MS, quiet, sim};
use paxos_transport::sim::Stop;

#[test]
fn a_command_is_answered() {
    let (mut world, client) = quiet(3);
    world.trace = true;
    let mut sim = sim(world);
    assert_eq!(sim.run_to_quiescence(10 * MS), Ok(Stop::Quiet));
    sim.submit(client, 7).expect("up");
    assert_eq!(sim.run_to_quiescence(100 * MS), Ok(Stop::Quiet));
    let trace = sim.trace().expect("kept");
    println!("{}", trace.draw());
    println!("{}", trace.to_mermaid());
    println!("{:?}", sim.commands());
}
