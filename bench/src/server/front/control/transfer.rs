//! `PAXOS TRANSFER`: hands leadership over to another member.

use super::super::Front;
use crate::kv::Reply;
use core::time::Duration;
use paxos_core::NodeId;
use tokio::time::{sleep, timeout};

/// How long a member may take to lead after a transfer.
const TAKES_OVER: Duration = Duration::from_secs(3);

/// The word that members add when they forward the request.
const HERE: &str = "HERE";

/// Whether a member forwarded the request. The leader that it knew may know another one by now.
pub(super) fn is_forwarded(words: &[Box<[u8]>]) -> Result<bool, String> {
    match words {
        [] => Ok(false),
        [word] if word.eq_ignore_ascii_case(HERE.as_bytes()) => Ok(true),
        _ => Err("ERR syntax error".into()),
    }
}

/// Waits until `node` leads.
async fn leads(node: NodeId, front: &Front) {
    while front.member.status().leader != Some(node) {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Transfers leadership. Only the leader can do this, so any other member forwards the request to it, once: two members
/// that each believe the other to lead would otherwise pass it back and forth.
pub(super) async fn transfer(to: NodeId, forwarded: bool, front: &Front) -> Result<Reply, String> {
    let (status, me) = (front.member.status(), front.member.id());
    if status.leader == Some(to) {
        return Ok(Reply::Ok);
    }
    match status.leader.filter(|leader| *leader != me) {
        None => {
            front.member.transfer(to).await.map_err(|error| format!("ERR {error}"))?;
            if timeout(TAKES_OVER, leads(to, front)).await.is_ok() {
                return Ok(Reply::Ok);
            }
            Err(format!(
                "ERR {to} did not take over, so {me} still leads: check whether {to} runs and can be reached"
            ))
        }
        Some(leader) if forwarded => {
            Err(format!("TRYAGAIN not done: {me} does not lead, {leader} does; an election may be under way"))
        }
        Some(leader) => front.forward(leader, &["PAXOS", "TRANSFER", &to.0.to_string(), HERE]).await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::time::tests::Agreed;
    use super::*;
    use crate::server::{Peer, Server, Settings};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_transfer_is_forwarded_to_the_leader_once() {
        let leader = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let resp = leader.local_addr().expect("an address").to_string();
        let peers = vec![Peer { id: NodeId(0), peer: String::new(), resp, spare: false }];
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let settings = Settings { peers, ..Settings::default() };
        let server = Server::start(Arc::new(Agreed(NodeId(1), Arc::default())), listener, settings);
        let heard = tokio::spawn(async move {
            let (mut stream, _) = leader.accept().await.expect("it connects");
            let mut bytes = [0; 200];
            let length = stream.read(&mut bytes).await.expect("it asks");
            stream.write_all(b"+OK\r\n").await.expect("it listens");
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        });
        assert_eq!(transfer(NodeId(2), false, server.front()).await, Ok(Reply::Ok));
        let heard = heard.await.expect("no panic");
        assert!(heard.ends_with("$8\r\nTRANSFER\r\n$1\r\n2\r\n$4\r\nHERE\r\n"), "{heard:?}");
        let refused = transfer(NodeId(2), true, server.front()).await.expect_err("it does not lead");
        assert!(refused.starts_with("TRYAGAIN not done: n1 does not lead, n0 does"), "{refused}");
    }
}
