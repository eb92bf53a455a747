//! Takes a backup of a running cluster.

use super::interrupt::Interrupt;
use super::link::{Servers, failed};
use super::{Backup, BackupError, Head, Reader};
use crate::options::arguments::Progress;
use crate::server::file::durable;
use crate::server::resp::Value;
use core::time::Duration;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a backup to the file, and returns its head.
///
/// # Errors
/// [`BackupError`], also if the process is told to stop. Then there is no file.
pub fn backup(options: &Backup, step: Progress<'_>) -> Result<Head, BackupError> {
    let tls = options.cluster.tls.connector()?;
    let (addresses, password) = (&options.cluster.addr[..], options.cluster.password.as_deref());
    let patience = Duration::from_secs(options.cluster.patience.into());
    let servers = Servers { tls: tls.as_ref(), addresses, password, patience };
    let begin: &[&str] = if options.local { &["PAXOS", "BACKUP", "LOCAL"] } else { &["PAXOS", "BACKUP"] };
    let mut open = None;
    let mut written = 0_u64;
    write(&options.file, |interrupt| {
        let (place, value) = match &mut open {
            None => {
                let (place, link, value) = interrupt.unless(servers.ask(begin))?;
                open = Some((place, link));
                (place, value)
            }
            Some((place, link)) => {
                let next = async {
                    let next = link.call(&["PAXOS", "BACKUP", "NEXT"]).await;
                    next.map_err(|error| BackupError::Broken {
                        megabytes: written / 1_000_000,
                        why: failed(servers.address(*place), error).to_string(),
                    })
                };
                (*place, interrupt.unless(next)?)
            }
        };
        if let Value::Bulk(piece) = value {
            written += piece.len() as u64;
            step(format!("{} MB", written / 1_000_000));
            Ok(Some(piece))
        } else if value == Value::Nil {
            Ok(None)
        } else {
            let address = servers.address(place).to_owned();
            Err(BackupError::Refused { address, text: "no backup came".into() })
        }
    })
}

/// Writes the pieces of a backup to a new file that only its owner can read: complete, checked and durable when this
/// returns, or absent, also if the process is told to stop.
pub(super) fn write(
    path: &Path,
    next: impl FnMut(&Interrupt) -> Result<Option<Vec<u8>>, BackupError>,
) -> Result<Head, BackupError> {
    refuse_existing(path)?;
    let interrupt = Interrupt::new()?;
    let written = write_unless(&interrupt, path, next);
    interrupt.end();
    written
}

fn write_unless(
    interrupt: &Interrupt,
    path: &Path,
    mut next: impl FnMut(&Interrupt) -> Result<Option<Vec<u8>>, BackupError>,
) -> Result<Head, BackupError> {
    let wrong = || BackupError::file(path);
    // It has a name of its own, and is removed if anything fails.
    let mut file = NamedTempFile::with_prefix_in(".backup-", durable::dir_of(path)).map_err(wrong())?;
    while let Some(piece) = next(interrupt)? {
        interrupt.check()?;
        file.write_all(&piece).map_err(wrong())?;
    }
    file.as_file().sync_all().map_err(wrong())?;
    let head = Reader::check(file.path(), |_, _| {})?;
    interrupt.check()?;
    file.persist_noclobber(path).map_err(|error| {
        let exists = error.error.kind() == ErrorKind::AlreadyExists;
        if exists {
            BackupError::Exists(path.display().to_string())
        } else {
            BackupError::file(path)(error.error)
        }
    })?;
    // A file that a power loss may take away is no backup.
    durable::sync_name(path).inspect_err(|_| drop(fs::remove_file(path))).map_err(wrong())?;
    Ok(head)
}

/// Refuses a name that is taken, before any work is done.
pub(super) fn refuse_existing(path: &Path) -> Result<(), BackupError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(BackupError::Exists(path.display().to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::file(path)(error)),
    }
}
