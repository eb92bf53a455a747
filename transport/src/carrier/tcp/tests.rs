//! What only this process itself can do wrong.

use super::{TcpCarrier, TcpOptions};
use crate::carrier::Transport;
use crate::identity::Identity;
use multi_paxos::MultiPaxos;
use paxos_core::{Digest, NodeId};
use std::net::Ipv4Addr;

#[tokio::test]
async fn a_task_that_panics_ends_the_carrier() {
    let (cluster, variant, genesis) = ("test".into(), "multi".into(), String::new());
    let (node, configuration) = (NodeId(0), Digest(7));
    let identity = Identity { cluster, node, variant, configuration, genesis, lease: None };
    let options = TcpOptions::new(identity, (Ipv4Addr::LOCALHOST, 0).into());
    let mut carrier = TcpCarrier::<MultiPaxos<u64, u64>>::bind(options).await.expect("a free port");
    carrier.shared.spawn(async { panic!("on purpose") });
    let error = carrier.recv(&mut Vec::new()).await.expect_err("it cannot go on");
    assert!(error.to_string().contains("panicked"), "{error}");
}
