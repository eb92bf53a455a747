//! The traces that the binary writes: the same seed gives the same bytes, and a checker finds agreement.

use super::checker::{Rules, check};
use super::{lab, text};
use std::fs;
use tempfile::TempDir;

/// Quorums are three of five, and four of five in fast ballots.
const OF_FIVE: Rules = Rules { classic: 3, fast: 4, apart: false };

/// The trace of a simulated run.
fn trace(variant: &str, seed: u64) -> String {
    let dir = TempDir::new().expect("a directory can be made");
    let file = dir.path().join("run.jsonl");
    let seed = seed.to_string();
    let output = lab(["simulate", "--variant", variant, "--seed", &seed, "--trace-out"]
        .map(AsRef::<std::ffi::OsStr>::as_ref)
        .into_iter()
        .chain([file.as_os_str()]));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    fs::read_to_string(file).expect("the trace is there")
}

#[test]
fn one_seed_gives_the_same_bytes_in_two_processes() {
    for variant in ["basic", "simple", "multi", "fast"] {
        let once = trace(variant, 7);
        assert!(once == trace(variant, 7), "{variant}");
        assert!(once != trace(variant, 8), "{variant}: the seed is of no consequence");
    }
}

#[test]
fn a_checker_that_knows_no_protocol_finds_agreement() {
    for variant in ["basic", "simple", "multi", "fast"] {
        let rules = Rules { apart: ["basic", "simple"].contains(&variant), ..OF_FIVE };
        for seed in [7, 8, 9] {
            let trace = trace(variant, seed);
            let chosen = check(&trace, rules).unwrap_or_else(|wrong| panic!("{variant} {seed}: {wrong}"));
            // Each of 60 commands has a slot, and there are no gaps.
            let commands =
                chosen.values().filter(|value| *value != "noop").collect::<std::collections::BTreeSet<_>>();
            assert_eq!(commands.len(), 60, "{variant} {seed}");
            assert_eq!(
                chosen.keys().copied().collect::<Vec<_>>(),
                (0..chosen.len() as u64).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn the_checker_would_notice() {
    let good = trace("multi", 7);
    let line = |step: &str, n: usize| {
        let step = format!("\"step\":\"{step}\"");
        good.lines().filter(|line| line.contains(&step)).nth(n).expect("there is one").to_owned()
    };
    let applied = line("apply", 3);
    // With these rules, the values taken to be chosen have too few votes.
    assert!(
        check(&good, Rules { classic: 5, ..OF_FIVE }).is_err_and(|wrong| wrong.contains("without a quorum"))
    );
    for (bad, why) in [
        (good.replacen(&applied, "", 1).replace("\n\n", "\n"), "out of turn"),
        (good.clone() + &line("apply", 3), "out of turn"),
        (good.clone() + &line("vote", 0).replace("\"value\":\"", "\"value\":\"x"), "votes twice"),
        (
            good.clone() + &line("propose", 0).replace("\"value\":\"", "\"value\":\"x"),
            "two values are proposed",
        ),
        (good.clone() + &line("chosen", 0).replace("\"value\":\"", "\"value\":\"x"), "without a quorum"),
        (good.clone() + "nonsense", "no JSON"),
    ] {
        let wrong = check(&bad, OF_FIVE).expect_err(why);
        assert!(wrong.starts_with(why) || wrong.contains(why), "{wrong}");
    }
}
