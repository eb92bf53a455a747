//! Each role by itself: the messages it receives and its answers.

mod acceptor;
mod learner;
mod proposer;

use basic_paxos::{
    Accept, Accepted, Acceptor, BasicPaxos, Decision, Learner, One, Options, Prepare, Promise, Proposer,
    leaderless, simple,
};
use core::time::Duration;
use paxos_core::{
    Audience, Ballot, Batch, Chosen, ClientId, Config, Entry, Nack, NodeId, Phase, Proposal, Proposer as _,
    Reach, Record, Request, Setup, Slot, Time,
};
use std::sync::Arc;

type P = BasicPaxos<u64, u64>;

/// A process that plays no role here.
const STRANGER: NodeId = NodeId(40);

const NOW: Time = Time(0);

fn setup(config: Config, id: u16) -> Setup<Options> {
    Setup { id: NodeId(id), config: Arc::new(config), options: Options::default() }
}

fn rivals() -> Setup<Options> {
    setup(leaderless(3).expect("lawful"), 0)
}

fn ballot(round: u64, owner: u16) -> Ballot {
    Ballot::classic(round, NodeId(owner))
}

fn entry(seq: u64) -> Entry<u64> {
    Entry::new(ClientId { node: NodeId(9), session: 0, nonce: 0 }, seq, 100 + seq)
}

fn one(seq: u64) -> One<u64> {
    One::from(entry(seq))
}

fn request(seqs: core::ops::Range<u64>) -> Request<u64> {
    Request { commands: seqs.map(entry).collect(), audience: Audience::Leader }
}

#[test]
fn an_entry_travels_alone() {
    let batch: Batch<u64> = (0..3).map(entry).collect();
    let second = One::each(&batch).nth(1).expect("three");
    let json = serde_json::to_string(&second).expect("it can be written");
    assert_eq!(json, serde_json::to_string(&entry(1)).expect("it can be written"));
    assert_eq!(serde_json::from_str::<One<u64>>(&json).expect("it can be read"), second);
}
