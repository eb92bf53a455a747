//! Crashes of minorities do no harm; crashes of majorities only cost time.

use super::cluster::{Journal, anything_chosen, cluster, executed, ms, run, submit, until};
use super::{Facts, Tested};
use crate::sim::{Fault, Sim};
use paxos_core::{Config, Leadership, Learning, NodeId};

/// Five servers and a client, with each way of learning, and with an elected leader or rivals.
fn fives<P: Tested>(facts: &Facts<P>) -> impl Iterator<Item = Sim<P, Journal>> + '_ {
    let rivals = Leadership::SelfAppointed { backoff: Some((ms(5), ms(200))) };
    let elected = Config::collapsed(5).expect("servers").leadership;
    [Learning::Everyone, Learning::Distinguished].into_iter().flat_map(move |learning| {
        [elected, rivals].into_iter().map(move |leadership| {
            let config = Config { learning, leadership, ..Config::collapsed(5).expect("servers") };
            cluster(config, (facts.options)(0), 1)
        })
    })
}

/// All ten pairs of five acceptors are tested.
pub fn five_acceptors_decide_with_any_two_crashed<P: Tested>(facts: &Facts<P>) {
    for (a, b) in (0..5_u16).flat_map(|a| (0..a).map(move |b| (a, b))) {
        for mut sim in fives(facts) {
            sim.fail(Fault::Crash(NodeId(a)));
            sim.fail(Fault::Crash(NodeId(b)));
            submit(&mut sim, 5, 7);
            assert!(until(&mut sim, |sim| sim.all_answered() && executed(sim, 1)), "without n{a} and n{b}");
        }
    }
}

/// Two of five acceptors are not a quorum; a third one makes them a quorum.
pub fn five_acceptors_stop_with_three_crashed_and_go_on_when_one_is_back<P: Tested>(facts: &Facts<P>) {
    for back in 2..5 {
        for mut sim in fives(facts) {
            (2..5).for_each(|id| sim.fail(Fault::Crash(NodeId(id))));
            submit(&mut sim, 5, 7);
            run(&mut sim, ms(10_000));
            assert!(!anything_chosen(&sim) && !sim.all_answered());
            sim.fail(Fault::Restart(NodeId(back)));
            assert!(until(&mut sim, |sim| sim.all_answered() && executed(sim, 1)), "with n{back} back");
        }
    }
}

/// All machines are empty after the restart, and then reach their former state.
pub fn what_was_answered_survives_the_crash_of_everyone<P: Tested>(facts: &Facts<P>) {
    for mut sim in fives(facts) {
        (0..20).for_each(|value| submit(&mut sim, 5, value));
        assert!(until(&mut sim, Sim::all_answered));
        // Rivals look for former votes when a client submits something. An elected leader does so by itself.
        let rivals = !matches!(sim.world().config.leadership, Leadership::Elected { .. });
        if rivals {
            assert!(until(&mut sim, |sim| executed(sim, 20)));
        }
        let journal = sim.machine(NodeId(0)).expect("it is there").0.clone();
        (0..5).for_each(|id| sim.fail(Fault::Crash(NodeId(id))));
        (0..5).for_each(|id| sim.fail(Fault::Restart(NodeId(id))));
        assert!(sim.machine(NodeId(0)).is_some_and(|machine| machine.0.is_empty()));
        (20..20 + u64::from(rivals)).for_each(|value| submit(&mut sim, 5, value));
        assert!(until(&mut sim, |sim| executed(sim, 20 + usize::from(rivals))));
        let after = &sim.machine(NodeId(4)).expect("it is there").0;
        assert!(after.starts_with(&journal), "{journal:?}, and then {after:?}");
        let mut answered = after[..20].to_vec();
        answered.sort_unstable();
        assert!(answered.into_iter().eq(0..20));
    }
}
