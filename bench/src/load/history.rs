//! Records operations and results for linearizability checkers. `docs/history-format.md` describes the format.

use serde::Serialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// One operation. Fields that do not apply are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// The number of the client. After an unknown outcome the client continues under a new number.
    pub c: u64,
    /// `put`, `get`, `cas`, `append` or `del`.
    pub op: &'static str,
    /// The key.
    pub k: Cow<'a, str>,
    /// The value that was put, appended, or set by `cas`.
    pub v: Option<Cow<'a, str>>,
    /// The value that `cas` found and replaced; null: no value.
    pub from: Option<Cow<'a, str>>,
    /// The value that `get` read; null: no value. The length after an `append`, as text.
    pub out: Option<Cow<'a, str>>,
    /// Whether it took effect; for `del`, whether there was a value. Null if unknown.
    pub ok: Option<bool>,
    /// When it began, in nanoseconds since the start of the load.
    pub t0: u64,
    /// When it was answered, in nanoseconds; null if the outcome is unknown.
    pub t1: Option<u64>,
}

/// The file, or the error that ended it early.
#[derive(Debug)]
pub(super) struct History(Mutex<io::Result<BufWriter<File>>>);

impl History {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(Ok(BufWriter::new(File::create(path)?)))))
    }

    /// Appends a line. After a failed write nothing more is written, and [`History::finish`] returns the error.
    pub(super) fn note(&self, line: &Line<'_>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(out) = &mut *held {
            let written = serde_json::to_writer(&mut *out, line).map_err(io::Error::from);
            if let Err(error) = written.and_then(|()| out.write_all(b"\n")) {
                *held = Err(error);
            }
        }
    }

    /// # Errors
    /// The error that kept lines from being written.
    pub(super) fn finish(self) -> io::Result<()> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)?.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line<'static> {
        Line {
            c: 3,
            op: "cas",
            k: "k".into(),
            v: Some("b".into()),
            from: Some("a".into()),
            out: None,
            ok: None,
            t0: 5,
            t1: None,
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn lines_that_no_disk_takes_are_an_error_at_the_end() {
        for lines in [1, 1000] {
            let history = History::create(Path::new("/dev/full")).expect("it is there");
            for _ in 0..lines {
                history.note(&line());
            }
            assert!(history.finish().is_err());
        }
    }

    #[test]
    fn a_line_has_every_field() {
        let line = line();
        let written = serde_json::to_string(&line).expect("it can be written");
        let expected =
            r#"{"c":3,"op":"cas","k":"k","v":"b","from":"a","out":null,"ok":null,"t0":5,"t1":null}"#;
        assert_eq!(written, expected);
    }
}
