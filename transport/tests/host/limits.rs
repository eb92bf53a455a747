//! Limits and failures that do not depend on the variant.

use crate::host::{PANIC, assert_exactly_once, claims, join, journals, soon, start};
use async_trait::async_trait;
use core::future::Future;
use core::task::{Context, Waker};
use core::time::Duration;
use paxos_core::{
    Config, Consistency, Envelope, Event, Message, NodeId, NodeSet, Overloaded, Protocol, Slot, Snapshot,
    Timeouts, To,
};
use paxos_transport::{
    HostError, MemoryNetwork, MemoryStorage, ProposeError, Saved, Storage, StorageError, Transport,
    TransportError,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::sleep;

type Multi = multi_paxos::MultiPaxos<u64, u64>;

/// With real threads and the real clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn members_on_several_threads_execute_each_command_once() {
    let config = Config::collapsed(3).expect("lawful");
    claims::concurrent_tasks_get_each_command_executed_once_on_every_member::<Multi>(config).await;
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
    // After this time, every task has sent its request.
    sleep(Duration::from_millis(1)).await;
    let refused = soon(cluster.member(NodeId(0)).propose(4)).await;
    assert_eq!(refused, Err(ProposeError::Overloaded(Overloaded::Session(4))));
    soon(cluster.member(NodeId(0)).shutdown()).await.expect("stops");
    for task in asked {
        assert_eq!(task.await.expect("no panic"), Err(ProposeError::OutcomeUnknown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_answered_in_time_is_given_up_and_the_process_goes_on() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.timeouts.give_up = Some(Duration::from_secs(1));
    let cluster = start::<Multi>(config).await;
    let member = cluster.member(NodeId(0));
    cluster.network().cut(NodeId(0));
    assert_eq!(soon(member.propose(1)).await, Err(ProposeError::OutcomeUnknown));
    cluster.network().heal(NodeId(0));
    soon(member.propose(2)).await.expect("answered");
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_session_expired_goes_on_with_the_next_and_an_append_tells_its_slot() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.idle = 4;
    let cluster = start::<Multi>(config).await;
    let [silent, busy] = [0, 1].map(|id| cluster.member(NodeId(id)));
    let mut last = soon(silent.append(0)).await.expect("answered").slot;
    for command in 1..7 {
        let executed = soon(busy.append(command)).await.expect("answered");
        assert!(executed.slot > last && executed.reply == command);
        last = executed.slot;
    }
    let executed = soon(silent.append(7)).await.expect("it has begun another session by itself");
    assert!(executed.slot > last && executed.reply == 7, "{executed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_caller_has_gone_before_the_process_takes_it_is_not_proposed() {
    let cluster = start::<Multi>(Config::collapsed(1).expect("lawful")).await;
    let member = cluster.member(NodeId(0));
    // On one thread, the process takes no turn before this test waits.
    let mut given_up = Box::pin(member.propose(7));
    assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(given_up);
    assert_eq!(soon(member.propose(8)).await, Ok(0), "it is the first");
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
    let mut storage = MemoryStorage::new();
    let member = join(NodeId(0), &config, network.join(NodeId(0)), storage.clone()).await;
    let watched = member.clone();
    assert_eq!(soon(member.propose(1)).await, Ok(0));
    drop(member);
    assert_eq!(soon(watched.propose(2)).await, Ok(1), "one handle is left");
    drop(watched);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(Arc::strong_count(&config), 1, "nothing of the process is left");
    assert_eq!(storage.load().await.expect("readable").session, 1);
}

/// A store that counts its writes and takes time for them.
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

    async fn install(
        &mut self,
        snapshot: &Snapshot,
        records: &[<Multi as Protocol>::Record],
    ) -> Result<(), StorageError> {
        self.inner.install(snapshot, records).await
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
        let storage = Slow { inner: MemoryStorage::new(), writes: Arc::clone(&writes) };
        members.push(join(id, &config, network.join(id), storage).await);
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
    let progress = |n| Envelope {
        to: To::Each(NodeSet::first(3)),
        message: Message::Progress { chosen: Slot(n), durable: Slot(0) },
    };
    let mut batch: Vec<_> = (0..3).map(progress).collect();
    n0.send(&mut batch).await.expect("sends");
    assert!(batch.is_empty());
    // n0 and n1 lose one message each; n2 does not exist.
    assert_eq!(network.overflowed(), 2);
    let mut inbox = Vec::new();
    n1.recv(&mut inbox).await.expect("receives");
    let expected: Vec<_> = (0..2)
        .map(|n| Event::Message {
            from: NodeId(0),
            message: Message::Progress { chosen: Slot(n), durable: Slot(0) },
        })
        .collect();
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

#[tokio::test(start_paused = true)]
async fn reads_that_nobody_waits_for_make_room_for_others() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.reads = 2;
    let cluster = start::<Multi>(config).await;
    let member = cluster.members().next().expect("a member");
    let never = || member.read(Consistency::AtLeast(Slot(1 << 40)), |_| ());
    for _ in 0..2 {
        let gone = tokio::time::timeout(Duration::from_millis(1), never()).await;
        assert!(gone.is_err(), "it waits");
    }
    let seen =
        soon(member.read(Consistency::Confirmed, |journal| journal.commands().len())).await.expect("room");
    assert_eq!(seen.value, 0);
}
