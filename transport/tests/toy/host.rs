//! On tokio, each process a task of its own. Time is paused: it moves when all tasks wait.

use crate::{Journal, Patient};
use core::time::Duration;
use paxos_core::{Config, Consistency, NodeId};
use paxos_transport::{MemoryCluster, Replicated};
use tokio::time::timeout;

type Member = Replicated<Patient, Journal>;

/// Proposes each of `commands` at the members in turn, all at once.
async fn propose(members: &[Member], commands: core::ops::Range<u64>) {
    let tasks: Vec<_> = commands
        .zip(members.iter().cycle().cloned())
        .map(|(command, member)| tokio::spawn(async move { member.propose(command).await }))
        .collect();
    for task in tasks {
        let answer = timeout(Duration::from_secs(600), task).await.expect("in time");
        answer.expect("no panic").expect("answered");
    }
}

/// What each member has executed, once all have executed as much as the first has now.
async fn journals(members: &[Member]) -> Vec<Vec<u64>> {
    let applied = members.iter().map(|member| member.status().applied).max().expect("members");
    let mut journals = Vec::new();
    for member in members {
        let there = member.until(|status| status.applied >= applied);
        timeout(Duration::from_secs(600), there).await.expect("in time").expect("runs");
        journals
            .push(member.read(Consistency::Local, |journal| journal.0.clone()).await.expect("runs").value);
    }
    journals
}

#[tokio::test(start_paused = true)]
async fn real_tasks_agree_while_the_leader_stops_and_comes_back() {
    let config = Config::collapsed(3).expect("lawful");
    let mut cluster = MemoryCluster::<Patient, _>::start(config, &(), |_| Journal::default())
        .await
        .expect("stores can be read");
    let all: Vec<Member> = cluster.members().cloned().collect();
    propose(&all, 0..100).await;
    cluster.member(NodeId(0)).shutdown().await.expect("stops");
    propose(&all[1..], 100..200).await;
    cluster.spawn(NodeId(0)).await.expect("starts again");
    let all: Vec<Member> = cluster.members().cloned().collect();
    propose(&all, 200..300).await;

    let journals = journals(&all).await;
    assert!(journals.iter().all(|journal| *journal == journals[0]), "the journals differ");
    let mut executed = journals[0].clone();
    executed.sort_unstable();
    assert_eq!(executed, (0..300).collect::<Vec<_>>(), "each command once");
}
