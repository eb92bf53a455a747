//! An experiment of a user's own, and the schema of its files, as `docs/experiments.md` describes it.

use crate::{number, quick, table};
use paxos_bench::lab::experiments::{render, write};
use paxos_bench::lab::report::Format;
use std::collections::BTreeSet;
use std::fs;

#[path = "../../examples/own_experiment.rs"]
#[allow(dead_code, reason = "its main writes into the working directory")]
mod own_experiment;

use own_experiment::THRIFTY;

#[test]
fn the_example_finds_what_a_thrifty_leader_saves() {
    let found = THRIFTY.find(&quick(), &mut |_| ()).expect("findings");
    let saved =
        |row| number(table(&found, "thrifty"), row, "all") - number(table(&found, "thrifty"), row, "thrifty");
    for (row, servers) in [3.0, 5.0, 7.0, 9.0_f64].into_iter().enumerate() {
        // It asks half of the other servers, and hears half of their votes.
        assert!((saved(row) - (servers - 1.0)).abs() < f64::EPSILON, "{servers} servers: {}", saved(row));
    }
    let example = include_str!("../../examples/own_experiment.rs");
    assert!(example.lines().count() <= 50, "an experiment of one's own takes 50 lines");
    let text = render(&THRIFTY, &quick(), &found, Format::Table, false);
    assert!(text.contains("With 9 servers it saves 8 messages a decision."), "{text}");
}

#[test]
fn each_csv_file_has_the_columns_that_its_json_describes_and_the_same_cells() {
    let dir = tempfile::tempdir().expect("a directory");
    let found = THRIFTY.find(&quick(), &mut |_| ()).expect("findings");
    write(&THRIFTY, &quick(), &found, dir.path()).expect("written");
    let dir = dir.path().join("thrifty");
    let json = fs::read_to_string(dir.join("thrifty.json")).expect("the file");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let tables = json["tables"].as_object().expect("the tables");
    let mut names = BTreeSet::new();
    for (name, described) in tables {
        let file = format!("{name}.csv");
        let mut reader = csv::Reader::from_path(dir.join(&file)).expect("the file");
        names.insert(file);
        let columns = described["columns"].as_array().expect("the columns");
        let header: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
        assert_eq!(reader.headers().expect("a header"), header, "{name}");
        assert!(columns.iter().all(|column| column["meaning"].as_str().is_some_and(|text| !text.is_empty())));
        let rows = described["rows"].as_array().expect("the rows");
        let records: Vec<_> = reader.records().collect::<Result<_, _>>().expect("CSV");
        assert_eq!(records.len(), rows.len(), "{name}");
        for (record, row) in records.iter().zip(rows) {
            for (cell, column) in record.iter().zip(&header) {
                // A cell without a value is empty here and null there.
                match row[column].as_str() {
                    Some(text) => assert_eq!(cell, text),
                    None => assert_eq!(cell.parse::<f64>().ok(), row[column].as_f64(), "{name}: {column}"),
                }
            }
        }
    }
    // Nothing is written that is not described.
    let entries = fs::read_dir(&dir).expect("the directory").map(|entry| entry.expect("an entry").path());
    let written = entries.filter(|path| path.extension().is_some_and(|end| end == "csv"));
    let written = written.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    assert_eq!(written.collect::<BTreeSet<_>>(), names);
}
