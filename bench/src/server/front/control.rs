//! Requests about the server and the cluster.

mod around;
mod backup;
mod transfer;

use super::Front;
use super::session::Session;
use super::table::Control;
use super::time::{self, Times};
use crate::kv::{Command, Op, Ops, Raw, Reply, integer, natural};
use around::{around, host_status, timing};
pub(super) use backup::Begun;
use paxos_core::{Change, Consistency, Inadvisable, NodeId, NodeSet};
use paxos_transport::{ChangeError, LeaveError};
use std::fmt::Write;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::timeout;
use transfer::{is_forwarded, transfer};

/// Executes a control command, after all requests before it.
pub(super) async fn run(
    control: Control,
    words: Vec<Box<[u8]>>,
    session: &mut Session,
    front: &Arc<Front>,
) -> Reply {
    match control {
        Control::Watch => watch(words, session, front).await,
        Control::Info => info(&words, front).await,
        Control::Paxos => paxos(&words, session, front).await.unwrap_or_else(Reply::refused),
        Control::Role => role(front),
        Control::Wait => wait(&words, front).unwrap_or_else(Reply::refused),
        Control::Auth
        | Control::Client
        | Control::Command
        | Control::Config
        | Control::Discard
        | Control::Exec
        | Control::Hello
        | Control::Multi
        | Control::Quit
        | Control::Reset
        | Control::Unwatch => Reply::refused("ERR the session does that by itself"),
    }
}

/// `ROLE`: every member accepts writes, so each reports itself as a master with the other members as replicas.
fn role(front: &Front) -> Reply {
    let applied = Reply::Int(i64::try_from(front.member.status().applied.index()).unwrap_or(i64::MAX));
    let others = front.member.members().servers().iter().filter(|id| *id != front.member.id());
    let replica = |id| {
        let address = front.resp_of(id);
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        // This member does not know what the others have executed.
        Reply::Array([host, port, "0"].map(Reply::text).into())
    };
    Reply::Array(vec![Reply::text("master"), applied, Reply::Array(others.map(replica).collect())])
}

/// `WAIT`: the number of other members that are sure to have this connection's answered writes on disk.
fn wait(words: &[Box<[u8]>], front: &Front) -> Result<Reply, &'static str> {
    let [wanted, millis] = words else { return Err("ERR syntax error") };
    integer(wanted).ok_or("ERR value is not an integer or out of range")?;
    let millis = integer(millis).ok_or("ERR timeout is not an integer or out of range")?;
    if millis < 0 {
        return Err("ERR timeout is negative");
    }
    // An answer means that at least a majority has the write on disk, possibly including this member. Members beyond
    // that are not counted, so there is nothing to wait for.
    Ok(Reply::number(front.member.members().acceptors.len() / 2))
}

/// A version that no key ever has.
const NEVER: u64 = u64::MAX;

/// Records the present versions of keys. EXEC carries them, and the replicas compare them when they execute it.
async fn watch(keys: Vec<Box<[u8]>>, session: &mut Session, front: &Front) -> Reply {
    let mut ops = Ops::default();
    ops.push(&Op::Versions(keys.iter().map(|key| Raw(key)).collect()));
    let answers = front.batcher.run(ops).await;
    match answers.get(0) {
        Some(Reply::Array(versions)) => {
            let seen = keys.into_iter().zip(versions).map(|(key, version)| {
                let Reply::Int(version) = version else { return (key, NEVER) };
                (key, version.cast_unsigned())
            });
            session.watch(seen).map_or_else(Reply::refused, |()| Reply::Ok)
        }
        _ => Reply::refused(answers.failure()),
    }
}

async fn info(sections: &[Box<[u8]>], front: &Front) -> Reply {
    let wanted = |name: &str| {
        let is = |section: &[u8], name: &str| section.eq_ignore_ascii_case(name.as_bytes());
        let all = |section: &[u8]| ["all", "default", "everything"].iter().any(|name| is(section, name));
        sections.is_empty() || sections.iter().any(|section| is(section, name) || all(section))
    };
    let status = front.member.status();
    let mut text = String::new();
    let mut section = |name: &str, lines: &[(&str, String)]| {
        if wanted(name) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}# {name}\r\n", if text.is_empty() { "" } else { "\r\n" });
            for (name, value) in lines {
                let _ = write!(text, "{name}:{value}\r\n");
            }
        }
    };
    let Facts { keys, expiring, bytes, time } = facts(front).await.unwrap_or_default();
    let counters = front.counters();
    section(
        "Server",
        &[
            ("redis_version", crate::server::REDIS_VERSION.into()),
            ("redis_mode", "standalone".into()),
            ("paxos_version", env!("CARGO_PKG_VERSION").into()),
            ("process_id", std::process::id().to_string()),
            ("tcp_port", front.settings.resp.rsplit(':').next().unwrap_or_default().into()),
            ("uptime_in_seconds", front.uptime().as_secs().to_string()),
        ],
    );
    section(
        "Clients",
        &[
            ("connected_clients", counters.clients.to_string()),
            ("maxclients", front.settings.clients.to_string()),
        ],
    );
    section("Memory", &[("used_memory_dataset", bytes.to_string())]);
    section(
        "Stats",
        &[
            ("total_connections_received", counters.connections.to_string()),
            ("total_commands_processed", counters.commands.to_string()),
            ("rejected_connections", counters.rejected.to_string()),
        ],
    );
    section("Replication", &[("role", "master".into()), ("connected_slaves", "0".into())]);
    let leader = status.leader.map_or("none".into(), |leader| leader.to_string());
    section(
        "Paxos",
        &[
            ("variant", front.settings.variant.into()),
            ("id", front.member.id().to_string()),
            ("leader", leader),
            ("applied", status.applied.index().to_string()),
            ("forgetful_peers", status.forgetful.to_string()),
            ("durable", status.durable.index().to_string()),
            ("may_stop", listed(status.may_stop)),
            ("time_ms", time.store.to_string()),
            ("clock_ahead_ms", time.ahead().to_string()),
            ("clock_jumps", time.jumps.to_string()),
            ("clock_moves", time.moves.to_string()),
        ],
    );
    let host_status = host_status(front).await;
    section("Timing", &timing(&host_status));
    let (store, peers) = around(front, &host_status.surroundings);
    let lines = peers.iter().filter_map(|line| line.split_once(' '));
    let lines = lines.map(|(id, fields)| (format!("peer_{id}"), fields.replace(' ', ",")));
    let lines: Vec<(String, String)> = [("store".to_owned(), store)].into_iter().chain(lines).collect();
    let lines: Vec<(&str, String)> = lines.iter().map(|(name, value)| (&**name, value.clone())).collect();
    section("Peers", &lines);
    section("Keyspace", &[("db0", format!("keys={keys},expires={expiring},avg_ttl=0"))]);
    Reply::text(text)
}

/// Facts about this replica.
#[derive(Debug, Default)]
struct Facts {
    keys: usize,
    expiring: usize,
    bytes: u64,
    time: Times,
}

async fn facts(front: &Front) -> Option<Facts> {
    let _place = front.queries.acquire().await.ok()?;
    let (sender, facts) = oneshot::channel();
    let clocks = Arc::clone(&front.clocks);
    let query = Box::new(move |store: &crate::kv::Store| {
        let time = Times::of(store, &clocks);
        _ = sender.send(Facts { keys: store.len(), expiring: store.expiring(), bytes: store.bytes(), time });
    });
    front.member.query(Consistency::Local, query).await.ok()?;
    facts.await.ok()
}

async fn paxos(words: &[Box<[u8]>], session: &mut Session, front: &Front) -> Result<Reply, String> {
    let verb = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    match (verb.as_slice(), words.get(1..).unwrap_or_default()) {
        (b"STATUS", []) => Ok(status(front).await),
        (b"LEADER", []) => Ok(front.member.status().leader.map_or(Reply::Nil, |leader| {
            Reply::Array(vec![Reply::Int(leader.0.into()), Reply::text(front.resp_of(leader))])
        })),
        (b"MEMBERS", []) => Ok(members(front)),
        (b"CLOCK", []) => time::show(front).await,
        (b"CLOCK", [set, to, force @ ..]) if set.eq_ignore_ascii_case(b"set") => {
            time::set(to, is_forced(force)?, front).await
        }
        (b"TRANSFER", [to, rest @ ..]) => transfer(node(to)?, is_forwarded(rest)?, front).await,
        (b"ADD", [new, force @ ..]) => change(Change::add(node(new)?), force, front).await,
        (b"REMOVE", [old, force @ ..]) => change(Change::remove(node(old)?), force, front).await,
        (b"MAYSTOP", [old]) => may_stop(node(old)?, front).await,
        (b"BACKUP", []) => backup::begin(false, session, front).await,
        (b"BACKUP", [word]) if word.eq_ignore_ascii_case(b"local") => {
            backup::begin(true, session, front).await
        }
        (b"BACKUP", [word]) if word.eq_ignore_ascii_case(b"next") => backup::next(session),
        (b"HELP", []) => Ok(Reply::Array(HELP.iter().map(Reply::text).collect())),
        _ => Err(format!("ERR unknown subcommand: {}", HELP.join("; "))),
    }
}

const HELP: &[&str] = &[
    "PAXOS STATUS: what this member knows",
    "PAXOS LEADER: which member leads, and its address for clients",
    "PAXOS MEMBERS: the processes in the cluster's file and all others that this member knows, with their present roles and \
     addresses",
    "PAXOS CLOCK: the store's time, this member's wall clock, how far it is ahead, and which members are ahead",
    "PAXOS CLOCK SET ms [FORCE]: set the store's time, in milliseconds since 1970; FORCE: more than a day from this member's \
     wall clock",
    "PAXOS TRANSFER id: hand leadership over to another member",
    "PAXOS ADD id [FORCE]: make a spare a member if it is reachable and has caught up; FORCE: at once",
    "PAXOS REMOVE id [FORCE]: remove a member for good, if the remaining ones form a quorum; FORCE: in any case",
    "PAXOS MAYSTOP id: whether a removed member may be turned off",
    "PAXOS BACKUP [LOCAL]: begin a backup of all keys, and answer with its first bytes; LOCAL: without asking the others",
    "PAXOS BACKUP NEXT: the next bytes of the backup that this connection began; nil after the last",
];

fn node(word: &[u8]) -> Result<NodeId, String> {
    let digits = word.strip_prefix(b"n").unwrap_or(word);
    let id = natural(digits).and_then(|id| u16::try_from(id).ok()).filter(|id| *id < 64);
    id.map(NodeId).ok_or_else(|| "ERR a member is named by its id, 0 to 63".into())
}

async fn status(front: &Front) -> Reply {
    let (store, peers) = around(front, &host_status(front).await.surroundings);
    let status = front.member.status();
    let counters = status.counters;
    let number = |n: u64| Reply::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let leader = status.leader.map_or(Reply::Nil, |leader| Reply::Int(leader.0.into()));
    let fields = [
        ("variant", Reply::text(front.settings.variant)),
        ("id", Reply::Int(front.member.id().0.into())),
        ("leader", leader),
        ("leads", Reply::Int(status.leads.into())),
        ("ballot", Reply::text(status.ballot.to_string())),
        ("applied", number(status.applied.index())),
        ("durable", number(status.durable.index())),
        ("may_stop", Reply::text(listed(status.may_stop))),
        ("first_unknown", number(status.first_unknown.index())),
        ("log_start", number(status.log_start.index())),
        ("in_flight", Reply::number(status.load.in_flight.count)),
        ("waiting", Reply::number(status.load.waiting.count)),
        ("unanswered", Reply::number(status.unanswered)),
        ("campaigns", number(counters.campaigns)),
        ("won", number(counters.won)),
        ("lost", number(counters.lost)),
        ("nacks", number(counters.nacks)),
        ("retransmissions", number(counters.retransmissions)),
        ("catch_ups", number(counters.catch_ups)),
        ("refused", number(counters.refused)),
        ("forgetful_peers", Reply::text(status.forgetful.to_string())),
        ("store", Reply::text(store)),
        ("peers", Reply::Array(peers.iter().map(Reply::text).collect())),
    ];
    Reply::Map(fields.into_iter().map(|(name, value)| (Reply::text(name), value)).collect())
}

fn members(front: &Front) -> Reply {
    let line = |peer: &crate::server::Peer| {
        Reply::Array(vec![
            Reply::Int(peer.id.0.into()),
            Reply::text(front.role_of(peer)),
            Reply::text(&peer.peer),
            Reply::text(&peer.resp),
        ])
    };
    Reply::Array(front.processes().iter().map(line).collect())
}

/// Whether the word FORCE follows.
fn is_forced(words: &[Box<[u8]>]) -> Result<bool, String> {
    match words {
        [] => Ok(false),
        [word] if word.eq_ignore_ascii_case(b"FORCE") => Ok(true),
        _ => Err("ERR syntax error".into()),
    }
}

async fn change(change: Change, force: &[Box<[u8]>], front: &Front) -> Result<Reply, String> {
    let changed = if is_forced(force)? {
        front.member.force_change(change).await
    } else {
        if let Some(new) = change.add.servers().iter().find(|new| is_unknown(*new, front)) {
            return Err(unknown(new));
        }
        match front.member.change(change).await {
            // Its own addition may have been answered elsewhere, and not be executed here yet.
            Err(ChangeError::Inadvisable(Inadvisable::Outside)) if catches_up(front).await => {
                front.member.change(change).await
            }
            changed => changed,
        }
    };
    let slot = changed.map_err(unchanged)?;
    Ok(Reply::Int(i64::try_from(slot.index()).unwrap_or(i64::MAX)))
}

/// Whether this member has never heard of a process, and will not unless that connects: there is nothing to wait for.
fn is_unknown(id: NodeId, front: &Front) -> bool {
    front.settings.carrier.is_some() && front.processes().iter().all(|peer| peer.id != id)
}

fn unknown(id: NodeId) -> String {
    format!(
        "ERR not done: the cluster's file of this member does not name {id}, and {id} has not connected: correct the id, or \
         start {id} as a spare, with a file that names it. FORCE does it anyway"
    )
}

/// Has this process execute everything that was answered before, wherever that was. Returns whether it did, in time.
async fn catches_up(front: &Front) -> bool {
    let caught_up = async {
        let stamp = front.clocks.stamp(&*front.member);
        let slot = front.member.append(Command::new(&stamp, [])).await.ok()?.slot;
        let executed = Consistency::AtLeast(slot.plus(1));
        front.member.query(executed, Box::new(|_| ())).await.ok()
    };
    timeout(front.settings.patience, caught_up).await.is_ok_and(|done| done.is_some())
}

/// Returns why the members did not change, or may not have changed.
fn unchanged(error: ChangeError) -> String {
    match error {
        ChangeError::Inadvisable(why) if why.may_pass() => {
            format!("ERR not done, because the cluster might not survive it: {why}. FORCE does it anyway")
        }
        ChangeError::Inadvisable(why) => format!("ERR not done: {why}"),
        error @ (ChangeError::Unchangeable(_) | ChangeError::Unanswered(_) | _) => format!("ERR {error}"),
    }
}

/// Tells an operator whether a removed member may be turned off.
async fn may_stop(id: NodeId, front: &Front) -> Result<Reply, String> {
    match front.member.may_stop(id).await {
        Ok(()) => Ok(Reply::text("yes")),
        Err(LeaveError::StillNeeded(why)) => Ok(Reply::text(format!("no: {why}"))),
        Err(error) => Err(format!("ERR {error}")),
    }
}

/// A set of processes as text: `n0 n4`, or `none`.
fn listed(set: NodeSet) -> String {
    let names: Vec<String> = set.iter().map(|id| id.to_string()).collect();
    if names.is_empty() { "none".into() } else { names.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paxos_core::Slot;

    #[test]
    fn a_change_that_is_not_made_says_what_is_missing_and_what_to_do() {
        let text = |why: Inadvisable| unchanged(why.into());
        assert_eq!(text(Inadvisable::Member(NodeId(1))), "ERR not done: n1 is already a member");
        assert_eq!(text(Inadvisable::NoMember(NodeId(9))), "ERR not done: n9 is not a member");
        assert_eq!(text(Inadvisable::Removed(NodeId(2))), "ERR not done: n2 was already removed");
        let waits = [
            (Inadvisable::NotHeard(NodeId(3)), "not heard from n3: start it"),
            (
                Inadvisable::Behind { node: NodeId(3), known: Slot(1200), of: Slot(50_000) },
                "n3 has 1200 of 50000 slots: wait",
            ),
            (
                Inadvisable::NoQuorum { reachable: 2, members: 4, quorum: 3 },
                "2 of 4 members would be reachable, a quorum is 3",
            ),
        ];
        for (why, says) in waits {
            let text = text(why);
            assert!(
                text.contains(says) && text.starts_with("ERR not done") && text.contains("FORCE"),
                "{text}"
            );
        }
    }
}
