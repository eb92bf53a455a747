//! Batches operations from many connections into few commands, has each agreed on, and distributes the answers.
//!
//! A few commands are under way at the same time. Meanwhile operations gather, so a slower cluster gets larger
//! commands. A connection hands over its next operations when the last ones are answered, so they execute in its order.

pub(super) mod account;
mod read;

use super::clock::Clocks;
use super::member::Member;
use crate::kv::{Command, Ops, Replies, Reply};
use account::{Account, Kept, SMALL};
use core::time::Duration;
use paxos_core::Consistency;
use paxos_transport::ProposeError;
use read::Reader;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// How many runs of operations can wait for a command.
const WAITING: usize = 1024;

/// The most operations in one command, and the most bytes. A run is never split: a larger run goes alone.
const MOST: (usize, usize) = (4096, 1 << 20);

/// Operations of one connection, in order.
#[derive(Debug)]
struct Run {
    ops: Ops,
    answer: oneshot::Sender<Answer>,
}

/// The result of a run.
#[derive(Debug)]
enum Answer {
    /// The answers to one command, and the index of this run's first answer.
    Replies(Replies, usize),
    /// The run's own answers, with the charge for their memory, and the operations after those that are answered.
    Own(Vec<Reply>, Kept, Ops),
    /// A key that the run reads is due, so the run must go through the log.
    Due(Ops),
    /// There is no room for the first answer of this run, which only reads.
    Full(Ops),
    /// There is no answer, for this reason.
    Failed(Box<str>),
}

/// The answers to the operations of one run.
#[derive(Debug)]
pub(super) enum Answers {
    /// The answers to one command, from this index on.
    Shared(Replies, usize),
    /// The run's own answers, with the charge for their memory, and the operations after those that are answered.
    Own(Vec<Reply>, #[expect(dead_code, reason = "it is dropped with the answers")] Kept, Ops),
    /// The same failure for every operation.
    Failed(Box<str>),
}

impl Answers {
    /// Returns the answer to the operation at this position.
    pub(super) fn get(&self, nth: usize) -> Option<&Reply> {
        match self {
            Self::Shared(replies, first) => replies.0.get(first + nth),
            Self::Own(replies, ..) => replies.get(nth),
            Self::Failed(_) => None,
        }
    }

    /// Takes the operations that are not answered because there was no room for their answers, if the one at this
    /// position is the first of them. They only read. Whoever asks for them again drops these answers first.
    pub(super) fn rest(&mut self, nth: usize) -> Option<Ops> {
        match self {
            Self::Own(replies, _, rest) if nth >= replies.len() && rest.count() > 0 => {
                Some(std::mem::take(rest))
            }
            Self::Own(..) | Self::Shared(..) | Self::Failed(_) => None,
        }
    }

    /// Returns why there is no answer.
    pub(super) fn failure(&self) -> &str {
        match self {
            Self::Failed(text) => text,
            Self::Shared(..) | Self::Own(..) => {
                "UNKNOWN outcome unknown: the member returned too few answers"
            }
        }
    }
}

/// Passes operations to the store.
#[derive(Clone, Debug)]
pub(super) struct Batcher {
    writes: mpsc::Sender<Run>,
    reads: mpsc::Sender<Run>,
    account: Arc<Account>,
    /// How long a read waits for room for its answer.
    patience: Duration,
    /// The longest wait of a run, for the commands before it and its own.
    longest: Duration,
}

/// How many commands, and how many reads, may be under way at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    pub(super) writes: usize,
    pub(super) reads: usize,
}

impl Batcher {
    /// Starts the batcher, which ends when the last handle is dropped. `patience` is how long a command waits for the
    /// cluster. A read that the replica has not begun after an eighth of that goes through the log, and no run waits
    /// longer than three times that.
    pub(super) fn open(
        member: &Arc<dyn Member>,
        (clocks, account): (&Arc<Clocks>, &Arc<Account>),
        consistency: Consistency,
        width: Width,
        patience: Duration,
    ) -> Self {
        let (writes, waiting_writes) = mpsc::channel(WAITING);
        let (reads, waiting_reads) = mpsc::channel(WAITING);
        let proposing =
            Writer { member: Arc::clone(member), clocks: Arc::clone(clocks), account: Arc::clone(account) };
        tokio::spawn(gather(waiting_writes, width.writes, move |runs, permit| {
            tokio::spawn(proposing.clone().write(runs, permit));
        }));
        let reader = Reader {
            clocks: Arc::clone(clocks),
            account: Arc::clone(account),
            consistency,
            soon: patience / 8,
            patience,
        };
        let reading = Arc::clone(member);
        tokio::spawn(gather(waiting_reads, width.reads, move |runs, permit| {
            tokio::spawn(reader.clone().read(Arc::clone(&reading), runs, permit));
        }));
        Self { writes, reads, account: Arc::clone(account), patience, longest: patience.saturating_mul(3) }
    }

    /// Has operations answered in order, with no other operations between them.
    ///
    /// Runs that only read are answered from the replica. If any operation writes, the whole run goes through the log,
    /// so that each operation sees the effects of those before it.
    ///
    /// A read whose answer finds no room waits for it. If there is room for some answers of the run, these are returned,
    /// with the [rest](Answers::rest) of the operations.
    pub(super) async fn run(&self, ops: Ops) -> Answers {
        let writes = ops.writes();
        let queue = if writes { &self.writes } else { &self.reads };
        let asked = async {
            let (mut ops, until) = (ops, Instant::now() + self.patience);
            loop {
                // Room that becomes free from here on is noticed below.
                let freed = self.account.freed();
                match ask(queue, ops).await {
                    Answer::Due(ops) => return ask(&self.writes, ops).await,
                    Answer::Full(again) => ops = again,
                    answer @ (Answer::Replies(..) | Answer::Own(..) | Answer::Failed(_)) => return answer,
                }
                // On a busy server something is given back all the time.
                if Instant::now() >= until || timeout_at(until, freed).await.is_err() {
                    return Answer::Failed(FULL.into());
                }
            }
        };
        // When this member's disk hangs, the commands before this one end one by one, each after its own wait.
        let answer = timeout(self.longest, asked).await.unwrap_or_else(|_| Answer::Failed(HANGS.into()));
        match answer {
            Answer::Replies(replies, first) => Answers::Shared(replies, first),
            Answer::Own(replies, kept, rest) => Answers::Own(replies, kept, rest),
            Answer::Due(_) | Answer::Full(_) => Answers::Failed(AGAIN.into()),
            Answer::Failed(text) if !writes && text.starts_with(LOST) => Answers::Failed(AGAIN.into()),
            // A failed read changes nothing, whatever its outcome.
            Answer::Failed(text) if !writes && text.starts_with("UNKNOWN") => {
                Answers::Failed(UNREADABLE.into())
            }
            Answer::Failed(text) => Answers::Failed(text),
        }
    }
}

const UNREADABLE: &str =
    "CLUSTERDOWN not done: no quorum of members answers; try again, or read with --reads local";

/// The prefix of the error for a command that was executed but whose answer is no longer kept.
const LOST: &str = "UNKNOWN answer lost:";

const AGAIN: &str = "TRYAGAIN not done: the answer was lost on the way; try again";

/// The error for a read whose answer finds no room.
const FULL: &str =
    "TRYAGAIN not done: all clients together leave too many replies unread; ask for less at a time";

const HANGS: &str =
    "UNKNOWN outcome unknown: this member takes too long; check whether it took effect before you repeat it";

async fn ask(queue: &mpsc::Sender<Run>, ops: Ops) -> Answer {
    let (answer, answered) = oneshot::channel();
    let stopped = || Answer::Failed(stopped_text());
    if queue.send(Run { ops, answer }).await.is_err() {
        return stopped();
    }
    answered.await.unwrap_or_else(|_| stopped())
}

fn stopped_text() -> Box<str> {
    "UNKNOWN outcome unknown: this member stops; check whether it took effect before you repeat it".into()
}

/// Takes all waiting runs whenever another command may start.
async fn gather(
    mut inbox: mpsc::Receiver<Run>,
    width: usize,
    start: impl Fn(Vec<Run>, OwnedSemaphorePermit),
) {
    let free = Arc::new(Semaphore::new(width.max(1)));
    let mut held: Option<Run> = None;
    while let Ok(permit) = Arc::clone(&free).acquire_owned().await {
        let Some(first) = (match held.take() {
            Some(run) => Some(run),
            None => inbox.recv().await,
        }) else {
            return;
        };
        // Other tasks that are ready may have runs to add.
        tokio::task::yield_now().await;
        let (mut count, mut bytes) = (first.ops.count(), first.ops.bytes().len());
        let mut runs = vec![first];
        while let Ok(run) = inbox.try_recv() {
            count += run.ops.count();
            bytes += run.ops.bytes().len();
            if count > MOST.0 || bytes > MOST.1 {
                held = Some(run);
                break;
            }
            runs.push(run);
        }
        // Runs whose clients were already told that they take too long are dropped.
        runs.retain(|run| !run.answer.is_closed());
        if !runs.is_empty() {
            start(runs, permit);
        }
    }
}

/// What the writes of a server need.
#[derive(Clone)]
struct Writer {
    member: Arc<dyn Member>,
    clocks: Arc<Clocks>,
    account: Arc<Account>,
}

impl Writer {
    async fn write(self, runs: Vec<Run>, permit: OwnedSemaphorePermit) {
        let stamp = self.clocks.stamp(&*self.member);
        let command = Command::new(&stamp, runs.iter().map(|run| run.ops.bytes()));
        let executed = self.member.append(command).await;
        drop(permit);
        // If the answers are large, each run gets its own: it must not keep those of the others in memory.
        let apart = executed.as_ref().is_ok_and(|executed| executed.reply.bytes() > SMALL as u64);
        let mut first = 0;
        for Run { ops, answer } in runs {
            let next = first + ops.count();
            let answered = match &executed {
                Ok(executed) if apart => self.part(executed.reply.0.get(first..next).unwrap_or_default()),
                Ok(executed) => Answer::Replies(executed.reply.clone(), first),
                Err(error) => Answer::Failed(why_not_written(error)),
            };
            first = next;
            // An error means that the connection has closed.
            drop(answer.send(answered));
        }
    }

    /// The answers to one run. They are charged even if they are too many, because the run was executed.
    fn part(&self, replies: &[Reply]) -> Answer {
        let mut kept = Kept::new(&self.account);
        for reply in replies {
            kept.add(reply);
        }
        Answer::Own(replies.to_vec(), kept, Ops::default())
    }
}

/// Returns the error text. Its first word tells the client whether the command may have been executed.
fn why_not_written(error: &ProposeError) -> Box<str> {
    let code = match error {
        ProposeError::Overloaded(_) => "TRYAGAIN not done:",
        ProposeError::NotLeader { .. } | ProposeError::Stopped(_) => "CLUSTERDOWN not done:",
        ProposeError::TooLarge { .. } => "ERR not done:",
        ProposeError::AnswerNotKept { .. } => LOST,
        // For errors added later, the outcome is unknown.
        ProposeError::OutcomeUnknown | ProposeError::SessionExpired | _ => "UNKNOWN outcome unknown:",
    };
    format!("{code} {error}").into()
}

/// Returns the answer at this position, or the failure.
pub(super) fn or_failure(answers: &Answers, nth: usize) -> Reply {
    answers.get(nth).cloned().unwrap_or_else(|| Reply::refused(answers.failure()))
}

#[cfg(test)]
mod tests;
