//! Drawings of whole runs. `UPDATE_EXPECT=1 cargo test -p fast-paxos` redraws them.

use super::scene::{
    Journal, P, assert_documented, cluster, drawn, drawn_command, drawn_without, ms, quiet, recovering,
    settle, submit,
};
use expect_test::expect_file;
use fast_paxos::Recovery;
use paxos_core::{Config, Kind, Learning, NodeId, Time};
use paxos_transport::sim::{Fault, Sim, Stop};

/// One command of a client in an open fast ballot.
fn steady(config: Config) -> String {
    let client = config.servers().len() as u16;
    let mut sim = cluster(config, 1);
    settle(&mut sim);
    drawn_command(&mut sim, client, 7)
}

/// Clients beside n0 and n1 of three servers send at the same moment.
fn collide(recovery: Recovery) -> (Sim<P, Journal>, Time) {
    let mut sim = recovering(quiet(3), 0, recovery);
    settle(&mut sim);
    sim.run_for(ms(1)).expect("no invariant breaks");
    let start = sim.now();
    submit(&mut sim, 0, 7);
    submit(&mut sim, 1, 8);
    settle(&mut sim);
    assert!(sim.all_answered());
    (sim, start)
}

fn collision(recovery: Recovery) -> String {
    let (sim, start) = collide(recovery);
    drawn(&sim, start)
}

#[test]
fn the_first_decision_of_a_leader() {
    let mut sim = cluster(quiet(4), 1);
    // The command is on its way when the fast ballot opens.
    sim.run_for(ms(3)).expect("no invariant breaks");
    submit(&mut sim, 4, 7);
    settle(&mut sim);
    expect_file!["../runs/first.txt"].assert_eq(&drawn(&sim, Time(0)));
}

/// Everyone learns from votes, or roles are separate.
#[test]
fn a_decision_in_the_steady_state() {
    let separate = Config::separate(1, 3, 2).expect("lawful");
    for (name, config) in [
        ("steady", quiet(4)),
        ("everyone", Config { learning: Learning::Everyone, ..quiet(4) }),
        ("separate", Config { timeouts: quiet(3).timeouts, ..separate }),
    ] {
        expect_file![format!("../runs/{name}.txt")].assert_eq(&steady(config));
    }
}

#[test]
fn a_collision_with_each_recovery() {
    for (name, recovery) in [
        ("coordinated", Recovery::Coordinated),
        ("classic", Recovery::Classic),
        ("uncoordinated", Recovery::Uncoordinated),
    ] {
        expect_file![format!("../runs/collision_{name}.txt")].assert_eq(&collision(recovery));
    }
}

#[test]
fn both_commands_of_a_collision_are_executed_once_each() {
    for recovery in [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic] {
        let (sim, _) = collide(recovery);
        for id in 0..3 {
            let mut journal = sim.machine(NodeId(id)).expect("it is there").0.clone();
            journal.sort_unstable();
            assert_eq!(journal, [7, 8], "n{id}, {recovery:?}");
        }
    }
}

#[test]
fn a_new_leader_finishes_what_the_old_one_left() {
    let mut sim = cluster(Config::collapsed(4).expect("lawful"), 1);
    sim.run_for(ms(10)).expect("no invariant breaks");
    let start = sim.now();
    submit(&mut sim, 4, 7);
    // It crashes while the votes are on the way to it.
    sim.fail_at(start.after(ms(2)), Fault::Crash(NodeId(0)));
    sim.fail_at(start.after(ms(400)), Fault::Restart(NodeId(0)));
    sim.run_for(ms(600)).expect("no invariant breaks");
    assert!(sim.all_answered());
    // A leader repeats *any* with each heartbeat.
    let upkeep = [Kind::Any, Kind::Heartbeat, Kind::Heard, Kind::Progress, Kind::CatchUp];
    expect_file!["../runs/crash.txt"].assert_eq(&drawn_without(&sim, start, &upkeep));
}

#[test]
fn the_pictures_in_the_docs_are_real_runs() {
    for drawn in [steady(quiet(4)), collision(Recovery::Coordinated), collision(Recovery::Uncoordinated)] {
        assert_documented(include_str!("../../src/lib.rs"), &drawn);
    }
}

#[test]
fn a_collision_disturbs_the_next_command_at_most() {
    for (learning, recovery) in [
        (Learning::Everyone, Recovery::Coordinated),
        (Learning::Everyone, Recovery::Uncoordinated),
        (Learning::Everyone, Recovery::Classic),
        (Learning::Distinguished, Recovery::Coordinated),
        (Learning::Distinguished, Recovery::Uncoordinated),
        (Learning::Distinguished, Recovery::Classic),
    ] {
        let mut sim = recovering(Config { learning, ..quiet(3) }, 1, recovery);
        settle(&mut sim);
        submit(&mut sim, 0, 7);
        submit(&mut sim, 1, 8);
        settle(&mut sim);
        let delays: Vec<u128> = (20..30)
            .map(|value| {
                let start = sim.now();
                submit(&mut sim, 3, value);
                let stop = sim.run_until(Sim::all_answered);
                assert_eq!(stop.expect("no invariant breaks"), Stop::Done);
                let delay = sim.now().since(start).as_millis();
                settle(&mut sim);
                delay
            })
            .collect();
        assert!(
            delays[0] <= 4 && delays[1..].iter().all(|delay| *delay == 3),
            "{learning:?} {recovery:?} {delays:?}"
        );
    }
}
