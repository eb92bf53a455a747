//! Takes a backup of a running cluster.

use super::link::{Servers, failed};
use super::{Backup, BackupError, Head, Reader};
use crate::server::resp::Value;
use core::time::Duration;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a backup to the file, and returns its head.
///
/// # Errors
/// [`BackupError`]. Then there is no file.
pub fn backup(options: &Backup, mut step: impl FnMut(String)) -> Result<Head, BackupError> {
    let tls = options.cluster.tls.connector()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (addresses, password) = (&options.cluster.addr[..], options.cluster.password.as_deref());
    let patience = Duration::from_secs(options.cluster.patience.into());
    let servers = Servers { tls: tls.as_ref(), addresses, password, patience };
    let begin: &[&str] = if options.local { &["PAXOS", "BACKUP", "LOCAL"] } else { &["PAXOS", "BACKUP"] };
    let mut open = None;
    let mut written = 0_u64;
    write(&options.file, || {
        let (place, value) = match &mut open {
            None => {
                let (place, link, value) = runtime.block_on(servers.ask(begin))?;
                open = Some((place, link));
                (place, value)
            }
            Some((place, link)) => {
                let next = runtime.block_on(link.call(&["PAXOS", "BACKUP", "NEXT"]));
                let broken = |error| BackupError::Broken {
                    megabytes: written / 1_000_000,
                    why: failed(servers.address(*place), error).to_string(),
                };
                (*place, next.map_err(broken)?)
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
/// returns, or absent.
pub(super) fn write(
    path: &Path,
    mut next: impl FnMut() -> Result<Option<Vec<u8>>, BackupError>,
) -> Result<Head, BackupError> {
    refuse_existing(path)?;
    let wrong = || BackupError::file(path);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // It has a name of its own, and is removed if anything fails.
    let mut file = NamedTempFile::with_prefix_in(".backup-", dir).map_err(wrong())?;
    while let Some(piece) = next()? {
        file.write_all(&piece).map_err(wrong())?;
    }
    file.as_file().sync_all().map_err(wrong())?;
    let head = Reader::check(file.path(), |_, _| {})?;
    file.persist_noclobber(path).map_err(|error| {
        let exists = error.error.kind() == ErrorKind::AlreadyExists;
        if exists {
            BackupError::Exists(path.display().to_string())
        } else {
            BackupError::file(path)(error.error)
        }
    })?;
    // Other systems have no such call.
    if cfg!(unix) {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(BackupError::file(dir))?;
    }
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
