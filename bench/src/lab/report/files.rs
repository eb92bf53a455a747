//! Writes results to files. Each file appears complete or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

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
    let write = |(ending, format)| {
        let path = dir.join(format!("compare.{ending}"));
        let begun = begin(&path, render(rows, format).as_bytes());
        let synced = begun.and_then(|file| file.as_file().sync_all().map(|()| file));
        match synced {
            Ok(file) => Ok((file, path)),
            Err(source) => Err(ReportError::File { file: path, source }),
        }
    };
    let written: Vec<_> = formats.into_iter().map(write).collect::<Result<_, _>>()?;
    let name = |(file, path): (_, PathBuf)| match finish(file, &path) {
        Ok(()) => Ok(path),
        Err(source) => Err(ReportError::File { file: path, source }),
    };
    written.into_iter().map(name).collect()
}

/// Writes the content beside `path`, under a name that nobody else uses. What is returned is removed when it is dropped,
/// unless [`finish`] gives it its name.
pub(super) fn begin(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".paxos-bench-").suffix(".part");
    // As any other new file: everyone may read it, unless the process's mask says otherwise.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(dir)?;
    file.write_all(content)?;
    Ok(file)
}

/// Gives the file its name, in place of an older file.
pub(super) fn finish(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Writes a file. It appears complete or not at all.
pub(in crate::lab) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    finish(begin(path, content)?, path)
}
