//! When a process that was removed may be turned off.

use crate::{Epoch, Node, NodeId, NodeSet, Phase, Protocol, StillNeeded};

impl<P: Protocol> Node<P> {
    /// Whether a process may be turned off for good, as far as this one knows: it was removed, and enough of the present
    /// members have all that was chosen before their epoch on their own disks. Any member can tell. What was true once stays
    /// true, though a member says no again while a later change of members comes into force.
    ///
    /// Why that is safe. The process is an acceptor of no slot from the beginning of the present epoch on. What was chosen
    /// below is on the disks of a phase 2 quorum of the present acceptors, as if it had been chosen there, and each
    /// phase 1 quorum has one of them in it (*Paxos Made Simple*, §2: any two quorums share an acceptor). So whoever leads
    /// next finds it, also if all of them lose their power now. That they have *executed* it is not enough: what a
    /// process learns is not written before the epoch begins.
    ///
    /// # Errors
    /// [`StillNeeded`]: why not, or what is not known here.
    pub fn may_stop(&self, id: NodeId) -> Result<(), StillNeeded> {
        let not_removed = Err(StillNeeded::NotRemoved(id));
        let Some(epochs) = self.chosen.epochs() else { return not_removed };
        // It may be one that comes and goes in epochs that are agreed on, and not in force.
        let member = epochs.everyone().servers().contains(id);
        match (epochs.retired().contains(id), member) {
            (false, true) => Err(StillNeeded::Member(id)),
            (false, false) => not_removed,
            (true, true) => {
                let until = epochs.last().from;
                Err(StillNeeded::Leaving { node: id, until, applied: self.chosen.applied() })
            }
            (true, false) => self.is_past_kept(epochs.current()),
        }
    }

    /// Everyone that may be turned off for good.
    pub(crate) fn dispensable(&self) -> NodeSet {
        let Some(epochs) = self.chosen.epochs() else { return NodeSet::EMPTY };
        let gone = epochs.retired().without(epochs.everyone().servers());
        if gone.is_empty() || self.is_past_kept(epochs.current()).is_err() { NodeSet::EMPTY } else { gone }
    }

    /// Whether enough acceptors of `epoch` have all before it on their disks, as far as heard.
    fn is_past_kept(&self, epoch: &Epoch) -> Result<(), StillNeeded> {
        let (from, of) = (epoch.from, epoch.members.acceptors);
        let me = if self.durable >= from { self.members.me } else { NodeSet::EMPTY };
        let keepers = self.peers.durable(from).union(me).intersection(of);
        let quorum = |phase| epoch.quorums.is_quorum(phase, keepers);
        if quorum(Phase::One) && quorum(Phase::TwoClassic) {
            Ok(())
        } else {
            Err(StillNeeded::NotOnDisk { keepers, of, from })
        }
    }
}
