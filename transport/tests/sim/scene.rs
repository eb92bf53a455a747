//! A scene for invariants: three acceptors, which say and write whatever a test wants.

use crate::sim::support::Fast;
use fast_paxos::{Accept, Accepted, Any, Prepare, Promise};
use paxos_core::{
    Ballot, Batch, Bytes, ClientId, Config, Entry, Message, NodeId, Record, Sections, Slot, SlotRange,
    Snapshot, Vote,
};
use paxos_transport::sim::invariants::{Ledger, Verdict};

pub(crate) const CLIENT: ClientId = ClientId { node: NodeId(9), session: 0, nonce: 0 };

pub(crate) const N0: NodeId = NodeId(0);
pub(crate) const N1: NodeId = NodeId(1);
pub(crate) const N2: NodeId = NodeId(2);

/// Command `seq`. Only those below 10 were submitted.
pub(crate) fn command(seq: u64) -> Entry<u64> {
    Entry::new(CLIENT, seq, seq)
}

pub(crate) fn classic(round: u64, owner: NodeId) -> Ballot {
    Ballot::classic(round, owner)
}

/// The fast ballot that follows `ballot`.
pub(crate) fn fast(ballot: Ballot) -> Ballot {
    ballot.next_step(true).expect("a step")
}

/// A snapshot of all slots below `next`, with this state.
pub(crate) fn snapshot(next: u64, state: u8) -> Snapshot {
    let (machine, empty) = (Bytes::from(vec![state]), Bytes::empty());
    Snapshot::new(&Sections { next: Slot(next), machine, sessions: empty.clone(), membership: empty })
}

/// A phase 2a.
fn accept(ballot: Ballot, first: Slot, batch: Batch<u64>, any: Option<Any>) -> Message<Fast> {
    let classic = paxos_core::Accept { ballot, first, batch, chosen: Slot(0) };
    Message::Accept(Accept { classic, any })
}

pub(crate) struct Scene(pub(crate) Ledger<Fast>);

impl Scene {
    pub(crate) fn new() -> Self {
        let mut ledger = Ledger::new(&Config::collapsed(3).expect("acceptors"));
        for seq in 0..10 {
            ledger.submitted(Entry::new(CLIENT, seq, seq));
        }
        Self(ledger)
    }

    pub(crate) fn prepares(&mut self, from: NodeId, ballot: Ballot) -> Verdict {
        self.0.said(from, &Message::Prepare(Prepare { ballot, from: Slot(0) }))
    }

    pub(crate) fn promises(&mut self, from: NodeId, ballot: Ballot, votes: &[(u64, Ballot, u64)]) -> Verdict {
        let vote = |(slot, ballot, seq): &(u64, Ballot, u64)| Vote {
            first: Slot(*slot),
            ballot: *ballot,
            batch: Batch::from(command(*seq)),
        };
        let votes = votes.iter().map(vote).collect();
        self.0.said(from, &Message::Promise(Promise { ballot, from: Slot(0), until: Slot::MAX, votes }))
    }

    pub(crate) fn proposes(&mut self, from: NodeId, ballot: Ballot, slot: u64, seq: u64) -> Verdict {
        let (first, batch) = (Slot(slot), Batch::from(command(seq)));
        self.0.said(from, &accept(ballot, first, batch, None))
    }

    pub(crate) fn opens(&mut self, from: NodeId, ballot: Ballot, slot: u64) -> Verdict {
        let any = Some(Any { ballot, from: Slot(slot), recovery: None });
        self.0.said(from, &accept(ballot, Slot(0), Batch::empty(), any))
    }

    pub(crate) fn tells_vote(&mut self, from: NodeId, ballot: Ballot, slot: u64, seq: u64) -> Verdict {
        let (first, batch) = (Slot(slot), Batch::from(command(seq)));
        self.0.said(from, &Message::Accepted(Accepted { ballot, first, batch }))
    }

    pub(crate) fn writes_promise(&mut self, node: NodeId, ballot: Ballot) -> Verdict {
        let slots: SlotRange = Slot(0).onwards();
        self.0.wrote(node, &Record::Promised { ballot, slots })
    }

    pub(crate) fn writes_vote(&mut self, node: NodeId, ballot: Ballot, slot: u64, seq: u64) -> Verdict {
        let (first, batch) = (Slot(slot), Batch::from(command(seq)));
        self.0.wrote(node, &Record::Voted { ballot, first, batch })
    }

    pub(crate) fn writes_known(&mut self, node: NodeId, slot: u64) -> Verdict {
        self.0.wrote(node, &Record::Known(Slot(slot).extend(1)))
    }

    pub(crate) fn knows(&mut self, node: NodeId, slot: u64, seq: u64) -> Verdict {
        self.0.knows(node, Slot(slot), &command(seq))
    }

    pub(crate) fn executes(&mut self, node: NodeId, slot: u64, seq: u64, reply: u64) -> Verdict {
        self.0.executed(node, Slot(slot), &command(seq), Some(&(reply, 0)))
    }

    /// Lets all of `acceptors` promise, with nothing to report.
    pub(crate) fn elect(&mut self, ballot: Ballot, acceptors: &[NodeId]) {
        self.prepares(ballot.owner, ballot).expect("its own");
        for acceptor in acceptors {
            self.writes_promise(*acceptor, ballot).expect("the highest");
        }
    }

    /// Lets n0 and n1 choose `seq` in `slot`, in n0's ballot 1.
    pub(crate) fn choose(&mut self, slot: u64, seq: u64) {
        self.decides(slot, command(seq)).expect("proposed");
    }

    /// As `choose` with `entry`. Returns the verdict on the vote that makes it chosen.
    pub(crate) fn decides(&mut self, slot: u64, entry: Entry<u64>) -> Verdict {
        let (ballot, first, batch) = (classic(1, N0), Slot(slot), Batch::from(entry));
        if self.0.memory(N0).is_none_or(|m| m.promised(first) < ballot) {
            self.elect(ballot, &[N0, N1]);
        }
        self.0.said(N0, &accept(ballot, first, batch.clone(), None)).expect("free");
        let vote = Record::Voted { ballot, first, batch };
        self.0.wrote(N0, &vote).expect("proposed");
        self.0.wrote(N1, &vote)
    }
}

/// Checks that `verdict` is a breach of this invariant, with this message.
pub(crate) fn assert_breach(verdict: Verdict, invariant: &str, message: &str) {
    let breach = verdict.expect_err("a breach");
    assert_eq!((breach.invariant, breach.message.as_str()), (invariant, message));
}
