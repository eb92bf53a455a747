//! Certificates that are renewed while a member runs: their files are looked at now and then.

use crate::server::Tls;
use core::fmt::Display;
use core::time::Duration;
use paxos_transport::{TcpHandle, TlsOptions};
use std::io;
use std::path::{Path, PathBuf};
use tokio::time::sleep;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// The files of a member, and what was in them.
pub(super) struct Certificates {
    files: Tls,
    id: u16,
    /// What was last tried, so that what is wrong is told once.
    tried: Result<TlsOptions, String>,
}

impl Certificates {
    /// Reads the files of member `id`, and what is to be used.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn read(files: &Tls, id: u16) -> io::Result<(Self, TlsOptions)> {
        let read = read(files, id)?;
        Ok((Self { files: files.clone(), id, tried: Ok(read.clone()) }, read))
    }

    /// Gives new certificates to a carrier for as long as it is there.
    pub(super) async fn keep(mut self, carrier: TcpHandle) {
        loop {
            sleep(LOOK).await;
            self.look(|new| carrier.renew(new));
        }
    }

    /// Takes up what has changed. What cannot be used is told, and what was there before stays in use.
    fn look<E: Display>(&mut self, renew: impl FnOnce(&TlsOptions) -> Result<(), E>) {
        let found = read(&self.files, self.id).map_err(|error| error.to_string());
        if found == self.tried {
            return;
        }
        let renewed = match &found {
            Ok(new) => renew(new).map_err(|error| error.to_string()),
            Err(error) => Err(error.clone()),
        };
        match renewed {
            Ok(()) => tracing::info!("new certificates are in use"),
            Err(error) => {
                tracing::warn!(%error, "new certificates cannot be used, and the former ones are; correct the files");
            }
        }
        self.tried = found;
    }
}

/// In paths, `{id}` stands for the number of a member.
fn read(files: &Tls, id: u16) -> io::Result<TlsOptions> {
    let own = |path: &Path| PathBuf::from(path.to_string_lossy().replace("{id}", &id.to_string()));
    let mut read = TlsOptions::from_files(own(&files.authorities), own(&files.certificate), own(&files.key))?;
    read.domain.clone_from(&files.domain);
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_taken_up_when_they_change_and_what_is_wrong_is_tried_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        for name in ["ca", "n3.pem", "n3.key"] {
            write(name, "first");
        }
        let path = |name: &str| dir.path().join(name);
        let (authorities, certificate, key) = (path("ca"), path("n{id}.pem"), path("n{id}.key"));
        let files = Tls { authorities, certificate, key, domain: None };
        let (mut certificates, first) = Certificates::read(&files, 3).expect("they are there");
        assert_eq!(first.certificate, b"first");

        let mut tried = Vec::new();
        let mut look = |answer: Result<(), &'static str>| {
            certificates.look(|new| {
                tried.push((new.certificate.clone(), new.key.clone()));
                answer
            });
            tried.len()
        };
        assert_eq!(look(Ok(())), 0, "nothing has changed");
        write("n3.pem", "second");
        assert_eq!(look(Err("the key is another")), 1);
        assert_eq!(look(Ok(())), 1, "that was tried");
        write("n3.key", "second");
        assert_eq!(look(Ok(())), 2);
        fs::remove_file(path("n3.key")).expect("it is there");
        assert_eq!(look(Ok(())), 2, "there is nothing to try");
        write("n3.key", "third");
        assert_eq!(look(Ok(())), 3);
        assert_eq!(tried[2], (b"second".to_vec(), b"third".to_vec()));
    }
}
