//! A file that is allocated to its full length first, so that a sync writes only data.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The length of a file. Longer writes overwrite it several times.
const LENGTH: u64 = 16 << 20;

/// A file that is written from beginning to end, over and over.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    at: u64,
}

impl Journal {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        io::copy(&mut io::repeat(0).take(LENGTH), &mut file)?;
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }

    /// Writes bytes durably.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(LENGTH as usize) {
            if self.at + part.len() as u64 > LENGTH {
                self.at = 0;
            }
            self.file.seek(SeekFrom::Start(self.at))?;
            self.file.write_all(part)?;
            self.at += part.len() as u64;
        }
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_never_grows() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("journal");
        let mut journal = Journal::create(&path).expect("created");
        for length in [1, LENGTH as usize - 1, 2, LENGTH as usize * 2 + 1] {
            journal.write(&vec![1; length]).expect("written");
            assert_eq!(path.metadata().expect("it is there").len(), LENGTH, "{length}");
        }
    }
}
