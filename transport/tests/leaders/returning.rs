//! A process that returns disturbs no other.

use super::scene::{Journal, MS, Multi, T, decides, elections, prepares, run, start, world};
use core::time::Duration;
use paxos_core::{Ballot, NodeId};
use paxos_transport::sim::{Chance, Cut, Fault, Sim};

/// How a process is absent before it returns.
#[derive(Clone, Copy)]
enum Absence {
    Crash,
    Pause,
    Cut,
}

fn ballot_of(sim: &Sim<Multi, Journal>, leader: NodeId) -> Option<Ballot> {
    sim.node(leader)?.leading()
}

/// A follower of three or five processes is absent for up to six timeouts, and returns.
fn nothing_happens(absence: Absence) {
    for seed in 0..1000 {
        let mut chance = Chance::new(seed, 8);
        let n = 3 + 2 * (seed % 2) as u16;
        let mut sim = start(world::<Multi>(n, seed));
        run(&mut sim, 300 * MS);
        let (leader, away) = (NodeId(0), NodeId(1 + chance.below(u64::from(n) - 1) as u16));
        let ballot = ballot_of(&sim, leader).expect("n0 leads");
        let (before, asked) = (elections(&sim), prepares(&sim));
        let time = chance.between(Duration::ZERO, 6 * T);
        let (start, end) = (sim.now(), sim.now().after(time));
        match absence {
            Absence::Crash => sim.fail(Fault::Crash(away)),
            Absence::Pause => sim.fail(Fault::Pause(away)),
            Absence::Cut => {
                let to = (0..n).map(NodeId).filter(|id| *id != away).collect();
                sim.links_mut().cuts.push(Cut { from: vec![away], to, both_ways: true, start, end });
            }
        }
        assert!(decides(&mut sim, 0, 1, T), "the others go on");
        run(&mut sim, time);
        match absence {
            Absence::Crash => sim.fail(Fault::Restart(away)),
            Absence::Pause => sim.fail(Fault::Resume(away)),
            Absence::Cut => {}
        }
        run(&mut sim, 10 * T);
        assert!(decides(&mut sim, 0, 2, T) && decides(&mut sim, away.0, 3, 2 * T), "seed {seed}");
        assert_eq!(ballot_of(&sim, leader), Some(ballot), "seed {seed}");
        assert_eq!(prepares(&sim), asked, "seed {seed}");
        let after = elections(&sim);
        assert_eq!((after.campaigns, after.won), (before.campaigns, before.won), "seed {seed}");
    }
}

#[test]
fn a_process_that_crashed_and_restarts_causes_no_election() {
    nothing_happens(Absence::Crash);
}

#[test]
fn a_process_that_was_halted_and_goes_on_causes_no_election() {
    nothing_happens(Absence::Pause);
}

#[test]
fn a_process_that_was_cut_off_and_is_back_causes_no_election() {
    nothing_happens(Absence::Cut);
}

#[test]
fn a_leader_that_was_replaced_and_comes_back_causes_no_election() {
    for seed in 0..200 {
        let mut sim = start(world::<Multi>(3, seed));
        run(&mut sim, 300 * MS);
        let halted = seed % 2 == 0;
        sim.fail(if halted { Fault::Pause(NodeId(0)) } else { Fault::Crash(NodeId(0)) });
        run(&mut sim, 10 * T);
        let up = [NodeId(1), NodeId(2)].into_iter();
        let ballot = up.filter_map(|id| ballot_of(&sim, id)).max().expect("another leads");
        let asked = prepares(&sim);
        sim.fail(if halted { Fault::Resume(NodeId(0)) } else { Fault::Restart(NodeId(0)) });
        run(&mut sim, 10 * T);
        assert_eq!(ballot_of(&sim, ballot.owner), Some(ballot), "seed {seed}");
        assert_eq!((sim.leader(), prepares(&sim)), (Some(ballot.owner), asked), "seed {seed}");
    }
}
