//! The state of a process, for tables and dashboards.

use crate::{
    Amount, Backlog, Ballot, Client, Leader, Leadership, Node, NodeId, NodeSet, Proposer, Protocol, Slot,
    StoreMark,
};
use core::hash::{Hash, Hasher};

/// The state of a process, as it knows it. It is cheap to read: nothing is counted or copied for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The roles it plays besides that of a client.
    pub plays: Plays,
    /// Its own latest ballot; [`Ballot::ZERO`] if it never campaigned.
    pub ballot: Ballot,
    /// The highest ballot it has heard of.
    pub highest: Ballot,
    /// The leader, as far as it knows. Where leaders appoint themselves, each proposer names itself.
    pub leader: Option<NodeId>,
    /// Whether proposers appoint themselves ([`crate::Leadership::SelfAppointed`]), so that nobody waits for a leader. A
    /// process that is not a proposer then knows none.
    pub leaderless: bool,
    /// Whether it leads: it has won phase 1, and knows no higher ballot.
    pub leads: bool,
    /// The first slot whose value it does not know.
    pub first_unknown: Slot,
    /// The first slot it has not executed. Executed values need not be on its own disk: see [`Status::durable`].
    pub applied: Slot,
    /// Every slot below is recorded as chosen on its own disk, in its snapshot or its records. It restarts with this,
    /// and needs no other process for it. Written when the members change, with each snapshot, and now and then with
    /// its votes. Values chosen since are in the votes of the acceptors. Never above `first_unknown`.
    pub durable: Slot,
    /// The writes that wait for its disk.
    pub disk: Backlog,
    /// The removed processes that may be turned off for good, as far as this process knows ([`Node::may_stop`]).
    pub may_stop: NodeSet,
    /// The slot below which everything is chosen, as far as it has heard.
    pub heard: Slot,
    /// The first slot whose value it still holds.
    pub log_start: Slot,
    /// Its proposer's load.
    pub load: Load,
    /// The number of unanswered commands of its own client.
    pub unanswered: usize,
    /// The processes that have another store than before, so that nothing they say counts.
    pub forgetful: NodeSet,
    /// Counters since its start.
    pub counters: Counters,
}

/// The roles that a process plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plays {
    /// It may propose.
    pub proposer: bool,
    /// It votes.
    pub acceptor: bool,
    /// It learns what is chosen, and executes it.
    pub learner: bool,
}

/// The work of a proposer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Its own latest ballot.
    pub ballot: Ballot,
    /// The highest ballot it has heard of.
    pub highest: Ballot,
    /// The slots in progress, and their bytes.
    pub in_flight: Amount,
    /// The commands that wait for a place in the window, and their bytes.
    pub waiting: Amount,
    /// The number of questions that were repeated without an answer.
    pub resends: u64,
}

/// How often each event happened since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// It campaigned.
    pub campaigns: u64,
    /// It won a term.
    pub won: u64,
    /// It lost a term that it had won.
    pub lost: u64,
    /// It led, and asked another process to lead because its own disk had stalled.
    pub stepped_aside: u64,
    /// An acceptor refused it.
    pub nacks: u64,
    /// Questions that its proposer or its client repeated, and those that its client sent to a leader named by others.
    pub retransmissions: u64,
    /// It asked for values that it missed.
    pub catch_ups: u64,
    /// Entries that it received in answer. It may have known some of them.
    pub caught_up: u64,
    /// Messages that changed nothing because their sender does not play the role it spoke in.
    pub ignored: u64,
    /// Messages that changed nothing because of an impossible number ([`Node::disbelieved`] names their senders).
    pub disbelieved: u64,
    /// Messages that changed nothing because they name a slot far beyond all that it knows. They are accepted when the
    /// slot is named again.
    pub doubted: u64,
    /// Messages that changed nothing because their sender has forgotten what it promised ([`crate::Amnesia`]).
    pub forgotten: u64,
    /// Messages that it ignored because too much waited for its disk ([`crate::Limits::disk_bytes`]).
    pub clogged: u64,
    /// Commands of its own client or of others that it refused because a limit was reached.
    pub refused: u64,
}

/// The state of the other processes, as one process knows it, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Its own store. None if no carrier reported it.
    pub store: Option<StoreMark>,
    /// Whether it hears a quorum of acceptors, itself included: [`Node::hears_quorum`].
    pub quorum: bool,
    /// The other members and spares, by id.
    pub peers: Vec<PeerStatus>,
}

/// The state of another process, as one process knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The other process.
    pub id: NodeId,
    /// Whether it reported its progress recently.
    pub heard: bool,
    /// The slot below which it knew everything in its last report. None if there was none.
    pub known: Option<Slot>,
    /// How many slots it was behind this process in its last report. None if there was none.
    pub lag: Option<u64>,
    /// Its store, in the last state that was heard of. None if none was.
    pub store: Option<StoreMark>,
}

/// A value that is noted for information only. It does not distinguish states; otherwise an exploration of states
/// would never end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Aside<T>(pub T);

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<T> Eq for Aside<T> {}

impl<T> Hash for Aside<T> {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

/// The values that a node notes for its status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noted {
    pub(crate) highest: Ballot,
    pub(crate) counters: Counters,
}

impl<P: Protocol> Node<P> {
    /// Returns the state of the other processes, as this one knows it.
    pub fn surroundings(&self) -> Surroundings {
        let (known, quorum) = (self.chosen.first_unknown(), self.hears_quorum());
        let others = self.setup.config.members().servers().union(self.setup.config.spares);
        let others = others.iter().filter(|id| *id != self.setup.id);
        let peers = others.map(|id| {
            let (heard, said) = self.heard_of(id);
            let lag = said.map(|said| known.index().saturating_sub(said.index()));
            PeerStatus { id, heard, known: said, lag, store: self.store_of(id) }
        });
        Surroundings { store: self.store_of(self.setup.id), quorum, peers: peers.collect() }
    }

    /// Returns the state of this process.
    pub fn status(&self) -> Status {
        let load = self.proposer.as_ref().map(Proposer::load).unwrap_or_default();
        let Noted { highest, mut counters } = self.noted.0;
        counters.retransmissions = load.resends + self.client.asked_again();
        Status {
            plays: Plays {
                proposer: self.proposer.is_some(),
                acceptor: self.acceptor.is_some(),
                learner: self.learner.is_some(),
            },
            ballot: load.ballot,
            highest: highest.max(load.highest),
            leader: self.leader.leader(),
            leaderless: matches!(self.setup.config.leadership, Leadership::SelfAppointed { .. }),
            leads: self.leading().is_some(),
            first_unknown: self.chosen.first_unknown(),
            applied: self.chosen.applied(),
            durable: self.durable,
            disk: self.backlog(),
            may_stop: self.dispensable(),
            heard: self.chosen.heard(),
            log_start: self.chosen.start(),
            load,
            unanswered: self.client.unanswered(),
            forgetful: self.forgetful(),
            counters,
        }
    }
}
