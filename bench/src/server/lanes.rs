//! From many connections to few commands: what waits is gathered, agreed on as one command and answered apart.
//!
//! A few lanes work at the same time. While all are busy, operations gather, so that the slower the cluster the larger the
//! commands. A connection hands over its next operations when the last are answered, so that they happen in its order.

use super::clock::Clocks;
use super::member::Member;
use crate::kv::{Budget, Command, Look, Ops, Replies, Reply, Store};
use core::time::Duration;
use paxos_core::{Consistency, ReadError};
use paxos_transport::{ProposeError, ReadFailure};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// How many runs of operations wait for a lane.
const WAITING: usize = 1024;

/// The most operations in one command, and their bytes. A run is never cut: one that is larger goes alone.
const MOST: (usize, usize) = (4096, 1 << 20);

/// Operations of one connection, in order.
#[derive(Debug)]
struct Run {
    ops: Ops,
    answer: oneshot::Sender<Answer>,
}

/// What came of a run.
#[derive(Debug)]
enum Answer {
    /// The answers to one command, and where those of this run begin.
    Replies(Replies, usize),
    /// What was seen.
    Seen(Vec<Reply>),
    /// Something that was looked at is due: it goes through the log.
    Due(Ops),
    /// There is no answer, and why.
    Failed(Box<str>),
}

/// The answers to a run.
#[derive(Debug)]
pub(super) enum Answers {
    /// A part of these.
    Shared(Replies, usize),
    /// These.
    Own(Vec<Reply>),
    /// The same for each.
    Failed(Box<str>),
}

impl Answers {
    /// An answer by its place.
    pub(super) fn get(&self, nth: usize) -> Option<&Reply> {
        match self {
            Self::Shared(replies, first) => replies.0.get(first + nth),
            Self::Own(replies) => replies.get(nth),
            Self::Failed(_) => None,
        }
    }

    /// Why there is none.
    pub(super) fn failure(&self) -> &str {
        match self {
            Self::Failed(text) => text,
            Self::Shared(..) | Self::Own(_) => "UNKNOWN outcome unknown: a member wrote too few answers",
        }
    }
}

/// How operations get to the store.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    writes: mpsc::Sender<Run>,
    reads: mpsc::Sender<Run>,
    /// How long a run waits at most, for the commands before it and for its own.
    longest: Duration,
}

/// How many commands, and how many reads, are under way at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    pub(super) writes: usize,
    pub(super) reads: usize,
}

impl Lanes {
    /// Opens them; they close when the last handle is gone. `patience` is how long a command waits for the cluster. A read
    /// goes through the log after an eighth of that, and no run waits longer than three times that.
    pub(super) fn open(
        member: &Arc<dyn Member>,
        clocks: &Arc<Clocks>,
        consistency: Consistency,
        width: Width,
        patience: Duration,
    ) -> Self {
        let (writes, waiting_writes) = mpsc::channel(WAITING);
        let (reads, waiting_reads) = mpsc::channel(WAITING);
        let (proposing, stamping) = (Arc::clone(member), Arc::clone(clocks));
        tokio::spawn(gather(waiting_writes, width.writes, move |runs, lane| {
            tokio::spawn(write(Arc::clone(&proposing), Arc::clone(&stamping), runs, lane));
        }));
        let soon = patience / 8;
        let (looking, seeing) = (Arc::clone(member), Arc::clone(clocks));
        tokio::spawn(gather(waiting_reads, width.reads, move |runs, lane| {
            tokio::spawn(read(Arc::clone(&looking), Arc::clone(&seeing), (consistency, soon), runs, lane));
        }));
        Self { writes, reads, longest: patience.saturating_mul(3) }
    }

    /// Gets operations answered, in order and with nothing of others between them.
    ///
    /// Those that only read are answered from the replica. Where one writes, all go through the log, so that each sees what
    /// those before it did.
    pub(super) async fn run(&self, ops: Ops) -> Answers {
        let writes = ops.writes();
        let lane = if writes { &self.writes } else { &self.reads };
        let asked = async {
            let mut answer = ask(lane, ops).await;
            if let Answer::Due(ops) = answer {
                answer = ask(&self.writes, ops).await;
            }
            answer
        };
        // When this member's disk hangs, the commands before it end one after the other, each after its own wait.
        let answer = timeout(self.longest, asked).await.unwrap_or_else(|_| Answer::Failed(HANGS.into()));
        match answer {
            Answer::Replies(replies, first) => Answers::Shared(replies, first),
            Answer::Seen(replies) => Answers::Own(replies),
            Answer::Due(_) => Answers::Own(Vec::new()),
            Answer::Failed(text) if !writes && text.starts_with(LOST) => Answers::Failed(AGAIN.into()),
            // Whatever became of a read, nothing has happened.
            Answer::Failed(text) if !writes && text.starts_with("UNKNOWN") => {
                Answers::Failed(UNREADABLE.into())
            }
            Answer::Failed(text) => Answers::Failed(text),
        }
    }
}

const UNREADABLE: &str =
    "CLUSTERDOWN not done: no quorum of members answers; try again, or read with --reads local";

/// How it begins when the answer to a command that was executed is not to be had any more.
const LOST: &str = "UNKNOWN answer lost:";

const AGAIN: &str = "TRYAGAIN not done: the answer got lost on the way; try again";

const HANGS: &str =
    "UNKNOWN outcome unknown: this member takes too long; look whether it took effect before you repeat it";

async fn ask(lane: &mpsc::Sender<Run>, ops: Ops) -> Answer {
    let (answer, answered) = oneshot::channel();
    let stopped = || Answer::Failed(stopped_text());
    if lane.send(Run { ops, answer }).await.is_err() {
        return stopped();
    }
    answered.await.unwrap_or_else(|_| stopped())
}

fn stopped_text() -> Box<str> {
    "UNKNOWN outcome unknown: this member stops; look whether it took effect before you repeat it".into()
}

/// Takes all runs that wait whenever a lane is free.
async fn gather(
    mut inbox: mpsc::Receiver<Run>,
    lanes: usize,
    start: impl Fn(Vec<Run>, OwnedSemaphorePermit),
) {
    let free = Arc::new(Semaphore::new(lanes.max(1)));
    let mut held: Option<Run> = None;
    while let Ok(lane) = Arc::clone(&free).acquire_owned().await {
        let Some(first) = (match held.take() {
            Some(run) => Some(run),
            None => inbox.recv().await,
        }) else {
            return;
        };
        // Whoever can run now may have something to say as well.
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
        // Those whose clients were told that it takes too long are not begun.
        runs.retain(|run| !run.answer.is_closed());
        if !runs.is_empty() {
            start(runs, lane);
        }
    }
}

async fn write(member: Arc<dyn Member>, clocks: Arc<Clocks>, runs: Vec<Run>, lane: OwnedSemaphorePermit) {
    let command = Command::new(&clocks.stamp(&*member), runs.iter().map(|run| run.ops.bytes()));
    let executed = member.append(command).await;
    drop(lane);
    let mut first = 0;
    for Run { ops, answer } in runs {
        let answered = match &executed {
            Ok(executed) => Answer::Replies(executed.reply.clone(), first),
            Err(error) => Answer::Failed(why_not_written(error)),
        };
        first += ops.count();
        // An error says that the connection has gone away meanwhile.
        drop(answer.send(answered));
    }
}

/// A client sees by the first word whether the command may have happened.
fn why_not_written(error: &ProposeError) -> Box<str> {
    let code = match error {
        ProposeError::Overloaded(_) => "TRYAGAIN not done:",
        ProposeError::NotLeader { .. } | ProposeError::Stopped(_) => "CLUSTERDOWN not done:",
        ProposeError::TooLarge { .. } => "ERR not done:",
        ProposeError::AnswerNotKept { .. } => LOST,
        // Whatever else there may be one day, nothing is known of the command.
        ProposeError::OutcomeUnknown | ProposeError::SessionExpired | _ => "UNKNOWN outcome unknown:",
    };
    format!("{code} {error}").into()
}

async fn read(
    member: Arc<dyn Member>,
    clocks: Arc<Clocks>,
    (consistency, patience): (Consistency, Duration),
    runs: Vec<Run>,
    lane: OwnedSemaphorePermit,
) {
    let (runs, answers): (Vec<Ops>, Vec<_>) = runs.into_iter().map(|run| (run.ops, run.answer)).unzip();
    let runs = Arc::new(runs);
    let (sender, seen) = oneshot::channel();
    let asked = Arc::clone(&runs);
    let looker = Box::new(move |store: &Store| {
        let clock = clocks.see(store);
        let looks: Vec<Answer> = asked.iter().map(|ops| look(store, clock, ops)).collect();
        // An error says that nobody waits any more.
        drop(sender.send(looks));
    });
    let done = timeout(patience, member.look(consistency, looker)).await;
    drop(lane);
    let failure = match done {
        Ok(Ok(())) => None,
        // A removed member has no way to read, but the others still take its commands. And what was voted for last may not
        // be chosen before somebody proposes something: the read itself.
        Ok(Err(ReadFailure::Refused(ReadError::Removed))) | Err(_) => {
            for (ops, answer) in runs.iter().zip(answers) {
                drop(answer.send(Answer::Due(ops.clone())));
            }
            return;
        }
        Ok(Err(ReadFailure::Refused(refused))) => Some(format!("TRYAGAIN not done: {refused}")),
        Ok(Err(error)) => Some(format!("CLUSTERDOWN not done: {error}")),
    };
    let mut seen = if failure.is_none() { seen.await.unwrap_or_default() } else { Vec::new() }.into_iter();
    let failure: Box<str> = failure.map_or_else(stopped_text, Into::into);
    for answer in answers {
        let found = seen.next().unwrap_or_else(|| Answer::Failed(failure.clone()));
        drop(answer.send(found));
    }
}

/// Answers a run, if none of what it looks at is due.
fn look(store: &Store, clock: u64, ops: &Ops) -> Answer {
    let mut replies = Vec::with_capacity(ops.count());
    for op in ops.reader().flatten() {
        // Values are shared with the store, so that each answer may be as long as any.
        match store.look(&op, clock, &mut Budget::default()) {
            Look::Seen(reply) => replies.push(reply),
            Look::Due | Look::Change => return Answer::Due(ops.clone()),
        }
    }
    Answer::Seen(replies)
}

/// What the answers say, or why there are none.
pub(super) fn or_failure(answers: &Answers, nth: usize) -> Reply {
    answers.get(nth).cloned().unwrap_or_else(|| Reply::refused(answers.failure()))
}

#[cfg(test)]
mod tests;
