//! How commands connect to servers with TLS.

use crate::server::tls::{Connector, Own};
use clap::Args;
use paxos_transport::TlsError;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How a command connects to servers: without TLS, unless `--tls-ca` is given.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsArguments {
    /// Connect with TLS, and trust servers whose certificates these authorities have signed (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// The client's certificate, for servers that require one (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_ca", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The name that the servers' certificates must have [default: the host in --addr]
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    pub tls_name: Option<String>,
}

/// Why the files of `--tls-…` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsArgumentError {
    /// A file cannot be read.
    #[error("{option} {path}: {source}; name a file that you may read")]
    File {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// What is in the files, or the name, cannot be used.
    #[error("--tls-ca, --tls-cert, --tls-key or --tls-name is wrong: {0}")]
    Unusable(#[from] TlsError),
}

impl TlsArguments {
    /// What connects to servers with TLS; none without `--tls-ca`.
    ///
    /// # Errors
    /// [`TlsArgumentError`].
    pub fn connector(&self) -> Result<Option<Connector>, TlsArgumentError> {
        let Some(ca) = &self.tls_ca else { return Ok(None) };
        let ca = read("--tls-ca", ca)?;
        // The command line has both or neither.
        let pair = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some((read("--tls-cert", certificate)?, read("--tls-key", key)?))
            }
            _ => None,
        };
        let own = pair.as_ref().map(|(certificate, key)| Own { certificate, key });
        Ok(Some(Connector::new(&ca, own, self.tls_name.as_deref())?))
    }
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, TlsArgumentError> {
    let wrong = |source| TlsArgumentError::File { option, path: path.display().to_string(), source };
    fs::read(path).map_err(wrong)
}
