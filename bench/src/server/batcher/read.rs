//! Answers runs that only read from the replica.

use super::account::{Account, Kept};
use super::{Answer, Run, stopped_text};
use crate::kv::{Budget, Ops, ReadResult, Store};
use crate::server::clock::Clocks;
use crate::server::member::Member;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;
use paxos_core::{Consistency, ReadError};
use paxos_transport::ReadFailure;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

/// The work of one turn of the member, in steps and in copied bytes. Runs beyond that wait for another turn, so that
/// the member can send its messages in between.
const TURN: u64 = 1 << 22;

/// What the reads of a server need.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) clocks: Arc<Clocks>,
    pub(super) account: Arc<Account>,
    pub(super) consistency: Consistency,
    /// How long a read may wait before it goes through the log.
    pub(super) soon: Duration,
    /// How long a read may wait that does not go through the log.
    pub(super) patience: Duration,
}

/// The result of asking the replica.
enum Asked {
    /// The answers to the first runs; at least one.
    Answered(Vec<Answer>),
    /// The replica does not answer, but the log may.
    Propose,
    Failed(Box<str>),
}

impl Reader {
    /// Answers all runs.
    pub(super) async fn read(self, member: Arc<dyn Member>, runs: Vec<Run>, permit: OwnedSemaphorePermit) {
        let (runs, answers): (Vec<Ops>, Vec<_>) = runs.into_iter().map(|run| (run.ops, run.answer)).unzip();
        let runs = Arc::new(runs);
        let (mut answers, mut done) = (answers.into_iter(), 0);
        // Sending fails only if the client has gone away.
        while done < runs.len() {
            match self.ask(&*member, &runs, done).await {
                Asked::Answered(seen) => {
                    done += seen.len();
                    seen.into_iter().zip(&mut answers).for_each(|(seen, answer)| drop(answer.send(seen)));
                }
                Asked::Propose => {
                    // The log has its own limit of commands under way.
                    drop(permit);
                    for (ops, answer) in runs.iter().skip(done).zip(answers) {
                        drop(answer.send(Answer::Due(ops.clone())));
                    }
                    return;
                }
                Asked::Failed(why) => {
                    answers.for_each(|answer| drop(answer.send(Answer::Failed(why.clone()))));
                    return;
                }
            }
        }
    }

    /// Asks the replica for the answers to the runs from the first one on, as many as one turn answers.
    async fn ask(&self, member: &dyn Member, runs: &Arc<Vec<Ops>>, first: usize) -> Asked {
        let (sender, seen) = oneshot::channel();
        // Set by the side that comes first: the member as it begins, or this task as it gives up.
        let decided = Arc::new(AtomicBool::new(false));
        let (reader, asked, begins) = (self.clone(), Arc::clone(runs), Arc::clone(&decided));
        let query = Box::new(move |store: &Store| {
            if !begins.swap(true, Relaxed) {
                // An error means that no run is waiting.
                drop(sender.send(reader.answers(store, asked.get(first..).unwrap_or_default())));
            }
        });
        let local = self.consistency == Consistency::Local;
        let patience = if local { self.patience } else { self.soon };
        match timeout(patience, member.query(self.consistency, query)).await {
            Ok(Ok(())) => {}
            // The members answer no questions of others, but they accept their commands.
            Ok(Err(ReadFailure::Refused(ReadError::Removed) | ReadFailure::Outside)) if !local => {
                return Asked::Propose;
            }
            Ok(Err(ReadFailure::Refused(refused))) => {
                return Asked::Failed(format!("TRYAGAIN not done: {refused}").into());
            }
            Ok(Err(error)) => return Asked::Failed(format!("CLUSTERDOWN not done: {error}").into()),
            // The member works on it. The log would have every member do the same again.
            Err(_) if decided.swap(true, Relaxed) => {}
            Err(_) if local => return Asked::Failed(BUSY.into()),
            // The last votes may not become chosen until something is proposed: the read itself does that.
            Err(_) => return Asked::Propose,
        }
        match seen.await {
            Ok(answers) if !answers.is_empty() => Asked::Answered(answers),
            Ok(_) | Err(_) => Asked::Failed(stopped_text()),
        }
    }

    /// Answers the first of these runs, as many as one turn answers.
    fn answers(&self, store: &Store, runs: &[Ops]) -> Vec<Answer> {
        let clock = self.clocks.see(store);
        let (mut answers, mut work) = (Vec::with_capacity(runs.len()), 0);
        for ops in runs {
            let mut budget = Budget::default();
            answers.push(self.answer(store, clock, ops, &mut budget));
            work += budget.taken() + budget.copied() as u64;
            if work > TURN {
                break;
            }
        }
        answers
    }

    /// Answers a run, if no key that it reads is due, as far as there is room for the answers.
    fn answer(&self, store: &Store, clock: u64, ops: &Ops, budget: &mut Budget) -> Answer {
        let local = self.consistency == Consistency::Local;
        let mut replies = Vec::with_capacity(ops.count());
        let mut kept = Kept::new(&self.account);
        for op in ops.reader().flatten() {
            if kept.is_enough() {
                let rest = ops.after(replies.len());
                return Answer::Own(replies, kept, rest);
            }
            // Values are shared with the store, so each answer may have as many of them.
            budget.share_anew();
            let read =
                if local { store.read_local(&op, clock, budget) } else { store.read(&op, clock, budget) };
            match read {
                ReadResult::Seen(reply) if kept.admit(&reply) => replies.push(reply),
                ReadResult::Seen(_) if replies.is_empty() => return Answer::Full(ops.clone()),
                ReadResult::Seen(_) => {
                    let rest = ops.after(replies.len());
                    return Answer::Own(replies, kept, rest);
                }
                ReadResult::Due | ReadResult::Change => return Answer::Due(ops.clone()),
            }
        }
        Answer::Own(replies, kept, Ops::default())
    }
}

/// The error for a read that a busy member did not begin.
pub(super) const BUSY: &str = "CLUSTERDOWN not done: this member takes too long; try again";
