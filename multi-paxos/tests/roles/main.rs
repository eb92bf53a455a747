//! Each role by itself: the messages it receives and its answers.

mod acceptor;
mod changes;
mod election;
mod epochs;
mod learner;
mod node;
mod proposer;
mod snapshot;

use multi_paxos::{Accept, Accepted, Acceptor, Decision, Learner, MultiPaxos, Prepare, Promise, Proposer};
use paxos_core::{
    Audience, Ballot, Batch, Chosen, ClientId, Config, Entry, Event, Message, Nack, Node, NodeId, Phase,
    Proposal, Reach, Record, Request, Setup, Slot, SlotRange, Time, Vote,
};
use std::sync::Arc;

type P = MultiPaxos<u64, u64>;

const NOW: Time = Time(0);

fn setup(config: Config, id: u16) -> Setup<()> {
    Setup { id: NodeId(id), config: Arc::new(config), options: () }
}

/// Server `id` of `n` servers that play every role; n0 is the first leader.
fn server(id: u16, n: u16) -> Setup<()> {
    setup(Config::collapsed(n).expect("lawful"), id)
}

fn ballot(round: u64, owner: u16) -> Ballot {
    Ballot::classic(round, NodeId(owner))
}

fn entry(seq: u64) -> Entry<u64> {
    Entry::new(ClientId { node: NodeId(9), session: 0, nonce: 0 }, seq, 100 + seq)
}

fn batch(seqs: core::ops::Range<u64>) -> Batch<u64> {
    seqs.map(entry).collect()
}

fn slots(range: core::ops::Range<u64>) -> SlotRange {
    SlotRange::new(Slot(range.start), Slot(range.end))
}

/// A phase 2a for the commands `seqs`, from slot `first` on.
fn accept(b: Ballot, first: u64, seqs: core::ops::Range<u64>) -> Accept<u64> {
    Accept { ballot: b, first: Slot(first), batch: batch(seqs), chosen: Slot(0) }
}

/// A phase 2b without values.
fn accepted(b: Ballot, range: core::ops::Range<u64>) -> Accepted<u64> {
    Accepted { ballot: b, slots: slots(range), batch: None }
}

fn prepare(b: Ballot, from: u64) -> Prepare {
    Prepare { ballot: b, from: Slot(from) }
}

fn promise(b: Ballot, from: u64, votes: Vec<Vote<u64>>) -> Promise<u64> {
    Promise { ballot: b, from: Slot(from), until: Slot::MAX, votes }
}

fn vote(b: Ballot, first: u64, seqs: core::ops::Range<u64>) -> Vote<u64> {
    Vote { first: Slot(first), ballot: b, batch: batch(seqs) }
}

fn request(seqs: core::ops::Range<u64>) -> Request<u64> {
    Request { commands: batch(seqs), audience: Audience::Leader }
}
