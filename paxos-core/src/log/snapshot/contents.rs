//! The storage of a snapshot's bytes, and reading and writing them piece by piece.

use super::Digest;
use crate::Bytes;
use std::io::{self, BufReader, Read, Write};
use xxhash_rust::xxh3::Xxh3;

/// The number of bytes in which snapshots are read at a time.
pub(super) const PIECE: usize = 1 << 18;

/// The bytes of a snapshot, which do not change while a handle to them exists: [`Bytes`] in memory, or a file.
pub trait Contents: Send + Sync {
    /// Reads bytes from `offset` on into `into`, as many as fit or fewer. Returns the number; it is 0 only at the end.
    ///
    /// # Errors
    /// An error if they cannot be read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl Contents for Bytes {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// Reads the contents in order.
pub(super) struct Reader<'a> {
    contents: &'a dyn Contents,
    offset: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(contents: &'a dyn Contents, offset: u64) -> Self {
        Self { contents, offset }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.contents.read_at(self.offset, into)?;
        self.offset += length as u64;
        Ok(length)
    }
}

/// Reads in order, and computes the length and checksum of what it has read.
pub(super) struct Summing<R> {
    from: R,
    length: u64,
    hasher: Box<Xxh3>,
}

impl<R: Read> Summing<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, length: 0, hasher: Box::default() }
    }

    /// Reads the rest, and returns the length and checksum of everything.
    pub(super) fn finish(mut self) -> io::Result<(u64, Digest)> {
        io::copy(&mut self, &mut io::sink())?;
        Ok((self.length, Digest(self.hasher.digest128())))
    }
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        self.hasher.update(&into[..length]);
        self.length += length as u64;
        Ok(length)
    }
}

/// Fills `into` with the bytes from `offset` on. Returns whether there were enough.
pub(super) fn fill(contents: &dyn Contents, offset: u64, into: &mut [u8]) -> io::Result<bool> {
    match Reader::new(contents, offset).read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the length and checksum of all bytes.
pub(super) fn sum(contents: &dyn Contents) -> io::Result<(u64, Digest)> {
    Summing::new(BufReader::with_capacity(PIECE, Reader::new(contents, 0))).finish()
}

/// Passes bytes on, and computes their length and checksum.
pub(super) struct Digesting<'a> {
    out: &'a mut dyn Write,
    length: u64,
    hasher: Box<Xxh3>,
}

impl<'a> Digesting<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, length: 0, hasher: Box::default() }
    }

    /// Returns the length and checksum of all that was written.
    pub(super) fn finish(self) -> (u64, Digest) {
        (self.length, Digest(self.hasher.digest128()))
    }
}

impl Write for Digesting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.out.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        self.length += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
