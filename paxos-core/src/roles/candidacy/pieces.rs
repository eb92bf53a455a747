//! Promises in pieces: a phase 1b is no longer than a message, however long the log is.

use crate::{NodeId, NodeSet, Slot, SlotRange};
use std::collections::{BTreeMap, VecDeque};

/// The promises that a candidate has, whole or in part, and the pieces to ask for next.
///
/// An acceptor that reports votes says for which slots its report is complete. The candidate asks it for the rest, in
/// the same ballot, and counts its promise when nothing is left. The pieces make one phase 1b for this reason: from
/// its first answer on, the acceptor votes in no ballot below this one (*Paxos Made Simple*, §2.2, phase 1b), and
/// nothing is proposed in this ballot before phase 1 is done. So its later reports are what it would have reported at
/// first. An acceptor that has promised a higher ballot or forgotten slots meanwhile refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pieces {
    promised: NodeSet,
    /// The first slot that each acceptor has not reported.
    next: BTreeMap<NodeId, Slot>,
    asks: VecDeque<(NodeId, Slot)>,
}

impl Pieces {
    /// The acceptors whose promises are complete.
    pub(super) fn promised(&self) -> NodeSet {
        self.promised
    }

    /// Takes in a piece about `slots` from an acceptor that was asked from `first` on. Returns whether it is the next
    /// one. A piece without an end is the last. After a repeated piece, the next one is asked for again, since it may
    /// have been lost.
    pub(super) fn hear(&mut self, from: NodeId, first: Slot, slots: SlotRange) -> bool {
        if self.promised.contains(from) || from.0 >= NodeSet::CAPACITY || slots.is_empty() {
            return false;
        }
        let next = self.next.get(&from).copied().unwrap_or(first);
        let is_news = slots.start == next;
        if is_news && slots.end == Slot::MAX {
            self.next.remove(&from);
            return self.promised.insert(from);
        }
        if is_news {
            self.next.insert(from, slots.end);
        }
        let ask = (from, self.next.get(&from).copied().unwrap_or(first));
        if ask.1 > first && !self.asks.contains(&ask) {
            self.asks.push_back(ask);
        }
        is_news
    }

    /// Returns the next acceptor to ask again, and the slot to ask from.
    pub(super) fn ask(&mut self) -> Option<(NodeId, Slot)> {
        self.asks.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId(1);

    #[test]
    fn a_promise_counts_when_its_last_piece_is_there() {
        let mut pieces = Pieces::default();
        assert!(pieces.hear(ONE, Slot(3), SlotRange::new(Slot(3), Slot(7))));
        assert_eq!(
            (pieces.promised(), pieces.ask(), pieces.ask()),
            (NodeSet::EMPTY, Some((ONE, Slot(7))), None)
        );
        // A gap leaves slots unreported. A repeated piece is not new, but the rest is asked for again.
        assert!(!pieces.hear(ONE, Slot(3), SlotRange::new(Slot(9), Slot::MAX)));
        assert!(!pieces.hear(ONE, Slot(3), SlotRange::new(Slot(3), Slot(7))));
        assert_eq!((pieces.promised(), pieces.ask()), (NodeSet::EMPTY, Some((ONE, Slot(7)))));
        assert!(pieces.hear(ONE, Slot(3), SlotRange::new(Slot(7), Slot::MAX)));
        assert!(!pieces.hear(ONE, Slot(3), SlotRange::new(Slot(3), Slot::MAX)));
        assert_eq!(pieces.promised(), NodeSet::only(ONE));
    }
}
