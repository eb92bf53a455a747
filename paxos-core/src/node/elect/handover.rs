//! Transfer of leadership: work in progress is finished, new commands wait, and the successor is asked to campaign.

use crate::{
    Amount, Audience, Ballot, Leader, Message, Node, NodeId, NodeSet, Overloaded, Proposer, Protocol,
    Request, Slot, Time, Timeouts, To,
};
use core::time::Duration;
use std::mem;

/// A transfer of leadership in progress.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Handover<P: Protocol> {
    to: NodeId,
    /// When the successor is asked even if some proposals in progress are not chosen.
    ask_at: Option<Time>,
    /// Whether that time has come.
    hurried: bool,
    /// What the successor must have learned before it campaigns: every slot below. None until it is asked.
    asked: Option<Slot>,
    /// When the transfer is given up.
    until: Option<Time>,
    /// Commands that wait for the next leader, with their senders.
    held: Vec<(NodeId, Request<P::Value>)>,
    /// How many commands these are, and how large.
    waiting: Amount,
}

/// The reason why leadership cannot be transferred.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Untransferable {
    /// Another process leads, or none does.
    #[error("this process does not lead: ask the one that does")]
    NotLeader(Option<NodeId>),
    /// The successor may not propose.
    #[error("{0} is not a proposer: name one of the configuration")]
    NoProposer(NodeId),
}

impl<P: Protocol> Handover<P> {
    /// When the next step of the transfer is due.
    pub(in crate::node) fn deadline(&self) -> Option<Time> {
        self.ask_at.filter(|_| self.asked.is_none()).into_iter().chain(self.until).min()
    }
}

impl<P: Protocol> Node<P> {
    /// Transfers leadership to `to`. New commands wait until all proposals in progress are chosen and `to` has learned
    /// them and leads; their clients are then sent there. If `to` does not lead after twice the shortest election
    /// timeout (without elections by timeout, twice the time after which clients give up), this process continues to
    /// lead, with the commands that waited.
    ///
    /// # Errors
    /// [`Untransferable`] if this process does not lead, or `to` cannot.
    pub fn transfer(&mut self, now: Time, to: NodeId) -> Result<(), Untransferable> {
        self.now = self.now.max(now);
        if !self.members.elects || self.leading().is_none() {
            return Err(Untransferable::NotLeader(self.leader()));
        }
        if !self.members.proposers.contains(to) {
            return Err(Untransferable::NoProposer(to));
        }
        self.end_handover();
        if to != self.setup.id {
            let after = |times: u32| {
                let Timeouts { election, give_up, .. } = self.setup.config.timeouts;
                election.or(give_up).map(|d: Duration| self.now.after(d.saturating_mul(times)))
            };
            let (ask_at, until) = (after(1), after(2));
            self.handover = Some(Handover {
                to,
                ask_at,
                hurried: false,
                asked: None,
                until,
                held: Vec::new(),
                waiting: Amount::default(),
            });
            self.stirred = true;
        }
        Ok(())
    }

    /// Transfers leadership if this leader's disk has stalled. The successor has caught up, and has voted for this
    /// leader since the last heartbeat, so its disk works. If none has although proposals are in progress, each is
    /// tried in turn.
    pub(in crate::node) fn step_aside(&mut self) {
        let (now, window, voted) = (self.now, self.window(), mem::take(&mut self.voted.0));
        let tried = self.outpaced.is_some_and(|last| now <= last.after(window));
        if tried || self.is_transferring() || !self.is_stalled() {
            return;
        }
        let candidates = self.others(self.members.proposers.intersection(self.setup.config.acceptors()));
        let fit = |id: &NodeId| self.peers.recent(*id, now, window).is_some_and(|peer| peer.caught_up);
        let fit: NodeSet = candidates.iter().filter(fit).collect();
        let idle = self.proposer.as_ref().is_none_or(Proposer::is_settled);
        let turn = self.noted.0.counters.stepped_aside as usize % fit.len().max(1);
        let successor =
            fit.intersection(voted).iter().next().or_else(|| fit.iter().nth(turn).filter(|_| !idle));
        if let Some(successor) = successor {
            self.outpaced = Some(now);
            self.noted.0.counters.stepped_aside += u64::from(self.transfer(now, successor).is_ok());
        }
    }

    /// Whether new commands wait because leadership is being transferred.
    pub fn is_transferring(&self) -> bool {
        self.handover.is_some()
    }

    /// Holds a request back until the next leader is known, except requests of fast ballots, which need no leader.
    #[cold]
    pub(in crate::node) fn hold_back(
        &mut self,
        from: NodeId,
        request: &Request<P::Value>,
    ) -> Result<(), Overloaded> {
        let Some(handover) = &mut self.handover else { return Ok(()) };
        let more = request.commands.amount();
        self.setup.config.limits.admit(handover.waiting, more)?;
        handover.waiting += more;
        handover.held.push((from, request.clone()));
        Ok(())
    }

    pub(in crate::node) fn holds_back(&self, audience: Audience) -> bool {
        self.handover.is_some() && audience != Audience::Acceptors
    }

    /// Asks the successor when that is due. Ends the transfer when its time is over or this process no longer leads.
    #[cold]
    pub(in crate::node) fn hand_over(&mut self) {
        let (Some(handover), Some(proposer)) = (&mut self.handover, &self.proposer) else { return };
        let now = self.now;
        if handover.until.is_some_and(|at| at <= now) || !self.leader.leads() {
            return self.end_handover();
        }
        if handover.ask_at.is_some_and(|at| at <= now) {
            (handover.ask_at, handover.hurried) = (None, true);
        }
        // The proposer may be in a phase 1 that it started itself.
        let Some(ballot) = proposer.leading() else { return };
        if handover.asked.is_none() && (handover.hurried || proposer.is_settled()) {
            handover.asked = Some(self.chosen.first_unknown());
            self.ask_successor(ballot);
        }
    }

    /// Asks the successor, again with each heartbeat.
    pub(in crate::node) fn ask_successor(&mut self, ballot: Ballot) {
        if let Some(Handover { to, asked: Some(chosen), .. }) = self.handover {
            // The acceptors may now answer the successor, and this process answers no more reads alone.
            self.release_lease(self.now);
            self.tell_earlier(NodeSet::only(to));
            self.send(To::One(to), Message::Transfer { ballot, chosen });
        }
    }

    /// Ends the transfer: the commands that waited go to the current leader.
    #[cold]
    fn end_handover(&mut self) {
        let Some(handover) = self.handover.take() else { return };
        self.stirred = true;
        if self.leader.leads() {
            for (from, request) in handover.held {
                _ = self.give(from, &request, true);
            }
        } else {
            let held = handover.held.iter().flat_map(|(_, request)| request.commands.iter());
            self.redirect(held.filter_map(crate::Entry::id).collect(), false);
        }
    }

    /// Handles a leader's request to lead in its place. The request is repeated, so this process can first learn what
    /// it misses.
    #[cold]
    pub(in crate::node) fn on_transfer(&mut self, ballot: Ballot, chosen: Slot) {
        self.on_ballot(ballot);
        if self.away {
            return;
        }
        if self.learner.is_some() {
            self.chosen.hear_of(chosen);
            if self.chosen.first_unknown() < chosen {
                return self.catch_up(ballot.owner);
            }
        }
        self.leader.on_transfer(self.now, ballot);
    }
}
