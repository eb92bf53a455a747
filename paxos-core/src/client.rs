//! The client role of protocols with a leader.

use crate::{
    Audience, Client, CommandId, NodeId, NodeSet, Outstanding, Overloaded, Patience, Protocol, Refusal,
    Refused, Reply, Request, Setup, Time, To, Unanswered, Value,
};

/// A client that asks the leader first, and everyone if that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderClient<V> {
    outstanding: Outstanding<V>,
    patience: Patience,
    servers: NodeSet,
    proposers: NodeSet,
    leader: Option<NodeId>,
    moved: bool,
    /// How often it has moved since it was last answered or lost its patience. Processes that name each other as
    /// the leader would else keep it going round, with more questions each time.
    moves: usize,
}

impl<V: Value> LeaderClient<V> {
    fn target(&self, known: Option<NodeId>) -> To {
        // A server hears who leads; a process that is only a client learns it from answers.
        let known = known.filter(|_| self.servers.contains(self.outstanding.id().node));
        known.or(self.leader).or(self.proposers.smallest()).map_or(To::Each(self.proposers), To::One)
    }
}

impl<V: Value, P: Protocol<Value = V>> Client<P> for LeaderClient<V> {
    fn new(setup: &Setup<P::Options>, life: u32) -> Self {
        let config = &setup.config;
        let leader = match config.leadership {
            crate::Leadership::Elected { first } => first,
            crate::Leadership::SelfAppointed { .. } => None,
        };
        Self {
            outstanding: Outstanding::new(setup.id, life, config),
            patience: config.patience,
            servers: config.servers(),
            proposers: config.proposers,
            leader,
            moved: false,
            moves: 0,
        }
    }

    fn submit(&mut self, value: V) -> Result<CommandId, Overloaded> {
        self.outstanding.submit(value)
    }

    fn poll(&mut self, now: Time, leader: Option<NodeId>) -> Option<(To, Request<V>)> {
        if let Some(commands) = self.outstanding.poll_again(now) {
            // A leader that others named is asked alone; one that does not answer may be gone.
            let (to, audience) = if self.moved {
                (self.target(None), Audience::Leader)
            } else {
                (To::Each(self.servers), Audience::Anyone)
            };
            return Some((to, Request { commands, audience }));
        }
        self.moved = false;
        let commands = self.outstanding.poll_new(now)?;
        Some((self.target(leader), Request { commands, audience: Audience::Leader }))
    }

    fn on_reply(&mut self, from: NodeId, reply: &Reply<P::Reply>) -> bool {
        if self.proposers.contains(from) {
            self.leader = Some(from);
        }
        let first = self.outstanding.on_reply(reply.id);
        if first {
            self.moves = 0;
        }
        first
    }

    fn on_refusal(&mut self, from: NodeId, refused: &Refused) {
        // An overloaded or leaderless cluster is asked again in due time, not at once.
        let leader = match refused.refusal {
            Refusal::NotLeader(leader) => leader.filter(|leader| *leader != from),
            Refusal::Overloaded(_) => None,
        };
        if self.patience == Patience::Report {
            // The next command goes there; those that stay open are asked again in due time.
            self.outstanding.on_refused(refused);
            self.leader = leader.or(self.leader);
        } else if leader.is_some() && self.leader != leader && self.moves < self.proposers.len() {
            self.leader = leader;
            self.moved = true;
            self.moves += 1;
            self.outstanding.ask_all_again();
        }
    }

    fn on_expired(&mut self, id: CommandId) {
        self.outstanding.on_expired(id);
    }

    fn poll_unanswered(&mut self) -> Option<(CommandId, Unanswered)> {
        self.outstanding.poll_unanswered()
    }

    fn on_timeout(&mut self, now: Time) {
        if self.outstanding.on_timeout(now) {
            self.moves = 0;
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.outstanding.deadline()
    }

    fn unanswered(&self) -> usize {
        self.outstanding.len()
    }
}
