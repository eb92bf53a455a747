//! The client: sends to the acceptors directly, which saves the delay to the leader.

use crate::FastPaxos;
use paxos_core::{
    Answer, Audience, Membership, NodeId, NodeSet, Outstanding, Refusal, Refused, Reply, Request, Setup,
    Time, To, Value,
};

/// The number of commands that go to every server at once after a command had to be sent again.
const WARY: u32 = 16;

/// Sends requests to all acceptors, and to every server if they do not answer. After such a failure the next few
/// commands go to every server at once, since a leader that cannot use fast ballots for now has to receive them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client<V> {
    id: NodeId,
    outstanding: Outstanding<V>,
    /// The acceptors it asks first.
    acceptors: NodeSet,
    servers: NodeSet,
    wary: u32,
    /// The last known leader, and the number of changes of leader since the last answer or timeout.
    leader: Option<NodeId>,
    moves: usize,
}

impl<V: Value> Client<V> {
    /// Sends everything again if the leader is new: it may not know what an earlier leader left unfinished.
    fn notice(&mut self, leader: Option<NodeId>) {
        if leader.is_none() || leader == self.leader {
            return;
        }
        self.leader = leader;
        if self.moves < self.servers.len() {
            self.moves += 1;
            self.outstanding.ask_all_again();
        }
    }
}

impl<V: Value, R: Answer> paxos_core::Client<FastPaxos<V, R>> for Client<V> {
    fn new(setup: &Setup<crate::Options>, incarnation: u32) -> Self {
        let config = &setup.config;
        Self {
            id: setup.id,
            outstanding: Outstanding::new(setup.id, incarnation, config),
            acceptors: crate::voters(config),
            servers: config.servers(),
            wary: 0,
            leader: config.leadership.first(),
            moves: 0,
        }
    }

    fn outstanding(&self) -> &Outstanding<V> {
        &self.outstanding
    }

    fn outstanding_mut(&mut self) -> &mut Outstanding<V> {
        &mut self.outstanding
    }

    fn reconfigure(&mut self, members: &Membership) {
        self.acceptors = members.acceptors;
        self.servers = members.servers();
    }

    fn poll(&mut self, now: Time, leader: Option<NodeId>) -> Option<(To, Request<V>)> {
        if self.servers.contains(self.id) {
            self.notice(leader);
        }
        if let Some(commands) = self.outstanding.poll_again(now) {
            self.wary = WARY;
            return Some((To::Each(self.servers), Request { commands, audience: Audience::Anyone }));
        }
        let commands = self.outstanding.poll_new(now, false)?;
        if self.wary > 0 {
            self.wary -= 1;
            return Some((To::Each(self.servers), Request { commands, audience: Audience::Anyone }));
        }
        Some((To::Each(self.acceptors), Request { commands, audience: Audience::Acceptors }))
    }

    fn on_reply(&mut self, _from: NodeId, reply: &Reply<R>) -> bool {
        let first = self.outstanding.on_reply(reply.id);
        if first {
            self.moves = 0;
        }
        first
    }

    /// Treats a refusal as no outcome, whatever the caller asked to be told: the request had no single recipient, and
    /// acceptors may have voted for what a leader refuses. The client asks again in due time, or when there is a new
    /// leader.
    fn on_refusal(&mut self, _from: NodeId, refused: &Refused) {
        if let Refusal::NotLeader(leader) = refused.refusal {
            self.notice(leader);
        }
    }

    fn on_timeout(&mut self, now: Time) {
        if self.outstanding.deadline().is_some_and(|due| due <= now) {
            self.moves = 0;
        }
        _ = self.outstanding.on_timeout(now);
    }
}
