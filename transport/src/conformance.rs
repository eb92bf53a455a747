//! A suite of tests for the claims that hold for every variant. The feature `conformance` builds it.
//!
//! A crate that implements [`paxos_core::Protocol`] adds this crate with the feature as a development dependency and
//! writes one line in a file of its `tests`:
//!
//! ```rust,ignore
//! paxos_transport::conformance::suite!(PatientPaxos<u64, u64>);
//! ```
//!
//! The line becomes one `#[test]` for each claim. A variant that differs from the others says so in the fields of
//! [`Facts`] after its type (`compacts: false`), and the suite tests these statements. A failing claim names the seed.
//! `SEEDS=20000` runs that many seeds of each claim, `FIRST=3769` starts there, and `DRAW=1` draws a failing chaos run.
//! A module invokes the suite for only one variant.
//!
//! The suite reads messages only through the facts that they state ([`paxos_core::PhaseMessage::facts`]), and obtains
//! them only from the roles and from `serde`. So it names no variant, and a variant needs no code for it.

pub mod alone;
pub mod anything;
pub mod chaos;
pub mod cluster;
pub mod crashes;
pub mod hosts;
pub mod members;
pub mod reads;
pub mod rivals;
mod roles;
pub mod sessions;
pub mod snapshots;

pub use roles::{acceptor, learner, node, proposer, strangers};

#[doc(inline)]
pub use crate::__conformance_suite as suite;

use crate::Portable;
use paxos_core::Protocol;

/// A variant that the suite can run: its commands and replies are numbers, and its messages can be serialized.
pub trait Tested: Protocol<Value = u64, Reply = u64, Options: PartialEq> + Portable {}
impl<P: Protocol<Value = u64, Reply = u64, Options: PartialEq> + Portable> Tested for P {}

/// The properties in which variants differ.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub struct Facts<P: Protocol> {
    /// The variant's options in the run of this seed; together the seeds should cover all options.
    pub options: fn(u64) -> P::Options,
    /// Whether its roles can forget what a snapshot covers ([`paxos_core::Acceptor::retained`]).
    pub compacts: bool,
    /// Whether an acceptor writes its answer to a repeated request again, which is harmless but costs a sync.
    pub rewrites: bool,
    /// Whether a promise reports at most [`paxos_core::Limits::batch`] votes at a time. Otherwise it reports all at
    /// once, and that limit must exceed all votes that acceptors ever cast.
    pub pieces: bool,
    /// Whether every command is answered although candidates do not ask before they campaign, and their timeouts end at
    /// one moment ([`paxos_core::Config::pre_vote`], [`paxos_core::Timeouts::election_spread`]). Where an acceptor may
    /// refuse a candidate whose ballot is high enough, as in Raft, this needs luck.
    pub hasty: bool,
    /// The number of seeds for each claim about random runs.
    pub seeds: Seeds,
}

/// The number of random runs for each claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeds {
    /// Runs with all kinds of faults, for each kind of leadership; half as many with elections in other ways.
    pub chaos: u64,
    /// Conversations of one node with peers that send arbitrary readable messages.
    pub messages: u64,
    /// Runs in which processes take snapshots and forget, for each kind of leadership.
    pub snapshots: u64,
    /// Runs in which clients read, for each kind of leadership; half as many with elections in other ways.
    pub reads: u64,
    /// Runs in which clients repeat requests, for each kind of leadership.
    pub sessions: u64,
    /// The divisor by which the numbers above are reduced for runs with rival leaders.
    pub rivals: u64,
}

impl Default for Seeds {
    fn default() -> Self {
        Self { chaos: 1000, messages: 3000, snapshots: 400, reads: 500, sessions: 300, rivals: 1 }
    }
}

impl<P: Protocol> Facts<P> {
    /// The properties of most variants.
    pub fn usual() -> Self {
        Self {
            options: |_| P::Options::default(),
            compacts: true,
            rewrites: false,
            pieces: true,
            hasty: true,
            seeds: Seeds::default(),
        }
    }
}

/// Returns the number in an environment variable.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds of a claim that usually has `usual` many: `SEEDS` sets their number, and `FIRST` the first one.
pub fn seeds(usual: u64) -> core::ops::Range<u64> {
    let first = number("FIRST").unwrap_or(0);
    first..first + number("SEEDS").unwrap_or(usual)
}

/// Whether the usual seeds run. With fewer seeds, some cases may not occur.
pub(crate) fn as_usual() -> bool {
    number("SEEDS").is_none() && number("FIRST").is_none()
}

/// Defines one `#[test]` for each claim of the suite about a protocol, with its properties as fields of [`Facts`].
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_suite {
    ($protocol:ty $(, $field:ident: $value:expr)* $(,)?) => {
        $crate::__conformance_claims! {
            $protocol, $crate::conformance::Facts { $($field: $value,)* ..$crate::conformance::Facts::usual() };
            acceptor {
                a_promise_refuses_lower_ballots
                a_vote_is_a_promise_too
                a_promise_reports_the_highest_vote
                promised_and_voted_are_two_things
                a_repeated_question_is_answered_again_and_changes_nothing
                a_restored_acceptor_has_what_was_on_disk
                a_record_that_tore_off_takes_its_promise_with_it_and_no_other
                votes_carry_the_value_to_learners_that_the_question_does_not_reach
                an_acceptor_says_whether_it_can_forget
            }
            proposer {
                it_proposes_the_value_of_the_highest_vote_reported
                strangers_and_repeated_promises_change_nothing
                a_ballot_is_never_used_twice_not_even_across_a_crash
                a_command_asked_for_twice_is_proposed_once
                slots_known_to_be_chosen_are_passed_over
                an_unanswered_question_goes_to_all
                more_than_the_queue_holds_is_refused
                a_higher_ballot_ends_a_leader
                a_proposer_says_whether_it_can_forget
            }
            learner {
                a_quorum_in_one_ballot_chooses
                votes_in_different_ballots_are_not_added_up
                strangers_and_repeated_votes_change_nothing
                what_is_decided_is_known_when_its_value_is_there
                an_announcement_carries_the_value_to_those_who_may_not_have_it
            }
            node {
                a_repeated_message_changes_nothing_that_lasts
                a_repeated_answer_is_not_counted
                nothing_is_said_that_is_not_on_disk
                what_is_not_written_stays_to_be_written
                a_restored_node_keeps_its_word
            }
            strangers {
                an_answer_of_a_stranger_changes_nothing
                the_same_answer_of_a_member_is_heard
                nobody_speaks_in_the_ballot_of_another
            }
            anything {
                whatever_can_be_read_makes_no_node_panic_or_work_without_end
            }
            chaos {
                with_an_elected_leader_nothing_breaks_and_every_command_is_answered
                with_rival_leaders_nothing_breaks_and_every_command_is_answered
                with_hasty_elections_nothing_breaks_and_every_command_is_answered
            }
            crashes {
                five_acceptors_decide_with_any_two_crashed
                five_acceptors_stop_with_three_crashed_and_go_on_when_one_is_back
                what_was_answered_survives_the_crash_of_everyone
            }
            snapshots {
                with_an_elected_leader_everyone_forgets_and_catches_up
                with_rival_leaders_everyone_forgets_and_catches_up
            }
            reads {
                with_an_elected_leader_reads_are_fresh
                with_rival_leaders_reads_are_fresh
                with_hasty_elections_reads_are_fresh
                reads_that_rest_on_no_clock_are_fresh_while_clocks_stop
            }
            sessions {
                a_command_that_is_asked_for_again_is_executed_once_whoever_leads
                each_command_has_one_end_though_sessions_expire
            }
            members {
                a_server_takes_the_place_of_another_if_the_variant_says_so
            }
            hosts {
                real_tasks_agree_while_the_leader_stops_and_comes_back
            }
            rivals {
                duelling_leaders_decide_nothing_as_long_as_they_duel
                leaders_that_back_off_decide
                leaders_whose_back_off_is_too_short_decide
                any_number_of_rivals_decides_all_commands
                rivals_that_do_not_learn_decide_all_commands
            }
        }
    };
}

/// Defines each claim as a test that calls the function of that name.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_claims {
    ($protocol:ty, $facts:expr; $($subject:ident { $($claim:ident)+ })+) => {
        $($(
            #[test]
            #[allow(clippy::needless_update)] // a variant may state every fact
            fn $claim() {
                $crate::conformance::$subject::$claim::<$protocol>(&$facts);
            }
        )+)+
    };
}
