//! The words, the roles, the quorums and the node that every Paxos variant shares.
//!
//! A [`Node`] is a function of its events: it hears a message or a timeout at a time it is told, and says what
//! must be written and what follows from that. It reads no clock, draws no lots, opens no socket and starts no
//! task, so the same node runs under a simulator, a model checker, a benchmark loop and an asynchronous host.
//!
//! ```text
//!              step(now, event)                     ready()
//!   messages ───────────────────▶  ┌──────────┐  ─────────────▶ messages             send
//!   timeouts                       │   Node   │                 writes ──────┐       one sync for all that wait
//!   submit(now, value)             └──────────┘                 decided values│      execute in order
//!                          client · leader · proposer           outcomes      │      to the local client
//!                               acceptor · learner                            │
//!                                      ▲            durable(receipt)          │
//!                                      └──────────────────────────────────────┘
//! ```
//!
//! A variant of Paxos is a type that implements [`Protocol`]: five roles and their messages. Three are in the
//! crates `basic-paxos`, `multi-paxos` and `fast-paxos`. Read on in this order: [`Protocol`] and the roles,
//! [`Node`], [`Ready`], [`QuorumSystem`], [`Config`].
//!
//! # What the core guarantees, whatever the variant
//!
//! - What an acceptor says is on disk before it is said; that is what [`Write`] and [`Receipt`] are for.
//! - A message counts only if its sender plays the role it speaks in; a ballot is spoken in by its owner alone.
//! - Values are executed in slot order, without a gap, each command once ([`Replica`]).
//! - There is no clock, randomness, I/O, logging, `async` or `unsafe` here, nor a map with an order of its own.

mod ballot;
mod bytes;
mod chosen;
mod client;
mod command;
mod config;
mod contact;
mod election;
mod fact;
mod id;
mod limits;
mod membership;
mod message;
mod node;
mod outstanding;
mod pieces;
mod pipeline;
mod protocol;
mod quorum;
mod reads;
mod ready;
mod record;
mod replica;
mod runs;
mod sessions;
mod set;
mod settled;
mod slot;
mod snapshot;
mod status;
mod stores;
mod time;

pub use ballot::Ballot;
pub use bytes::Bytes;
pub use chosen::Chosen;
pub use client::LeaderClient;
pub use command::{Batch, Command, Entry, Value};
pub use config::{Announce, Campaign, Config, Leadership, Learning, Patience, Setup, Timeouts};
pub use contact::Contact;
pub use election::{Election, Elections};
pub use fact::Fact;
pub use id::{ClientId, CommandId, NodeId};
pub use limits::{Amount, Limits, Overloaded};
pub use membership::{
    Change, Epoch, EpochRow, EpochTable, Epochs, Inadvisable, Membership, StillNeeded, Unasked, Unchangeable,
};
pub use message::{
    Audience, Envelope, InBallot, Kind, Message, Nack, Outcome, Phrase, Refusal, Refused, Reply, Request, To,
};
pub use node::{Backlog, Event, Node, Untransferable};
pub use outstanding::Outstanding;
pub use pieces::Pieces;
pub use pipeline::Pipeline;
pub use protocol::{
    Acceptor, Answer, Client, Duty, Leader, Learner, Proposal, Proposer, Protocol, Reach, Standing, tell_each,
};
pub use quorum::{
    Composed, Counts, EXHAUSTIVE, Grid, Phase, Places, QuorumError, QuorumSystem, Remedy, Rule, Sets,
    Weighted, Within, ZoneQuorum, Zones, prove,
};
pub use reads::{Consistency, ReadError, ReadId, ReadMessage, Readable, answered_below};
pub use ready::{Decided, Ready, Receipt, Write};
pub use record::{Record, Recorded, Vote, Votes};
pub use replica::{Answering, Replica, StateMachine};
pub use runs::{Divide, Runs};
pub use set::NodeSet;
pub use settled::{Changed, Executed, Settled, Unanswered};
pub use slot::{Slot, SlotRange};
pub use snapshot::{Capture, Captured, Digest, RestoreError, Sections, Snapshot, SnapshotError, SnapshotId};
pub use status::{Aside, Counters, Load, Plays, Status};
pub use stores::{Amnesia, StoreLife, StoreMark};
pub use time::{Again, Jitter, Time};
