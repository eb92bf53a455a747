//! The roles of a small cluster in isolation: the test delivers each message. A variant's own tests may use it too.

use crate::conformance::{Facts, Tested};
use core::ops::Range;
use paxos_core::{
    Acceptor as _, Audience, Ballot, Batch, Chosen, ClientId, Config, Entry, Fact, Learner as _, Nack,
    NodeId, Overloaded, PhaseMessage, Proposal, Proposer as _, Reach, Request, Setup, Slot, SlotRange, Time,
};
use std::sync::Arc;

/// When everything happens.
pub const NOW: Time = Time(0);

/// A process without a role.
pub const STRANGER: NodeId = NodeId(40);

/// A value in a slot and a ballot.
pub type Cast = (Slot, Ballot, Entry<u64>);

/// The command of one client with this sequence number.
pub fn entry(seq: u64) -> Entry<u64> {
    Entry::new(ClientId { node: NodeId(9), session: 0, nonce: 0 }, seq, 100 + seq)
}

/// The commands of one client with these sequence numbers.
pub fn batch(seqs: Range<u64>) -> Batch<u64> {
    seqs.map(entry).collect()
}

/// Slots by their numbers.
pub fn slots(range: Range<u64>) -> SlotRange {
    SlotRange::new(Slot(range.start), Slot(range.end))
}

/// A classic ballot of this process.
pub const fn ballot(round: u64, owner: u16) -> Ballot {
    Ballot::classic(round, NodeId(owner))
}

/// A request for these commands, which goes to whichever process leads.
pub fn request(seqs: Range<u64>) -> Request<u64> {
    Request { commands: batch(seqs), audience: Audience::Anyone }
}

/// The setup of process `id`, with the options of seed 0.
pub fn setup<P: Tested>(facts: &Facts<P>, config: Config, id: u16) -> Setup<P::Options> {
    Setup { id: NodeId(id), config: Arc::new(config), options: (facts.options)(0) }
}

/// A process: its roles, and the content of its disk.
#[derive(Clone, Debug)]
pub struct Process<P: Tested> {
    /// Its name.
    pub id: NodeId,
    setup: Setup<P::Options>,
    /// The proposer.
    pub proposer: P::Proposer,
    /// The acceptor.
    pub acceptor: P::Acceptor,
    /// What acceptor and proposer have written.
    pub disk: Vec<P::Record>,
    /// The learner.
    pub learner: P::Learner,
    /// What it knows to be chosen.
    pub chosen: Chosen<u64>,
    /// What the learner announces.
    pub decisions: Vec<P::Decision>,
}

impl<P: Tested> Process<P> {
    /// A process that has heard of nothing, with the options of seed 0.
    pub fn new(facts: &Facts<P>, config: Config, id: u16) -> Self {
        Self::with(setup(facts, config, id))
    }

    /// A process that has heard of nothing.
    pub fn with(setup: Setup<P::Options>) -> Self {
        Self {
            id: setup.id,
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
    #[must_use]
    pub fn restored(&self) -> Self {
        self.restored_from(self.disk.clone())
    }

    /// The process after a crash, restored from these records.
    #[must_use]
    pub fn restored_from(&self, disk: Vec<P::Record>) -> Self {
        let (mut proposer, mut acceptor) = (P::Proposer::new(&self.setup), P::Acceptor::new(&self.setup));
        for record in &disk {
            proposer.restore(record);
            acceptor.restore(record);
        }
        let learner = P::Learner::new(&self.setup);
        Self { setup: self.setup.clone(), proposer, acceptor, disk, learner, ..self.clone() }
    }

    /// Takes the commands with these numbers to propose.
    ///
    /// # Errors
    /// As [`paxos_core::Proposer::on_request`].
    pub fn request(&mut self, seqs: Range<u64>) -> Result<(), Overloaded> {
        self.proposer.on_request(NOW, &request(seqs), true)
    }

    /// Starts phase 1. Returns the first phase 1a.
    pub fn campaign(&mut self) -> P::Prepare {
        self.proposer.campaign(NOW, &self.chosen);
        match self.poll().into_iter().next() {
            Some((Proposal::Prepare(prepare, record), _)) => {
                self.disk.extend(record);
                prepare
            }
            other => panic!("{other:?} is no phase 1a"),
        }
    }

    /// It learns that these commands are chosen from slot `first` on.
    pub fn choose(&mut self, first: u64, seqs: Range<u64>) {
        self.chosen.choose(Slot(first), batch(seqs));
        self.proposer.on_chosen(NOW, &self.chosen);
    }

    /// Begins a ballot.
    pub fn begin(&mut self) {
        self.proposer.campaign(NOW, &self.chosen);
    }

    /// The ballot that the proposer leads.
    pub fn leading(&self) -> Option<Ballot> {
        self.proposer.leading()
    }

    /// Whether commands wait for a ballot.
    pub fn has_work(&self) -> bool {
        self.proposer.has_work()
    }

    /// Whether this refusal ends the proposer's ballot.
    pub fn refused(&mut self, refused: Ballot, promised: Ballot, slots: SlotRange) -> bool {
        self.proposer.on_nack(NOW, &Nack { refused, promised, slots })
    }

    /// A learner reports to the proposer that all slots below are chosen.
    pub fn progress(&mut self, below: u64) {
        self.proposer.on_progress(NOW, Slot(below));
    }

    /// A learner misses this slot.
    pub fn missed(&mut self, slot: u64) {
        self.proposer.propose_again(NOW, Slot(slot), &self.chosen);
    }

    /// When the proposer must be woken.
    pub fn deadline(&self) -> Option<Time> {
        self.proposer.deadline()
    }

    /// The deadline of the proposer has come.
    pub fn timeout(&mut self) {
        let due = self.deadline().expect("it waits");
        self.proposer.on_timeout(due, &self.chosen);
    }

    /// Its next phase 1a messages, which are all that it asks, with what it must write before.
    pub fn prepares(&mut self) -> Vec<(P::Prepare, Option<P::Record>)> {
        let prepare = |(proposal, _)| match proposal {
            Proposal::Prepare(prepare, record) => (prepare, record),
            Proposal::Accept(accept) => panic!("{accept:?}"),
        };
        self.poll().into_iter().map(prepare).collect()
    }

    /// Its next phase 2a messages, which are all that it asks.
    pub fn proposes(&mut self) -> Vec<P::Accept> {
        let accept = |(proposal, _)| match proposal {
            Proposal::Prepare(prepare, _) => panic!("{prepare:?}"),
            Proposal::Accept(accept) => accept,
        };
        self.poll().into_iter().map(accept).collect()
    }

    /// It learns what is chosen below slot `below`.
    pub fn know(&mut self, below: u64) {
        for slot in 0..below {
            self.chosen.choose(Slot(slot), entry(60 + slot).into());
        }
        self.proposer.on_chosen(NOW, &self.chosen);
    }

    /// Lets it propose these commands in a ballot above `heard`, from the first slot on that it does not know. Acceptors
    /// promise, and have not voted. Returns its phase 2a messages.
    pub fn proposals(&mut self, acceptors: &mut [Self], heard: Ballot, seqs: Range<u64>) -> Vec<P::Accept> {
        let (mut accepts, mut next) = (Vec::new(), self.chosen.first_unknown());
        let end = next.plus(seqs.end - seqs.start);
        self.request(seqs).expect("there is room");
        self.proposer.on_ballot(heard);
        self.proposer.campaign(NOW, &self.chosen);
        for _ in 0..1000 {
            if next == end {
                return accepts;
            }
            let asked = self.poll();
            if asked.is_empty() {
                // It proposes one slot at a time, or as many as its window has.
                self.proposer.on_chosen(NOW, &self.chosen);
            }
            for (proposal, _) in asked {
                match proposal {
                    Proposal::Prepare(question, _) => self.hear_all(acceptors, &question),
                    Proposal::Accept(accept) => {
                        for (slot, _, entry) in proposed::<P>(&accept) {
                            assert_eq!(slot, next);
                            self.chosen.choose(slot, entry.into());
                            next = next.plus(1);
                        }
                        accepts.push(accept);
                    }
                }
            }
        }
        panic!("it proposed only up to {next}")
    }

    /// All that the proposer asks now.
    pub fn poll(&mut self) -> Vec<(Proposal<P>, Reach)> {
        std::iter::from_fn(|| self.proposer.poll(NOW, &self.chosen)).collect()
    }

    /// The phase 2a messages that propose a value now.
    pub fn accepts(&mut self) -> Vec<P::Accept> {
        let accept = |(proposal, _)| match proposal {
            Proposal::Accept(accept) => Some(accept),
            Proposal::Prepare(..) => None,
        };
        let proposes = |accept: &P::Accept| !proposed::<P>(accept).is_empty();
        self.poll().into_iter().filter_map(accept).filter(proposes).collect()
    }

    /// The acceptor answers a phase 1a.
    ///
    /// # Errors
    /// Its refusal.
    pub fn promise(&mut self, prepare: &P::Prepare) -> Result<P::Promise, Nack> {
        self.acceptor.on_prepare(prepare, &mut self.disk)
    }

    /// The proposer hears a promise.
    pub fn hear(&mut self, from: NodeId, promise: P::Promise) {
        self.proposer.on_promise(NOW, from, promise, &self.chosen);
    }

    /// These acceptors answer its phase 1a.
    pub fn hear_all(&mut self, acceptors: &mut [Self], question: &P::Prepare) {
        for acceptor in acceptors {
            let promise = acceptor.promise(question).expect("no higher ballot");
            self.hear(acceptor.id, promise);
        }
    }

    /// The acceptor answers a phase 2a that proposes something.
    ///
    /// # Errors
    /// Its refusal.
    pub fn vote(&mut self, accept: &P::Accept) -> Result<P::Accepted, Nack> {
        Ok(self.answer(accept)?.expect("there is something to vote for"))
    }

    /// The acceptor answers a phase 2a.
    ///
    /// # Errors
    /// Its refusal.
    pub fn answer(&mut self, accept: &P::Accept) -> Result<Option<P::Accepted>, Nack> {
        self.acceptor.on_accept(accept, &mut self.disk)
    }

    /// A client sends the acceptor these commands.
    pub fn ask(&mut self, seqs: Range<u64>) {
        let request = Request { commands: batch(seqs), audience: Audience::Acceptors };
        self.acceptor.on_request(&request);
    }

    /// The votes of the acceptor for what clients sent, at the end of the turn.
    pub fn votes(&mut self) -> Vec<P::Accepted> {
        std::iter::from_fn(|| self.acceptor.vote(&self.chosen, &mut self.disk)).collect()
    }

    /// Shows a phase 2a to the learner.
    pub fn see(&mut self, accept: &P::Accept) {
        self.learner.on_accept(accept, &mut self.chosen);
    }

    /// Delivers a vote to the learner.
    pub fn count(&mut self, from: NodeId, vote: &P::Accepted) {
        self.learner.on_accepted(from, vote, &mut self.chosen, &mut self.decisions);
    }

    /// Delivers another learner's announcement to the learner.
    pub fn decide(&mut self, decision: &P::Decision) {
        self.learner.on_decide(decision, &mut self.chosen);
    }

    /// The entry of slot 0, if it is known to be chosen.
    pub fn learned(&self) -> Option<Entry<u64>> {
        self.chosen.get(Slot(0)).cloned()
    }

    /// The acceptor's answer to a phase 1a. The acceptor does not change.
    ///
    /// # Errors
    /// Its refusal.
    pub fn reports(&self, prepare: &P::Prepare) -> Result<P::Promise, Nack> {
        self.acceptor.clone().on_prepare(prepare, &mut Vec::new())
    }
}

/// The servers of a cluster in which each plays every role.
pub fn stage<P: Tested>(facts: &Facts<P>, n: u16) -> Vec<Process<P>> {
    let config = || Config::collapsed(n).expect("servers");
    (0..n).map(|id| Process::new(facts, config(), id)).collect()
}

/// Lets process `who` win phase 1 for one command, with the promises of `quorum`, in a ballot above `heard`. Returns
/// its proposal.
pub fn elect<P: Tested>(
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
pub fn candidate<P: Tested>(all: &mut [Process<P>], who: usize, heard: Ballot) -> P::Prepare {
    all[who].request(90..91).expect("there is room");
    all[who].proposer.on_ballot(heard);
    all[who].campaign()
}

/// The values that a phase 2a proposes.
pub fn proposed<P: Tested>(accept: &P::Accept) -> Vec<Cast> {
    let mut all = Vec::new();
    accept.facts(&mut |fact| {
        if let Fact::Propose { ballot, slot, entry } = fact {
            all.push((slot, ballot, entry.clone()));
        }
    });
    all
}

/// The votes that a promise reports.
pub fn reported<P: Tested>(promise: &P::Promise) -> Vec<Cast> {
    let mut all = Vec::new();
    promise.facts(&mut |fact| {
        if let Fact::Promise { votes, .. } = fact {
            all.extend(votes.iter().map(|(slot, ballot, entry)| (*slot, *ballot, (*entry).clone())));
        }
    });
    all
}

/// The votes, each with its value if the message contains it.
pub fn votes<P: Tested>(accepted: &P::Accepted) -> Vec<(Slot, Ballot, Option<Entry<u64>>)> {
    let mut all = Vec::new();
    accepted.facts(&mut |fact| {
        if let Fact::Vote { ballot, slot, entry } = fact {
            all.push((slot, ballot, entry.cloned()));
        }
    });
    all
}
