//! A file system in memory that knows which data is durable, and can crash at any step.

use crate::storage::disk::block::{PAGE, SECTOR};
use crate::storage::disk::files::{Files, Job};
use paxos_core::{Bytes, Contents};
use rand_chacha::ChaCha8Rng;
use rand_core::RngCore;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file system. Clones are handles to the same one.
#[derive(Clone, Default)]
pub(super) struct Double(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    files: Vec<Content>,
    /// Each name, with its file's index in `files`.
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Changes of names that are not synced.
    renamed: Vec<Change>,
    /// All writes, oldest first.
    written: Vec<Written>,
    /// The number of steps so far.
    steps: usize,
    crash_at: Option<usize>,
    crashed: bool,
    /// Whether the system starts no thread.
    threadless: bool,
    /// Pages of files that cannot be read until they are written again.
    bad: BTreeSet<(usize, usize)>,
    /// Whether files that are only read cannot be read.
    unreadable: bool,
    /// The most bytes that the files that have names may have together.
    space: Option<usize>,
    /// The number of syncs of files so far, and the one that fails.
    syncs: usize,
    fails: Option<usize>,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync.
    waiting: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone)]
enum Change {
    Named(String, usize),
    Renamed(String, String),
    Removed(String),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Named(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Renamed(from, to) => {
                let file = names.remove(from).expect("it was there when this was asked for");
                names.insert(to.clone(), file);
            }
            Self::Removed(name) => drop(names.remove(name)),
        }
    }
}

/// One write, and the bytes that it replaced.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) file: usize,
    pub(super) at: usize,
    pub(super) before: Vec<u8>,
    pub(super) after: Vec<u8>,
}

/// All files at rest.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

impl Double {
    /// Creates a file system with these files, all durable.
    pub(super) fn of(image: &Image) -> Self {
        let double = Self::default();
        {
            let mut world = double.world();
            for (name, bytes) in image {
                let file = world.files.len();
                world.files.push(Content { now: bytes.clone(), durable: bytes.clone(), waiting: Vec::new() });
                world.names.insert(name.clone(), file);
            }
            world.durable = world.names.clone();
        }
        double
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of steps so far.
    pub(super) fn steps(&self) -> usize {
        self.world().steps
    }

    /// Makes the file system crash in this step, counted from the first.
    pub(super) fn crash_at(&self, step: usize) {
        self.world().crash_at = Some(step);
    }

    /// Lets the system start threads for work beside other writes, or none.
    pub(super) fn allow_threads(&self, allowed: bool) {
        self.world().threadless = !allowed;
    }

    /// Fills the disk, or frees it.
    pub(super) fn set_full(&self, full: bool) {
        self.world().space = full.then_some(0);
    }

    /// Makes the page at this position of a file unreadable.
    pub(super) fn spoil(&self, name: &str, at: usize) {
        let mut world = self.world();
        let file = world.names[name];
        world.bad.insert((file, at / PAGE));
    }

    /// Makes reading fail, or work again.
    pub(super) fn set_unreadable(&self, unreadable: bool) {
        self.world().unreadable = unreadable;
    }

    /// Bounds the length of all files together.
    pub(super) fn set_space(&self, space: usize) {
        self.world().space = Some(space);
    }

    /// The number of syncs of files so far.
    pub(super) fn syncs(&self) -> usize {
        self.world().syncs
    }

    /// Makes a sync of a file fail, counted from the next one. As with real systems, what it should have made durable can be
    /// read afterwards, and no later sync makes it durable.
    pub(super) fn fail_sync(&self, nth: usize) {
        let mut world = self.world();
        world.fails = Some(world.syncs + nth);
    }

    /// Kills the process: its further steps have no effect.
    pub(super) fn kill(&self) {
        self.world().crashed = true;
    }

    /// Starts a new process after a kill or a crash without a power loss: it sees all writes, synced or not.
    pub(super) fn start_again(&self) {
        let mut world = self.world();
        (world.crashed, world.crash_at) = (false, None);
    }

    /// Returns all files.
    pub(super) fn image(&self) -> Image {
        let world = self.world();
        world.names.iter().map(|(name, file)| (name.clone(), world.files[*file].now.clone())).collect()
    }

    /// Returns the writes to files that still exist, oldest first, with the names of the files.
    pub(super) fn written(&self) -> Vec<(String, Written)> {
        let world = self.world();
        let name = |file| world.names.iter().find(|(_, at)| **at == file).map(|(name, _)| name.clone());
        world.written.iter().filter_map(|w| Some((name(w.file)?, w.clone()))).collect()
    }

    /// Returns the content of a file if the write at this index had gone to `to`, in its turn or, if `late`, after the
    /// next write.
    pub(super) fn misplaced(written: &[(String, Written)], index: usize, to: usize, late: bool) -> Vec<u8> {
        let file = written[index].1.file;
        let mut order: Vec<usize> =
            (0..written.len()).filter(|place| written[*place].1.file == file).collect();
        if let Some(turn) =
            order.iter().position(|place| *place == index).filter(|turn| late && turn + 1 < order.len())
        {
            order.swap(turn, turn + 1);
        }
        let mut bytes = Vec::new();
        for place in order {
            let write = &written[place].1;
            if place == index {
                // A misplaced write does not extend the file.
                let room = bytes.get_mut(to..).unwrap_or_default();
                let length = write.after.len().min(room.len());
                room[..length].copy_from_slice(&write.after[..length]);
            } else {
                put(&mut bytes, write.at, &write.after);
            }
        }
        bytes
    }

    /// Returns all manifests that were ever written.
    pub(super) fn manifests(&self) -> Vec<Vec<u8>> {
        let world = self.world();
        world.files.iter().map(|file| file.now.clone()).filter(|bytes| bytes.starts_with(b"{")).collect()
    }

    /// Returns what is left after a power loss: all synced data, and a random part of the rest, sector by sector.
    pub(super) fn after_crash(&self, random: &mut ChaCha8Rng) -> Image {
        let world = self.world();
        let mut names = world.durable.clone();
        let kept = random.next_u32() as usize % (world.renamed.len() + 1);
        for change in &world.renamed[..kept] {
            change.apply(&mut names);
        }
        let mut left = |content: &Content| {
            let mut bytes = content.durable.clone();
            // All, nothing, whole writes in any order, or sectors of them.
            let mode = random.next_u32() % 4;
            for (at, after) in &content.waiting {
                let whole = match mode {
                    0 => Some(true),
                    1 => Some(false),
                    2 => Some(random.next_u32().is_multiple_of(2)),
                    _ => None,
                };
                for (place, sector) in after.chunks(SECTOR).enumerate() {
                    if whole.unwrap_or_else(|| random.next_u32().is_multiple_of(2)) {
                        put(&mut bytes, at + place * SECTOR, sector);
                    }
                }
            }
            bytes
        };
        names.into_iter().map(|(name, file)| (name, left(&world.files[file]))).collect()
    }

    /// Takes one more step; an error if the file system has crashed or crashes now. `half` runs in the crash.
    fn step(&self, half: impl FnOnce(&mut World)) -> io::Result<MutexGuard<'_, World>> {
        let mut world = self.world();
        if world.crashed {
            return Err(io::Error::other("the power is gone"));
        }
        world.steps += 1;
        if world.crash_at == Some(world.steps) {
            world.crashed = true;
            half(&mut world);
            return Err(io::Error::other("the power went"));
        }
        Ok(world)
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, some: &[u8]) {
    if bytes.len() < at + some.len() {
        bytes.resize(at + some.len(), 0);
    }
    bytes[at..at + some.len()].copy_from_slice(some);
}

impl World {
    fn rename(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.renamed.push(change);
    }

    fn there(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Whether the disk has no room for a file of this length.
    fn is_full(&self, file: usize, length: usize) -> bool {
        let used: usize = self.names.values().map(|file| self.files[*file].now.len()).sum();
        let more = length.saturating_sub(self.files[file].now.len());
        self.space.is_some_and(|space| more > 0 && used + more > space)
    }

    /// Whether one of these bytes of a file cannot be read.
    fn is_bad(&self, file: usize, at: usize, length: usize) -> bool {
        self.bad.range((file, at / PAGE)..(file, (at + length).div_ceil(PAGE))).next().is_some()
    }

    fn write(&mut self, file: usize, at: usize, bytes: &[u8]) {
        let whole = (file, at.div_ceil(PAGE))..(file, (at + bytes.len()) / PAGE);
        self.bad.retain(|page| !whole.contains(page));
        let content = &mut self.files[file];
        let before =
            content.now.get(at..(at + bytes.len()).min(content.now.len())).unwrap_or_default().to_vec();
        put(&mut content.now, at, bytes);
        content.waiting.push((at, bytes.to_vec()));
        self.written.push(Written { file, at, before, after: bytes.to_vec() });
    }
}

/// A file that is only read.
struct Kept(Double, usize);

impl Contents for Kept {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = self.0.world();
        if world.unreadable || world.is_bad(self.1, offset as usize, into.len()) {
            return Err(io::Error::other("the disk is broken"));
        }
        Bytes::from(&world.files[self.1].now[..]).read_at(offset, into)
    }
}

impl Files for Double {
    type File = usize;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<usize> {
        self.world().there(name)
    }

    fn create(&self, name: &str) -> io::Result<usize> {
        let mut world = self.step(|_| ())?;
        let file = world.files.len();
        world.files.push(Content::default());
        world.rename(Change::Named(name.into(), file));
        Ok(file)
    }

    fn read(&self, file: &usize) -> io::Result<Vec<u8>> {
        let world = self.world();
        if world.is_bad(*file, 0, world.files[*file].now.len()) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(world.files[*file].now.clone())
    }

    fn contents(&self, file: usize) -> Arc<dyn Contents> {
        Arc::new(Kept(self.clone(), file))
    }

    fn write(&self, file: &usize, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.world().is_full(*file, at as usize + bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.step(|world| world.write(*file, at as usize, bytes))?.write(*file, at as usize, bytes);
        Ok(())
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        let mut world = self.step(|_| ())?;
        world.syncs += 1;
        let fails = world.fails == Some(world.syncs);
        let Content { durable, waiting, .. } = &mut world.files[*file];
        let waiting = std::mem::take(waiting);
        if fails {
            return Err(io::Error::other("the disk is broken"));
        }
        for (at, bytes) in waiting {
            put(durable, at, &bytes);
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.world().there(from)?;
        let change = Change::Renamed(from.into(), to.into());
        self.step(|world| world.rename(change.clone()))?.rename(change);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.world().there(name)?;
        let change = Change::Removed(name.into());
        self.step(|world| world.rename(change.clone()))?.rename(change);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut world = self.step(|_| ())?;
        world.durable = world.names.clone();
        world.renamed.clear();
        Ok(())
    }

    /// The job runs at once, so that the steps of a history are always the same.
    fn aside(&self, job: Job) -> Job {
        if self.world().threadless {
            return Box::new(|| Err(io::ErrorKind::WouldBlock.into()));
        }
        let done = job();
        Box::new(|| done)
    }
}
