//! Certificates that are renewed while a member runs: their files are read now and then.

use core::fmt::Display;
use core::time::Duration;
use std::io;
use tokio::time::sleep;

/// How often the files are read.
const EVERY: Duration = Duration::from_secs(10);

/// The files that a section of the cluster's file names, and what was in them.
pub(super) struct Certificates<T> {
    /// The section.
    section: &'static str,
    read: Box<dyn Fn() -> io::Result<T> + Send>,
    /// What was last tried, so that what is wrong is told once.
    tried: Result<T, String>,
}

impl<T: Clone + PartialEq> Certificates<T> {
    /// Reads the files for the first time; also returns what is in them.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn read(
        section: &'static str,
        read: impl Fn() -> io::Result<T> + Send + 'static,
    ) -> io::Result<(Self, T)> {
        let first = read()?;
        Ok((Self { section, read: Box::new(read), tried: Ok(first.clone()) }, first))
    }

    /// Gives new certificates to whoever uses them, for as long as the task runs.
    pub(super) async fn keep<E: Display>(mut self, renew: impl Fn(&T) -> Result<(), E>) {
        loop {
            sleep(EVERY).await;
            self.check(&renew);
        }
    }

    /// Takes up what has changed. What cannot be used is told, and what was there before stays in use.
    fn check<E: Display>(&mut self, renew: impl FnOnce(&T) -> Result<(), E>) {
        let section = self.section;
        let found = (self.read)().map_err(|error| error.to_string());
        if found == self.tried {
            return;
        }
        let renewed = match &found {
            Ok(new) => renew(new).map_err(|error| error.to_string()),
            Err(error) => Err(error.clone()),
        };
        match renewed {
            Ok(()) => tracing::info!("the new certificates of [{section}] are in use"),
            Err(error) => {
                tracing::warn!(
                    %error,
                    "the new certificates of [{section}] cannot be used, and the former ones are; correct the files"
                );
            }
        }
        self.tried = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Tls;
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
        let (mut certificates, first) =
            Certificates::read("tls", move || files.read(3)).expect("they are there");
        assert_eq!(first.certificate, b"first");

        let mut tried = Vec::new();
        let mut check = |answer: Result<(), &'static str>| {
            certificates.check(|new| {
                tried.push((new.certificate.clone(), new.key.clone()));
                answer
            });
            tried.len()
        };
        assert_eq!(check(Ok(())), 0, "nothing has changed");
        write("n3.pem", "second");
        assert_eq!(check(Err("the key is another")), 1);
        assert_eq!(check(Ok(())), 1, "that was tried");
        write("n3.key", "second");
        assert_eq!(check(Ok(())), 2);
        fs::remove_file(path("n3.key")).expect("it is there");
        assert_eq!(check(Ok(())), 2, "there is nothing to try");
        write("n3.key", "third");
        assert_eq!(check(Ok(())), 3);
        assert_eq!(tried[2], (b"second".to_vec(), b"third".to_vec()));
    }
}
