//! Redis commands that this server does not have, so that the error gives the reason.

/// The page that lists the supported commands.
const PAGE: &str = "docs/server.md";

/// Returns the error for an unsupported command of Redis, or `None` if Redis has no such command either.
pub(super) fn refusal(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    let kinds = [
        (COLLECTIONS, "this server stores strings only"),
        (SCRIPTS, "this server runs no scripts; SET IFEQ and DELEX IFEQ compare and change in one step"),
        (CHANNELS, "this server has no publish/subscribe"),
        (CLUSTER, "this server does not speak Redis's cluster protocol; any member takes any command"),
        (OTHERS, "this server does not have this command"),
    ];
    let (_, why) = kinds.into_iter().find(|(names, _)| names.contains(&name.as_str()))?;
    Some(format!("ERR '{name}' is not supported: {why}; see {PAGE}"))
}

/// Lists, sets, hashes, streams, and operations on their contents.
const COLLECTIONS: &[&str] = &[
    "blmove",
    "blmpop",
    "blpop",
    "brpop",
    "brpoplpush",
    "bzmpop",
    "bzpopmax",
    "bzpopmin",
    "geoadd",
    "geodist",
    "geohash",
    "geopos",
    "georadius",
    "georadius_ro",
    "georadiusbymember",
    "georadiusbymember_ro",
    "geosearch",
    "geosearchstore",
    "hdel",
    "hexists",
    "hget",
    "hgetall",
    "hincrby",
    "hincrbyfloat",
    "hkeys",
    "hlen",
    "hmget",
    "hmset",
    "hrandfield",
    "hscan",
    "hset",
    "hsetnx",
    "hstrlen",
    "hvals",
    "lindex",
    "linsert",
    "llen",
    "lmove",
    "lmpop",
    "lpop",
    "lpos",
    "lpush",
    "lpushx",
    "lrange",
    "lrem",
    "lset",
    "ltrim",
    "pfadd",
    "pfcount",
    "pfdebug",
    "pfmerge",
    "pfselftest",
    "rpop",
    "rpoplpush",
    "rpush",
    "rpushx",
    "sadd",
    "scard",
    "sdiff",
    "sdiffstore",
    "sinter",
    "sintercard",
    "sinterstore",
    "sismember",
    "smembers",
    "smismember",
    "smove",
    "sort",
    "sort_ro",
    "spop",
    "srandmember",
    "srem",
    "sscan",
    "sunion",
    "sunionstore",
    "xack",
    "xadd",
    "xautoclaim",
    "xclaim",
    "xdel",
    "xgroup",
    "xinfo",
    "xlen",
    "xpending",
    "xrange",
    "xread",
    "xreadgroup",
    "xrevrange",
    "xsetid",
    "xtrim",
    "zadd",
    "zcard",
    "zcount",
    "zdiff",
    "zdiffstore",
    "zincrby",
    "zinter",
    "zintercard",
    "zinterstore",
    "zlexcount",
    "zmpop",
    "zmscore",
    "zpopmax",
    "zpopmin",
    "zrandmember",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrangestore",
    "zrank",
    "zrem",
    "zremrangebylex",
    "zremrangebyrank",
    "zremrangebyscore",
    "zrevrange",
    "zrevrangebylex",
    "zrevrangebyscore",
    "zrevrank",
    "zscan",
    "zscore",
    "zunion",
    "zunionstore",
];

/// Scripts and functions.
const SCRIPTS: &[&str] =
    &["eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro", "function", "script"];

/// Publish and subscribe.
const CHANNELS: &[&str] = &[
    "monitor",
    "psubscribe",
    "publish",
    "pubsub",
    "punsubscribe",
    "spublish",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "unsubscribe",
];

/// Redis's own replication and its cluster protocol.
const CLUSTER: &[&str] = &[
    "asking",
    "cluster",
    "failover",
    "migrate",
    "psync",
    "readonly",
    "readwrite",
    "replconf",
    "replicaof",
    "slaveof",
    "sync",
];

/// Bit operations, persistence and diagnosis.
const OTHERS: &[&str] = &[
    "acl",
    "bgrewriteaof",
    "bgsave",
    "bitcount",
    "bitfield",
    "bitfield_ro",
    "bitop",
    "bitpos",
    "debug",
    "dump",
    "getbit",
    "lastsave",
    "latency",
    "lcs",
    "lolwut",
    "memory",
    "module",
    "move",
    "restore",
    "restore-asking",
    "save",
    "setbit",
    "shutdown",
    "slowlog",
    "swapdb",
    "waitaof",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_redis_is_refused_with_the_reason_and_no_command_is_both_here_and_there() {
        let text = "ERR 'lpush' is not supported: this server stores strings only; see docs/server.md";
        assert_eq!(refusal(b"LPUSH").as_deref(), Some(text));
        assert_eq!(refusal(b"NOSUCH"), None);
        for spec in super::super::table::COMMANDS {
            assert_eq!(refusal(spec.name.as_bytes()), None, "{}", spec.name);
        }
    }
}
