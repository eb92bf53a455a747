//! Whether what clients saw of a service is linearizable (Herlihy and Wing 1990).
//!
//! A history is linearizable if each operation can be given one moment between its call and its answer, such that the
//! operations, done one by one in the order of those moments, give the answers that the clients saw:
//!
//! ```text
//!   put a  [---*---]
//!   get a         [--*--]             * is a moment that explains the answer
//!   put b     [--------------*--]
//! ```
//!
//! An operation without an answer may take effect at any moment after its call, or never.
//!
//! What the operations do one by one is told by a [`Model`]. Any [`StateMachine`](paxos_core::StateMachine) that can be
//! cloned and compared is one, so a service can be judged by its own state machine, or by a simpler one with the same
//! commands and replies. [`Sim::history`](crate::sim::Sim::history) has the history of a simulated run:
//!
//! ```
//! use paxos_transport::linearize::{Call, Operation, Verdict, check};
//! use paxos_transport::paxos_core::{Slot, StateMachine};
//!
//! #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
//! struct Counter(u64);
//!
//! impl StateMachine for Counter {
//!     type Command = u64;
//!     type Reply = u64;
//!     fn apply(&mut self, _slot: Slot, add: &u64) -> u64 {
//!         self.0 += add;
//!         self.0
//!     }
//! }
//!
//! let add = |command, reply, begun, ended| Operation {
//!     client: 0,
//!     deed: Call { command, reply: Some(reply) },
//!     begun,
//!     ended: Some(ended),
//! };
//! let memory = 1 << 20;
//! // Both overlap, so either may have been the first.
//! let history = [add(1, 3, 10, 20), add(2, 2, 11, 21)];
//! assert_eq!(check(&Counter(0), &history, memory), Verdict::Linearizable);
//! // The second began when the first had been answered.
//! let history = [add(1, 3, 10, 20), add(2, 2, 21, 31)];
//! assert!(matches!(check(&Counter(0), &history, memory), Verdict::NotLinearizable(_)));
//! ```
//!
//! Where a service consists of parts that have nothing to do with each other (keys, accounts, locks), the operations of each
//! can be checked alone: all of them are linearizable exactly if each is (*locality*, §3.1 of that paper). Many short
//! histories take much less time than a long one.

mod conflict;
mod draw;
mod model;
mod search;
#[cfg(test)]
mod tests;

pub use conflict::Conflict;
pub use draw::{Bar, bars, timeline};
pub use model::{Call, Model};

use conflict::conflict;
use search::{Outcome, Search, Span};

/// An operation of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<D> {
    /// The client that did it.
    pub client: u64,
    /// What was done, and what was seen of it.
    pub deed: D,
    /// When it was called. Any unit, the same clock for the whole history.
    pub begun: u64,
    /// When it was answered; none: the outcome is unknown.
    pub ended: Option<u64>,
}

/// What the search for an order found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains every answer.
    Linearizable,
    /// There is none.
    NotLinearizable(Conflict),
    /// The search was given up for want of memory.
    Undecided,
}

/// Searches an order that explains every answer of a history, with at most `memory` bytes for what the search remembers.
/// The order of `history` does not matter.
///
/// The time that it takes grows with the number of operations that overlap, and doubles with each operation of unknown
/// outcome in the worst case. Some hundreds of operations of a few clients take milliseconds.
pub fn check<M: Model>(model: &M, history: &[Operation<M::Deed>], memory: usize) -> Verdict {
    match Search::new(model.clone(), history.iter().map(Span::of), memory).run() {
        Outcome::Fits => Verdict::Linearizable,
        Outcome::Stuck { at } => Verdict::NotLinearizable(conflict(model, history, at)),
        Outcome::GivenUp => Verdict::Undecided,
    }
}
