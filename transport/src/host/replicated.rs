//! The handle to a running member.

use super::patience::Patience;
use super::reads::{Look, Looker, Seen};
use super::waiters::{ChangeWaiter, Waiter};
use super::{Host, Stages, TraceOut};
use crate::carrier::{Transport, TransportError};
use crate::storage::{Storage, StorageError};
use core::time::Duration;
use paxos_core::{
    Amnesia, Ballot, Change, Consistency, Executed, Membership, NodeId, NodeSet, Overloaded, Protocol,
    ReadError, RestoreError, Setup, Slot, StateMachine, Status, StillNeeded, Surroundings, Unanswered,
    Untransferable,
};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument;

/// A state machine that is replicated: the handle to one process of its cluster, which runs in a task of its own.
/// Clones are handles to the same process; it stops when the last of them is dropped.
///
/// Any process takes any command, also one that plays no role: it finds the leader and follows it when it
/// changes, so that no caller has to be told to go elsewhere.
pub struct Replicated<P: Protocol, S: StateMachine> {
    id: NodeId,
    pub(super) requests: mpsc::Sender<Ask<P, S>>,
    status: watch::Receiver<Status>,
    members: watch::Receiver<(Membership, NodeSet)>,
    end: watch::Receiver<Option<Result<(), HostError>>>,
    pub(super) patience: Patience,
}

/// What a process tells operators besides its [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What it knows about the others, and its own store.
    pub surroundings: Surroundings,
    /// How many writes its store has made durable since the start.
    pub writes: u64,
    /// How long they took together.
    pub writing: Duration,
    /// How long the write that is under way has taken so far; none if there is none.
    pub stalled: Option<Duration>,
    /// Where the time of its own commands goes.
    pub stages: Stages,
}

/// What a handle asks of the host.
pub(super) enum Ask<P: Protocol, S> {
    Propose(P::Value, Waiter<P::Reply>),
    Read(Consistency, Box<dyn Look<S>>),
    Change(Change, ChangeWaiter),
    ForceChange(Change, ChangeWaiter),
    Transfer(NodeId, oneshot::Sender<Result<(), Untransferable>>),
    Look(oneshot::Sender<Outlook>),
    MayStop(NodeId, oneshot::Sender<Result<(), StillNeeded>>),
    Stop,
}

/// Why a command was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Too many commands of this process are unanswered, or, if its clients report refusals
    /// ([`paxos_core::Patience::Report`]), too many wait at the leader. This one was not taken, and will not happen.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The process asked does not lead, but perhaps this one does. Only clients that report refusals say so
    /// ([`paxos_core::Patience::Report`]). The command was not taken, and will not happen.
    #[error("{}", Unanswered::NotLeader(*leader))]
    NotLeader {
        /// Who leads, as far as the process asked knows.
        leader: Option<NodeId>,
    },
    /// The process stopped before it could tell, gave up waiting ([`paxos_core::Timeouts::give_up`]), or hangs in its store.
    /// The command may have happened, or happen yet.
    #[error(
        "the process stopped or gave up before the command was answered: look whether it took effect before you \
         repeat it"
    )]
    OutcomeUnknown,
    /// The session of the process's client expired, since no command of it was agreed on for too long
    /// ([`paxos_core::Limits::idle`]). The command may have happened, and if not it will not. The next one is of a new session.
    #[error("the client's session had expired: look whether the command took effect before you repeat it")]
    SessionExpired,
    /// The command was executed in this slot, once, but its answer got lost on the way, and is not kept
    /// ([`paxos_core::Limits::reply_bytes`]).
    #[error("{}", Unanswered::AnswerNotKept(*slot))]
    AnswerNotKept {
        /// Where it was executed.
        slot: Slot,
    },
    /// No message could carry it ([`Transport::longest_message`]). It was not taken, and will not happen.
    #[error(
        "the command has {bytes} bytes, and the carrier takes messages of up to {longest} bytes: propose smaller ones, or raise \
         the carrier's limit on every process"
    )]
    TooLarge {
        /// The size of the command ([`paxos_core::Value::bytes`]).
        bytes: usize,
        /// The longest message.
        longest: usize,
    },
    /// The process had stopped before. The command was not taken, and will not happen.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<Unanswered> for ProposeError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotLeader(leader) => Self::NotLeader { leader },
            Unanswered::Overloaded(overloaded) => Self::Overloaded(overloaded),
            Unanswered::SessionExpired => Self::SessionExpired,
            Unanswered::AnswerNotKept(slot) => Self::AnswerNotKept { slot },
            // Whatever else there may be one day, nothing is known of the command.
            Unanswered::OutcomeUnknown | _ => Self::OutcomeUnknown,
        }
    }
}

/// Why a read was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFailure {
    /// The process does not take it.
    #[error(transparent)]
    Refused(#[from] ReadError),
    /// The process stopped, before or meanwhile.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It was not answered for [`paxos_core::Timeouts::give_up`]. Nothing has happened.
    #[error(
        "the read was not answered in time: too few members can be reached, or this process's store hangs; try again, or \
         read at another member"
    )]
    TimedOut,
}

/// The process does not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this process has stopped: ask another member, or restart it")]
pub struct Stopped;

/// What brought a process down. It may be restarted from what it has stored.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The store failed.
    #[error("the process cannot run without its store: {0}")]
    Storage(Arc<StorageError>),
    /// The carrier failed.
    #[error("the process cannot run without its network: {0}")]
    Transport(Arc<TransportError>),
    /// The state machine cannot take over a snapshot, its own or that of another member.
    #[error("the process cannot take over a snapshot: {0}")]
    Restore(#[from] RestoreError),
    /// The store holds the last ballot that there is: no cluster comes to it.
    #[error(
        "the store holds ballot {0}, after which no leader could be elected: put back a copy made before, or replace \
         the process by a new member"
    )]
    Exhausted(Ballot),
    /// The other members know that this process has forgotten what it promised: its disk is not the one that it had. It
    /// must not be restarted from what it has stored.
    #[error("the other members do not believe this process any more: {0}")]
    Forgot(Amnesia),
    /// The carrier takes no messages as long as those that the limits allow; they would never arrive.
    #[error(
        "messages may have up to {needed} bytes (`Limits::longest_message`), and the carrier takes up to {longest}: raise the \
         carrier's limit, or lower `Limits::batch_bytes`, `batch` or `chunk`, on every process"
    )]
    Carrier {
        /// The longest message that the configuration allows, in bytes.
        needed: usize,
        /// The longest one that the carrier takes.
        longest: usize,
    },
    /// It was to end while its disk was writing, and the disk did not answer for seconds. What was being written may be there
    /// or not, as after a crash, and the store may not be free yet.
    #[error(
        "the disk does not answer: the store is free when it does, or when the operating system's process has ended"
    )]
    Hung,
    /// The operating system gives no random numbers.
    #[error("the process cannot name its commands: the operating system gives no random numbers ({0})")]
    Random(Arc<str>),
    /// The state machine, or an assertion of the node, panicked.
    #[error(
        "the process panicked: see the message on its standard error, and restart it when the cause is gone"
    )]
    Panicked,
}

impl From<StorageError> for HostError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<TransportError> for HostError {
    fn from(error: TransportError) -> Self {
        Self::Transport(Arc::new(error))
    }
}

impl<P, S> Replicated<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply> + Send + 'static,
{
    /// Starts the process `setup.id`, from what is stored if it ran before, in a task of the current tokio
    /// runtime.
    ///
    /// `machine` is in its first state: it is brought up to date from a snapshot, if it can be written down
    /// ([`StateMachine::snapshot`]), and by executing what was chosen. It is executed on
    /// the task that also serves the protocol, so it must not block; one that has to wait for other systems
    /// passes that work on to a task of its own.
    ///
    /// # Errors
    /// [`HostError::Storage`] if what is stored cannot be read, [`HostError::Exhausted`] if it cannot be true,
    /// [`HostError::Restore`] if `machine` cannot take over the snapshot among it, [`HostError::Carrier`] if `transport` takes no
    /// messages as long as the configuration allows.
    ///
    /// # Panics
    /// Outside of a tokio runtime with timers.
    pub async fn start(
        setup: Setup<P::Options>,
        machine: S,
        transport: Box<dyn Transport<P>>,
        storage: Box<dyn Storage<P>>,
    ) -> Result<Self, HostError> {
        Self::start_traced(setup, machine, transport, storage, None).await
    }

    /// As [`Replicated::start`]; writes the protocol steps down, if asked for.
    ///
    /// # Errors
    /// As [`Replicated::start`].
    ///
    /// # Panics
    /// As [`Replicated::start`].
    pub async fn start_traced(
        setup: Setup<P::Options>,
        machine: S,
        transport: Box<dyn Transport<P>>,
        storage: Box<dyn Storage<P>>,
        trace: Option<TraceOut>,
    ) -> Result<Self, HostError> {
        let (id, patience) = (setup.id, Patience::new(&setup.config.timeouts));
        let (requests, asked) = mpsc::channel(setup.config.limits.session.max(1));
        let (publish, status) = watch::channel(Status::default());
        let (publish_members, members) = watch::channel((setup.config.members(), NodeSet::EMPTY));
        let (ended, end) = watch::channel(None);
        let host =
            Host::open(setup, machine, transport, storage, (asked, publish, publish_members), trace).await?;
        let running = async move {
            let result = host.run().await;
            // The host is gone by now, so that its store and its place in the network are free.
            ended.send_replace(Some(result));
        };
        // Each line tells which process speaks.
        tokio::spawn(running.instrument(tracing::error_span!("process", %id)));
        Ok(Self { id, requests, status, members, end, patience })
    }

    /// Gets `command` agreed and executed, once, in at most [`paxos_core::Timeouts::give_up`] and a quarter of it (12.5 s by
    /// default), and returns what executing it here or elsewhere returned.
    ///
    /// A process that reaches too few acceptors gives up after `give_up`; the quarter is for one that hangs in its store. With
    /// `give_up` none, it waits for as long as that lasts. Dropping the future gives up the answer, not the command, which
    /// may still take effect.
    ///
    /// # Errors
    /// [`ProposeError`], which says whether the command may take effect nevertheless.
    pub async fn propose(&self, command: P::Value) -> Result<P::Reply, ProposeError> {
        Ok(self.append(command).await?.reply)
    }

    /// As [`Replicated::propose`]; tells the slot of the log as well in which the command was executed.
    ///
    /// # Errors
    /// As [`Replicated::propose`].
    pub async fn append(&self, command: P::Value) -> Result<Executed<P::Reply>, ProposeError> {
        let (waiter, answer) = Waiter::new();
        self.ask(Ask::Propose(command, waiter))?;
        let answered = self.patience.with_margin(answer).await.map_err(|_| ProposeError::OutcomeUnknown)?;
        answered.map_err(|_| ProposeError::OutcomeUnknown)?
    }

    /// Looks at the state of this process's replica as soon as it is as new as `consistency` asks for, which it waits for at
    /// most [`paxos_core::Timeouts::give_up`] (10 s by default), and tells how new it was.
    ///
    /// Nothing is written to the log for that. `read` runs where the protocol is served, so it must not block. With `give_up`
    /// none, it waits for as long as too few acceptors can be reached. Dropping the future gives it up.
    ///
    /// # Errors
    /// [`ReadFailure`]: too many reads wait, the process executes nothing (a client; it proposes a command that reads), it was
    /// removed from the cluster (and the read is linearizable), it does not run, or no answer came in time.
    pub async fn read<T, F>(&self, consistency: Consistency, read: F) -> Result<Seen<T>, ReadFailure>
    where
        T: Send + 'static,
        F: FnOnce(&S) -> T + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let looker = Box::new(Looker { read, sender });
        let asked = async {
            self.requests.send(Ask::Read(consistency, looker)).await.map_err(|_| Stopped)?;
            Ok(answer.await.map_err(|_| Stopped)??)
        };
        self.patience.wait(asked).await.map_err(|_| ReadFailure::TimedOut)?
    }

    /// Stops the process as it stands, and returns when its store and its place in the network are free. What it has not
    /// answered has an unknown outcome.
    ///
    /// # Errors
    /// What stopped it, if it stopped by itself; [`HostError::Hung`] if the store did not finish a write in time.
    pub async fn shutdown(&self) -> Result<(), HostError> {
        // An error says that it has stopped already.
        drop(self.requests.send(Ask::Stop).await);
        self.stopped().await
    }
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Hands something to the host, if there is room.
    pub(super) fn ask(&self, ask: Ask<P, S>) -> Result<(), ProposeError> {
        self.requests.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Overloaded::Requests(self.requests.max_capacity() as u64).into()
            }
            mpsc::error::TrySendError::Closed(_) => Stopped.into(),
        })
    }

    /// What the host says to `ask`, which it is given the end to answer on; `late` if it does not turn.
    pub(super) async fn answer_to<T, F, E: From<F> + From<Stopped>>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, F>>) -> Ask<P, S>,
        late: E,
    ) -> Result<T, E> {
        let (sender, answer) = oneshot::channel();
        let asked = async {
            self.requests.send(ask(sender)).await.map_err(|_| Stopped)?;
            Ok(answer.await.map_err(|_| Stopped)??)
        };
        self.patience.wait(asked).await.unwrap_or(Err(late))
    }

    /// The process's name.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Who leads, as far as this process knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.status().leader
    }

    /// What the process knows about itself; if it has stopped, what it knew at last.
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// What the process knows about the others, and how its disk does.
    ///
    /// # Errors
    /// [`Stopped`] if the process does not run.
    pub async fn outlook(&self) -> Result<Outlook, Stopped> {
        let (sender, answer) = oneshot::channel();
        self.requests.send(Ask::Look(sender)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Who the members are, in the slots that this process executes now.
    pub fn members(&self) -> Membership {
        self.members.borrow().0
    }

    /// Who was removed, as far as this process has executed: for ever, and perhaps a few slots before it is in force.
    pub fn removed(&self) -> NodeSet {
        self.members.borrow().1
    }

    /// Waits until the status is as wished.
    ///
    /// # Errors
    /// [`Stopped`] if the process stops before.
    pub async fn until(&self, mut wish: impl FnMut(&Status) -> bool) -> Result<Status, Stopped> {
        let mut status = self.status.clone();
        let found = status.wait_for(|status| wish(status)).await.map_err(|_| Stopped)?;
        Ok(*found)
    }

    /// Waits until the process has stopped.
    ///
    /// # Errors
    /// What brought it down; none if it was told to stop.
    pub async fn stopped(&self) -> Result<(), HostError> {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Ok(())),
            Err(_) => Err(HostError::Panicked),
        }
    }
}

impl<P: Protocol, S: StateMachine> Clone for Replicated<P, S> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            requests: self.requests.clone(),
            status: self.status.clone(),
            members: self.members.clone(),
            end: self.end.clone(),
            patience: self.patience,
        }
    }
}

impl<P: Protocol, S: StateMachine> fmt::Debug for Replicated<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicated")
            .field("id", &self.id)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
