//! No caller waits for ever: not without a quorum, not at a removed process, and not at a process whose store hangs.

use crate::host::{join, soon, start};
use async_trait::async_trait;
use core::time::Duration;
use paxos_core::{
    Change, Config, Consistency, Inadvisable, NodeId, NodeSet, Protocol, ReadError, Slot, Snapshot, Timeouts,
    Untransferable,
};
use paxos_transport::{
    ChangeError, MemoryNetwork, MemoryStorage, ProposeError, ReadFailure, Saved, Storage, StorageError,
    TransferError,
};
use std::sync::Arc;
use tokio::time::{Instant, sleep};

type Multi = multi_paxos::MultiPaxos<u64, u64>;

const LINEARIZABLE: [Consistency; 3] = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];

/// The longest that a call may take with the default timeouts.
fn longest() -> Duration {
    let limit = Timeouts::default().give_up.expect("it has a default");
    limit + limit / 4
}

/// Returns the result of a call, which must not take longer than documented.
async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let result = soon(call).await;
    // tokio's timers have a resolution of one millisecond.
    assert!(begun.elapsed() <= longest() + Duration::from_millis(2), "{:?}", begun.elapsed());
    result
}

/// A store whose disk never finishes a write.
struct Hung(MemoryStorage<Multi>);

#[async_trait]
impl Storage<Multi> for Hung {
    async fn load(&mut self) -> Result<Saved<Multi>, StorageError> {
        self.0.load().await
    }

    async fn append(&mut self, _: &[<Multi as Protocol>::Record]) -> Result<(), StorageError> {
        core::future::pending().await
    }

    async fn install(&mut self, _: &Snapshot, _: &[<Multi as Protocol>::Record]) -> Result<(), StorageError> {
        core::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_at_a_process_whose_store_hangs_ends_in_time() {
    let config = Arc::new(Config::collapsed(3).expect("lawful"));
    let network = MemoryNetwork::<Multi>::new(4096);
    let hung = join(NodeId(0), &config, network.join(NodeId(0)), Hung(MemoryStorage::new())).await;
    // The process campaigns, but cannot write its ballot.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(in_time(hung.propose(1)).await, Err(ProposeError::OutcomeUnknown));
    // It still answers reads of its own state.
    assert!(in_time(hung.read(Consistency::Local, |_| ())).await.is_ok());
    for way in LINEARIZABLE.into_iter().chain([Consistency::AtLeast(Slot(1))]) {
        assert_eq!(in_time(hung.read(way, |_| ())).await, Err(ReadFailure::TimedOut), "{way:?}");
    }
    let changed = in_time(hung.change(Change::remove(NodeId(2)))).await;
    assert!(matches!(changed, Err(ChangeError::Inadvisable(Inadvisable::NoQuorum { .. }))), "{changed:?}");
    let changed = in_time(hung.force_change(Change::remove(NodeId(2)))).await;
    assert_eq!(changed, Err(ChangeError::Unanswered(ProposeError::OutcomeUnknown)));
    let refused = TransferError::Untransferable(Untransferable::NotLeader(None));
    assert_eq!(in_time(hung.transfer(NodeId(1))).await, Err(refused));
}

/// A store of a process that ran before, with leases of an hour.
struct Lent(MemoryStorage<Multi>);

#[async_trait]
impl Storage<Multi> for Lent {
    async fn load(&mut self) -> Result<Saved<Multi>, StorageError> {
        Ok(Saved { session: 1, lease: Some(HOUR), ..self.0.load().await? })
    }

    async fn append(&mut self, records: &[<Multi as Protocol>::Record]) -> Result<(), StorageError> {
        self.0.append(records).await
    }

    async fn install(
        &mut self,
        snapshot: &Snapshot,
        records: &[<Multi as Protocol>::Record],
    ) -> Result<(), StorageError> {
        self.0.install(snapshot, records).await
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// The configuration has no leases any more, but a leader that still has the old one may count on those granted before.
#[tokio::test(start_paused = true)]
async fn leases_that_were_granted_before_a_restart_are_honoured_without_leases() {
    let config = Arc::new(Config::collapsed(3).expect("lawful"));
    let network = MemoryNetwork::<Multi>::new(4096);
    let mut members = Vec::new();
    for id in config.servers().iter() {
        members.push(join(id, &config, network.join(id), Lent(MemoryStorage::new())).await);
    }
    sleep(HOUR.saturating_sub(2 * longest())).await;
    assert_eq!(in_time(members[0].propose(1)).await, Err(ProposeError::OutcomeUnknown));
    sleep(2 * longest()).await;
    soon(members[0].propose(2)).await.expect("they have ended");
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_nothing_waits_for_ever_by_default() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.reads = 2;
    let cluster = start::<Multi>(config).await;
    let member = cluster.member(NodeId(0));
    assert_eq!(soon(member.propose(1)).await, Ok(0));
    cluster.network().cut(NodeId(0));
    assert_eq!(in_time(member.propose(2)).await, Err(ProposeError::OutcomeUnknown));
    for way in LINEARIZABLE.into_iter().chain([Consistency::AtLeast(Slot(1 << 40))]) {
        assert_eq!(in_time(member.read(way, |_| ())).await, Err(ReadFailure::TimedOut), "{way:?}");
    }
    let forced = in_time(member.force_change(Change::remove(NodeId(2)))).await;
    assert_eq!(forced, Err(ChangeError::Unanswered(ProposeError::OutcomeUnknown)));
    let alone = Inadvisable::NoQuorum { reachable: 1, members: 2, quorum: 2 };
    assert_eq!(in_time(member.change(Change::remove(NodeId(2)))).await, Err(alone.into()));
    // Requests that were given up leave no slot occupied.
    cluster.network().heal(NodeId(0));
    let seen = soon(member.read(Consistency::Confirmed, |journal| journal.commands().first().copied())).await;
    assert_eq!(seen.expect("answered").value, Some(1));
    soon(member.propose(3)).await.expect("answered");
}

/// Tests reads that wait at a process while it is removed, and later ones.
async fn removed_reads<P: Protocol<Value = u64, Reply = u64>>(mut config: Config) {
    config.limits.alpha = 4;
    let cluster = start::<P>(config).await;
    let (gone, stays) = (cluster.member(NodeId(2)), cluster.member(NodeId(1)));
    assert_eq!(soon(gone.propose(1)).await, Ok(0));
    cluster.network().cut(NodeId(2));
    let waiting = LINEARIZABLE.map(|way| {
        let gone = gone.clone();
        tokio::spawn(async move { gone.read(way, |_| ()).await })
    });
    let from = soon(stays.change(Change::remove(NodeId(2)))).await.expect("can be made");
    let mut command = 2;
    while stays.status().applied < from {
        soon(stays.propose(command)).await.expect("answered");
        command += 1;
    }
    cluster.network().heal(NodeId(2));
    let removed = Err(ReadFailure::Refused(ReadError::Removed));
    for read in waiting {
        assert_eq!(in_time(read).await.expect("no panic"), removed);
    }
    for way in LINEARIZABLE {
        let begun = Instant::now();
        assert_eq!(soon(gone.read(way, |_| ())).await, removed);
        assert_eq!(begun.elapsed(), Duration::ZERO, "at once");
    }
    let seen = soon(gone.read(Consistency::Local, |journal| journal.commands().first().copied())).await;
    assert_eq!(seen.expect("what is there can be read").value, Some(1));
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_at_a_removed_process_of_multi_paxos_are_refused() {
    removed_reads::<Multi>(Config::collapsed(3).expect("lawful")).await;
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_at_a_removed_process_of_fast_paxos_are_refused() {
    removed_reads::<fast_paxos::FastPaxos<u64, u64>>(Config::collapsed(3).expect("lawful")).await;
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_at_a_removed_process_of_simple_paxos_are_refused() {
    removed_reads::<basic_paxos::BasicPaxos<u64, u64>>(basic_paxos::simple(3).expect("lawful")).await;
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_at_a_removed_process_of_basic_paxos_are_refused() {
    removed_reads::<basic_paxos::BasicPaxos<u64, u64>>(basic_paxos::leaderless(3).expect("lawful")).await;
}

/// Tests that a spare refuses linearizable reads at once, until it is a member.
async fn reads_at_a_spare<P: Protocol<Value = u64, Reply = u64>>(mut config: Config) {
    config.limits.alpha = 4;
    config.spares = NodeSet::only(NodeId(3));
    let mut cluster = start::<P>(config).await;
    soon(cluster.spawn(NodeId(3))).await.expect("starts");
    let (spare, member) = (cluster.member(NodeId(3)), cluster.member(NodeId(1)));
    assert_eq!(soon(spare.propose(1)).await, Ok(0));
    for way in LINEARIZABLE {
        let begun = Instant::now();
        assert_eq!(soon(spare.read(way, |_| ())).await, Err(ReadFailure::Outside), "{way:?}");
        assert_eq!(begun.elapsed(), Duration::ZERO, "at once");
    }
    let next = soon(spare.append(2)).await.expect("answered").slot.plus(1);
    let seen = soon(spare.read(Consistency::AtLeast(next), |journal| journal.commands().len())).await;
    assert_eq!(seen.expect("it learns").value, 2);
    let from = soon(member.change(Change::add(NodeId(3)))).await.expect("can be made");
    for command in 3..10 {
        soon(member.propose(command)).await.expect("answered");
    }
    soon(spare.until(|status| status.applied >= from)).await.expect("it learns");
    for way in LINEARIZABLE {
        let seen = soon(spare.read(way, |journal| journal.commands().len())).await;
        assert_eq!(seen.expect("it is a member").value, 9, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_at_a_spare_of_multi_paxos_are_refused_at_once() {
    reads_at_a_spare::<Multi>(Config::collapsed(3).expect("lawful")).await;
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_at_a_spare_of_fast_paxos_are_refused_at_once() {
    reads_at_a_spare::<fast_paxos::FastPaxos<u64, u64>>(Config::collapsed(3).expect("lawful")).await;
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_at_a_spare_of_basic_paxos_are_refused_at_once() {
    reads_at_a_spare::<basic_paxos::BasicPaxos<u64, u64>>(basic_paxos::leaderless(3).expect("lawful")).await;
}
