//! Whatever well-formed messages arrive, in whatever order and from whomever: no panic, and no turn without end.

use basic_paxos::{BasicPaxos, One};
use core::time::Duration;
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Audience, Ballot, Batch, Bytes, Change, ClientId, CommandId, Config, Consistency, Entry, Event, Jitter,
    Learning, Membership, Message, Nack, Node, NodeId, NodeSet, Outcome, Patience, Protocol, ReadId,
    ReadMessage, Refusal, Refused, Replica, Reply, Request, RestoreError, Sections, Setup, Slot, SlotRange,
    Snapshot, StateMachine, Time, Vote,
};
use std::sync::Arc;

struct Sum(u64);

impl StateMachine for Sum {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, n: &u64) -> u64 {
        self.0 = self.0.wrapping_add(*n);
        self.0
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        let state = state.try_into().map_err(|_| RestoreError::Machine("not eight bytes".into()))?;
        self.0 = u64::from_le_bytes(state);
        Ok(())
    }
}

/// Draws messages: mostly ones that fit together, now and then the extremes.
struct Draw(Jitter);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0.draw() % n
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.below(4) as u16)
    }

    fn slot(&mut self) -> Slot {
        let far = [1 << 20, (1 << 60) - 1, u64::MAX - 2, u64::MAX - 1, u64::MAX];
        Slot(if self.below(8) == 0 { far[self.below(5) as usize] } else { self.below(8) })
    }

    fn range(&mut self) -> SlotRange {
        SlotRange::new(self.slot(), self.slot())
    }

    fn ballot(&mut self, owner: NodeId) -> Ballot {
        let round = if self.below(30) == 0 { u64::MAX } else { 1 + self.below(5) };
        let step = [0, 0, 1, 2, 255][self.below(5) as usize];
        Ballot::classic(round, owner).at_step(step, self.below(4) == 0)
    }

    fn anyones(&mut self) -> Ballot {
        let owner = self.node();
        self.ballot(owner)
    }

    fn entry(&mut self) -> Entry<u64> {
        if self.below(4) == 0 {
            return Entry::Noop;
        }
        if self.below(8) == 0 {
            let id = CommandId { client: self.client(), seq: self.below(9) };
            return Entry::Change(id, Box::new(self.change()));
        }
        let seq = if self.below(20) == 0 { u64::MAX } else { self.below(9) };
        Entry::new(self.client(), seq, self.below(5))
    }

    fn some(&mut self) -> NodeSet {
        (0..self.below(4)).map(|_| self.node()).collect()
    }

    fn members(&mut self) -> Membership {
        Membership { proposers: self.some(), acceptors: self.some(), learners: self.some() }
    }

    /// Most of them can be made, one after the other.
    fn change(&mut self) -> Change {
        match self.below(4) {
            0 => Change { add: self.members(), remove: self.some() },
            1 => Change::remove(self.node()),
            2 => Change::replace(self.node(), self.node()),
            _ => Change::add(self.node()),
        }
    }

    fn client(&mut self) -> ClientId {
        let session = if self.below(20) == 0 { u64::MAX } else { self.below(3) };
        ClientId { node: self.node(), session, nonce: 0 }
    }

    fn batch(&mut self) -> Batch<u64> {
        (0..self.below(5)).map(|_| self.entry()).collect()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flip().then(|| make(self))
    }

    fn votes(&mut self) -> Vec<Vote<u64>> {
        let vote = |d: &mut Self| Vote { first: d.slot(), ballot: d.anyones(), batch: d.batch() };
        (0..self.below(3)).map(|_| vote(self)).collect()
    }

    fn about_reads(&mut self) -> ReadMessage {
        let id = ReadId { session: 0, number: self.below(4) };
        match self.below(5) {
            0 => ReadMessage::Index { id, lease: self.flip() },
            1 => ReadMessage::At { id, slot: self.maybe(Self::slot) },
            2 => ReadMessage::Votes { id },
            3 => ReadMessage::VotedBelow { id, slot: self.slot() },
            _ => ReadMessage::Release { ballot: self.anyones() },
        }
    }

    /// One that decodes, whatever is in it.
    fn snapshot(&mut self) -> Snapshot {
        let (machine, sessions) =
            (Bytes::from(vec![0; 8]), [&[1, 0, 0][..], &[1, 9]][self.below(2) as usize]);
        let membership = Bytes::empty();
        Snapshot::new(&Sections { next: self.slot(), machine, sessions: sessions.into(), membership })
    }

    fn shared<P: Protocol<Value = u64, Reply = u64>>(&mut self, from: NodeId) -> Message<P> {
        match self.below(18) {
            15 => Message::Members { version: self.below(5), members: self.members() },
            12 => Message::Offer { snapshot: self.snapshot().id() },
            13 => Message::Fetch { snapshot: self.snapshot().id(), offset: self.slot().index() },
            14 => {
                let snapshot = self.snapshot();
                let bytes = if self.flip() {
                    snapshot.read_all().expect("memory")
                } else {
                    Bytes::from(vec![1, 2, 3])
                };
                let offset = if self.flip() { 0 } else { self.slot().index() };
                Message::Chunk { snapshot: snapshot.id(), offset, bytes }
            }
            0 => {
                let all = [Audience::Leader, Audience::Acceptors, Audience::Anyone, Audience::Relayed];
                let audience = all[self.below(4) as usize];
                Message::Request(Request { commands: self.batch(), audience })
            }
            1 => Message::Nack(Nack {
                refused: self.ballot(NodeId(0)),
                promised: self.anyones(),
                slots: self.range(),
            }),
            2 => Message::Heartbeat { ballot: self.ballot(from), chosen: self.slot(), sent: Time(0) },
            3 => Message::Progress { chosen: self.slot(), durable: self.slot() },
            4 => Message::CatchUp { from: self.slot() },
            5 => Message::Chosen {
                first: self.slot(),
                batch: self.batch(),
                known: self.slot(),
                asked: Some(self.slot()),
            },
            6 => Message::Refuse(Refused {
                refusal: Refusal::NotLeader(Some(self.node())),
                client: self.client(),
                first: self.slot().index(),
                end: self.slot().index(),
                taken: self.flip(),
            }),
            7 => Message::Canvass { chosen: self.slot(), sent: Time(self.below(9)) },
            8 => Message::Support { sent: Time(self.below(9)), granted: self.flip() },
            9 => Message::TakeOver { ballot: self.ballot(from), chosen: self.slot() },
            10 => Message::Heard { ballot: self.anyones(), sent: Time(self.below(9) * 20_000_000) },
            11 => Message::Read(self.about_reads()),
            _ => {
                let id = CommandId { client: self.client(), seq: self.slot().index() };
                let outcome = match self.below(4) {
                    0 => Outcome::NotKept,
                    1 => Outcome::SessionExpired { latest: 0 },
                    _ => Outcome::Executed(0),
                };
                Message::Reply(Reply { id, slot: self.slot(), outcome })
            }
        }
    }
}

fn config(seed: u64) -> Config {
    let mut config =
        if seed % 3 == 2 { Config::separate(2, 3, 2) } else { Config::collapsed(3) }.expect("lawful");
    if seed.is_multiple_of(2) {
        config.learning = Learning::Everyone;
    }
    config.timeouts.lease = (seed % 5 < 2).then(|| std::time::Duration::from_millis(80));
    (config.limits.reads, config.limits.alpha) = (5, 1 + seed as usize % 9);
    if seed % 7 < 3 {
        config.spares = [3, 4].map(NodeId).into_iter().collect();
    }
    (config.limits.window, config.limits.batch, config.limits.session) = (6, 3, 4);
    (config.limits.idle, config.limits.sessions) = (5, 2);
    if seed % 5 < 2 {
        config.patience = Patience::Report;
        config.timeouts.give_up = Some(Duration::from_millis(400));
    }
    (config.limits.snapshot, config.limits.chunk) = (1 + seed % 3, 1 << (seed % 5));
    config
}

fn survives<P: Protocol<Value = u64, Reply = u64>>(own: impl Fn(&mut Draw, NodeId, &Node<P>) -> Message<P>) {
    for seed in 0..3000 {
        let mut draw = Draw(Jitter::new(seed, NodeId(0)));
        let id = NodeId(if seed % 3 == 2 { draw.below(7) as u16 } else { 0 });
        let setup = Setup { id, config: Arc::new(config(seed)), options: P::Options::default() };
        let (mut node, mut replica, mut now) =
            (Node::<P>::new(setup, Time(0)), Replica::new(Sum(0), &config(seed).limits), 0);
        for _ in 0..60 {
            let from = NodeId(draw.below(7) as u16);
            let event = if draw.below(6) == 0 {
                now += draw.below(200_000_000);
                Event::Timeout
            } else {
                let message = if draw.flip() { own(&mut draw, from, &node) } else { draw.shared(from) };
                Event::Message { from, message }
            };
            if draw.below(9) == 0 {
                // As many as may be open; then it says that it is overloaded.
                let _ = node.submit(Time(now), 3);
            }
            if draw.below(20) == 0 {
                let change = draw.change();
                let forced = draw.below(2) == 0;
                let _ = if forced {
                    node.force_change(Time(now), change)
                } else {
                    node.submit_change(Time(now), change)
                };
            }
            if draw.below(20) == 0 {
                // Not every process leads.
                let _ = node.transfer(Time(now), NodeId(draw.below(7) as u16));
            }
            if draw.below(9) == 0 {
                let way = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];
                let way =
                    if draw.flip() { way[draw.below(3) as usize] } else { Consistency::AtLeast(draw.slot()) };
                // Not every process has a replica.
                let _ = node.read(Time(now), way);
            }
            node.step(Time(now), event);
            let mut said = 0;
            node.process(
                &mut replica,
                |_| {
                    said += 1;
                    assert!(said < 100_000, "seed {seed}: a turn without end");
                },
                |_| {},
                |_| {},
            );
            while node.readable().is_some() {}
            node.changes().for_each(drop);
            assert!(node.status().applied >= node.status().log_start.min(replica.next()));
        }
    }
}

#[test]
fn no_message_makes_multi_paxos_panic() {
    survives::<MultiPaxos<u64, u64>>(|d, from, node| {
        use multi_paxos::{Accept, Accepted, Decision, Prepare, Promise};
        let own = node.proposer().map_or(Ballot::ZERO, multi_paxos::Proposer::ballot);
        let known = node.chosen().first_unknown();
        match d.below(5) {
            0 => Message::Prepare(Prepare { ballot: d.ballot(from), from: d.slot() }),
            1 => Message::Promise(Promise { ballot: own, from: known, until: Slot::MAX, votes: d.votes() }),
            2 => Message::Accept(Accept {
                ballot: d.ballot(from),
                first: d.slot(),
                batch: d.batch(),
                chosen: d.slot(),
            }),
            3 => {
                let ballot = if d.flip() { own } else { d.anyones() };
                Message::Accepted(Accepted { ballot, slots: d.range(), batch: d.maybe(Draw::batch) })
            }
            _ => Message::Decide(Decision {
                ballot: d.anyones(),
                slots: d.range(),
                batch: d.maybe(Draw::batch),
            }),
        }
    });
}

#[test]
fn no_message_makes_fast_paxos_panic() {
    survives::<FastPaxos<u64, u64>>(|d, from, node| {
        use fast_paxos::{Accept, Accepted, Any, Decision, Prepare, Promise};
        let own = node.proposer().map_or(Ballot::ZERO, fast_paxos::Proposer::ballot);
        let known = node.chosen().first_unknown();
        let fast = |ballot: Ballot| ballot.at_step(1, true);
        let next = |ballot: Ballot| ballot.at_step(2, true);
        match d.below(5) {
            0 => Message::Prepare(Prepare { ballot: d.ballot(from), from: d.slot() }),
            1 => Message::Promise(Promise { ballot: own, from: known, until: Slot::MAX, votes: d.votes() }),
            2 => {
                let ballot = d.ballot(from);
                let any = d.maybe(|d| {
                    let recovery = d.maybe(|d| NodeSet::first(d.below(6) as u16));
                    Any { ballot: fast(ballot), from: d.slot(), recovery }
                });
                Message::Accept(Accept { ballot, first: d.slot(), batch: d.batch(), any, chosen: d.slot() })
            }
            3 => {
                let ballot = [own, fast(own), next(own), d.anyones()][d.below(4) as usize];
                Message::Accepted(Accepted { ballot, first: d.slot(), batch: d.batch() })
            }
            _ => Message::Decide(Decision { ballot: d.anyones(), first: d.slot(), batch: d.batch() }),
        }
    });
}

#[test]
fn no_message_makes_basic_paxos_panic() {
    survives::<BasicPaxos<u64, u64>>(|d, from, node| {
        use basic_paxos::{Accept, Accepted, Decision, Prepare, Promise};
        let own = node.leading().unwrap_or_default();
        let one = |d: &mut Draw| One::from(d.entry());
        match d.below(5) {
            0 => Message::Prepare(Prepare { ballot: d.ballot(from), slot: d.slot() }),
            1 => {
                let vote = d.maybe(|d| (d.anyones(), one(d)));
                Message::Promise(Promise { ballot: own, slot: d.slot(), vote })
            }
            2 => Message::Accept(Accept { ballot: d.ballot(from), slot: d.slot(), entry: one(d) }),
            3 => {
                let ballot = if d.flip() { own } else { d.anyones() };
                Message::Accepted(Accepted { ballot, slot: d.slot(), entry: d.maybe(one) })
            }
            _ => Message::Decide(Decision { ballot: d.anyones(), slot: d.slot(), entry: d.maybe(one) }),
        }
    });
}
