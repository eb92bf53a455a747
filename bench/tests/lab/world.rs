//! Round trips of the user's own: where they change results, and where they are named.

use crate::quick;
use crate::shards::is_refused;
use paxos_bench::lab::experiments::{Setting, named, render};
use paxos_bench::lab::report::Format;
use paxos_bench::theory::matrix::RttMatrix;
use std::fmt::Write;

/// So many sites, each pair of them 10 ms farther apart than the pair before.
fn matrix(sites: usize) -> String {
    written(sites, |a, b| 10 * (a + b))
}

/// So many sites with these round trips between any two.
fn written(sites: usize, trip: impl Fn(usize, usize) -> usize) -> String {
    let names: Vec<String> = (0..sites).map(|site| format!("s{site}")).collect();
    let mut text = format!("region,{}\n", names.join(","));
    for (a, name) in names.iter().enumerate() {
        let trips = (0..sites).map(|b| if a == b { "0".into() } else { trip(a, b).to_string() });
        let _ = writeln!(text, "{name},{}", trips.collect::<Vec<String>>().join(","));
    }
    text
}

fn own() -> Setting {
    let world = RttMatrix::from_csv("my trips/it's.csv", &matrix(7)).expect("a matrix");
    Setting { world, ..quick() }
}

/// The JSON of an experiment.
fn json(name: &str, setting: &Setting) -> serde_json::Value {
    let experiment = named(name).expect("it is known");
    let found = experiment.find(setting, &mut |_| ()).expect("findings");
    assert_eq!(found.failed, 0, "{name}");
    serde_json::from_str(&render(experiment, setting, &found, Format::Json, false)).expect("JSON")
}

#[test]
fn experiments_over_sites_use_the_round_trips_and_name_them_as_a_shell_reads_them() {
    for name in ["wan", "quorums"] {
        let (ours, usual) = (json(name, &own()), json(name, &quick()));
        let command = format!("paxos-bench experiment {name} --quick --seed 1");
        assert_eq!(usual["command"], *command);
        assert_eq!(ours["command"], *format!("{command} --rtt-file 'my trips/it'\\''s.csv'"));
        assert_eq!(ours["round_trips"], "my trips/it's.csv");
        assert_ne!(ours["tables"], usual["tables"], "{name}");
        // What is said of the usual regions is not said of others.
        assert!(!ours["lessons"].to_string().contains("continent"), "{}", ours["lessons"]);
        assert!(!ours["parameters"].to_string().contains("AWS"), "{}", ours["parameters"]);
    }
}

#[test]
fn what_is_said_of_sites_as_far_from_each_other_is_true_of_them() {
    let world = RttMatrix::from_csv("equal.csv", &written(7, |_, _| 100)).expect("a matrix");
    let setting = Setting { world, ..quick() };
    let wan = json("wan", &setting)["lessons"].to_string();
    assert!(wan.contains("in none of the 21 placements") && !wan.contains("loses most"), "{wan}");
    assert!(wan.contains("place does not matter"), "{wan}");
    let quorums = json("quorums", &setting)["lessons"].to_string();
    assert!(quorums.contains("do not reduce the mean latency"), "{quorums}");
}

#[test]
fn an_experiment_without_sites_does_not_name_round_trips() {
    let ours = json("counts", &own());
    assert_eq!(ours, json("counts", &quick()));
    assert_eq!(
        (&ours["round_trips"], ours["command"].as_str()),
        (&serde_json::Value::Null, Some("paxos-bench experiment counts --quick --seed 1"))
    );
}

#[test]
fn round_trips_that_change_nothing_or_are_too_few_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("own.csv").display().to_string();
    std::fs::write(&file, matrix(5)).expect("written");
    is_refused(
        &format!("experiment duel --quick --rtt-file {file}"),
        &["duel", "--rtt-file", "wan, quorums"],
    );
    for name in ["quorums", "all"] {
        is_refused(
            &format!("experiment {name} --quick --rtt-file {file}"),
            &["quorums needs at least 7 sites", "has 5"],
        );
    }
    is_refused("experiment all --quick --format csv", &["--format csv", "--out"]);
}
