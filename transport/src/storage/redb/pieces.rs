//! A snapshot as rows of the database. A row is handled in memory as a whole, and the database takes none of more than 3 GiB, so
//! a snapshot of any length is cut into pieces. Each is a block under its place, and one check covers all of them in order.

use super::block::{self, Block};
use super::error::{OfRedb, StoreError};
use paxos_core::Digest;
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use std::path::Path;

/// The bytes of every piece but the last.
pub(super) const PIECE: usize = 4 << 20;

const SNAPSHOT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("snapshot");

/// The check of a snapshot, once it is stored.
pub(super) fn check(snapshot: &[u8]) -> Digest {
    let checks = (0..).zip(snapshot.chunks(PIECE)).map(|(place, piece)| block::check(place, piece));
    checks.reduce(block::chain).unwrap_or_default()
}

/// Puts a snapshot in the place of the one that is there, if any.
pub(super) fn write(writing: &WriteTransaction, snapshot: &[u8], file: &Path) -> Result<(), StoreError> {
    writing.delete_table(SNAPSHOT).at(file)?;
    let mut table = writing.open_table(SNAPSHOT).at(file)?;
    for (place, piece) in (0..).zip(snapshot.chunks(PIECE)) {
        let (bytes, _) = Block::of(piece).seal(place);
        table.insert(place, &bytes[..]).at(file)?;
    }
    Ok(())
}

/// The snapshot, if there is one, and its check.
pub(super) fn read(reading: &ReadTransaction, file: &Path) -> Result<Option<(Vec<u8>, Digest)>, StoreError> {
    let mut found: Option<(Vec<u8>, Digest)> = None;
    for (next, entry) in (0..).zip(reading.open_table(SNAPSHOT).at(file)?.iter().at(file)?) {
        let (place, bytes) = entry.at(file)?;
        let damaged = |what| StoreError::damaged(file, format!("its snapshot: {what}"));
        if place.value() != next {
            return Err(damaged(format!("piece {next} is missing")));
        }
        let (content, check) = block::unseal(next, bytes.value()).map_err(damaged)?;
        found = Some(match found {
            None => (content.to_vec(), check),
            Some((mut before, chain)) => {
                before.extend_from_slice(content);
                (before, block::chain(chain, check))
            }
        });
    }
    Ok(found)
}

/// An empty table.
pub(super) fn create(writing: &WriteTransaction, file: &Path) -> Result<(), StoreError> {
    writing.open_table(SNAPSHOT).at(file)?;
    Ok(())
}
