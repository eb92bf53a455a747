//! The port for clients of a member that speaks TLS.

use super::connector::Own;
use super::{Connector, Stream, VERSIONS, cause, chain, private_key, roots, unusable};
use core::fmt;
use core::time::Duration;
use paxos_transport::TlsError;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsStream};

/// How long a client may take for its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The first byte of a connection with TLS: the type of a handshake record (RFC 8446, §5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// What the section `[client_tls]` of the cluster's file names, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Certified {
    /// The member's certificate, and the intermediate certificates up to an authority.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
    /// The authorities by which this member verifies the others when it passes a command on.
    pub ca: Option<Vec<u8>>,
    /// The authorities that sign the certificates of clients; with none, clients need no certificate.
    pub authorities: Option<Vec<u8>>,
}

/// Does not show the key.
impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certified").finish_non_exhaustive()
    }
}

/// Why a client at a port with TLS is not served.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum Refusal {
    /// Its first byte does not begin a handshake.
    #[error("ERR Protocol error: this port speaks TLS only, and this is not TLS; connect with TLS")]
    Plain,
    /// It sent no handshake in time.
    #[error("the client did not finish the TLS handshake within {} s", HANDSHAKE.as_secs())]
    Slow,
    /// It closed the connection.
    #[error("the client left during the TLS handshake")]
    Gone,
    /// The handshake failed.
    #[error("the TLS handshake with the client failed: {0}")]
    Failed(io::Error),
    /// The client has no certificate.
    #[error(
        "the client presented no certificate, and `authorities` in [client_tls] requires one; give the client a \
         certificate and its key"
    )]
    NoCertificate,
    /// The client's certificate does not count.
    #[error(
        "the client's certificate is refused: {0}; give the client a valid certificate that one of `authorities` in \
         [client_tls] has signed"
    )]
    Untrusted(rustls::CertificateError),
}

/// TLS at a member's port for clients, with certificates that can be exchanged.
pub struct ClientPort {
    current: RwLock<Arc<Current>>,
}

/// The certificates that are in use.
struct Current {
    acceptor: TlsAcceptor,
    connector: Option<Connector>,
}

impl ClientPort {
    /// A port with these certificates.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used.
    pub fn new(certified: &Certified) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(Arc::new(Current::new(certified)?)) })
    }

    /// Uses these certificates for all new connections. Existing connections stay up.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used. Then nothing changes.
    pub fn renew(&self, certified: &Certified) -> Result<(), TlsError> {
        let new = Arc::new(Current::new(certified)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Connects to the ports for clients of other members; none if nothing says how to verify them.
    pub(in crate::server) fn connector(&self) -> Option<Connector> {
        self.current().connector.clone()
    }

    /// Takes the handshake of a client, for a few seconds at most. A client that is refused may still be told why over the
    /// connection that comes with the refusal.
    pub(in crate::server) async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<Stream, (Refusal, Option<Stream>)> {
        timeout(HANDSHAKE, self.greet(stream)).await.unwrap_or(Err((Refusal::Slow, None)))
    }

    async fn greet(&self, stream: TcpStream) -> Result<Stream, (Refusal, Option<Stream>)> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(0) => return Err((Refusal::Gone, None)),
            Ok(_) if first == [HANDSHAKE_RECORD] => {}
            Ok(_) => return Err((Refusal::Plain, Some(Stream::Plain(stream)))),
            Err(error) => return Err((Refusal::Failed(error), None)),
        }
        match self.current().acceptor.accept(stream).into_fallible().await {
            Ok(stream) => Ok(Stream::Tls(Box::new(TlsStream::from(stream)))),
            Err((error, stream)) => Err((refusal(error), Some(Stream::Plain(stream)))),
        }
    }
}

impl fmt::Debug for ClientPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientPort").finish_non_exhaustive()
    }
}

impl Current {
    fn new(certified: &Certified) -> Result<Self, TlsError> {
        let Certified { certificate, key, ca, authorities } = certified;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(VERSIONS).map_err(unusable)?;
        let builder = match authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let roots = roots(authorities, "authorities of clients")?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.map_err(unusable)?)
            }
        };
        let (chain, private) = (chain(certificate, "certificate")?, private_key(key)?);
        let mut server = builder.with_single_cert(chain, private).map_err(unusable)?;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let own = Own { certificate, key };
        let connector = ca.as_ref().map(|ca| Connector::new(ca, Some(own), None)).transpose()?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(server)), connector })
    }
}

fn refusal(error: io::Error) -> Refusal {
    match cause(&error) {
        Some(rustls::Error::NoCertificatesPresented) => Refusal::NoCertificate,
        Some(rustls::Error::InvalidCertificate(certificate)) => Refusal::Untrusted(certificate.clone()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Refusal::Gone,
        _ => Refusal::Failed(error),
    }
}
