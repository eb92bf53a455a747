//! Bad input gives exit code 2 and one line that says what is wrong and what to do. Nothing is written.

use super::{lab, text};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Checks that the command line is refused, with all of `words` on the first line of stderr.
pub(super) fn is_refused(args: &[&str], words: &[&str]) {
    let output = lab(args);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert_eq!(stdout, "", "{args:?}");
    let first = stderr.lines().next().unwrap_or_default();
    for word in words {
        assert!(first.contains(word), "{args:?}: no {word:?} in {first:?}");
    }
}

/// As [`is_refused`], with only one line of output.
pub(super) fn is_refused_in_one_line(args: &[&str], words: &[&str]) {
    is_refused(args, words);
    let stderr = text(&lab(args).stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("paxos-bench: "), "{stderr}");
}

/// A temporary directory for input files and output.
pub(super) struct Dir(TempDir);

impl Dir {
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().expect("a directory can be made");
        for (name, content) in files {
            fs::write(dir.path().join(name), content).expect("a file can be written");
        }
        Self(dir)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The names of all files below the directory.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(dir).expect("it can be read") {
                let path = entry.expect("it can be read").path();
                if path.is_dir() {
                    walk(&path, found);
                }
                found.push(path);
            }
        }
        let mut found = Vec::new();
        walk(self.0.path(), &mut found);
        found
    }
}

/// Options of a comparison that would finish at once if it ran.
const SMALL: [&str; 8] = ["--variants", "multi", "--acceptors", "3", "--learners", "1", "--commands", "1"];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().chain(more).copied().collect()
}

#[test]
fn an_unknown_variant_is_named() {
    let dir = Dir::with(&[]);
    let out = dir.path("out");
    is_refused(&["--variants", "raft", "--out", &out], &["raft", "--variants"]);
    is_refused(&["simulate", "--variant", "raft", "--trace-out", &out], &["raft", "--variant"]);
    is_refused(&["draw", "--variant", "raft"], &["raft", "--variant"]);
    is_refused(&["explore", "--format", "json"], &["required arguments"]);
    assert!(dir.files().is_empty());
}

#[test]
fn a_cluster_without_acceptors_is_refused() {
    for command in ["compare", "simulate", "draw"] {
        is_refused(&[command, "--acceptors", "0"], &["0", "--acceptors", "1.."]);
        is_refused(&[command, "--acceptors", "many"], &["many", "--acceptors"]);
    }
}

#[test]
fn quorums_that_do_not_intersect_are_named() {
    let dir = Dir::with(&[]);
    let out = dir.path("out");
    let flexible = ["--quorum", "flexible:2,2", "--acceptors", "5"];
    let words = ["flexible:2,2", "5 acceptors", "share no acceptor", "make"];
    is_refused_in_one_line(&[&["--variants", "multi", "--out", &out][..], &flexible].concat(), &words);
    for command in ["simulate", "draw"] {
        is_refused_in_one_line(&[&[command][..], &flexible].concat(), &words);
    }
    let fast = ["--quorum", "fast-flexible:3,3,3", "--acceptors", "5"];
    is_refused_in_one_line(
        &[&["--variants", "fast"][..], &fast].concat(),
        &["fast-flexible:3,3,3", "n0", "share no acceptor", "make"],
    );
    // Without a number of acceptors, the error names the first default number that is impossible.
    is_refused_in_one_line(&["--quorum", "fast-flexible:3,3,3", "--variants", "fast"], &["make"]);
    is_refused_in_one_line(
        &["--variants", "fast", "--quorum", "flexible:3,3", "--acceptors", "5"],
        &["no fast quorums", "fast-flexible"],
    );
    is_refused(&["--quorum", "most"], &["most", "majority"]);
    assert!(dir.files().is_empty());
}

#[test]
fn a_matrix_that_cannot_be_read_is_named() {
    is_refused_in_one_line(&["--rtt-file", "/nonexistent"], &["/nonexistent", "cannot be read", "check"]);
}

#[test]
fn a_malformed_matrix_is_refused_with_line_and_column() {
    for (matrix, words) in [
        ("", &["empty"][..]),
        ("region,a,b\na,0,x\nb,7,0\n", &["line 2", "column 3", "\"x\""]),
        ("region,a,b\na,0,\nb,7,0\n", &["line 2", "column 3"]),
        ("region,a,b\na,0,-7\nb,7,0\n", &["line 2", "column 3", "-7"]),
        ("region,a,b\na,0,7\nb,700,0\n", &["line 3", "column 2", "700", "correct"]),
        ("region,a,b\na,0,7\n", &["line 1", "column 3", "\"b\""]),
        ("region,a,b\na,0,7,9\nb,7,0\n", &["line 2", "column 4"]),
    ] {
        let dir = Dir::with(&[("rtt.csv", matrix)]);
        let (file, out) = (dir.path("rtt.csv"), dir.path("out"));
        let words: Vec<&str> = words.iter().copied().chain(["rtt.csv"]).collect();
        is_refused_in_one_line(&small(&["--rtt-file", &file, "--out", &out]), &words);
        assert_eq!(dir.files().len(), 1, "{:?}", dir.files());
    }
}

#[test]
fn an_unknown_site_or_leader_is_named() {
    is_refused_in_one_line(&small(&["--sites", "us-east-1,atlantis"]), &["atlantis"]);
    is_refused_in_one_line(&small(&["--leader", "atlantis"]), &["atlantis"]);
    // The site is known, but is not among the selected ones.
    is_refused_in_one_line(
        &small(&["--sites", "us-east-1,eu-west-1", "--leader", "us-west-1"]),
        &["us-west-1"],
    );
}

#[test]
fn results_that_cannot_be_written_are_no_success() {
    let dir = Dir::with(&[("file", "as it was")]);
    let below = dir.path("file/below");
    is_refused_in_one_line(&small(&["--out", &below]), &[&below]);
    assert_eq!(dir.files().len(), 1);
    assert_eq!(fs::read_to_string(dir.path("file")).expect("it is there"), "as it was");
}

#[test]
fn a_trace_that_cannot_be_written_is_no_success() {
    let dir = Dir::with(&[]);
    let missing = dir.path("missing/run.jsonl");
    is_refused_in_one_line(
        &["simulate", "--commands", "1", "--trace-out", &missing],
        &[&missing, "directory"],
    );
    is_refused_in_one_line(&small(&["--trace-out", &missing]), &[&missing, "directory"]);
    assert!(dir.files().is_empty());
}

#[test]
fn options_that_no_row_fits_are_refused() {
    is_refused_in_one_line(&["--variants", "simple", "--roles", "separate"], &["no row", "widen"]);
}

#[test]
fn numbers_that_make_no_sense_are_refused_before_anything_starts() {
    for option in ["--rate", "--timeout", "--seconds"] {
        for number in ["0", "nan", "inf", "1e300", "-0.5", "many"] {
            is_refused(&["load", option, number], &[option, number]);
        }
    }
    for port in ["65535", "65389", "70000"] {
        is_refused(&["cluster", "--port", port], &["--port", port]);
    }
    is_refused(&["load", "--count", "0"], &["--count", "0"]);
    is_refused(&["cluster", "--maxclients", "0"], &["--maxclients", "0"]);
    is_refused(&["cluster", "--threads", "0"], &["--threads", "0"]);
    for command in ["compare", "simulate", "quorums", "load"] {
        is_refused(&[command, "--seed", "-1"], &["--seed", "-1", "whole number from 0"]);
    }
    is_refused(&["simulate", "--snapshot-every", "-1"], &["--snapshot-every", "-1", "whole number from 0"]);
    is_refused(&["draw", "--acceptors", "-3"], &["--acceptors", "-3", "1.."]);
}

#[test]
fn options_without_an_effect_are_refused() {
    let dir = Dir::with(&[]);
    let out = dir.path("out");
    for (args, words) in [
        ("draw --variant multi --collision coordinated", ["--collision", "multi"]),
        ("draw --variant basic --first", ["--first", "basic"]),
        ("draw --variant simple --roles separate", ["--roles separate", "simple"]),
        ("draw --variant simple --learning everyone", ["--learning everyone", "simple"]),
        ("draw --learners 2", ["--learners", "--roles separate"]),
        ("simulate --collision classic", ["--collision", "multi"]),
        ("simulate --variant fast --collision none", ["--collision", "none"]),
        ("simulate --variant simple --roles separate", ["--roles separate", "simple"]),
        ("simulate --learners 2", ["--learners", "--roles separate"]),
        ("simulate --seeds 5 --draw ascii", ["--draw", "--seeds 5"]),
        (&format!("simulate --seeds 5 --trace-out {out}"), ["--trace-out", "--seeds 5"]),
        ("simulate --seed 18446744073709551615 --seeds 2", ["--seeds 2", "18446744073709551615"]),
        ("simulate --draw ascii --format json", ["--draw", "--format"]),
        ("compare --variants basic,multi --collision classic", ["--collision", "basic,multi"]),
        ("compare --roles collapsed --learners 2", ["--learners", "--roles separate"]),
        ("compare --variants simple --learners 2", ["--learners", "--roles separate"]),
        ("quorums --quorum majority --all", ["--quorum", "--all"]),
        ("quorums --acceptors 1,2 --sites us-east-1,us-west-1,eu-west-1", ["--sites", "first 2"]),
        ("quorums --quorum flexible:3,3 --collisions 10", ["--collisions", "fast"]),
        ("load --workload f --pipeline 4", ["--pipeline", "workload f"]),
        ("load --workload e --skew zipf", ["--skew", "workload e"]),
        ("cluster --insecure-bind", ["--insecure-bind", ""]),
    ] {
        is_refused(&args.split(' ').collect::<Vec<_>>(), &words);
    }
    assert!(dir.files().is_empty());
}

#[test]
fn quorums_of_nobody_are_named() {
    for (quorum, word) in [
        ("grid:0x3", "rows and columns"),
        ("grid:3x0/symmetric", "rows and columns"),
        ("zones:0,3", "zone"),
        ("weighted:0,0,0", "weight"),
        ("flexible:0,3", "quorum"),
        ("sets:", "sets:"),
        ("rule:0of(0,1)", "rule"),
    ] {
        is_refused(&["quorums", "--quorum", quorum], &[quorum, word]);
    }
}

#[test]
fn an_address_where_nobody_can_be_is_named_at_once() {
    for address in ["nonsense", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "http://127.0.0.1:7001"] {
        is_refused(&["load", "--addr", &format!("127.0.0.1:7001,{address}")], &["--addr", address]);
    }
    is_refused_in_one_line(&["load", "--addr", "nobody.invalid:7001"], &["--addr", "nobody.invalid:7001"]);
}

#[test]
fn a_history_that_cannot_be_written_is_no_success() {
    let dir = Dir::with(&[]);
    let missing = dir.path("missing/h.jsonl");
    is_refused_in_one_line(&["load", "--no-fill", "--history-out", &missing], &[&missing, "directory"]);
}
