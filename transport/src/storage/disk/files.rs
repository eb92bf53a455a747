//! The file system operations that a store needs. They are few, so a test can replace them and lose unsynced data.

use super::error::StoreError;
use paxos_core::Contents;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// The suffix of a file's name until all of the file is durable.
pub(super) const UNFINISHED: &str = ".new";

/// The files of one directory. All methods block.
pub(super) trait Files: Clone + Send + 'static {
    type File: Send;

    /// Returns the names of all files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens an existing file.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Creates an empty file, which replaces an existing one.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Reads a whole file.
    fn read(&self, file: &Self::File) -> io::Result<Vec<u8>>;

    /// Returns the bytes of a file, which do not change. They can be read even after the file was renamed or removed.
    fn contents(&self, file: Self::File) -> Arc<dyn Contents>;

    /// Writes bytes into a file, which grows if they lie beyond its end.
    fn write(&self, file: &Self::File, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Syncs a file: everything written to it is durable when this returns.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Renames a file, and replaces the file that had the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Syncs the names: they are durable when this returns.
    fn sync_names(&self) -> io::Result<()>;

    /// Begins a job beside other work. The returned job waits for its end.
    fn aside(&self, job: Job) -> Job;
}

/// A job that runs once.
pub(super) type Job = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// Holds the lock file until it is dropped.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that was just forked may also hold the file, until it executes another program. If unlocking fails,
        // the system releases the lock when all have closed the file.
        drop(self.0.unlock());
    }
}

/// A file that is only read, and closed on drop. It does not keep other processes from using the directory.
struct Kept(Option<File>);

impl Drop for Kept {
    fn drop(&mut self) {
        // If the file has no name any more, the file system takes time to free it. If no thread can be spawned, the
        // file is closed here.
        let file = self.0.take();
        drop(thread::Builder::new().name("paxos-close".into()).spawn(|| drop(file)));
    }
}

impl Contents for Kept {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.as_ref().map_or(Ok(0), |file| read_at(file, offset, into))
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

#[cfg(windows)]
fn read_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, offset)
}

/// A directory of the file system, which no other process uses at the same time.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    dir: PathBuf,
    _lock: Arc<Lock>,
}

impl Directory {
    /// Locks the directory, and creates it first if `create` allows that.
    pub(super) fn lock(dir: &Path, create: bool) -> Result<Self, StoreError> {
        if create {
            make_durably(dir)?;
        }
        let path = dir.join("lock");
        let opened = File::options().read(true).write(true).create(create).truncate(false).open(&path);
        let lock = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Empty { path: dir.to_owned() });
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(StoreError::NotDirectory { path: dir.to_owned() });
            }
            opened => opened.map_err(StoreError::io(&path))?,
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: Arc::new(Lock(lock)) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Creates a directory and its missing ancestors, so that none of them is gone after a power loss.
fn make_durably(dir: &Path) -> Result<(), StoreError> {
    let above = |dir: &Path| dir.parent().map(Path::to_owned).filter(|dir| !dir.as_os_str().is_empty());
    // `dir` itself may exist without being durable, if a former process was killed before it synced the name.
    let mut made = vec![dir];
    made.extend(dir.ancestors().skip(1).take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()));
    fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
    for dir in made.into_iter().rev() {
        let above = above(dir).unwrap_or_else(|| ".".into());
        match sync_dir(&above) {
            // Only the owner can sync a directory that existed before.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced.map_err(StoreError::io(&above))?,
        }
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    // Other systems have no such call; their file systems keep names in order.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

impl Files for Directory {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        // A name that is not Unicode is not the store's.
        fs::read_dir(&self.dir)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn open(&self, name: &str) -> io::Result<File> {
        File::options().read(true).write(true).open(self.path(name))
    }

    fn create(&self, name: &str) -> io::Result<File> {
        File::options().read(true).write(true).create(true).truncate(true).open(self.path(name))
    }

    fn read(&self, mut file: &File) -> io::Result<Vec<u8>> {
        io::Seek::rewind(&mut file)?;
        let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn contents(&self, file: File) -> Arc<dyn Contents> {
        Arc::new(Kept(Some(file)))
    }

    #[cfg(unix)]
    fn write(&self, file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
    }

    #[cfg(not(unix))]
    fn write(&self, mut file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
        io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
        io::Write::write_all(&mut file, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_dir(&self.dir)
    }

    fn aside(&self, job: Job) -> Job {
        match thread::Builder::new().name("paxos-files".into()).spawn(job) {
            Ok(thread) => Box::new(|| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a thread has panicked: see its message")))
            }),
            Err(error) => Box::new(|| Err(error)),
        }
    }
}
