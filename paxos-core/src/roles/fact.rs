//! The content of messages and records, in the words of all variants. Traces and the simulator's invariants are built
//! on it.

use crate::{Ballot, Batch, Entry, Slot, SlotRange};

/// One statement of one process.
#[derive(Clone, Debug)]
pub enum Fact<'a, V> {
    /// A proposer asks for promises (phase 1a).
    Prepare {
        /// The ballot that acceptors are to promise.
        ballot: Ballot,
        /// The slots of the promise.
        slots: SlotRange,
    },
    /// An acceptor promises (phase 1b). It has not voted in slots without a vote here.
    Promise {
        /// The promised ballot.
        ballot: Ballot,
        /// The slots of the promise.
        slots: SlotRange,
        /// The acceptor's highest votes in these slots, by slot.
        votes: &'a [(Slot, Ballot, &'a Entry<V>)],
    },
    /// A proposer lets acceptors vote for commands from clients (phase 2a of a fast ballot).
    Any {
        /// The fast ballot.
        ballot: Ballot,
        /// The slots.
        slots: SlotRange,
    },
    /// A proposer proposes a value (phase 2a).
    Propose {
        /// The ballot.
        ballot: Ballot,
        /// The slot.
        slot: Slot,
        /// The value.
        entry: &'a Entry<V>,
    },
    /// An acceptor votes (phase 2b).
    Vote {
        /// The ballot.
        ballot: Ballot,
        /// The slot.
        slot: Slot,
        /// The value. None where the message leaves it to the phase 2a.
        entry: Option<&'a Entry<V>>,
    },
    /// A learner says that a value is chosen.
    Chosen {
        /// The slot.
        slot: Slot,
        /// The value. None where the message leaves it to the phase 2a of the ballot.
        entry: Option<&'a Entry<V>>,
    },
}

/// Builds the common part of a phase message's facts: one [`Fact::Propose`] or [`Fact::Vote`] per slot.
pub fn tell_each<V>(
    first: Slot,
    batch: &Batch<V>,
    tell: &mut dyn FnMut(Fact<'_, V>),
    fact: impl for<'a> Fn(Slot, &'a Entry<V>) -> Fact<'a, V>,
) {
    for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
        tell(fact(slot, entry));
    }
}
