//! The examples run, and do what they say. Each of them asserts what it shows.

#[path = "../examples/bank.rs"]
mod bank;
#[path = "../examples/by_hand.rs"]
mod by_hand;
#[path = "../examples/members.rs"]
mod members;
#[path = "../examples/own_quorums.rs"]
mod own_quorums;
#[path = "../examples/reads.rs"]
mod reads;
#[path = "../examples/simulate.rs"]
#[allow(dead_code, reason = "its main reads the arguments of the program")]
mod simulate;

use std::fs::read_to_string;
use std::path::Path;

/// The page that shows what the simulated service prints; a packaged crate has none.
fn page() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    read_to_string(root.join("docs/simulate-your-service.md")).ok()
}

#[test]
fn the_bank_loses_no_money() {
    bank::main().expect("it runs");
}

#[test]
fn nodes_are_driven_by_hand() {
    by_hand::main().expect("it runs");
}

#[test]
fn a_member_is_added_and_another_removed() {
    members::main().expect("it runs");
}

#[test]
fn quorums_of_ones_own_are_proved_or_refused() {
    own_quorums::main().expect("it runs");
}

#[test]
fn each_kind_of_read_keeps_its_promise() {
    reads::main().expect("it runs");
}

#[test]
fn a_service_under_the_simulator_is_linearizable() {
    let mut all = 0;
    for seed in 0..200 {
        let operations = simulate::run(seed, false, false).unwrap_or_else(|found| panic!("{found}"));
        assert!(operations > 20, "seed {seed}: {operations}");
        all += operations;
    }
    assert!(
        page().is_none_or(|page| page.contains(&format!(" {all} operations"))),
        "the page does not say {all}"
    );
}

#[test]
fn a_planted_mistake_is_found_with_its_seed_and_the_operations_in_conflict() {
    let found: Vec<String> = (0..50).filter_map(|seed| simulate::run(seed, true, false).err()).collect();
    println!("{} of 50 seeds find it", found.len());
    assert!(found.len() >= 5, "{} of 50 seeds find it", found.len());
    for report in &found {
        assert!(
            report.starts_with("seed ") && report.contains("what: Look }"),
            "a stale answer is in it: {report}"
        );
    }
    // The same seed tells the same.
    let seed = found[0].split([' ', ':']).nth(1).and_then(|seed| seed.parse().ok()).expect("a number");
    assert_eq!(simulate::run(seed, true, false).as_ref(), Err(&found[0]));
    for seed in [0, 4] {
        let report = simulate::run(seed, true, false).expect_err("a page shows it");
        assert!(page().is_none_or(|page| page.contains(&report)), "the page does not show this:\n{report}");
    }
}
