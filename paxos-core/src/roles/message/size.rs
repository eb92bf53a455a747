//! The size of messages. No message grows with the log.

use super::{Message, PhaseMessage};
use crate::{Amount, Entry, Fact, Limits, Protocol, Value};

impl<P: Protocol> Message<P> {
    /// The commands or the bytes of a snapshot that it carries. The rest of the message has a fixed bound, except in
    /// replies, which are as long as the state machine makes them.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Request(request) => request.commands.amount(),
            Self::Chosen { batch, .. } => batch.amount(),
            Self::Prepare(m) => carried(m),
            Self::Promise(m) => carried(m),
            Self::Accept(m) => carried(m),
            Self::Accepted(m) => carried(m),
            Self::Decide(m) => carried(m),
            Self::Chunk { bytes, .. } => Amount { count: 0, bytes: bytes.len() },
            Self::Nack(_)
            | Self::Reply(_)
            | Self::Refuse(_)
            | Self::Members { .. }
            | Self::Heartbeat { .. }
            | Self::Heard { .. }
            | Self::Progress { .. }
            | Self::CatchUp { .. }
            | Self::PreVote { .. }
            | Self::PreVoteReply { .. }
            | Self::Transfer { .. }
            | Self::Read(_)
            | Self::Offer { .. }
            | Self::Fetch { .. }
            | Self::Forgotten { .. }
            | Self::Recognize { .. }
            | Self::Recognized { .. } => Amount::default(),
        }
    }

    /// The largest [`Message::amount`] under these limits. A single command may be larger.
    pub fn bound(&self, limits: &Limits) -> Amount {
        if let Self::Chunk { .. } = self {
            return Amount { count: 0, bytes: limits.chunk.max(1) };
        }
        limits.message()
    }

    /// Panics in debug builds if a process with these limits must not send the message.
    pub(crate) fn assert_bounded(&self, limits: &Limits) {
        // A vote covers what its proposer put into one message, and the proposer's limits may be larger.
        let echoes = matches!(self, Self::Accepted(_));
        debug_assert!(
            echoes || self.amount().is_bounded(self.bound(limits)),
            "a {} of {:?}, where {:?} is the most",
            self.kind().name(),
            self.amount(),
            self.bound(limits)
        );
    }
}

fn carried<V: Value>(phase_message: &impl PhaseMessage<V>) -> Amount {
    let mut sum = Amount::default();
    let mut add = |entry: &Entry<V>| sum += Amount { count: 1, bytes: entry.bytes() };
    phase_message.facts(&mut |fact| match fact {
        Fact::Promise { votes, .. } => votes.iter().for_each(|(_, _, entry)| add(entry)),
        Fact::Propose { entry, .. } => add(entry),
        Fact::Vote { entry, .. } | Fact::Chosen { entry, .. } => entry.into_iter().for_each(&mut add),
        Fact::Prepare { .. } | Fact::Any { .. } => {}
    });
    sum
}
