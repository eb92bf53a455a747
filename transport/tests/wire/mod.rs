//! Hosts over sockets and disks: what holds with carriers and stores in memory also holds here. Time is real, so each
//! test waits until something happens, for as long as it takes, and none looks at the clock.

mod builder;
mod cluster;
mod hostile;
mod raw;
mod refusals;
mod secure;
mod slow;
mod variants;
mod versions;

use core::future::Future;
use core::time::Duration;
use paxos_core::{Config, Digest, NodeId, RestoreError, Slot, StateMachine};
use paxos_transport::{Identity, TcpCarrier, TcpHandle, TcpOptions};
use std::net::{Ipv4Addr, SocketAddr};

pub(crate) type Multi = multi_paxos::MultiPaxos<Vec<u8>, u64>;

/// A state machine that records its commands; the reply is the index of the command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Journal(pub(crate) Vec<Vec<u8>>);

impl StateMachine for Journal {
    type Command = Vec<u8>;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, command: &Vec<u8>) -> u64 {
        self.0.push(command.clone());
        self.0.len() as u64 - 1
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.iter().flat_map(|command| [&[command.len() as u8], &command[..]].concat()).collect())
    }

    fn restore(&mut self, mut state: &[u8]) -> Result<(), RestoreError> {
        self.0.clear();
        while let Some((length, rest)) = state.split_first() {
            let cut = || RestoreError::Machine("cut short".into());
            let (command, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(cut)?;
            self.0.push(command.to_vec());
            state = rest;
        }
        Ok(())
    }
}

pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(crate) fn config(n: u16) -> Config {
    let mut config = Config::collapsed(n).expect("lawful");
    // Other tests may keep both cores busy.
    config.timeouts = config.timeouts.scaled(10);
    config
}

pub(crate) fn identity(node: u16) -> Identity {
    let (cluster, genesis) = ("test".into(), "n0 n1 n2".into());
    let (variant, configuration) = ("multi".into(), Digest(7));
    Identity { cluster, node: NodeId(node), variant, configuration, genesis, lease: None }
}

pub(crate) fn options(node: u16) -> TcpOptions {
    TcpOptions::new(identity(node), ANY_PORT)
}

pub(crate) async fn bind(options: TcpOptions) -> TcpCarrier<Multi> {
    TcpCarrier::bind(options).await.expect("a free port")
}

/// Tells each carrier the addresses of the others.
pub(crate) fn introduce(handles: &[(NodeId, TcpHandle)]) {
    for (_, handle) in handles {
        for (id, other) in handles {
            handle.set_peer(*id, other.local_address().to_string());
        }
    }
}

/// Fails instead of hanging.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("done in time")
}

/// Waits until `so` returns true, by polling it.
pub(crate) async fn until(mut so: impl FnMut() -> bool) {
    soon(async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
