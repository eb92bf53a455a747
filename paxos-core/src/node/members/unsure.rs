//! A process that has begun does not know whether its disk is the one that it had.
//!
//! A member that starts for the first time and one whose disk was lost look alike from inside, and so do a restarted member and
//! one whose disk was restored from a copy. The others know: each of them has met the store that the process wrote to. So a member
//! promises, votes and leads only when all other members have answered its question ([`Message::Recognize`]), or when it has asked
//! several times, since not all of them need to run. A member with an empty disk waits for every process of its configuration, and
//! for longer: the members that the cluster began with may all be gone, or lose their disks together, and those that have joined
//! since know better ([`Node::on_forgotten`]). This is no proof, since an answer may take longer, or none of those that run may know.
//! It closes the time in which a process that has forgotten is counted by others that never met its later state.

use super::recognize::Recognition;
use crate::{
    Ballot, Entry, Event, Former, Incarnation, Leader, Membership, Message, Node, NodeId, NodeSet, Protocol,
    Slot, SlotRange, Time, To,
};
use core::time::Duration;

/// How often a member with an empty disk asks: three times in each of three election timeouts.
const BLANK: u32 = 9;

/// How often one with another disk asks, in half an election timeout: a leader that needs its answers steps down after one.
const KEPT: u32 = 3;

/// A process that waits to hear whether it had another disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Unsure {
    /// Whether its disk is empty.
    blank: bool,
    answered: NodeSet,
    /// When it asks again, or gives up.
    again: Time,
    /// How often it asks before it gives up. What is counted are questions, not time: the process may execute a long log
    /// before the first one leaves.
    left: u32,
}

impl<P: Protocol> Node<P> {
    /// Tells the node which store its records go to, in which incarnation, and its number of writes, and which former starts
    /// the store remembers. Must be called before anything else happens, and whenever a write is durable. Without it, the
    /// others cannot notice that this process has forgotten.
    ///
    /// A member with election timeouts then hears nobody and says nothing until the others have recognized the store, or have not
    /// answered for some time ([`Message::Recognize`]).
    pub fn tell_store(&mut self, store: Incarnation, former: &Former) {
        self.recognition.former = former.clone();
        let has_begun = self.recognition.own.replace(store).is_some();
        if !has_begun {
            self.recognition.begin(self.setup.id, store);
        }
        if has_begun || self.setup.config.timeouts.election.is_none() {
            return;
        }
        let blank = self.settled == Slot(0)
            && self.chosen.first_unknown() == Slot(0)
            && self.noted.0.highest == Ballot::default();
        // A process with a log may be a member by what it has yet to execute.
        if self.those_who_vote().contains(self.setup.id) || !blank && self.acceptor.is_some() {
            // The first question leaves with the next moment, when the log may have been executed.
            let again = self.now.after(Duration::from_nanos(1));
            let left = if blank { BLANK } else { KEPT };
            self.recognition.unsure = Some(Unsure { blank, answered: NodeSet::EMPTY, again, left });
        }
    }

    /// The members that its log names, also where it has yet to be executed: it may take long until the machine has taken over a
    /// snapshot.
    fn those_who_vote(&self) -> NodeSet {
        let config = &self.setup.config;
        let Some(epochs) = self.chosen.epochs() else { return config.acceptors().union(config.proposers) };
        let votes = |members: &Membership| members.acceptors.union(members.proposers);
        let ahead = SlotRange::new(self.chosen.applied(), self.chosen.first_unknown());
        let mut all = votes(&epochs.everyone());
        for (_, batch) in self.chosen.within(ahead) {
            for entry in batch.iter() {
                if let Entry::Change(_, change) = entry {
                    all = all.union(votes(&change.change.add));
                }
            }
        }
        all
    }

    /// Those of the first configuration, and the spares.
    fn those_of_the_configuration(&self) -> NodeSet {
        self.built.config.servers().union(self.built.config.spares)
    }

    /// Whether it still waits for somebody.
    fn is_unsure(&self, unsure: Unsure) -> bool {
        let known = if unsure.blank { self.those_of_the_configuration() } else { NodeSet::EMPTY };
        let needed = self.those_who_vote().union(known).without(self.members.me);
        !needed.without(unsure.answered).is_empty()
    }

    fn ask_about_itself(&mut self) {
        let everyone =
            self.those_who_vote().union(self.those_of_the_configuration()).without(self.members.me);
        let Recognition { own: Some(store), unsure: Some(unsure), .. } = &mut self.recognition else {
            return;
        };
        let timeouts = &self.setup.config.timeouts;
        let election = timeouts.election.unwrap_or_default();
        let (wait, times) =
            if unsure.blank { (election.saturating_mul(3), BLANK) } else { (election / 2, KEPT) };
        // Nobody is to give up a command because of this wait alone.
        let wait = timeouts.give_up.map_or(wait, |give_up| wait.min(give_up / 2));
        unsure.again = self.now.after(wait / times);
        unsure.left -= 1;
        let (store, unheard) = (*store, To::Each(everyone.without(unsure.answered)));
        self.send(unheard, Message::Recognize { store });
    }

    /// When the process that waits has something to do; none if it does not wait.
    #[inline]
    pub(in crate::node) fn unsure_until(&self) -> Option<Time> {
        self.recognition.unsure.map(|unsure| unsure.again)
    }

    /// Returns the event if it is to be handled while the process waits: it is about stores.
    #[cold]
    pub(in crate::node) fn wait_for_others(&mut self, event: Event<P>) -> Option<Event<P>> {
        match &event {
            Event::Met { .. }
            | Event::Message {
                message: Message::Forgotten { .. } | Message::Recognize { .. } | Message::Recognized { .. },
                ..
            } => return Some(event),
            Event::Message { .. } => self.noted.0.counters.ignored += 1,
            Event::Timeout => {
                if let Some(unsure) = self.recognition.unsure.filter(|unsure| unsure.again <= self.now) {
                    if unsure.left > 0 && self.is_unsure(unsure) {
                        self.ask_about_itself();
                    } else {
                        self.end_wait();
                    }
                }
            }
        }
        None
    }

    /// An answer to an earlier incarnation of this process says nothing.
    pub(in crate::node) fn on_recognized(&mut self, from: NodeId, store: Incarnation) {
        if self.recognition.own.is_some_and(|own| own.continues(store))
            && let Some(unsure) = &mut self.recognition.unsure
        {
            unsure.answered.insert(from);
            let unsure = *unsure;
            if !self.is_unsure(unsure) {
                self.end_wait();
            }
        }
    }

    /// What the process would have heard meanwhile, it has not heard.
    fn end_wait(&mut self) {
        self.recognition.unsure = None;
        self.leader.on_recognized(self.now);
    }
}
