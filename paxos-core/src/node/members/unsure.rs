//! A member with an empty disk first asks whether others remember another disk of it.
//!
//! A member that starts for the first time and one whose disk was lost look alike from inside. The members that the cluster began
//! with may all be gone, or lose their disks together; those that have joined since know better
//! ([`Node::on_forgotten`]). So such a process promises, votes and leads only when every process of its configuration has
//! shown its own store, or three election timeouts have passed: not all of them need to run when a cluster begins, and they may
//! have to connect first. This is no proof, since a message may take longer. It closes the time in which the wrong members answer
//! clients before they are told.

use crate::{Event, Incarnation, Message, Node, NodeSet, Protocol, Slot, Time, To};

/// For how many election timeouts it waits, and how often it asks in each.
const ELECTIONS: u32 = 3;
const TIMES: u32 = 4;

/// Whom the process has not heard yet, when it asks them again, and until when it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Unsure {
    unheard: NodeSet,
    again: Time,
    until: Time,
}

impl<P: Protocol> Node<P> {
    /// Tells the node which store its records go to, in which incarnation, and its number of writes. Must be called
    /// before anything else happens, and whenever a write is durable. Without it, the others cannot notice that this
    /// process has forgotten.
    pub fn tell_store(&mut self, store: Incarnation) {
        if self.recognition.own.replace(store).is_none() {
            self.ask_about_itself();
        }
    }

    fn ask_about_itself(&mut self) {
        let is_blank = self.settled == Slot(0)
            && self.chosen.first_unknown() == Slot(0)
            && self.noted.0.highest == crate::Ballot::default()
            && self.recognition.known.is_empty();
        let config = &self.setup.config;
        let others = config.servers().union(config.spares).without(self.members.me);
        let Some(election) = config.timeouts.election.filter(|_| is_blank) else { return };
        if self.members.servers.contains(self.setup.id) && !others.is_empty() {
            let until = self.now.after(election.saturating_mul(ELECTIONS));
            self.recognition.unsure = Some(Unsure { unheard: others, again: self.now, until });
            self.ask_again();
        }
    }

    /// Asks those that it has not heard, which may not have been connected before.
    fn ask_again(&mut self) {
        let every = self.setup.config.timeouts.election.unwrap_or_default() / TIMES;
        let Some(unsure) = self.recognition.unsure.as_mut().filter(|unsure| unsure.again <= self.now) else {
            return;
        };
        unsure.again = self.now.after(every);
        let unheard = To::Each(unsure.unheard);
        self.send(unheard, self.progress());
    }

    /// When the process that waits has something to do; none if it does not wait.
    #[inline]
    pub(in crate::node) fn unsure_until(&self) -> Option<Time> {
        self.recognition.unsure.map(|unsure| unsure.until.min(unsure.again))
    }

    /// Handles an event while the process waits. Returns whether it waits no longer.
    #[cold]
    pub(in crate::node) fn wait_for_others(&mut self, event: &Event<P>) -> bool {
        let Some(unsure) = self.recognition.unsure.as_mut().filter(|unsure| unsure.until > self.now) else {
            self.recognition.unsure = None;
            return true;
        };
        match event {
            Event::Met { from, .. } => unsure.unheard.remove(*from),
            Event::Message { from, message: Message::Forgotten { store, known } } => {
                self.on_forgotten(*from, *store, *known);
                return false;
            }
            Event::Message { .. } => self.noted.0.counters.ignored += 1,
            Event::Timeout => self.ask_again(),
        }
        self.recognition.unsure.take_if(|unsure| unsure.unheard.is_empty()).is_some()
    }
}
