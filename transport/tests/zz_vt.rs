//! Real hosts on tokio, over a network and stores in memory: every variant keeps its promises when tasks, stops and
//! failures interleave as they like. Time is paused: it moves when all tasks wait, so that nothing waits for real.

use async_trait::async_trait;
use core::future::Future;
use core::time::Duration;
use paxos_core::{Config, Message, NodeId, Overloaded, Protocol, Setup, Slot, StateMachine, Timeouts};
use paxos_transport::{
    HostError, MemoryCluster, MemoryNetwork, MemoryStorage, ProposeError, Replicated, Saved, Stopped,
    Storage, StorageError, Transport, TransportError,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{sleep, timeout};

/// Remembers every command it executed, and answers with its place among them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Journal(Vec<u64>);

impl StateMachine for Journal {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, command: &u64) -> u64 {
        assert_ne!(*command, PANIC, "told to panic");
        self.0.push(*command);
        self.0.len() as u64 - 1
    }
}

const PANIC: u64 = u64::MAX;

type Cluster<P> = MemoryCluster<P, Journal>;
type Member<P> = Replicated<P, Journal>;

async fn start<P: Protocol<Value = u64, Reply = u64>>(config: Config) -> Cluster<P> {
    Cluster::<P>::start(config, &P::Options::default(), |_| Journal::default())
        .await
        .expect("stores can be read")
}

/// Fails instead of hanging. The time is virtual.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(600), future).await.expect("done in time")
}

/// The journals of these members, when each has executed all that any of them has.
async fn journals<P: Protocol<Value = u64, Reply = u64>>(members: &[&Member<P>]) -> Vec<Vec<u64>> {
    let applied = members.iter().map(|m| m.status().applied).max().expect("members");
    let mut journals = Vec::new();
    for member in members {
        soon(member.until(|status| status.applied >= applied)).await.expect("runs");
        journals.push(member.read_local(|journal| journal.0.clone()).await.expect("runs"));
    }
    journals
}

/// Proposes `commands`, each tenth of them in a task of its own, at the members in turn.
async fn propose_at<P: Protocol<Value = u64, Reply = u64>>(
    members: &[&Member<P>],
    commands: core::ops::Range<u64>,
) {
    let commands: Vec<u64> = commands.collect();
    let tasks = commands.chunks(commands.len().div_ceil(10)).enumerate().map(|(i, some)| {
        let (member, some) = (members[i % members.len()].clone(), some.to_vec());
        tokio::spawn(async move {
            for command in some {
                member.propose(command).await.expect("answered");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        soon(task).await.expect("no panic");
    }
}

/// That all journals are one, with each of `commands` once.
fn assert_exactly_once(journals: &[Vec<u64>], commands: core::ops::Range<u64>) {
    assert!(journals.iter().all(|journal| *journal == journals[0]), "the journals differ");
    let mut executed = journals[0].clone();
    executed.sort_unstable();
    assert_eq!(executed, commands.collect::<Vec<_>>());
}

async fn concurrent_tasks_get_each_command_executed_once_on_every_member<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let cluster = start::<P>(config).await;
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 0..1000).await;
    assert_exactly_once(&journals(&members).await, 0..1000);
    assert_eq!(cluster.network().overflowed(), 0);
}

async fn the_others_go_on_without_a_leader_that_stopped_and_it_catches_up_when_it_is_back<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut cluster = start::<P>(config).await;
    let first = cluster.members().next().expect("a member").clone();
    let leader = soon(first.until(|s| s.leader.is_some())).await.expect("runs").leader.expect("known");
    propose_at(&cluster.members().collect::<Vec<_>>(), 0..100).await;
    soon(cluster.member(leader).shutdown()).await.expect("stops");

    let others: Vec<_> = cluster.members().filter(|m| m.id() != leader).collect();
    propose_at(&others, 100..200).await;
    assert_exactly_once(&journals(&others).await, 0..200);

    soon(cluster.spawn(leader)).await.expect("starts again");
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 200..300).await;
    assert_exactly_once(&journals(&members).await, 0..300);
}

async fn nothing_that_was_answered_is_lost_when_all_restart<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut cluster = start::<P>(config).await;
    propose_at(&cluster.members().collect::<Vec<_>>(), 0..100).await;
    let ids: Vec<_> = cluster.members().map(Replicated::id).collect();
    for id in &ids {
        soon(cluster.member(*id).shutdown()).await.expect("stops");
    }
    for id in &ids {
        soon(cluster.spawn(*id)).await.expect("starts again");
    }
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 100..110).await;
    assert_exactly_once(&journals(&members).await, 0..110);
}

async fn what_a_member_is_asked_while_cut_off_happens_once_when_the_network_is_healed<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let cluster = start::<P>(config).await;
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 0..100).await;
    cluster.network().cut(NodeId(0));
    let cut_off = cluster.member(NodeId(0)).clone();
    let asked = tokio::spawn(async move { cut_off.propose(150).await });
    propose_at(&members[1..], 100..150).await;
    // Long enough to be asked for again and again, in vain.
    sleep(Duration::from_secs(2)).await;
    assert!(!asked.is_finished(), "nothing is agreed without a quorum");
    cluster.network().heal(NodeId(0));
    soon(asked).await.expect("no panic").expect("answered");
    assert_exactly_once(&journals(&members).await, 0..151);
}

async fn a_process_without_a_role_gets_answers<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut cluster = start::<P>(config).await;
    let client = soon(cluster.spawn(NodeId(1000))).await.expect("starts").clone();
    propose_at(&[&client], 0..100).await;
    assert_eq!(client.status().applied, Slot(0), "it does not learn");
    let servers: Vec<_> = cluster.members().filter(|m| m.id() != client.id()).collect();
    assert_exactly_once(&journals(&servers).await, 0..100);
}

async fn a_store_that_fails_stops_its_process_and_leaves_outcomes_unknown<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut cluster = start::<P>(config).await;
    propose_at(&cluster.members().collect::<Vec<_>>(), 0..10).await;
    let member = cluster.member(NodeId(0)).clone();
    cluster.storage(NodeId(0)).set_failing(true);
    assert_eq!(soon(member.propose(10)).await, Err(ProposeError::OutcomeUnknown));
    let end = soon(member.stopped()).await;
    assert!(matches!(&end, Err(HostError::Storage(e)) if matches!(**e, StorageError::Write(_))), "{end:?}");
    assert_eq!(soon(member.propose(11)).await, Err(ProposeError::Stopped(Stopped)));
    assert_eq!(soon(member.read_local(|_| ())).await, Err(Stopped));

    // The others do not need it, and it comes back with what it had stored.
    let others: Vec<_> = cluster.members().filter(|m| m.id() != NodeId(0)).collect();
    propose_at(&others, 20..30).await;
    cluster.storage(NodeId(0)).set_failing(false);
    soon(cluster.spawn(NodeId(0))).await.expect("starts again");
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 30..40).await;
    let journals = journals(&members).await;
    assert!(journals.iter().all(|journal| *journal == journals[0]), "the journals differ");
    // Whether 10 happened is unknown, and 11 did not.
    let journal: Vec<u64> = journals[0].iter().copied().filter(|c| *c != 10).collect();
    assert_exactly_once(&[journal.iter().map(|c| if *c < 10 { *c } else { c - 10 }).collect()], 0..30);
}

/// Has every claim tested with every variant.
macro_rules! variants {
    ($claims:tt $($variant:ident: $protocol:ty, $config:expr;)+) => {
        $(variants! { @one $claims $variant $protocol, $config })+
    };
    (@one [$($claim:ident)+] $variant:ident $protocol:ty, $config:expr) => {
        mod $variant {
            $(
                #[tokio::test(start_paused = true)]
                async fn $claim() {
                    let t = tokio::time::Instant::now(); super::$claim::<$protocol>($config.expect("lawful")).await; println!("VT {} {} {:?}", stringify!($variant), stringify!($claim), t.elapsed());
                }
            )+
        }
    };
}

variants! {
    [
        concurrent_tasks_get_each_command_executed_once_on_every_member
        the_others_go_on_without_a_leader_that_stopped_and_it_catches_up_when_it_is_back
        nothing_that_was_answered_is_lost_when_all_restart
        what_a_member_is_asked_while_cut_off_happens_once_when_the_network_is_healed
        a_process_without_a_role_gets_answers
        a_store_that_fails_stops_its_process_and_leaves_outcomes_unknown
    ]
    multi: multi_paxos::MultiPaxos<u64, u64>, paxos_core::Config::collapsed(3);
    simple: basic_paxos::BasicPaxos<u64, u64>, basic_paxos::simple(3);
    basic: basic_paxos::BasicPaxos<u64, u64>, basic_paxos::leaderless(3);
    fast: fast_paxos::FastPaxos<u64, u64>, paxos_core::Config::collapsed(3);
}

type Multi = multi_paxos::MultiPaxos<u64, u64>;

/// Real threads and the real clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn members_on_several_threads_execute_each_command_once() {
    concurrent_tasks_get_each_command_executed_once_on_every_member::<Multi>(
        Config::collapsed(3).expect("lawful"),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn commands_beyond_the_limit_are_refused_and_those_below_unknown_when_the_process_stops() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.session = 4;
    let cluster = start::<Multi>(config).await;
    cluster.network().cut(NodeId(0));
    let asked: Vec<_> = (0..4)
        .map(|command| {
            let member = cluster.member(NodeId(0)).clone();
            tokio::spawn(async move { member.propose(command).await })
        })
        .collect();
    // Every task has asked when all of them wait.
    sleep(Duration::from_millis(1)).await;
    let refused = soon(cluster.member(NodeId(0)).propose(4)).await;
    assert_eq!(refused, Err(ProposeError::Overloaded(Overloaded { limit: 4 })));
    soon(cluster.member(NodeId(0)).shutdown()).await.expect("stops");
    for task in asked {
        assert_eq!(task.await.expect("no panic"), Err(ProposeError::OutcomeUnknown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_that_panics_is_an_error_of_its_process() {
    let cluster = start::<Multi>(Config::collapsed(1).expect("lawful")).await;
    let member = cluster.member(NodeId(0));
    assert_eq!(soon(member.propose(7)).await, Ok(0));
    assert_eq!(soon(member.propose(PANIC)).await, Err(ProposeError::OutcomeUnknown));
    assert!(matches!(soon(member.stopped()).await, Err(HostError::Panicked)));
}

#[tokio::test(start_paused = true)]
async fn a_process_stops_when_its_last_handle_is_dropped() {
    let network = MemoryNetwork::<Multi>::new(16);
    let config = Arc::new(Config::collapsed(1).expect("lawful"));
    let storage = Box::new(MemoryStorage::new());
    let setup = Setup { id: NodeId(0), config, options: () };
    let carrier = Box::new(network.join(NodeId(0)));
    let member =
        Replicated::start(setup, Journal::default(), carrier, storage.clone()).await.expect("starts");
    let watched = member.clone();
    assert_eq!(soon(member.propose(1)).await, Ok(0));
    drop(member);
    assert_eq!(soon(watched.propose(2)).await, Ok(1), "one handle is left");
    let records = storage.records().len();
    drop(watched);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(storage.records().len(), records);
    let mut storage = storage;
    let saved = storage.load().await.expect("readable");
    assert_eq!((saved.session, saved.records.len()), (1, records));
}

/// A store whose writes take time, and are counted.
struct Slow {
    inner: MemoryStorage<Multi>,
    writes: Arc<AtomicUsize>,
}

#[async_trait]
impl Storage<Multi> for Slow {
    async fn load(&mut self) -> Result<Saved<Multi>, StorageError> {
        self.inner.load().await
    }

    async fn append(&mut self, records: &[<Multi as Protocol>::Record]) -> Result<(), StorageError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(10)).await;
        self.inner.append(records).await
    }
}

#[tokio::test(start_paused = true)]
async fn commands_that_arrive_while_the_store_writes_share_the_next_write() {
    let config = Arc::new(Config {
        timeouts: Timeouts::default().scaled(10),
        ..Config::collapsed(3).expect("lawful")
    });
    let network = MemoryNetwork::new(4096);
    let writes = Arc::new(AtomicUsize::new(0));
    let mut members = Vec::new();
    for id in (0..3).map(NodeId) {
        let setup = Setup { id, config: Arc::clone(&config), options: () };
        let storage = Box::new(Slow { inner: MemoryStorage::new(), writes: Arc::clone(&writes) });
        let carrier = Box::new(network.join(id));
        members.push(Replicated::start(setup, Journal::default(), carrier, storage).await.expect("starts"));
    }
    let tasks: Vec<_> = (0..1000)
        .map(|command| {
            let member = members[0].clone();
            tokio::spawn(async move { member.propose(command).await.expect("answered") })
        })
        .collect();
    for task in tasks {
        soon(task).await.expect("no panic");
    }
    let writes = writes.load(Ordering::Relaxed);
    assert!(writes <= 15, "1,000 commands took three stores {writes} writes");
    assert_exactly_once(&journals(&members.iter().collect::<Vec<_>>()).await, 0..1000);
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_loses_the_newest_message_and_counts_it() {
    let network = MemoryNetwork::<Multi>::new(2);
    let (mut n0, mut n1) = (network.join(NodeId(0)), network.join(NodeId(1)));
    let heartbeat = |n| paxos_core::Envelope {
        to: paxos_core::To::Each(paxos_core::NodeSet::first(3)),
        message: Message::Progress { chosen: Slot(n) },
    };
    let mut batch: Vec<_> = (0..3).map(heartbeat).collect();
    n0.send(&mut batch).await.expect("sends");
    assert!(batch.is_empty());
    // One each at n0 and n1; n2 is not there at all.
    assert_eq!(network.overflowed(), 2);
    let mut inbox = Vec::new();
    n1.recv(&mut inbox).await.expect("receives");
    let expected: Vec<_> = (0..2).map(|n| (NodeId(0), Message::Progress { chosen: Slot(n) })).collect();
    assert_eq!(inbox, expected);
}

#[tokio::test(start_paused = true)]
async fn a_name_and_a_store_have_one_user_and_the_latest_wins() {
    let network = MemoryNetwork::<Multi>::new(2);
    let mut before = network.join(NodeId(0));
    let _after = network.join(NodeId(0));
    assert!(matches!(before.recv(&mut Vec::new()).await, Err(TransportError::Replaced)));

    let mut before = MemoryStorage::<Multi>::new();
    let mut after = before.clone();
    assert_eq!(before.load().await.expect("readable").session, 0);
    assert_eq!(after.load().await.expect("readable").session, 1);
    assert!(matches!(before.append(&[]).await, Err(StorageError::Taken)));
    after.append(&[]).await.expect("stores");
}
