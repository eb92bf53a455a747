//! How a node notices that others have forgotten, and learns that it has itself: see [`crate::StoreMark`].

use super::unsure::Unsure;
use crate::{
    Amnesia, Config, Former, Incarnation, Message, Node, NodeId, NodeSet, Protocol, Recorded, StoreMark,
    Time, To,
};
use std::collections::BTreeMap;

/// The highest possible number of writes. At one each microsecond, that takes 2,000 years.
const MOST_WRITES: u64 = 1 << 56;

/// The stores of all processes, as one process knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::node) struct Recognition {
    /// Its own store. None if no driver reports it.
    pub(super) own: Option<Incarnation>,
    /// The starts that it remembers.
    pub(super) former: Former,
    known: BTreeMap<NodeId, Known>,
    /// Whether it has just begun, and waits to hear whether it had another disk.
    pub(super) unsure: Option<Unsure>,
    /// The processes that have another store than before.
    refused: NodeSet,
    /// The store that each of them has shown, and when it was told last that it has forgotten.
    shown: BTreeMap<NodeId, (Incarnation, Time)>,
    /// Members that joined with another store than the last one heard of. They do not count until they show theirs.
    doubted: NodeSet,
    /// The refused processes that remember another store of this process as well.
    opposing: NodeSet,
    /// The processes that are not members, and remember another store of this process.
    contradicting: NodeSet,
    /// The processes that were refused since the driver asked last.
    noticed: Vec<Amnesia>,
    /// What this process has forgotten, if anything.
    amnesia: Option<Amnesia>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Known {
    store: Incarnation,
    /// The starts that it remembers; none if it was not met since this process has begun.
    former: Former,
    /// The number of writes that this process's own disk has recorded.
    noted: u64,
}

impl Recognition {
    /// Whether messages of `from` do not count.
    #[inline]
    pub(in crate::node) fn refuses(&self, from: NodeId) -> bool {
        self.disbelieved().contains(from)
    }

    /// The processes whose messages do not count.
    pub(in crate::node) fn disbelieved(&self) -> NodeSet {
        self.refused.union(self.contradicting).union(self.doubted)
    }

    /// Restores, from a record, the store of `node`.
    pub(in crate::node) fn restore(&mut self, me: NodeId, node: NodeId, store: Incarnation) {
        if node == me {
            // A process records this only when it learns that it has forgotten something (`Node::on_forgotten`), so another
            // process has written this unless it turns out to be the same store (`Recognition::begin`).
            self.amnesia = Some(Amnesia::Misplaced { node });
        }
        self.known.insert(node, Known { store, former: Former::default(), noted: store.mark.writes });
    }

    /// Takes note of the process's own store when it begins. If it was told that it has forgotten something, that is for good.
    pub(super) fn begin(&mut self, me: NodeId, own: Incarnation) {
        if let Some(told) = self.known.get(&me).filter(|told| told.store.mark.id == own.mark.id) {
            let known = told.store.mark.writes;
            let found = own.opened.min(known).saturating_sub(1);
            self.amnesia = Some(Amnesia::Older { node: me, known, found });
        }
    }

    /// Returns records of all stores, for a disk on which nothing else is kept.
    pub(in crate::node) fn records<V, R: Recorded<V>>(&self) -> impl Iterator<Item = R> {
        self.known.iter().map(|(node, known)| R::met(*node, known.store))
    }
}

impl<P: Protocol> Node<P> {
    /// The reason why this process must stop: it has forgotten something. It then handles no more events.
    pub fn amnesia(&self) -> Option<Amnesia> {
        self.recognition.amnesia
    }

    /// The last known store of `id`, which may be this process.
    pub fn store_of(&self, id: NodeId) -> Option<StoreMark> {
        self.incarnation_of(id).map(|incarnation| incarnation.mark)
    }

    /// The last known store of `id`, in its last known incarnation.
    pub(in crate::node) fn incarnation_of(&self, id: NodeId) -> Option<Incarnation> {
        let Recognition { own, known, .. } = &self.recognition;
        if id == self.setup.id { *own } else { known.get(&id).map(|known| known.store) }
    }

    /// The processes that are not believed.
    pub(crate) fn forgetful(&self) -> NodeSet {
        self.recognition.disbelieved()
    }

    /// Returns the next process that is no longer believed, with the reason. Each is returned once.
    pub fn noticed(&mut self) -> Option<Amnesia> {
        self.recognition.noticed.pop()
    }

    /// Whether the store of `node` matters. It does not for a client, for a learner that cannot get another role, and
    /// for a process that is not a member yet: it has promised nothing. If it joined without the knowledge of this
    /// process, the log will tell with which store ([`Node::recognize_joined`]). That of a removed member matters: with an
    /// empty disk, it would take itself for a member.
    fn must_remember(&self, node: NodeId) -> bool {
        let joining = self.chosen.epochs().map(|epochs| epochs.everyone().servers().union(epochs.retired()));
        let learners = if self.is_mobile() { self.members.learners } else { NodeSet::EMPTY };
        let members = self.members.acceptors.union(self.members.proposers).union(learners);
        members.union(joining.unwrap_or_default()).contains(node)
    }

    /// Compares the stores with which members joined, as the log names them, with those that this process knows. The
    /// log is right about which store it is: what a process promised before it joined does not count. A process that
    /// leaves counts until its last epoch ends.
    pub(in crate::node) fn recognize_joined(&mut self) {
        let Some(epochs) = self.chosen.epochs() else { return };
        let joined = epochs.stores().iter().filter(|(node, _)| self.members.servers.contains(**node));
        for (&node, &joined) in joined {
            let recognition = &mut self.recognition;
            if node == self.setup.id {
                let former = &recognition.former;
                let forgotten = recognition.own.and_then(|own| Amnesia::between(node, joined, own, former));
                recognition.amnesia = recognition.amnesia.or(forgotten);
                continue;
            }
            let known = recognition.known.get(&node);
            // Of the same store, the later state is the one to remember.
            if known.is_some_and(|k| Amnesia::between(node, joined, k.store, &k.former).is_none()) {
                continue;
            }
            let known = known.map(|known| known.store);
            let (former, noted) = (Former::default(), joined.mark.writes);
            recognition.known.insert(node, Known { store: joined, former, noted });
            self.out.records.push(P::Record::met(node, joined));
            if let Some(known) = known {
                recognition.doubted.insert(node);
                // What a former store had on disk, this one does not.
                if known.mark.id != joined.mark.id {
                    self.peers.forget(node);
                }
            }
        }
    }

    pub(in crate::node) fn on_met(&mut self, from: NodeId, found: Incarnation, former: Former) {
        if from == self.setup.id || from.0 >= NodeSet::CAPACITY {
            return;
        }
        if found.mark.writes > MOST_WRITES || found.opened > found.mark.writes {
            self.noted.0.counters.disbelieved += 1;
            return;
        }
        let known = self.recognition.known.get(&from).map(|known| known.store);
        // The log may have said already with which store it joined ([`Node::recognize_joined`] follows).
        let joined = self.chosen.epochs().and_then(|epochs| epochs.stores().get(&from).copied());
        let known =
            joined.filter(|joined| known.is_none_or(|known| known.mark.id != joined.mark.id)).or(known);
        let judged = known.and_then(|known| Some((known, Amnesia::between(from, known, found, &former)?)));
        let must_remember = self.must_remember(from);
        // An older copy is noticed as soon as it counts: the process may be a member that is not known here yet.
        if !must_remember && matches!(judged, Some((_, Amnesia::Older { .. }))) {
            return;
        }
        self.recognition.doubted.remove(from);
        if let Some((known, amnesia)) = judged.filter(|_| must_remember) {
            let acceptors = self.members.acceptors;
            let is_outnumbered =
                |refused: NodeSet| refused.intersection(acceptors).len() * 2 > acceptors.len();
            let before = is_outnumbered(self.recognition.refused);
            if self.recognition.refused.insert(from) {
                self.recognition.noticed.push(amnesia);
            }
            // This process belongs to another cluster, or the others have lost their disks, or it lags behind changes of
            // members. It goes on: it counts none of them, and those that have lost their disks hear it from nobody else.
            if is_outnumbered(self.recognition.refused) && !before {
                self.recognition.noticed.push(Amnesia::Outnumbered { node: self.setup.id });
            }
            let every = self.setup.config.timeouts.resend;
            let shown = self.recognition.shown.get(&from).filter(|(store, _)| store.mark.id == found.mark.id);
            let told =
                shown.map(|(_, told)| *told).filter(|at| every.is_some_and(|e| at.after(e) > self.now));
            self.recognition.shown.insert(from, (found, told.unwrap_or(self.now)));
            // A carrier may report a store with each message.
            if told.is_none() {
                self.send(To::One(from), Message::Forgotten { store: found, known });
            }
            return;
        }
        self.recognition.refused.remove(from);
        self.recognition.shown.remove(&from);
        if let Some(known) = self.recognition.known.get_mut(&from)
            && known.store.continues(found)
        {
            // The new state is recorded with the next write.
            (known.store, known.former) = (found, former);
            return;
        }
        // A new incarnation is recorded at once, so that a copy of the store from before it is noticed from now on.
        if known.is_none_or(|known| known.mark.id != found.mark.id) {
            // What the former store knew, this one does not.
            self.peers.forget(from);
        }
        self.recognition.known.insert(from, Known { store: found, former, noted: found.mark.writes });
        self.out.records.push(P::Record::met(from, found));
        // Its question may have been lost before it was connected.
        let Config { spares, .. } = *self.built.config;
        if must_remember || self.built.config.servers().union(spares).contains(from) {
            self.send(To::One(from), Message::Recognized { store: found });
        }
    }

    /// Answers a process that has begun. Whoever asks takes itself for a member, also if it is not known here as one yet; and of
    /// one that is not believed, each question is answered: the first answer may be lost.
    pub(in crate::node) fn on_recognize(&mut self, from: NodeId, store: Incarnation) {
        let Recognition { known, shown, refused, .. } = &self.recognition;
        let Some(known) = known.get(&from).map(|known| known.store) else { return };
        let is_shown = |asked| shown.get(&from).is_some_and(|(shown, _)| shown.continues(asked));
        if known.continues(store) {
            self.send(To::One(from), Message::Recognized { store });
        } else if known.mark.id == store.mark.id || refused.contains(from) && is_shown(store) {
            // It was not believed when it was met.
            self.send(To::One(from), Message::Forgotten { store, known });
        }
    }

    /// Tells a process that speaks although it has forgotten, once more after a while: the message may be lost, and its
    /// store may not change again.
    #[cold]
    pub(in crate::node) fn tell_forgotten(&mut self, to: NodeId) {
        let Some(every) = self.setup.config.timeouts.resend else { return };
        let Recognition { known, shown, .. } = &mut self.recognition;
        let (Some(known), Some((store, told))) = (known.get(&to), shown.get_mut(&to)) else { return };
        if told.after(every) > self.now {
            return;
        }
        *told = self.now;
        let (store, known) = (*store, known.store);
        self.send(To::One(to), Message::Forgotten { store, known });
    }

    /// Handles the word of `from`, which is not believed, that it remembers another store of this process. If most do, this process
    /// belongs to another cluster. Those that have lost their disks remember nothing.
    #[cold]
    pub(in crate::node) fn on_opposed(&mut self, from: NodeId, store: Incarnation, known: Incarnation) {
        let acceptors = self.members.acceptors;
        let recognition = &mut self.recognition;
        let Some(own) = recognition.own.filter(|own| own.mark.id == store.mark.id) else { return };
        if Amnesia::between(self.setup.id, known, own, &recognition.former).is_some() {
            recognition.opposing.insert(from);
            let opposing = recognition.opposing.intersection(recognition.refused).intersection(acceptors);
            if opposing.len() * 2 > acceptors.len() {
                recognition.amnesia = Some(Amnesia::Outnumbered { node: self.setup.id });
            }
        }
    }

    /// Handles a message of `from`, which remembers another store of this process.
    #[cold]
    pub(in crate::node) fn on_forgotten(&mut self, from: NodeId, store: Incarnation, known: Incarnation) {
        // A message about a former store, or an earlier state of this one, is outdated.
        let Some(own) = self.recognition.own.filter(|own| own.mark.id == store.mark.id) else { return };
        let former = &self.recognition.former;
        let Some(amnesia) = Amnesia::between(self.setup.id, known, own, former) else { return };
        // A process with an empty or an old disk knows only the members that the cluster began with, or once had, and others may
        // have joined since. An older copy of a store, and a store that has made fewer writes than others remember, can only be wrong.
        // If another store has made more, the other process may remember another cluster of the same name.
        let members = self.setup.config.acceptors().union(self.setup.config.proposers);
        let is_older = matches!(amnesia, Amnesia::Older { .. });
        let has_written_less = own.mark.writes <= known.mark.writes;
        if members.contains(from) || is_older || has_written_less {
            self.recognition.amnesia = Some(amnesia);
            if is_older {
                // Nobody need tell it again: each start would be another write, until it looks as new as what it lacks.
                self.out.records.push(P::Record::met(self.setup.id, known));
            }
        } else if self.recognition.contradicting.insert(from) {
            self.recognition.noticed.push(Amnesia::Contradicts { node: from });
        }
    }

    /// Adds the latest states of the others' stores to the records that are written anyway.
    pub(in crate::node) fn note_stores(&mut self) {
        if self.out.records.is_empty() {
            return;
        }
        for (node, known) in &mut self.recognition.known {
            if known.store.mark.writes > known.noted {
                known.noted = known.store.mark.writes;
                self.out.records.push(P::Record::met(*node, known.store));
            }
        }
    }
}
