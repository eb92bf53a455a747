//! Faults that change who the members are.

use super::NemesisError;
use super::cluster::Cluster;
use super::members::ask;
use crate::server::resp::Value;
use core::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long one request of an operator may take. It is longer than `give_up_ms`, the time for which a member waits for
/// a newcomer.
const ATTEMPT: Duration = Duration::from_secs(15);

/// How long the command waits for an answer to a write at a member that has lost its disk. There must be none.
const IGNORED: Duration = Duration::from_millis(700);

impl Cluster {
    /// Kills a member, removes its data and starts it again. The others must refuse it. Afterwards the process is down.
    ///
    /// # Errors
    /// [`NemesisError::Accepted`] if the others do not refuse it in time, or it answers a write.
    pub(super) async fn wipe(&mut self, victim: usize) -> Result<(), NemesisError> {
        self.members.kill(victim);
        (self.forgetful, _) = (self.forgetful + 1, self.harmed.insert(victim));
        let data = self.members.data(victim);
        let wrong = NemesisError::io(format!("cannot remove {}", data.display()));
        std::fs::remove_dir_all(&data).map_err(wrong)?;
        self.members.start(victim)?;
        let begun = Instant::now();
        // It stops when a member that its file names tells it that it has forgotten. If all of those were replaced, it
        // runs on: each member then refuses it.
        while !self.members.is_down(victim) && !self.is_refused(victim).await {
            let ended = self.members.ends(victim, Duration::ZERO).await?;
            let is_fine = ended.is_some_and(|status| status.success());
            if is_fine || begun.elapsed() > self.bound {
                return Err(NemesisError::Accepted { member: victim, log: self.members.log(victim) });
            }
            sleep(Duration::from_millis(20)).await;
        }
        let write = timeout(IGNORED, ask(&self.members.resp[victim], "SET probe forgetful")).await;
        if write.is_ok_and(|answer| answer == Some(Value::Simple("OK".into()))) {
            return Err(NemesisError::Accepted { member: victim, log: self.members.log(victim) });
        }
        self.members.kill(victim);
        Ok(())
    }

    /// Whether every other member says that this one has forgotten something.
    async fn is_refused(&self, victim: usize) -> bool {
        let name = format!("n{victim}");
        for other in self.current.iter().filter(|other| **other != victim) {
            let forgetful = self.status(*other, "forgetful_peers").await.and_then(|set| set.text());
            let names = forgetful.unwrap_or_default();
            if !names.split(|c: char| !c.is_alphanumeric()).any(|found| found == name) {
                return false;
            }
        }
        true
    }

    /// Makes `new` a member in place of `old`, in two changes, and turns `old` off. `is_added_first` gives their order.
    pub(super) async fn replace(
        &mut self,
        old: usize,
        new: usize,
        is_added_first: bool,
    ) -> Result<(), NemesisError> {
        self.harmed.insert(old);
        if is_added_first {
            self.add(new).await?;
            self.remove(old).await?;
        } else {
            self.remove(old).await?;
            self.add(new).await?;
        }
        self.turn_off(old).await
    }

    /// Makes `new` a member, removes it again, and turns it off.
    pub(super) async fn come_and_go(&mut self, new: usize) -> Result<(), NemesisError> {
        self.add(new).await?;
        self.members.serves(new, self.bound).await?;
        self.remove(new).await?;
        self.turn_off(new).await
    }

    async fn add(&mut self, new: usize) -> Result<(), NemesisError> {
        self.change(&format!("PAXOS ADD {new}"), new, "already a member").await?;
        self.current.push(new);
        self.announce();
        Ok(())
    }

    async fn remove(&mut self, old: usize) -> Result<(), NemesisError> {
        self.change(&format!("PAXOS REMOVE {old}"), old, "not a member").await?;
        self.current.retain(|nth| *nth != old);
        self.announce();
        Ok(())
    }

    /// Repeats a request for a change of `about` until the change is made. If an earlier attempt made it, the answer is
    /// an error that contains `made`.
    async fn change(&mut self, request: &str, about: usize, made: &str) -> Result<(), NemesisError> {
        let begun = Instant::now();
        let (mut last, mut turn) = (String::from("no answer"), 0);
        while begun.elapsed() < self.bound {
            self.members.all_live()?;
            let asked: Vec<usize> = self.current.iter().copied().filter(|nth| *nth != about).collect();
            let address = &self.members.resp[asked[turn % asked.len()]];
            match timeout(ATTEMPT, ask(address, request)).await {
                Ok(Some(Value::Int(_))) => return Ok(()),
                Ok(Some(Value::Error(text))) if text.contains(made) || text.contains("already removed") => {
                    return Ok(());
                }
                Ok(Some(other)) => last = format!("{other:?}"),
                Ok(None) | Err(_) => {}
            }
            turn += 1;
            sleep(Duration::from_millis(50)).await;
        }
        let what = format!("make the change `{request}` (the last answer: {last})");
        Err(self.members.silent(about, what, self.bound))
    }

    /// Waits until a member says that the removed process `old` is not needed any more, and kills it.
    async fn turn_off(&mut self, old: usize) -> Result<(), NemesisError> {
        let begun = Instant::now();
        let request = format!("PAXOS MAYSTOP {old}");
        let yes = Value::Bulk(b"yes".into());
        while !self.members.is_down(old) {
            let address = &self.members.resp[self.current[0]];
            let answer = timeout(ATTEMPT, ask(address, &request)).await;
            if answer.as_ref().is_ok_and(|answer| answer.as_ref() == Some(&yes)) {
                self.members.kill(old);
            } else if begun.elapsed() > self.bound {
                let what = format!("become dispensable (`{request}`: {answer:?})");
                return Err(self.members.silent(old, what, self.bound));
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.harmed.remove(&old);
        self.forgetful = 0;
        Ok(())
    }

    /// Whether `nth` has heard of the store of each other member.
    pub(super) async fn knows_all_stores(&self, nth: usize) -> bool {
        let Some(Value::Array(peers)) = self.status(nth, "peers").await else { return false };
        let lines: Vec<String> = peers.iter().filter_map(Value::text).collect();
        self.current.iter().filter(|other| **other != nth).all(|other| {
            let begin = format!("n{other} ");
            lines.iter().any(|line| line.starts_with(&begin) && !line.contains("store=unknown"))
        })
    }

    /// A field of a member's `PAXOS STATUS`; none if the member does not answer, or has no such field.
    async fn status(&self, nth: usize, field: &str) -> Option<Value> {
        let answer = timeout(ATTEMPT, ask(&self.members.resp[nth], "PAXOS STATUS")).await;
        let Ok(Some(Value::Array(fields))) = answer else { return None };
        let mut pairs = fields.chunks_exact(2);
        pairs.find(|pair| pair[0].text().as_deref() == Some(field)).map(|pair| pair[1].clone())
    }
}
