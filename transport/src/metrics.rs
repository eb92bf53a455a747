//! Metrics for Prometheus: the state of a process, the counters of its carrier, and an endpoint that serves them. It
//! requires the feature `metrics`.

use crate::carrier::CarrierStats;
use crate::host::HostStatus;
use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use paxos_core::{NodeId, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// The number of connections that are served at the same time; others wait.
const AT_A_TIME: usize = 16;
/// The longest duration of a connection: one request and its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything known about a process at one moment.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// What the process knows about itself.
    pub status: Status,
    /// What the process knows about the others and about its own disk; `None` if it does not answer.
    pub host_status: Option<HostStatus>,
    /// The counters of its carrier, if it has any.
    pub carrier: Option<CarrierStats>,
    /// Additional counters, and additional gauges.
    pub further: (Vec<Series>, Vec<Series>),
}

/// A metric's name, help text, and value.
pub type Series = (&'static str, &'static str, u64);

/// Returns the metrics of `node` in the `OpenMetrics` text format, which Prometheus reads.
pub fn exposition(node: NodeId, numbers: Numbers) -> String {
    let labels = [("node".into(), node.to_string().into())];
    let mut registry = Registry::with_prefix_and_labels("paxos", labels.into_iter());
    registry.register_collector(Box::new(numbers));
    let mut page = String::new();
    // Writing to a string does not fail.
    _ = text::encode(&mut page, &registry);
    page
}

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.of_status(&self.status)?;
        if let Some(host_status) = &self.host_status {
            page.of_host(host_status)?;
        }
        if let Some(stats) = &self.carrier {
            page.of_carrier(stats)?;
        }
        for (name, help, value) in &self.further.0 {
            page.counter(name, help, *value)?;
        }
        for (name, help, value) in &self.further.1 {
            page.gauge(name, help, *value)?;
        }
        Ok(())
    }
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn metric(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        // The encoder adds a full stop.
        let help = help.trim_end_matches('.');
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.metric(name, help, &ConstGauge::new(value))
    }

    fn seconds(&mut self, name: &str, help: &str, value: Duration) -> fmt::Result {
        self.metric(name, help, &ConstGauge::new(value.as_secs_f64()))
    }

    /// Adds a counter. The encoder appends `_total` to its name.
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.metric(name, help, &ConstCounter::new(value))
    }

    /// Adds a metric with one value for each value of a label.
    fn each<M: EncodeMetric>(
        &mut self,
        (name, help, label): (&str, &str, &str),
        values: impl Iterator<Item = (String, M)>,
    ) -> fmt::Result {
        let mut values = values.peekable();
        let Some((_, first)) = values.peek() else { return Ok(()) };
        let help = help.trim_end_matches('.');
        let mut family = self.0.encode_descriptor(name, help, None, first.metric_type())?;
        for (value, metric) in values {
            metric.encode(family.encode_family(&[(label, value)])?)?;
        }
        Ok(())
    }

    fn of_host(&mut self, host_status: &HostStatus) -> fmt::Result {
        let HostStatus { surroundings, writes, writing, stalled, stages } = host_status;
        self.gauge("hears_quorum", "Whether a quorum of members is heard.", surroundings.quorum.into())?;
        self.counter("store_writes", "Writes that became durable.", *writes)?;
        let help = "Time that writes took until they were durable.";
        self.metric("store_write_seconds", help, &ConstCounter::new(writing.as_secs_f64()))?;
        let help = "How long the write that is under way has taken so far; 0 if there is none.";
        self.seconds("store_write_age_seconds", help, stalled.unwrap_or_default())?;
        self.counter("commands_answered", "Commands asked for here that were executed.", stages.commands)?;
        let spent = [("queue", stages.queue), ("agreement", stages.agreement), ("apply", stages.apply)];
        let spent = spent.map(|(stage, time)| (stage.to_owned(), ConstCounter::new(time.as_secs_f64())));
        let help = "Time of those commands from the call to the answer, by stage.";
        self.each(("command_seconds", help, "stage"), spent.into_iter())?;
        let peers = || surroundings.peers.iter();
        let heard = peers().map(|peer| (peer.id.to_string(), ConstGauge::new(u64::from(peer.heard))));
        self.each(("peer_heard", "Whether the peer said lately how far it is.", "peer"), heard)?;
        let lag = peers().filter_map(|peer| Some((peer.id.to_string(), ConstGauge::new(peer.lag?))));
        self.each(("peer_lag_slots", "Slots that the peer is behind this process.", "peer"), lag)
    }

    fn of_status(&mut self, status: &Status) -> fmt::Result {
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
        self.gauge("leads", "Whether this process leads.", u64::from(*leads))?;
        let led = status.leader.is_some() || status.leaderless;
        self.gauge("has_leader", "Whether a leader is known, or none is needed.", u64::from(led))?;
        self.gauge("first_unknown_slot", "The first slot whose value is not known.", first_unknown.index())?;
        self.gauge("applied_slot", "The first slot that is not executed.", applied.index())?;
        self.gauge("durable_slot", "Every slot below is on this process's disk as chosen.", durable.index())?;
        self.gauge("heard_slot", "Every slot below is chosen, as far as heard.", heard.index())?;
        self.gauge("log_start_slot", "The first slot whose value is still held.", log_start.index())?;
        self.gauge("in_flight_commands", "Slots under way.", load.in_flight.count as u64)?;
        self.gauge("in_flight_bytes", "Bytes under way.", load.in_flight.bytes as u64)?;
        self.gauge("waiting_commands", "Commands that wait for the window.", load.waiting.count as u64)?;
        self.gauge("waiting_bytes", "Bytes that wait for the window.", load.waiting.bytes as u64)?;
        self.gauge(
            "unanswered_commands",
            "Commands of the local client without an answer.",
            *unanswered as u64,
        )?;
        self.gauge(
            "forgetful_peers",
            "Peers whose store is not the one they had.",
            status.forgetful.len() as u64,
        )?;
        self.counter("campaigns", "Campaigns begun.", counters.campaigns)?;
        self.counter("terms_won", "Terms won.", counters.won)?;
        self.counter("terms_lost", "Terms lost that had been won.", counters.lost)?;
        self.counter("nacks", "Refusals by acceptors.", counters.nacks)?;
        self.counter("retransmissions", "Questions asked again.", counters.retransmissions)?;
        self.counter("catch_ups", "Questions for what was missed.", counters.catch_ups)?;
        self.counter("ignored", "Messages without effect.", counters.ignored)?;
        let disbelieved = "Messages without effect because they contain an impossible number.";
        self.counter("disbelieved", disbelieved, counters.disbelieved)?;
        let doubted = "Messages without effect because they name a slot far ahead for the first time.";
        self.counter("doubted", doubted, counters.doubted)?;
        self.counter("forgotten", "Messages of processes that have forgotten.", counters.forgotten)?;
        self.counter("refused_commands", "Commands refused at a limit.", counters.refused)?;
        self.counter(
            "stepped_aside",
            "Terms given up because the disk had stalled.",
            counters.stepped_aside,
        )?;
        self.gauge("store_pending_writes", "Writes that are not durable yet.", status.disk.writes as u64)?;
        self.gauge("store_pending_bytes", "Bytes that are not durable yet.", status.disk.bytes as u64)
    }

    fn of_carrier(&mut self, stats: &CarrierStats) -> fmt::Result {
        self.counter("frames_sent", "Frames written.", stats.frames_sent)?;
        self.counter("frames_received", "Frames read.", stats.frames_received)?;
        self.counter("bytes_sent", "Bytes written.", stats.bytes_sent)?;
        self.counter("bytes_received", "Bytes of messages read.", stats.bytes_received)?;
        self.counter("messages_sent", "Messages written.", stats.messages_sent)?;
        self.counter("messages_received", "Messages read.", stats.messages_received)?;
        self.counter("connected", "Connections made.", stats.connected)?;
        self.counter("connect_failed", "Attempts to connect that failed.", stats.failed)?;
        self.counter("accepted", "Connections taken.", stats.accepted)?;
        let dropped = [
            ("full", stats.dropped_full),
            ("unreachable", stats.dropped_unreachable),
            ("too_large", stats.dropped_too_large),
        ];
        let dropped = dropped.map(|(why, count)| (why.to_owned(), ConstCounter::new(count)));
        let help = "Messages dropped before they were sent.";
        self.each(("messages_dropped", help, "reason"), dropped.into_iter())?;
        let refused = stats.refused.iter().map(|(why, count)| (why.to_string(), ConstCounter::new(*count)));
        self.each(("connections_refused", "Connections refused or given up.", "reason"), refused)?;
        let peers = || stats.peers.iter();
        let connected =
            peers().map(|(id, peer)| (id.to_string(), ConstGauge::new(u64::from(peer.connected))));
        self.each(("peer_connected", "Whether there is a connection to send on.", "peer"), connected)?;
        let queued = peers().map(|(id, peer)| (id.to_string(), ConstGauge::new(peer.queued_bytes)));
        self.each(("peer_queued_bytes", "Bytes that wait to be sent.", "peer"), queued)
    }
}

/// The answer of a page: whether all is well, and the text.
pub type Answer = Pin<Box<dyn Future<Output = (bool, String)> + Send>>;

/// Returns the answer for a path; `None` if there is no such page.
pub type Pages = dyn Fn(&str) -> Option<Answer> + Send + Sync;

/// Serves pages over HTTP: `/metrics` for Prometheus, and any others. Dropping it stops the server.
#[derive(Debug)]
pub struct MetricsServer {
    local: SocketAddr,
    task: JoinHandle<()>,
}

impl MetricsServer {
    /// Serves the answers of `pages` on `listener`, with status 503 if all is not well.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn start(
        listener: TcpListener,
        pages: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let local = listener.local_addr()?;
        Ok(Self { local, task: tokio::spawn(serve(listener, Arc::new(pages))) })
    }

    /// The address that it listens at.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // The most likely cause is too many open files.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let pages = Arc::clone(&pages);
        tokio::spawn(async move {
            talk(stream, pages).await;
            drop(place);
        });
    }
}

async fn talk(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(answer(&request, &*pages).await) }
    });
    let served = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
    // The connection of a client that sends no request or reads no answer is closed.
    drop(timeout(PATIENCE, served).await);
}

async fn answer(request: &Request<Incoming>, pages: &Pages) -> Response<String> {
    let path = request.uri().path();
    let page = if request.method() == Method::GET { pages(path) } else { None };
    let (status, body) = match page {
        Some(page) => match page.await {
            (true, text) => (StatusCode::OK, text),
            (false, text) => (StatusCode::SERVICE_UNAVAILABLE, text),
        },
        None => (StatusCode::NOT_FOUND, "there is no such page: ask for /metrics\n".into()),
    };
    let kind = if path == "/metrics" && status == StatusCode::OK {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; charset=utf-8"
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_finds_what_it_asks_for() {
        let mut stats = CarrierStats { frames_sent: 7, ..CarrierStats::default() };
        stats.refused.insert(crate::Reason::Expired, 3);
        let page = exposition(NodeId(1), Numbers { carrier: Some(stats), ..Numbers::default() });
        for line in [
            "# TYPE paxos_frames_sent counter\npaxos_frames_sent_total{node=\"n1\"} 7\n",
            "paxos_connections_refused_total{node=\"n1\",reason=\"expired\"} 3\n",
            "paxos_leads{node=\"n1\"} 0\n",
        ] {
            assert!(page.contains(line), "{page}");
        }
        assert!(page.ends_with("# EOF\n"), "{page}");
    }

    #[test]
    fn a_process_that_needs_no_leader_does_not_lack_one() {
        for (leaderless, shown) in [(false, 0), (true, 1)] {
            let status = Status { leaderless, ..Status::default() };
            let page = exposition(NodeId(1), Numbers { status, ..Numbers::default() });
            assert!(page.contains(&format!("paxos_has_leader{{node=\"n1\"}} {shown}\n")), "{page}");
        }
    }
}
