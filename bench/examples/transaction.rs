//! A transaction: clients move money between accounts, each through another member, and no penny is lost.
//!
//! `paxos-bench cluster`, then `cargo run -p paxos-bench --example transaction [ADDR,ADDR…]`.

use paxos_bench::server::resp::{CallError, Client, Value};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addresses = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7001".into());
    let addresses: Vec<&str> = addresses.split(',').collect();
    let mut client = Client::connect(addresses[0]).await?;
    client.call(&["MSET", "account:a", "100", "account:b", "100"]).await?;

    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..8 {
        let address = addresses[nth % addresses.len()].to_owned();
        tasks.spawn(async move {
            let mut client = Client::connect(&address).await?;
            let (from, to) =
                if nth % 2 == 0 { ("account:a", "account:b") } else { ("account:b", "account:a") };
            for amount in 1..=10 {
                transfer(&mut client, from, to, amount).await?;
            }
            Ok::<_, CallError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let mut sum = 0;
    for account in ["account:a", "account:b"] {
        sum += balance(&mut client, account).await?;
    }
    assert_eq!(sum, 200);
    Ok(())
}

/// Whether there was enough.
async fn transfer(client: &mut Client, from: &str, to: &str, amount: i64) -> Result<bool, CallError> {
    loop {
        client.call(&["WATCH", from]).await?;
        if balance(client, from).await? < amount {
            client.call(&["UNWATCH"]).await?;
            return Ok(false);
        }
        client.call(&["MULTI"]).await?;
        client.call(&["DECRBY", from, &amount.to_string()]).await?;
        client.call(&["INCRBY", to, &amount.to_string()]).await?;
        // Nil: somebody else has changed the account meanwhile.
        if client.call(&["EXEC"]).await? != Value::Nil {
            return Ok(true);
        }
    }
}

async fn balance(client: &mut Client, account: &str) -> Result<i64, CallError> {
    let text = client.call(&["GET", account]).await?.text();
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}
