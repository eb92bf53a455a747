//! Results as files: each appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Format, Row, render};

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The directory is not there and cannot be made.
    #[error("{}: no such directory, and it cannot be made ({source}): give one that you may write to", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written ({source}): check permissions and space", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Writes the results as `compare.json`, `compare.csv`, `compare.md` and `compare.txt` into a directory,
/// which is made if needed, and returns their paths. Older files of these names are replaced.
///
/// Each file is written under another name first and renamed once all four are safely on disk: whatever
/// happens, none is ever half there.
///
/// # Errors
///
/// If the directory cannot be made, or a file not be written; what was begun is removed.
pub fn write_dir(rows: &[Row], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    fs::create_dir_all(dir).map_err(|source| ReportError::Directory { dir: dir.to_owned(), source })?;
    let formats =
        [("json", Format::Json), ("csv", Format::Csv), ("md", Format::Markdown), ("txt", Format::Table)];
    let written: Vec<Unfinished> = formats
        .into_iter()
        .map(|(ending, format)| Unfinished::write(dir, ending, &render(rows, format)))
        .collect::<Result<_, _>>()?;
    written.into_iter().map(Unfinished::finish).collect()
}

/// A file under its temporary name, which goes away unless it is finished.
struct Unfinished {
    temporary: PathBuf,
    file: PathBuf,
}

impl Unfinished {
    fn write(dir: &Path, ending: &str, text: &str) -> Result<Self, ReportError> {
        let temporary = dir.join(format!(".compare.{ending}.{}.part", std::process::id()));
        let unfinished = Self { temporary, file: dir.join(format!("compare.{ending}")) };
        let write = || {
            let mut file = File::create(&unfinished.temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| unfinished.failed(source))?;
        Ok(unfinished)
    }

    fn finish(self) -> Result<PathBuf, ReportError> {
        fs::rename(&self.temporary, &self.file).map_err(|source| self.failed(source))?;
        Ok(self.file.clone())
    }

    fn failed(&self, source: io::Error) -> ReportError {
        ReportError::File { file: self.file.clone(), source }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename there is nothing left to remove; if this fails for another reason, the first error
        // counts.
        let _ = fs::remove_file(&self.temporary);
    }
}
