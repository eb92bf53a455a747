//! Which lines are read, and which are refused.

use crate::linearize::read::read;
use crate::linearize::{Deed, Operation};

fn one(line: &str) -> Result<Operation, String> {
    let mut operations = read(line.as_bytes(), "h.jsonl").map_err(|error| error.to_string())?;
    assert_eq!(operations.len(), 1);
    operations.pop().ok_or_else(|| "nothing".into())
}

fn line(op: &str, v: &str, out: &str, ok: &str, t1: &str) -> String {
    format!(r#"{{"c":3,"op":"{op}","k":"x","v":{v},"from":null,"out":{out},"ok":{ok},"t0":5,"t1":{t1}}}"#)
}

#[test]
fn every_operation_of_the_format_is_read() {
    let deed = |line: String| one(&line).expect("a line").deed;
    let s = |text: &str| text.to_owned();
    assert_eq!(deed(line("put", r#""a""#, "null", "true", "9")), Deed::Put(s("a")));
    assert_eq!(deed(line("get", "null", r#""a""#, "null", "9")), Deed::Get(Some(s("a"))));
    assert_eq!(deed(line("get", "null", "null", "null", "9")), Deed::Get(None));
    assert_eq!(deed(line("cas", r#""a""#, "null", "true", "9")), Deed::Cas(None, s("a")));
    assert_eq!(deed(line("append", r#""a""#, r#""12""#, "true", "9")), Deed::Append(s("a"), Some(12)));
    assert_eq!(deed(line("del", "null", "null", "false", "9")), Deed::Delete(Some(false)));
    assert_eq!(deed(line("incr", "null", r#""-3""#, "true", "9")), Deed::Incr(Some(-3)));
    // An operation without an answer saw nothing.
    assert_eq!(deed(line("append", r#""a""#, "null", "null", "null")), Deed::Append(s("a"), None));
    assert_eq!(deed(line("del", "null", "null", "null", "null")), Deed::Delete(None));
    let put = one(&line("put", r#""a""#, "null", "null", "null")).expect("a line");
    assert_eq!((put.client, &*put.key, put.begun, put.ended), (3, "x", 5, None));
    // Fields may be added.
    let more = line("put", r#""a""#, "null", "true", "9").replace("{\"c\"", "{\"node\":7,\"c\"");
    assert_eq!(deed(more), Deed::Put(s("a")));
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    let good = line("put", r#""a""#, "null", "true", "9");
    for (bad, word) in [
        (String::new(), "EOF"),
        ("nonsense".into(), "column 2"),
        (good.replace("\"k\":\"x\",", ""), "missing field `k`"),
        (good.replace("\"v\":\"a\",", ""), "missing field `v`"),
        (good.replace(",\"t1\":9", ""), "missing field `t1`"),
        (good.replace("\"t1\":9", "\"t1\":4"), "ended at 4, before it began at 5"),
        (good.replace("\"t0\":5", "\"t0\":-5"), "-5"),
        (good.replace("put", "swap"), "no operation is called \"swap\""),
        (good.replace("\"ok\":true", "\"ok\":false"), "certainly did not happen"),
        (line("put", "null", "null", "true", "9"), "needs a value in `v`"),
        (line("append", r#""a""#, r#""many""#, "true", "9"), "number in `out`"),
        (line("append", r#""a""#, "null", "true", "9"), "number in `out`"),
        (line("incr", "null", "null", "true", "9"), "number in `out`"),
        (line("del", "null", "null", "null", "9"), "`ok`"),
        (line("put", r#""a""#, "null", "null", "9"), "true in `ok`"),
        (line("cas", r#""a""#, "null", "null", "9"), "true in `ok`"),
        (line("append", r#""a""#, r#""1""#, "null", "9"), "true in `ok`"),
        (line("incr", "null", r#""1""#, "null", "9"), "true in `ok`"),
        (line("incr", r#""5""#, r#""5""#, "true", "9"), "null in `v`"),
        (line("get", r#""a""#, "null", "null", "9"), "null in `v`"),
        (line("get", "null", "null", "false", "9"), "null in `ok`"),
        (line("del", r#""a""#, "null", "true", "9"), "null in `v`"),
        (format!("{good} {good}"), "trailing characters"),
    ] {
        let text = format!("{good}\n{bad}\n{good}\n");
        let error = read(text.as_bytes(), "h.jsonl").expect_err(&bad).to_string();
        assert!(error.starts_with("h.jsonl, line 2: ") && error.contains(word), "{error}");
        assert!(!error.contains("line 1"), "{error}");
    }
    let error = read(&b"\xff\n"[..], "h.jsonl").expect_err("no text").to_string();
    assert!(error.contains("line 1: it is not UTF-8"), "{error}");
}
