//! A lock with a fencing token: a holder that was halted for too long cannot overwrite what its successor wrote.
//!
//! `paxos-bench cluster`, then `cargo run -p paxos-bench --example lock [ADDR]`.

use paxos_bench::server::resp::{CallError, Client, Value};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7001".into());
    let (mut slow, mut fast) = (Client::connect(&address).await?, Client::connect(&address).await?);
    slow.call(&["DEL", "lock", "guarded", "guarded:token"]).await?;

    let old = lock(&mut slow, "slow", 50).await?.ok_or("the lock is free")?;
    assert_eq!(lock(&mut fast, "fast", 50).await?, None, "it is held");
    // The holder is halted for longer than it may hold the lock.
    let new = loop {
        if let Some(token) = lock(&mut fast, "fast", 10_000).await? {
            break token;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert!(new > old);
    assert!(write(&mut fast, "by fast", new).await?);
    assert!(!write(&mut slow, "by slow", old).await?, "its token is too old");
    assert!(!unlock(&mut slow, "slow").await?, "it is not its lock any more");
    assert!(unlock(&mut fast, "fast").await?);
    Ok(())
}

/// A token that is higher than all before, if the lock is free.
async fn lock(client: &mut Client, owner: &str, millis: u64) -> Result<Option<i64>, CallError> {
    if client.call(&["SET", "lock", owner, "NX", "PX", &millis.to_string()]).await? == Value::Nil {
        return Ok(None);
    }
    let token = client.call(&["INCR", "lock:token"]).await?;
    Ok(if let Value::Int(token) = token { Some(token) } else { None })
}

/// Writes, unless a later token has been seen: whatever is guarded has to look, the lock alone cannot.
async fn write(client: &mut Client, text: &str, token: i64) -> Result<bool, CallError> {
    client.call(&["WATCH", "guarded:token"]).await?;
    let seen = client.call(&["GET", "guarded:token"]).await?.text();
    if seen.and_then(|seen| seen.parse().ok()).is_some_and(|seen: i64| seen > token) {
        client.call(&["UNWATCH"]).await?;
        return Ok(false);
    }
    client.call(&["MULTI"]).await?;
    client.call(&["MSET", "guarded", text, "guarded:token", &token.to_string()]).await?;
    Ok(client.call(&["EXEC"]).await? != Value::Nil)
}

/// Gives the lock back, if it is still the owner's.
async fn unlock(client: &mut Client, owner: &str) -> Result<bool, CallError> {
    client.call(&["WATCH", "lock"]).await?;
    if client.call(&["GET", "lock"]).await?.text().as_deref() != Some(owner) {
        client.call(&["UNWATCH"]).await?;
        return Ok(false);
    }
    client.call(&["MULTI"]).await?;
    client.call(&["DEL", "lock"]).await?;
    Ok(client.call(&["EXEC"]).await? != Value::Nil)
}
