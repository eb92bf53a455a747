//! Any number of proposers in bad weather: nothing is broken, and when it is over everything is decided, once.

use crate::cluster::{Cluster, P};
use basic_paxos::{leaderless, simple};
use core::time::Duration;
use paxos_core::{Config, Jitter, Leadership, Learning, Node, NodeId, NodeSet};

const MS: Duration = Duration::from_millis(1);

/// Loss, duplication, reordering, a crash and restart, and then peace: everything is decided, once.
fn storm(seed: u64, mut config: Config, askers: NodeSet) {
    config.seed = seed;
    let mut dice = Jitter::new(seed, NodeId(99));
    let servers = config.servers();
    let clients = askers.without(servers).len() as u16;
    let mut cluster = Cluster::new(config, clients);
    let mut network = Jitter::new(seed, NodeId(98));
    cluster.link = Box::new(move |_, _, _| match network.draw() % 20 {
        0 | 1 => vec![],
        2 => vec![1 + network.draw() % 9, 1 + network.draw() % 30],
        _ => vec![1 + network.draw() % 9],
    });
    let mut value = 0;
    let mut down = None;
    for round in 1..=12 {
        for id in askers.iter().filter(|id| down != Some(id.0)) {
            value += 1;
            cluster.submit(id.0, value);
        }
        cluster.run(round * 20, |_| false);
        if let Some(id) = down.take() {
            cluster.restart(id);
        } else {
            let at = dice.draw() as usize % servers.len();
            let id = servers.iter().nth(at).expect("in range").0;
            cluster.crash(id);
            down = Some(id);
        }
    }
    if let Some(id) = down {
        cluster.restart(id);
    }
    cluster.link = Box::new(|_, _, _| vec![1]);
    // Commands of clients that crashed with their process may be lost; those that a surviving client still waits
    // for may not.
    let settled = |c: &Cluster| {
        let waiting = |node: &Node<_>| paxos_core::Client::<P>::unanswered(node.client());
        let up = c.nodes.iter().flatten();
        let learners =
            || up.clone().filter(|node| node.is_learner()).map(|node| node.chosen().first_unknown());
        up.clone().all(|node| waiting(node) == 0) && learners().min() == learners().max()
    };
    assert!(cluster.run(60_000, settled), "seed {seed}: not settled at {}", cluster.now);
    let learners = || {
        cluster.nodes.iter().zip(&cluster.replicas).filter(|(n, _)| n.as_ref().is_some_and(Node::is_learner))
    };
    let (_, first) = learners().next().expect("one");
    assert!(learners().all(|(_, replica)| replica.machine().0 == first.machine().0), "seed {seed}");
}

/// `STORMS=20000 cargo test --release` for a long night.
fn seeds() -> u64 {
    std::env::var("STORMS").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

#[test]
fn rivals_survive_any_storm() {
    for seed in 0..seeds() {
        let learning = if seed % 2 == 0 { Learning::Everyone } else { Learning::Distinguished };
        let thrifty = seed % 3 == 0;
        storm(seed, Config { learning, thrifty, ..leaderless(3).expect("lawful") }, NodeSet::first(3));
    }
}

#[test]
fn simple_paxos_survives_any_storm() {
    for seed in 0..seeds() {
        let learning = if seed % 2 == 0 { Learning::Everyone } else { Learning::Distinguished };
        let clients = [5, 6].map(NodeId).into_iter().collect();
        storm(seed, Config { learning, thrifty: seed % 3 == 0, ..simple(5).expect("lawful") }, clients);
    }
}

#[test]
fn separate_roles_survive_any_storm() {
    for seed in 0..seeds() {
        let mut config = Config::separate(2, 3, 2).expect("lawful");
        config.learning = if seed % 2 == 0 { Learning::Everyone } else { Learning::Distinguished };
        if seed % 4 < 2 {
            config.leadership = Leadership::SelfAppointed { backoff: Some((5 * MS, 200 * MS)) };
        }
        storm(seed, config, [7, 8].map(NodeId).into_iter().collect());
    }
}
