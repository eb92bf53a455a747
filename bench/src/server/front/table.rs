//! The commands that clients know.

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// It is about keys, and becomes an operation of the store.
    Store(Verb),
    /// It is about the connection or the server.
    Server(Errand),
}

/// Commands about keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Append,
    DbSize,
    Decr,
    DecrBy,
    Del,
    Echo,
    Exists,
    Expire,
    FlushAll,
    Get,
    Incr,
    IncrBy,
    Keys,
    MGet,
    MSet,
    PExpire,
    Persist,
    Ping,
    PTtl,
    Scan,
    Select,
    Set,
    StrLen,
    Ttl,
    Type,
}

/// Commands about the connection or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Auth,
    Client,
    Command,
    Config,
    Discard,
    Exec,
    Hello,
    Info,
    Multi,
    Paxos,
    Quit,
    Reset,
    Unwatch,
    Watch,
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// How many words it has with its name; at least so many if negative.
    pub(super) arity: i64,
    /// What Redis's clients want to know of it.
    pub(super) flags: &'static [&'static str],
    /// The first key, the last (from the end if negative), and how far they are apart.
    pub(super) keys: (i64, i64, i64),
    pub(super) group: Group,
}

const NONE: (i64, i64, i64) = (0, 0, 0);
const ONE: (i64, i64, i64) = (1, 1, 1);
const REST: (i64, i64, i64) = (1, -1, 1);
const READ: &[&str] = &["readonly", "fast"];
const SLOW: &[&str] = &["readonly"];
const WRITE: &[&str] = &["write", "denyoom", "fast"];
const FREE: &[&str] = &["noscript", "loading", "stale", "fast"];

const fn key(
    name: &'static str,
    arity: i64,
    flags: &'static [&'static str],
    keys: (i64, i64, i64),
    verb: Verb,
) -> Spec {
    Spec { name, arity, flags, keys, group: Group::Store(verb) }
}

const fn server(name: &'static str, arity: i64, keys: (i64, i64, i64), errand: Errand) -> Spec {
    Spec { name, arity, flags: FREE, keys, group: Group::Server(errand) }
}

/// All commands, by name.
pub(super) const COMMANDS: &[Spec] = &[
    key("append", 3, WRITE, ONE, Verb::Append),
    server("auth", -2, NONE, Errand::Auth),
    server("client", -2, NONE, Errand::Client),
    server("command", -1, NONE, Errand::Command),
    server("config", -2, NONE, Errand::Config),
    key("dbsize", 1, READ, NONE, Verb::DbSize),
    key("decr", 2, WRITE, ONE, Verb::Decr),
    key("decrby", 3, WRITE, ONE, Verb::DecrBy),
    key("del", -2, WRITE, REST, Verb::Del),
    server("discard", 1, NONE, Errand::Discard),
    key("echo", 2, FREE, NONE, Verb::Echo),
    server("exec", 1, NONE, Errand::Exec),
    key("exists", -2, READ, REST, Verb::Exists),
    key("expire", 3, WRITE, ONE, Verb::Expire),
    key("flushall", -1, WRITE, NONE, Verb::FlushAll),
    key("flushdb", -1, WRITE, NONE, Verb::FlushAll),
    key("get", 2, READ, ONE, Verb::Get),
    server("hello", -1, NONE, Errand::Hello),
    key("incr", 2, WRITE, ONE, Verb::Incr),
    key("incrby", 3, WRITE, ONE, Verb::IncrBy),
    server("info", -1, NONE, Errand::Info),
    key("keys", 2, SLOW, NONE, Verb::Keys),
    key("mget", -2, READ, REST, Verb::MGet),
    key("mset", -3, WRITE, (1, -1, 2), Verb::MSet),
    server("multi", 1, NONE, Errand::Multi),
    server("paxos", -2, NONE, Errand::Paxos),
    key("persist", 2, WRITE, ONE, Verb::Persist),
    key("pexpire", 3, WRITE, ONE, Verb::PExpire),
    key("ping", -1, FREE, NONE, Verb::Ping),
    key("pttl", 2, READ, ONE, Verb::PTtl),
    server("quit", -1, NONE, Errand::Quit),
    server("reset", 1, NONE, Errand::Reset),
    key("scan", -2, SLOW, NONE, Verb::Scan),
    key("select", 2, FREE, NONE, Verb::Select),
    key("set", -3, WRITE, ONE, Verb::Set),
    key("strlen", 2, READ, ONE, Verb::StrLen),
    key("ttl", 2, READ, ONE, Verb::Ttl),
    key("type", 2, READ, ONE, Verb::Type),
    key("unlink", -2, WRITE, REST, Verb::Del),
    server("unwatch", 1, NONE, Errand::Unwatch),
    server("watch", -2, REST, Errand::Watch),
];

/// The longest name.
const LONGEST: usize = 16;

/// A command by its name, in whatever case.
pub(super) fn find(name: &[u8]) -> Option<&'static Spec> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let at = COMMANDS.binary_search_by(|spec| spec.name.as_bytes().cmp(lower)).ok()?;
    COMMANDS.get(at)
}

impl Spec {
    /// Whether it can have so many words.
    pub(super) fn takes(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        if self.arity < 0 { words >= -self.arity } else { words == self.arity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_in_order_and_found_in_any_case() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(find(b"GeT").map(|spec| spec.name), Some("get"));
        assert!(find(b"nosuch").is_none() && find(&[b'x'; 100]).is_none() && find(b"").is_none());
    }
}
