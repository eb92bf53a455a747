//! The client: sends to the acceptors directly, which saves the delay to the leader.

use crate::FastPaxos;
use paxos_core::{
    Answer, Audience, ClientId, CommandId, NodeId, NodeSet, Outstanding, Overloaded, Refusal, Reply, Request,
    Setup, Time, To, Value,
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
    fn new(setup: &Setup<crate::Options>, session: u32) -> Self {
        let config = &setup.config;
        Self {
            outstanding: Outstanding::new(ClientId { node: setup.id, session }, config),
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

    /// Nobody in particular was asked; what is refused is asked again in due time.
    fn on_refusal(&mut self, _from: NodeId, _refusal: Refusal) {}

    fn on_timeout(&mut self, now: Time) {
        self.outstanding.on_timeout(now);
    }

    fn deadline(&self) -> Option<Time> {
        self.outstanding.deadline()
    }

    fn unanswered(&self) -> usize {
        self.outstanding.len()
    }

    fn asked_again(&self) -> u64 {
        self.outstanding.asked_again()
    }
}
