//! When a removed process may be turned off.

use crate::{Epoch, Node, NodeId, NodeSet, Phase, Protocol, StillNeeded};

impl<P: Protocol> Node<P> {
    /// Checks whether a process may be turned off for good, as far as this process knows: it was removed, and enough
    /// of the current members have everything chosen before their epoch on their own disks. Any member can answer. The
    /// answer stays true, although a member may answer no again while a later change of members comes into force.
    ///
    /// This is safe for the following reason. The process is not an acceptor of any slot from the beginning of the
    /// current epoch on. Everything chosen below is on the disks of a phase 2 quorum of the current acceptors, as if
    /// it had been chosen there, and each phase 1 quorum contains one of them (*Paxos Made Simple*, §2: any two
    /// quorums share an acceptor). So the next leader finds it, even if all of them lose power now. It is not enough
    /// that they have *executed* it: a process writes what it learns only when the epoch begins.
    ///
    /// # Errors
    /// [`StillNeeded`], with the reason why it may not, or what is not known here.
    pub fn may_stop(&self, id: NodeId) -> Result<(), StillNeeded> {
        let not_removed = Err(StillNeeded::NotRemoved(id));
        let Some(epochs) = self.chosen.epochs() else { return not_removed };
        // It may be added and removed again in epochs that are chosen and not in force.
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

    /// The processes that may be turned off for good.
    pub(crate) fn dispensable(&self) -> NodeSet {
        let Some(epochs) = self.chosen.epochs() else { return NodeSet::EMPTY };
        let gone = epochs.retired().without(epochs.everyone().servers());
        if gone.is_empty() || self.is_past_kept(epochs.current()).is_err() { NodeSet::EMPTY } else { gone }
    }

    /// Checks whether enough acceptors of `epoch` have everything before it on disk, as far as this process has heard.
    fn is_past_kept(&self, epoch: &Epoch) -> Result<(), StillNeeded> {
        let (from, of) = (epoch.from, epoch.members.acceptors);
        let me = if self.durable >= from { self.members.me } else { NodeSet::EMPTY };
        // What a process reported before it lost its disk is not on its disk.
        let keepers = self.peers.durable(from).without(self.forgetful()).union(me).intersection(of);
        let quorum = |phase| epoch.quorums.is_quorum(phase, keepers);
        if quorum(Phase::One) && quorum(Phase::TwoClassic) {
            Ok(())
        } else {
            Err(StillNeeded::NotOnDisk { keepers, of, from })
        }
    }
}
