//! Each role by itself: the messages it receives and its answers.

mod acceptor;
mod learner;
mod proposer;

use basic_paxos::{Accept, Accepted, BasicPaxos, One, Prepare, Promise, leaderless, simple};
use paxos_core::{Ballot, Config, Entry, NodeId, Proposal, Record, Slot};
use paxos_transport::conformance::Facts;
use paxos_transport::conformance::stage::{ballot, batch, entry};

type P = BasicPaxos<u64, u64>;
type Process = paxos_transport::conformance::stage::Process<P>;

/// n0 of such a cluster.
fn process(config: Config) -> Process {
    Process::new(&Facts::usual(), config, 0)
}

/// n0 of three proposers that appoint themselves.
fn rival() -> Process {
    process(leaderless(3).expect("lawful"))
}

fn one(seq: u64) -> One<u64> {
    One::from(entry(seq))
}

fn prepare(b: Ballot, slot: u64) -> Prepare {
    Prepare { ballot: b, slot: Slot(slot) }
}

fn accept(b: Ballot, slot: u64, seq: u64) -> Accept<u64> {
    Accept { ballot: b, slot: Slot(slot), entry: one(seq) }
}

#[test]
fn an_entry_travels_alone() {
    let batch = batch(0..3);
    let second = One::each(&batch).nth(1).expect("three");
    let json = serde_json::to_string(&second).expect("it can be written");
    assert_eq!(json, serde_json::to_string(&entry(1)).expect("it can be written"));
    assert_eq!(serde_json::from_str::<One<u64>>(&json).expect("it can be read"), second);
}
