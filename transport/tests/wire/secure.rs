//! Mutual TLS: a process needs a certificate with its own name, signed by a trusted authority.

use crate::wire::raw::{self, REFUSAL, WELCOME, say};
use crate::wire::refusals::Log;
use crate::wire::{bind, identity, options, until};
use paxos_core::NodeId;
use paxos_transport::{BindError, Reason, TcpOptions, TlsError, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// An authority that signs certificates.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("random");
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Creates a certificate and a key for these names.
    fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> TlsOptions {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("random");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        TlsOptions {
            authorities: self.pem.clone().into(),
            certificate: certificate.into(),
            key: key.serialize_pem().into(),
            domain: None,
        }
    }

    pub(crate) fn of(&self, node: u16) -> TlsOptions {
        self.sign(&[&NodeId(node).to_string()], |_| {})
    }
}

pub(crate) fn secure(node: u16, tls: TlsOptions) -> TcpOptions {
    TcpOptions { tls: Some(tls), ..options(node) }
}

/// n1 with `tls` dials n0, which has a proper certificate. Each refuses the other for the given reason, or trusts it.
async fn refused(authority: &Authority, tls: TlsOptions, here: Reason, there: Option<Reason>) {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let listener = bind(secure(0, authority.of(0))).await;
    let handle = listener.handle();
    let dialler = bind(secure(1, tls.clone()).peer(NodeId(0), listener.local_address().to_string())).await;
    if let Some(reason) = there {
        until(|| dialler.handle().stats().refused_for(reason) >= 2).await;
    } else {
        until(|| handle.stats().refused_for(here) >= 2).await;
        assert_eq!(log.warnings(&[&format!("reason={here}"), "127.0.0.1"]), 1, "logged once");
        until(|| dialler.handle().stats().refused_for(Reason::Tls) >= 2).await;
    }
    // In the other direction, the dialling side checks as well.
    handle.set_peer(NodeId(1), dialler.local_address().to_string());
    until(|| handle.stats().refused_for(here) >= 3).await;
    assert_eq!((handle.stats().accepted, handle.stats().connected), (0, 0));
    let stats = dialler.handle().stats();
    assert_eq!((stats.accepted, stats.connected, stats.messages_received), (0, 0, 0));
    drop(guard);
}

#[tokio::test]
async fn processes_with_certificates_of_one_authority_meet() {
    let authority = Authority::new();
    let listener = bind(secure(0, authority.of(0))).await;
    let dialler =
        bind(secure(1, authority.of(1)).peer(NodeId(0), listener.local_address().to_string())).await;
    until(|| dialler.handle().stats().connected == 1).await;
    until(|| listener.handle().stats().accepted == 1).await;
}

#[tokio::test]
async fn a_domain_is_a_part_of_the_name() {
    let authority = Authority::new();
    let within = |node: u16, domain: &str| {
        let tls = authority.sign(&[&format!("n{node}.{domain}")], |_| {});
        TlsOptions { domain: Some(domain.into()), ..tls }
    };
    let listener = bind(secure(0, within(0, "prod.example"))).await;
    let to = |options: TcpOptions| options.peer(NodeId(0), listener.local_address().to_string());
    let friend = bind(to(secure(1, within(1, "prod.example")))).await;
    until(|| friend.handle().stats().connected == 1).await;
    let stranger = bind(to(secure(2, within(2, "test.example")))).await;
    until(|| stranger.handle().stats().refused_for(Reason::WrongName) >= 1).await;
    assert_eq!(listener.handle().stats().accepted, 1);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let foreign = Authority::new().of(1);
    refused(&Authority::new(), foreign, Reason::Untrusted, Some(Reason::Untrusted)).await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_from_one_who_trusts_everybody() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let both = format!("{}{}", ours.pem, theirs.pem);
    let tls = TlsOptions { authorities: both.into(), ..theirs.of(1) };
    refused(&ours, tls, Reason::Untrusted, None).await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let authority = Authority::new();
    let old = authority.sign(&["n1"], |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    refused(&authority, old, Reason::Expired, None).await;
    let early = authority.sign(&["n1"], |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    refused(&authority, early, Reason::Expired, None).await;
}

#[tokio::test]
async fn a_process_does_not_start_with_the_certificate_of_another() {
    let authority = Authority::new();
    for names in [&["n3"][..], &[], &["*"], &["n1.prod.example"]] {
        let tls = authority.sign(names, |_| {});
        let error = paxos_transport::TcpCarrier::<crate::wire::Multi>::bind(secure(1, tls))
            .await
            .expect_err("not its own");
        assert!(matches!(error, BindError::Tls(TlsError::WrongName { .. })), "{error}");
    }
    let mixed = TlsOptions { key: authority.of(1).key, ..authority.of(1) };
    let error = paxos_transport::TcpCarrier::<crate::wire::Multi>::bind(secure(1, mixed))
        .await
        .expect_err("another's key");
    assert!(matches!(error, BindError::Tls(TlsError::Unusable(_))), "{error}");
}

#[tokio::test]
async fn who_dials_wants_the_very_process_that_it_dialled() {
    let authority = Authority::new();
    let other = bind(secure(2, authority.of(2))).await;
    let dialler = bind(secure(1, authority.of(1)).peer(NodeId(0), other.local_address().to_string())).await;
    until(|| dialler.handle().stats().refused_for(Reason::WrongName) >= 2).await;
    assert_eq!((dialler.handle().stats().connected, other.handle().stats().accepted), (0, 0));
}

/// A TLS client that trusts `authority`, with or without a certificate.
fn client(authority: &Authority, mine: Option<&TlsOptions>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("PEM")).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match mine {
        None => config.with_no_client_auth(),
        Some(mine) => {
            let chain = CertificateDer::from_pem_slice(&mine.certificate).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(&mine.key).expect("PEM");
            config.with_client_auth_cert(vec![chain], key).expect("a pair")
        }
    };
    TlsConnector::from(Arc::new(config))
}

/// Returns the answer of n0 at `address` to the greeting of n1 from a client with this certificate.
async fn greet(
    address: std::net::SocketAddr,
    authority: &Authority,
    mine: Option<&TlsOptions>,
) -> Option<(u8, Vec<u8>)> {
    let stream = TcpStream::connect(address).await.expect("somebody listens");
    let connector = client(authority, mine);
    let name = ServerName::try_from("n0").expect("a name");
    // With TLS 1.3 the client's handshake ends before the server has checked its certificate.
    let mut stream = connector.connect(name, stream).await.expect("the server's certificate is proper");
    raw::answer(&mut stream, &raw::hello(&identity(1), NodeId(0))).await
}

#[tokio::test]
async fn a_member_with_a_proper_certificate_under_the_name_of_another_is_refused() {
    let authority = Authority::new();
    let listener = bind(secure(0, authority.of(0))).await;
    let handle = listener.handle();
    let answer = greet(handle.local_address(), &authority, Some(&authority.of(1))).await;
    assert_eq!(answer, Some((WELCOME, Vec::new())));
    for other in [authority.of(2), authority.sign(&["*", "n2"], |_| {})] {
        let (kind, words) = greet(handle.local_address(), &authority, Some(&other)).await.expect("an answer");
        assert_eq!(kind, REFUSAL);
        assert!(String::from_utf8_lossy(&words).contains("it calls itself n1"), "{words:?}");
    }
    until(|| handle.stats().refused_for(Reason::WrongName) == 2).await;
    assert_eq!(handle.stats().accepted, 1);
}

#[tokio::test]
async fn who_is_no_process_or_has_no_certificate_is_refused_before_it_is_listened_to() {
    let authority = Authority::new();
    let listener = bind(secure(0, authority.of(0))).await;
    let handle = listener.handle();
    assert_eq!(greet(handle.local_address(), &authority, None).await, None);
    until(|| handle.stats().refused_for(Reason::NoCertificate) == 1).await;
    let client = authority.sign(&["www.example"], |_| {});
    assert_eq!(greet(handle.local_address(), &authority, Some(&client)).await, None);
    until(|| handle.stats().refused_for(Reason::WrongName) == 1).await;
    // Without TLS the greeting is not accepted either.
    let answer = say(handle.local_address(), &raw::proper()).await;
    assert_ne!(answer.map(|(kind, _)| kind), Some(WELCOME));
    until(|| handle.stats().refused_for(Reason::Tls) == 1).await;
    assert_eq!(handle.stats().accepted, 0);
}

#[tokio::test]
async fn tls_and_no_tls_are_told_apart_on_both_sides() {
    let authority = Authority::new();
    for (listens, dials, there, here) in [
        (secure(0, authority.of(0)), options(1), "it does not speak TLS", "it speaks TLS"),
        (options(0), secure(1, authority.of(1)), "it speaks TLS", "it does not speak TLS"),
    ] {
        let log = Log::default();
        let guard = tracing::subscriber::set_default(log.clone());
        let listener = bind(listens).await;
        let dialler = bind(dials.peer(NodeId(0), listener.local_address().to_string())).await;
        until(|| listener.handle().stats().refused_for(Reason::Tls) >= 2).await;
        until(|| dialler.handle().stats().refused_for(Reason::Tls) >= 2).await;
        assert_eq!(log.warnings(&["127.0.0.1", there, "certificates to all"]), 1, "said once");
        assert_eq!(log.warnings(&["peer=n0", here, "certificates to all"]), 1, "said once");
        drop(guard);
    }
}

#[tokio::test]
async fn renewed_certificates_are_taken_up_without_a_restart() {
    let (former, latter) = (Authority::new(), Authority::new());
    let listener = bind(secure(0, former.of(0))).await;
    let handle = listener.handle();
    let to_n0 = |node| secure(node, latter.of(node)).peer(NodeId(0), handle.local_address().to_string());
    let n1 = bind(to_n0(1)).await;
    until(|| {
        handle.stats().refused_for(Reason::Untrusted) + n1.handle().stats().refused_for(Reason::Untrusted)
            >= 2
    })
    .await;
    assert_eq!(handle.stats().accepted, 0);
    handle.renew(&latter.of(0)).expect("they are n0's");
    until(|| n1.handle().stats().connected == 1).await;
    // n0 uses the new certificates as listener and as dialler.
    handle.set_peer(NodeId(1), n1.handle().local_address().to_string());
    until(|| handle.stats().connected == 1).await;
    // Unusable certificates change nothing.
    let broken = TlsOptions { key: former.of(0).key, ..latter.of(0) };
    for wrong in [broken, latter.of(1)] {
        assert!(handle.renew(&wrong).is_err());
    }
    let n2 = bind(to_n0(2)).await;
    until(|| n2.handle().stats().connected == 1).await;
    assert!(bind(options(3)).await.handle().renew(&latter.of(3)).is_err(), "it was started without TLS");
}
