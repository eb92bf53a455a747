//! How a node begins: for the first time, or with what its disk kept.

use super::{Aside, Beliefs, Gossip, Members, Node, Out, Paces, Peers, Recognition, Store, Underway, Untold};
use crate::reads::{Beats, Grants, Reads};
use crate::{
    Acceptor, Answering, Chosen, Client, Contact, Leader, Learner, NodeSet, Proposer, Protocol, Recorded,
    Setup, Slot, Snapshot, Time,
};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

impl<P: Protocol> Node<P> {
    /// Creates a process that starts for the first time. Where a disk may be lost or put back, see [`Node::draw`].
    pub fn new(setup: Setup<P::Options>, now: Time) -> Self {
        Self::build(setup, now, 0)
    }

    /// Gives this start of the process a random number. No earlier start had the same number, whatever happened to the
    /// disk, so it distinguishes the process's commands and reads from those of every earlier start
    /// ([`crate::ClientId`]). Must be called before anything else happens.
    pub fn draw(&mut self, nonce: u32) {
        self.client.draw(nonce);
        self.reads.draw(nonce);
    }

    /// Creates a process that restarts with the records on its disk. `incarnation` counts its starts. It must be higher
    /// each time, unless the disk was lost or put back: see [`Node::draw`].
    pub fn restore<'a>(
        setup: Setup<P::Options>,
        now: Time,
        incarnation: u32,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Self {
        Self::restore_from(setup, now, incarnation, None, records)
    }

    /// As [`Node::restore`], for a process that had a snapshot on disk. The records are those stored with the snapshot
    /// and after it. The replica must be restored from the same snapshot: by [`crate::Replica::install`], or by itself
    /// when it executes next.
    pub fn restore_from<'a>(
        setup: Setup<P::Options>,
        now: Time,
        incarnation: u32,
        snapshot: Option<Snapshot>,
        records: impl IntoIterator<Item = &'a P::Record>,
    ) -> Self {
        let mut node = Self::build(setup, now, incarnation.max(1));
        // The node forgets what the snapshot covers before it restores the records, which do not cover it.
        if let Some(snapshot) = snapshot {
            node.adopt(snapshot);
        }
        // Everything on the process's own disk is true, however high the slot.
        let reach = node.chosen.set_reach(u64::MAX);
        for record in records {
            if let Some((first, batch)) = record.as_learned() {
                node.chosen.choose(first, batch.clone());
            }
            node.noted.0.highest = node.noted.0.highest.max(record.ballot().unwrap_or_default());
            if let Some((peer, store)) = record.as_met() {
                node.recognition.restore(node.setup.id, peer, store);
            }
            if let Some(acceptor) = &mut node.acceptor {
                acceptor.restore(record);
            }
            if let Some(proposer) = &mut node.proposer {
                proposer.restore(record);
            }
            if let Some(slots) = record.as_known() {
                node.recall_known(slots);
            }
        }
        node.chosen.set_reach(reach);
        node.settled = node.chosen.first_unknown();
        node.durable = node.settled;
        node
    }

    /// Keeps the acceptor silent for as long as the leases that it may have granted before it restarted, if that is
    /// longer than [`crate::Timeouts::lease`]: it answers no phase 1a meanwhile. Must be called before anything else
    /// happens.
    pub fn honour_leases(&mut self, lease: Duration) {
        self.grants.honour(self.now.after(lease));
    }

    fn build(setup: Setup<P::Options>, now: Time, incarnation: u32) -> Self {
        let config = &setup.config;
        let epochs = if P::CHANGES { config.epochs() } else { None };
        // Where members change, every member may get every role.
        let any = epochs.as_ref().map_or(NodeSet::EMPTY, |epochs| epochs.everyone().servers());
        let plays = |set: NodeSet| set.union(config.spares).union(any).contains(setup.id);
        Self {
            client: P::Client::new(&setup, incarnation),
            proposer: plays(config.proposers).then(|| P::Proposer::new(&setup)),
            acceptor: plays(config.acceptors()).then(|| P::Acceptor::new(&setup)),
            learner: plays(config.all_learners()).then(|| P::Learner::new(&setup)),
            leader: P::Leader::new(&setup, now, incarnation > 0),
            members: Members::new(config, setup.id, epochs.as_ref()),
            chosen: Chosen::new(epochs, config.limits.reach()),
            epoch: 0,
            began: Slot(0),
            deferred: None,
            asked: NodeSet::EMPTY,
            asking: None,
            answered: None,
            fed: Time(0),
            informed: BTreeMap::new(),
            settled: Slot(0),
            marked: Slot(0),
            piece: false,
            durable: Slot(0),
            peers: Peers::default(),
            paces: Paces::default(),
            out: Out {
                unbound: Vec::new(),
                bound: Vec::new(),
                own: Vec::new(),
                records: Vec::new(),
                outcomes: Vec::new(),
                changed: Vec::new(),
                asked: Vec::new(),
            },
            underway: Underway::default(),
            gossip: Gossip {
                next: config.timeouts.gossip.map(|d| now.after(d)),
                turn: usize::from(setup.id.0),
                ..Gossip::default()
            },
            store: Store::default(),
            fetching: None,
            away: false,
            wanted: Vec::new(),
            contact: Contact::default(),
            handover: None,
            stranded: BTreeSet::new(),
            beats: Beats::default(),
            grants: Grants::new(config.timeouts.lease, now, incarnation > 0),
            reads: Reads::new(config, incarnation),
            stirred: true,
            answering: Answering::new(setup.id, config),
            answering_learner: config.answering_learner(),
            led: None,
            outpaced: None,
            voted: Aside(NodeSet::EMPTY),
            told: 0,
            decisions: Vec::new(),
            untold: Untold::default(),
            beliefs: Beliefs::default(),
            recognition: Recognition::default(),
            noted: Aside::default(),
            now,
            built: setup.clone(),
            setup,
        }
    }
}
