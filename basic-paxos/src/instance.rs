//! One instance: the two phases of one slot, from the side of its proposer.

use crate::{Accept, One, Prepare, Promise};
use core::time::Duration;
use paxos_core::{Again, Ballot, Entry, NodeId, NodeSet, Phase, QuorumSystem, Reach, Slot, Time, Value};

/// A proposer's work in one slot. It lasts until the slot is known to be chosen: if the instance were forgotten and
/// begun again in the same ballot, it could propose a second value there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Instance<V> {
    pub(crate) slot: Slot,
    ballot: Ballot,
    /// The command that it wants chosen; none for a no-op that fills a gap.
    pub(crate) own: Option<One<V>>,
    /// Whether that command was in a phase 2a, so that it may have been chosen.
    own_proposed: bool,
    /// Whether it was begun for a gap, without a command of its own.
    pub(crate) for_gap: bool,
    stage: Stage<V>,
    /// The question to ask now, if any, and how many acceptors to ask.
    ask: Option<Reach>,
    asked: Time,
    /// The number of times it asked without success.
    vain: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<V> {
    /// Refused; waits for a higher ballot.
    Held,
    Preparing {
        promised: NodeSet,
        vote: Option<(Ballot, One<V>)>,
    },
    Proposing {
        entry: One<V>,
    },
}

/// A phase 1a or 2a.
pub(crate) enum Question<V> {
    Prepare(Prepare),
    Accept(Accept<V>),
}

impl<V: Value> Instance<V> {
    /// An instance at the start of phase 1.
    pub(crate) fn new(now: Time, slot: Slot, ballot: Ballot, own: Option<One<V>>) -> Self {
        let (stage, for_gap) = (Stage::Held, own.is_none());
        let mut new =
            Self { slot, ballot, own, own_proposed: false, for_gap, stage, ask: None, asked: now, vain: 0 };
        new.prepare(ballot);
        new
    }

    pub(crate) fn ballot(&self) -> Ballot {
        self.ballot
    }

    pub(crate) fn is_held(&self) -> bool {
        matches!(self.stage, Stage::Held)
    }

    pub(crate) fn hold(&mut self) {
        self.stage = Stage::Held;
        self.ask = None;
    }

    /// *Paxos Made Simple*, §2.2, phase 1(a): choose a new number and ask for promises.
    pub(crate) fn prepare(&mut self, ballot: Ballot) {
        self.ballot = ballot;
        self.stage = Stage::Preparing { promised: NodeSet::EMPTY, vote: None };
        self.ask = Some(Reach::Quorum(Phase::One));
        self.vain = 0;
    }

    /// Counts a promise. Returns whether a quorum has now promised, so that [`Instance::propose`] must follow.
    pub(crate) fn on_promise(
        &mut self,
        from: NodeId,
        promise: Promise<V>,
        quorums: &dyn QuorumSystem,
    ) -> bool {
        let Stage::Preparing { promised, vote } = &mut self.stage else { return false };
        // An answer to an earlier ballot says nothing about this one, and neither does a process that is not an
        // acceptor. A second answer from the same acceptor does not count again.
        if promise.ballot != self.ballot || !quorums.acceptors().contains(from) || !promised.insert(from) {
            return false;
        }
        // *Paxos Made Simple*, §2.2, phase 2(a): of the proposals reported, the highest-numbered one counts.
        if promise.vote.as_ref().map(|v| v.0) > vote.as_ref().map(|v| v.0) {
            *vote = promise.vote;
        }
        quorums.is_quorum(Phase::One, *promised)
    }

    /// Whether it may propose any value, once a quorum has promised.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self.stage, Stage::Preparing { vote: None, .. })
    }

    /// Replaces the command that it wants chosen.
    pub(crate) fn want(&mut self, own: Option<One<V>>) {
        self.own = own;
        self.own_proposed = false;
    }

    /// *Paxos Made Simple*, §2.2, phase 2(a): propose the value of the highest-numbered proposal among the answers, or
    /// any value if they report none. This is P2c: any lower-numbered proposal that was or will be chosen has that
    /// value, because its quorum shares an acceptor with the quorum that answered, and that acceptor has either
    /// reported it or promised not to accept it (*The Part-Time Parliament*, §2.1: condition B3).
    pub(crate) fn propose(&mut self) {
        let Stage::Preparing { vote, .. } = &mut self.stage else { return };
        let reported = vote.take().map(|(_, entry)| entry);
        let entry = reported.or_else(|| self.own.clone()).unwrap_or_else(|| One::from(Entry::Noop));
        self.own_proposed |= self.own.as_ref().is_some_and(|own| own.id() == entry.id());
        self.stage = Stage::Proposing { entry };
        self.ask = Some(Reach::Quorum(Phase::TwoClassic));
        self.vain = 0;
    }

    /// Whether its own command may have been chosen, for callers that know only that some value was chosen.
    pub(crate) fn may_have_won(&self) -> bool {
        self.own_proposed
    }

    /// The time to ask again, unless it is held: at first after `every`.
    pub(crate) fn due(&self, every: Duration) -> Option<Time> {
        (!self.is_held()).then(|| self.asked.after(every.saturating_mul(Again::factor(self.vain))))
    }

    /// Asks all acceptors, because too few have answered.
    pub(crate) fn ask_all(&mut self) {
        self.ask = Some(Reach::All);
        self.vain = self.vain.saturating_add(1);
    }

    /// Returns the question to ask now, once.
    pub(crate) fn question(&mut self, now: Time) -> Option<(Question<V>, Reach)> {
        let (ballot, slot) = (self.ballot, self.slot);
        let question = match &self.stage {
            Stage::Held => return None,
            Stage::Preparing { .. } => Question::Prepare(Prepare { ballot, slot }),
            Stage::Proposing { entry } => Question::Accept(Accept { ballot, slot, entry: entry.clone() }),
        };
        let reach = self.ask.take()?;
        self.asked = now;
        Some((question, reach))
    }
}
