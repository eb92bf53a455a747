//! The roles of a small cluster in isolation: the test delivers each message.

use crate::conformance::{Facts, Tested};
use core::ops::Range;
use paxos_core::{
    Acceptor as _, Audience, Ballot, Chosen, ClientId, Config, Entry, Fact, Learner as _, Nack, NodeId,
    Overloaded, PhaseMessage, Proposal, Proposer as _, Reach, Request, Setup, Slot, Time,
};
use std::sync::Arc;

pub(super) const NOW: Time = Time(0);

/// A process without a role.
pub(super) const STRANGER: NodeId = NodeId(40);

/// A value in a slot and a ballot.
pub(super) type Cast = (Slot, Ballot, Entry<u64>);

/// The command of one client with this sequence number.
pub(super) fn entry(seq: u64) -> Entry<u64> {
    Entry::new(ClientId { node: NodeId(9), session: 0, nonce: 0 }, seq, 100 + seq)
}

pub(super) fn request(seqs: Range<u64>) -> Request<u64> {
    Request { commands: seqs.map(entry).collect(), audience: Audience::Anyone }
}

/// A process: its roles, and the content of its disk.
#[derive(Clone, Debug)]
pub(super) struct Process<P: Tested> {
    pub(super) id: NodeId,
    setup: Setup<P::Options>,
    pub(super) proposer: P::Proposer,
    pub(super) acceptor: P::Acceptor,
    pub(super) disk: Vec<P::Record>,
    learner: P::Learner,
    pub(super) chosen: Chosen<u64>,
    pub(super) decisions: Vec<P::Decision>,
}

impl<P: Tested> Process<P> {
    pub(super) fn new(facts: &Facts<P>, config: Config, id: u16) -> Self {
        let setup = Setup { id: NodeId(id), config: Arc::new(config), options: (facts.options)(0) };
        Self {
            id: NodeId(id),
            proposer: P::Proposer::new(&setup),
            acceptor: P::Acceptor::new(&setup),
            disk: Vec::new(),
            learner: P::Learner::new(&setup),
            chosen: Chosen::default(),
            decisions: Vec::new(),
            setup,
        }
    }

    /// The process after a crash, restored from its disk.
    pub(super) fn restored(&self) -> Self {
        self.restored_from(self.disk.clone())
    }

    pub(super) fn restored_from(&self, disk: Vec<P::Record>) -> Self {
        let (mut proposer, mut acceptor) = (P::Proposer::new(&self.setup), P::Acceptor::new(&self.setup));
        for record in &disk {
            proposer.restore(record);
            acceptor.restore(record);
        }
        let learner = P::Learner::new(&self.setup);
        Self { setup: self.setup.clone(), proposer, acceptor, disk, learner, ..self.clone() }
    }

    pub(super) fn request(&mut self, seqs: Range<u64>) -> Result<(), Overloaded> {
        self.proposer.on_request(NOW, &request(seqs), true)
    }

    /// Starts phase 1. Returns the first phase 1a.
    pub(super) fn campaign(&mut self) -> P::Prepare {
        self.proposer.campaign(NOW, &self.chosen);
        match self.poll().into_iter().next() {
            Some((Proposal::Prepare(prepare, record), _)) => {
                self.disk.extend(record);
                prepare
            }
            other => panic!("{other:?} is no phase 1a"),
        }
    }

    pub(super) fn poll(&mut self) -> Vec<(Proposal<P>, Reach)> {
        std::iter::from_fn(|| self.proposer.poll(NOW, &self.chosen)).collect()
    }

    /// The phase 2a messages that propose a value now.
    pub(super) fn accepts(&mut self) -> Vec<P::Accept> {
        let accept = |(proposal, _)| match proposal {
            Proposal::Accept(accept) => Some(accept),
            Proposal::Prepare(..) => None,
        };
        let proposes = |accept: &P::Accept| !proposed::<P>(accept).is_empty();
        self.poll().into_iter().filter_map(accept).filter(proposes).collect()
    }

    pub(super) fn promise(&mut self, prepare: &P::Prepare) -> Result<P::Promise, Nack> {
        self.acceptor.on_prepare(prepare, &mut self.disk)
    }

    pub(super) fn hear(&mut self, from: NodeId, promise: P::Promise) {
        self.proposer.on_promise(NOW, from, promise, &self.chosen);
    }

    pub(super) fn vote(&mut self, accept: &P::Accept) -> Result<P::Accepted, Nack> {
        Ok(self.acceptor.on_accept(accept, &mut self.disk)?.expect("there is something to vote for"))
    }

    /// Shows a phase 2a to the learner.
    pub(super) fn see(&mut self, accept: &P::Accept) {
        self.learner.on_accept(accept, &mut self.chosen);
    }

    /// Delivers a vote to the learner.
    pub(super) fn count(&mut self, from: NodeId, vote: &P::Accepted) {
        self.learner.on_accepted(from, vote, &mut self.chosen, &mut self.decisions);
    }

    /// Delivers another learner's announcement to the learner.
    pub(super) fn decide(&mut self, decision: &P::Decision) {
        self.learner.on_decide(decision, &mut self.chosen);
    }

    /// The entry of slot 0, if it is known to be chosen.
    pub(super) fn learned(&self) -> Option<Entry<u64>> {
        self.chosen.get(Slot(0)).cloned()
    }

    /// The acceptor's answer to a phase 1a. The acceptor does not change.
    pub(super) fn reports(&self, prepare: &P::Prepare) -> Result<P::Promise, Nack> {
        self.acceptor.clone().on_prepare(prepare, &mut Vec::new())
    }
}

/// The servers of a cluster in which each plays every role.
pub(super) fn stage<P: Tested>(facts: &Facts<P>, n: u16) -> Vec<Process<P>> {
    let config = || Config::collapsed(n).expect("servers");
    (0..n).map(|id| Process::new(facts, config(), id)).collect()
}

/// Lets process `who` win phase 1 for one command, with the promises of `quorum`, in a ballot above `heard`. Returns
/// its proposal.
pub(super) fn elect<P: Tested>(
    all: &mut [Process<P>],
    who: usize,
    seq: u64,
    heard: Ballot,
    quorum: &[usize],
) -> P::Accept {
    all[who].request(seq..seq + 1).expect("there is room");
    all[who].proposer.on_ballot(heard);
    let prepare = all[who].campaign();
    for acceptor in quorum {
        let promise = all[*acceptor].promise(&prepare).expect("no higher ballot");
        all[who].hear(NodeId(*acceptor as u16), promise);
    }
    all[who].accepts().into_iter().next().expect("a phase 2a")
}

/// Returns the next phase 1a of process `who`, in a ballot above `heard`.
pub(super) fn candidate<P: Tested>(all: &mut [Process<P>], who: usize, heard: Ballot) -> P::Prepare {
    all[who].request(90..91).expect("there is room");
    all[who].proposer.on_ballot(heard);
    all[who].campaign()
}

/// The values that a phase 2a proposes.
pub(super) fn proposed<P: Tested>(accept: &P::Accept) -> Vec<Cast> {
    let mut all = Vec::new();
    accept.facts(&mut |fact| {
        if let Fact::Propose { ballot, slot, entry } = fact {
            all.push((slot, ballot, entry.clone()));
        }
    });
    all
}

/// The votes that a promise reports.
pub(super) fn reported<P: Tested>(promise: &P::Promise) -> Vec<Cast> {
    let mut all = Vec::new();
    promise.facts(&mut |fact| {
        if let Fact::Promise { votes, .. } = fact {
            all.extend(votes.iter().map(|(slot, ballot, entry)| (*slot, *ballot, (*entry).clone())));
        }
    });
    all
}

/// The votes, each with its value if the message contains it.
pub(super) fn votes<P: Tested>(accepted: &P::Accepted) -> Vec<(Slot, Ballot, Option<Entry<u64>>)> {
    let mut all = Vec::new();
    accepted.facts(&mut |fact| {
        if let Fact::Vote { ballot, slot, entry } = fact {
            all.push((slot, ballot, entry.cloned()));
        }
    });
    all
}
