//! The table of commands that the server accepts.

/// The kind of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// A command about keys. It becomes an operation of the store.
    Store(Verb),
    /// A command about the connection or the server.
    Server(Control),
}

/// Commands about keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Append,
    Copy,
    DbSize,
    Decr,
    DecrBy,
    Del,
    DelEx,
    Echo,
    Exists,
    Expire,
    ExpireAt,
    ExpireTime,
    FlushAll,
    Get,
    GetDel,
    GetEx,
    GetRange,
    GetSet,
    Incr,
    IncrBy,
    IncrByFloat,
    Keys,
    MGet,
    MSet,
    MSetNx,
    Object,
    Persist,
    PExpire,
    PExpireAt,
    PExpireTime,
    Ping,
    PSetEx,
    PTtl,
    RandomKey,
    Rename,
    RenameNx,
    Scan,
    Select,
    Set,
    SetEx,
    SetNx,
    SetRange,
    StrLen,
    Time,
    Ttl,
    Type,
}

/// Commands about the connection or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
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
    Role,
    Unwatch,
    Wait,
    Watch,
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// The number of words, including the name; if negative, the minimum.
    pub(super) arity: i64,
    /// The flags that Redis clients ask for.
    pub(super) flags: &'static [&'static str],
    /// The position of the first key, of the last key (counted from the end if negative), and the step between keys.
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

const fn server(name: &'static str, arity: i64, keys: (i64, i64, i64), control: Control) -> Spec {
    Spec { name, arity, flags: FREE, keys, group: Group::Server(control) }
}

/// All commands, sorted by name.
pub(super) const COMMANDS: &[Spec] = &[
    key("append", 3, WRITE, ONE, Verb::Append),
    server("auth", -2, NONE, Control::Auth),
    server("client", -2, NONE, Control::Client),
    server("command", -1, NONE, Control::Command),
    server("config", -2, NONE, Control::Config),
    key("copy", -3, WRITE, (1, 2, 1), Verb::Copy),
    key("dbsize", 1, READ, NONE, Verb::DbSize),
    key("decr", 2, WRITE, ONE, Verb::Decr),
    key("decrby", 3, WRITE, ONE, Verb::DecrBy),
    key("del", -2, WRITE, REST, Verb::Del),
    key("delex", -2, WRITE, ONE, Verb::DelEx),
    server("discard", 1, NONE, Control::Discard),
    key("echo", 2, FREE, NONE, Verb::Echo),
    server("exec", 1, NONE, Control::Exec),
    key("exists", -2, READ, REST, Verb::Exists),
    key("expire", -3, WRITE, ONE, Verb::Expire),
    key("expireat", -3, WRITE, ONE, Verb::ExpireAt),
    key("expiretime", 2, READ, ONE, Verb::ExpireTime),
    key("flushall", -1, WRITE, NONE, Verb::FlushAll),
    key("flushdb", -1, WRITE, NONE, Verb::FlushAll),
    key("get", 2, READ, ONE, Verb::Get),
    key("getdel", 2, WRITE, ONE, Verb::GetDel),
    key("getex", -2, WRITE, ONE, Verb::GetEx),
    key("getrange", 4, SLOW, ONE, Verb::GetRange),
    key("getset", 3, WRITE, ONE, Verb::GetSet),
    server("hello", -1, NONE, Control::Hello),
    key("incr", 2, WRITE, ONE, Verb::Incr),
    key("incrby", 3, WRITE, ONE, Verb::IncrBy),
    key("incrbyfloat", 3, WRITE, ONE, Verb::IncrByFloat),
    server("info", -1, NONE, Control::Info),
    key("keys", 2, SLOW, NONE, Verb::Keys),
    key("mget", -2, READ, REST, Verb::MGet),
    key("mset", -3, WRITE, (1, -1, 2), Verb::MSet),
    key("msetnx", -3, WRITE, (1, -1, 2), Verb::MSetNx),
    server("multi", 1, NONE, Control::Multi),
    key("object", -2, SLOW, (2, 2, 1), Verb::Object),
    server("paxos", -2, NONE, Control::Paxos),
    key("persist", 2, WRITE, ONE, Verb::Persist),
    key("pexpire", -3, WRITE, ONE, Verb::PExpire),
    key("pexpireat", -3, WRITE, ONE, Verb::PExpireAt),
    key("pexpiretime", 2, READ, ONE, Verb::PExpireTime),
    key("ping", -1, FREE, NONE, Verb::Ping),
    key("psetex", 4, WRITE, ONE, Verb::PSetEx),
    key("pttl", 2, READ, ONE, Verb::PTtl),
    server("quit", -1, NONE, Control::Quit),
    key("randomkey", 1, SLOW, NONE, Verb::RandomKey),
    key("rename", 3, WRITE, (1, 2, 1), Verb::Rename),
    key("renamenx", 3, WRITE, (1, 2, 1), Verb::RenameNx),
    server("reset", 1, NONE, Control::Reset),
    server("role", 1, NONE, Control::Role),
    key("scan", -2, SLOW, NONE, Verb::Scan),
    key("select", 2, FREE, NONE, Verb::Select),
    key("set", -3, WRITE, ONE, Verb::Set),
    key("setex", 4, WRITE, ONE, Verb::SetEx),
    key("setnx", 3, WRITE, ONE, Verb::SetNx),
    key("setrange", 4, WRITE, ONE, Verb::SetRange),
    key("strlen", 2, READ, ONE, Verb::StrLen),
    key("substr", 4, SLOW, ONE, Verb::GetRange),
    key("time", 1, FREE, NONE, Verb::Time),
    key("touch", -2, READ, REST, Verb::Exists),
    key("ttl", 2, READ, ONE, Verb::Ttl),
    key("type", 2, READ, ONE, Verb::Type),
    key("unlink", -2, WRITE, REST, Verb::Del),
    server("unwatch", 1, NONE, Control::Unwatch),
    server("wait", 3, NONE, Control::Wait),
    server("watch", -2, REST, Control::Watch),
];

/// The length of the longest name that is looked up.
const LONGEST: usize = 16;

/// Finds a command by its name, ignoring case.
pub(super) fn find(name: &[u8]) -> Option<&'static Spec> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let at = COMMANDS.binary_search_by(|spec| spec.name.as_bytes().cmp(lower)).ok()?;
    COMMANDS.get(at)
}

impl Spec {
    /// Whether the command accepts this many words.
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
