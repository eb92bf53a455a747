//! A bank on three members with TCP, mutual TLS and stores on disk. One member is stopped, misses transfers, starts again from
//! its disk and catches up, from a snapshot of another member. No money is made or lost.
//!
//! Here all three are in one program. In production each is a process of its own, on a machine of its own.

#![expect(clippy::print_stdout, reason = "an example prints what happens")]

use multi_paxos::MultiPaxos;
use paxos_transport::paxos_core::{Config, Consistency, NodeId, RestoreError, Slot, StateMachine, Value};
use paxos_transport::{Replicated, TcpHandle, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

type Failure = Box<dyn std::error::Error>;
type Variant = MultiPaxos<Transfer, Result<u64, String>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Transfer {
    from: String,
    to: String,
    amount: u64,
}

impl Value for Transfer {
    fn bytes(&self) -> usize {
        self.from.len() + self.to.len() + size_of::<u64>()
    }
}

struct Bank(BTreeMap<String, u64>);

impl Bank {
    fn new() -> Self {
        Self([("alice", 100), ("bob", 50)].map(|(name, balance)| (name.to_owned(), balance)).into())
    }
}

impl StateMachine for Bank {
    type Command = Transfer;
    /// What is left, or why nothing was moved.
    type Reply = Result<u64, String>;

    fn apply(&mut self, _slot: Slot, Transfer { from, to, amount }: &Transfer) -> Self::Reply {
        let balance = self.0.get_mut(from).ok_or_else(|| format!("{from} has no account"))?;
        *balance = balance.checked_sub(*amount).ok_or_else(|| format!("{from} has only {balance}"))?;
        let left = *balance;
        *self.0.entry(to.clone()).or_default() += amount;
        Ok(left)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.0).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.0 = postcard::from_bytes(state).map_err(|error| RestoreError::Machine(error.to_string()))?;
        Ok(())
    }
}

/// Signs certificates, as an operator's certificate authority does.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        Ok(Self { pem: params.self_signed(&key)?.pem(), issuer: Issuer::new(params, key) })
    }

    /// The certificate of n0 names `n0`: that is how the others know it.
    fn sign(&self, id: NodeId) -> Result<TlsOptions, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![id.to_string()])?.signed_by(&key, &self.issuer)?;
        let (authorities, certificate) = (self.pem.clone().into(), certificate.pem().into());
        Ok(TlsOptions { authorities, certificate, key: key.serialize_pem().into(), domain: None })
    }
}

/// What every process of the cluster is given, and where they listen.
struct Site<'a> {
    config: Arc<Config>,
    authority: Authority,
    directory: &'a Path,
    handles: BTreeMap<NodeId, TcpHandle>,
}

impl Site<'_> {
    /// Starts a member with what is in its directory.
    async fn start(&mut self, id: NodeId, listen: SocketAddr) -> Result<Replicated<Variant, Bank>, Failure> {
        let bound = Replicated::builder("bank", id, Arc::clone(&self.config))
            .listen(listen.to_string())
            .tls(self.authority.sign(id)?)
            .store(self.directory.join(id.to_string()))
            .bind()
            .await?;
        // With fixed addresses, `Builder::peers` tells them in advance, and `Builder::start` does the rest.
        let handle = bound.handle();
        for (other, peer) in self.handles.iter().filter(|(other, _)| **other != id) {
            handle.set_peer(*other, peer.local_address().to_string());
            peer.set_peer(id, handle.local_address().to_string());
        }
        self.handles.insert(id, handle);
        Ok(bound.start(Bank::new()).await?)
    }
}

fn transfer(from: &str, to: &str, amount: u64) -> Transfer {
    Transfer { from: from.into(), to: to.into(), amount }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut config = Config::collapsed(3)?;
    // An election begins after half a second without a leader, and not after a tenth: one machine has to do it all.
    config.timeouts = config.timeouts.scaled(5);
    // A snapshot every 4 slots, and not every 65,536, so that there are some in this short run.
    config.limits.snapshot = 4;
    let config = Arc::new(config);
    let authority = Authority::new()?;
    let mut site = Site { config, authority, directory: directory.path(), handles: BTreeMap::new() };
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut members = Vec::new();
    for id in 0..3 {
        members.push(site.start(NodeId(id), any_port).await?);
    }

    println!("alice pays bob 30, and has {:?}", members[0].propose(transfer("alice", "bob", 30)).await?);
    println!("bob pays carol 500: {:?}", members[1].propose(transfer("bob", "carol", 500)).await?);

    let address = site.handles[&NodeId(2)].local_address();
    members[2].shutdown().await?;
    println!("n2 is stopped");
    for _ in 0..10 {
        members[1].propose(transfer("bob", "carol", 5)).await??;
    }

    members[2] = site.start(NodeId(2), address).await?;
    let seen = members[2].read(Consistency::Confirmed, |bank| bank.0.clone()).await?;
    println!("n2 is back, and has executed {} slots: {:?}", seen.applied, seen.value);
    println!("its log begins at {}; the slots before are in its snapshot", members[2].status().log_start);
    assert_eq!(seen.value.values().sum::<u64>(), 150, "no money is made or lost");
    assert_eq!((seen.value["alice"], seen.value["bob"], seen.value["carol"]), (70, 30, 50));
    for member in &members {
        member.shutdown().await?;
    }
    Ok(())
}
