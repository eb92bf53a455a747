//! Reads histories from files. `docs/history-format.md` describes the format.

use super::operation::{Deed, Operation};
use serde::{Deserialize, Deserializer};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; name a file with a history, or - for the standard input")]
    File {
        /// The file.
        path: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A line is wrong.
    #[error("{path}, line {line}: {wrong}; docs/history-format.md describes the format")]
    Line {
        /// The file.
        path: String,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        wrong: String,
    },
}

/// A line of the file. Every field is required.
#[derive(Deserialize)]
struct Line {
    c: u64,
    op: String,
    k: String,
    #[serde(deserialize_with = "required")]
    v: Option<String>,
    #[serde(deserialize_with = "required")]
    from: Option<String>,
    #[serde(deserialize_with = "required")]
    out: Option<String>,
    #[serde(deserialize_with = "required")]
    ok: Option<bool>,
    t0: u64,
    #[serde(deserialize_with = "required")]
    t1: Option<u64>,
}

/// Requires a field that may be null. With serde's default, such a field may also be absent.
fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

/// Reads a history; `-` is the standard input. The operation of line *n* is at index *n* - 1.
///
/// # Errors
/// [`HistoryError`] if the file cannot be read or a line is wrong.
pub fn read_history(path: &Path) -> Result<Vec<Operation>, HistoryError> {
    let name = path.display().to_string();
    let failed = |source| HistoryError::File { path: name.clone(), source };
    if name == "-" {
        return read(io::stdin().lock(), "the standard input");
    }
    read(BufReader::new(File::open(path).map_err(failed)?), &name)
}

pub(super) fn read(from: impl BufRead, path: &str) -> Result<Vec<Operation>, HistoryError> {
    let mut operations = Vec::new();
    for (nth, text) in from.lines().enumerate() {
        let wrong = |wrong| HistoryError::Line { path: path.to_owned(), line: nth + 1, wrong };
        let text = text.map_err(|error| {
            if error.kind() == io::ErrorKind::InvalidData {
                wrong("it is not UTF-8".into())
            } else {
                HistoryError::File { path: path.to_owned(), source: error }
            }
        })?;
        let line: Line = serde_json::from_str(&text).map_err(|error| wrong(reason(&error)))?;
        operations.push(line.operation().map_err(wrong)?);
    }
    Ok(operations)
}

/// What is wrong with a line as JSON, without the parser's line number, which is always 1.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or(text.clone(), |what| format!("{what} at column {}", error.column()))
}

impl Line {
    fn operation(self) -> Result<Operation, String> {
        let Self { c, op, k, v, from, out, ok, t0, t1 } = self;
        if let Some(t1) = t1.filter(|t1| *t1 < t0) {
            return Err(format!("it ended at {t1}, before it began at {t0}"));
        }
        let op = &*op;
        // An operation without an answer cannot have seen anything, whatever the line says.
        let (seen, ok) = if t1.is_some() { (out.as_deref(), ok) } else { (None, None) };
        if ok == Some(false) && !matches!(op, "del" | "get") {
            return Err(format!("`ok` is false: leave out a {op} that certainly did not happen"));
        }
        let writes = matches!(op, "put" | "cas" | "append" | "incr");
        if writes && t1.is_some() && ok.is_none() {
            return Err(format!(
                "a {op} with an answer must say so with true in `ok`; if its outcome is unknown, `t1` is null"
            ));
        }
        if op == "get" && ok == Some(false) {
            return Err("a get has null in `ok`: leave it out if it was not answered".into());
        }
        if matches!(op, "get" | "del" | "incr") && v.is_some() {
            return Err(format!("a {op} has null in `v`: it writes no value, and what it saw is in `out`"));
        }
        let needs = |value: Option<String>| value.ok_or_else(|| format!("a {op} needs a value in `v`"));
        let deed = match op {
            "get" => Deed::Get(seen.map(str::to_owned)),
            "put" => Deed::Put(needs(v)?),
            "cas" => Deed::Cas(from, needs(v)?),
            "append" => Deed::Append(needs(v)?, number(op, t1, seen)?),
            "incr" => Deed::Incr(number(op, t1, seen)?),
            "del" if t1.is_some() && ok.is_none() => {
                return Err("a del with an answer must say in `ok` whether there was a value".into());
            }
            "del" => Deed::Delete(ok),
            _ => {
                return Err(format!(
                    "no operation is called {op:?}; write put, get, cas, append, incr or del"
                ));
            }
        };
        Ok(Operation { client: c, key: k, deed, begun: t0, ended: t1 })
    }
}

/// The number in the answer of an operation; none without an answer.
fn number<N: std::str::FromStr>(op: &str, t1: Option<u64>, seen: Option<&str>) -> Result<Option<N>, String> {
    if t1.is_none() {
        return Ok(None);
    }
    let number = seen.and_then(|seen| seen.parse().ok());
    number.map(Some).ok_or_else(|| format!("a {op} with an answer must have a number in `out`, as text"))
}
