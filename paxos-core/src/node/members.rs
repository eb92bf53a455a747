//! Following a change of members in a node.

mod change;
mod leaving;
mod recognize;
mod unsure;

pub(super) use recognize::Recognition;

use super::Node;
use crate::{
    Acceptor, Announce, Answering, Client, Config, Epochs, Fact, Leader, Leadership, Learner, Learning,
    Membership, Message, NodeId, NodeSet, PhaseMessage, Proposer, Protocol, Slot, SlotRange, To,
};
use std::sync::Arc;

/// The number of clients for which it is remembered what they were told.
const INFORMED: usize = 4096;

/// The current members, ready for use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Members {
    pub(super) me: NodeSet,
    pub(super) servers: NodeSet,
    pub(super) proposers: NodeSet,
    pub(super) acceptors: NodeSet,
    pub(super) learners: NodeSet,
    /// Whether one leader is elected. Otherwise every proposer leads itself.
    pub(super) elects: bool,
    /// Whether decisions are announced in messages of their own.
    pub(super) announces: bool,
}

impl Members {
    /// Creates the current members, and those of all epochs that are chosen.
    pub(super) fn new(config: &Config, me: NodeId, epochs: Option<&Epochs>) -> Self {
        let now = config.members();
        let Membership { proposers, acceptors, learners } =
            epochs.map_or(now, |epochs| epochs.everyone().union(&now));
        Self {
            me: NodeSet::only(me),
            servers: proposers.union(acceptors).union(learners),
            proposers,
            acceptors,
            learners,
            elects: matches!(config.leadership, Leadership::Elected { .. }),
            announces: config.learning == Learning::Distinguished && config.announce != Announce::WithNext,
        }
    }
}

impl<P: Protocol> Node<P> {
    /// Whether changes were executed that the roles have not been told.
    pub(crate) fn members_changed(&self) -> bool {
        self.chosen.epochs().is_some_and(|epochs| epochs.version() > self.epoch)
            || self.deferred.as_ref().is_some_and(|(_, from, _)| *from < self.chosen.limit())
    }

    /// Whether the roles can be told now: not while the process waits for the disk or for others, or must stop.
    pub(crate) fn waits_to_follow(&self) -> bool {
        self.members_changed()
            && !self.is_settling()
            && self.amnesia().is_none()
            && self.unsure_until().is_none()
    }

    /// Whether a role has something to say in slots whose members are unknown until more is executed.
    pub(crate) fn waits_for_limit(&self) -> bool {
        let limit = self.chosen.limit();
        limit != Slot::MAX
            && (self.proposer.as_ref().is_some_and(|proposer| {
                proposer.waits_for(limit) || self.led.is_none() && proposer.has_work()
            }) || self.acceptor.as_ref().is_some_and(|acceptor| acceptor.waits_for(limit)))
    }

    /// Follows changes of members that were executed, and epochs that began. Returns false while the epoch's past is
    /// not on disk yet; the process does nothing else until it is.
    #[must_use]
    pub(super) fn follow_members(&mut self) -> bool {
        if !self.members_changed() {
            return true;
        }
        // No phase 2a or heartbeat of the present ballot may follow.
        self.tell_earlier(self.others(self.setup.config.learners));
        let Some(epochs) = self.chosen.epochs() else { return true };
        let (version, current) = (epochs.version(), epochs.current().clone());
        // Members may have been added and removed again since the last call.
        if !self.settle(current.from) {
            return false;
        }
        self.epoch = version;
        // An epoch is identified by its first slot. Two epochs may have the same members, with other members between,
        // and a phase 1 in the first says nothing about the second.
        if current.from != self.began || current.members != self.setup.config.members() {
            self.began = current.from;
            self.setup.config = Arc::new(self.setup.config.in_epoch(&current));
            self.reconfigure();
        }
        let everyone = self.chosen.epochs().map(crate::Epochs::everyone);
        self.members = Members::new(&self.setup.config, self.setup.id, self.chosen.epochs());
        self.recognize_joined();
        if self.amnesia().is_some() {
            return false;
        }
        if let Some(everyone) = everyone {
            self.client.reconfigure(&everyone);
        }
        if self.is_removed() {
            self.reads.end_linearizable();
        }
        if let Some((from, _, prepare)) = self.deferred.take_if(|(_, slot, _)| *slot < self.chosen.limit())
            && self.members.proposers.contains(from)
        {
            self.on_prepare(from, &prepare);
        }
        true
    }

    /// Whether this process knows that it was a member and no longer is. It never returns: the current members ignore
    /// its messages, and do not answer its questions about the log.
    pub fn is_removed(&self) -> bool {
        let me = self.setup.id;
        self.chosen
            .epochs()
            .is_some_and(|epochs| epochs.retired().contains(me) && !epochs.everyone().servers().contains(me))
    }

    /// Whether members can change, so that a process unknown here may be a member by now. Such a process is asked and
    /// told what is chosen, and nothing else.
    pub(super) fn is_mobile(&self) -> bool {
        self.chosen.epochs().is_some()
    }

    /// Whether it is a client of a cluster whose members can change, and may be told of changes by unknown processes.
    pub(super) fn is_outside(&self) -> bool {
        self.learner.is_none() && self.acceptor.is_none() && self.chosen.epochs().is_some()
    }

    /// Tells a client the current members, once after each change and whenever it asks again.
    pub(super) fn tell_members(&mut self, client: NodeId, again: bool) {
        if self.epoch == 0 || self.members.servers.contains(client) {
            return;
        }
        let Some(epochs) = self.chosen.epochs() else { return };
        let (version, members) = (self.epoch, epochs.everyone());
        if self.informed.insert(client, version) != Some(version) || again {
            self.send(To::One(client), Message::Members { version, members });
        }
        if self.informed.len() > INFORMED {
            self.informed.pop_first();
        }
    }

    /// Handles the members, as sent to a client.
    pub(super) fn on_members(&mut self, version: u64, members: &Membership) {
        // A late message has an older version.
        if self.is_outside() && members.is_sound() && version > self.epoch {
            self.epoch = version;
            self.client.reconfigure(members);
        }
    }

    /// Tells every role the new members.
    fn reconfigure(&mut self) {
        let (setup, now) = (self.setup.clone(), self.now);
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.reconfigure(&setup);
        }
        if let Some(learner) = &mut self.learner {
            learner.reconfigure(&setup);
        }
        if let Some(proposer) = &mut self.proposer {
            proposer.reconfigure(&setup);
        }
        self.leader.reconfigure(now, &setup.config);
        self.answering = Answering::new(setup.id, &setup.config);
        self.answering_learner = setup.config.answering_learner();
    }

    /// Whether this process may give `from` the promise that it asks for. It may only in slots whose members are known
    /// here and are the current ones, so that everything chosen before is on its disk ([`Node::settle`]). Otherwise it
    /// must first catch up.
    pub(super) fn may_promise(&mut self, from: NodeId, prepare: &P::Prepare) -> bool {
        let mut asked = SlotRange::new(Slot(0), Slot(0));
        prepare.facts(&mut |fact| {
            if let Fact::Prepare { slots, .. } = fact {
                asked = slots;
            }
        });
        let continued = self.acceptor.as_ref().is_some_and(|acceptor| acceptor.has_promised(prepare));
        let may = continued || asked.start < self.chosen.limit();
        if !may && asked.end == Slot::MAX && self.learner.is_some() {
            // A candidate that asks for all slots from there on knows all below. It gets its answer when this process
            // does.
            self.chosen.hear_of(asked.start);
            self.deferred = Some((from, asked.start, prepare.clone()));
            self.catch_up(from);
        }
        may
    }
}
