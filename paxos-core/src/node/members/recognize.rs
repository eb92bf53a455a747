//! How a node notices others that have forgotten, and hears that it has forgotten itself: see [`crate::StoreMark`].

use crate::{Amnesia, Message, Node, NodeId, NodeSet, Protocol, Recorded, StoreLife, StoreMark, To};
use std::collections::BTreeMap;

/// No store makes more writes: at one a microsecond that takes 2,000 years.
const MOST_WRITES: u64 = 1 << 56;

/// What a process knows of the stores of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::node) struct Recognition {
    /// Its own store; none where nobody tells.
    own: Option<StoreLife>,
    known: BTreeMap<NodeId, Known>,
    /// Whose store is not the one that it was.
    refused: NodeSet,
    /// Who is no member, and remembers another store of this process.
    contradicting: NodeSet,
    /// Who was refused since the driver asked last.
    noticed: Vec<Amnesia>,
    /// That this process has forgotten.
    amnesia: Option<Amnesia>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Known {
    store: StoreLife,
    /// The writes that this process's own disk knows of.
    noted: u64,
}

impl Recognition {
    /// Whether what `from` says does not count.
    #[inline]
    pub(in crate::node) fn refuses(&self, from: NodeId) -> bool {
        self.disbelieved().contains(from)
    }

    /// Whose words do not count.
    pub(in crate::node) fn disbelieved(&self) -> NodeSet {
        self.refused.union(self.contradicting)
    }

    /// What was on disk about the store of `node`.
    pub(in crate::node) fn restore(&mut self, me: NodeId, node: NodeId, store: StoreLife) {
        if node == me {
            // Nobody notes its own store: another process has written this.
            self.amnesia = Some(Amnesia::Misplaced { node });
        }
        self.known.insert(node, Known { store, noted: store.mark.writes });
    }

    /// All that is known, for a disk on which nothing else is kept.
    pub(in crate::node) fn records<V, R: Recorded<V>>(&self) -> impl Iterator<Item = R> {
        self.known.iter().map(|(node, known)| R::met(*node, known.store))
    }
}

impl<P: Protocol> Node<P> {
    /// Tells the node which store its records go to, in which life, and how far that has come: before anything else happens, and whenever
    /// what it asked to be written is durable. Without it, the others cannot notice that this process has forgotten.
    pub fn tell_store(&mut self, store: StoreLife) {
        self.recognition.own = Some(store);
    }

    /// Why this process must stop: the others know that it has forgotten something. It takes in nothing any more.
    pub fn amnesia(&self) -> Option<Amnesia> {
        self.recognition.amnesia
    }

    /// The store of `id`, which may be this process, as it was heard of last.
    pub(crate) fn store_of(&self, id: NodeId) -> Option<StoreMark> {
        let Recognition { own, known, .. } = &self.recognition;
        let life = if id == self.setup.id { *own } else { known.get(&id).map(|known| known.store) };
        life.map(|life| life.mark)
    }

    /// The processes that are not believed.
    pub(crate) fn forgetful(&self) -> NodeSet {
        self.recognition.disbelieved()
    }

    /// The next process that is not believed any more, and why. Each is told once.
    pub fn noticed(&mut self) -> Option<Amnesia> {
        self.recognition.noticed.pop()
    }

    /// Whether the store of `node` matters: nobody is hurt if a client forgets, or a learner that cannot get another role.
    fn must_remember(&self, node: NodeId) -> bool {
        let spares = if self.is_mobile() { self.setup.config.spares } else { NodeSet::EMPTY };
        let learners = if self.is_mobile() { self.members.learners } else { NodeSet::EMPTY };
        self.members.acceptors.union(self.members.proposers).union(learners).union(spares).contains(node)
    }

    pub(in crate::node) fn on_met(&mut self, from: NodeId, found: StoreLife) {
        if from == self.setup.id || from.0 >= NodeSet::CAPACITY {
            return;
        }
        if found.mark.writes > MOST_WRITES || found.opened > found.mark.writes {
            self.noted.0.counters.disbelieved += 1;
            return;
        }
        let known = self.recognition.known.get(&from).map(|known| known.store);
        let judged = known.and_then(|known| Some((known, Amnesia::between(from, known, found)?)));
        if let Some((known, amnesia)) = judged.filter(|_| self.must_remember(from)) {
            if self.recognition.refused.insert(from) {
                self.recognition.noticed.push(amnesia);
            }
            // Where most others are not who they were, it is this process that remembers another cluster; or they have lost
            // their disks. There is nothing that it could do in either case.
            let acceptors = self.setup.config.acceptors();
            let refused = self.recognition.refused.intersection(acceptors);
            if refused.len() * 2 > acceptors.len() {
                self.recognition.amnesia = Some(Amnesia::Outnumbered { node: self.setup.id });
            }
            self.send(To::One(from), Message::Forgotten { store: found, known });
            return;
        }
        match self.recognition.known.get_mut(&from) {
            // It is noted with what is written next.
            Some(known) if known.store.mark.id == found.mark.id => known.store = found,
            Some(_) | None => {
                self.recognition.known.insert(from, Known { store: found, noted: found.mark.writes });
                self.out.records.push(P::Record::met(from, found));
            }
        }
        self.recognition.refused.remove(from);
    }

    /// `from` was told of the store of this process, and remembers another one.
    #[cold]
    pub(in crate::node) fn on_forgotten(&mut self, from: NodeId, store: StoreLife, known: StoreLife) {
        // What was said of a former store, or of this one as it was earlier, comes too late.
        let Some(own) = self.recognition.own.filter(|own| own.mark.id == store.mark.id) else { return };
        let Some(amnesia) = Amnesia::between(self.setup.id, known, own) else { return };
        let members = self.setup.config.acceptors().union(self.setup.config.proposers);
        if members.contains(from) {
            self.recognition.amnesia = Some(amnesia);
        } else if self.recognition.contradicting.insert(from) {
            self.recognition.noticed.push(Amnesia::Contradicts { node: from });
        }
    }

    /// Adds what was heard of others' stores to what is to be written anyway.
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
