//! A file-like write: whoever reads sees the old content or the new one, never a part of each.
//!
//! `paxos-bench cluster`, then `cargo run -p paxos-bench --example file_write [ADDR]`.

use paxos_bench::server::resp::{CallError, Client, Value};

/// How much goes into one request.
const BLOCK: usize = 64 << 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7001".into());
    let mut client = Client::connect(&address).await?;
    for content in [vec![b'a'; 200_000], vec![b'b'; 150_000]] {
        write(&mut client, "report.txt", &content).await?;
        assert_eq!(read(&mut client, "report.txt").await?, Some(content));
    }
    Ok(())
}

/// Writes the blocks under names that nobody knows, and then lets the file's name point there.
async fn write(client: &mut Client, name: &str, content: &[u8]) -> Result<(), CallError> {
    let Value::Int(version) = client.call(&["INCR", &format!("{name}:versions")]).await? else {
        return Ok(());
    };
    let block = |nth: usize| format!("{name}:{version}:{nth}");
    let blocks = content.chunks(BLOCK).count();
    for (nth, bytes) in content.chunks(BLOCK).enumerate() {
        client.call(&[b"SET", block(nth).as_bytes(), bytes]).await?;
    }
    let before = client.call(&["SET", name, &format!("{version} {blocks}"), "GET"]).await?;
    // Who began to read the old version is given time to finish.
    if let Some((version, blocks)) = before.text().as_deref().and_then(parse) {
        for nth in 0..blocks {
            client.call(&["EXPIRE", &format!("{name}:{version}:{nth}"), "60"]).await?;
        }
    }
    Ok(())
}

async fn read(client: &mut Client, name: &str) -> Result<Option<Vec<u8>>, CallError> {
    let head = client.call(&["GET", name]).await?.text();
    let Some((version, blocks)) = head.as_deref().and_then(parse) else { return Ok(None) };
    let mut content = Vec::new();
    for nth in 0..blocks {
        if let Value::Bulk(bytes) = client.call(&["GET", &format!("{name}:{version}:{nth}")]).await? {
            content.extend(bytes);
        }
    }
    Ok(Some(content))
}

fn parse(head: &str) -> Option<(u64, usize)> {
    let (version, blocks) = head.split_once(' ')?;
    Some((version.parse().ok()?, blocks.parse().ok()?))
}
