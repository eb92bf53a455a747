//! The acceptors around the node, and their answers to its requests. Without them no phase 1 would end.

use super::draw::Draw;
use crate::conformance::Tested;
use paxos_core::{Acceptor as _, Envelope, Message, NodeId, Setup};

/// The number of answers that wait; older ones are lost.
const WAITING: usize = 16;

pub(super) struct Peers<P: Tested> {
    acceptors: Vec<(NodeId, P::Acceptor)>,
    answers: Vec<(NodeId, Message<P>)>,
}

impl<P: Tested> Peers<P> {
    /// Creates all acceptors except the process of this setup.
    pub(super) fn new(setup: &Setup<P::Options>) -> Self {
        let others = setup.config.acceptors().iter().filter(|id| *id != setup.id);
        let acceptor = |id| (id, P::Acceptor::new(&Setup { id, ..setup.clone() }));
        Self { acceptors: others.map(acceptor).collect(), answers: Vec::new() }
    }

    /// Lets the acceptors answer a message of the process.
    pub(super) fn ask(&mut self, envelope: &Envelope<P>) {
        for (id, acceptor) in
            self.acceptors.iter_mut().filter(|(id, _)| envelope.to.iter().any(|to| to == *id))
        {
            let answer = if let Message::Prepare(question) = &envelope.message {
                Some(
                    acceptor
                        .on_prepare(question, &mut Vec::new())
                        .map_or_else(Message::Nack, Message::Promise),
                )
            } else if let Message::Accept(question) = &envelope.message {
                let voted = acceptor.on_accept(question, &mut Vec::new());
                voted.map_or_else(|nack| Some(Message::Nack(nack)), |vote| vote.map(Message::Accepted))
            } else {
                None
            };
            self.answers.extend(answer.map(|answer| (*id, answer)));
        }
        let late = self.answers.len().saturating_sub(WAITING);
        self.answers.drain(..late);
    }

    /// Returns a waiting answer, which may be returned again later.
    pub(super) fn answer(&mut self, draw: &mut Draw) -> Option<(NodeId, Message<P>)> {
        let nth = draw.below(self.answers.len().max(1) as u64) as usize;
        let answer = self.answers.get(nth)?.clone();
        if draw.below(4) > 0 {
            self.answers.remove(nth);
        }
        Some(answer)
    }
}
