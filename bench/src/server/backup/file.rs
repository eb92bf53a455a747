//! The file of a backup: how it is read, and checked on the way.

use super::BackupError;
use crate::kv::MAX_VALUE;
use crate::server::resp::{Bounds, Parser};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// The layout of the file.
pub(super) const FORMAT: u32 = 1;

/// Bytes that are read at a time.
const READ: u64 = 1 << 20;

/// A command is at most a key and a value, each no longer than a value may be.
const BOUNDS: Bounds = Bounds { request: 2 * MAX_VALUE + 1024, argument: MAX_VALUE, arguments: 5, line: 0 };

/// What a backup says of itself, in its first command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// The layout of the file.
    pub paxos_backup: u32,
    /// The process whose store it is, by its number.
    pub member: u16,
    /// The variant that replicated the store.
    pub variant: String,
    /// The store's time, in milliseconds since 1970.
    pub time_ms: u64,
    /// The number of keys that follow.
    pub keys: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
}

/// The last command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// XXH3 with 128 bits of all bytes before, in hexadecimal digits.
    xxh3_128: String,
}

impl End {
    pub(super) fn of(sum: &Xxh3) -> Self {
        Self { xxh3_128: format!("{:032x}", sum.digest128()) }
    }
}

/// Reads a backup command by command, so that memory does not grow with the file.
pub struct Reader<R = File> {
    path: PathBuf,
    from: R,
    parser: Parser,
    input: Vec<u8>,
    /// Where in the input the next command begins.
    at: usize,
    sum: Xxh3,
    head: Head,
    keys: u64,
    bytes: u64,
}

impl Reader {
    /// Opens a file and reads its head.
    ///
    /// # Errors
    /// [`BackupError`] if it cannot be read, or does not begin as a backup.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        Self::new(path, File::open(path).map_err(BackupError::file(path))?)
    }

    /// Reads the whole file, calls `step` after each key, and returns the head.
    ///
    /// # Errors
    /// [`BackupError`] if it cannot be read, is damaged, or ends too early.
    pub fn check(path: &Path, mut step: impl FnMut(u64, &Head)) -> Result<Head, BackupError> {
        let mut reader = Self::open(path)?;
        while reader.next_key()?.is_some() {
            step(reader.keys, &reader.head);
        }
        Ok(reader.head)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the head. Errors name `path`.
    pub(super) fn new(path: &Path, from: R) -> Result<Self, BackupError> {
        let (variant, input) = (String::new(), Vec::new());
        let head = Head { paxos_backup: FORMAT, member: 0, variant, time_ms: 0, keys: 0, bytes: 0 };
        let (parser, sum) = (Parser::new(BOUNDS), Xxh3::new());
        let mut reader =
            Self { path: path.to_owned(), from, parser, input, at: 0, sum, head, keys: 0, bytes: 0 };
        let (words, length) = reader.command()?;
        let head = match &words[..] {
            [echo, text] if echo == b"ECHO" => serde_json::from_slice(text).ok(),
            _ => None,
        };
        reader.head = head.ok_or_else(|| reader.damaged("it does not begin as one"))?;
        let format = reader.head.paxos_backup;
        if format != FORMAT {
            return Err(reader.damaged(format!("it has format {format}, and this version reads {FORMAT}")));
        }
        reader.pass(length);
        Ok(reader)
    }

    /// What the backup says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next key, as the words of its `SET`; none after the last one, when the checksum is right.
    ///
    /// # Errors
    /// [`BackupError`] if the file is damaged, or ends too early.
    pub fn next_key(&mut self) -> Result<Option<Vec<Vec<u8>>>, BackupError> {
        let (words, length) = self.command()?;
        let parts: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match parts[..] {
            [b"SET", key, value] | [b"SET", key, value, b"PXAT", _] => {
                self.keys += 1;
                self.bytes += (key.len() + value.len()) as u64;
                self.pass(length);
                Ok(Some(words))
            }
            [b"ECHO", text] => {
                let end: Option<End> = serde_json::from_slice(text).ok();
                if end != Some(End::of(&self.sum)) {
                    return Err(self.damaged("its checksum differs from its contents"));
                }
                self.pass(length);
                if (self.keys, self.bytes) != (self.head.keys, self.head.bytes) {
                    return Err(self.damaged(format!("it has {} of {} keys", self.keys, self.head.keys)));
                }
                let more = self.read_more()? > 0 || self.at < self.input.len();
                if more { Err(self.damaged("something follows its end")) } else { Ok(None) }
            }
            _ => Err(self.damaged(format!("another command follows after {} keys", self.keys))),
        }
    }

    /// The next command, which remains the next one until it is [passed](Self::pass), and its length.
    fn command(&mut self) -> Result<(Vec<Vec<u8>>, usize), BackupError> {
        loop {
            match self.parser.next(&self.input[self.at..]) {
                Ok(Some((request, length))) => {
                    return Ok((request.words().map(<[u8]>::to_vec).collect(), length));
                }
                Ok(None) => {}
                Err(_) => {
                    return Err(self.damaged(format!("no command can be read after {} keys", self.keys)));
                }
            }
            if self.read_more()? == 0 {
                return Err(self.damaged(format!("it ends after {} of {} keys", self.keys, self.head.keys)));
            }
        }
    }

    /// Reads more of the file; how many bytes, 0 at its end.
    fn read_more(&mut self) -> Result<usize, BackupError> {
        self.input.drain(..self.at);
        self.at = 0;
        let read = self.from.by_ref().take(READ).read_to_end(&mut self.input);
        read.map_err(BackupError::file(&self.path))
    }

    /// Goes on to the next command.
    fn pass(&mut self, length: usize) {
        self.sum.update(&self.input[self.at..self.at + length]);
        self.at += length;
    }

    fn damaged(&self, what: impl Into<String>) -> BackupError {
        BackupError::Damaged { path: self.path.display().to_string(), what: what.into() }
    }
}
