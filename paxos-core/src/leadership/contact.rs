//! The answers to a leader's heartbeats, which show which acceptors still follow it.

use crate::{NodeId, NodeSet, Phase, QuorumSystem, Time};

/// For each acceptor, the newest heartbeat that it answered, by the time at which the leader *sent* it, on the
/// leader's clock. From this, a leader knows that it must step down, that it still leads when it confirms a read, and
/// how long its lease holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contact {
    newest: Vec<(Time, NodeId)>,
}

impl Contact {
    /// Notes that `from` answered the heartbeat sent at `sent`.
    pub fn heard(&mut self, from: NodeId, sent: Time) {
        match self.newest.iter_mut().find(|(_, node)| *node == from) {
            Some((newest, _)) => *newest = sent.max(*newest),
            None => self.newest.push((sent, from)),
        }
        // Newest first.
        self.newest.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Forgets everything, for a new ballot.
    pub fn clear(&mut self) {
        self.newest.clear();
    }

    /// Returns the latest time such that a quorum of `phase` has answered heartbeats sent then or later. None if no
    /// quorum has answered.
    pub fn since(&self, quorums: &dyn QuorumSystem, phase: Phase) -> Option<Time> {
        let mut answered = NodeSet::EMPTY;
        self.newest.iter().find_map(|(sent, node)| {
            answered.insert(*node);
            quorums.is_quorum(phase, answered).then_some(*sent)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counts;

    #[test]
    fn a_quorum_is_in_contact_since_its_slowest_member_answered() {
        let quorums = Counts::majority(NodeSet::first(5)).expect("five acceptors");
        let mut contact = Contact::default();
        for (node, sent) in [(0, 9), (1, 7), (1, 3), (9, 8)] {
            contact.heard(NodeId(node), Time(sent));
        }
        assert_eq!(contact.since(&quorums, Phase::TwoClassic), None);
        contact.heard(NodeId(4), Time(2));
        assert_eq!(contact.since(&quorums, Phase::TwoClassic), Some(Time(2)));
        contact.heard(NodeId(3), Time(8));
        assert_eq!(contact.since(&quorums, Phase::TwoClassic), Some(Time(7)));
        contact.clear();
        assert_eq!(contact.since(&quorums, Phase::TwoClassic), None);
    }
}
