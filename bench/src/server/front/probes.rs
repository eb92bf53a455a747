//! The member's answers to Prometheus and to process supervisors: `/metrics`, `/healthz`, `/readyz`.

use super::Front;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use paxos_core::NodeId;
use paxos_transport::metrics::{Answer, Numbers, exposition};
use paxos_transport::{HostStatus, TcpHandle};
use std::sync::Arc;
use tokio::time::timeout;

/// A member that does not report its state within this time is unhealthy.
const PATIENCE: Duration = Duration::from_secs(2);

/// A disk on which a write takes longer is unhealthy.
const STALLED: Duration = Duration::from_secs(5);

/// The goal before it is set.
const UNSET: u64 = u64::MAX;

/// Serves the pages about one member.
#[derive(Debug)]
pub(in crate::server) struct Watch {
    front: Arc<Front>,
    carrier: TcpHandle,
    /// All slots below this one were known to be chosen when the member first heard from a leader and a quorum.
    goal: AtomicU64,
}

impl Watch {
    pub(super) fn new(front: Arc<Front>, carrier: TcpHandle) -> Arc<Self> {
        Arc::new(Self { front, carrier, goal: AtomicU64::new(UNSET) })
    }

    /// Returns the answer for `path`, if there is such a page.
    pub(in crate::server) fn page(self: &Arc<Self>, path: &str) -> Option<Answer> {
        let watch = Arc::clone(self);
        match path {
            "/metrics" => Some(Box::pin(async move { (true, watch.metrics().await) })),
            "/healthz" => Some(Box::pin(async move { said(watch.health().await) })),
            "/readyz" => Some(Box::pin(async move { said(watch.readiness().await) })),
            _ => None,
        }
    }

    async fn host_status(&self) -> Option<HostStatus> {
        timeout(PATIENCE, self.front.member.host_status()).await.ok()?.ok()
    }

    async fn metrics(&self) -> String {
        let counters = self.front.counters();
        let counts = vec![
            ("client_connections", "Accepted client connections.", counters.connections),
            ("client_connections_rejected", "Client connections beyond --maxclients.", counters.rejected),
            ("client_commands", "Commands of clients.", counters.commands),
        ];
        let gauges = vec![("clients", "Connected clients.", counters.clients as u64)];
        let numbers = Numbers {
            status: self.front.member.status(),
            host_status: self.host_status().await,
            carrier: Some(self.carrier.stats()),
            further: (counts, gauges),
        };
        exposition(self.front.member.id(), numbers)
    }

    /// Checks that the member runs and its disk responds.
    async fn health(&self) -> Result<(), String> {
        let host_status = self.host_status().await.ok_or("the member does not answer")?;
        match host_status.stalled.filter(|stalled| *stalled > STALLED) {
            Some(stalled) => Err(format!("the disk has stalled: a write has taken {stalled:.1?} so far")),
            None => Ok(()),
        }
    }

    /// Checks that enough members answer, and that this one can send to enough of them: to hear others is not enough. A
    /// spare is not told how far the members are, so it only knows its connections.
    fn reaches_quorum(&self, host_status: &HostStatus) -> Result<(), &'static str> {
        let (me, members) = (self.front.member.id(), self.front.member.members());
        if members.servers().contains(me) && !host_status.surroundings.quorum {
            return Err("too few members answer to form a quorum");
        }
        let peers = self.carrier.stats().peers;
        let reached = |id: &NodeId| *id == me || peers.get(id).is_some_and(|peer| peer.connected);
        if 2 * members.acceptors.iter().filter(reached).count() <= members.acceptors.len() {
            return Err(
                "too few members are connected to form a quorum: check their addresses in the cluster's file",
            );
        }
        Ok(())
    }

    /// Checks that the member knows a leader (if it needs one), hears and
    /// reaches a quorum, and has executed every slot below its goal.
    async fn readiness(&self) -> Result<(), String> {
        self.health().await?;
        let host_status = self.host_status().await.ok_or("the member does not answer")?;
        let status = self.front.member.status();
        // A spare of a leaderless variant knows no leader, and takes commands all the same.
        if status.leader.is_none() && !status.leaderless {
            return Err("no leader is known".into());
        }
        self.reaches_quorum(&host_status)?;
        let heard = status.heard.max(status.first_unknown).index();
        let goal = match self.goal.compare_exchange(UNSET, heard, Relaxed, Relaxed) {
            Ok(_) => heard,
            Err(goal) => goal,
        };
        let applied = status.applied.index();
        if applied < goal {
            return Err(format!("{applied} of {goal} slots are executed"));
        }
        Ok(())
    }
}

fn said(well: Result<(), String>) -> (bool, String) {
    match well {
        Ok(()) => (true, "ok\n".into()),
        Err(why) => (false, format!("{why}\n")),
    }
}
