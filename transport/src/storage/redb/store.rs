//! The directory, and the database in it. All of this blocks.

use super::block::{self, Block};
use super::error::{OfRedb, StoreError};
use super::marker::{Marker, sync_dir};
use super::pieces;
use super::witness::{Seen, Witness};
use crate::identity::Identity;
use paxos_core::{Digest, NodeId, Snapshot, StoreMark};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

const STATE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("state");
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");

/// The longest row that the database takes. A snapshot has several.
const LONGEST: usize = 3 << 30;

/// Where in its table the state is.
const ONLY: u64 = 0;

/// What the database holds of its own file in memory.
const CACHE: usize = 32 << 20;

/// What each write changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct State {
    /// Whose records these are; the marker beside says so as well.
    cluster: String,
    node: NodeId,
    variant: String,
    /// What tells it from every other store ([`StoreMark::id`]).
    id: u128,
    /// How often it was written to.
    writes: u64,
    /// How often it was loaded.
    lives: u32,
    /// The number of the first block that is kept.
    first: u64,
    /// The number of the next block.
    next: u64,
    /// The check of all that lies before the first block.
    base: Digest,
    /// The same, continued over every block that is kept.
    chain: Digest,
    /// The check of the snapshot, if there is one.
    snapshot: Option<Digest>,
}

impl State {
    fn new(identity: &Identity, id: u128) -> Self {
        let Identity { cluster, node, variant, .. } = identity.clone();
        let (base, chain) = (Digest::default(), Digest::default());
        Self {
            cluster,
            node,
            variant,
            id,
            writes: 0,
            lives: 0,
            first: 0,
            next: 0,
            base,
            chain,
            snapshot: None,
        }
    }

    /// As it is stored, with what the witness is told of it.
    fn seal(&self) -> Result<(Vec<u8>, Seen), String> {
        let content = postcard::to_allocvec(self).map_err(|error| error.to_string())?;
        let (bytes, state) = Block::of(&content).seal(self.writes);
        Ok((bytes, Seen { writes: self.writes, state }))
    }
}

/// What is loaded: the number of this life, the store with its writes, the snapshot, the records.
type Loaded<R> = (u32, StoreMark, Option<Snapshot>, Vec<R>);

/// Reads the records of a block, or says why it cannot.
type Decode<R> = fn(&[u8]) -> Result<Vec<R>, &'static str>;

/// An open store.
pub(super) struct Store {
    dir: PathBuf,
    file: PathBuf,
    database: Database,
    witness: Witness,
    state: State,
    /// A write failed, so that what is on disk is not known any more.
    failed: bool,
    /// Last, so that it is given up when the database is closed.
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`; a new one, if there is none and `create` allows it.
    pub(super) fn open(dir: &Path, identity: &Identity, create: bool) -> Result<Self, StoreError> {
        if create {
            fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
        }
        let lock = lock(dir)?;
        let [marker, file, witness] = ["identity", "store.redb", "witness"].map(|name| dir.join(name));
        match Marker::read(&marker)? {
            Some(found) => {
                found.check(identity, &marker)?;
                if !found.ready {
                    Self::create(identity, &marker, &file, &witness)?;
                }
            }
            None if file.exists() || witness.exists() => return Err(StoreError::Missing { path: marker }),
            None if create => Self::create(identity, &marker, &file, &witness)?,
            None => return Err(StoreError::Empty { path: dir.to_owned() }),
        }
        let witness = Witness::open(&witness)?;
        match fs::metadata(&file) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { path: file });
            }
            Err(error) => return Err(StoreError::io(&file)(error)),
        }
        let database = guarded(&file, || open_database(&file))?;
        let state = guarded(&file, || read_state(&database, &file))?;
        let mut store =
            Self { dir: dir.to_owned(), file, database, witness, state, failed: false, _lock: lock };
        store.believe(identity)?;
        Ok(store)
    }

    /// A store in which nothing was promised yet. If it is not finished, it is begun anew the next time.
    fn create(identity: &Identity, marker: &Path, file: &Path, witness: &Path) -> Result<(), StoreError> {
        Marker::new(identity, false).write(marker)?;
        match fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io(file)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut witness = Witness::create(witness)?;
        let database = redb::Builder::new().set_cache_size(CACHE).create(file).at(file)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| StoreError::Io {
            path: file.to_owned(),
            source: std::io::Error::other(format!("the system gives no random numbers: {error}")),
        })?;
        let state = State { writes: 1, ..State::new(identity, u128::from_le_bytes(id)) };
        let (bytes, seen) = state.seal().map_err(|what| StoreError::damaged(file, what))?;
        let writing = begin(&database, file)?;
        put(&writing, STATE, ONLY, &bytes, file)?;
        writing.open_table(BLOCKS).at(file)?;
        pieces::create(&writing, file)?;
        writing.commit().at(file)?;
        drop(database);
        witness.write(seen)?;
        if let Some(dir) = file.parent() {
            sync_dir(dir).map_err(StoreError::io(dir))?;
        }
        Marker::new(identity, true).write(marker)
    }

    /// Whether the database is as new as it was told to be durable, and of the right process.
    fn believe(&mut self, identity: &Identity) -> Result<(), StoreError> {
        let Identity { cluster, node, variant, .. } = identity;
        if (&self.state.cluster, &self.state.node, &self.state.variant) != (cluster, node, variant) {
            let found = format!("{} of cluster {:?}", self.state.node, self.state.cluster);
            let wanted = format!("{node} of cluster {cluster:?}");
            return Err(StoreError::Foreign { path: self.file.clone(), found, wanted });
        }
        let promised = self.witness.read()?;
        let (_, found) = self.state.seal().map_err(|what| StoreError::damaged(&self.file, what))?;
        if found == promised {
            return Ok(());
        }
        if found.writes < promised.writes {
            let (path, found, promised) = (self.file.clone(), found.writes, promised.writes);
            return Err(StoreError::RolledBack { path, found, promised });
        }
        // The process ended between the two, so that nobody was told of the last write. Or the newer copy of the
        // witness is damaged; then the database is complete all the same.
        if found.writes == promised.writes + 1 {
            return self.witness.write(found);
        }
        let what =
            format!("it tells of write {}, the witness beside it of {}", found.writes, promised.writes);
        Err(StoreError::damaged(&self.file, what))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins a new life, with all that was stored.
    pub(super) fn load<R>(&mut self, decode: Decode<R>) -> Result<Loaded<R>, StoreError> {
        let (snapshot, records) = guarded(&self.file, || self.read(decode))?;
        let session = self.state.lives;
        let lives = session
            .checked_add(1)
            .ok_or_else(|| StoreError::damaged(&self.file, "it was loaded more often than can be counted"))?;
        self.write(State { lives, ..self.state.clone() }, |_, _| Ok(()))?;
        Ok((session, StoreMark { id: self.state.id, writes: self.state.writes }, snapshot, records))
    }

    fn read<R>(&self, decode: Decode<R>) -> Result<(Option<Snapshot>, Vec<R>), StoreError> {
        let (file, state) = (&self.file, &self.state);
        let damaged = |what: String| StoreError::damaged(file, what);
        let reading = self.database.begin_read().at(file)?;
        let snapshot = match (pieces::read(&reading, file)?, state.snapshot) {
            (None, None) => None,
            (Some((content, found)), Some(check)) => {
                (found == check).then_some(()).ok_or_else(|| damaged("its snapshot is another".into()))?;
                Some(Snapshot::decode(content).map_err(|e| damaged(e.to_string()))?)
            }
            (Some(_), None) => return Err(damaged("it holds a snapshot that was never stored".into())),
            (None, Some(_)) => return Err(damaged("its snapshot is missing".into())),
        };
        let (mut next, mut chain, mut records) = (state.first, state.base, Vec::new());
        for entry in reading.open_table(BLOCKS).at(file)?.iter().at(file)? {
            let (number, bytes) = entry.at(file)?;
            if number.value() != next {
                return Err(damaged(format!("block {next} is missing")));
            }
            let (content, check) = block::unseal(next, bytes.value()).map_err(damaged)?;
            let some = decode(content)
                .map_err(|why| damaged(format!("the records of block {next} cannot be read: {why}")))?;
            records.extend(some);
            chain = block::chain(chain, check);
            next += 1;
        }
        if (next, chain) == (state.next, state.chain) {
            Ok((snapshot, records))
        } else {
            Err(damaged(format!("it should have blocks up to {}, and has them up to {next}", state.next)))
        }
    }

    /// Adds a block.
    pub(super) fn append(&mut self, block: Block) -> Result<(), StoreError> {
        let mut state = self.state.clone();
        let (number, bytes) = self.follow(&mut state, block)?;
        self.write(state, |writing, file| put(writing, BLOCKS, number, &bytes, file))
    }

    /// Puts a snapshot and a block in the place of all that is there.
    pub(super) fn install(&mut self, snapshot: &Snapshot, block: Block) -> Result<(), StoreError> {
        let check = pieces::check(snapshot.bytes());
        let mut state = self.state.clone();
        state.snapshot = Some(check);
        state.first = state.next;
        state.base = block::chain(state.chain, check);
        state.chain = state.base;
        let added = if block.is_empty { None } else { Some(self.follow(&mut state, block)?) };
        self.write(state, |writing, file| {
            pieces::write(writing, snapshot.bytes(), file)?;
            writing.delete_table(BLOCKS).at(file)?;
            writing.open_table(BLOCKS).at(file)?;
            added.map_or(Ok(()), |(number, bytes)| put(writing, BLOCKS, number, &bytes, file))
        })
    }

    /// Counts one more block; its number and its bytes. One that the database cannot take is refused before anything is
    /// written, so that the store stays of use.
    fn follow(&self, state: &mut State, block: Block) -> Result<(u64, Vec<u8>), StoreError> {
        if block.len() > LONGEST {
            return Err(StoreError::TooLarge { path: self.file.clone(), bytes: block.len() });
        }
        let number = state.next;
        let (bytes, check) = block.seal(number);
        state.next += 1;
        state.chain = block::chain(state.chain, check);
        Ok((number, bytes))
    }

    /// One write: what `change` puts into the database, and the state that it leads to, all or nothing; then the witness.
    fn write(
        &mut self,
        state: State,
        change: impl FnOnce(&WriteTransaction, &Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.failed {
            let source = std::io::Error::other("an earlier write failed");
            return Err(StoreError::Io { path: self.file.clone(), source });
        }
        self.failed = true;
        let state = State { writes: self.state.writes + 1, ..state };
        let (bytes, seen) = state.seal().map_err(|what| StoreError::damaged(&self.file, what))?;
        let writing = begin(&self.database, &self.file)?;
        change(&writing, &self.file)?;
        put(&writing, STATE, ONLY, &bytes, &self.file)?;
        writing.commit().at(&self.file)?;
        self.witness.write(seen)?;
        self.state = state;
        self.failed = false;
        Ok(())
    }
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = match opened {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Empty { path: dir.to_owned() });
        }
        opened => opened.map_err(StoreError::io(&path))?,
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
    }
}

fn open_database(file: &Path) -> Result<Database, StoreError> {
    redb::Builder::new().set_cache_size(CACHE).set_check_integrity_on_open(true).open(file).at(file)
}

fn read_state(database: &Database, file: &Path) -> Result<State, StoreError> {
    let reading = database.begin_read().at(file)?;
    let kept = reading.open_table(STATE).at(file)?.get(ONLY).at(file)?;
    let kept = kept.ok_or_else(|| StoreError::damaged(file, "its state is missing"))?;
    // The number under which it was sealed is in it.
    let bytes = kept.value();
    let state = bytes.get(block::HEADER..).and_then(|content| postcard::from_bytes::<State>(content).ok());
    let state = state.ok_or_else(|| StoreError::damaged(file, "its state cannot be read"))?;
    block::unseal(state.writes, bytes)
        .map_err(|what| StoreError::damaged(file, format!("its state: {what}")))?;
    Ok(state)
}

fn begin(database: &Database, file: &Path) -> Result<WriteTransaction, StoreError> {
    let mut writing = database.begin_write().at(file)?;
    writing.set_two_phase_commit(true);
    Ok(writing)
}

fn put(
    writing: &WriteTransaction,
    table: TableDefinition<'_, u64, &[u8]>,
    key: u64,
    value: &[u8],
    file: &Path,
) -> Result<(), StoreError> {
    writing.open_table(table).at(file)?.insert(key, value).at(file)?;
    Ok(())
}

/// A database that is damaged in a way that it does not expect may panic; that is an error as any other.
fn guarded<T>(file: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::damaged(file, "the database cannot make sense of it")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use paxos_core::{Bytes, Sections, Slot};

    fn new(dir: &Path) -> Store {
        let (cluster, variant) = ("test".into(), "toy".into());
        let identity = Identity { cluster, node: NodeId(1), variant, configuration: Digest(7) };
        Store::open(dir, &identity, true).expect("opens")
    }

    fn snapshot(bytes: usize) -> Snapshot {
        let machine = Bytes::from((0..bytes).map(|at| (at / 1000) as u8).collect::<Vec<_>>());
        let (sessions, membership) = (Bytes::empty(), Bytes::empty());
        Snapshot::new(&Sections { next: Slot(3), machine, sessions, membership })
    }

    #[test]
    fn a_snapshot_of_any_length_is_kept_in_short_rows() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = new(dir.path());
        let none = |_: &[u8]| Ok(Vec::<u8>::new());
        for bytes in [3 * pieces::PIECE, 100, pieces::PIECE + 1] {
            let snapshot = snapshot(bytes);
            let block = Block::encode::<u8>(&[]).expect("nothing");
            store.install(&snapshot, block).expect("written");
            let reading = store.database.begin_read().expect("reads");
            let rows = TableDefinition::<u64, &[u8]>::new("snapshot");
            let rows = reading.open_table(rows).expect("there");
            let lengths: Vec<usize> =
                rows.iter().expect("reads").map(|row| row.expect("a row").1.value().len()).collect();
            assert!(lengths.len() > bytes / pieces::PIECE, "{lengths:?}");
            assert!(lengths.iter().all(|length| *length <= pieces::PIECE + block::HEADER), "{lengths:?}");
            drop(reading);
            let (_, _, found, _) = store.load(none).expect("whole");
            assert!(found.is_some_and(|found| found.bytes() == snapshot.bytes()));
            drop(store);
            store = new(dir.path());
        }
    }

    #[test]
    fn pieces_that_are_missing_or_in_the_place_of_others_are_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = new(dir.path());
        let block = Block::encode::<u8>(&[]).expect("nothing");
        store.install(&snapshot(3 * pieces::PIECE), block).expect("written");
        let rows = TableDefinition::<u64, &[u8]>::new("snapshot");
        let change = |from: u64, to: Option<u64>| {
            let writing = store.database.begin_write().expect("writes");
            {
                let mut table = writing.open_table(rows).expect("there");
                let piece = table.remove(from).expect("writes").map(|row| row.value().to_vec());
                let piece = piece.expect("it was there");
                if let Some(to) = to {
                    table.insert(to, &piece[..]).expect("writes");
                }
            }
            writing.commit().expect("writes");
        };
        let none = |_: &[u8]| Ok(Vec::<u8>::new());
        change(3, None);
        assert!(matches!(store.read(none), Err(StoreError::Damaged { .. })), "the last is missing");
        change(2, Some(3));
        assert!(matches!(store.read(none), Err(StoreError::Damaged { .. })), "one is missing within");
        change(3, Some(1));
        assert!(matches!(store.read(none), Err(StoreError::Damaged { .. })), "one is another's");
    }

    #[test]
    fn what_the_database_cannot_take_is_no_damage_and_the_store_goes_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = new(dir.path());
        // Its memory is never touched.
        let refused = store.append(Block::zeros(LONGEST + 1));
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
        store.append(Block::encode(&[1_u8]).expect("a number")).expect("it goes on");
        let error = redb::Error::ValueTooLarge(LONGEST + 1);
        assert!(matches!(StoreError::of_redb(dir.path(), error), StoreError::TooLarge { .. }));
    }
}
