//! An authority that signs certificates for tests.

use paxos_bench::server::tls::{Connector, Own};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::Path;

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

    /// Writes its own certificate to `ca.pem`.
    pub(crate) fn write(&self, dir: &Path) {
        fs::write(dir.join("ca.pem"), &self.pem).expect("written");
    }

    /// Writes a certificate for `names` to `stem.pem`, and its key to `stem.key`.
    pub(crate) fn certify(&self, dir: &Path, stem: &str, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let (params, key) = (CertificateParams::new(names).expect("names"), KeyPair::generate());
        let key = key.expect("random");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        fs::write(dir.join(format!("{stem}.key")), key.serialize_pem()).expect("written");
        fs::write(dir.join(format!("{stem}.pem")), certificate).expect("written");
    }
}

/// Trusts `ca.pem`, and has the certificate in `stem.pem`.
pub(crate) fn connector(dir: &Path, stem: Option<&str>, name: Option<&str>) -> Connector {
    let read = |name: &str| fs::read(dir.join(name)).expect("a file");
    let pair = stem.map(|stem| (read(&format!("{stem}.pem")), read(&format!("{stem}.key"))));
    let own = pair.as_ref().map(|(certificate, key)| Own { certificate, key });
    Connector::new(&read("ca.pem"), own, name).expect("certificates")
}
