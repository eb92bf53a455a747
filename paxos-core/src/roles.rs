//! The five roles as traits, the messages and records they use, the classic messages of the two phases, and the client
//! for protocols with a leader.

mod assemble;
mod candidacy;
mod classic;
mod client;
mod fact;
mod message;
mod outstanding;
mod protocol;
mod record;
mod settled;
mod written;

pub use candidacy::Candidacy;
pub use classic::{Accept, Accepted, Decision, Prepare, Promise};
pub use client::LeaderClient;
pub use fact::{Fact, tell_each};
pub use message::{
    Audience, Envelope, InBallot, Kind, Message, Nack, Outcome, PhaseMessage, Refusal, Refused, Reply,
    Request, To,
};
pub use outstanding::Outstanding;
pub use protocol::{
    Acceptor, Answer, Client, Duty, Leader, Learner, Proposal, Proposer, Protocol, Reach, Standing,
};
pub use record::{Record, Recorded, Vote, Votes};
pub use settled::{Changed, Executed, Settled, Unanswered};
pub use written::WrittenPromise;
