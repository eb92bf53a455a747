//! How a node follows a change of members.

mod change;
mod leaving;
mod recognize;

pub(super) use recognize::Recognition;

use super::Node;
use crate::{
    Acceptor, Announce, Answering, Client, Config, Epochs, Fact, Leader, Leadership, Learner, Learning,
    Membership, Message, NodeId, NodeSet, Phrase, Proposer, Protocol, Slot, SlotRange, To,
};
use std::sync::Arc;

/// Of how many clients it is remembered what they were told.
const INFORMED: usize = 4096;

/// Who plays which role, at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Members {
    pub(super) me: NodeSet,
    pub(super) servers: NodeSet,
    pub(super) proposers: NodeSet,
    pub(super) acceptors: NodeSet,
    pub(super) learners: NodeSet,
    /// Whether one leader is elected, and not every proposer its own.
    pub(super) elects: bool,
    /// Whether decisions are announced in messages of their own.
    pub(super) announces: bool,
}

impl Members {
    /// The members of now, and of changes to come.
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
            announces: config.learning == Learning::Distinguished && config.announce == Announce::AtOnce,
        }
    }
}

impl<P: Protocol> Node<P> {
    /// Whether changes were executed that the roles do not know of.
    pub(crate) fn members_changed(&self) -> bool {
        self.chosen.epochs().is_some_and(|epochs| epochs.version() > self.epoch)
            || self.deferred.as_ref().is_some_and(|(_, from, _)| *from < self.chosen.limit())
    }

    /// Whether it can follow them now: not while it waits for the disk.
    pub(crate) fn waits_to_follow(&self) -> bool {
        self.members_changed() && !self.is_settling()
    }

    /// Whether a role has something to say in slots whose members are not known before more is executed.
    pub(crate) fn waits_for_limit(&self) -> bool {
        let limit = self.chosen.limit();
        limit != Slot::MAX
            && (self.proposer.as_ref().is_some_and(|proposer| proposer.waits_for(limit))
                || self.acceptor.as_ref().is_some_and(|acceptor| acceptor.waits_for(limit)))
    }

    /// Notices changes of members that were executed, and epochs that began. False while what an epoch begins with is not
    /// on disk yet: the process does nothing else until it is.
    #[must_use]
    pub(super) fn follow_members(&mut self) -> bool {
        if !self.members_changed() {
            return true;
        }
        let Some(epochs) = self.chosen.epochs() else { return true };
        let (version, current) = (epochs.version(), epochs.current().clone());
        // Members may have come and gone again since this process looked last.
        if !self.settle(current.from) {
            return false;
        }
        self.epoch = version;
        // An epoch is where it begins: the same members as before may be those of another epoch, with others between,
        // and a phase 1 among the former ones says nothing about it.
        if current.from != self.began || current.members != self.setup.config.members() {
            self.began = current.from;
            self.setup.config = Arc::new(self.setup.config.in_epoch(&current));
            self.reconfigure();
        }
        let everyone = self.chosen.epochs().map(crate::Epochs::everyone);
        self.members = Members::new(&self.setup.config, self.setup.id, self.chosen.epochs());
        if let Some(everyone) = everyone {
            self.client.reconfigure(&everyone);
        }
        if self.is_removed() {
            self.reads.end_linearizable();
        }
        if let Some((from, _, prepare)) = self.deferred.take_if(|(_, slot, _)| *slot < self.chosen.limit()) {
            self.on_prepare(from, &prepare);
        }
        true
    }

    /// Whether this process knows that it was a member and is none any more. It does not come back: the members of now do
    /// not count what it says, nor answer its questions about the log.
    pub fn is_removed(&self) -> bool {
        let me = self.setup.id;
        self.chosen
            .epochs()
            .is_some_and(|epochs| epochs.retired().contains(me) && !epochs.everyone().servers().contains(me))
    }

    /// Whether members come and go, so that who is a stranger here may be a member by now: it is asked, and told
    /// what is chosen, and nothing more.
    pub(super) fn is_mobile(&self) -> bool {
        self.chosen.epochs().is_some()
    }

    /// Whether it is a client of a cluster whose members may change, and is told so by strangers.
    pub(super) fn is_outside(&self) -> bool {
        self.learner.is_none() && self.acceptor.is_none() && self.chosen.epochs().is_some()
    }

    /// Tells a client that asks here who the members are: once after each change, and whenever it has to ask again.
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

    /// A client hears who the members are.
    pub(super) fn on_members(&mut self, version: u64, members: &Membership) {
        // What comes late is older than what is known.
        if self.is_outside() && members.is_sound() && version > self.epoch {
            self.epoch = version;
            self.client.reconfigure(members);
        }
    }

    /// Tells every role who the members are from now on.
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

    /// Whether a promise asked for by `from` can be given: only for slots whose members are known here and are
    /// those of now, so that what was chosen before is on this disk ([`Node::settle`]). Who is that far behind
    /// has to catch up first.
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
            // Who asks for all slots from there on knows all below. It gets its answer when this process does, too.
            self.chosen.hear_of(asked.start);
            self.deferred = Some((from, asked.start, prepare.clone()));
            self.catch_up(from);
        }
        may
    }
}
