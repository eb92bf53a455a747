//! Each role by itself: the messages it receives and its answers.

mod acceptor;
mod learner;
mod proposer;

use core::ops::Range;
use multi_paxos::{Accept, Accepted, MultiPaxos, Prepare, Promise};
use paxos_core::{Ballot, Batch, Config, NodeId, Record, Slot, Vote};
use paxos_transport::conformance::Facts;
use paxos_transport::conformance::stage::{ballot, batch, entry, slots};

type P = MultiPaxos<u64, u64>;
type Process = paxos_transport::conformance::stage::Process<P>;

/// Server `id` of `n` servers that play every role; n0 is the first leader.
fn server(id: u16, n: u16) -> Process {
    Process::new(&Facts::usual(), Config::collapsed(n).expect("lawful"), id)
}

/// A phase 2a for the commands `seqs`, from slot `first` on.
fn accept(b: Ballot, first: u64, seqs: Range<u64>) -> Accept<u64> {
    Accept { ballot: b, first: Slot(first), batch: batch(seqs), chosen: Slot(0) }
}

/// A phase 2b without values.
fn accepted(b: Ballot, range: Range<u64>) -> Accepted<u64> {
    Accepted { ballot: b, slots: slots(range), batch: None }
}

fn prepare(b: Ballot, from: u64) -> Prepare {
    Prepare { ballot: b, from: Slot(from) }
}

fn promise(b: Ballot, from: u64, votes: Vec<Vote<u64>>) -> Promise<u64> {
    Promise { ballot: b, from: Slot(from), until: Slot::MAX, votes }
}

fn vote(b: Ballot, first: u64, seqs: Range<u64>) -> Vote<u64> {
    Vote { first: Slot(first), ballot: b, batch: batch(seqs) }
}
