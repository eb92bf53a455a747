//! Asking for a change of members, after a check that it is advisable now.

use crate::{
    Change, Client, CommandId, Epochs, Inadvisable, Membership, Node, NodeId, NodeSet, Phase, Protocol,
    Reconfiguration, Slot, Time, Unasked, Unchangeable,
};
use core::time::Duration;

impl<P: Protocol> Node<P> {
    /// Submits a change of members for this process's client, as [`Node::submit`] does, if the cluster survives it as
    /// far as this process knows: the new members have been heard and have caught up, and the future members that are
    /// heard are a quorum. The result is among [`Node::changes`].
    ///
    /// The process relies on what it hears itself ([`crate::Timeouts::gossip`]), whichever process leads.
    ///
    /// # Errors
    /// [`Unasked`] if too many commands are unanswered, the members are fixed, or the change cannot be made or is
    /// [`Inadvisable`]. The last may pass ([`Inadvisable::may_pass`]), so a caller may try again later.
    pub fn submit_change(&mut self, now: Time, change: Change) -> Result<CommandId, Unasked> {
        self.now = self.now.max(now);
        self.advise(&change)?;
        self.force_change(now, change)
    }

    /// As [`Node::submit_change`], without the check. It may be the last thing that the cluster decides.
    ///
    /// # Errors
    /// [`Unasked`] if too many commands are unanswered, or the members are fixed.
    pub fn force_change(&mut self, now: Time, change: Change) -> Result<CommandId, Unasked> {
        self.now = self.now.max(now);
        if self.chosen.epochs().is_none() {
            return Err(Unchangeable::Fixed.into());
        }
        self.stirred = true;
        self.client.refresh(self.now, self.chosen.first_unknown());
        let reconfiguration = self.reconfiguration(self.now, change);
        Ok(self.client.submit_change(reconfiguration)?)
    }

    /// Returns `change` as it is proposed: with the stores of the processes that it adds, as far as this process has
    /// heard of them recently at `now`.
    pub fn reconfiguration(&self, now: Time, change: Change) -> Reconfiguration {
        let last = self.chosen.epochs().map(|epochs| epochs.last().members);
        let new = last.unwrap_or(self.setup.config.members()).newly_bound(&change);
        let now = self.now.max(now);
        // A store that was heard of long ago may have been exchanged since.
        let is_heard = |node| node == self.setup.id || self.peers.recent(node, now, self.window()).is_some();
        let store = |node| {
            self.incarnation_of(node).filter(|_| is_heard(node)).map(|incarnation| (node, incarnation))
        };
        Reconfiguration { change, stores: new.iter().filter_map(store).collect() }
    }

    /// Checks that the cluster survives `change`, as far as this process knows.
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
        let heard = self.heard();
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

    /// Whether it has recently heard a quorum of acceptors, itself included: enough to elect a leader and choose
    /// values.
    pub fn hears_quorum(&self) -> bool {
        let (heard, quorums) = (self.heard(), &self.setup.config.quorums);
        [Phase::One, Phase::TwoClassic].into_iter().all(|phase| quorums.is_quorum(phase, heard))
    }

    /// This process, and the others that it has heard recently and believes.
    fn heard(&self) -> NodeSet {
        let me = NodeSet::only(self.setup.id);
        self.peers.heard_within(self.now, self.window()).union(me).without(self.forgetful())
    }

    /// Returns whether `id` has reported its progress recently, and its last report.
    pub(crate) fn heard_of(&self, id: NodeId) -> (bool, Option<Slot>) {
        let lately = self.peers.recent(id, self.now, self.window()).is_some();
        (lately, self.peers.known(id))
    }

    /// The time within which each running process has reported its progress to this one. Each tells the others one by
    /// one, which takes as many turns of gossip as there are others, and a message may be lost or late.
    pub(in crate::node) fn window(&self) -> Duration {
        let timeouts = self.setup.config.timeouts;
        let round = timeouts.gossip.unwrap_or_default().saturating_mul(self.members.servers.len() as u32 + 1);
        timeouts.election.unwrap_or_default().saturating_add(round.saturating_mul(2))
    }
}

/// Returns the processes that gain a role by `change`. An error if a process in it gains or loses nothing.
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
