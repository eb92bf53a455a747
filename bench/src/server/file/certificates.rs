//! The sections of the cluster's file that name certificates.

use crate::server::tls::Certified;
use paxos_transport::TlsOptions;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Certificates for mutual TLS between members, as PEM files. In the paths `{id}` stands for a member's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The authorities that sign the certificates of members.
    pub authorities: PathBuf,
    /// A member's certificate.
    pub certificate: PathBuf,
    /// A member's private key.
    pub key: PathBuf,
    /// With a domain, the certificate of member 3 names `n3.<domain>`; without, `n3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

impl Tls {
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.authorities, &mut self.certificate, &mut self.key].into_iter()
    }

    /// Reads the files of member `id`.
    ///
    /// # Errors
    /// As the system says, with the name of the file.
    pub(in crate::server) fn read(&self, id: u16) -> io::Result<TlsOptions> {
        let mut read = TlsOptions::from_files(
            own(&self.authorities, id),
            own(&self.certificate, id),
            own(&self.key, id),
        )?;
        read.domain.clone_from(&self.domain);
        Ok(read)
    }
}

/// Certificates for TLS between members and clients, as PEM files. In the paths `{id}` stands for a member's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTls {
    /// A member's certificate, which names the host under which clients find the member.
    pub certificate: PathBuf,
    /// A member's private key.
    pub key: PathBuf,
    /// The authorities that sign these certificates. A member that passes a command on to the leader verifies the leader by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The authorities that sign the certificates of clients. With it, clients without such a certificate are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
}

impl ClientTls {
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.certificate, &mut self.key].into_iter().chain(&mut self.ca).chain(&mut self.authorities)
    }

    /// Reads the files of member `id`.
    ///
    /// # Errors
    /// As the system says, with the name of the file.
    pub(in crate::server) fn read(&self, id: u16) -> io::Result<Certified> {
        let read = |path: &PathBuf| {
            let path = own(path, id);
            fs::read(&path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        Ok(Certified {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            ca: self.ca.as_ref().map(read).transpose()?,
            authorities: self.authorities.as_ref().map(read).transpose()?,
        })
    }
}

/// In paths, `{id}` stands for the number of a member.
fn own(path: &Path, id: u16) -> PathBuf {
    PathBuf::from(path.to_string_lossy().replace("{id}", &id.to_string()))
}
