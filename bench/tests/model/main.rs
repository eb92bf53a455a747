//! Every run of small clusters, by the model checker stateright: the nodes are those that users get, and the network
//! may delay, reorder, double and lose whatever is said.

mod system;

use basic_paxos::BasicPaxos;
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{Ballot, Config, Leadership, Learning, Message, NodeId, Slot, Timeouts};
use stateright::{Checker, Model};
use std::io::Write;
use std::sync::Arc;
use system::{Checked, System};

type Basic = BasicPaxos<u64, u64>;
type Multi = MultiPaxos<u64, u64>;
type Fast = FastPaxos<u64, u64>;

/// Two proposers, then acceptors; clients behind them.
fn system<P: Checked>(acceptors: u16) -> System<P> {
    let mut config = Config::separate(2, acceptors, 0).expect("lawful");
    config.timeouts = Timeouts::NEVER;
    config.learning = Learning::Distinguished;
    System {
        config: Arc::new(config),
        options: P::Options::default(),
        commands: Vec::new(),
        early: Vec::new(),
        processes: 2 + acceptors,
        rounds: 1,
        crashes: 0,
        forgetful: false,
        writes: 0,
    }
}

/// Both proposers have a command of their own, and no leader.
fn rivals<P: Checked>(acceptors: u16) -> System<P> {
    let mut system = system(acceptors);
    Arc::make_mut(&mut system.config).leadership = Leadership::SelfAppointed { backoff: None };
    system.commands = vec![(0, 10), (1, 11)];
    system
}

/// n0 leads, in a ballot that is open to what two clients send, and n1 takes over at any time.
fn succession<P: Checked>(acceptors: u16, clients: u16) -> System<P> {
    let mut system = system(acceptors);
    let first = system.processes;
    system.processes += clients;
    system.commands = (0..clients).map(|k| (first + k, 10 + u64::from(k))).collect();
    let ballot = Ballot::classic(1, NodeId(0));
    system.early = vec![(0, 1, Message::TakeOver { ballot, chosen: Slot(0) })];
    system.rounds = 2;
    system
}

/// Explores breadth first, up to `STATES` states if that is set.
fn explore<P: Checked>(system: System<P>, states: usize) -> impl Checker<System<P>> {
    let states = std::env::var("STATES").ok().and_then(|n| n.parse().ok()).unwrap_or(states);
    let checker = system.checker().threads(2).target_state_count(states).spawn_bfs().join();
    let (steps, states, depth) = (checker.state_count(), checker.unique_state_count(), checker.max_depth());
    _ = writeln!(std::io::stderr(), "{steps} steps to {states} states, each at most {depth} from the start");
    checker
}

#[test]
fn basic_paxos_with_two_proposers_agrees() {
    explore(rivals::<Basic>(3), 150_000).assert_no_discovery("agreement");
}

#[test]
fn multi_paxos_with_two_proposers_agrees() {
    explore(rivals::<Multi>(3), 400_000).assert_properties();
}

#[test]
fn multi_paxos_with_a_successor_agrees() {
    explore(succession::<Multi>(3, 1), 150_000).assert_properties();
}

#[test]
fn multi_paxos_with_a_crash_agrees() {
    explore(System { crashes: 1, ..succession::<Multi>(3, 1) }, 150_000).assert_properties();
}

/// Messages arrive while a write is under way, and a crash loses it.
#[test]
fn multi_paxos_with_writes_under_way_and_a_crash_agrees() {
    explore(System { writes: 1, crashes: 1, ..succession::<Multi>(3, 1) }, 300_000)
        .assert_no_discovery("agreement");
}

#[test]
fn basic_paxos_with_writes_under_way_and_a_crash_agrees() {
    explore(System { writes: 1, crashes: 1, ..rivals::<Basic>(3) }, 150_000).assert_no_discovery("agreement");
}

#[test]
fn fast_paxos_with_writes_under_way_and_a_crash_agrees() {
    let system = System { writes: 1, crashes: 1, early: Vec::new(), ..succession::<Fast>(3, 2) };
    explore(system, 150_000).assert_no_discovery("agreement");
}

#[test]
fn fast_paxos_with_a_successor_agrees() {
    explore(succession::<Fast>(3, 1), 150_000).assert_properties();
}

#[test]
fn fast_paxos_with_a_collision_agrees() {
    let system = System { early: Vec::new(), ..succession::<Fast>(3, 2) };
    explore(system, 150_000).assert_properties();
}

#[test]
fn fast_paxos_whose_acceptors_recover_by_themselves_agrees() {
    let mut system = System { early: Vec::new(), ..succession::<Fast>(3, 2) };
    system.options.recovery = fast_paxos::Recovery::Uncoordinated;
    explore(system, 150_000).assert_properties();
}

#[test]
fn fast_paxos_whose_acceptors_recover_by_themselves_agrees_with_a_successor() {
    let mut system = succession::<Fast>(3, 2);
    system.options.recovery = fast_paxos::Recovery::Uncoordinated;
    explore(system, 300_000).assert_no_discovery("agreement");
}

#[test]
fn an_acceptor_that_loses_its_disk_breaks_agreement() {
    let system = System { crashes: 1, forgetful: true, ..rivals::<Multi>(3) };
    assert!(explore(system, 3_000_000).discovery("agreement").is_some());
}
