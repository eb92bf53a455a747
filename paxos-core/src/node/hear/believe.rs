//! What a node believes of what others say.
//!
//! Processes may crash, pause and forget nothing but what is not on disk: they follow the protocol, and what they say is
//! true when they say it. A number that cannot be true comes from a mistake: a program of another kind, memory or a frame
//! that was damaged. It must not end a cluster that is whole otherwise. So three things hold of every number in a message:
//!
//! 1. **It is in the range of what can be true.** Slots, rounds, sessions and sequence numbers have a last one, which no
//!    cluster comes to ([`Slot::LAST`], [`Ballot::LAST_ROUND`], [`crate::ClientId::LAST_SESSION`],
//!    [`crate::CommandId::LAST_SEQ`]); no sum of them wraps around. A ballot is believed up to halfway between the highest
//!    seen and the last. A message with another number changes nothing, and is counted ([`crate::Counters::disbelieved`]).
//! 2. **What is done about it does not grow with it.** A slot that is said to be chosen makes a process that does not know it
//!    ask who said so, and nothing else: it neither reserves memory nor proposes anything up to there.
//! 3. **A slot that is far ahead has to be named twice** where a process can only believe it: an acceptor that is to vote more
//!    than [`crate::Limits::reach`] slots beyond all that it knows, and a proposer that does not learn and is told that all
//!    up to such a slot is chosen. Both are legitimate, of a process that was away; and both are said again in due time,
//!    since proposals are sent again and learners tell each other how far they are. Until then it is as if the message
//!    had been lost.
//!
//! What is believed at once, since nothing could tell a lie from the truth: a value, a snapshot whose checksum is right, and a
//! slot in reach.

use crate::{
    Acceptor, Aside, Ballot, Epochs, InBallot, Kind, Message, Node, NodeId, Phrase, Proposer, Protocol,
    ReadMessage, Slot,
};
use std::collections::BTreeSet;

/// Of how many senders and kinds of messages it is remembered that they were told of.
const NOTED: usize = 1024;

/// What is to be said again before it is believed, and what is never believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::node) struct Beliefs {
    /// A phase 2a named a slot far beyond what is known here.
    proposed: Doubt,
    /// Everything below is chosen, as a proposer that does not learn was told and believes.
    told: Slot,
    /// It was told of more.
    unsure: Doubt,
    /// By sender and kind.
    disbelieved: Aside<Disbelieved>,
}

#[derive(Clone, Debug, Default)]
struct Disbelieved {
    noted: BTreeSet<(NodeId, Kind)>,
    untold: Vec<(NodeId, Kind)>,
}

/// A slot far beyond what is known, that was named once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Doubt(Slot);

impl Doubt {
    /// Whether to act on `slot`, where all up to `known` is no surprise, and a slot within `reach` of that is none either.
    fn is_over(&mut self, slot: Slot, known: Slot, reach: u64) -> bool {
        let over = slot <= known.max(self.0).plus(reach);
        self.0 = if over { Slot(0) } else { slot };
        over
    }
}

impl<P: Protocol> Node<P> {
    /// Whether every number in `message` can be true.
    pub(in crate::node) fn is_credible(&self, message: &Message<P>) -> bool {
        is_possible(message)
            && ballot_of(message)
                .is_none_or(|ballot| ballot.is_credible(Ballot::ZERO) || ballot.is_credible(self.seen()))
    }

    /// The highest ballot seen.
    #[cold]
    fn seen(&self) -> Ballot {
        let highest = self.noted.0.highest;
        self.proposer.as_ref().map_or(highest, |proposer| highest.max(proposer.load().highest))
    }

    /// A message with a number that cannot be true.
    #[cold]
    pub(in crate::node) fn disbelieve(&mut self, from: NodeId, kind: Kind) {
        self.noted.0.counters.disbelieved += 1;
        let Disbelieved { noted, untold } = &mut self.beliefs.disbelieved.0;
        if noted.len() < NOTED && noted.insert((from, kind)) {
            untold.push((from, kind));
        }
    }

    /// The next process that said something which cannot be true, and in which kind of message: each pair is told once. To be
    /// called after each [`crate::Ready`]; there is nothing to be done about it but to tell an operator.
    pub fn disbelieved(&mut self) -> Option<(NodeId, Kind)> {
        self.beliefs.disbelieved.0.untold.pop()
    }

    /// Whether to act on a phase 2a that names slots up to `furthest`.
    #[inline]
    pub(in crate::node) fn is_expected(&mut self, from: NodeId, furthest: Slot) -> bool {
        let voted = self.acceptor.as_ref().map_or(Slot(0), Acceptor::voted_below);
        let (known, reach) = (self.chosen.first_unknown().max(voted), self.setup.config.limits.reach());
        let expected = from == self.setup.id || self.beliefs.proposed.is_over(furthest, known, reach);
        self.noted.0.counters.doubted += u64::from(!expected);
        expected
    }

    /// Whether a proposer that does not learn is to believe that everything below `slot` is chosen.
    pub(in crate::node) fn is_told(&mut self, slot: Slot) -> bool {
        let reach = self.setup.config.limits.reach();
        let Beliefs { told: known, unsure, .. } = &mut self.beliefs;
        let told = unsure.is_over(slot, *known, reach);
        if told {
            *known = slot.max(*known);
        }
        self.noted.0.counters.doubted += u64::from(!told);
        told
    }
}

/// The highest ballot that a message claims to be in use.
fn ballot_of<P: Protocol>(message: &Message<P>) -> Option<Ballot> {
    match message {
        Message::Prepare(m) => Some(m.ballot()),
        Message::Promise(m) => Some(m.ballot()),
        Message::Accept(m) => Some(m.ballot()),
        Message::Accepted(m) => Some(m.ballot()),
        Message::Decide(m) => Some(m.ballot()),
        Message::Nack(nack) => Some(nack.promised),
        Message::Heartbeat { ballot, .. }
        | Message::Heard { ballot, .. }
        | Message::TakeOver { ballot, .. }
        | Message::Read(ReadMessage::Release { ballot }) => Some(*ballot),
        Message::Request(_)
        | Message::Reply(_)
        | Message::Refuse(_)
        | Message::Members { .. }
        | Message::Progress { .. }
        | Message::CatchUp { .. }
        | Message::Chosen { .. }
        | Message::Canvass { .. }
        | Message::Support { .. }
        | Message::Read(_)
        | Message::Offer { .. }
        | Message::Fetch { .. }
        | Message::Chunk { .. }
        | Message::Forgotten { .. } => None,
    }
}

/// Whether the slots are slots, and the rest is in range.
fn is_possible<P: Protocol>(message: &Message<P>) -> bool {
    match message {
        Message::Prepare(m) => m.is_sound(),
        Message::Promise(m) => m.is_sound(),
        Message::Accept(m) => m.is_sound(),
        Message::Accepted(m) => m.is_sound(),
        Message::Decide(m) => m.is_sound(),
        Message::Nack(nack) => nack.slots.start.holds(0),
        Message::Reply(reply) => reply.slot.holds(0),
        Message::Members { version, .. } => *version <= Epochs::LAST_VERSION,
        Message::Heartbeat { chosen, .. }
        | Message::Canvass { chosen, .. }
        | Message::TakeOver { chosen, .. } => chosen.holds(0),
        Message::Progress { chosen, durable } => chosen.holds(0) && durable.holds(0),
        Message::CatchUp { from } => from.holds(0),
        Message::Chosen { first, batch, known, .. } => first.holds(batch.len() as u64) && known.holds(0),
        Message::Read(ReadMessage::At { slot, .. }) => slot.is_none_or(|slot| slot.holds(0)),
        Message::Read(ReadMessage::VotedBelow { slot, .. }) => slot.holds(0),
        Message::Offer { snapshot } | Message::Fetch { snapshot, .. } | Message::Chunk { snapshot, .. } => {
            snapshot.next.holds(0)
        }
        Message::Request(_)
        | Message::Refuse(_)
        | Message::Heard { .. }
        | Message::Support { .. }
        | Message::Forgotten { .. }
        | Message::Read(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_far_ahead_is_believed_when_it_is_named_again() {
        let (far, mut doubt) = (Slot(1 << 40), Doubt::default());
        // A single one that cannot be true, among others.
        let said = [Slot(5), far, Slot(16), far, Slot(7)];
        assert_eq!(said.map(|slot| doubt.is_over(slot, Slot(4), 16)), [true, false, true, false, true]);
        // A process that was away hears of one slot after the other, or of the same one again.
        assert!(!doubt.is_over(far, Slot(4), 16) && doubt.is_over(far.plus(16), Slot(4), 16));
        assert!(!doubt.is_over(far, Slot(4), 16) && doubt.is_over(far.minus(1), Slot(4), 16));
    }
}
