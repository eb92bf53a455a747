//! The client role of protocols with a leader.

use crate::{
    Audience, Client, Config, Leadership, Membership, NodeId, NodeSet, Outstanding, Patience, Protocol,
    Refusal, Refused, Reply, Request, Setup, Time, To, Value,
};

/// Whether a process hears the leader itself: it is a server of a cluster that elects leaders by timeout.
pub(crate) fn follows(id: NodeId, config: &Config) -> bool {
    let elected = matches!(config.leadership, Leadership::Elected { .. });
    elected && config.timeouts.election.is_some() && config.servers().contains(id)
}

/// A client that asks the leader first, and all servers if the leader does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderClient<V> {
    outstanding: Outstanding<V>,
    patience: Patience,
    servers: NodeSet,
    proposers: NodeSet,
    /// The process to ask.
    leader: Option<NodeId>,
    /// The process that was asked last, if only one was.
    asked: Option<NodeId>,
    /// The last leader that this process heard, if it is a server of a cluster that elects leaders.
    heard: Option<NodeId>,
    follows: bool,
    moved: bool,
    /// How often it has moved since its last answer or timeout. Without this limit, processes that name each other as
    /// the leader would keep it moving, with more requests each time.
    moves: usize,
}

impl<V: Value> LeaderClient<V> {
    fn target(&self, known: Option<NodeId>) -> To {
        // A server hears the leader; a process that is only a client learns it from answers.
        let known = known.filter(|_| self.servers.contains(self.outstanding.id().node));
        known.or(self.leader).or(self.proposers.smallest()).map_or(To::Each(self.proposers), To::One)
    }

    fn note(&mut self, to: To) {
        self.asked = match to {
            To::One(node) => Some(node),
            To::Each(_) => None,
        };
    }

    /// Asks a new leader at once for everything that is unanswered.
    fn move_to(&mut self, leader: NodeId) {
        if self.asked != Some(leader) && self.moves < self.proposers.len() {
            self.leader = Some(leader);
            self.moved = true;
            self.moves += 1;
            self.outstanding.ask_all_again();
        }
    }

    /// A server hears a new leader itself, and does not wait for an answer that names it.
    fn notice(&mut self, leader: Option<NodeId>) {
        if self.follows && leader.is_some() && leader != self.heard {
            self.heard = leader;
            if let Some(leader) = leader {
                self.asked = None;
                self.move_to(leader);
            }
        }
    }
}

impl<V: Value, P: Protocol<Value = V>> Client<P> for LeaderClient<V> {
    fn new(setup: &Setup<P::Options>, incarnation: u32) -> Self {
        let config = &setup.config;
        let leader = config.leadership.first();
        Self {
            outstanding: Outstanding::new(setup.id, incarnation, config),
            patience: config.patience,
            servers: config.servers(),
            proposers: config.proposers,
            leader,
            asked: None,
            heard: leader,
            follows: follows(setup.id, config),
            moved: false,
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
        self.servers = members.servers();
        self.proposers = members.proposers;
        self.leader = self.leader.filter(|leader| members.proposers.contains(*leader));
    }

    fn poll(&mut self, now: Time, leader: Option<NodeId>) -> Option<(To, Request<V>)> {
        self.notice(leader);
        if let Some(commands) = self.outstanding.poll_again(now) {
            // A leader that another process named is asked alone. A leader that does not answer may be gone.
            let (to, audience) = if self.moved {
                (self.target(None), Audience::Leader)
            } else {
                (To::Each(self.servers), Audience::Anyone)
            };
            self.note(to);
            return Some((to, Request { commands, audience }));
        }
        self.moved = false;
        if self.follows && leader.is_none() {
            // Other processes may hear a leader that this process does not hear.
            let commands = self.outstanding.poll_new(now, false)?;
            return Some((To::Each(self.servers), Request { commands, audience: Audience::Anyone }));
        }
        let to = self.target(leader);
        let commands = self.outstanding.poll_new(now, matches!(to, To::One(_)))?;
        self.note(to);
        Some((to, Request { commands, audience: Audience::Leader }))
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
        // The client asks an overloaded or leaderless cluster again when it is due, not at once.
        let leader = match refused.refusal {
            Refusal::NotLeader(leader) => leader.filter(|leader| *leader != from),
            Refusal::Overloaded(_) => None,
        };
        if self.patience == Patience::Report {
            // The next command goes to the named leader. Open commands are asked for again when they are due.
            self.outstanding.on_refused(refused);
            self.leader = leader.or(self.leader);
        } else if let Some(leader) = leader {
            self.move_to(leader);
        } else if refused.refusal == Refusal::NotLeader(None) {
            // The client must notice if this process leads again.
            self.asked = self.asked.filter(|asked| *asked != from);
        }
    }

    fn on_timeout(&mut self, now: Time) {
        if self.outstanding.on_timeout(now) {
            self.moves = 0;
        }
    }
}
