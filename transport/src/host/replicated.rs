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

/// A replicated state machine: the handle to one process of its cluster, which runs in its own task. Clones are handles
/// to the same process; it stops when the last of them is dropped.
///
/// Any process takes any command, even a process without a role: it finds the leader and follows a new one, so callers
/// are never told to go elsewhere.
pub struct Replicated<P: Protocol, S: StateMachine> {
    id: NodeId,
    pub(super) requests: mpsc::Sender<Ask<P, S>>,
    status: watch::Receiver<Status>,
    members: watch::Receiver<(Membership, NodeSet)>,
    end: watch::Receiver<Option<Result<(), HostError>>>,
    pub(super) patience: Patience,
}

/// What a process reports to operators besides its [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What the process knows about the others and about its own store.
    pub surroundings: Surroundings,
    /// How many writes its store has made durable since the start.
    pub writes: u64,
    /// The total time of those writes.
    pub writing: Duration,
    /// How long the write under way has taken so far; `None` if there is none.
    pub stalled: Option<Duration>,
    /// Where this process's own commands spend their time.
    pub stages: Stages,
}

/// The requests of a handle to the host.
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
    /// ([`paxos_core::Patience::Report`]), too many wait at the leader. The command was not taken and will not take
    /// effect.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// This process does not lead; the process named here may. Only clients that report refusals return this
    /// ([`paxos_core::Patience::Report`]). The command was not taken and will not take effect.
    #[error("{}", Unanswered::NotLeader(*leader))]
    NotLeader {
        /// The leader, as far as this process knows.
        leader: Option<NodeId>,
    },
    /// The process stopped before it knew the outcome, gave up waiting ([`paxos_core::Timeouts::give_up`]), or hangs in
    /// its store. The command may have taken effect, or may do so later.
    #[error(
        "the process stopped or gave up before the command was answered: check whether it took effect before you \
         repeat it"
    )]
    OutcomeUnknown,
    /// The session of the process's client expired because none of its commands was agreed on for too long
    /// ([`paxos_core::Limits::idle`]). The command may have taken effect; if not, it never will. The next command
    /// starts a new session.
    #[error("the client's session had expired: check whether the command took effect before you repeat it")]
    SessionExpired,
    /// The command was executed once, in this slot, but its answer was lost on the way and is not kept
    /// ([`paxos_core::Limits::reply_bytes`]).
    #[error("{}", Unanswered::AnswerNotKept(*slot))]
    AnswerNotKept {
        /// The slot in which it was executed.
        slot: Slot,
    },
    /// No message can carry the command ([`Transport::longest_message`]). It was not taken and will not take effect.
    #[error(
        "the command has {bytes} bytes, and the carrier takes messages of up to {longest} bytes: propose smaller ones, or raise \
         the carrier's limit on every process"
    )]
    TooLarge {
        /// The size of the command ([`paxos_core::Value::bytes`]).
        bytes: usize,
        /// The longest message that the carrier carries, in bytes.
        longest: usize,
    },
    /// The process had already stopped. The command was not taken and will not take effect.
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
            // Whatever other outcomes are added later, nothing is known about the command.
            Unanswered::OutcomeUnknown | _ => Self::OutcomeUnknown,
        }
    }
}

/// Why a read was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFailure {
    /// The process refuses the read.
    #[error(transparent)]
    Refused(#[from] ReadError),
    /// The process stopped before the read or during it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The read was not answered for [`paxos_core::Timeouts::give_up`]. It changed nothing.
    #[error(
        "the read was not answered in time: too few members can be reached, or this process's store hangs; try again, or \
         read at another member"
    )]
    TimedOut,
}

/// The process has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this process has stopped: ask another member, or restart it")]
pub struct Stopped;

/// The error that stopped a process. Unless stated below, the process may be restarted from its store.
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
    /// The store holds the last ballot of all, which no cluster reaches.
    #[error(
        "the store holds ballot {0}, after which no leader could be elected: restore an earlier copy, or replace \
         the process with a new member"
    )]
    Exhausted(Ballot),
    /// The other members know that this process has forgotten promises: its disk is not the one that it had. It must
    /// not be restarted from this store.
    #[error("the other members do not believe this process any more: {0}")]
    Forgot(Amnesia),
    /// The carrier cannot carry messages as long as the limits allow; they would never arrive.
    #[error(
        "messages may have up to {needed} bytes (`Limits::longest_message`), and the carrier takes up to {longest}: raise the \
         carrier's limit, or lower `Limits::batch_bytes`, `batch` or `chunk`, on every process"
    )]
    Carrier {
        /// The longest message that the configuration allows, in bytes.
        needed: usize,
        /// The longest message that the carrier carries.
        longest: usize,
    },
    /// The process was stopped during a write, and the disk did not answer for seconds. As after a crash, the data
    /// being written may or may not be stored. The store may still be in use.
    #[error(
        "the disk does not answer: the store is free when it does, or when the operating system's process has ended"
    )]
    Hung,
    /// The operating system provides no random numbers.
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
    /// Starts the process `setup.id` in a task of the current tokio runtime. If it ran before, it starts from its
    /// store.
    ///
    /// `machine` must be in its initial state. It is brought up to date from a snapshot, if its state can be written
    /// down ([`StateMachine::snapshot`]), and by executing what was chosen. It runs on the task that also serves the
    /// protocol, so it must not block; a machine that has to wait for other systems passes that work on to a task of
    /// its own.
    ///
    /// # Errors
    /// [`HostError::Storage`] if the store cannot be read, [`HostError::Exhausted`] if its content is impossible,
    /// [`HostError::Restore`] if `machine` cannot take over its snapshot, [`HostError::Carrier`] if `transport` cannot
    /// carry messages as long as the configuration allows.
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

    /// As [`Replicated::start`], but also writes the protocol steps to `trace`, if there is one.
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
            // The host has been dropped by now, so its store and its place in the network are free.
            ended.send_replace(Some(result));
        };
        // The span makes each log line name its process.
        tokio::spawn(running.instrument(tracing::error_span!("process", %id)));
        Ok(Self { id, requests, status, members, end, patience })
    }

    /// Gets `command` agreed on and executed, once, in at most [`paxos_core::Timeouts::give_up`] and a quarter of it
    /// (12.5 s by default), and returns the reply of its execution, here or elsewhere.
    ///
    /// A process that reaches too few acceptors gives up after `give_up`; the additional quarter is for a process that
    /// hangs in its store. If `give_up` is `None`, the call waits for as long as this lasts. Dropping the future gives
    /// up the answer but not the command, which may still take effect.
    ///
    /// # Errors
    /// [`ProposeError`], which says whether the command may still take effect.
    pub async fn propose(&self, command: P::Value) -> Result<P::Reply, ProposeError> {
        Ok(self.append(command).await?.reply)
    }

    /// As [`Replicated::propose`], but also returns the slot in which the command was executed.
    ///
    /// # Errors
    /// As [`Replicated::propose`].
    pub async fn append(&self, command: P::Value) -> Result<Executed<P::Reply>, ProposeError> {
        let (waiter, answer) = Waiter::new();
        self.ask(Ask::Propose(command, waiter))?;
        let answered = self.patience.with_margin(answer).await.map_err(|_| ProposeError::OutcomeUnknown)?;
        answered.map_err(|_| ProposeError::OutcomeUnknown)?
    }

    /// Looks at the state of this process's replica when it is as recent as `consistency` requires, and returns how
    /// recent it was. Waits for at most [`paxos_core::Timeouts::give_up`] (10 s by default).
    ///
    /// A read writes nothing to the log. `read` runs on the task that serves the protocol, so it must not block. If
    /// `give_up` is `None`, the call waits for as long as too few acceptors can be reached. Dropping the future cancels
    /// the read.
    ///
    /// # Errors
    /// [`ReadFailure`]: too many reads wait, the process executes nothing (a client must propose a command that reads),
    /// it was removed from the cluster (and the read is linearizable), it does not run, or no answer came in time.
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

    /// Stops the process at once, and returns when its store and its place in the network are free. Unanswered commands
    /// have an unknown outcome.
    ///
    /// # Errors
    /// The error that stopped it, if it stopped by itself; [`HostError::Hung`] if the store did not finish a write in
    /// time.
    pub async fn shutdown(&self) -> Result<(), HostError> {
        // Sending fails only if the process has already stopped.
        drop(self.requests.send(Ask::Stop).await);
        self.stopped().await
    }
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Sends a request to the host, if its queue has room.
    pub(super) fn ask(&self, ask: Ask<P, S>) -> Result<(), ProposeError> {
        self.requests.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Overloaded::Requests(self.requests.max_capacity() as u64).into()
            }
            mpsc::error::TrySendError::Closed(_) => Stopped.into(),
        })
    }

    /// Sends the request that `ask` makes and returns the host's answer, or `late` if the host does not turn.
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

    /// The leader, as far as this process knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.status().leader
    }

    /// What the process knows about itself; if it has stopped, the last such status.
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// Returns what the process knows about the others and about its own disk.
    ///
    /// # Errors
    /// [`Stopped`] if the process does not run.
    pub async fn outlook(&self) -> Result<Outlook, Stopped> {
        let (sender, answer) = oneshot::channel();
        self.requests.send(Ask::Look(sender)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// The members in the slot that this process executes next.
    pub fn members(&self) -> Membership {
        self.members.borrow().0
    }

    /// The processes that were removed for ever, as far as this process has executed; a removal may take effect a few
    /// slots later.
    pub fn removed(&self) -> NodeSet {
        self.members.borrow().1
    }

    /// Waits until the status satisfies `wish`.
    ///
    /// # Errors
    /// [`Stopped`] if the process stops first.
    pub async fn until(&self, mut wish: impl FnMut(&Status) -> bool) -> Result<Status, Stopped> {
        let mut status = self.status.clone();
        let found = status.wait_for(|status| wish(status)).await.map_err(|_| Stopped)?;
        Ok(*found)
    }

    /// Waits until the process has stopped.
    ///
    /// # Errors
    /// The error that stopped it; none if it was told to stop.
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
