//! The words, the roles, the quorums and the node that every Paxos variant shares.
//!
//! A [`Node`] is a function of its events: a message or a timeout, each with the current time. It returns what must be
//! written, and what follows from that. It reads no clock, uses no randomness, opens no socket and starts no task, so
//! the same node runs under a simulator, a model checker, a benchmark loop and an asynchronous host.
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
//! A variant of Paxos is a type that implements [`Protocol`]: five roles and their messages. The crates `basic-paxos`,
//! `multi-paxos` and `fast-paxos` hold one variant each. Read in this order: [`Protocol`] and the roles, [`Node`],
//! [`Ready`], [`QuorumSystem`], [`Config`].
//!
//! # What the core guarantees for every variant
//!
//! - A message leaves an acceptor only when the records that it rests on are on disk ([`Write`], [`Receipt`]).
//! - A message counts only if its sender plays the role it speaks in. Only the owner of a ballot speaks in it.
//! - Values are executed in slot order, without a gap, each command once ([`Replica`]).
//! - There is no clock, randomness, I/O, logging, `async` or `unsafe` here, and no map with an order of its own.

mod config;
mod leadership;
mod log;
mod membership;
mod node;
mod quorum;
mod reads;
mod roles;
mod words;

pub use config::{Announce, Campaign, Config, Leadership, Learning, Patience, Setup, Timeouts};
pub use leadership::{Contact, Election, Elections};
pub use log::{
    Answering, Batch, Capture, Captured, Chosen, Command, Contents, Digest, Divide, Entry, Fold, Pipeline,
    Replica, RestoreError, Runs, Sections, Snapshot, SnapshotError, SnapshotId, StateMachine, TakenOver,
    Takeover, Value,
};
pub use membership::{
    Amnesia, Awaited, Change, Epoch, EpochRow, EpochTable, Epochs, Former, Inadvisable, Incarnation,
    Membership, Reconfiguration, Start, StillNeeded, StoreMark, Unasked, Unchangeable,
};
pub use node::{
    Aside, Backlog, Counters, Decided, Event, Load, Node, PeerStatus, Plays, Ready, Receipt, SnapshotPiece,
    Status, Surroundings, Untransferable, WantedPiece, Write,
};
pub use quorum::{
    Composed, Counts, EXHAUSTIVE, Grid, Phase, Places, QuorumError, QuorumSystem, Remedy, Rule, Sets,
    Weighted, Within, ZoneQuorum, Zones, prove,
};
pub use reads::{Consistency, ReadError, ReadId, ReadMessage, Readable, answered_below};
pub use roles::{
    Accept, Accepted, Acceptor, Answer, Audience, Candidacy, Changed, Client, Decision, Duty, Envelope,
    Executed, Fact, InBallot, Kind, Leader, LeaderClient, Learner, Message, Nack, Outcome, Outstanding,
    PhaseMessage, Prepare, Promise, Proposal, Proposer, Protocol, Reach, Record, Recorded, Refusal, Refused,
    Reply, Request, Settled, Standing, To, Unanswered, Vote, Votes, WrittenPromise, tell_each,
};
pub use words::{
    Again, Amount, Ballot, Bytes, ClientId, CommandId, Jitter, Limits, NodeId, NodeSet, Overloaded, Slot,
    SlotRange, Time,
};
