//! Asking for a change of members, and whether that is a good idea now.

use crate::{
    Change, Client, CommandId, Epochs, Inadvisable, Membership, Node, NodeId, NodeSet, Phase, Protocol, Slot,
    Unasked, Unchangeable,
};
use core::time::Duration;

impl<P: Protocol> Node<P> {
    /// Gives this process's client a change of members to get agreed, as [`Node::submit`], if it is one that the cluster
    /// survives as far as this process knows: those that are added are there and have caught up, and the members that are
    /// heard would be a quorum. What came of it is among [`Node::changes`].
    ///
    /// The process goes by what it hears itself ([`crate::Timeouts::gossip`]), whoever leads. Others may hear more or less.
    ///
    /// # Errors
    /// [`Unasked`]: too many commands are unanswered, the members are fixed, or the change cannot be made or is
    /// [`Inadvisable`]. That may pass ([`Inadvisable::may_pass`]): a caller may try again when something has happened.
    pub fn submit_change(&mut self, now: crate::Time, change: Change) -> Result<CommandId, Unasked> {
        self.now = self.now.max(now);
        self.advise(&change)?;
        self.force_change(now, change)
    }

    /// As [`Node::submit_change`], whatever this process thinks of the change. It may be the last thing that the cluster
    /// decides.
    ///
    /// # Errors
    /// [`Unasked`]: too many commands are unanswered, or the members are fixed.
    pub fn force_change(&mut self, now: crate::Time, change: Change) -> Result<CommandId, Unasked> {
        self.now = self.now.max(now);
        if self.chosen.epochs().is_none() {
            return Err(Unchangeable::Fixed.into());
        }
        self.stirred = true;
        self.client.refresh(self.now, self.chosen.first_unknown());
        Ok(self.client.submit_change(change)?)
    }

    /// Whether the cluster survives `change`, as far as this process knows.
    fn advise(&self, change: &Change) -> Result<(), Unasked> {
        let Some(epochs) = self.chosen.epochs() else { return Err(Unchangeable::Fixed.into()) };
        if !self.members.learners.contains(self.setup.id) {
            return Err(Inadvisable::Outside.into());
        }
        let newcomers = newcomers(epochs, change)?;
        let after = epochs.epoch_after(change)?;
        for new in self.others(newcomers).iter() {
            self.is_ready_to_join(new)?;
        }
        let (quorums, me) = (&after.quorums, self.setup.id);
        let heard = self.peers.heard_within(self.now, self.window()).union(NodeSet::only(me));
        for phase in [Phase::One, Phase::TwoClassic] {
            if !quorums.is_quorum(phase, heard) {
                let reachable = heard.intersection(after.members.acceptors).len();
                let members = after.members.acceptors.len();
                let quorum = quorums.minimal_quorum(phase, me).len();
                return Err(Inadvisable::NoQuorum { reachable, members, quorum }.into());
            }
        }
        Ok(())
    }

    fn is_ready_to_join(&self, new: NodeId) -> Result<(), Inadvisable> {
        let peer = self.peers.recent(new, self.now, self.window()).ok_or(Inadvisable::NotHeard(new))?;
        if peer.caught_up {
            return Ok(());
        }
        Err(Inadvisable::Behind { node: new, known: peer.known, of: self.chosen.first_unknown() })
    }

    /// Whether it has heard a quorum of acceptors lately, itself included: with these it can elect a leader and choose values.
    pub fn hears_quorum(&self) -> bool {
        let me = NodeSet::only(self.setup.id);
        let heard = self.peers.heard_within(self.now, self.window()).union(me).without(self.forgetful());
        let quorums = &self.setup.config.quorums;
        [Phase::One, Phase::TwoClassic].into_iter().all(|phase| quorums.is_quorum(phase, heard))
    }

    /// Whether `id` said lately how far it is, and what it said last.
    pub(crate) fn heard_of(&self, id: NodeId) -> (bool, Option<Slot>) {
        let lately = self.peers.recent(id, self.now, self.window()).is_some();
        (lately, self.peers.known(id))
    }

    /// Within this time, each process that is there has told this one how far it is: each tells one after the other, in as
    /// many turns of gossip as there are others, and a message may be lost or late.
    pub(in crate::node) fn window(&self) -> Duration {
        let timeouts = self.setup.config.timeouts;
        let round = timeouts.gossip.unwrap_or_default().saturating_mul(self.members.servers.len() as u32 + 1);
        timeouts.election.unwrap_or_default().saturating_add(round.saturating_mul(2))
    }
}

/// Who gets a role by `change` that it does not have. An error if somebody is named in vain.
fn newcomers(epochs: &Epochs, change: &Change) -> Result<NodeSet, Inadvisable> {
    let Membership { proposers, acceptors, learners } = epochs.last().members;
    let members = epochs.last().members.servers();
    if let Some(gone) = change.remove.without(members).iter().next() {
        let removed = epochs.retired().contains(gone);
        return Err(if removed { Inadvisable::Removed(gone) } else { Inadvisable::NoMember(gone) });
    }
    let Membership { proposers: to_propose, acceptors: to_vote, learners: to_learn } = change.add;
    // A learner may become an acceptor.
    let gains =
        to_propose.without(proposers).union(to_vote.without(acceptors)).union(to_learn.without(learners));
    match change.add.servers().without(gains).iter().next() {
        Some(member) => Err(Inadvisable::Member(member)),
        None => Ok(gains),
    }
}
