//! Drawings of whole runs. `UPDATE_EXPECT=1 cargo test -p multi-paxos` redraws them.

use super::scene::{
    assert_documented, cluster, drawn, drawn_command, drawn_without, established, executed, ms, quiet,
    settle, submit,
};
use expect_test::expect_file;
use paxos_core::{Announce, Campaign, Config, Kind, Learning, NodeId, Time};
use paxos_transport::sim::Fault;

/// One command of a client, once a leader is established.
fn steady(config: Config) -> String {
    let (mut sim, client) = established(config);
    drawn_command(&mut sim, client, 7)
}

fn first() -> String {
    let mut sim = cluster(Config { campaign: Campaign::Lazy, ..quiet(3) }, 1);
    submit(&mut sim, 3, 7);
    settle(&mut sim);
    drawn(&sim, Time(0))
}

#[test]
fn the_first_decision_of_a_leader() {
    expect_file!["../runs/first.txt"].assert_eq(&first());
}

/// Everyone learns from votes, or roles are separate.
#[test]
fn a_decision_in_the_steady_state() {
    let separate = Config::separate(1, 3, 2).expect("lawful");
    for (name, config) in [
        ("steady", quiet(3)),
        ("everyone", Config { learning: Learning::Everyone, ..quiet(3) }),
        ("separate", Config { timeouts: quiet(3).timeouts, ..separate }),
    ] {
        expect_file![format!("../runs/{name}.txt")].assert_eq(&steady(config));
    }
}

#[test]
fn decisions_that_travel_on_the_next_phase_2a() {
    let mut sim = cluster(Config { announce: Announce::WithNext, ..quiet(3) }, 1);
    settle(&mut sim);
    submit(&mut sim, 3, 6);
    settle(&mut sim);
    submit(&mut sim, 3, 7);
    settle(&mut sim);
    expect_file!["../runs/piggybacked.txt"].assert_eq(&drawn(&sim, Time(0)));
}

/// n1's client waits, so it hears what is chosen at once, with what it has not heard before; n2 hears it with the next phase 2a.
#[test]
fn decisions_that_only_those_hear_who_wait() {
    let mut sim = cluster(Config { announce: Announce::ToWaiting, ..quiet(3) }, 1);
    settle(&mut sim);
    for (client, value) in [(0, 6), (1, 7), (3, 8)] {
        submit(&mut sim, client, value);
        settle(&mut sim);
    }
    expect_file!["../runs/to_waiting.txt"].assert_eq(&drawn(&sim, Time(0)));
}

#[test]
fn a_batch_that_lingers_goes_when_its_time_has_come_or_it_is_full() {
    let mut config = quiet(3);
    config.timeouts.linger = Some(ms(3));
    config.limits.batch = 3;
    let mut sim = cluster(config, 2);
    settle(&mut sim);
    let start = sim.now();
    for (at, client) in [(0, 3), (1, 4), (2, 3), (10, 3), (11, 4)] {
        sim.submit_at(start.after(ms(at)), NodeId(client), at);
    }
    sim.run_for(ms(40)).expect("no invariant breaks");
    assert!(sim.all_answered());
    expect_file!["../runs/linger.txt"].assert_eq(&drawn(&sim, start));
}

#[test]
fn a_new_leader_finishes_what_the_old_one_left() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.campaign = Campaign::Lazy;
    let mut sim = cluster(config, 1);
    submit(&mut sim, 3, 7);
    // It crashes while its phase 2a is on the way.
    sim.fail_at(Time(0).after(ms(4)), Fault::Crash(NodeId(0)));
    sim.fail_at(Time(0).after(ms(400)), Fault::Restart(NodeId(0)));
    sim.run_for(ms(600)).expect("no invariant breaks");
    assert!(sim.all_answered());
    expect_file!["../runs/crash.txt"].assert_eq(&drawn(&sim, Time(0)));
}

#[test]
fn a_client_whose_session_expired_goes_on_with_a_new_one() {
    let mut config = quiet(3);
    config.limits.idle = 1;
    let mut sim = cluster(config, 2);
    settle(&mut sim);
    for (client, value) in [(3, 1), (4, 2), (4, 3)] {
        submit(&mut sim, client, value);
        settle(&mut sim);
    }
    sim.run_for(ms(1)).expect("no invariant breaks");
    let start = sim.now();
    // The session has expired: none of its commands was chosen in the last slots. So this command is not executed; the
    // next is.
    for value in [4, 5] {
        submit(&mut sim, 3, value);
        settle(&mut sim);
    }
    assert_eq!(sim.machine(NodeId(0)).expect("it is there").0, [1, 2, 3, 5]);
    expect_file!["../runs/expired.txt"].assert_eq(&drawn(&sim, start));
}

#[test]
fn a_server_that_was_down_for_long_catches_up_by_a_snapshot() {
    let mut config = quiet(3);
    (config.limits.snapshot, config.limits.chunk) = (8, 80);
    (config.timeouts.gossip, config.timeouts.resend) = (Some(ms(20)), Some(ms(50)));
    let mut sim = cluster(config, 1);
    sim.fail(Fault::Crash(NodeId(2)));
    for value in 0..20 {
        submit(&mut sim, 3, value);
        sim.run_for(ms(5)).expect("no invariant breaks");
    }
    let start = sim.now();
    sim.fail(Fault::Restart(NodeId(2)));
    sim.run_until(|sim| executed(sim, 20)).expect("no invariant breaks");
    expect_file!["../runs/snapshot.txt"].assert_eq(&drawn_without(&sim, start, &[Kind::Progress]));
}

#[test]
fn the_pictures_in_the_docs_are_real_runs() {
    for drawn in [first(), steady(quiet(3))] {
        assert_documented(include_str!("../../src/lib.rs"), &drawn);
    }
}
