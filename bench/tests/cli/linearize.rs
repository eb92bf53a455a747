//! The binary checks histories.

use super::input::{Dir, is_refused, is_refused_in_one_line};
use super::{lab, text};
use std::io::Write;
use std::process::{Command, Stdio};

fn line(op: &str, value: &str, t0: u64, t1: &str) -> String {
    let quoted = format!("\"{value}\"");
    let (v, out) = if op == "get" { ("null", &*quoted) } else { (&*quoted, "null") };
    let ok = if op == "get" || t1 == "null" { "null" } else { "true" };
    format!(
        "{{\"c\":1,\"op\":\"{op}\",\"k\":\"x\",\"v\":{v},\"from\":null,\"out\":{out},\"ok\":{ok},\"t0\":{t0},\"t1\":{t1}}}\n"
    )
}

fn good() -> String {
    [line("put", "a", 10, "20"), line("put", "b", 30, "null"), line("get", "a", 50, "60")].concat()
}

fn bad() -> String {
    [line("put", "a", 10, "20"), line("put", "b", 30, "40"), line("get", "a", 50, "60")].concat()
}

#[test]
fn a_history_that_is_right_is_called_linearizable() {
    let dir = Dir::with(&[("h.jsonl", &good())]);
    let output = lab(["linearize", &dir.path("h.jsonl")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "linearizable: 3 operations over 1 keys, 1 of them of unknown outcome\n"
    );
}

#[test]
fn a_conflict_is_named_drawn_and_an_error() {
    let dir = Dir::with(&[("h.jsonl", &bad())]);
    let output = lab(["linearize", &dir.path("h.jsonl")]);
    assert_eq!(output.status.code(), Some(1));
    let table = text(&output.stdout);
    // The example in the help text agrees with the output.
    let help = text(&lab(["linearize", "--help"]).stdout);
    for drawn in ["put \"a\"     [--]\n", "put \"b\"           [--]\n", "get -> \"a\"              [--]\n"] {
        assert!(table.contains(drawn) && help.contains(drawn.trim_end()), "{table}\n{help}");
    }
    assert!(text(&output.stderr).starts_with("paxos-bench: the history is not linearizable: 1 of 1 keys"));
    let json = lab(["linearize", "--format", "json", &dir.path("h.jsonl")]);
    assert_eq!(json.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["verdict"], "not linearizable");
    assert_eq!(json["conflicts"][0]["lines"], serde_json::json!([1, 2, 3]));
    assert_eq!((&json["operations"], &json["unknown"], &json["keys"]), (&3.into(), &0.into(), &1.into()));
}

#[test]
fn a_history_may_come_from_the_standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_paxos-bench"))
        .args(["linearize", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("a pipe").write_all(bad().as_bytes()).expect("it reads");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_history_that_says_nothing_or_makes_no_sense_is_refused() {
    let dir = Dir::with(&[
        ("empty", ""),
        ("lost", &line("put", "a", 10, "null")),
        ("torn", &good()[..good().len() - 9]),
        ("blank", &good().replace('\n', "\n\n")),
    ]);
    for name in ["empty", "lost"] {
        is_refused_in_one_line(&["linearize", &dir.path(name)], &[name, "no operation was answered"]);
    }
    is_refused_in_one_line(&["linearize", &dir.path("torn")], &["torn, line 3", "history-format.md"]);
    is_refused_in_one_line(&["linearize", &dir.path("blank")], &["blank, line 2"]);
    let missing = dir.path("missing");
    is_refused_in_one_line(&["linearize", &missing], &[&missing, "cannot read"]);
    is_refused_in_one_line(&["linearize", &dir.path("")], &["cannot read", "name a file"]);
    is_refused(&["linearize"], &["required"]);
    is_refused(&["linearize", "--memory", "0", "x"], &["--memory", "0"]);
}
