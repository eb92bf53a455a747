//! The same random commands get the same replies from this server and from Redis 7, byte for byte.

use crate::harness::cluster::{Cluster, call};
use paxos_bench::server::resp::{Client, Value};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::process::{Child, Command, Stdio};

/// The number of commands to compare.
const COMMANDS: usize = 6_000;

/// The number of commands that are sent together.
const TOGETHER: usize = 50;

/// A Redis server that a test runs.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    /// Starts the server; none if Redis is not installed.
    fn start(dir: &std::path::Path) -> Option<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--save", "", "--databases", "1", "--dir"])
            .arg(dir)
            .stdout(Stdio::null())
            .spawn();
        Some(Self { child: child.ok()?, port })
    }

    async fn client(&self) -> Client {
        loop {
            if let Ok(client) = Client::connect(&format!("127.0.0.1:{}", self.port)).await {
                return client;
            }
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_are_those_of_redis_seven() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(redis) = Redis::start(dir.path()) else {
        eprintln!("skipped: replies_are_those_of_redis_seven needs redis-server on the path");
        return;
    };
    let cluster = Cluster::start("multi", &dir.path().join("data"), &[]);
    let (mut ours, mut theirs) = (cluster.client(1).await, redis.client().await);
    // Keys cannot expire at a time of day until the members have compared their clocks.
    while !is_set(&call(&mut ours, "TIME").await) {}
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(7));
    // The queued commands of a transaction.
    let mut queued: Vec<Vec<String>> = Vec::new();
    let (mut told, mut differing): (Vec<String>, Vec<String>) = Default::default();
    for _ in 0..COMMANDS / TOGETHER {
        let commands: Vec<Vec<String>> = (0..TOGETHER).map(|_| draw.command()).collect();
        for client in [&mut ours, &mut theirs] {
            for command in &commands {
                client.push(&command.iter().map(String::as_bytes).collect::<Vec<_>>());
            }
            client.flush().await.expect("it listens");
        }
        for command in commands {
            let replies = [ours.read().await.expect("a reply"), theirs.read().await.expect("a reply")];
            let [ours, theirs] = replies.map(|reply| {
                if let ("EXEC", Value::Array(parts)) = (command[0].as_str(), &reply) {
                    let parts = parts.iter().cloned();
                    let parts = queued.iter().zip(parts).map(|(command, part)| comparable(command, part));
                    return Value::Array(parts.collect());
                }
                comparable(&command, reply)
            });
            let line = command.join(" ");
            if ours != theirs {
                let before = before(&told, &command);
                differing.push(format!("{line}: {ours:?}, and Redis: {theirs:?}, after\n{before}"));
            }
            told.push(format!("{line} -> {ours:?}"));
            match (command[0].as_str(), &ours) {
                (_, Value::Simple(word)) if word == "QUEUED" => queued.push(command),
                ("EXEC" | "DISCARD", _) => queued.clear(),
                _ => {}
            }
        }
    }
    let some = &differing[..differing.len().min(10)];
    assert!(differing.is_empty(), "{} replies differ, among them\n{}", differing.len(), some.join("\n\n"));
    assert!(cluster.stop());
}

/// Whether the time is later than in 2001.
fn is_set(time: &Value) -> bool {
    let Value::Array(parts) = time else { panic!("{time:?} is no time") };
    let seconds = parts.first().and_then(Value::text).unwrap_or_default();
    seconds.parse::<u64>().expect("seconds") > 1_000_000_000
}

/// The last lines of `told` that name a key of `command`, or are about transactions.
fn before(told: &[String], command: &[String]) -> String {
    let keys: Vec<&str> = command.iter().map(String::as_str).filter(|word| word.starts_with('k')).collect();
    let about = |line: &&String| {
        let mut words = line.split(' ');
        words.any(|word| keys.contains(&word) || ["MULTI", "EXEC", "DISCARD"].contains(&word))
    };
    let lines: Vec<&str> = told.iter().filter(about).map(String::as_str).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Makes replies comparable. The servers have different clocks, so times to live are rounded to a quarter of a minute.
fn comparable(command: &[String], reply: Value) -> Value {
    match (command[0].as_str(), reply) {
        ("TTL" | "EXPIRETIME", Value::Int(n)) if n > 0 => Value::Int((n + 7) / 15),
        ("PTTL" | "PEXPIRETIME", Value::Int(n)) if n > 0 => Value::Int((n + 7_000) / 15_000),
        ("KEYS", Value::Array(mut keys)) => {
            keys.sort_by_key(Value::text);
            Value::Array(keys)
        }
        (_, reply) => reply,
    }
}

/// A source of random commands.
struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn word(&mut self, kind: char) -> String {
        match kind {
            'k' => format!("k{}", self.below(5)),
            'v' => self.of(&["", "v", "hello world", "10", "-3", "9223372036854775807", "3.5", "007"]).into(),
            'n' => self
                .of(&[
                    "0",
                    "1",
                    "-1",
                    "5",
                    "-7",
                    "100",
                    "9223372036854775807",
                    "x",
                    "1.5",
                    "-9223372036854775808",
                ])
                .into(),
            'f' => match self.below(3) {
                0 => self
                    .of(&["0.1", "-2.5", "1e3", "x", "", "inf", "nan", "1e400", "-1e-20", "5000.1"])
                    .into(),
                1 => format!("{}.{}", self.below(100_000), self.below(100_000)),
                _ => format!(
                    "-{}.{}e{}",
                    self.below(100),
                    self.below(1_000_000_000),
                    i64::from(self.0.next_u32() % 40) - 20
                ),
            },
            // These times to live are far from values that the servers would round to different numbers.
            't' => self
                .of(&["600", "6000", "60000", "0", "-5", "x", "9223372036854775807", "9223372036854775"])
                .into(),
            'T' => self.of(&["600000", "6000000", "0", "-5", "x", "9223372036854775807"]).into(),
            'a' => {
                self.of(&["4000000000", "5000000000", "100", "0", "-5", "x", "9223372036854775807"]).into()
            }
            'A' => self.of(&["4000000000000", "5000000000000", "100", "0", "x"]).into(),
            'F' => self.of(&["4000000000", "5000000000", "0", "x", "9223372036854775807"]).into(),
            'o' => self.of(&["NX", "XX", "GT", "LT", "gt", "no"]).into(),
            's' => self.of(&["NX", "XX", "GET", "KEEPTTL", "nx", "no"]).into(),
            'r' => self.of(&["0", "1", "5", "70", "-1", "x"]).into(),
            other => panic!("{other} is no kind"),
        }
    }

    fn command(&mut self) -> Vec<String> {
        let line = TEMPLATES[self.below(TEMPLATES.len())];
        let words = line.split(' ').map(|word| match word.strip_prefix('$') {
            Some(kind) => self.word(kind.chars().next().expect("a kind")),
            None => word.to_owned(),
        });
        words.collect()
    }
}

/// The templates of the commands. `$` marks a kind of word.
const TEMPLATES: &[&str] = &[
    "SET $k $v",
    "SET $k $v $s",
    "SET $k $v $s $s",
    "SET $k $v EX $t",
    "SET $k $v PX $T $s",
    "SET $k $v $s EX $t",
    "SET $k $v EXAT $F",
    "SET $k $v EX $t EX $t",
    "SET $k $v EX $t PX $T",
    "SET $k $v KEEPTTL EX $t",
    "SET $k $v PERSIST",
    "SET $k $v EX",
    "SET $k",
    "SET $k $v NX GET KEEPTTL",
    "SET $k $v XX GET EX $t",
    "GET $k",
    "GET $k",
    "GET",
    "GETSET $k $v",
    "GETDEL $k",
    "GETEX $k",
    "GETEX $k EX $t",
    "GETEX $k PX $T",
    "GETEX $k EXAT $a",
    "GETEX $k PXAT $A",
    "GETEX $k PERSIST",
    "GETEX $k PERSIST EX $t",
    "GETEX $k $s",
    "SETEX $k $t $v",
    "PSETEX $k $T $v",
    "SETNX $k $v",
    "SETEX $k $t",
    "MSETNX $k $v $k $v",
    "MSETNX $k $v $k",
    "MSET $k $v $k $v",
    "MSET $k $v $k",
    "MGET $k $k $k",
    "SETRANGE $k $r $v",
    "SETRANGE $k $r abc",
    "GETRANGE $k $n $n",
    "GETRANGE $k $r $r",
    "SUBSTR $k $r $r",
    "INCRBYFLOAT $k $f",
    "INCRBYFLOAT $k $f",
    "INCRBYFLOAT $k $f",
    "INCR $k",
    "DECR $k",
    "INCRBY $k $n",
    "DECRBY $k $n",
    "APPEND $k $v",
    "STRLEN $k",
    "EXPIRE $k $t",
    "EXPIRE $k $t $o",
    "EXPIRE $k $t $o $o",
    "PEXPIRE $k $T $o",
    "EXPIREAT $k $a $o",
    "EXPIREAT $k $a",
    "PEXPIREAT $k $A",
    "PEXPIREAT $k $A $o",
    "EXPIRETIME $k",
    "PEXPIRETIME $k",
    "TTL $k",
    "PTTL $k",
    "PERSIST $k",
    "RENAME $k $k",
    "RENAMENX $k $k",
    "COPY $k $k",
    "COPY $k $k REPLACE",
    "COPY $k $k DB 0",
    "COPY $k $k DB $n REPLACE",
    "COPY $k $k no",
    "TOUCH $k $k",
    "UNLINK $k",
    "DEL $k $k",
    "EXISTS $k $k",
    "TYPE $k",
    "KEYS *",
    "DBSIZE",
    "OBJECT ENCODING missing",
    "OBJECT ENCODING",
    "OBJECT",
    "NOSUCH $k $v",
    "RENAME $k",
    "TIME $k",
    "RANDOMKEY $k",
    "ECHO $v",
    "MULTI",
    "EXEC",
    "EXEC",
    "DISCARD",
    "SELECT $n",
];
