//! The appearance of each format.

use std::fs;

use expect_test::expect_file;

use super::*;
use crate::theory::matrix::RttMatrix;
use crate::theory::{FIVE_SITES, Layout, Learning, Run, WideArea, predict, wide_area_latency};

fn count() -> CountRow {
    let kinds = [("request", 1), ("accept", 4), ("accepted", 4), ("decide", 4), ("reply", 1)];
    let row = CountRow {
        variant: "multi".to_owned(),
        roles: "collapsed".to_owned(),
        learning: "distinguished".to_owned(),
        collision: "none".to_owned(),
        quorum: "majority (3 of 5)".to_owned(),
        acceptors: 5,
        learners: 5,
        messages: 14,
        learn_first: 3,
        learn_last: 4,
        reply: 4,
        messages_by_kind: kinds.map(|(kind, count)| (kind.to_owned(), count)).into(),
        ..CountRow::default()
    };
    row.with_prediction(predict(Run::MultiSteady, Layout::Collapsed, Learning::Distinguished, 5, 5))
}

fn latency() -> LatencyRow {
    let world = RttMatrix::aws().select(&FIVE_SITES[..3]).unwrap();
    let predicted = wide_area_latency(&world, WideArea::MultiPaxos { leader: 0, quorum: 2 }).unwrap();
    let row = LatencyRow {
        variant: "multi".to_owned(),
        sites: world.sites().to_vec(),
        learning: "distinguished".to_owned(),
        leader: Some("us-east-1".to_owned()),
        quorum: "majority (2 of 3)".to_owned(),
        latency_ms_by_site: predicted.by_site(),
        mean_ms: predicted.mean_ms,
        ..LatencyRow::default()
    };
    row.with_prediction(Some(&predicted))
}

fn fault() -> FaultRow {
    FaultRow {
        variant: "fast".to_owned(),
        scenario: "contention".to_owned(),
        seed: 7,
        acceptors: 5,
        clients: 2,
        commands: 100,
        decided: 100,
        messages: 2345,
        prepares: 12,
        elections: 2,
        retransmissions: 9,
        latency_mean_ms: 4.25,
        latency_max_ms: 61.5,
        virtual_ms: 1234.56,
        violations: Vec::new(),
        replay: "paxos-bench compare --variants fast --seed 7".to_owned(),
    }
}

/// A correct row of each kind, and one of each kind that differs.
fn rows() -> Vec<Row> {
    let unexpected = CountRow {
        variant: "multi".to_owned(),
        first_decision: true,
        thrifty: true,
        messages: 15,
        reply: 5,
        ..count()
    };
    let early =
        CountRow { variant: "fast".to_owned(), collision: "classic".to_owned(), learn_first: 2, ..count() };
    let unpredicted = CountRow { variant: "fast".to_owned(), ..count() }.with_prediction(None);
    let mut slow = LatencyRow { leader: None, variant: "fast".to_owned(), ..latency() };
    slow.latency_ms_by_site.insert("us-west-1".to_owned(), 119.9);
    slow.latency_ms_by_site.insert("us-west-2".to_owned(), 132.7);
    slow.latency_ms_by_site.remove("us-east-1");
    let elsewhere = LatencyRow {
        sites: vec!["here|there".to_owned()],
        latency_ms_by_site: [("here|there".to_owned(), 1.0)].into(),
        mean_ms: 1.0,
        ..latency()
    }
    .with_prediction(None);
    let broken = FaultRow {
        decided: 99,
        violations: vec!["agreement: slot 3 has\ntwo values".to_owned(), "stability".to_owned()],
        ..fault()
    };
    vec![
        count().into(),
        latency().into(),
        fault().into(),
        unexpected.into(),
        early.into(),
        unpredicted.into(),
        slow.into(),
        elsewhere.into(),
        broken.into(),
    ]
}

#[test]
fn a_count_differs_by_any_of_its_four_numbers() {
    assert!(!count().differs() && !CountRow::default().differs());
    assert!(CountRow { messages: 13, ..count() }.differs());
    assert!(CountRow { learn_first: 2, ..count() }.differs());
    assert!(CountRow { learn_last: 3, ..count() }.differs());
    assert!(CountRow { reply: 5, ..count() }.differs());
    assert!(!CountRow { reply: 5, ..count() }.with_prediction(None).differs());
}

#[test]
fn a_latency_differs_by_more_than_a_fifth_of_a_millisecond() {
    let at = |ms: f64| {
        let mut row = latency();
        row.latency_ms_by_site.insert("us-west-2".to_owned(), ms);
        row.differs()
    };
    let mean = |mean_ms: f64| LatencyRow { mean_ms, ..latency() }.differs();
    let (ms, predicted_mean) = (latency().latency_ms_by_site["us-west-2"], latency().mean_ms);
    for differs in [&at as &dyn Fn(f64) -> bool, &mean] {
        let predicted = if differs(ms) { predicted_mean } else { ms };
        assert!(!differs(predicted) && !differs(predicted + 0.2) && !differs(predicted - 0.2));
        assert!(differs(predicted + 0.21) && differs(predicted - 0.21) && differs(f64::NAN));
    }
    let mut unmeasured = latency();
    unmeasured.latency_ms_by_site.remove("us-east-1");
    assert!(unmeasured.differs());
}

#[test]
fn a_run_differs_if_an_invariant_broke() {
    assert!(!fault().differs());
    assert!(FaultRow { violations: vec!["agreement".to_owned()], ..fault() }.differs());
    let differing: Vec<_> = rows().iter().map(Row::differs).collect();
    assert_eq!(differing, [false, false, false, true, true, false, true, false, true]);
}

#[test]
fn tables_explain_themselves_and_mark_differences() {
    expect_file!["tests/compare.txt"].assert_eq(&render(&rows(), Format::Table));
}

#[test]
fn markdown_has_the_same_tables() {
    expect_file!["tests/compare.md"].assert_eq(&render(&rows(), Format::Markdown));
}

#[test]
fn csv_has_one_header_and_a_line_for_each_site() {
    expect_file!["tests/compare.csv"].assert_eq(&render(&rows(), Format::Csv));
}

#[test]
fn json_is_one_array_of_objects() {
    let rows = [Row::from(count()), latency().into(), CountRow::default().into(), fault().into()];
    expect_file!["tests/compare.json"].assert_eq(&render(&rows, Format::Json));
}

#[test]
fn json_can_be_read_again() {
    assert_eq!(serde_json::from_str::<Vec<Row>>(&render(&rows(), Format::Json)).unwrap(), rows());
}

#[test]
fn nothing_is_shown_as_nothing() {
    let shown =
        [Format::Table, Format::Markdown, Format::Json, Format::Csv].map(|format| render(&[], format));
    assert_eq!(shown, ["no results\n", "no results\n", "[]\n", ""]);
}

#[test]
fn a_directory_gets_each_format_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("made/if/needed");
    write_dir(&rows()[..1], &dir).unwrap();
    let written = write_dir(&rows(), &dir).unwrap();
    let formats = [Format::Json, Format::Csv, Format::Markdown, Format::Table];
    for (file, format) in written.iter().zip(formats) {
        assert_eq!(fs::read_to_string(file).unwrap(), render(&rows(), format));
    }
    let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["compare.csv", "compare.json", "compare.md", "compare.txt"]);
}

#[test]
fn what_cannot_be_written_is_named_and_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let message = write_dir(&rows(), &file.join("dir")).unwrap_err().to_string();
    assert!(message.contains("file/dir: no such directory, and it cannot be created ("), "{message}");

    fs::create_dir(parent.path().join("compare.json")).unwrap();
    let message = write_dir(&rows(), parent.path()).unwrap_err().to_string();
    assert!(message.contains("compare.json: cannot be written ("), "{message}");
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2, "only the file and the directory from above");
}

#[test]
fn a_file_has_its_name_when_it_is_complete_and_replaces_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    fs::write(&path, "old").unwrap();
    let file = files::begin(&path, b"new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    files::finish(file, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    drop(files::begin(&path, b"never").unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    assert!(write_whole(&dir.path().join("no/such/a.csv"), b"").is_err());
}
