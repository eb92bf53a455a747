//! What a node believes of the messages of other processes.
//!
//! Processes may crash and pause, and forget only what is not on disk. They follow the protocol, and their messages
//! are true when they send them. An impossible number comes from a mistake: a program of another kind, or damaged
//! memory or frames. It must not end an otherwise sound cluster. So three things hold for every number in a message:
//!
//! 1. **It is in the possible range.** Slots, rounds, sessions and sequence numbers have a last value, which no
//!    cluster reaches ([`Slot::LAST`], [`Ballot::LAST_ROUND`], [`crate::ClientId::LAST_SESSION`],
//!    [`crate::CommandId::LAST_SEQ`]), and no sum of them wraps around. A ballot is believed up to halfway between the
//!    highest seen and the last. A message with any other number changes nothing, and is counted
//!    ([`crate::Counters::disbelieved`]).
//! 2. **The work that it causes does not grow with it.** When a process hears that an unknown slot is chosen, it asks
//!    the sender, and nothing else: it reserves no memory and proposes nothing up to that slot.
//! 3. **A slot far ahead must be named twice** where a process has nothing to check it against: at an acceptor that is
//!    to vote more than [`crate::Limits::reach`] slots beyond everything it knows, and at a proposer that does not
//!    learn and is told that everything up to such a slot is chosen. Both may be true, for a process that was away.
//!    Both arrive again, since proposals are sent again and learners repeat their progress. Until then, the message
//!    counts as lost.
//!
//! Everything else is believed at once, since it cannot be checked: a value, a snapshot with the right checksum, and a
//! slot within reach.

use crate::{
    Acceptor, Aside, Ballot, Epochs, InBallot, Kind, Message, Node, NodeId, PhaseMessage, Proposer, Protocol,
    ReadMessage, Slot,
};
use std::collections::BTreeSet;

/// The number of pairs of sender and kind of message for which an impossible number is remembered.
const NOTED: usize = 1024;

/// The claims that must be repeated to be believed, and the senders of impossible numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::node) struct Beliefs {
    /// A slot far beyond what is known here, named by a phase 2a.
    proposed: Doubt,
    /// The slot below which everything is chosen, as a proposer that does not learn believes.
    told: Slot,
    /// A slot far beyond `told` that it was told.
    unsure: Doubt,
    /// By sender and kind of message.
    disbelieved: Aside<Disbelieved>,
}

#[derive(Clone, Debug, Default)]
struct Disbelieved {
    noted: BTreeSet<(NodeId, Kind)>,
    untold: Vec<(NodeId, Kind)>,
}

/// A slot far beyond what is known that was named once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Doubt(Slot);

impl Doubt {
    /// Checks whether to act on `slot`: it is at most `reach` slots beyond `known`, or beyond the slot named before.
    fn is_over(&mut self, slot: Slot, known: Slot, reach: u64) -> bool {
        let over = slot <= known.max(self.0).plus(reach);
        self.0 = if over { Slot(0) } else { slot };
        over
    }
}

impl<P: Protocol> Node<P> {
    /// Whether every number in `message` is possible.
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

    /// Counts a message with an impossible number, and notes its sender.
    #[cold]
    pub(in crate::node) fn disbelieve(&mut self, from: NodeId, kind: Kind) {
        self.noted.0.counters.disbelieved += 1;
        let Disbelieved { noted, untold } = &mut self.beliefs.disbelieved.0;
        if noted.len() < NOTED && noted.insert((from, kind)) {
            untold.push((from, kind));
        }
    }

    /// Returns the next sender of an impossible number, with the kind of message, each pair once. Must be called after
    /// each [`crate::Ready`]. All that a caller can do is to tell an operator.
    pub fn disbelieved(&mut self) -> Option<(NodeId, Kind)> {
        self.beliefs.disbelieved.0.untold.pop()
    }

    /// Checks whether to act on a phase 2a that names slots up to `furthest`.
    #[inline]
    pub(in crate::node) fn is_expected(&mut self, from: NodeId, furthest: Slot) -> bool {
        let voted = self.acceptor.as_ref().map_or(Slot(0), Acceptor::voted_below);
        let (known, reach) = (self.chosen.first_unknown().max(voted), self.setup.config.limits.reach());
        let expected = from == self.setup.id || self.beliefs.proposed.is_over(furthest, known, reach);
        self.noted.0.counters.doubted += u64::from(!expected);
        expected
    }

    /// Checks whether a proposer that does not learn should believe that everything below `slot` is chosen.
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
        | Message::Transfer { ballot, .. }
        | Message::Read(ReadMessage::Release { ballot }) => Some(*ballot),
        Message::Request(_)
        | Message::Reply(_)
        | Message::Refuse(_)
        | Message::Members { .. }
        | Message::Progress { .. }
        | Message::CatchUp { .. }
        | Message::Chosen { .. }
        | Message::PreVote { .. }
        | Message::PreVoteReply { .. }
        | Message::Read(_)
        | Message::Offer { .. }
        | Message::Fetch { .. }
        | Message::Chunk { .. }
        | Message::Forgotten { .. }
        | Message::Recognize { .. }
        | Message::Recognized { .. } => None,
    }
}

/// Whether all slots and other numbers are in range.
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
        | Message::PreVote { chosen, .. }
        | Message::Transfer { chosen, .. } => chosen.holds(0),
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
        | Message::PreVoteReply { .. }
        | Message::Forgotten { .. }
        | Message::Recognize { .. }
        | Message::Recognized { .. }
        | Message::Read(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_far_ahead_is_believed_when_it_is_named_again() {
        let (far, mut doubt) = (Slot(1 << 40), Doubt::default());
        // One impossible slot among possible ones.
        let said = [Slot(5), far, Slot(16), far, Slot(7)];
        assert_eq!(said.map(|slot| doubt.is_over(slot, Slot(4), 16)), [true, false, true, false, true]);
        // A process that was away hears of one slot after another, or of the same slot again.
        assert!(!doubt.is_over(far, Slot(4), 16) && doubt.is_over(far.plus(16), Slot(4), 16));
        assert!(!doubt.is_over(far, Slot(4), 16) && doubt.is_over(far.minus(1), Slot(4), 16));
    }
}
