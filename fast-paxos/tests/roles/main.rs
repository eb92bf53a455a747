//! Each role by itself: the messages it receives and its answers.

mod acceptor;
mod follow;
mod learner;
mod members;
mod message;
mod node;
mod proposer;

use core::ops::Range;
use fast_paxos::{
    Accept, Accepted, Any, Decision, FastPaxos, Hysteresis, Options, Prepare, Promise, Proposer, Recovery,
};
use paxos_core::{
    Audience, Ballot, Batch, Chosen, Config, Entry, Event, Message, Node, NodeId, NodeSet, Proposal, Record,
    Request, Setup, Slot, SlotRange, Time, Vote,
};
use paxos_transport::conformance::stage::{NOW, STRANGER, ballot, batch, entry, slots};
use std::sync::Arc;

type P = FastPaxos<u64, u64>;
type Process = paxos_transport::conformance::stage::Process<P>;

fn setup(config: Config, id: u16) -> Setup<Options> {
    Setup { id: NodeId(id), config: Arc::new(config), options: Options::default() }
}

/// Server `id` of `n` servers that play every role; n0 is the first leader.
fn server(id: u16, n: u16, recovery: Recovery) -> Process {
    let options = Options { recovery, ..Options::default() };
    Process::with(Setup { options, ..setup(Config::collapsed(n).expect("lawful"), id) })
}

/// The proposer hears a phase 2b.
fn tell(process: &mut Process, from: u16, vote: &Accepted<u64>) {
    let Process { proposer, chosen, .. } = process;
    paxos_core::Proposer::<P>::on_accepted(proposer, NOW, NodeId(from), vote, chosen);
}

/// Step 1 of the term that `classic` opens.
fn fast(classic: Ballot) -> Ballot {
    classic.next_step(true).expect("a step")
}

/// Step 2, in which collisions of step 1 are recovered.
fn recovery(classic: Ballot) -> Ballot {
    fast(classic).next_step(false).expect("a step")
}

fn list(seqs: &[u64]) -> Batch<u64> {
    seqs.iter().copied().map(entry).collect()
}

/// A phase 2a for the commands `seqs`, from slot `first` on.
fn accept(b: Ballot, first: u64, seqs: &[u64]) -> Accept<u64> {
    let classic = paxos_core::Accept { ballot: b, first: Slot(first), batch: list(seqs), chosen: Slot(0) };
    Accept { classic, any: None }
}

/// *Any*, for the fast ballot of `classic`'s term from slot `first` on.
fn opened(classic: Ballot, first: u64) -> Any {
    Any { ballot: fast(classic), from: Slot(first), recovery: None }
}

/// A phase 2a that opens the fast ballot of `classic`'s term from slot `first` on.
fn any(classic: Ballot, first: u64) -> Accept<u64> {
    Accept { any: Some(opened(classic, first)), ..accept(classic, first, &[]) }
}

/// A phase 2b.
fn accepted(b: Ballot, first: u64, seqs: &[u64]) -> Accepted<u64> {
    Accepted { ballot: b, first: Slot(first), batch: list(seqs) }
}

fn prepare(b: Ballot, from: u64) -> Prepare {
    Prepare { ballot: b, from: Slot(from) }
}

fn promise(b: Ballot, from: u64, votes: Vec<Vote<u64>>) -> Promise<u64> {
    Promise { ballot: b, from: Slot(from), until: Slot::MAX, votes }
}

fn vote(b: Ballot, first: u64, seqs: &[u64]) -> Vote<u64> {
    Vote { first: Slot(first), ballot: b, batch: list(seqs) }
}

fn request(seqs: Range<u64>, audience: Audience) -> Request<u64> {
    Request { commands: batch(seqs), audience }
}
