//! The behaviour that clients see, for every variant.

use crate::harness::cluster::{Cluster, bulk, call, ok};
use paxos_bench::server::resp::{Client, Value};

#[tokio::test(flavor = "multi_thread")]
async fn any_member_of_basic_paxos_takes_any_command() {
    any_member_takes_any_command("basic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_member_of_simple_paxos_takes_any_command() {
    any_member_takes_any_command("simple").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_member_of_multi_paxos_takes_any_command() {
    any_member_takes_any_command("multi").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_member_of_fast_paxos_takes_any_command() {
    any_member_takes_any_command("fast").await;
}

async fn any_member_takes_any_command(variant: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start(variant, dir.path(), &[]);
    for nth in 0..3 {
        let mut client = cluster.client(nth).await;
        keys_and_values(&mut client).await;
        time(&mut client).await;
        transactions(&mut client).await;
        errors(&mut client).await;
        pipelines(&mut client).await;
        let mut other = cluster.client((nth + 1) % 3).await;
        other_members_see_it(&mut client, &mut other).await;
    }
    about_the_cluster(&mut cluster.client(1).await, variant).await;
    drop(call(&mut cluster.client(0).await, "SET stays here").await);
    assert!(cluster.stop(), "it stops cleanly");

    let cluster = Cluster::start(variant, dir.path(), &[]);
    for nth in 0..3 {
        assert_eq!(
            call(&mut cluster.client(nth).await, "GET stays").await,
            bulk("here"),
            "n{nth}, {variant}"
        );
    }
    assert!(cluster.stop(), "it stops cleanly");
}

async fn keys_and_values(client: &mut Client) {
    assert_eq!(call(client, "FLUSHALL").await, ok());
    assert_eq!(call(client, "SET k v").await, ok());
    assert_eq!(call(client, "GET k").await, bulk("v"));
    assert_eq!(call(client, "SET k w NX").await, Value::Nil);
    assert_eq!(call(client, "SET k w XX GET").await, bulk("v"));
    assert_eq!(call(client, "APPEND k x").await, Value::Int(2));
    assert_eq!(call(client, "STRLEN k").await, Value::Int(2));
    assert_eq!(call(client, "MSET a 1 b 2").await, ok());
    assert_eq!(call(client, "MGET a b none").await, Value::Array(vec![bulk("1"), bulk("2"), Value::Nil]));
    assert_eq!(call(client, "INCR a").await, Value::Int(2));
    assert_eq!(call(client, "DECRBY a 5").await, Value::Int(-3));
    assert_eq!(call(client, "EXISTS a b none a").await, Value::Int(3));
    assert_eq!(call(client, "DBSIZE").await, Value::Int(3));
    assert_eq!(call(client, "DEL a none").await, Value::Int(1));
    assert_eq!(call(client, "KEYS [bz]").await, Value::Array(vec![bulk("b")]));
    let scanned = call(client, "SCAN 0 MATCH b COUNT 100").await;
    assert_eq!(scanned, Value::Array(vec![bulk("0"), Value::Array(vec![bulk("b")])]));
    let other = call(client, "SCAN 0 TYPE hash").await;
    assert_eq!(other, Value::Array(vec![bulk("0"), Value::Array(Vec::new())]));
    assert_eq!(call(client, "TYPE b").await, Value::Simple("string".into()));
}

async fn time(client: &mut Client) {
    assert_eq!(call(client, "SET t v PX 60000").await, ok());
    let Value::Int(left) = call(client, "PTTL t").await else { panic!("a number") };
    assert!((1..=60_000).contains(&left), "{left}");
    assert_eq!(call(client, "PERSIST t").await, Value::Int(1));
    assert_eq!(call(client, "TTL t").await, Value::Int(-1));
    assert_eq!(call(client, "EXPIRE t 0").await, Value::Int(1));
    assert_eq!(call(client, "TTL t").await, Value::Int(-2));
    // The key expires in time although no client writes.
    assert_eq!(call(client, "SET t v PX 30").await, ok());
    while call(client, "GET t").await != Value::Nil {}
}

async fn transactions(client: &mut Client) {
    let queued = || Value::Simple("QUEUED".into());
    assert_eq!(call(client, "SET n 1").await, ok());
    assert_eq!(call(client, "WATCH n").await, ok());
    assert_eq!(call(client, "MULTI").await, ok());
    assert_eq!(call(client, "INCR n").await, queued());
    assert_eq!(call(client, "GET n").await, queued());
    assert_eq!(call(client, "EXEC").await, Value::Array(vec![Value::Int(2), bulk("2")]));
    assert_eq!(call(client, "WATCH n").await, ok());
    assert_eq!(call(client, "SET n 5").await, ok());
    assert_eq!(call(client, "MULTI").await, ok());
    assert_eq!(call(client, "INCR n").await, queued());
    assert_eq!(call(client, "EXEC").await, Value::Nil, "its own change counts, too");
    assert_eq!(call(client, "MULTI").await, ok());
    assert!(call(client, "INCR").await.error().is_some());
    let aborted = call(client, "EXEC").await;
    assert!(aborted.error().is_some_and(|text| text.starts_with("EXECABORT")), "{aborted:?}");
    assert_eq!(call(client, "MULTI").await, ok());
    assert_eq!(call(client, "DISCARD").await, ok());
}

async fn errors(client: &mut Client) {
    let cases = [
        ("NOSUCH a b", "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("SET k v PX", "ERR syntax error"),
        ("SET k v EX 0", "ERR invalid expire time in 'set' command"),
        ("INCRBY k x", "ERR value is not an integer or out of range"),
        ("INCR k", "ERR value is not an integer or out of range"),
        ("SELECT 1", "ERR DB index is out of range"),
        ("EXEC", "ERR EXEC without MULTI"),
        ("HELLO 4", "NOPROTO unsupported protocol version"),
    ];
    for (words, expected) in cases {
        assert_eq!(call(client, words).await, Value::Error(expected.into()), "{words}");
    }
}

async fn pipelines(client: &mut Client) {
    for nth in 0..100 {
        client.push(&[b"SET", b"p", nth.to_string().as_bytes()]);
        client.push(&[b"GET", b"p"]);
        client.push(&[b"PING"]);
    }
    client.flush().await.expect("it listens");
    for nth in 0..100 {
        assert_eq!(client.read().await.expect("a reply"), ok());
        assert_eq!(
            client.read().await.expect("a reply"),
            bulk(&nth.to_string()),
            "each sees what was before it"
        );
        assert_eq!(client.read().await.expect("a reply"), Value::Simple("PONG".into()));
    }
}

async fn other_members_see_it(one: &mut Client, other: &mut Client) {
    for nth in 0..20 {
        assert_eq!(call(one, &format!("SET seen {nth}")).await, ok());
        assert_eq!(call(other, "GET seen").await, bulk(&nth.to_string()));
    }
}

async fn about_the_cluster(client: &mut Client, variant: &str) {
    let info = call(client, "INFO").await.text().expect("text");
    assert!(info.contains("redis_version:") && info.contains(&format!("variant:{variant}")), "{info}");
    let Value::Array(members) = call(client, "PAXOS MEMBERS").await else { panic!("a list") };
    assert_eq!(members.len(), 3);
    let Value::Array(status) = call(client, "PAXOS STATUS").await else { panic!("a list") };
    assert_eq!(status[..2], [bulk("variant"), bulk(variant)]);
    let Value::Array(clock) = call(client, "PAXOS CLOCK").await else { panic!("a list") };
    assert_eq!((clock.len(), &clock[0]), (12, &bulk("store_ms")));
    let save = call(client, "CONFIG GET save").await;
    assert_eq!(save, Value::Array(vec![bulk("save"), bulk("")]));
    assert!(matches!(call(client, "COMMAND COUNT").await, Value::Int(40..)));
    assert_eq!(call(client, "CLIENT SETNAME me").await, ok());
    assert_eq!(call(client, "CLIENT GETNAME").await, bulk("me"));
    assert!(matches!(call(client, "HELLO 3").await, Value::Array(fields) if fields.len() == 14));
    assert_eq!(call(client, "GET none").await, Value::Nil);
    assert_eq!(call(client, "RESET").await, Value::Simple("RESET".into()));
    assert_eq!(call(client, "QUIT").await, ok());
    assert!(client.read().await.is_err(), "it closes the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_say_the_password_first_and_leadership_goes_where_it_is_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &["--requirepass", "secret"]);
    let mut client = cluster.client(0).await;
    assert_eq!(call(&mut client, "GET k").await, Value::Error("NOAUTH Authentication required.".into()));
    assert!(call(&mut client, "AUTH wrong").await.error().is_some_and(|text| text.starts_with("WRONGPASS")));
    assert_eq!(call(&mut client, "AUTH secret").await, ok());
    assert_eq!(call(&mut client, "SET k v").await, ok());
    for to in [2, 1, 0] {
        assert_eq!(call(&mut client, &format!("PAXOS TRANSFER {to}")).await, ok());
        loop {
            if let Value::Array(leader) = call(&mut client, "PAXOS LEADER").await
                && leader == [Value::Int(to), bulk(&cluster.members[to as usize].0)]
            {
                break;
            }
        }
        assert_eq!(call(&mut client, "INCR n").await, Value::Int(3 - to));
    }
    assert!(cluster.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_becomes_a_member_and_an_old_one_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &["--spares", "1"]);
    let mut client = cluster.client(0).await;
    for nth in 0..50 {
        assert_eq!(call(&mut client, &format!("SET k{nth} v")).await, ok());
    }
    // An impossible change is refused at once.
    for (request, reply) in [
        ("PAXOS ADD 1", "ERR not done: n1 is already a member"),
        ("PAXOS REMOVE 9", "ERR not done: n9 is not a member"),
        ("PAXOS REMOVE 3", "ERR not done: n3 is not a member"),
        ("PAXOS ADD 3 QUICKLY", "ERR syntax error"),
    ] {
        assert_eq!(call(&mut client, request).await.error(), Some(reply));
    }
    assert!(matches!(call(&mut client, "PAXOS ADD 3").await, Value::Int(_)));
    assert!(matches!(call(&mut client, "PAXOS REMOVE 2").await, Value::Int(_)));
    let again = call(&mut client, "PAXOS REMOVE 2").await;
    assert_eq!(again.error(), Some("ERR not done: n2 was already removed"));
    assert!(call(&mut client, "PAXOS ADD 2").await.error().is_some(), "ids never come back");
    assert_eq!(call(&mut client, "SET after v").await, ok());
    let mut new = cluster.client(3).await;
    assert_eq!(call(&mut new, "GET after").await, bulk("v"));
    // A change takes effect some slots later. The leader fills these slots if there are no commands.
    until_roles(&mut new, |roles| roles[2] != "member" && roles[3] == "member").await;
    let stays = call(&mut client, "PAXOS MAYSTOP 0").await;
    assert_eq!(stays, bulk("no: n0 is a member: remove it first"));
    while call(&mut client, "PAXOS MAYSTOP 2").await != bulk("yes") {}
    let info = call(&mut client, "INFO paxos").await;
    assert!(info.text().is_some_and(|info| info.contains("may_stop:n2\r\n")), "{info:?}");
    assert!(matches!(call(&mut client, "PAXOS REMOVE 3").await, Value::Int(_)));
    let roles = until_roles(&mut client, |roles| roles[3] != "member").await;
    assert_eq!(
        roles,
        ["member", "member", "removed", "removed"],
        "a spare that was removed is no spare any more"
    );
    assert!(cluster.stop());
}

/// Waits until the roles of the processes satisfy `wish`, and returns them. A leader counts as a member.
async fn until_roles(client: &mut Client, wish: impl Fn(&[String]) -> bool) -> Vec<String> {
    loop {
        let Value::Array(members) = call(client, "PAXOS MEMBERS").await else { panic!("a list") };
        let roles = members.iter().map(|member| {
            let Value::Array(parts) = member else { panic!("a member, not {member:?}") };
            parts[1].text().expect("a role")
        });
        let roles: Vec<String> = roles.map(|role| role.replace("leader", "member")).collect();
        if wish(&roles) {
            return roles;
        }
    }
}

/// A web page can make a browser send such a request to an address that only the browser's machine reaches.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_body_of_an_http_request_is_executed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &[]);
    for head in ["POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /x\r\n", "Host: localhost\r\n"] {
        let stream = tokio::net::TcpStream::connect(&cluster.members[0].0).await;
        let mut stream = stream.expect("it listens");
        stream.write_all(format!("{head}SET pwned 2\r\n").as_bytes()).await.expect("it reads");
        // The request is complete, so a server that took it for commands would answer them and close the connection.
        drop(stream.shutdown().await);
        let mut reply = Vec::new();
        // The server may close before it has read everything, which the system may report as a reset.
        drop(stream.read_to_end(&mut reply).await);
        let reply = String::from_utf8_lossy(&reply);
        assert!(reply.is_empty() || reply.starts_with("-ERR Protocol error: this is HTTP"), "{reply}");
        assert!(!reply.contains("+OK"), "{reply}");
    }
    assert_eq!(call(&mut cluster.client(0).await, "GET pwned").await, Value::Nil);
    assert!(cluster.stop());
}
