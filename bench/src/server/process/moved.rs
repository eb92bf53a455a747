//! Where all were when this member last ran: an address that has changed since may be a mistake in the cluster's file.

use crate::server::file::durable;
use crate::server::{ClusterFile, Place};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::{fs, io};

/// What is kept in the directory of a member.
#[derive(Serialize, Deserialize)]
struct Known {
    places: Vec<Place>,
}

/// A process whose address has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) id: u16,
    /// `peer` or `resp`.
    pub(super) what: &'static str,
    pub(super) before: String,
    pub(super) now: String,
}

/// Who has moved since this was last asked for `dir`; of a process that was not known then, nothing is told.
///
/// # Errors
/// If the file in the directory cannot be read or written.
pub(super) fn since(dir: &Path, file: &ClusterFile) -> io::Result<Vec<Moved>> {
    let path = dir.join("addresses");
    let known: Vec<Place> = match fs::read(&path) {
        Ok(bytes) => read(&String::from_utf8_lossy(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut moved = Vec::new();
    for (Place { id, peer, resp }, now) in known.into_iter().filter_map(|place| {
        let now = file.place(place.id)?;
        Some((place, now))
    }) {
        for (what, before, now) in [("peer", peer, &now.peer), ("resp", resp, &now.resp)] {
            if before != *now {
                moved.push(Moved { id, what, before, now: now.clone() });
            }
        }
    }
    let text =
        toml::to_string(&Known { places: file.places().cloned().collect() }).map_err(io::Error::other)?;
    durable::replace(&path, &text)?;
    Ok(moved)
}

/// What the file says. Nothing if it was damaged: it is written anew.
fn read(text: &str) -> Vec<Place> {
    match toml::from_str::<Known>(text) {
        Ok(known) => known.places,
        Err(error) => {
            let error = error.message();
            tracing::warn!(error, "`addresses` in --data cannot be read, so it is not known who has moved");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Waits;

    fn place(id: u16, peer: &str) -> Place {
        Place { id, peer: peer.into(), resp: String::new() }
    }

    #[test]
    fn an_address_that_changed_is_told_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let since = |members: &[Place]| {
            let (name, timeouts) = ("x".into(), Waits::default());
            let file = ClusterFile {
                name,
                members: members.to_vec(),
                spares: Vec::new(),
                tls: None,
                client_tls: None,
                timeouts,
            };
            since(dir.path(), &file).expect("it can be written")
        };
        assert_eq!(since(&[place(0, "a:1"), place(1, "b:1")]), []);
        assert_eq!(
            since(&[place(0, "a:1"), place(1, "b:1"), place(2, "c:1")]),
            [],
            "a new one has not moved"
        );
        let moved = Moved { id: 1, what: "peer", before: "b:1".into(), now: "b:2".into() };
        assert_eq!(since(&[place(0, "a:1"), place(1, "b:2"), place(2, "c:1")]), [moved]);
        assert_eq!(since(&[place(0, "a:1"), place(1, "b:2"), place(2, "c:1")]), []);
        // A file that a power loss has emptied is written anew.
        fs::write(dir.path().join("addresses"), "").expect("written");
        assert_eq!(since(&[place(0, "a:1"), place(1, "b:2")]), [], "nothing is known");
        assert_eq!(since(&[place(0, "a:1"), place(1, "b:1")]).len(), 1, "it is known again");
    }
}
