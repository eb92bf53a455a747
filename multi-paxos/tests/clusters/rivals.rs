//! Leaders that appoint themselves: they cost time, never agreement.

use super::scene::{anything_chosen, cluster, executed, ms, rivals, submit};
use paxos_core::{Kind, NodeId};
use paxos_transport::sim::{Delay, Sim, Stop};

#[test]
fn duelling_leaders_decide_nothing_as_long_as_they_duel() {
    let mut sim = cluster(rivals(None), 0);
    submit(&mut sim, 0, 10);
    // The second begins when the first is between its phases, and so it goes on.
    sim.run_for(ms(1)).expect("no invariant breaks");
    submit(&mut sim, 1, 11);
    sim.run_for(ms(200)).expect("no invariant breaks");
    assert!(!anything_chosen(&sim));
    let highest = sim.node(NodeId(2)).and_then(|node| Some(node.acceptor()?.promised().round()));
    assert!(highest >= Some(150), "{highest:?} ballots");
    assert!(sim.counts().of(Kind::Prepare) >= 300);
    // As soon as one of them is slower, the other one gets through; then the slow one has its turn.
    for to in [0, 2] {
        sim.links_mut().pairs.insert((NodeId(1), NodeId(to)), Delay::Constant(ms(7)));
    }
    let stop = sim.run_until(Sim::all_answered);
    assert_eq!(stop.expect("no invariant breaks"), Stop::Done);
    sim.run_for(ms(100)).expect("no invariant breaks");
    let mut journal = sim.machine(NodeId(0)).expect("it is there").0.clone();
    journal.sort_unstable();
    assert_eq!(journal, [10, 11]);
}

#[test]
fn leaders_that_back_off_decide() {
    let mut sim = cluster(rivals(Some((ms(2), ms(100)))), 0);
    submit(&mut sim, 0, 10);
    sim.run_for(ms(1)).expect("no invariant breaks");
    submit(&mut sim, 1, 11);
    sim.run_for(ms(199)).expect("no invariant breaks");
    assert!(sim.all_answered());
    for value in 20..120 {
        sim.submit_in_turn(NodeId((value % 2) as u16), 4, [value]);
    }
    assert_eq!(sim.run_until(Sim::all_answered).expect("no invariant breaks"), Stop::Done);
    sim.run_for(ms(500)).expect("no invariant breaks");
    assert!(executed(&sim, 102), "{:?}", sim.machine(NodeId(2)));
}
