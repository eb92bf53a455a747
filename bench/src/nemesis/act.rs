//! What each fault does, and how it ends.

use super::cluster::Cluster;
use super::network::Weather;
use super::plan::{Aim, Episode};
use super::{Fault, NemesisError};
use core::time::Duration;
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

/// How a fault ends.
#[derive(Debug)]
enum End {
    /// It has ended by itself.
    Over,
    /// These processes start again.
    Start(Vec<usize>),
    /// This process continues (SIGCONT).
    Resume(usize),
    /// All links are cleared.
    Heal,
}

/// A fault that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) fault: Fault,
    /// The time from the end of the fault until each member had answered a write; none if it was not measured.
    pub(super) recovery: Option<Duration>,
}

impl Cluster {
    /// Causes the faults of an episode and ends them. Adds those that happened to `done`. A fault that may not happen
    /// now is left out.
    pub(super) async fn suffer(
        &mut self,
        episode: &Episode,
        done: &mut Vec<Done>,
    ) -> Result<(), NemesisError> {
        let fault = episode.fault;
        if fault.changes_members() {
            self.calm_down().await?;
        }
        if fault.may(self.standing()).is_err() {
            return Ok(());
        }
        let first = done.len();
        let mut ends = Vec::new();
        if let Some(end) = self.begin(fault, episode.aim, episode.detail).await? {
            ends.push(end);
            done.push(Done { fault, recovery: None });
        }
        if let Some((second, aim)) = episode.beside
            && second.may(self.standing()).is_ok()
        {
            sleep(episode.lasts / 3).await;
            if let Some(end) = self.begin(second, aim, episode.detail / 7).await? {
                ends.push(end);
                done.push(Done { fault: second, recovery: None });
            }
        }
        if ends.iter().any(|end| !matches!(end, End::Over)) {
            sleep(episode.lasts).await;
        }
        for end in ends {
            self.end(end)?;
        }
        self.harmed.clear();
        if episode.settles || fault.changes_members() {
            let recovery = self.recover().await?;
            done[first..].iter_mut().for_each(|done| done.recovery = Some(recovery));
        }
        sleep(episode.pause).await;
        Ok(())
    }

    /// Begins a fault. Returns how to end it; none if nothing happened.
    async fn begin(&mut self, fault: Fault, aim: Aim, detail: usize) -> Result<Option<End>, NemesisError> {
        // Every member is harmed already, so there is no victim.
        let Some(victim) = self.victim(aim).await else { return Ok(None) };
        let end = match fault {
            Fault::Kill => {
                self.members.kill(victim);
                self.harmed.insert(victim);
                End::Start(vec![victim])
            }
            Fault::KillAll => {
                let mut all = self.current.clone();
                for nth in &all {
                    self.members.kill(*nth);
                }
                self.harmed.extend(&all);
                let count = all.len();
                all.rotate_left(detail % count);
                End::Start(all)
            }
            Fault::Terminate => {
                self.members.terminate(victim, self.bound).await?;
                self.harmed.insert(victim);
                End::Start(vec![victim])
            }
            Fault::Rolling => {
                for nth in self.current.clone() {
                    self.members.terminate(nth, self.bound).await?;
                    self.members.start(nth)?;
                    self.members.serves(nth, self.bound).await?;
                }
                End::Over
            }
            Fault::Stop => {
                self.members.pause(victim).await?;
                self.harmed.insert(victim);
                End::Resume(victim)
            }
            Fault::Cut => {
                self.harmed.insert(victim);
                self.links(Weather::Cut, |from, to| from == victim || to == victim)
            }
            Fault::CutLink => {
                self.harmed.insert(victim);
                let others: Vec<usize> = self.current.iter().copied().filter(|nth| *nth != victim).collect();
                let other = others[detail % others.len()];
                self.links(Weather::Cut, |from, to| [(victim, other), (other, victim)].contains(&(from, to)))
            }
            Fault::OneWay => {
                self.harmed.insert(victim);
                let hears = detail.is_multiple_of(2);
                self.links(Weather::Cut, |from, to| if hears { from == victim } else { to == victim })
            }
            Fault::SlowLinks => self.links(Weather::Slow, |_, _| true),
            Fault::FlakyLinks => self.links(Weather::Flaky, |_, _| true),
            Fault::DirtyLinks => self.links(Weather::Dirty, |_, _| true),
            Fault::Transfer => {
                if !self.transfer(victim).await {
                    return Ok(None);
                }
                End::Over
            }
            Fault::Replace | Fault::Spare | Fault::WipeDisk => {
                let Some(new) = self.take_spare().await? else { return Ok(None) };
                if fault == Fault::WipeDisk {
                    self.wipe(victim).await?;
                }
                if fault == Fault::Spare {
                    self.come_and_go(new).await?;
                } else {
                    self.replace(victim, new, detail.is_multiple_of(2)).await?;
                }
                End::Over
            }
        };
        Ok(Some(end))
    }

    /// Changes the links for which `which` is true.
    fn links(&self, weather: Weather, which: impl Fn(usize, usize) -> bool) -> End {
        self.network.set(|from, to| which(from, to).then_some(weather));
        End::Heal
    }

    fn end(&mut self, end: End) -> Result<(), NemesisError> {
        match end {
            End::Over => Ok(()),
            End::Start(all) => {
                for nth in all {
                    if self.members.is_down(nth) {
                        self.members.start(nth)?;
                    }
                }
                Ok(())
            }
            End::Resume(nth) => self.members.signal(nth, Signal::CONT),
            End::Heal => {
                self.network.heal();
                Ok(())
            }
        }
    }

    /// Asks for a transfer of leadership, and returns whether it was made. Under faults the transfer may fail, which is no
    /// failure of the window.
    async fn transfer(&self, to: usize) -> bool {
        let asked = self.current.iter().copied().find(|nth| !self.harmed.contains(nth)).unwrap_or(to);
        let words = format!("PAXOS TRANSFER {to}");
        let asked = super::members::ask(&self.members.resp[asked], &words);
        let answer = timeout(Duration::from_secs(4), asked).await.ok().flatten();
        answer.is_some_and(|answer| answer.error().is_none())
    }

    /// Waits until each member has answered a write and knows the store of each other one. Only then do the others
    /// notice when a disk is lost.
    async fn calm_down(&mut self) -> Result<(), NemesisError> {
        self.recover().await?;
        let begun = Instant::now();
        for nth in self.current.clone() {
            while !self.knows_all_stores(nth).await {
                if begun.elapsed() > self.bound {
                    return Err(self.members.silent(nth, "hear from all members", self.bound));
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }
}
