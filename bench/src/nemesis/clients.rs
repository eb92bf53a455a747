//! Clients that record what they did and saw.
//!
//! Writers write and read. A writer whose connection fails, or that gets no answer in time, goes on to the next
//! process. Readers only read, and each stays at its process. So a member that is cut off or stopped is still asked for
//! the keys that writers change meanwhile.

mod turn;

use super::NemesisError;
use crate::linearize::{Deed, Operation, Report, check};
use crate::server::resp::{Client, Value};
use core::time::Duration;
use paxos_transport::sim::Chance;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// The memory that the search for an order of the operations may use, in bytes.
const MEMORY: usize = 1 << 30;

/// How long a client waits for one answer at the end of a window. It is longer than a member takes to answer.
const ATTEMPT: Duration = Duration::from_secs(15);

/// The number, in the history, of the first client that reads all keys at the end. There is one for each address.
const READER: u64 = 1_000_000_000;

/// The number of keys in one request at the end.
const KEYS_AT_ONCE: usize = 100;

/// How many clients there are, and how they behave.
#[derive(Clone, Debug)]
pub struct Habits {
    /// The number of clients that write and read.
    pub writers: u64,
    /// The number of clients that only read.
    pub readers: u64,
    /// How long a writer waits for an answer before it goes on to the next process.
    pub patience: Duration,
    /// How long a reader waits for an answer before it asks again.
    pub glance: Duration,
    /// The prefix of all keys.
    pub prefix: String,
    /// The seed of what the clients draw.
    pub seed: u64,
}

/// The addresses to which clients connect. They may change while clients work.
#[derive(Debug, Default)]
pub struct Addresses(Mutex<Vec<String>>);

impl Addresses {
    /// Sets the addresses.
    pub fn set(&self, addresses: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// All addresses.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The address at this index, modulo the number of addresses; empty if there are none.
    fn nth(&self, nth: usize) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nth.checked_rem(all.len()).map(|nth| all[nth].clone()).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Shared {
    addresses: Arc<Addresses>,
    habits: Habits,
    /// The start. Times in the history are nanoseconds since then.
    epoch: Instant,
    stop: AtomicBool,
    /// The number of requests that were answered.
    acknowledged: AtomicU64,
    /// The number of changes that were answered.
    changed: AtomicU64,
    /// The number of changes of unknown outcome.
    unknown: AtomicU64,
    /// The number of operations that were refused, and of reads without an answer.
    failed: AtomicU64,
    history: Mutex<Vec<Operation>>,
    /// Answers that no client should ever get.
    odd: Mutex<Vec<String>>,
}

/// What a client knows about a request after its end.
enum Heard {
    /// The request was answered.
    Answer(Value),
    /// The request was refused. It has not taken effect, and never will.
    NotDone,
    /// The outcome is unknown.
    Unknown,
    /// The outcome is unknown, and the connection is unusable.
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Reader,
}

/// A client while it is connected.
struct Caller {
    name: u64,
    role: Role,
    client: Client,
}

/// Clients at work.
#[derive(Debug)]
pub struct Clients {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// What clients did and saw.
#[derive(Clone, Debug)]
pub struct Findings {
    /// All operations.
    pub history: Vec<Operation>,
    /// What the search for an order found.
    pub report: Report,
    /// The number of operations that were refused, and of reads without an answer.
    pub failed: u64,
    /// The number of keys that were written once, and whose write was answered.
    pub keys_written_once: usize,
}

impl Clients {
    /// Starts the clients.
    pub fn start(addresses: Arc<Addresses>, habits: Habits) -> Self {
        let shared = Arc::new(Shared {
            addresses,
            epoch: Instant::now(),
            stop: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            changed: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            history: Mutex::default(),
            odd: Mutex::default(),
            habits,
        });
        let mut tasks = JoinSet::new();
        for nth in 0..shared.habits.writers {
            tasks.spawn(work(Arc::clone(&shared), nth, Role::Writer));
        }
        for nth in 0..shared.habits.readers {
            tasks.spawn(work(Arc::clone(&shared), nth, Role::Reader));
        }
        Self { shared, tasks }
    }

    /// The number of requests that were answered.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(SeqCst)
    }

    /// Ends the load, reads every key at every address, and checks the history. Each request is repeated for up to
    /// `bound`.
    ///
    /// # Errors
    /// [`NemesisError::Unanswered`] if a process does not answer, [`NemesisError::Odd`] if clients got answers that
    /// they should never get. A history without an order is no error here: see [`Findings::report`].
    pub async fn finish(&mut self, bound: Duration) -> Result<Findings, NemesisError> {
        self.stop().await;
        let keys: BTreeSet<String> = {
            let history = self.shared.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.iter().map(|operation| operation.key.clone()).collect()
        };
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        for (nth, address) in self.shared.addresses.all().iter().enumerate() {
            for some in keys.chunks(KEYS_AT_ONCE) {
                let begun = self.shared.now();
                let words: Vec<&str> = ["MGET"].iter().chain(some).copied().collect();
                let Value::Array(values) = insist(address, &words, bound).await? else { continue };
                for (key, value) in some.iter().zip(values) {
                    self.shared.note(READER + nth as u64, key, Deed::Get(value.text()), begun, true);
                }
            }
        }
        let odd = std::mem::take(&mut *self.shared.odd.lock().unwrap_or_else(PoisonError::into_inner));
        if odd.is_empty() { Ok(self.findings().await) } else { Err(NemesisError::Odd(odd)) }
    }

    /// Deletes all keys of a history, when no client uses them any more.
    ///
    /// # Errors
    /// [`NemesisError::Unanswered`] if the process does not answer.
    pub async fn forget(findings: &Findings, address: &str, bound: Duration) -> Result<(), NemesisError> {
        let keys: BTreeSet<&str> = findings.history.iter().map(|operation| &*operation.key).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        for some in keys.chunks(KEYS_AT_ONCE) {
            let words: Vec<&str> = ["DEL"].iter().chain(some).copied().collect();
            insist(address, &words, bound).await?;
        }
        Ok(())
    }

    /// Ends the load: waits until each client has finished its operation.
    async fn stop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends the load, and checks what was recorded so far.
    pub async fn findings(&mut self) -> Findings {
        self.stop().await;
        let mut history =
            std::mem::take(&mut *self.shared.history.lock().unwrap_or_else(PoisonError::into_inner));
        // Lines stand in the order in which operations ended (docs/history-format.md).
        history.sort_by_key(|operation| operation.ended.unwrap_or(u64::MAX));
        let checked = tokio::task::spawn_blocking(move || {
            let verdict = check(&history, MEMORY, |_| {});
            let report = Report::new(&history, verdict);
            (history, report)
        });
        let (history, report) = match checked.await {
            Ok(checked) => checked,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let once = format!("{}w:", self.shared.habits.prefix);
        let is_first =
            |operation: &&Operation| matches!(operation.deed, Deed::Put(_)) && operation.ended.is_some();
        let written = history.iter().filter(is_first).filter(|operation| operation.key.starts_with(&once));
        Findings {
            keys_written_once: written.count(),
            failed: self.shared.failed.load(SeqCst),
            report,
            history,
        }
    }
}

impl Findings {
    /// Whether the history has an order that explains every answer.
    pub fn is_linearizable(&self) -> bool {
        self.report.end().is_ok()
    }

    /// The number of operations that were answered.
    pub fn answered(&self) -> usize {
        self.report.operations - self.report.unknown
    }
}

impl std::fmt::Display for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Report { operations, unknown, verdict, .. } = &self.report;
        let once = self.keys_written_once;
        write!(
            f,
            "{operations} operations ({unknown} of unknown outcome) are {verdict}; {once} keys written once"
        )
    }
}

/// Repeats a request until it is answered, for up to `bound`.
async fn insist(address: &str, words: &[&str], bound: Duration) -> Result<Value, NemesisError> {
    let begun = Instant::now();
    while begun.elapsed() < bound {
        if let Ok(mut client) = Client::connect(address).await
            && let Ok(Ok(value)) = timeout(ATTEMPT, client.call(words)).await
        {
            return Ok(value);
        }
        sleep(Duration::from_millis(20)).await;
    }
    let request = words.iter().take(3).copied().collect::<Vec<_>>().join(" ");
    Err(NemesisError::Unanswered { address: address.into(), request, bound })
}

/// Runs one client until the load ends.
async fn work(shared: Arc<Shared>, nth: u64, role: Role) {
    let (writers, readers) = (shared.habits.writers, shared.habits.readers);
    let place = if role == Role::Writer { nth } else { writers + nth };
    let mut chance = Chance::new(shared.habits.seed, place + 1);
    let (mut home, mut drawn, mut incarnation) = (nth as usize, 0_u64, 0);
    while !shared.stop.load(SeqCst) {
        let address = shared.addresses.nth(home);
        if let Ok(Ok(client)) = timeout(shared.patience(role), Client::connect(&address)).await {
            // Each connection has a number of its own: an operation of unknown outcome may still be under way.
            let mut caller = Caller { name: place + incarnation * (writers + readers), role, client };
            // When the members change, another process may have this place. The client then connects to that one.
            while !shared.stop.load(SeqCst) && shared.addresses.nth(home) == address {
                drawn += 1;
                let fine = shared.turn(&mut caller, &mut chance, format!("{place}.{drawn},")).await;
                if !fine {
                    break;
                }
                sleep(chance.between(Duration::from_millis(1), Duration::from_millis(8))).await;
            }
        } else {
            sleep(Duration::from_millis(20)).await;
        }
        incarnation += 1;
        if role == Role::Writer {
            home += 1;
        }
    }
}

impl Shared {
    /// How long a client with this role waits for an answer.
    fn patience(&self, role: Role) -> Duration {
        if role == Role::Writer { self.habits.patience } else { self.habits.glance }
    }
}
