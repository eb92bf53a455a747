//! The client: sends to the acceptors directly, which saves the delay to the leader.

use crate::FastPaxos;
use paxos_core::{
    Answer, Audience, CommandId, NodeId, NodeSet, Outstanding, Overloaded, Refused, Reply, Request, Setup,
    Time, To, Unanswered, Value,
};

/// Commands that go to everyone at first after one had to be asked for again.
const WARY: u32 = 16;

/// Posts requests to all acceptors, and to everyone when that does not answer. After such a failure the next few
/// commands go to everyone at once, since a leader that cannot use fast ballots for now has to hear of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client<V> {
    outstanding: Outstanding<V>,
    /// Whom it asks first.
    acceptors: NodeSet,
    servers: NodeSet,
    wary: u32,
}

impl<V: Value, R: Answer> paxos_core::Client<FastPaxos<V, R>> for Client<V> {
    fn new(setup: &Setup<crate::Options>, life: u32) -> Self {
        let config = &setup.config;
        Self {
            outstanding: Outstanding::new(setup.id, life, config),
            acceptors: crate::voters(config),
            servers: config.servers(),
            wary: 0,
        }
    }

    fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        self.outstanding.submit(value)
    }

    fn poll(&mut self, now: Time, _leader: Option<NodeId>) -> Option<(To, Request<V>)> {
        if let Some(commands) = self.outstanding.poll_again(now) {
            self.wary = WARY;
            return Some((To::Each(self.servers), Request { commands, audience: Audience::Anyone }));
        }
        let commands = self.outstanding.poll_new(now)?;
        if self.wary > 0 {
            self.wary -= 1;
            return Some((To::Each(self.servers), Request { commands, audience: Audience::Anyone }));
        }
        Some((To::Each(self.acceptors), Request { commands, audience: Audience::Acceptors }))
    }

    fn on_reply(&mut self, _from: NodeId, reply: &Reply<R>) -> bool {
        self.outstanding.on_reply(reply.id)
    }

    /// Nobody in particular was asked, and acceptors may have voted for what a leader refuses: whatever a caller
    /// wishes to be told, a refusal settles nothing, and is asked again in due time.
    fn on_refusal(&mut self, _from: NodeId, _refused: &Refused) {}

    fn on_expired(&mut self, id: CommandId) {
        self.outstanding.on_expired(id);
    }

    fn poll_unanswered(&mut self) -> Option<(CommandId, Unanswered)> {
        self.outstanding.poll_unanswered()
    }

    fn on_timeout(&mut self, now: Time) {
        _ = self.outstanding.on_timeout(now);
    }

    fn deadline(&self) -> Option<Time> {
        self.outstanding.deadline()
    }

    fn unanswered(&self) -> usize {
        self.outstanding.len()
    }
}
