//! One client of the load generator.

use super::draw::{Deed, Draw};
use super::history::{History, Line};
use super::link::{Link, Wire};
use super::options::Load;
use super::tally::Tally;
use crate::server::resp::Value;
use crate::server::tls::Connector;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// How long a client waits after a refusal or a failed connection.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// The state that all clients share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Load,
    /// The protocol of the servers.
    pub(super) wire: Wire,
    /// Connects to the servers, if they speak TLS.
    pub(super) tls: Option<Connector>,
    pub(super) tally: Tally,
    pub(super) history: Option<History>,
    /// The start of the history's clock.
    pub(super) epoch: Instant,
    /// The time at which the first request may begin.
    pub(super) began: Instant,
    /// The time until which requests may begin.
    pub(super) until: Instant,
    /// How many more requests may begin.
    pub(super) left: AtomicU64,
}

/// A request that is under way.
#[derive(Debug)]
struct Pending {
    deed: Deed,
    /// When the request was due.
    due: Instant,
    /// When the request began.
    begun: Instant,
}

/// One client.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) draw: Draw,
    /// The client's number in the history.
    name: u64,
    address: usize,
    pending: VecDeque<Pending>,
    /// In an open loop, when the next request is due, and the time between two requests.
    pace: Option<(Instant, Duration)>,
}

/// The connection can no longer be used.
pub(super) struct Broken;

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, draw: Draw, nth: u32) -> Self {
        let options = &shared.options;
        let pace = options.rate.map(|rate| {
            let gap = Duration::from_secs_f64(f64::from(options.clients) / rate.max(1e-3));
            // The clients are spread evenly over the interval.
            (shared.began + gap.mul_f64(f64::from(nth) / f64::from(options.clients)), gap)
        });
        let address = nth as usize;
        Self { draw, name: nth.into(), address, pending: VecDeque::new(), pace, shared }
    }

    /// Sends requests until the load ends.
    pub(super) async fn run(mut self) {
        while !self.is_done() {
            let Some(mut client) = self.connect().await else { continue };
            while !self.is_done() {
                if self.turn(&mut client).await.is_err() {
                    self.give_up();
                    break;
                }
            }
        }
        self.shared.tally.lock().not_sent += self.overdue();
    }

    /// The requests of an open loop that were due and will not be sent.
    fn overdue(&self) -> u64 {
        let Some((due, gap)) = self.pace else { return 0 };
        let late = self.shared.until.saturating_duration_since(due);
        let requests = late.as_nanos().div_ceil(gap.as_nanos().max(1));
        u64::try_from(requests).unwrap_or(u64::MAX).min(self.shared.left.load(Relaxed))
    }

    fn is_done(&self) -> bool {
        let no_more = match self.pace {
            // A request that is due is sent late rather than omitted, unless it would be later than the timeout.
            Some((due, _)) => {
                due >= self.shared.until || Instant::now() >= self.shared.until + self.patience()
            }
            None => Instant::now() >= self.shared.until,
        };
        self.pending.is_empty() && (no_more || self.shared.left.load(Relaxed) == 0)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.shared.options.timeout)
    }

    pub(super) async fn connect(&mut self) -> Option<Link> {
        let options = &self.shared.options;
        let address = &options.addr[self.address % options.addr.len()];
        let tls = self.shared.tls.as_ref();
        let link = Link::connect(self.shared.wire, tls, address, options.password.as_deref());
        let connected = timeout(self.patience(), link);
        let error = match connected.await {
            Ok(Ok(client)) => return Some(client),
            Ok(Err(error)) => format!("{address}: {error}"),
            Err(_) => format!("{address} does not answer"),
        };
        self.shared.tally.lock().error.get_or_insert(error);
        self.address += 1;
        sleep(PAUSE).await;
        None
    }

    /// Sends the requests that are due, and processes the replies that have arrived.
    async fn turn(&mut self, client: &mut Link) -> Result<(), Broken> {
        let wake = self.begin(client).await?;
        client.flush().await.map_err(|_| Broken)?;
        let Some(oldest) = self.pending.front() else {
            sleep_until(wake.unwrap_or(self.shared.until).min(self.shared.until)).await;
            return Ok(());
        };
        let end = oldest.begun + self.patience();
        let room = self.pending.len() < self.shared.options.depth();
        let wake = wake.filter(|_| room).unwrap_or(end).min(end);
        match timeout_at(wake, client.fill()).await {
            Ok(filled) => filled.map_err(|_| Broken)?,
            Err(_) if wake == end => return Err(Broken),
            Err(_) => return Ok(()),
        }
        while let Some(value) = client.poll().map_err(|_| Broken)? {
            let Some(pending) = self.pending.pop_front() else { return Err(Broken) };
            if self.settle(&pending, value) {
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Sends as many requests as are allowed, and returns when the next one is due.
    async fn begin(&mut self, client: &mut Link) -> Result<Option<Instant>, Broken> {
        while self.pending.len() < self.shared.options.depth() {
            let begun = Instant::now();
            let due = match self.pace {
                Some((due, _)) if due > begun || due >= self.shared.until => return Ok(Some(due)),
                Some((due, gap)) => {
                    self.pace = Some((due + gap, gap));
                    due
                }
                None if begun >= self.shared.until => return Ok(None),
                None => begun,
            };
            let taken = self.shared.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
            if taken.is_err() {
                return Ok(None);
            }
            let deed = self.draw.next();
            if let Deed::Cas(key, new) = &deed {
                self.cas(client, key, new, due).await?;
                continue;
            }
            client.push(&deed);
            self.pending.push_back(Pending { deed, due, begun });
        }
        Ok(None)
    }

    /// Processes the reply to a request, and returns whether the client should pause.
    fn settle(&mut self, pending: &Pending, value: Value) -> bool {
        let now = Instant::now();
        if let Value::Error(text) = value {
            return self.fail(pending, text);
        }
        let micros = now.duration_since(pending.due).as_micros() as u64;
        self.shared.tally.answered(pending.deed.name(), micros);
        if self.shared.history.is_none() {
            return false;
        }
        let saw = value.text();
        let mut line = self.line(&pending.deed, pending.begun, Some(now));
        match &pending.deed {
            Deed::Get(_) => line.out = saw.map(Into::into),
            Deed::Append(..) => (line.out, line.ok) = (saw.map(Into::into), Some(true)),
            Deed::Delete(_) => line.ok = Some(value == Value::Int(1)),
            Deed::Put(..) | Deed::Cas(..) => line.ok = Some(true),
            Deed::Scan(..) => {}
        }
        self.note(&line);
        false
    }

    fn fail(&mut self, pending: &Pending, text: String) -> bool {
        let unknown = text.starts_with("UNKNOWN");
        {
            let mut counted = self.shared.tally.lock();
            counted.error.get_or_insert(text);
            if unknown {
                counted.unknown += 1;
            } else {
                counted.refused += 1;
            }
        }
        if unknown {
            self.lose(pending);
        }
        !unknown
    }

    /// Records an unknown outcome and gives the client a new number: under the old one, it would have to wait.
    fn lose(&mut self, pending: &Pending) {
        let writes = !matches!(pending.deed, Deed::Get(_) | Deed::Scan(..));
        if writes {
            let line = self.line(&pending.deed, pending.begun, None);
            self.note(&line);
        }
        self.rename();
    }

    /// Gives the client a new number, which no other client has.
    pub(super) fn rename(&mut self) {
        self.name += u64::from(self.shared.options.clients) + 1;
    }

    fn give_up(&mut self) {
        let lost: Vec<Pending> = self.pending.drain(..).collect();
        {
            let mut counted = self.shared.tally.lock();
            counted.unknown += lost.len() as u64;
            counted.reconnects += 1;
        }
        for pending in &lost {
            self.lose(pending);
        }
        self.address += 1;
    }

    /// Reads a key, and sets it unless it has changed in the meantime.
    async fn cas(&mut self, client: &mut Link, key: &[u8], new: &[u8], due: Instant) -> Result<(), Broken> {
        let begun = Instant::now();
        client.words(&[b"WATCH", key]);
        client.words(&[b"GET", key]);
        let mut seen = self.replies(client, 2).await?;
        let read = Pending { deed: Deed::Get(key.to_vec()), due, begun };
        let value = seen.pop().unwrap_or(Value::Nil);
        if let Some(error) = seen.iter().chain([&value]).find_map(|value| value.error()).map(str::to_owned) {
            if self.fail(&read, error) {
                sleep(PAUSE).await;
            }
            return Ok(());
        }
        let from = value.text();
        let now = Instant::now();
        let line = Line { out: from.clone().map(Into::into), ..self.line(&read.deed, begun, Some(now)) };
        self.note(&line);

        client.words(&[b"MULTI"]);
        client.words(&[b"SET", key, new]);
        client.words(&[b"EXEC"]);
        let deed = Deed::Cas(key.to_vec(), new.to_vec());
        let mut line = Line { from: from.map(Into::into), ..self.line(&deed, now, None) };
        let Ok(mut replies) = self.replies(client, 3).await else {
            self.shared.tally.lock().unknown += 1;
            self.note(&line);
            self.rename();
            return Err(Broken);
        };
        let done = Instant::now();
        match replies.pop() {
            Some(Value::Error(text)) => {
                let unknown = text.starts_with("UNKNOWN");
                let mut counted = self.shared.tally.lock();
                counted.error.get_or_insert(text);
                counted.unknown += u64::from(unknown);
                counted.refused += u64::from(!unknown);
                drop(counted);
                if unknown {
                    self.note(&line);
                    self.rename();
                }
            }
            // Another client changed the key first, so nothing was set.
            Some(Value::Nil) => self.shared.tally.lock().conflicts += 1,
            _ => {
                self.shared.tally.answered("cas", done.duration_since(due).as_micros() as u64);
                (line.ok, line.t1) = (Some(true), Some(self.nanos(done)));
                self.note(&line);
            }
        }
        Ok(())
    }

    pub(super) async fn replies(&self, client: &mut Link, count: usize) -> Result<Vec<Value>, Broken> {
        client.flush().await.map_err(|_| Broken)?;
        let mut replies = Vec::with_capacity(count);
        while replies.len() < count {
            let read = timeout(self.patience(), client.read()).await;
            replies.push(read.map_err(|_| Broken)?.map_err(|_| Broken)?);
        }
        Ok(replies)
    }

    fn nanos(&self, at: Instant) -> u64 {
        at.duration_since(self.shared.epoch).as_nanos() as u64
    }

    pub(super) fn line<'a>(&self, deed: &'a Deed, begun: Instant, done: Option<Instant>) -> Line<'a> {
        let (key, value): (&[u8], Option<&[u8]>) = match deed {
            Deed::Get(key) | Deed::Delete(key) => (key, None),
            Deed::Put(key, value) | Deed::Cas(key, value) | Deed::Append(key, value) => (key, Some(value)),
            Deed::Scan(..) => (&[], None),
        };
        Line {
            c: self.name,
            op: deed.name(),
            k: String::from_utf8_lossy(key),
            v: value.map(String::from_utf8_lossy),
            from: None,
            out: None,
            ok: None,
            t0: self.nanos(begun),
            t1: done.map(|at| self.nanos(at)),
        }
    }

    pub(super) fn note(&self, line: &Line<'_>) {
        if let Some(history) = self.shared.history.as_ref().filter(|_| line.op != "scan") {
            history.note(line);
        }
    }
}

#[cfg(test)]
mod tests;
