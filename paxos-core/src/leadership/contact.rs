//! Who still follows a leader: the answers to its heartbeats.

use crate::{NodeId, NodeSet, Phase, QuorumSystem, Time};

/// For each acceptor the newest heartbeat that it answered, by the time at which the leader *sent* it, on the
/// leader's own clock. A leader that lost touch with a quorum knows by this that it must not go on, one that
/// is asked for a read that it still leads, and one with a lease how long that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contact {
    newest: Vec<(Time, NodeId)>,
}

impl Contact {
    /// `from` answered the heartbeat sent at `sent`.
    pub fn heard(&mut self, from: NodeId, sent: Time) {
        match self.newest.iter_mut().find(|(_, node)| *node == from) {
            Some((newest, _)) => *newest = sent.max(*newest),
            None => self.newest.push((sent, from)),
        }
        // The newest first.
        self.newest.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Forgets everything: a new ballot.
    pub fn clear(&mut self) {
        self.newest.clear();
    }

    /// The latest time such that a quorum of `phase` has answered heartbeats sent then or later; none if too few
    /// have answered any.
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
