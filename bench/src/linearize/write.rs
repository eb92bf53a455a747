//! Writes histories to files. `docs/history-format.md` describes the format.

use super::{Deed, Operation};
use crate::load::Line;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a history. The operation at index *n* - 1 is in line *n*.
///
/// # Errors
/// As the system says.
pub fn write_history(path: &Path, history: &[Operation]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for operation in history {
        serde_json::to_writer(&mut out, &line(operation)).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn line(operation: &Operation) -> Line<'_> {
    let Operation { client, key, deed, begun, ended } = operation;
    let text = |text: &String| text.clone().into();
    let (op, v, from, out) = match deed {
        Deed::Get(seen) => ("get", None, None, seen.clone()),
        Deed::Put(value) => ("put", Some(value), None, None),
        Deed::Cas(from, to) => ("cas", Some(to), from.as_ref(), None),
        Deed::Append(value, length) => ("append", Some(value), None, length.map(|length| length.to_string())),
        Deed::Delete(_) => ("del", None, None, None),
        Deed::Incr(number) => ("incr", None, None, number.map(|number| number.to_string())),
    };
    let ok = match deed {
        Deed::Get(_) => None,
        Deed::Delete(had) => *had,
        Deed::Put(_) | Deed::Cas(..) | Deed::Append(..) | Deed::Incr(_) => ended.map(|_| true),
    };
    Line {
        c: *client,
        op,
        k: key.as_str().into(),
        v: v.map(text),
        from: from.map(text),
        out: out.map(Into::into),
        ok,
        t0: *begun,
        t1: *ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearize::read_history;

    #[test]
    fn a_history_that_was_written_is_read_as_it_was() {
        let deeds = [
            (Deed::Get(None), true),
            (Deed::Get(Some("a".into())), true),
            (Deed::Put("b".into()), true),
            (Deed::Put("c".into()), false),
            (Deed::Cas(None, "d".into()), true),
            (Deed::Cas(Some("d".into()), "e".into()), false),
            (Deed::Append("f".into(), Some(2)), true),
            (Deed::Append("f".into(), None), false),
            (Deed::Delete(Some(true)), true),
            (Deed::Delete(None), false),
            (Deed::Incr(Some(7)), true),
            (Deed::Incr(None), false),
        ];
        let operation = |(nth, (deed, is_known)): (usize, (Deed, bool))| Operation {
            client: nth as u64,
            key: format!("k{nth}"),
            deed,
            begun: 10 * nth as u64,
            ended: is_known.then_some(10 * nth as u64 + 5),
        };
        let history: Vec<Operation> = deeds.into_iter().enumerate().map(operation).collect();
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("history.jsonl");
        write_history(&path, &history).expect("written");
        assert_eq!(read_history(&path).expect("read"), history);
    }
}
