//! Explorations of small clusters, as far as the time of a test allows. `STEPS=0` explores all states.

use super::*;
use crate::lab::faults::Drawing;
use crate::load::Form;
use paxos_transport::sim::Step;

/// The shipped defaults, with two threads.
fn options(variant: Checkable, scenario: Scene, steps: u64) -> Check {
    Check {
        variant,
        scenario,
        acceptors: 3,
        clients: None,
        recovery: None,
        learners: 0,
        rounds: 2,
        crashes: 0,
        writes: 0,
        repeats: 0,
        forgetful: false,
        steps,
        seconds: 0,
        threads: NonZeroUsize::new(2),
        no_symmetry: false,
        draw: None,
        trace_out: None,
        format: Form::Table,
    }
}

/// Explores this many steps, with the shipped defaults.
fn explored(variant: Checkable, scenario: Scene, steps: u64, change: impl FnOnce(&mut Check)) -> Explored {
    let steps = std::env::var("STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(steps);
    let mut options = options(variant, scenario, steps);
    change(&mut options);
    check(&options, &mut |_| {}).expect("a lawful cluster")
}

/// Agreement holds, and not because nothing is ever decided.
fn agrees(explored: &Explored) {
    assert!(explored.agreement && explored.decision && explored.states > 1000, "{}", explored.table());
}

/// Agreement holds, and every command can be decided.
fn decides(explored: &Explored) {
    agrees(explored);
    assert!(explored.everything, "{}", explored.table());
}

#[test]
fn basic_paxos_with_two_proposers_agrees() {
    agrees(&explored(Checkable::Basic, Scene::Rivals, 150_000, |_| {}));
}

/// A refused proposer begins a second ballot of its own, so that it may hear of votes in two lower ones.
#[test]
fn a_rival_that_is_refused_begins_a_higher_ballot() {
    let change = |rounds| move |check: &mut Check| (check.acceptors, check.rounds) = (1, rounds);
    for variant in [Checkable::Basic, Checkable::Multi] {
        let rounds = [1, 2].map(|rounds| explored(variant, Scene::Rivals, 20_000, change(rounds)));
        for found in &rounds {
            assert!(found.agreement && found.everything, "{}", found.table());
        }
        assert!(rounds[0].states < rounds[1].states);
    }
}

#[test]
fn who_only_learns_agrees() {
    decides(&explored(Checkable::Multi, Scene::Rivals, 30_000, |check| {
        (check.learners, check.acceptors) = (1, 1);
    }));
}

#[test]
fn multi_paxos_with_two_proposers_agrees() {
    decides(&explored(Checkable::Multi, Scene::Rivals, 400_000, |check| check.rounds = 1));
}

#[test]
fn multi_paxos_whose_rivals_are_refused_agrees() {
    agrees(&explored(Checkable::Multi, Scene::Rivals, 150_000, |_| {}));
}

#[test]
fn multi_paxos_with_a_successor_agrees() {
    decides(&explored(Checkable::Multi, Scene::Succession, 150_000, |_| {}));
}

#[test]
fn multi_paxos_with_a_crash_agrees() {
    decides(&explored(Checkable::Multi, Scene::Succession, 150_000, |check| check.crashes = 1));
}

/// Messages arrive while a write is in progress, and a crash loses the write. With three acceptors, nothing is decided within
/// as many steps.
fn losing_writes(check: &mut Check) {
    (check.writes, check.crashes) = (1, 1);
    (check.acceptors, check.rounds) = (2, 1);
}

#[test]
fn multi_paxos_with_writes_under_way_and_a_crash_agrees() {
    decides(&explored(Checkable::Multi, Scene::Succession, 300_000, losing_writes));
}

#[test]
fn basic_paxos_with_writes_under_way_and_a_crash_agrees() {
    agrees(&explored(Checkable::Basic, Scene::Rivals, 300_000, losing_writes));
}

#[test]
fn fast_paxos_with_writes_under_way_and_a_crash_agrees() {
    decides(&explored(Checkable::Fast, Scene::Collision, 300_000, losing_writes));
}

#[test]
fn fast_paxos_with_a_successor_agrees() {
    decides(&explored(Checkable::Fast, Scene::Succession, 150_000, |_| {}));
}

#[test]
fn fast_paxos_with_a_collision_agrees() {
    decides(&explored(Checkable::Fast, Scene::Collision, 150_000, |_| {}));
}

#[test]
fn fast_paxos_whose_acceptors_recover_by_themselves_agrees() {
    let change = |check: &mut Check| check.recovery = Some(Recovery::Uncoordinated);
    decides(&explored(Checkable::Fast, Scene::Collision, 150_000, change));
}

#[test]
fn fast_paxos_whose_acceptors_recover_by_themselves_agrees_with_a_successor() {
    let change =
        |check: &mut Check| (check.recovery, check.clients) = (Some(Recovery::Uncoordinated), Some(2));
    agrees(&explored(Checkable::Fast, Scene::Succession, 300_000, change));
}

/// The new members choose a command, though each message between the old and the new ones may be lost, and another leads.
#[test]
fn a_replaced_acceptor_leaves_one_value_in_each_slot() {
    for variant in [Checkable::Basic, Checkable::Multi] {
        let found = explored(variant, Scene::Replacement, 40_000, |_| {});
        decides(&found);
        assert_eq!(found.succeeded, Some(true), "{}", found.table());
    }
    // The new members of Fast Paxos choose a command too, after a million steps.
    decides(&explored(Checkable::Fast, Scene::Replacement, 300_000, |_| {}));
}

#[test]
fn an_acceptor_that_loses_its_disk_breaks_agreement_and_the_way_there_is_told() {
    // With one thread, the run that is found is a shortest one.
    let change = |check: &mut Check| {
        (check.crashes, check.forgetful, check.rounds) = (1, true, 1);
        check.threads = NonZeroUsize::new(1);
    };
    let explored = explored(Checkable::Multi, Scene::Rivals, 3_000_000, change);
    assert!(explored.fails() && !explored.agreement, "{}", explored.table());
    let told = explored.counterexample.iter().any(|step| step.contains("it crashes"));
    assert!(told, "{}", explored.table());
    // The same run as a drawing and as a trace: who crashes had voted for what was chosen.
    let drawing = explored.drawing(Some(Drawing::Ascii)).expect("a run was found");
    assert!(drawing.contains("crashes"), "{drawing}");
    let steps = explored.found.as_ref().expect("a run was found").steps.lines();
    let crash = steps.iter().position(|step| step.step == "crash").expect("one crashes");
    let (before, after) = steps.split_at(crash);
    let chosen = before.iter().find(|step| step.step == "chosen").expect("a value is learned before");
    let votes = |step: &Step| step.node == after[0].node && step.step == "vote" && step.value == chosen.value;
    assert!(before.iter().any(votes), "{steps:?}");
}

/// Where all is explored, the states that differ only by which acceptor is which are as many as without the reduction, and
/// so are the findings.
#[test]
fn no_state_is_missed_because_acceptors_are_alike() {
    for (variant, scene, acceptors, crashes) in [
        (Checkable::Basic, Scene::Rivals, 2, 0),
        (Checkable::Basic, Scene::Rivals, 2, 1),
        (Checkable::Multi, Scene::Rivals, 2, 0),
        (Checkable::Fast, Scene::Collision, 3, 0),
    ] {
        let all = |no_symmetry| {
            explored(variant, scene, 0, |check| {
                (check.acceptors, check.rounds, check.crashes) = (acceptors, 1, crashes);
                check.no_symmetry = no_symmetry;
            })
        };
        let (once, each) = (all(false), all(true));
        assert!(once.complete && each.complete && once.states < each.states, "{}", once.table());
        assert_eq!((once.covered, each.covered), (each.states as u64, each.states as u64), "{variant:?}");
        assert_eq!((once.agreement, once.everything), (each.agreement, each.everything));
    }
}

#[test]
fn the_orders_of_many_acceptors_are_not_compared() {
    let found = explored(Checkable::Multi, Scene::Succession, 2_000, |check| check.acceptors = 9);
    assert!(found.symmetry && found.covered <= 120 * found.states as u64, "{}", found.table());
}

/// A request that arrives again takes another slot.
#[test]
fn requests_that_arrive_again_agree() {
    for (variant, scene) in [(Checkable::Multi, Scene::Succession), (Checkable::Fast, Scene::Collision)] {
        let [once, again] = [0, 1].map(|repeats| {
            explored(variant, scene, 150_000, |check| {
                (check.acceptors, check.rounds, check.repeats) = (2, 1, repeats);
            })
        });
        assert!(again.agreement && again.everything, "{}", again.table());
        assert!(once.complete && once.states < again.states, "{}", again.table());
    }
}

/// A leader that asks only the acceptors with the lowest ids treats them differently.
#[test]
fn acceptors_that_are_not_alike_are_noticed() {
    let options = options(Checkable::Multi, Scene::Succession, 10_000);
    let mut system = system::<MultiPaxos<u64, u64>>(&options).expect("lawful");
    Arc::make_mut(&mut system.config).thrifty = true;
    let explored = explore(&options, system, &mut |_| {});
    assert!(matches!(explored, Err(CheckError::Uneven(_))), "{explored:?}");
}

#[test]
fn what_has_no_effect_is_refused() {
    let lawful = |change: fn(&mut Check)| {
        let mut options = options(Checkable::Multi, Scene::Rivals, 1);
        change(&mut options);
        check(&options, &mut |_| {}).err()
    };
    assert!(matches!(lawful(|check| check.forgetful = true), Some(CheckError::NoCrash)));
    assert!(matches!(lawful(|check| check.recovery = Some(Recovery::Classic)), Some(CheckError::NoRecovery)));
    assert!(matches!(lawful(|check| check.clients = Some(1)), Some(CheckError::NoClients)));
    assert!(matches!(
        lawful(|check| (check.scenario, check.learners) = (Scene::Replacement, 1)),
        Some(CheckError::NoLearners)
    ));
    assert!(matches!(
        lawful(|check| (check.scenario, check.acceptors) = (Scene::Replacement, 1)),
        Some(CheckError::Alone)
    ));
}

#[test]
fn the_json_has_every_option_that_the_result_depends_on() {
    let found = explored(Checkable::Fast, Scene::Collision, 2_000, |check| {
        (check.acceptors, check.crashes, check.writes) = (4, 1, 2);
    });
    let json = serde_json::to_value(&found).expect("JSON");
    let expected = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"), "variant": "fast", "scenario": "collision", "acceptors": 4, "clients": 2,
        "recovery": "coordinated", "rounds": 2, "crashes": 1, "writes": 2, "repeats": 0, "forgetful": false,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&json[name], value, "{name}");
    }
}
