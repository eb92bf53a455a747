//! Histories of clients whose connections break.

use crate::linearize::read_history;
use crate::load::{Load, Wire, run};
use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Words {
    #[command(flatten)]
    load: Load,
}

/// A server that breaks its first connection when a transaction is to be executed.
async fn breaks_once(listener: TcpListener) {
    let mut broken = false;
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let executes = said.contains("EXEC");
            if executes && !std::mem::replace(&mut broken, true) {
                break;
            }
            let reply = match said {
                _ if executes => "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n",
                said if said.contains("WATCH") => "+OK\r\n$-1\r\n",
                said if said.contains("GET") => "$-1\r\n",
                _ => "+OK\r\n",
            };
            if stream.write_all(reply.as_bytes()).await.is_err() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn who_does_not_hear_the_end_of_a_compare_and_set_goes_on_as_another_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(breaks_once(listener));
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("h.jsonl");
    let words = "load --workload f --keys 1 --clients 1 --count 30 --addr";
    let words = words.split(' ').chain([&*address, "--history-out"]).map(Into::into);
    let load = Words::parse_from(words.chain([path.clone().into_os_string()])).load;
    let report = run(&load, Wire::Redis, &mut |_| ()).await.expect("it ends");
    assert_eq!((report.unknown, report.not_sent), (1, 0));
    let history = read_history(&path).expect("a history");
    let open = history.iter().find(|operation| operation.ended.is_none()).expect("the one that broke");
    let after = history.iter().filter(|operation| operation.begun > open.begun);
    assert!(
        after.clone().count() > 10 && after.clone().all(|other| other.client != open.client),
        "{history:?}"
    );
}
