//! How a client connects with TLS.

use super::{Stream, VERSIONS, cause, chain, private_key, roots, unusable};
use crate::options::arguments::address::Address;
use core::fmt;
use paxos_transport::TlsError;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error, InvalidMessage};
use tokio_rustls::{TlsConnector, TlsStream};

/// A client's own certificate and private key, as PEM.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    /// The certificate, and the intermediate certificates up to an authority.
    pub certificate: &'a [u8],
    /// The private key.
    pub key: &'a [u8],
}

/// Does not show the key.
impl fmt::Debug for Own<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}

/// Connects with TLS. The server's certificate must be signed by an authority that the client trusts, and must name the host
/// of the address, or the name that was given instead.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    name: Option<ServerName<'static>>,
}

impl Connector {
    /// Trusts the authorities in `ca` (PEM). Servers must be called `name` if that is given.
    ///
    /// # Errors
    /// [`TlsError`] if the certificates or the name cannot be used.
    pub fn new(ca: &[u8], own: Option<Own<'_>>, name: Option<&str>) -> Result<Self, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(VERSIONS).map_err(unusable)?;
        let builder = builder.with_root_certificates(roots(ca, "file of authorities")?);
        let mut client = match own {
            None => builder.with_no_client_auth(),
            Some(Own { certificate, key }) => builder
                .with_client_auth_cert(chain(certificate, "certificate")?, private_key(key)?)
                .map_err(unusable)?,
        };
        client.resumption = Resumption::disabled();
        let name = name.map(|name| server_name(name).map_err(unusable)).transpose()?;
        Ok(Self { tls: TlsConnector::from(Arc::new(client)), name })
    }

    /// Makes the handshake with the server at `address` (`host:port`), over a connection to it.
    pub(in crate::server) async fn connect(&self, address: &str, stream: TcpStream) -> io::Result<Stream> {
        let name = if let Some(name) = &self.name {
            name.clone()
        } else {
            let Address { host, .. } = address.parse().map_err(io::Error::other)?;
            server_name(&host)?
        };
        let shown = name.to_str().into_owned();
        match self.tls.connect(name, stream).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(TlsStream::from(stream)))),
            Err(error) => Err(explain(error, Some(&shown))),
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The host of an address as certificates name it.
fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    // No certificate names the scope of `fe80::1%2`.
    let bare = bare.split('%').next().unwrap_or(bare);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        io::Error::other(format!("`{host}` is no name for a server; give a host name or an IP address"))
    })
}

/// Says what to do about an error of TLS. The server's refusal of a client's certificate arrives after the handshake.
pub(in crate::server) fn explain(error: io::Error, name: Option<&str>) -> io::Error {
    let text = match cause(&error) {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the server does not speak TLS at this port: connect without TLS".into()
        }
        // The signature is wrong if another authority of the same name has signed.
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            "no authority that this client trusts has signed the server's certificate: trust the authority that signs the \
             servers' certificates"
                .into()
        }
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => format!(
            "the server's certificate does not name `{}`: give the server a certificate with that name, or connect by a \
             name that it has",
            name.unwrap_or_default()
        ),
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            "the server requires a certificate of the client: give one, and its key".into()
        }
        Some(_) | None => return error,
    };
    io::Error::new(error.kind(), text)
}
