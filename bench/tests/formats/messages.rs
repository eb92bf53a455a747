//! A sample of every message and record of every variant, with fields that differ from each other.

use crate::golden::{Golden, SNAPSHOT, STORE, WIRE};
use basic_paxos::{BasicPaxos, One};
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Audience, Ballot, Batch, Bytes, Change, ClientId, Command, CommandId, Config, Digest, Entry, EpochRow,
    EpochTable, Incarnation, Limits, Membership, Message, Nack, Node, NodeId, NodeSet, Outcome, Overloaded,
    Places, Protocol, ReadId, ReadMessage, Reconfiguration, Record, Refusal, Refused, Replica, Reply,
    Request, RestoreError, Sections, Setup, Slot, SlotRange, Snapshot, SnapshotId, StateMachine, StoreMark,
    Time, Unchangeable, Vote,
};
use std::sync::Arc;

fn ballot() -> Ballot {
    Ballot::classic(300, NodeId(2)).at_step(3, true)
}

fn promised() -> Ballot {
    Ballot::classic(70_000, NodeId(1))
}

fn client() -> ClientId {
    ClientId { node: NodeId(200), nonce: 0xDEAD_BEEF, session: (5 << 32) | 2 }
}

fn id(seq: u64) -> CommandId {
    CommandId { client: client(), seq }
}

fn set(ids: &[u16]) -> NodeSet {
    ids.iter().copied().map(NodeId).collect()
}

fn members() -> Membership {
    Membership { proposers: set(&[0, 1]), acceptors: set(&[1, 2, 3]), learners: set(&[0, 4, 63]) }
}

fn change() -> Reconfiguration {
    let change = Change { add: members(), remove: set(&[7]) };
    Reconfiguration { change, stores: [(NodeId(2), store(300))].into() }
}

fn entries() -> Vec<Entry<String>> {
    let command = Entry::Command(Command { id: id(300), value: "set a".into() });
    vec![command, Entry::Noop, Entry::Change(id(301), Box::new(change()))]
}

fn batch() -> Batch<String> {
    entries().into()
}

fn votes() -> Vec<Vote<String>> {
    let vote = |first, batch: Batch<String>| Vote { first: Slot(first), ballot: ballot(), batch };
    vec![vote(1000, batch()), vote(2000, batch().head(1))]
}

fn slots() -> SlotRange {
    SlotRange::new(Slot(1000), Slot(1003))
}

fn store(writes: u64) -> Incarnation {
    let mark = StoreMark { id: 0x0123_4567_89AB_CDEF_0011_2233_4455_6677, writes };
    Incarnation { mark, opened: 5, nonce: 0xCAFE }
}

fn named() -> SnapshotId {
    SnapshotId { next: Slot(900), length: 12_345, digest: Digest(0xABCD << 100) }
}

fn about_reads() -> [ReadMessage; 6] {
    let id = ReadId { session: 3, number: 400 };
    [
        ReadMessage::Index { id, lease: true },
        ReadMessage::At { id, slot: Some(Slot(1001)) },
        ReadMessage::At { id, slot: None },
        ReadMessage::Votes { id },
        ReadMessage::VotedBelow { id, slot: Slot(1002) },
        ReadMessage::Release { ballot: ballot() },
    ]
}

fn overloads() -> [Overloaded; 6] {
    [
        Overloaded::Waiting(300),
        Overloaded::WaitingBytes(301),
        Overloaded::Session(302),
        Overloaded::SessionBytes(303),
        Overloaded::Disk(304),
        Overloaded::Requests(305),
    ]
}

fn unchangeable() -> [Unchangeable; 5] {
    [
        Unchangeable::Retired,
        Unchangeable::Nothing,
        Unchangeable::Unsound,
        Unchangeable::Fixed,
        Unchangeable::Quorums,
    ]
}

fn outcomes() -> [Outcome<u64>; 5] {
    [
        Outcome::Executed(300),
        Outcome::SessionExpired { latest: 1 << 33 },
        Outcome::Changed(Ok(Slot(1100))),
        Outcome::Changed(Err(Unchangeable::Unsound)),
        Outcome::NotKept,
    ]
}

fn refused(refusal: Refusal) -> Refused {
    Refused { refusal, client: client(), first: 300, end: 302, taken: true }
}

/// The messages that every variant has.
fn shared<P: Protocol<Value = String, Reply = u64>>() -> Vec<Message<P>> {
    let mut all = vec![
        Message::Request(Request { commands: batch(), audience: Audience::Anyone }),
        Message::Nack(Nack { refused: ballot(), promised: promised(), slots: slots() }),
        Message::Refuse(refused(Refusal::NotLeader(Some(NodeId(2))))),
        Message::Members { version: 400, members: members() },
        Message::Heartbeat { ballot: ballot(), chosen: Slot(1000), sent: Time(5_000_000_000) },
        Message::Heard { ballot: ballot(), sent: Time(5_000_000_001) },
        Message::Progress { chosen: Slot(1000), durable: Slot(990) },
        Message::CatchUp { from: Slot(500) },
        Message::Chosen { first: Slot(500), batch: batch(), known: Slot(1000), asked: Some(Slot(499)) },
        Message::PreVote { chosen: Slot(1000), sent: Time(300) },
        Message::PreVoteReply { sent: Time(300), granted: true },
        Message::Transfer { ballot: ballot(), chosen: Slot(1000) },
        Message::Offer { snapshot: named() },
        Message::Fetch { snapshot: named(), offset: 4096 },
        Message::Chunk { snapshot: named(), offset: 4096, bytes: Bytes::from(vec![9, 8, 7]) },
        Message::Forgotten { store: store(7), known: store(9) },
        Message::Recognize { store: store(7) },
        Message::Recognized { store: store(9) },
    ];
    all.extend(outcomes().map(|outcome| Message::Reply(Reply { id: id(300), slot: Slot(1000), outcome })));
    all.extend(about_reads().map(Message::Read));
    all
}

fn file<P: Protocol<Value = String, Reply = u64>>(name: &str, own: Vec<Message<P>>)
where
    Message<P>: serde::Serialize + serde::de::DeserializeOwned,
{
    let mut file = Golden::open(name, &[WIRE]);
    file.each(shared::<P>().into_iter().chain(own));
    file.check();
}

#[test]
fn messages_of_basic_paxos_are_written_as_before() {
    use basic_paxos::{Accept, Accepted, Decision, Prepare, Promise};
    let (ballot, slot) = (ballot(), Slot(1000));
    let one = |entry: usize| One::from(entries()[entry].clone());
    file::<BasicPaxos<String, u64>>(
        "messages-basic",
        vec![
            Message::Prepare(Prepare { ballot, slot }),
            Message::Promise(Promise { ballot, slot, vote: Some((promised(), one(0))) }),
            Message::Promise(Promise { ballot, slot, vote: None }),
            Message::Accept(Accept { ballot, slot, entry: one(2) }),
            Message::Accepted(Accepted { ballot, slot, entry: Some(one(1)) }),
            Message::Decide(Decision { ballot, slot, entry: Some(one(0)) }),
        ],
    );
}

#[test]
fn messages_of_multi_paxos_are_written_as_before() {
    use multi_paxos::{Accept, Accepted, Decision, Prepare, Promise};
    let (ballot, from, slots) = (ballot(), Slot(1000), slots());
    file::<MultiPaxos<String, u64>>(
        "messages-multi",
        vec![
            Message::Prepare(Prepare { ballot, from }),
            Message::Promise(Promise { ballot, from, until: Slot(3000), votes: votes() }),
            Message::Accept(Accept { ballot, first: from, batch: batch(), chosen: Slot(990) }),
            Message::Accepted(Accepted { ballot, slots, batch: Some(batch()) }),
            Message::Accepted(Accepted { ballot, slots, batch: None }),
            Message::Decide(Decision { ballot, slots, batch: Some(batch()) }),
        ],
    );
}

#[test]
fn messages_of_fast_paxos_are_written_as_before() {
    use fast_paxos::{Accept, Accepted, Any, Decision, Prepare, Promise};
    let (ballot, first) = (ballot(), Slot(1000));
    let any = Any { ballot: ballot.at_step(4, true), from: Slot(1003), recovery: Some(set(&[0, 1, 3])) };
    let classic = paxos_core::Accept { ballot, first, batch: batch(), chosen: Slot(990) };
    file::<FastPaxos<String, u64>>(
        "messages-fast",
        vec![
            Message::Prepare(Prepare { ballot, from: first }),
            Message::Promise(Promise { ballot, from: first, until: Slot(3000), votes: votes() }),
            Message::Accept(Accept { classic: classic.clone(), any: Some(any) }),
            Message::Accept(Accept { classic, any: None }),
            Message::Accepted(Accepted { ballot, first, batch: batch() }),
            Message::Decide(Decision { ballot, first, batch: batch() }),
        ],
    );
}

#[test]
fn parts_of_messages_are_written_as_before() {
    let mut file = Golden::open("parts", &[WIRE, STORE]);
    file.each([Audience::Leader, Audience::Acceptors, Audience::Anyone, Audience::Relayed]);
    file.each(
        [Refusal::NotLeader(Some(NodeId(2))), Refusal::NotLeader(None)]
            .into_iter()
            .chain(overloads().map(Refusal::Overloaded)),
    );
    file.each(overloads());
    file.each(unchangeable());
    file.each(outcomes());
    file.each(about_reads());
    file.each(entries());
    file.one("Ballot", &ballot());
    file.one("Ballot: the last", &Ballot::classic(Ballot::LAST_ROUND, NodeId(63)).at_step(255, true));
    file.one("Slot: the last", &Slot::MAX);
    file.one("NodeSet: all", &NodeSet::first(64));
    file.one("Incarnation", &store(1 << 40));
    file.check();
}

/// All variants have the same records.
#[test]
fn records_are_written_as_before() {
    let mut file = Golden::open("records", &[STORE]);
    let ballot = ballot();
    file.each([
        Record::<String>::Started(ballot),
        Record::Promised { ballot, slots: slots() },
        Record::Promised { ballot, slots: Slot(1000).onwards() },
        Record::Learned { first: Slot(1000), batch: batch() },
        Record::Voted { ballot, first: Slot(1000), batch: batch() },
        Record::Met { peer: NodeId(3), store: store(9) },
        Record::Known(slots()),
    ]);
    file.check();
}

/// A state machine whose state is the last command.
#[derive(Default)]
struct Last(String);

impl StateMachine for Last {
    type Command = String;
    type Reply = u64;

    fn apply(&mut self, slot: Slot, command: &String) -> u64 {
        self.0.clone_from(command);
        slot.index() + 300
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.clone().into_bytes())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.0 = String::from_utf8_lossy(state).into_owned();
        Ok(())
    }
}

/// The client sessions in a snapshot if there were no clients.
pub(crate) fn no_sessions() -> Bytes {
    let empty = Replica::new(Last::default(), &Limits::default()).snapshot().expect("it can be written down");
    empty.sections().expect("memory").sessions
}

/// The snapshot of a process that executed commands and a change of members.
fn taken(config: &Config) -> Snapshot {
    let setup = Setup { id: NodeId(0), config: Arc::new(config.clone()), options: () };
    let mut node = Node::<MultiPaxos<String, u64>>::new(setup, Time(0));
    node.draw(0xDEAD_BEEF);
    let mut replica = Replica::new(Last::default(), &config.limits);
    let mut now = Time(0);
    loop {
        now = node.deadline().map_or(now, |deadline| deadline.max(now));
        node.step(now, paxos_core::Event::Timeout);
        if node.leading().is_some() && node.status().applied == Slot(0) {
            for command in ["set a", "set b", "set c"] {
                node.submit(now, command.into()).expect("room");
            }
            node.force_change(now, Change::add(NodeId(1))).expect("it can be made");
        }
        while node.is_ready() {
            let mut ready = node.ready();
            ready.messages().for_each(drop);
            if let Some(write) = ready.write() {
                if let Some(snapshot) = write.snapshot() {
                    return snapshot.clone();
                }
                let receipt = write.durable();
                node.durable(receipt);
                continue;
            }
            ready.execute(&mut replica);
            ready.outcomes().for_each(drop);
        }
    }
}

#[test]
fn snapshots_are_written_as_before() {
    let mut file = Golden::open("snapshot", &[SNAPSHOT]);
    let machine = Bytes::from(b"the state".to_vec());
    let sessions = Bytes::from(b"the sessions".to_vec());
    let membership = Bytes::from(b"the members".to_vec());
    let sections = Sections { next: Slot(1000), machine, sessions, membership };
    let whole = Snapshot::new(&sections).read_all().expect("memory");
    file.bytes("the layout", &whole, &format!("{sections:?}"));
    let read = Snapshot::decode(whole).and_then(|snapshot| snapshot.sections());
    assert_eq!(read, Ok(sections));

    let row = |from, acceptors| EpochRow {
        from: Slot(from),
        members: members(),
        places: Places::of(set(&[1, 2, 3])).after(acceptors),
    };
    let coming = vec![row(1200, set(&[2, 3, 9])), row(1300, set(&[2, 3]))];
    let stores = [(NodeId(2), store(300))].into();
    let (current, retired) = (row(1000, set(&[1, 2, 3])), set(&[7]));
    let table = EpochTable { current, coming, version: 300, retired, stores };
    file.one("the members", &table);

    let mut config = Config::collapsed(1).expect("lawful");
    config.spares = set(&[1]);
    config.limits.snapshot = 4;
    let taken = taken(&config);
    let sections = taken.sections().expect("memory");
    file.bytes(
        "sessions, of a process",
        &sections.sessions,
        "three commands and a change, with what they were answered",
    );
    file.bytes("members, of a process", &sections.membership, "one member, and two from α slots later on");
    let whole = taken.read_all().expect("memory");
    file.bytes("all, of a process", &whole, &format!("{:?}", taken.id()));
    // A snapshot that was read is written again without a change.
    let mut replica = Replica::new(Last::default(), &Limits::default());
    replica.install(&Snapshot::decode(whole).expect("whole")).expect("a state of this machine");
    assert_eq!(replica.machine().0, "set c");
    let again = replica.snapshot().expect("it can be written down").sections().expect("memory");
    assert_eq!(again.sessions, sections.sessions);
    file.check();
}
