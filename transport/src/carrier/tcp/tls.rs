//! Mutual TLS: a certificate says which process its holder is.
//!
//! The rule: the certificate of process n3 has the DNS name `n3` among its subject alternative names or, if the options
//! name a domain, `n3.<domain>`, exactly: wildcards and common names do not count. One of the authorities has signed
//! it, and it is valid today. The listening side checks first, during the TLS handshake, that the certificate belongs
//! to some process, and then that it belongs to the process that the greeting names. The dialling side checks that it
//! belongs to the process that it dialled. Connections are not resumed, so that each one is checked.

use super::stats::Reason;
use paxos_core::NodeId;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs, io};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, InvalidMessage,
    RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Certificates for mutual TLS, as PEM. [`super::TcpHandle::renew`] gives new ones to a running carrier.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// The authorities that sign the certificates of members.
    pub authorities: Vec<u8>,
    /// This process's certificate, and the intermediate certificates up to an authority.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
    /// With a domain, the certificate of n3 names `n3.<domain>`; without, `n3`.
    pub domain: Option<String>,
}

impl TlsOptions {
    /// Reads all three from files, without a domain.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn from_files(
        authorities: impl AsRef<Path>,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> io::Result<Self> {
        let read = |path: &Path| {
            fs::read(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        Ok(Self {
            authorities: read(authorities.as_ref())?,
            certificate: read(certificate.as_ref())?,
            key: read(key.as_ref())?,
            domain: None,
        })
    }

    /// Checks that `me` can use these certificates, as a carrier does when it starts.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn check(&self, me: NodeId) -> Result<(), TlsError> {
        Tls::new(self, me).map(drop)
    }
}

/// Does not show the key.
impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file does not have the required format.
    #[error("the {0} cannot be read: it must be PEM")]
    Pem(&'static str),
    /// The certificate belongs to another process.
    #[error(
        "the certificate names {found:?}, and not {wanted:?}: give this process a certificate of its own"
    )]
    WrongName {
        /// The names in the certificate.
        found: Vec<String>,
        /// The name that it must have.
        wanted: String,
    },
    /// Certificate and key do not match, or cannot be used for TLS.
    #[error("the certificates cannot be used for TLS: {0}")]
    Unusable(String),
}

/// The names of processes in certificates.
#[derive(Clone, Debug)]
struct Names {
    domain: Option<String>,
}

impl Names {
    fn of(&self, id: NodeId) -> String {
        self.domain.as_ref().map_or_else(|| id.to_string(), |domain| format!("{id}.{domain}"))
    }

    /// Whether a name belongs to some process.
    fn is_any(&self, name: &str) -> bool {
        let host = match &self.domain {
            None => Some(name),
            Some(domain) => name.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.')),
        };
        let id = host.and_then(|host| host.strip_prefix('n')).and_then(|digits| digits.parse().ok());
        id.is_some_and(|id| self.of(NodeId(id)) == name)
    }
}

fn names_in(certificate: &CertificateDer<'_>) -> Vec<String> {
    webpki::EndEntityCert::try_from(certificate)
        .map(|certificate| certificate.valid_dns_names().map(str::to_owned).collect())
        .unwrap_or_default()
}

/// The client and server sides of TLS.
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) acceptor: TlsAcceptor,
    names: Names,
}

impl Tls {
    pub(super) fn new(options: &TlsOptions, me: NodeId) -> Result<Self, TlsError> {
        let names = Names { domain: options.domain.clone() };
        let unusable = |error: &dyn fmt::Display| TlsError::Unusable(error.to_string());
        let mut roots = RootCertStore::empty();
        for authority in certificates(&options.authorities, "authorities")? {
            roots.add(authority).map_err(|e| unusable(&e))?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::new(ring::default_provider()));
        let chain = certificates(&options.certificate, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&options.key).map_err(|_| TlsError::Pem("private key"))?;
        let found = chain.first().map(names_in).unwrap_or_default();
        let wanted = names.of(me);
        if !found.contains(&wanted) {
            return Err(TlsError::WrongName { found, wanted });
        }
        let with = |provider: &Arc<CryptoProvider>| Arc::clone(provider);

        let inner = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), with(&provider));
        let inner = inner.build().map_err(|e| unusable(&e))?;
        let mut server = ServerConfig::builder_with_provider(with(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| unusable(&e))?
            .with_client_cert_verifier(Arc::new(AnyMember { inner, names: names.clone() }))
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|e| unusable(&e))?;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let inner = WebPkiServerVerifier::builder_with_provider(roots, with(&provider));
        let inner = inner.build().map_err(|e| unusable(&e))?;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| unusable(&e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OneMember { inner }))
            .with_client_auth_cert(chain, key)
            .map_err(|e| unusable(&e))?;
        client.resumption = Resumption::disabled();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(client)),
            acceptor: TlsAcceptor::from(Arc::new(server)),
            names,
        })
    }

    /// Returns the name under which a process is dialled.
    pub(super) fn name_of(&self, id: NodeId) -> io::Result<ServerName<'static>> {
        ServerName::try_from(self.names.of(id)).map_err(io::Error::other)
    }

    /// Checks whether this is a certificate of `id`.
    pub(super) fn is_of(&self, certificate: &CertificateDer<'_>, id: NodeId) -> bool {
        names_in(certificate).contains(&self.names.of(id))
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or(TlsError::Pem(what))
}

/// Returns the reason that describes an error of TLS.
pub(super) fn reason(error: &io::Error) -> Option<Reason> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    if matches!(error, Error::NoCertificatesPresented) {
        return Some(Reason::NoCertificate);
    }
    let Error::InvalidCertificate(error) = error else {
        return Some(Reason::Tls);
    };
    let expired = matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    );
    let named =
        matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. });
    Some(match (expired, named) {
        (true, _) => Reason::Expired,
        (_, true) => Reason::WrongName,
        _ => Reason::Untrusted,
    })
}

/// Checks whether the peer sent something that is not TLS.
pub(super) fn is_plain(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    matches!(inner, Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)))
}

/// The signatures of a handshake are checked as rustls does: what is added here is about names only.
macro_rules! signatures_as_inner {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.inner.verify_tls12_signature(message, certificate, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.inner.verify_tls13_signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.inner.supported_verify_schemes()
        }
    };
}

/// Accepts the certificates of processes, and no others.
#[derive(Debug)]
struct AnyMember {
    inner: Arc<dyn ClientCertVerifier>,
    names: Names,
}

impl ClientCertVerifier for AnyMember {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(certificate, between, now)?;
        if names_in(certificate).iter().any(|name| self.names.is_any(name)) {
            Ok(verified)
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    signatures_as_inner! {}
}

/// Accepts only a certificate with the exact name of the process that was dialled.
#[derive(Debug)]
struct OneMember {
    inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for OneMember {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(certificate, between, name, ocsp, now)?;
        if names_in(certificate).iter().any(|found| *found == name.to_str()) {
            Ok(verified)
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    signatures_as_inner! {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_processes_are_names_of_processes() {
        let plain = Names { domain: None };
        let within = Names { domain: Some("prod.example".into()) };
        assert!(plain.is_any("n0") && plain.is_any("n65535") && within.is_any("n3.prod.example"));
        for name in ["", "n", "n03", "n+3", "n65536", "m3", "*", "n3.prod.example", "N3"] {
            assert!(!plain.is_any(name), "{name}");
        }
        for name in
            ["n3", "n3.prod", "*.prod.example", "n3xprod.example", "n3.other.example", "x.n3.prod.example"]
        {
            assert!(!within.is_any(name), "{name}");
        }
    }
}
