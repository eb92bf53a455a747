//! The invariants that must hold after every step of a run of any variant: one named function each.
//!
//! They are judged by two sources only: what processes *said* (messages, as they leave) and what they *wrote* (records,
//! when they are durable), both read as [`paxos_core::Fact`]s; and, for running processes, by what they know to be
//! chosen and have executed.
//!
//! | invariant | says | source |
//! |---|---|---|
//! | [`spoken_by_owner`](ballots::spoken_by_owner) | only a ballot's owner speaks in it | *Paxos Made Simple* §2.2; *Fast Paxos* §2.2.1 |
//! | [`no_ballot_used_twice`](ballots::no_ballot_used_twice) | no ballot is used in two incarnations of its owner | *Paxos Made Simple* §2.5 |
//! | [`one_value_per_ballot`](proposals::one_value_per_ballot) | a slot has at most one proposed value per classic ballot | *Paxos Made Simple* §2.2 |
//! | [`any_stands_alone`](proposals::any_stands_alone) | a ballot opened for any value proposes no value, and vice versa | *Fast Paxos* §3.1 |
//! | [`proposals_are_safe`](safe::proposals_are_safe) | no other value has been or might yet be chosen in a lower ballot | *Fast Paxos* §2.2.2, CP |
//! | [`promises_never_fall`](promises::promises_never_fall) | a durable promise never falls | *Paxos Made Simple* §2.2, P1a |
//! | [`nothing_is_forgotten`](promises::nothing_is_forgotten) | what was durable survives a crash | *Paxos Made Simple* §2.5 |
//! | [`no_vote_below_promise`](votes::no_vote_below_promise) | a vote is never below the promise | *Paxos Made Simple* §2.2, P1a |
//! | [`one_vote_per_ballot`](votes::one_vote_per_ballot) | an acceptor votes for at most one value per slot and ballot | *Fast Paxos* §2.1.1 |
//! | [`votes_follow_proposals`](votes::votes_follow_proposals) | a vote is for a proposed value, or in a ballot opened for any value | *Fast Paxos* §2.2.2, CP; §3.1 |
//! | [`written_before_spoken`](spoken::written_before_spoken) | no promise or vote is sent before it is on disk | *Paxos Made Simple* §2.5 |
//! | [`agreement`](chosen::agreement) | a slot has one chosen value, and processes know no other | *Paxos Made Simple* §2.1 |
//! | [`stability`](chosen::stability) | what is chosen, or known to be chosen, stays so | *Paxos Made Simple* §2.2, P2 |
//! | [`integrity`](chosen::integrity) | only submitted commands and no-ops are proposed, voted for and chosen | *Paxos Made Simple* §2.1 |
//! | [`members_are_known`](members::members_are_known) | no value is proposed in a slot whose members are not decided | *Paxos Made Simple* §3 |
//! | [`the_past_is_kept`](members::the_past_is_kept) | an acceptor that promises among new members has on disk what was chosen before | [`paxos_core::Epochs`] |
//! | [`messages_are_bounded`](spoken::messages_are_bounded) | a message holds at most what [`paxos_core::Message::bound`] allows, or one command | DESIGN §3 |
//! | [`messages_fit_a_frame`](spoken::messages_fit_a_frame) | a message is no longer than the network carries | DESIGN §3 |
//! | [`sizes_are_known`](spoken::sizes_are_known) | an encoded message is no longer than its content allows | DESIGN §3 |
//! | [`in_order`](execution::in_order) | slots are executed in order, without a gap | DESIGN §3 |
//! | [`exactly_once`](execution::exactly_once) | a command takes effect once in an incarnation of a replica | DESIGN §3 |
//! | [`reads_are_fresh`](reads::reads_are_fresh) | a read sees everything that was answered before it began | Herlihy and Wing 1990, §2.3 |
//! | [`one_outcome`](execution::one_outcome) | each command has one outcome for its caller | DESIGN §4 |
//! | [`answers_are_true`](execution::answers_are_true) | an answer is what replicas returned in that slot | DESIGN §4 |
//! | [`ends_are_true`](told::ends_are_true) | no command takes effect contrary to what its caller was told | DESIGN §4 |
//! | [`replicas_are_equal`](execution::replicas_are_equal) | all replicas execute the same commands with the same results | *Paxos Made Simple* §3 |
//! | [`snapshots_tell_the_truth`](snapshots::snapshots_tell_the_truth) | a snapshot covers only chosen slots, and all snapshots of a slot are equal | *Paxos Made Simple* §3 |

pub mod chosen;
pub mod execution;
mod laws;
mod ledger;
pub mod members;
pub mod reads;
pub mod snapshots;
pub mod spoken;
pub mod told;
mod voting;

pub use laws::{LAWS, Law};
pub use ledger::{Book, Ledger, Memory, Name};
pub use members::Members;
pub use told::Told;
pub use voting::{ballots, promises, proposals, safe, votes};

use core::fmt;
use paxos_core::Time;

/// The result of checking an invariant.
pub type Verdict = Result<(), Breach>;

/// A violated invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The name of the function that found the breach.
    pub invariant: &'static str,
    /// What the function found.
    pub message: String,
}

/// A breach in a run, with what is needed to reproduce it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Violation {
    /// The invariant's name.
    pub invariant: &'static str,
    /// The run's seed.
    pub seed: u64,
    /// The virtual time of the breach.
    pub at: Time,
    /// What happened.
    pub message: String,
    /// The command that replays the run, without its seed.
    pub replay: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, seed, at, message, replay } = self;
        write!(f, "{invariant} does not hold at {at:?} with seed {seed}: {message}\nreplay: {replay} {seed}")
    }
}

/// Returns `Ok` if `holds`, else a breach of `invariant`.
fn hold(invariant: &'static str, holds: bool, message: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Breach { invariant, message: message() }) }
}

/// The description of a slot's content in messages.
fn show(name: Name) -> String {
    name.map_or_else(|| "noop".into(), |id| id.to_string())
}
