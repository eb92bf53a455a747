//! Hosts on tokio, with one task per process. Time is paused: it advances only when all tasks wait.

use super::cluster::Journal;
use super::{Facts, Tested};
use crate::{MemoryCluster, Replicated};
use core::time::Duration;
use paxos_core::{Config, Consistency, NodeId};
use tokio::time::timeout;

type Member<P> = Replicated<P, Journal>;

/// Fails instead of hanging. The time is virtual.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(600), future).await.expect("done in time")
}

/// Proposes `commands` at the members in turn, all concurrently.
async fn propose<P: Tested>(members: &[Member<P>], commands: core::ops::Range<u64>) {
    let tasks: Vec<_> = commands
        .zip(members.iter().cycle().cloned())
        .map(|(command, member)| tokio::spawn(async move { member.propose(command).await }))
        .collect();
    for task in tasks {
        soon(task).await.expect("no panic").expect("answered");
    }
}

/// Returns what each member has executed, once all have executed as much as any has at the call.
async fn journals<P: Tested>(members: &[Member<P>]) -> Vec<Vec<u64>> {
    let applied = members.iter().map(|member| member.status().applied).max().expect("members");
    let mut journals = Vec::new();
    for member in members {
        soon(member.until(|status| status.applied >= applied)).await.expect("runs");
        let read = member.read(Consistency::Local, |journal| journal.0.clone()).await;
        journals.push(read.expect("runs").value);
    }
    journals
}

/// Commands are proposed at all running members, and each is executed once.
pub fn real_tasks_agree_while_the_leader_stops_and_comes_back<P: Tested>(facts: &Facts<P>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let config = Config::collapsed(3).expect("servers");
        let started =
            MemoryCluster::<P, _>::start_with(config, (facts.options)(0), |_| Journal::default()).await;
        let mut cluster = started.expect("stores can be read");
        let all: Vec<Member<P>> = cluster.members().cloned().collect();
        propose(&all, 0..100).await;
        cluster.member(NodeId(0)).shutdown().await.expect("stops");
        propose(&all[1..], 100..200).await;
        cluster.spawn(NodeId(0)).await.expect("starts again");
        let all: Vec<Member<P>> = cluster.members().cloned().collect();
        propose(&all, 200..300).await;

        let journals = journals(&all).await;
        assert!(journals.iter().all(|journal| *journal == journals[0]), "the journals differ");
        let mut executed = journals[0].clone();
        executed.sort_unstable();
        assert_eq!(executed, (0..300).collect::<Vec<_>>(), "each command once");
    });
}
