//! Promises that come in pieces: a phase 1b is no longer than a message, however long the log is.

use crate::{NodeId, NodeSet, Slot, SlotRange};
use std::collections::{BTreeMap, VecDeque};

/// Whose promises a candidate has, whole or in part, and which pieces are to be asked for next.
///
/// An acceptor that reports votes tells of which slots it reports all. The candidate asks it for the rest, in the same
/// ballot, and counts its promise when nothing is left. Why the pieces make one phase 1b: from its first answer on, the
/// acceptor votes in no ballot below this one (*Paxos Made Simple*, §2.2, phase 1b), and in this one nothing is proposed
/// before phase 1 is done; so what it reports later is what it would have reported at first. An acceptor that has promised
/// a higher ballot meanwhile refuses, and one that has forgotten slots refuses as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pieces {
    promised: NodeSet,
    /// The first slot of which each acceptor has not told.
    next: BTreeMap<NodeId, Slot>,
    asks: VecDeque<(NodeId, Slot)>,
}

impl Pieces {
    /// Those whose promises are complete.
    pub fn promised(&self) -> NodeSet {
        self.promised
    }

    /// Takes in a piece about `slots` from an acceptor that was asked from `first` on; whether its votes are news. A piece
    /// without an end is the last. One that came before has the next one asked for again: that may be what was lost.
    pub fn hear(&mut self, from: NodeId, first: Slot, slots: SlotRange) -> bool {
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

    /// The next acceptor to ask again, and from which slot on.
    pub fn ask(&mut self) -> Option<(NodeId, Slot)> {
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
        // What is skipped is not told of, and what comes again is no news, but has the rest asked for again.
        assert!(!pieces.hear(ONE, Slot(3), SlotRange::new(Slot(9), Slot::MAX)));
        assert!(!pieces.hear(ONE, Slot(3), SlotRange::new(Slot(3), Slot(7))));
        assert_eq!((pieces.promised(), pieces.ask()), (NodeSet::EMPTY, Some((ONE, Slot(7)))));
        assert!(pieces.hear(ONE, Slot(3), SlotRange::new(Slot(7), Slot::MAX)));
        assert!(!pieces.hear(ONE, Slot(3), SlotRange::new(Slot(3), Slot::MAX)));
        assert_eq!(pieces.promised(), NodeSet::only(ONE));
    }
}
