//! The sums of finished blocks of runs as JSON lines: a soak that was stopped goes on behind the last one, and the shares of
//! several machines are put together.

use super::{About, SoakError, Tally};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The runs of a block.
pub(super) const BLOCK: u64 = 1000;

/// A line of a journal: the sum of a block, with everything that it depends on.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    about: About,
    /// The number of the block in its share, counted from 0.
    block: u64,
    tally: Tally,
}

/// The finished blocks of a share, and the file to which further ones are added.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    about: About,
    done: BTreeMap<u64, Tally>,
}

impl Journal {
    /// Opens or creates the journal of a share.
    pub(super) fn open(path: &Path, about: &About) -> Result<Self, SoakError> {
        let failed = |source: io::Error| SoakError::file(path, &source);
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(SoakError::unfit(path, "another soak writes to it: wait for its end"));
        }
        let (lines, length) = read(path)?;
        // A line that was cut when the program was stopped is written again.
        file.set_len(length).map_err(failed)?;
        let mut done = BTreeMap::new();
        for line in lines {
            if let Some(difference) = line.about.difference(about) {
                let why = format!("it has results of {difference}: name another file");
                return Err(SoakError::unfit(path, why));
            }
            done.insert(line.block, line.tally);
        }
        Ok(Self { path: path.to_owned(), file, about: about.clone(), done })
    }

    /// The sum of a block, if it is finished.
    pub(super) fn block(&self, block: u64) -> Option<&Tally> {
        self.done.get(&block)
    }

    /// Adds a block.
    pub(super) fn add(&mut self, block: u64, tally: &Tally) -> Result<(), SoakError> {
        let line = Line { about: self.about.clone(), block, tally: tally.clone() };
        let mut text =
            serde_json::to_vec(&line).map_err(|why| SoakError::unfit(&self.path, why.to_string()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(|source| SoakError::file(&self.path, &source))
    }
}

/// The lines of a file, and where the last whole one ends.
fn read(path: &Path) -> Result<(Vec<Line>, u64), SoakError> {
    let bytes = fs::read(path).map_err(|source| SoakError::file(path, &source))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut lines = Vec::new();
    for (text, nth) in bytes[..whole].split(|byte| *byte == b'\n').filter(|text| !text.is_empty()).zip(1..) {
        let line = serde_json::from_slice(text);
        lines.push(line.map_err(|why| SoakError::unfit(path, format!("line {nth} is damaged: {why}")))?);
    }
    Ok((lines, whole as u64))
}

/// Puts the journals of all shares together.
///
/// # Errors
/// [`SoakError`] if a share or a block is missing, or results are of different builds, seeds or options.
pub(super) fn merge(files: &[PathBuf]) -> Result<Tally, SoakError> {
    let mut blocks: BTreeMap<(u64, u64), Tally> = BTreeMap::new();
    let mut first: Option<About> = None;
    for path in files {
        let (lines, _) = read(path)?;
        if lines.is_empty() {
            return Err(SoakError::unfit(path, "no block of it is finished"));
        }
        for line in lines {
            let share = line.about.shard;
            let first = first.get_or_insert_with(|| line.about.clone());
            let same = About { shard: (first.shard.0, share.1), ..line.about };
            if let Some(difference) = same.difference(first) {
                return Err(SoakError::unfit(path, format!("it has results of {difference}")));
            }
            blocks.insert((share.0, line.block), line.tally);
        }
    }
    let Some(first) = first else { return Err(SoakError::Missing("name a journal".to_owned())) };
    let (seeds, shares) = (first.seeds.1 - first.seeds.0, first.shard.1);
    for k in 1..=shares {
        let wanted = seeds.saturating_sub(k - 1).div_ceil(shares).div_ceil(BLOCK);
        let there = blocks.range((k, 0)..=(k, u64::MAX)).count() as u64;
        if there < wanted {
            let missing = format!("{} of {wanted} blocks of share {k}/{shares} are missing", wanted - there);
            return Err(SoakError::Missing(missing));
        }
    }
    let mut sum = Tally::default();
    for tally in blocks.into_values() {
        sum.join(tally);
    }
    sum.failures.sort_by_key(|failure| failure.seed);
    Ok(Tally { about: Some(About { shard: (1, 1), ..first }), ..sum })
}
