//! Takes a backup of a running cluster.

use super::{Backup, BackupError, Head, Reader};
use crate::server::resp::{CallError, Client, Value};
use crate::server::tls::Connector;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes a backup to the file, and returns what it holds.
///
/// # Errors
/// [`BackupError`]. There is no file then.
pub fn backup(options: &Backup, mut step: impl FnMut(String)) -> Result<Head, BackupError> {
    let tls = options.tls.connector()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first = connect(tls.as_ref(), &options.addr, options.password.as_deref());
    let (address, mut client) = runtime.block_on(first)?;
    let begin: &[&str] = if options.local { &["PAXOS", "BACKUP", "LOCAL"] } else { &["PAXOS", "BACKUP"] };
    let mut words = begin;
    let mut written = 0_u64;
    let head = write(&options.file, || {
        let asked = runtime.block_on(client.call(words));
        words = &["PAXOS", "BACKUP", "NEXT"];
        match asked {
            Ok(Value::Bulk(piece)) => {
                written += piece.len() as u64;
                step(format!("{} MB", written / 1_000_000));
                Ok(Some(piece))
            }
            Ok(Value::Nil) => Ok(None),
            Ok(_) => Err(BackupError::Refused { address: address.clone(), text: "no backup came".into() }),
            Err(error) => Err(refused(&address, error)),
        }
    })?;
    Ok(head)
}

/// A connection to the first server that answers.
pub(super) async fn connect(
    tls: Option<&Connector>,
    addresses: &[String],
    password: Option<&str>,
) -> Result<(String, Client), BackupError> {
    let mut failure = None;
    for address in addresses {
        match Client::open(tls, address, password).await {
            Ok(client) => return Ok((address.clone(), client)),
            Err(error @ CallError::Refused(_)) => return Err(refused(address, error)),
            Err(source) => failure = Some(BackupError::Unreachable { address: address.clone(), source }),
        }
    }
    Err(failure.unwrap_or_else(|| BackupError::Io(std::io::ErrorKind::AddrNotAvailable.into())))
}

pub(super) fn refused(address: &str, error: CallError) -> BackupError {
    let address = address.to_owned();
    match error {
        CallError::Refused(text) => BackupError::Refused { address, text },
        source @ (CallError::Io(_) | CallError::Value(_)) => BackupError::Unreachable { address, source },
    }
}

/// Writes the pieces of a backup to a new file: complete, checked and durable when this returns, or not there.
pub(crate) fn write(
    path: &Path,
    mut next: impl FnMut() -> Result<Option<Vec<u8>>, BackupError>,
) -> Result<Head, BackupError> {
    if path.try_exists().map_err(BackupError::file(path))? {
        return Err(BackupError::Exists(path.display().to_string()));
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let unfinished = path.with_file_name(name);
    let written = fill(&unfinished, &mut next)
        .and_then(|()| Reader::check(&unfinished, |_, _| {}))
        .and_then(|head| publish(&unfinished, path).map(|()| head));
    if written.is_err() {
        // It takes room, and is of no use.
        drop(fs::remove_file(&unfinished));
    }
    written
}

fn fill(
    path: &PathBuf,
    next: &mut impl FnMut() -> Result<Option<Vec<u8>>, BackupError>,
) -> Result<(), BackupError> {
    let mut file = File::create(path).map_err(BackupError::file(path))?;
    while let Some(piece) = next()? {
        file.write_all(&piece).map_err(BackupError::file(path))?;
    }
    file.sync_all().map_err(BackupError::file(path))
}

/// Gives the file its name. The name is durable, too.
fn publish(unfinished: &Path, path: &Path) -> Result<(), BackupError> {
    fs::rename(unfinished, path).map_err(BackupError::file(path))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Other systems have no such call.
    if cfg!(unix) {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(BackupError::file(dir))?;
    }
    Ok(())
}
