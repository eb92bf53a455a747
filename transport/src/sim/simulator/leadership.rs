//! Leadership transfers at the caller's request.

use super::Sim;
use paxos_core::{NodeId, Protocol, StateMachine, Untransferable};

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Tells `leader` to transfer its leadership to `to`; see [`paxos_core::Node::transfer`].
    ///
    /// # Errors
    /// [`Untransferable`] if `leader` is not up or does not lead, or if `to` cannot lead.
    pub fn transfer(&mut self, leader: NodeId, to: NodeId) -> Result<(), Untransferable> {
        let up = self.at(leader).filter(|at| self.processes[*at].up);
        let at = up.ok_or(Untransferable::NotLeader(None))?;
        let process = &mut self.processes[at];
        process.node.transfer(process.local(self.out.now), to)?;
        self.awake.insert(at);
        Ok(())
    }

    /// The process with the highest ballot among those that are up and believe that they lead.
    pub fn leader(&self) -> Option<NodeId> {
        let up = self.ids.iter().filter(|id| self.is_up(**id));
        up.filter_map(|id| self.node(*id)?.leading()).max().map(|ballot| ballot.owner)
    }
}
