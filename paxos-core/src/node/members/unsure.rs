//! A process that has begun does not know whether its disk is the one that it had.
//!
//! A member that starts for the first time and one whose disk was lost look alike from inside, and so do a restarted member and
//! one whose disk was restored from a copy. The others know: each of them has met the store that the process wrote to. So a member
//! promises, votes and leads only when all others have answered its question ([`Message::Recognize`]), or when it has waited for
//! a while, since not all of them need to run. A member with an empty disk asks every process of its configuration, and waits for
//! longer: the members that the cluster began with may all be gone, or lose their disks together, and those that have joined since
//! know better ([`Node::on_forgotten`]). This is no proof, since an answer may take longer or none of those that run may know. It
//! closes the time in which a process that has forgotten is counted by others that never met its later state.

use super::recognize::Recognition;
use crate::{Ballot, Event, Incarnation, Message, Node, NodeId, NodeSet, Protocol, Slot, Time, To};
use core::time::Duration;

/// For how many election timeouts a member with an empty disk waits. With another one, it waits for one.
const ELECTIONS: u32 = 3;

/// How often it asks in an election timeout.
const TIMES: u32 = 3;

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
            && self.noted.0.highest == Ballot::default();
        let config = &self.setup.config;
        // The roles are told of the epochs of the log when the wait is over.
        let members = self.chosen.epochs().map_or(config.servers(), |epochs| epochs.everyone().servers());
        let (asked, elections) =
            if is_blank { (config.servers().union(config.spares), ELECTIONS) } else { (members, 1) };
        let others = asked.without(self.members.me);
        let Some(election) = config.timeouts.election else { return };
        if members.contains(self.setup.id) && !others.is_empty() {
            // Its own clients give up meanwhile only if they would have done so in half the time.
            let most = config.timeouts.give_up.map_or(Duration::MAX, |give_up| give_up / 2);
            let until = self.now.after(election.saturating_mul(elections).min(most));
            self.recognition.unsure = Some(Unsure { unheard: others, again: self.now, until });
            self.ask_again();
        }
    }

    /// Asks those that have not answered. They may not have been connected before.
    fn ask_again(&mut self) {
        let every = self.setup.config.timeouts.election.unwrap_or_default() / TIMES;
        let Recognition { own: Some(store), unsure: Some(unsure), .. } = &mut self.recognition else {
            return;
        };
        if unsure.again <= self.now {
            unsure.again = self.now.after(every);
            let (store, unheard) = (*store, To::Each(unsure.unheard));
            self.send(unheard, Message::Recognize { store });
        }
    }

    /// When the process that waits has something to do; none if it does not wait.
    #[inline]
    pub(in crate::node) fn unsure_until(&self) -> Option<Time> {
        self.recognition.unsure.map(|unsure| unsure.until.min(unsure.again))
    }

    /// Returns the event if it is to be handled: the process waits no longer, or it is about stores.
    #[cold]
    pub(in crate::node) fn wait_for_others(&mut self, event: Event<P>) -> Option<Event<P>> {
        if self.recognition.unsure.is_none_or(|unsure| unsure.until <= self.now) {
            self.recognition.unsure = None;
            return Some(event);
        }
        match &event {
            Event::Met { .. }
            | Event::Message {
                message: Message::Forgotten { .. } | Message::Recognize { .. } | Message::Recognized { .. },
                ..
            } => return Some(event),
            Event::Message { .. } => self.noted.0.counters.ignored += 1,
            Event::Timeout => self.ask_again(),
        }
        None
    }

    /// An answer to an earlier incarnation of this process says nothing.
    pub(in crate::node) fn on_recognized(&mut self, from: NodeId, store: Incarnation) {
        if self.recognition.own.is_some_and(|own| own.continues(store))
            && let Some(unsure) = &mut self.recognition.unsure
        {
            unsure.unheard.remove(from);
            self.recognition.unsure.take_if(|unsure| unsure.unheard.is_empty());
        }
    }
}
