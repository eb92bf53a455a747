//! Clients that record what they did and saw.

use crate::{Chance, LONG, chance};
use paxos_bench::linearize::{Deed, Operation, Report, Verdict, check};
use paxos_bench::server::resp::{Client, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Longer than a member takes to answer that the outcome is unknown.
const PATIENCE: Duration = Duration::from_secs(15);

/// The client that reads everything at the end.
const READER: u64 = u64::MAX;

/// The memory that the search for an order may use, in bytes.
const MEMORY: usize = 1 << 30;

/// Keys that all clients use: counters, lists and registers.
const KEYS: [&str; 7] = ["c:0", "c:1", "l:0", "l:1", "r:0", "r:1", "r:2"];

/// After this many answers the keys change, so that few operations of unknown outcome have the same key.
const GENERATION: u64 = 1_000;

struct Shared {
    addresses: Vec<String>,
    epoch: Instant,
    stop: AtomicBool,
    acknowledged: AtomicU64,
    history: Mutex<Vec<Operation>>,
    /// The acknowledged values of keys that are written once.
    written: Mutex<BTreeMap<String, String>>,
    /// Answers that no client should ever get.
    odd: Mutex<Vec<String>>,
}

/// What a client knows after a request.
enum Heard {
    Answer(Value),
    /// The request has not taken effect, and never will.
    NotDone,
    Unknown,
    /// The outcome is unknown, and the connection is unusable.
    Broken,
}

/// A client while it is connected.
struct Caller {
    name: u64,
    client: Client,
}

pub(crate) struct Clients {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Clients {
    /// Starts the clients. Each connects to a member, and to the next member when that one fails.
    pub(crate) fn start(addresses: &[String], count: u64) -> Self {
        let shared = Arc::new(Shared {
            addresses: addresses.to_vec(),
            epoch: Instant::now(),
            stop: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            history: Mutex::default(),
            written: Mutex::default(),
            odd: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for nth in 0..count {
            tasks.spawn(work(Arc::clone(&shared), nth));
        }
        Self { shared, tasks }
    }

    /// The number of requests that were answered.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(SeqCst)
    }

    /// Ends the load, reads everything at every member, and checks the history. Returns a summary.
    pub(crate) async fn finish(mut self) -> String {
        self.shared.stop.store(true, SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("clients do not panic");
        }
        let shared = Arc::clone(&self.shared);
        let written = std::mem::take(&mut *shared.written.lock().expect("nobody panicked"));
        let used: BTreeSet<String> =
            shared.history.lock().expect("nobody panicked").iter().map(|op| op.key.clone()).collect();
        for address in &shared.addresses {
            for key in &used {
                let begun = shared.now();
                let value = insist(address, &["GET", key]).await;
                shared.note(READER, key, Deed::Get(value.text()), begun, true);
            }
            for (key, value) in &written {
                let found = insist(address, &["GET", key]).await.text();
                assert_eq!(found.as_ref(), Some(value), "{key} was acknowledged, and is lost at {address}");
            }
        }
        let odd = shared.odd.lock().expect("nobody panicked").clone();
        assert!(odd.is_empty(), "no client should get such answers: {odd:?}");
        let history = std::mem::take(&mut *shared.history.lock().expect("nobody panicked"));
        let checked = tokio::task::spawn_blocking(move || {
            let verdict = check(&history, MEMORY, |_| {});
            (verdict == Verdict::Linearizable, Report::new(&history, verdict))
        });
        let (is_right, report) = checked.await.expect("it does not panic");
        assert!(is_right, "{}", report.table());
        format!(
            "{} operations ({} of unknown outcome) are linearizable; {} keys written once, none lost",
            report.operations,
            report.unknown,
            written.len()
        )
    }
}

/// Repeats a request until it is answered.
async fn insist(address: &str, words: &[&str]) -> Value {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        if let Ok(mut client) = Client::connect(address).await
            && let Ok(Ok(value)) = timeout(PATIENCE, client.call(words)).await
        {
            return value;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{address} does not answer {words:?}");
}

async fn work(shared: Arc<Shared>, nth: u64) {
    let mut chance = chance(nth + 1);
    let (mut address, mut drawn) = (nth as usize, 0_u64);
    while !shared.stop.load(SeqCst) {
        let at = &shared.addresses[address % shared.addresses.len()];
        if let Ok(Ok(client)) = timeout(PATIENCE, Client::connect(at)).await {
            let mut caller = Caller { name: nth, client };
            while !shared.stop.load(SeqCst) {
                drawn += 1;
                let fine = shared.turn(&mut caller, &mut chance, format!("{nth}.{drawn},")).await;
                if !fine {
                    break;
                }
                sleep(chance.millis(1, 8)).await;
            }
        } else {
            sleep(Duration::from_millis(20)).await;
        }
        address += 1;
    }
}

impl Shared {
    fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    fn note(&self, client: u64, key: &str, deed: Deed, begun: u64, known: bool) {
        let ended = known.then(|| self.now());
        let operation = Operation { client, key: key.into(), deed, begun, ended };
        self.history.lock().expect("nobody panicked").push(operation);
    }

    /// Performs one operation and records it. Returns whether the connection is still usable.
    async fn turn(&self, caller: &mut Caller, chance: &mut Chance, value: String) -> bool {
        let key = KEYS[chance.below(KEYS.len() as u64) as usize];
        let key = &*format!("{key}:{}", self.acknowledged.load(SeqCst) / GENERATION);
        let dice = chance.below(100);
        match (key.as_bytes()[0], dice) {
            (_, 0..15) => self.write_once(caller, value).await,
            (_, 15..45) => self.deed(caller, key, Deed::Get(None)).await,
            (b'c', _) => self.deed(caller, key, Deed::Incr(None)).await,
            (b'l', 45..95) => self.deed(caller, key, Deed::Append(value, None)).await,
            (b'r', 75..) => self.compare_and_set(caller, key, value).await,
            _ => self.deed(caller, key, Deed::Put(value)).await,
        }
    }

    async fn write_once(&self, caller: &mut Caller, value: String) -> bool {
        let key = format!("w:{value}");
        let heard = self.ask(&mut caller.client, &[&["SET", &key, &value]]).await;
        if let Heard::Answer(_) = &heard {
            self.written.lock().expect("nobody panicked").insert(key, value);
        }
        !matches!(heard, Heard::Broken)
    }

    async fn deed(&self, caller: &mut Caller, key: &str, mut deed: Deed) -> bool {
        let begun = self.now();
        let heard = match &deed {
            Deed::Get(_) => self.ask(&mut caller.client, &[&["GET", key]]).await,
            Deed::Put(value) | Deed::Cas(_, value) => {
                self.ask(&mut caller.client, &[&["SET", key, value]]).await
            }
            Deed::Append(value, _) => self.ask(&mut caller.client, &[&["APPEND", key, value]]).await,
            Deed::Delete(_) => self.ask(&mut caller.client, &[&["DEL", key]]).await,
            Deed::Incr(_) => self.ask(&mut caller.client, &[&["INCR", key]]).await,
        };
        if let Heard::Answer(value) = &heard {
            let number = if let Value::Int(n) = value { Some(*n) } else { None };
            match &mut deed {
                Deed::Get(seen) => *seen = value.text(),
                Deed::Append(_, length) => *length = number.map(|n| n as usize),
                Deed::Delete(had) => *had = number.map(|n| n > 0),
                Deed::Incr(seen) => *seen = number,
                Deed::Put(_) | Deed::Cas(..) => {}
            }
        }
        self.conclude(caller.name, key, deed, begun, &heard)
    }

    async fn compare_and_set(&self, caller: &mut Caller, key: &str, value: String) -> bool {
        let begun = self.now();
        let from = match self.ask(&mut caller.client, &[&["WATCH", key], &["GET", key]]).await {
            Heard::Answer(value) => value.text(),
            Heard::Broken => return false,
            Heard::NotDone | Heard::Unknown => return true,
        };
        self.note(caller.name, key, Deed::Get(from.clone()), begun, true);
        let begun = self.now();
        let heard = self.ask(&mut caller.client, &[&["MULTI"], &["SET", key, &value], &["EXEC"]]).await;
        // Another client was faster.
        if matches!(heard, Heard::Answer(Value::Nil)) {
            return true;
        }
        self.conclude(caller.name, key, Deed::Cas(from, value), begun, &heard)
    }

    fn conclude(&self, name: u64, key: &str, deed: Deed, begun: u64, heard: &Heard) -> bool {
        match heard {
            Heard::Answer(_) => self.note(name, key, deed, begun, true),
            Heard::Unknown | Heard::Broken if !matches!(deed, Deed::Get(_)) => {
                self.note(name, key, deed, begun, false);
            }
            Heard::Unknown | Heard::Broken | Heard::NotDone => {}
        }
        !matches!(heard, Heard::Broken)
    }

    /// Sends several requests in turn. Returns the answer to the last one, if none is refused.
    async fn ask(&self, client: &mut Client, requests: &[&[&str]]) -> Heard {
        for words in requests {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            client.push(&words);
        }
        let answers = timeout(PATIENCE, async {
            client.flush().await.ok()?;
            let mut heard = self.judge(client.read().await.ok()?);
            for _ in 1..requests.len() {
                let next = self.judge(client.read().await.ok()?);
                // A refusal affects the requests that follow it.
                if let Heard::Answer(_) = heard {
                    heard = next;
                }
            }
            Some(heard)
        });
        match answers.await {
            Ok(Some(heard)) => heard,
            Ok(None) | Err(_) => Heard::Broken,
        }
    }

    fn judge(&self, value: Value) -> Heard {
        let Some(text) = value.error() else {
            self.acknowledged.fetch_add(1, SeqCst);
            return Heard::Answer(value);
        };
        if text.starts_with("UNKNOWN") {
            return Heard::Unknown;
        }
        if !text.starts_with("TRYAGAIN") && !text.starts_with("CLUSTERDOWN") {
            self.odd.lock().expect("nobody panicked").push(text.into());
        }
        Heard::NotDone
    }
}
