//! What a process tells about itself, for tables and dashboards.

use crate::{
    Amount, Backlog, Ballot, Client, Leader, Node, NodeId, NodeSet, Proposer, Protocol, Slot, StoreMark,
};
use core::hash::{Hash, Hasher};

/// What a process knows about itself. Cheap to ask for: nothing is counted or copied that is not at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The roles it plays, besides that of a client.
    pub plays: Plays,
    /// Its own latest ballot; [`Ballot::ZERO`] if it never campaigned.
    pub ballot: Ballot,
    /// The highest ballot it has heard of.
    pub highest: Ballot,
    /// Who leads, as far as it knows. Where leaders appoint themselves, each proposer names itself.
    pub leader: Option<NodeId>,
    /// Whether it leads itself: it has won phase 1, and knows of no higher ballot.
    pub leads: bool,
    /// The first slot whose value it does not know.
    pub first_unknown: Slot,
    /// The first slot it has not executed. What it has executed need not be on its own disk: see [`Status::durable`].
    pub applied: Slot,
    /// Every slot below is on its own disk as chosen, in its snapshot or among its records: it starts again with that, and
    /// needs nobody for it. Written when the members change, with each snapshot, and now and then with its votes. What was
    /// chosen since lives in the votes of the acceptors. Never above `first_unknown`.
    pub durable: Slot,
    /// What it has given to its disk to write, and waits for.
    pub disk: Backlog,
    /// The processes that were removed and may be turned off for good, as far as this one knows ([`Node::may_stop`]).
    pub may_stop: NodeSet,
    /// Every slot below is chosen, as far as it has heard.
    pub heard: Slot,
    /// The first slot whose value it still holds.
    pub log_start: Slot,
    /// Its proposer's load.
    pub load: Load,
    /// Commands of its own client without an answer.
    pub unanswered: usize,
    /// The processes whose store is not the one that they had, so that what they say does not count.
    pub forgetful: NodeSet,
    /// Since it was started.
    pub counters: Counters,
}

/// Which roles a process plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plays {
    /// It may propose.
    pub proposer: bool,
    /// It votes.
    pub acceptor: bool,
    /// It learns what is chosen, and executes it.
    pub learner: bool,
}

/// What a proposer has before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Its own latest ballot.
    pub ballot: Ballot,
    /// The highest ballot it has heard of.
    pub highest: Ballot,
    /// Slots under way, and their bytes.
    pub in_flight: Amount,
    /// Commands that wait for a place in the window, and their bytes.
    pub waiting: Amount,
    /// Questions asked again for want of an answer.
    pub resends: u64,
}

/// How often something happened since the process was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The leader role had it campaign.
    pub campaigns: u64,
    /// It won a term.
    pub won: u64,
    /// It lost a term that it had won.
    pub lost: u64,
    /// It led, and asked another process to lead because its own disk had stalled.
    pub stepped_aside: u64,
    /// An acceptor refused it.
    pub nacks: u64,
    /// Its proposer or its client asked again for want of an answer, or its client a leader that it was told of.
    pub retransmissions: u64,
    /// It asked for what it missed.
    pub catch_ups: u64,
    /// Entries that it was sent in answer to that; some of them it may have known.
    pub caught_up: u64,
    /// Messages that changed nothing because their sender does not play the role it spoke in.
    pub ignored: u64,
    /// Messages that changed nothing because a number in them cannot be true ([`Node::disbelieved`] tells whose).
    pub disbelieved: u64,
    /// Messages that changed nothing because they name a slot far beyond all that it knows: they are believed when it is
    /// named again.
    pub doubted: u64,
    /// Messages that changed nothing because their sender has forgotten what it promised ([`crate::Amnesia`]).
    pub forgotten: u64,
    /// Messages that it took no notice of because too much waited for its disk ([`crate::Limits::disk_bytes`]).
    pub clogged: u64,
    /// Commands that it did not take because it held as much as it may: of its own client, or of others.
    pub refused: u64,
}

/// What a process knows about the others, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Its own store; none where nobody tells.
    pub store: Option<StoreMark>,
    /// Whether it hears a quorum of acceptors, itself included: [`Node::hears_quorum`].
    pub quorum: bool,
    /// The other members and spares, in order.
    pub peers: Vec<PeerStatus>,
}

/// What a process knows about another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The other process.
    pub id: NodeId,
    /// Whether it said lately how far it is.
    pub heard: bool,
    /// It knew all slots below when it said so last; none if it never did.
    pub known: Option<Slot>,
    /// The slots that it was behind this process by then, or is by now; none if it never said how far it is.
    pub lag: Option<u64>,
    /// Its store, and how far that had come when it was heard of last; none if it was not heard of.
    pub store: Option<StoreMark>,
}

/// Something that is noted on the way and has no effect. It does not tell two states apart, lest whoever explores
/// states finds no end of them.
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

/// What a node notes for its status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noted {
    pub(crate) highest: Ballot,
    pub(crate) counters: Counters,
}

impl<P: Protocol> Node<P> {
    /// What it knows about the others.
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

    /// What it knows about itself.
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
