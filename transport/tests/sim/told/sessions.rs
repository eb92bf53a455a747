//! What clients of Multi-Paxos are told, in more runs than the conformance suite has, and with other clients.
//!
//! `SEEDS=100000` runs that many seeds, and `FIRST=3769` starts there.

use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::Patience;
use paxos_transport::conformance::Facts;
use paxos_transport::conformance::sessions::{Case, PATIENT, survive};

type Multi = MultiPaxos<u64, u64>;

#[test]
fn a_command_that_is_asked_for_again_is_executed_once_whoever_leads() {
    // In these runs no session expires.
    let ends =
        survive::<Multi>(&Facts::usual(), Case { idle: 1 << 20, sessions: 65_536, ..PATIENT }, None, 2000);
    assert!(ends.answered > 0 && ends.refused + ends.unknown + ends.expired == 0, "{ends:?}");
}

#[test]
fn each_command_has_one_end_though_sessions_expire() {
    let ends = survive::<Multi>(&Facts::usual(), PATIENT, None, 2000);
    assert!(ends.expired > 100 && ends.renewed > 100, "{ends:?}");
    assert!(ends.answered > 5 * ends.expired && ends.refused + ends.unknown == 0, "{ends:?}");
}

#[test]
fn whose_answer_is_not_kept_was_executed() {
    // There is room for the last reply, of two or three bytes.
    let ends = survive::<Multi>(&Facts::usual(), Case { reply_bytes: 3, ..PATIENT }, None, 1000);
    assert!(ends.lost > 10 && ends.answered > 5 * ends.lost && ends.refused + ends.unknown == 0, "{ends:?}");
}

#[test]
fn a_caller_that_wants_to_be_told_is_told_the_truth() {
    let case = Case {
        patience: Patience::Report,
        give_up: Some(Duration::from_millis(300)),
        doubles: false,
        ..PATIENT
    };
    let ends = survive::<Multi>(&Facts::usual(), case, None, 2000);
    assert!(ends.refused > 100 && ends.unknown > 100 && ends.expired > 100, "{ends:?}");
}
