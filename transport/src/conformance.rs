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
//!
//! A variant's own tests hold only what is its own. They may use the suite's [`stage`] for single roles and its [`cluster`]
//! for whole runs.

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

pub use chaos::limits;
pub use roles::server::{changes, epochs, fetching, leaders, pieces, stores, writing};
pub use roles::{acceptor, elections, learner, node, proposer, stage, strangers};

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
    /// Whether an acceptor votes in a slot whatever it knows of those below. As in Raft, it may leave no gap instead.
    pub gaps: bool,
    /// Whether one phase 1 serves all slots from one on. Otherwise each slot has its own, as in Basic Paxos.
    pub one_phase_1: bool,
    /// Whether a leader recovers slots in which others proposed, besides its own commands: gaps, or slots that collided.
    pub recovers: bool,
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
    /// Runs with the smallest limits.
    pub limits: u64,
    /// The divisor by which the numbers above are reduced for runs with rival leaders.
    pub rivals: u64,
}

impl Default for Seeds {
    fn default() -> Self {
        Self {
            chaos: 1000,
            messages: 3000,
            snapshots: 400,
            reads: 500,
            sessions: 300,
            limits: 500,
            rivals: 1,
        }
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
            gaps: true,
            one_phase_1: true,
            recovers: false,
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
                a_promise_reports_the_highest_vote_of_each_slot
                promised_and_voted_are_two_things
                a_repeated_question_is_answered_again_and_changes_nothing
                a_restored_acceptor_has_what_was_on_disk
                a_record_that_tore_off_takes_its_promise_with_it_and_no_other
                votes_carry_the_value_to_learners_that_the_question_does_not_reach
                an_acceptor_says_whether_it_can_forget
                what_an_acceptor_retains_restores_it
            }
            proposer {
                it_proposes_the_value_of_the_highest_vote_reported
                strangers_and_repeated_promises_change_nothing
                a_ballot_is_never_used_twice_not_even_across_a_crash
                a_command_asked_for_twice_is_proposed_once
                slots_known_to_be_chosen_are_passed_over
                a_proposer_says_whether_one_phase_1_serves_all_slots
                an_unanswered_question_goes_to_all
                no_more_slots_are_under_way_than_the_window_has
                gaps_are_filled_with_noops
                more_than_the_queue_holds_is_refused
                a_higher_ballot_ends_a_leader
                a_proposer_says_whether_it_can_forget
            }
            learner {
                a_quorum_in_one_ballot_chooses
                votes_in_different_ballots_are_not_added_up
                strangers_and_repeated_votes_change_nothing
                what_is_decided_is_known_when_its_value_is_there
                votes_too_far_ahead_are_not_kept
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
            elections {
                a_timeout_is_drawn_from_the_configured_range
                a_range_of_extreme_width_does_not_panic
                it_campaigns_at_once_only_if_it_is_not_to_ask
                a_process_that_executes_nothing_does_not_campaign_by_itself
                a_process_that_may_lead_and_cannot_yet_keeps_its_mandate_until_it_hears_a_leader
                a_mandate_that_cannot_be_used_ends_after_an_election_timeout
                a_self_appointed_proposer_campaigns_again_among_the_next_members
                a_leader_waits_for_a_long_phase_1_as_long_as_pieces_come
            }
            fetching {
                who_misses_what_is_forgotten_gets_it_piece_by_piece
                a_snapshot_counts_when_it_is_on_disk_and_not_before
                pieces_that_do_not_fit_change_nothing
                a_damaged_piece_spoils_the_snapshot_and_nothing_else
                who_gets_no_answer_asks_again_and_then_another_peer_for_the_rest
                a_peer_that_has_another_snapshot_offers_that
                the_log_behind_a_fetched_snapshot_is_kept_while_that_is_installed
                a_snapshot_that_is_being_fetched_is_kept_when_a_newer_one_is_taken
                who_asks_about_forgotten_slots_is_told_that_it_is_behind
                a_leader_that_takes_over_a_snapshot_leads_no_more
                a_snapshot_that_comes_late_drops_nothing_that_is_durable
            }
            pieces {
                pieces_that_are_handed_out_are_asked_for_when_the_last_one_is_kept
                pieces_that_are_another_snapshot_together_are_fetched_anew
                what_a_peer_wants_is_handed_out_once
                pieces_that_come_soon_are_asked_for_several_at_a_time
                a_fetch_that_has_become_useless_gives_way_to_another
            }
            leaders {
                a_candidate_that_hears_nothing_new_gives_up
                a_rival_that_does_not_learn_waits_no_longer_while_others_advance
                without_timeouts_the_successor_of_a_removed_leader_leads_again_after_a_restart
                a_ballot_that_ends_without_a_refusal_is_followed_by_another
                commands_that_wait_for_the_next_leader_are_bounded_in_bytes
                a_transfer_to_one_that_does_not_answer_ends_without_elections_by_timeout_too
                learners_that_reach_only_a_leader_that_does_not_learn_make_it_begin_few_ballots
            }
            changes {
                a_newcomer_is_added_when_it_is_there_and_has_caught_up
                what_was_said_long_ago_says_nothing_about_now
                a_change_is_not_asked_for_when_too_few_would_be_heard
                what_has_been_done_is_not_asked_for_again
                a_process_that_is_no_member_asks_for_no_change
            }
            epochs {
                votes_that_a_snapshot_stands_for_are_forgotten_after_a_restart_too
                what_was_learned_behind_a_snapshot_is_known_after_a_restart
                a_snapshot_tells_who_was_removed
                members_that_came_and_went_leave_what_they_chose_on_disk
                one_that_comes_and_goes_before_that_is_in_force_is_needed_until_then
                what_was_learned_stays_on_disk_behind_a_snapshot
                votes_are_counted_among_the_members_of_now
                a_leader_that_is_removed_tells_the_last_decision_of_its_epoch
                a_leader_that_stays_a_member_goes_on_at_once_though_a_heartbeat_is_due
                a_learner_that_becomes_an_acceptor_promises
                a_batch_that_lingers_where_nothing_may_be_proposed_wakes_nobody
                a_lease_that_was_given_up_is_not_granted_again
                a_proposer_that_was_removed_gets_no_promise_for_what_it_asked_before
                a_change_takes_effect_among_self_appointed_proposers_though_nobody_has_commands
            }
            stores {
                the_stores_of_others_are_remembered_behind_a_snapshot
                a_process_that_has_forgotten_is_told_again_when_it_speaks
                a_member_is_held_to_the_store_with_which_it_joined_until_it_is_gone
                a_new_incarnation_of_a_store_is_on_disk_at_once
                a_member_that_joined_is_judged_by_the_log_before_its_epoch_is_followed
                a_process_believes_whoever_remembers_more_writes_than_it_has_made
                a_member_that_begins_votes_when_all_others_have_recognized_it
                a_process_that_begins_is_answered_by_all_that_have_met_it
                an_older_copy_is_not_believed_however_often_it_is_started
                a_member_that_joined_waits_for_the_members_that_its_log_names
                a_member_whose_machine_takes_over_a_snapshot_asks_whom_its_log_names
                who_was_told_that_its_disk_is_an_older_copy_stays_stopped
                a_member_of_another_cluster_stops_when_most_members_remember_another
                a_member_that_remembers_other_stores_for_most_tells_all_of_them
            }
            writing {
                a_phase_2a_leaves_while_its_senders_own_vote_is_being_written
                an_own_vote_counts_when_it_is_on_disk
                a_restored_node_knows_which_of_its_votes_were_for_what_was_chosen
                who_is_behind_is_told_many_slots_at_a_time_and_asks_once_for_what_follows
                who_is_far_behind_and_asks_again_soon_is_told_twice_as_much_each_time
            }
            anything {
                whatever_can_be_read_makes_no_node_panic_or_work_without_end
            }
            chaos {
                with_an_elected_leader_nothing_breaks_and_every_command_is_answered
                with_rival_leaders_nothing_breaks_and_every_command_is_answered
                with_hasty_elections_nothing_breaks_and_every_command_is_answered
            }
            limits {
                nothing_is_lost_and_no_limit_exceeded_when_everything_goes_wrong
                a_status_counts_what_happened
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
                a_reader_is_told_what_nobody_there_waited_for
            }
            sessions {
                a_command_that_is_asked_for_again_is_executed_once_whoever_leads
                each_command_has_one_end_though_sessions_expire
            }
            members {
                a_server_takes_the_place_of_another_if_the_variant_says_so
                a_leader_that_is_removed_leaves_nothing_untold
                a_successor_that_was_not_told_what_is_chosen_leads_at_once
                an_idle_leader_stays
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
