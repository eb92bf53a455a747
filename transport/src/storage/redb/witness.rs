//! How far the database has come: written after each of its commits, and before anybody is told of it.
//!
//! Two copies are written in turn, each in a page of its own, so that one is whole at any time. Each is
//! the number of the write, the check of the state that it led to, and a check of both.

use super::error::StoreError;
use paxos_core::Digest;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const PAGE: u64 = 4096;
const COPY: usize = 8 + 16 + 16;

/// What it says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Seen {
    /// How many writes there were.
    pub(super) writes: u64,
    /// The check of the state after the last of them.
    pub(super) state: Digest,
}

#[derive(Debug)]
pub(super) struct Witness {
    path: PathBuf,
    file: File,
}

impl Witness {
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let created = || -> io::Result<File> {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
            // Later writes change these bytes in place, and need no room.
            file.write_all(&[0; 2 * PAGE as usize])?;
            file.sync_all()?;
            Ok(file)
        };
        let file = created().map_err(StoreError::io(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        match opened {
            Ok(file) => Ok(Self { path: path.to_owned(), file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Missing { path: path.to_owned() })
            }
            Err(error) => Err(StoreError::io(path)(error)),
        }
    }

    /// The newest copy that is whole.
    pub(super) fn read(&mut self) -> Result<Seen, StoreError> {
        let mut bytes = Vec::new();
        let read = self.file.rewind().and_then(|()| (&self.file).take(2 * PAGE).read_to_end(&mut bytes));
        read.map_err(StoreError::io(&self.path))?;
        let copies = bytes.chunks(PAGE as usize).filter_map(|page| decode(page.get(..COPY)?));
        copies.max().ok_or_else(|| StoreError::damaged(&self.path, "neither of its copies is whole"))
    }

    /// Notes that the database has come so far. It is durable when this returns.
    pub(super) fn write(&mut self, seen: Seen) -> Result<(), StoreError> {
        let mut written = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(seen.writes % 2 * PAGE))?;
            self.file.write_all(&encode(seen))?;
            self.file.sync_data()
        };
        written().map_err(StoreError::io(&self.path))
    }
}

fn encode(seen: Seen) -> [u8; COPY] {
    let mut copy = [0; COPY];
    copy[..8].copy_from_slice(&seen.writes.to_le_bytes());
    copy[8..24].copy_from_slice(&seen.state.0.to_le_bytes());
    let check = Digest::of(&copy[..24]);
    copy[24..].copy_from_slice(&check.0.to_le_bytes());
    copy
}

fn decode(copy: &[u8]) -> Option<Seen> {
    let (writes, rest) = copy.split_first_chunk()?;
    let state = rest.first_chunk()?;
    let seen = Seen { writes: u64::from_le_bytes(*writes), state: Digest(u128::from_le_bytes(*state)) };
    (encode(seen)[..] == *copy).then_some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_is_whole_whatever_becomes_of_the_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("witness");
        let mut witness = Witness::create(&path).expect("created");
        assert!(matches!(witness.read(), Err(StoreError::Damaged { .. })));
        let seen = |writes| Seen { writes, state: Digest(u128::from(writes) * 7) };
        for n in 1..=5 {
            witness.write(seen(n)).expect("written");
            assert_eq!(witness.read().expect("whole"), seen(n));
        }
        // The fifth is in the second page; half of it is lost.
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[PAGE as usize + 20] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(Witness::open(&path).expect("there").read().expect("whole"), seen(4));
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert!(Witness::open(&path).expect("there").read().is_err());
    }
}
