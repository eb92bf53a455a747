//! Sets all keys before the measurement starts.

use super::client::{Broken, PAUSE, Worker};
use super::draw::Deed;
use super::history::Line;
use super::link::Link;
use std::io;
use std::ops::Range;
use tokio::time::{Instant, sleep};

/// The number of keys that are set together.
const TOGETHER: u64 = 128;

/// How often the servers may fail.
const TRIES: u32 = 500;

impl Worker {
    /// Sets all keys, again and again until the servers have taken each.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        let keys = self.shared.options.keys;
        let (mut at, mut tries) = (0, 0);
        while at < keys {
            let Some(mut client) = self.connect().await else {
                tries += 1;
                if tries > TRIES {
                    let error = self.shared.tally.lock().error.clone().unwrap_or_default();
                    return Err(io::Error::other(error));
                }
                continue;
            };
            while at < keys {
                let part = at..keys.min(at + TOGETHER);
                let refused = match self.put(&mut client, part.clone()).await {
                    Ok(None) => {
                        at = part.end;
                        continue;
                    }
                    Ok(Some(text)) => Some(text),
                    Err(Broken) => None,
                };
                tries += 1;
                if tries > TRIES {
                    return Err(io::Error::other(refused.unwrap_or_else(|| "connections break".into())));
                }
                sleep(PAUSE).await;
                if refused.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Sets these keys to new values. Returns the first error that a server answers, if there is one.
    async fn put(&mut self, client: &mut Link, part: Range<u64>) -> Result<Option<String>, Broken> {
        let begun = Instant::now();
        let deeds: Vec<Deed> = part.map(|n| Deed::Put(self.draw.name(n), self.draw.value())).collect();
        for deed in &deeds {
            client.push(deed);
        }
        let Ok(replies) = self.replies(client, deeds.len()).await else {
            // Any of them may have been executed. The next try sets other values.
            for deed in &deeds {
                self.note(&self.line(deed, begun, None));
            }
            self.rename();
            return Err(Broken);
        };
        let done = Instant::now();
        let (mut refused, mut unknown) = (None, false);
        for (deed, reply) in deeds.iter().zip(&replies) {
            let Some(text) = reply.error() else {
                self.note(&Line { ok: Some(true), ..self.line(deed, begun, Some(done)) });
                continue;
            };
            if text.starts_with("UNKNOWN") {
                unknown = true;
                self.note(&self.line(deed, begun, None));
            }
            refused.get_or_insert_with(|| text.to_owned());
        }
        if unknown {
            self.rename();
        }
        Ok(refused)
    }
}

#[cfg(test)]
mod tests {
    use crate::linearize::{Deed, Operation, read_history};
    use crate::load::{Load, Wire, run};
    use clap::Parser;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        load: Load,
    }

    /// A server that breaks the first connection after a request, and does not know the outcome of the second request.
    async fn troubled(listener: TcpListener) {
        let mut requests = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = [0; 4096];
            while stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {
                requests += 1;
                let reply: &[u8] = match requests {
                    1 => break,
                    2 => b"-UNKNOWN no answer came in time\r\n",
                    3 => b"-OVERLOADED try again\r\n",
                    _ => b"+OK\r\n",
                };
                if stream.write_all(reply).await.is_err() {
                    break;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_put_of_unknown_outcome_is_in_the_history_before_it_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        tokio::spawn(troubled(listener));
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("h.jsonl");
        let words = "load --workload write --keys 1 --clients 1 --count 1 --addr";
        let words = words.split(' ').chain([&*address, "--history-out"]).map(Into::into);
        let load = Words::parse_from(words.chain([path.clone().into_os_string()])).load;
        run(&load, Wire::Redis, &mut |_| ()).await.expect("it ends");
        let history = read_history(&path).expect("a history");
        // The outcome of the first two is unknown, the third was refused, and the fourth and the load's own were answered.
        let known: Vec<bool> = history.iter().map(|operation| operation.ended.is_some()).collect();
        assert_eq!(known, [false, false, true, true], "{history:?}");
        let [first, second, third, _] = &history[..] else { panic!("{history:?}") };
        let value = |operation: &Operation| {
            let Deed::Put(value) = &operation.deed else { panic!("{operation:?}") };
            value.clone()
        };
        assert!(value(first) != value(second) && value(second) != value(third));
        assert!(first.client != second.client && second.client != third.client);
    }
}
