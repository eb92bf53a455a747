//! Finds out when servers answer, and which of them leads.

use super::VersusError;
use super::processes::Processes;
use crate::load::Wire;
use crate::server::resp;
use crate::server::resp::{Client, Value};
use crate::versus::etcd;
use core::time::Duration;
use std::io;
use tokio::io::{BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long the servers of a system may take to answer.
const READY: Duration = Duration::from_secs(20);

/// The interval between attempts.
const AGAIN: Duration = Duration::from_millis(100);

/// The advice for a server that starts slowly.
const SLOW: &str = "wait until the machine has less to do, and run this again";

/// Reads a process's output up to a line that begins with `last`, and returns its servers' addresses in order of id.
pub(super) async fn addresses(
    name: &'static str,
    processes: &mut Processes<'_>,
    mut lines: Lines<BufReader<ChildStdout>>,
    last: &str,
) -> Result<Vec<String>, VersusError> {
    let field = |line: &str, name: &str| {
        let found = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned)
    };
    let end = Instant::now() + READY;
    let mut ready = Vec::new();
    loop {
        let late = |_| VersusError::Start {
            name,
            why: format!("it is not ready after {} s; {SLOW}", READY.as_secs()),
        };
        let Some(line) = timeout_at(end, lines.next_line()).await.map_err(late)?? else {
            processes.ended(name).await;
            processes.all_run()?;
            return Err(VersusError::Start { name, why: format!("its output ended; {SLOW}") });
        };
        if let Some(resp) = field(&line, "resp").filter(|_| line.starts_with("ready ")) {
            let id = field(&line, "id").and_then(|id| id.parse::<u16>().ok());
            ready.push((id, resp));
        }
        if line.starts_with("ended ") {
            return Err(VersusError::Start { name, why: format!("a member has ended: {line}") });
        }
        if line.starts_with(last) {
            break;
        }
    }
    // The rest of the output is drained, so that a full pipe does not block the process.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    ready.sort_unstable();
    Ok(ready.into_iter().map(|(_, resp)| resp).collect())
}

/// Waits until each address answers a write.
pub(super) async fn answers(
    name: &'static str,
    processes: &mut Processes<'_>,
    wire: Wire,
    addresses: &[String],
) -> Result<(), VersusError> {
    let end = Instant::now() + READY;
    for address in addresses {
        let mut why = "it does not answer".to_owned();
        loop {
            processes.all_run()?;
            match timeout_at(end, probe(wire, address)).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => why = error.to_string(),
                // An earlier error explains more than the timeout.
                Err(_) => {}
            }
            if Instant::now() >= end {
                let why = format!("after {} s {address} answers no write ({why}); {SLOW}", READY.as_secs());
                return Err(VersusError::Start { name, why });
            }
            sleep(AGAIN).await;
        }
    }
    Ok(())
}

async fn probe(wire: Wire, address: &str) -> io::Result<()> {
    match wire {
        Wire::Redis => {
            let mut client = Client::connect(address).await?;
            client.call(&["SET", "probe", "probe"]).await.map(drop).map_err(io::Error::other)
        }
        Wire::Etcd => {
            let mut client = etcd::Client::connect(address).await?;
            client.put(b"probe", b"probe");
            client.flush().await?;
            loop {
                match client.poll()? {
                    Some(Value::Error(text)) => return Err(io::Error::other(text)),
                    Some(_) => return Ok(()),
                    None => client.fill().await?,
                }
            }
        }
    }
}

/// Returns the addresses with the leader's first, so that a few clients ask the leader directly and save a step. If the
/// leader is unknown, the order is unchanged.
pub(super) async fn leader_first(wire: Wire, addresses: &[String]) -> Vec<String> {
    let mut addresses = addresses.to_vec();
    if let Ok(Some(nth)) = timeout(Duration::from_secs(1), leader(wire, &addresses)).await {
        addresses.swap(0, nth);
    }
    addresses
}

async fn leader(wire: Wire, addresses: &[String]) -> Option<usize> {
    match wire {
        Wire::Redis => {
            let mut client = resp::Client::connect(addresses.first()?).await.ok()?;
            // Redis and the floor refuse this request. Each has a single address.
            let Value::Array(said) = client.call(&["PAXOS", "LEADER"]).await.ok()? else { return None };
            let leads = said.last()?.text()?;
            addresses.iter().position(|address| *address == leads)
        }
        Wire::Etcd => {
            for (nth, address) in addresses.iter().enumerate() {
                if etcd::Client::connect(address).await.ok()?.leads().await.ok()? {
                    return Some(nth);
                }
            }
            None
        }
    }
}
