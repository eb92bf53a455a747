//! Writes results to files. Each file appears complete or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Format, Row, render};

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The directory does not exist and cannot be created.
    #[error("{}: no such directory, and it cannot be created ({source}): name one that is writable", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written ({source}): check permissions and space", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Writes the results as `compare.json`, `compare.csv`, `compare.md` and `compare.txt` into a directory, and
/// returns their paths. The directory is created if needed. Older files of these names are replaced.
///
/// Each file is first written under another name. The files are renamed when all four are safely on disk, so none
/// is ever incomplete.
///
/// # Errors
///
/// If the directory cannot be created, or if a file cannot be written. Unfinished files are removed.
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

/// A file under its temporary name. It is removed unless it is finished.
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
        // After the rename there is nothing to remove. If the removal fails for another reason, the first error
        // matters.
        let _ = fs::remove_file(&self.temporary);
    }
}
