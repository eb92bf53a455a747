//! Leaders that appoint themselves: they cost time, but never agreement.

use super::cluster::{Journal, anything_chosen, cluster, executed, ms, rivals, run, submit, until};
use super::{Facts, Tested};
use crate::sim::{Delay, Fate, Sim};
use paxos_core::{Config, Kind, Leadership, Learning, Node, NodeId};

/// n1 begins while n0 is between its phases, so that for 20 s each phase 1a overtakes the other's phase 2a.
pub fn duel<P: Tested>(facts: &Facts<P>) -> Sim<P, Journal> {
    let mut sim = cluster::<P>(rivals(None), (facts.options)(0), 0);
    sim.set_carrier(|post| if post.message.kind() == Kind::Prepare { Fate::Usual } else { Fate::Last });
    submit(&mut sim, 0, 10);
    run(&mut sim, ms(1));
    submit(&mut sim, 1, 11);
    run(&mut sim, ms(20_000));
    sim
}

/// The duel ends when one of them becomes slower.
pub fn duelling_leaders_decide_nothing_as_long_as_they_duel<P: Tested>(facts: &Facts<P>) {
    let mut sim = duel(facts);
    assert!(!anything_chosen(&sim));
    let highest = sim.node(NodeId(1)).map(|node| node.status().highest.round());
    assert!(highest >= Some(5000), "{highest:?} ballots");
    assert!(sim.counts().of(Kind::Prepare) > 5000, "{:?}", sim.counts());
    // When one proposer is slower, the other gets its command chosen, and then the slow one does.
    sim.set_carrier(|_| Fate::Usual);
    for to in [0, 2] {
        sim.links_mut().pairs.insert((NodeId(1), NodeId(to)), Delay::Constant(ms(7)));
    }
    assert!(until(&mut sim, Sim::all_answered));
    run(&mut sim, ms(100));
    let mut journal = sim.machine(NodeId(0)).expect("it is there").0.clone();
    journal.sort_unstable();
    assert_eq!(journal, [10, 11]);
}

/// Two of three servers repeatedly propose at the same time.
pub fn leaders_that_back_off_decide<P: Tested>(facts: &Facts<P>) {
    let mut sim = cluster::<P>(rivals(Some((ms(2), ms(100)))), (facts.options)(0), 0);
    submit(&mut sim, 0, 10);
    run(&mut sim, ms(1));
    submit(&mut sim, 1, 11);
    assert!(
        until(&mut sim, Sim::all_answered) && sim.now().since(paxos_core::Time(0)) <= ms(200),
        "{:?}",
        sim.now()
    );
    for value in 20..120 {
        sim.submit_in_turn(NodeId((value % 2) as u16), 4, [value]);
    }
    assert!(until(&mut sim, Sim::all_answered));
    run(&mut sim, ms(500));
    assert!(executed(&sim, 102), "{:?}", sim.machine(NodeId(2)));
}

/// The longest back-off that is configured ends long before two phases do. So it has to grow.
pub fn leaders_whose_back_off_is_too_short_decide<P: Tested>(facts: &Facts<P>) {
    let mut sim = cluster::<P>(rivals(Some((ms(1), ms(4)))), (facts.options)(0), 0);
    sim.links_mut().delay = Delay::Constant(ms(40));
    for value in 0..6 {
        sim.submit_in_turn(NodeId((value % 2) as u16), 1, [value]);
    }
    assert!(until(&mut sim, Sim::all_answered), "{:?}", sim.now());
}

/// Every server has commands and proposes them.
pub fn any_number_of_rivals_decides_all_commands<P: Tested>(facts: &Facts<P>) {
    for n in [1_u16, 3, 5] {
        for learning in [Learning::Everyone, Learning::Distinguished] {
            let mut config = Config { learning, ..Config::collapsed(n).expect("servers") };
            config.leadership = Leadership::SelfAppointed { backoff: Some((ms(5), ms(200))) };
            let mut sim = cluster::<P>(config, (facts.options)(0), 0);
            let all = 10 * usize::from(n);
            for value in 0..all as u64 {
                submit(&mut sim, (value % u64::from(n)) as u16, value);
            }
            assert!(until(&mut sim, |sim| sim.all_answered() && executed(sim, all)), "{n} {learning:?}");
        }
    }
}

/// Such a proposer hears from learners how long the log is.
pub fn rivals_that_do_not_learn_decide_all_commands<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::separate(2, 3, 2).expect("servers");
    config.learning = Learning::Everyone;
    config.leadership = Leadership::SelfAppointed { backoff: Some((ms(5), ms(200))) };
    let mut sim = cluster::<P>(config, (facts.options)(0), 0);
    (0..10).for_each(|value| submit(&mut sim, (value % 2) as u16, value));
    assert!(until(&mut sim, |sim| sim.all_answered() && executed(sim, 10)));
    assert!((0..2).all(|id| sim.node(NodeId(id)).is_some_and(|node| !Node::is_learner(node))));
}
