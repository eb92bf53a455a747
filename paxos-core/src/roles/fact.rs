//! What messages and records say, in words that all variants share: the ground on which traces are written and
//! the simulator's invariants stand.

use crate::{Ballot, Entry, Slot, SlotRange};

/// One statement of one process.
#[derive(Clone, Debug)]
pub enum Fact<'a, V> {
    /// A proposer asks for promises (phase 1a).
    Prepare {
        /// The ballot to be promised.
        ballot: Ballot,
        /// The slots it is to be promised for.
        slots: SlotRange,
    },
    /// An acceptor promises (phase 1b). Slots of which no vote is told were not voted in.
    Promise {
        /// The ballot promised.
        ballot: Ballot,
        /// The slots it is promised for.
        slots: SlotRange,
        /// The highest votes there, by slot.
        votes: &'a [(Slot, Ballot, &'a Entry<V>)],
    },
    /// A proposer lets acceptors vote for what clients send them (phase 2a of a fast ballot).
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
        /// The value, none where the message leaves it to the phase 2a.
        entry: Option<&'a Entry<V>>,
    },
    /// A learner says that a value is chosen.
    Chosen {
        /// The slot.
        slot: Slot,
        /// The value, none where the message leaves it to the phase 2a of the ballot.
        entry: Option<&'a Entry<V>>,
    },
}
