//! Claims that hold for every variant.

pub(crate) use crate::host::changes::every_member_is_replaced_while_commands_go_on;
pub(crate) use crate::host::joins::a_member_is_added_when_it_is_there_and_a_quorum_stays;

use crate::host::{assert_exactly_once, join, journals, propose_at, soon, start};
use async_trait::async_trait;
use core::time::Duration;
use paxos_core::{
    Config, Consistency, Envelope, Event, Former, Incarnation, Jitter, NodeId, Protocol, ReadError, Slot,
    Snapshot,
};
use paxos_transport::{
    HostError, MemoryCarrier, MemoryNetwork, MemoryStorage, ProposeError, ReadFailure, Replicated, Saved,
    Stopped, Storage, StorageError, Transport, TransportError,
};
use std::sync::Arc;
use tokio::time::sleep;

pub(crate) async fn concurrent_tasks_get_each_command_executed_once_on_every_member<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let cluster = start::<P>(config).await;
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 0..1000).await;
    assert_exactly_once(&journals(&members).await, 0..1000);
    assert_eq!(cluster.network().overflowed(), 0);
}

pub(crate) async fn the_others_go_on_without_a_leader_that_stopped_and_it_catches_up_when_it_is_back<P>(
    config: Config,
) where
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

pub(crate) async fn nothing_that_was_answered_is_lost_when_all_restart<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut cluster = start::<P>(config).await;
    propose_at(&cluster.members().collect::<Vec<_>>(), 0..50).await;
    let ids: Vec<_> = cluster.members().map(Replicated::id).collect();
    // In each incarnation a process numbers its commands from 0 again, and they must not be taken for commands of a
    // former incarnation.
    for incarnation in 1..4 {
        for id in &ids {
            soon(cluster.member(*id).shutdown()).await.expect("stops");
        }
        for id in &ids {
            soon(cluster.spawn(*id)).await.expect("starts again");
        }
        let members: Vec<_> = cluster.members().collect();
        propose_at(&members, incarnation * 50..(incarnation + 1) * 50).await;
        assert_exactly_once(&journals(&members).await, 0..(incarnation + 1) * 50);
    }
}

/// A store without an identity, so that the other members cannot notice a loss.
struct Anonymous<P: Protocol>(MemoryStorage<P>);

#[async_trait]
impl<P: Protocol> Storage<P> for Anonymous<P> {
    async fn load(&mut self) -> Result<Saved<P>, StorageError> {
        Ok(Saved { store: None, ..self.0.load().await? })
    }

    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError> {
        self.0.append(records).await
    }

    async fn install(&mut self, snapshot: &Snapshot, records: &[P::Record]) -> Result<(), StorageError> {
        self.0.install(snapshot, records).await
    }
}

pub(crate) async fn commands_of_a_member_that_lost_its_disk_or_got_an_older_one_are_not_taken_for_former_ones<
    P,
>(
    config: Config,
) where
    P: Protocol<Value = u64, Reply = u64>,
{
    let (config, network) = (Arc::new(config), MemoryNetwork::<P>::new(1 << 16));
    let disk = MemoryStorage::new();
    let mut members = Vec::new();
    for id in config.servers().iter() {
        let storage = if id == NodeId(0) { disk.clone() } else { MemoryStorage::new() };
        members.push(join(id, &config, network.join(id), Anonymous(storage)).await);
    }
    let mut next = 100;
    let mut wanted: Vec<u64> = Vec::new();
    let empty = MemoryStorage::new();
    let mut copy = empty.copy();
    for round in 0..4 {
        // The commands of each round have the same sequence numbers.
        for _ in 0..8 {
            soon(members[0].propose(next)).await.expect("answered");
            wanted.push(next);
            next += 1;
        }
        // Every process knows everything before a loss: an acceptor that forgets is a different problem.
        let all = journals(&members.iter().collect::<Vec<_>>()).await;
        assert!(all.iter().all(|journal| *journal == wanted), "{all:?} instead of {wanted:?}");
        soon(members[0].shutdown()).await.expect("stops");
        disk.put_back(if round % 2 == 0 { &empty } else { &copy });
        members[0] = join(NodeId(0), &config, network.join(NodeId(0)), Anonymous(disk.clone())).await;
        // n0 may not know yet how long the log is. Its session has expired, or its command takes effect: there is no
        // third case.
        match soon(members[0].propose(next)).await {
            Ok(_) => wanted.push(next),
            Err(error) => assert_eq!(error, ProposeError::SessionExpired),
        }
        next += 1;
        let executed = wanted.len() as u64;
        soon(members[0].until(|status| status.applied.index() >= executed)).await.expect("catches up");
        if round == 0 {
            copy = disk.copy();
        }
    }
}

/// What may happen to the disk of n0 while it is down.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The disk is empty.
    Emptied,
    /// The disk is restored to an older state.
    Older,
    /// The disk is replaced by a copy of n1's disk.
    AnotherMembers,
    /// The disks of n0 and n1 are exchanged.
    Swapped,
    /// The disk is that of n0 in a former cluster.
    OfAFormerCluster,
}

pub(crate) async fn a_member_that_forgot_is_noticed_by_the_others_before_it_votes<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let former = start::<P>(config.clone()).await;
    soon(former.member(NodeId(0)).propose(1)).await.expect("answered");
    let former = former.storage(NodeId(0)).copy();
    for loss in [Loss::Emptied, Loss::Older, Loss::AnotherMembers, Loss::Swapped, Loss::OfAFormerCluster] {
        for all_restart in [false, true] {
            let mut cluster = start::<P>(config.clone()).await;
            let [n0, n1, n2] = [0, 1, 2].map(NodeId);
            soon(cluster.member(n0).propose(1)).await.expect("answered");
            let older = cluster.storage(n0).copy();
            for n in 2..40 {
                soon(cluster.member(n0).propose(n)).await.expect("answered");
            }
            journals(&cluster.members().collect::<Vec<_>>()).await;
            let exchanged = matches!(loss, Loss::Swapped).then_some(n1);
            let mut restarting = vec![n0];
            restarting.extend(exchanged);
            if all_restart {
                restarting = vec![n0, n1, n2];
            }
            for id in &restarting {
                soon(cluster.member(*id).shutdown()).await.expect("stops");
            }
            let (of_n0, of_n1) = (cluster.storage(n0).copy(), cluster.storage(n1).copy());
            match loss {
                Loss::Emptied => cluster.storage(n0).put_back(&MemoryStorage::new()),
                Loss::Older => cluster.storage(n0).put_back(&older),
                Loss::AnotherMembers => cluster.storage(n0).put_back(&of_n1),
                Loss::Swapped => {
                    cluster.storage(n0).put_back(&of_n1);
                    cluster.storage(n1).put_back(&of_n0);
                }
                Loss::OfAFormerCluster => cluster.storage(n0).put_back(&former),
            }
            for id in &restarting {
                soon(cluster.spawn(*id)).await.expect("starts");
            }
            // The process ends by itself.
            for id in [n0].into_iter().chain(exchanged) {
                let end = soon(cluster.member(id).stopped()).await;
                assert!(matches!(end, Err(HostError::Forgot(_))), "{loss:?}, {all_restart}: {id} {end:?}");
            }
            // Either the remaining processes are enough, or nothing is decided.
            if exchanged.is_none() {
                soon(cluster.member(n1).propose(40)).await.expect("answered");
                soon(cluster.member(n2).shutdown()).await.expect("stops");
            }
            soon(cluster.spawn(n0)).await.expect("starts");
            let remaining = if exchanged.is_none() { n1 } else { n2 };
            let decided = soon(cluster.member(remaining).propose(41)).await;
            assert_eq!(decided, Err(ProposeError::OutcomeUnknown), "{loss:?}, {all_restart}");
        }
    }
}

pub(crate) async fn members_keep_a_snapshot_and_who_was_away_gets_it_in_pieces<P>(mut config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    (config.limits.snapshot, config.limits.chunk) = (20, 64);
    let mut cluster = start::<P>(config).await;
    let away = NodeId(2);
    soon(cluster.member(away).shutdown()).await.expect("stops");
    let others: Vec<_> = cluster.members().filter(|m| m.id() != away).collect();
    propose_at(&others, 0..200).await;
    for member in &others {
        let storage = cluster.storage(member.id());
        // The snapshot is written down while the member continues.
        let written = async {
            while storage.snapshot().is_none_or(|snapshot| snapshot.next() < Slot(150)) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        soon(written).await;
        assert!(storage.records().len() < 200, "{} records", storage.records().len());
    }
    soon(cluster.spawn(away)).await.expect("starts again");
    let members: Vec<_> = cluster.members().collect();
    assert_exactly_once(&journals(&members).await, 0..200);
    assert!(cluster.storage(away).snapshot().expect("it got one").next() >= Slot(150));
    // When all restart, they start from their snapshots.
    let ids: Vec<_> = cluster.members().map(Replicated::id).collect();
    for id in &ids {
        soon(cluster.member(*id).shutdown()).await.expect("stops");
    }
    for id in &ids {
        soon(cluster.spawn(*id)).await.expect("starts again");
    }
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 200..250).await;
    assert_exactly_once(&journals(&members).await, 0..250);
}

pub(crate) async fn what_a_member_is_asked_while_cut_off_happens_once_when_the_network_is_healed<P>(
    config: Config,
) where
    P: Protocol<Value = u64, Reply = u64>,
{
    let cluster = start::<P>(config).await;
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 0..100).await;
    cluster.network().cut(NodeId(0));
    let cut_off = cluster.member(NodeId(0)).clone();
    let asked = tokio::spawn(async move { cut_off.propose(150).await });
    propose_at(&members[1..], 100..150).await;
    // This is long enough for many requests in vain.
    sleep(Duration::from_secs(2)).await;
    assert!(!asked.is_finished(), "nothing is agreed without a quorum");
    cluster.network().heal(NodeId(0));
    soon(asked).await.expect("no panic").expect("answered");
    assert_exactly_once(&journals(&members).await, 0..151);
}

pub(crate) async fn a_process_without_a_role_gets_answers<P>(config: Config)
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

pub(crate) async fn a_store_that_fails_stops_its_process_and_leaves_outcomes_unknown<P>(config: Config)
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
    assert_eq!(soon(member.read(Consistency::Local, |_| ())).await, Err(ReadFailure::Stopped(Stopped)));

    // The others do not need this member, which later returns with what it had stored.
    let others: Vec<_> = cluster.members().filter(|m| m.id() != NodeId(0)).collect();
    propose_at(&others, 20..30).await;
    cluster.storage(NodeId(0)).set_failing(false);
    soon(cluster.spawn(NodeId(0))).await.expect("starts again");
    let members: Vec<_> = cluster.members().collect();
    propose_at(&members, 30..40).await;
    let journals = journals(&members).await;
    assert!(journals.iter().all(|journal| *journal == journals[0]), "the journals differ");
    // Whether command 10 took effect is unknown; command 11 did not.
    let journal: Vec<u64> = journals[0].iter().copied().filter(|c| *c != 10).collect();
    assert_exactly_once(&[journal.iter().map(|c| if *c < 10 { *c } else { c - 10 }).collect()], 0..30);
}

/// Loses one message of ten, and duplicates another one of ten.
struct Lossy<P: Protocol> {
    inner: MemoryCarrier<P>,
    chance: Jitter,
}

#[async_trait]
impl<P: Protocol> Transport<P> for Lossy<P> {
    async fn send(&mut self, batch: &mut Vec<Envelope<P>>) -> Result<(), TransportError> {
        self.inner.send(batch).await
    }

    async fn recv(&mut self, inbox: &mut Vec<Event<P>>) -> Result<(), TransportError> {
        let mut arrived = Vec::new();
        self.inner.recv(&mut arrived).await?;
        for post in arrived {
            let copies = [0, 2].get(self.chance.draw() as usize % 10).copied().unwrap_or(1);
            inbox.extend(std::iter::repeat_n(post, copies));
        }
        Ok(())
    }

    fn introduce(&mut self, store: Incarnation, former: &Former) {
        self.inner.introduce(store, former);
    }
}

pub(crate) async fn messages_that_are_lost_or_doubled_lose_and_double_no_command<P>(config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let config = Arc::new(config);
    let network = MemoryNetwork::<P>::new(1000);
    let mut members = Vec::new();
    for id in config.servers().iter() {
        let carrier = Lossy { inner: network.join(id), chance: Jitter::new(1, id) };
        members.push(join(id, &config, carrier, MemoryStorage::new()).await);
    }
    let members: Vec<_> = members.iter().collect();
    propose_at(&members, 0..200).await;
    assert_exactly_once(&journals(&members).await, 0..200);
}

pub(crate) async fn a_read_at_any_member_sees_what_was_answered_before<P>(mut config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    config.timeouts.lease = Some(Duration::from_millis(80));
    let mut cluster = start::<P>(config).await;
    cluster.spawn(NodeId(9)).await.expect("starts");
    let ways = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];
    let members: Vec<_> = cluster.members().filter(|m| m.id() != NodeId(9)).collect();
    for nth in 0..30_usize {
        propose_at(&members, nth as u64..nth as u64 + 1).await;
        let (member, way) = (members[nth % members.len()], ways[nth / 3 % 3]);
        let seen = soon(member.read(way, |journal| journal.commands().len())).await.expect("runs");
        assert!(seen.value == nth + 1 && seen.applied > Slot(nth as u64), "{way:?} at {member:?}: {seen:?}");
        // A caller that knows how recent the state was may require this at any other member.
        let as_new = Consistency::AtLeast(seen.applied);
        let again = soon(members[0].read(as_new, |journal| journal.commands().len())).await.expect("runs");
        assert!(again.value > nth && again.applied >= seen.applied);
    }
    let refused = soon(cluster.member(NodeId(9)).read(Consistency::Local, |_| ())).await;
    assert_eq!(refused, Err(ReadFailure::Refused(ReadError::NoReplica)));
}
