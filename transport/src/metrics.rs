//! Numbers for Prometheus: what a process knows about itself and what its carrier counts, as text, and an endpoint that
//! serves it. Behind the feature `metrics`.

use crate::carrier::CarrierStats;
use core::fmt::{Display, Write};
use core::time::Duration;
use paxos_core::{NodeId, Status};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Requests that are served at a time; more have to wait.
const AT_A_TIME: usize = 16;
/// Within this time somebody has to have asked, and to have taken the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The numbers of `node` in the text format of Prometheus (0.0.4).
pub fn exposition(node: NodeId, status: &Status, carrier: Option<&CarrierStats>) -> String {
    let mut page = Page { text: String::new(), node };
    page.of_status(status);
    if let Some(stats) = carrier {
        page.of_carrier(stats);
    }
    page.text
}

struct Page {
    text: String,
    node: NodeId,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        _ = writeln!(self.text, "# HELP paxos_{name} {help}\n# TYPE paxos_{name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl Display) {
        _ = writeln!(self.text, "paxos_{name}{{node=\"{}\"{labels}}} {value}", self.node);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.value(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.value(name, "", value);
    }

    fn of_status(&mut self, status: &Status) {
        let Status {
            leads,
            first_unknown,
            applied,
            durable,
            heard,
            log_start,
            load,
            unanswered,
            counters,
            ..
        } = status;
        self.gauge("leads", "Whether this process leads.", u8::from(*leads));
        self.gauge("has_leader", "Whether a leader is known.", u8::from(status.leader.is_some()));
        self.gauge("first_unknown_slot", "The first slot whose value is not known.", first_unknown.index());
        self.gauge("applied_slot", "The first slot that is not executed.", applied.index());
        self.gauge("durable_slot", "Every slot below is on this process's disk as chosen.", durable.index());
        self.gauge("heard_slot", "Every slot below is chosen, as far as heard.", heard.index());
        self.gauge("log_start_slot", "The first slot whose value is still held.", log_start.index());
        self.gauge("in_flight_commands", "Slots under way.", load.in_flight.count);
        self.gauge("in_flight_bytes", "Bytes under way.", load.in_flight.bytes);
        self.gauge("waiting_commands", "Commands that wait for the window.", load.waiting.count);
        self.gauge("waiting_bytes", "Bytes that wait for the window.", load.waiting.bytes);
        self.gauge("unanswered_commands", "Commands of the local client without an answer.", unanswered);
        self.gauge("forgetful_peers", "Peers whose store is not the one they had.", status.forgetful.len());
        self.counter("campaigns_total", "Campaigns begun.", counters.campaigns);
        self.counter("terms_won_total", "Terms won.", counters.won);
        self.counter("terms_lost_total", "Terms lost that had been won.", counters.lost);
        self.counter("nacks_total", "Refusals by acceptors.", counters.nacks);
        self.counter("retransmissions_total", "Questions asked again.", counters.retransmissions);
        self.counter("catch_ups_total", "Questions for what was missed.", counters.catch_ups);
        self.counter("ignored_total", "Messages without effect.", counters.ignored);
        let disbelieved = "Messages without effect because a number in them cannot be true.";
        self.counter("disbelieved_total", disbelieved, counters.disbelieved);
        let doubted = "Messages without effect because they name a slot far ahead for the first time.";
        self.counter("doubted_total", doubted, counters.doubted);
        self.counter("forgotten_total", "Messages of processes that have forgotten.", counters.forgotten);
        self.counter("refused_commands_total", "Commands refused at a limit.", counters.refused);
    }

    fn of_carrier(&mut self, stats: &CarrierStats) {
        self.counter("frames_sent_total", "Frames written.", stats.frames_sent);
        self.counter("frames_received_total", "Frames read.", stats.frames_received);
        self.counter("bytes_sent_total", "Bytes written.", stats.bytes_sent);
        self.counter("bytes_received_total", "Bytes of messages read.", stats.bytes_received);
        self.counter("messages_sent_total", "Messages written.", stats.messages_sent);
        self.counter("messages_received_total", "Messages read.", stats.messages_received);
        self.counter("connected_total", "Connections made.", stats.connected);
        self.counter("connect_failed_total", "Attempts to connect that failed.", stats.failed);
        self.counter("accepted_total", "Connections taken.", stats.accepted);
        self.head("messages_dropped_total", "counter", "Messages dropped before they were sent.");
        for (why, count) in [
            ("full", stats.dropped_full),
            ("unreachable", stats.dropped_unreachable),
            ("too_large", stats.dropped_too_large),
        ] {
            self.value("messages_dropped_total", &format!(",reason=\"{why}\""), count);
        }
        self.head("connections_refused_total", "counter", "Connections refused or given up.");
        for (reason, count) in &stats.refused {
            self.value("connections_refused_total", &format!(",reason=\"{reason}\""), count);
        }
        self.head("peer_connected", "gauge", "Whether there is a connection to send on.");
        for (peer, stats) in &stats.peers {
            self.value("peer_connected", &format!(",peer=\"{peer}\""), u8::from(stats.connected));
        }
        self.head("peer_queued_bytes", "gauge", "Bytes that wait to be sent.");
        for (peer, stats) in &stats.peers {
            self.value("peer_queued_bytes", &format!(",peer=\"{peer}\""), stats.queued_bytes);
        }
    }
}

/// Serves what a function returns at the moment, over HTTP, to whoever asks for `/metrics`. Dropping it ends that.
#[derive(Debug)]
pub struct MetricsServer {
    local: SocketAddr,
    task: JoinHandle<()>,
}

impl MetricsServer {
    /// Listens at `address`; with port 0 the system chooses one.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub async fn bind(
        address: SocketAddr,
        text: impl Fn() -> String + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        Ok(Self { local, task: tokio::spawn(serve(listener, Arc::new(text))) })
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, text: Arc<dyn Fn() -> String + Send + Sync>) {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely there are too many open files.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let text = Arc::clone(&text);
        tokio::spawn(async move {
            // Who does not ask, or does not listen, is no concern of ours.
            drop(timeout(PATIENCE, answer(stream, &*text)).await);
            drop(place);
        });
    }
}

async fn answer(mut stream: TcpStream, text: &(dyn Fn() -> String + Send + Sync)) -> io::Result<()> {
    let (mut asked, mut n) = ([0; 4096], 0);
    while !asked[..n].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut asked[n..]).await? {
            0 => return Ok(()),
            more => n += more,
        }
    }
    let (status, body) = if asked.starts_with(b"GET /metrics ") {
        ("200 OK", text())
    } else {
        ("404 Not Found", "ask for /metrics\n".into())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .await
            .expect("written");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("text");
        text
    }

    #[tokio::test]
    async fn prometheus_finds_what_it_asks_for() {
        let mut stats = CarrierStats { frames_sent: 7, ..CarrierStats::default() };
        stats.refused.insert(crate::Reason::Expired, 3);
        let text = move || exposition(NodeId(1), &Status::default(), Some(&stats));
        let server = MetricsServer::bind(([127, 0, 0, 1], 0).into(), text).await.expect("a port");
        let page = get(server.local_address(), "/metrics").await;
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        for line in [
            "# TYPE paxos_frames_sent_total counter\npaxos_frames_sent_total{node=\"n1\"} 7\n",
            "paxos_connections_refused_total{node=\"n1\",reason=\"expired\"} 3\n",
            "paxos_leads{node=\"n1\"} 0\n",
        ] {
            assert!(page.contains(line), "{page}");
        }
        assert!(get(server.local_address(), "/").await.starts_with("HTTP/1.1 404"));
    }
}
