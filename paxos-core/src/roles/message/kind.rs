//! The names of the messages.

use serde::{Deserialize, Serialize};

/// The kinds of messages, for counting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each is the message of its name
pub enum Kind {
    Request,
    Prepare,
    Promise,
    /// A phase 2a that opens a fast ballot and proposes no value.
    Any,
    Accept,
    Accepted,
    Nack,
    Decide,
    Reply,
    Refuse,
    Members,
    Heartbeat,
    Heard,
    Progress,
    CatchUp,
    Chosen,
    PreVote,
    PreVoteReply,
    Transfer,
    ReadIndex,
    ReadAt,
    ReadVotes,
    VotedBelow,
    Release,
    Offer,
    Fetch,
    Chunk,
    Forgotten,
    Recognize,
    Recognized,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::Request,
        Self::Prepare,
        Self::Promise,
        Self::Any,
        Self::Accept,
        Self::Accepted,
        Self::Nack,
        Self::Decide,
        Self::Reply,
        Self::Refuse,
        Self::Members,
        Self::Heartbeat,
        Self::Heard,
        Self::Progress,
        Self::CatchUp,
        Self::Chosen,
        Self::PreVote,
        Self::PreVoteReply,
        Self::Transfer,
        Self::ReadIndex,
        Self::ReadAt,
        Self::ReadVotes,
        Self::VotedBelow,
        Self::Release,
        Self::Offer,
        Self::Fetch,
        Self::Chunk,
        Self::Forgotten,
        Self::Recognize,
        Self::Recognized,
    ];

    /// Its name in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Prepare => "prepare",
            Self::Promise => "promise",
            Self::Any => "any",
            Self::Accept => "accept",
            Self::Accepted => "accepted",
            Self::Nack => "nack",
            Self::Decide => "decide",
            Self::Reply => "reply",
            Self::Refuse => "refuse",
            Self::Members => "members",
            Self::Heartbeat => "heartbeat",
            Self::Heard => "heard",
            Self::Progress => "progress",
            Self::CatchUp => "catch_up",
            Self::Chosen => "chosen",
            Self::PreVote => "pre_vote",
            Self::PreVoteReply => "pre_vote_reply",
            Self::Transfer => "transfer",
            Self::ReadIndex => "read_index",
            Self::ReadAt => "read_at",
            Self::ReadVotes => "read_votes",
            Self::VotedBelow => "voted_below",
            Self::Release => "release",
            Self::Offer => "offer",
            Self::Fetch => "fetch",
            Self::Chunk => "chunk",
            Self::Forgotten => "forgotten",
            Self::Recognize => "recognize",
            Self::Recognized => "recognized",
        }
    }
}
