//! TLS between clients and members. TLS between members is a part of `paxos-transport`.
//!
//! ```text
//!   client ── Connector ──▶ TLS 1.2 or 1.3 ──▶ ClientPort ── member
//!   member ── Connector ──▶ …                                leader    a command that only the leader can execute
//! ```
//!
//! Sessions are not resumed, so each connection is checked against the certificates of its time.

mod connector;
mod port;
mod stream;

pub(super) use connector::explain;
pub use connector::{Connector, Own};
pub(super) use port::Refusal;
pub use port::{Certified, ClientPort};
pub(super) use stream::Stream;

use core::fmt::Display;
use paxos_transport::TlsError;
use std::io;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, RootCertStore, SupportedProtocolVersion};

/// The versions that members and clients speak.
const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

fn unusable(error: impl Display) -> TlsError {
    TlsError::Unusable(error.to_string())
}

fn chain(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or(TlsError::Pem(what))
}

fn roots(pem: &[u8], what: &'static str) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in chain(pem, what)? {
        roots.add(authority).map_err(unusable)?;
    }
    Ok(Arc::new(roots))
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::Pem("private key"))
}

#[cfg(test)]
mod tests;

/// The error of TLS in an error of a connection, if it is one.
fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
