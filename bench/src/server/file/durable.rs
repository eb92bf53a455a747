//! Small files and directories that a power loss leaves as they were or as they were to be.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file in place of the former one, if there is one. All of it is durable when this returns.
pub(in crate::server) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = || {
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    // What is left of it takes space on a disk that may be full.
    written().inspect_err(|_| drop(fs::remove_file(&new)))?;
    sync_name(path)
}

/// Whether a file has nothing in it, as a power loss leaves one that was written in place and never synced.
pub(in crate::server) fn is_blank(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0))
}

/// Makes a directory and those above it that are missing. Their names are durable when this returns.
pub(in crate::server) fn make_dir(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists());
    let missing: Vec<_> = missing.collect();
    fs::create_dir_all(path)?;
    missing.into_iter().rev().try_for_each(sync_name)
}

/// Makes the name of a file or a directory durable.
pub(in crate::server) fn sync_name(path: &Path) -> io::Result<()> {
    // Other systems have no such call; their file systems keep names in order.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(dir_of(path)).and_then(|dir| dir.sync_all()) {
        // A directory that may be written and not read cannot be synced.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// The directory that a path is in.
pub(in crate::server) fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        let (deep, names) = (dir.path().join("a/b"), |dir: &Path| fs::read_dir(dir).expect("there").count());
        make_dir(&deep).expect("made");
        let path = deep.join("file");
        for text in ["first", "second"] {
            replace(&path, text).expect("written");
            assert_eq!((fs::read_to_string(&path).expect("text"), names(&deep)), (text.into(), 1));
        }
        // A directory takes the place of no file.
        replace(dir.path().join("a").as_path(), "text").expect_err("it is a directory");
        assert_eq!((names(dir.path()), names(&deep)), (1, 1), "nothing is left behind");
        assert!(!is_blank(&path) && !is_blank(&deep) && !is_blank(&deep.join("none")));
        for blank in [&b""[..], &[0; 9]] {
            fs::write(&path, blank).expect("written");
            assert!(is_blank(&path));
        }
    }
}
