//! The questions and answers of an election, and what clients are told meanwhile.

mod handover;

pub(super) use handover::Handover;
pub use handover::Untransferable;

use super::Node;
use crate::{
    Acceptor, Audience, ClientId, CommandId, Leader, Message, NodeId, Proposer, Protocol, Refusal, Refused,
    Request, Slot, Time, To,
};

/// The number of clients that are told when there is a leader. More clients must ask again themselves.
const STRANDED: usize = 1024;

impl<P: Protocol> Node<P> {
    /// Asks all acceptors whether they would follow this process. Its own acceptor would: the process has waited at
    /// least as long as an acceptor must.
    #[cold]
    pub(super) fn ask_for_pre_votes(&mut self) {
        let Some(proposer) = &mut self.proposer else { return };
        // A campaign that has found no quorum so far is over. If it went on asking an acceptor for a promise, the
        // acceptor would believe that some process leads.
        proposer.step_down();
        let (chosen, sent) = (proposer.begins_at(&self.chosen), self.now);
        let acceptors = self.others(self.members.acceptors);
        self.send(To::Each(acceptors), Message::PreVote { chosen, sent });
        if self.acceptor.as_ref().is_some_and(|acceptor| chosen >= acceptor.floor()) {
            self.leader.on_pre_vote_reply(sent, self.setup.id, sent);
        }
    }

    /// Answers a pre-vote. An acceptor would follow a process if it hears no leader itself, and remembers everything
    /// that the process would have to propose again. The answer promises nothing.
    #[cold]
    pub(super) fn on_pre_vote(&mut self, from: NodeId, chosen: Slot, sent: Time) {
        let Some(acceptor) = &self.acceptor else { return };
        let granted = chosen >= acceptor.floor() && self.leader.would_follow(self.now);
        self.send(To::One(from), Message::PreVoteReply { sent, granted });
    }

    /// Gives up the ballot, with everything that waits for it.
    #[cold]
    pub(super) fn step_down(&mut self) {
        if self.proposer.as_mut().is_some_and(Proposer::step_down) {
            self.on_preempted();
            self.stirred = true;
        }
    }

    /// Handles a request at a process that does not lead. A client that asks all servers may not reach the leader, so
    /// a process that hears it passes the request on. Otherwise it tells the client when there is a leader.
    #[cold]
    pub(super) fn pass_on(&mut self, from: NodeId, request: &Request<P::Value>) {
        if from == self.setup.id {
            return;
        }
        match self.leader.hears(self.now) {
            Some(leader) if request.audience == Audience::Anyone && leader != from => {
                // The client may put more into a message than this process.
                let (limit, mut rest) = (self.setup.config.limits.message(), request.commands.clone());
                while !rest.is_empty() {
                    let (commands, audience) = (rest.portion(limit), Audience::Relayed);
                    rest = rest.tail(commands.len() as u64);
                    self.send(To::One(leader), Message::Request(Request { commands, audience }));
                }
            }
            None if matches!(request.audience, Audience::Anyone | Audience::Leader) => self.strand(from),
            Some(_) | None => {}
        }
    }

    fn strand(&mut self, client: NodeId) {
        let config = &self.setup.config;
        // A server hears the leader itself.
        let elects = self.members.elects && config.timeouts.election.is_some();
        let told = self.proposer.is_some() && !config.servers().contains(client);
        if elects && told && self.stranded.len() < STRANDED {
            self.stranded.insert(client);
        }
    }

    /// Tells the clients that asked without an answer which process leads, once.
    #[cold]
    pub(super) fn tell_stranded(&mut self) {
        let Some(leader) = self.leader.hears(self.now) else {
            if self.led.is_some() {
                self.stranded.clear();
            }
            return;
        };
        for client in std::mem::take(&mut self.stranded) {
            // It is about no command in particular.
            let session = ClientId { node: client, session: 0, nonce: 0 };
            let refusal = Refusal::NotLeader(Some(leader));
            let refused = Refused { refusal, client: session, first: 0, end: 0, taken: true };
            self.send(To::One(client), Message::Refuse(refused));
        }
    }

    pub(super) fn has_stranded(&self) -> bool {
        !self.stranded.is_empty()
    }

    /// Tells clients that their commands are refused. `taken`: this process had taken them.
    #[cold]
    pub(super) fn redirect(&mut self, commands: Vec<CommandId>, taken: bool) {
        let leader = self.leader.leader();
        for refused in Refused::each(Refusal::NotLeader(leader), taken, commands) {
            let client = refused.client.node;
            self.tell_refused(client, refused);
            if leader.is_none() && client != self.setup.id {
                self.strand(client);
            }
        }
    }
}
