//! The handle to a running member.

use super::Host;
use super::waiters::Waiter;
use crate::carrier::{Transport, TransportError};
use crate::storage::{Storage, StorageError};
use paxos_core::{NodeId, Overloaded, Protocol, RestoreError, Setup, Slot, StateMachine};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// A state machine that is replicated: the handle to one process of its cluster, which runs in a task of its own.
/// Clones are handles to the same process; it stops when the last of them is dropped.
///
/// Any process takes any command, also one that plays no role: it finds the leader and follows it when it
/// changes, so that no caller has to be told to go elsewhere.
pub struct Replicated<P: Protocol, S: StateMachine> {
    id: NodeId,
    requests: mpsc::Sender<Ask<P, S>>,
    status: watch::Receiver<Status>,
    end: watch::Receiver<Option<Result<(), HostError>>>,
}

/// What a handle asks of the host.
pub(super) enum Ask<P: Protocol, S> {
    Propose(P::Value, Waiter<P::Reply>),
    Read(Box<dyn FnOnce(&S) + Send>),
    Stop,
}

/// What a process knows about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Who leads, as far as it knows. Where leaders appoint themselves, each proposer names itself.
    pub leader: Option<NodeId>,
    /// Whether it leads itself: it has won phase 1, and knows of no higher ballot.
    pub leads: bool,
    /// The first slot it has not executed.
    pub applied: Slot,
}

/// Why a command was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Too many commands of this process are unanswered. This one was not taken, and will not happen.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The process stopped before it could tell. The command may have happened, or happen yet.
    #[error(
        "the process stopped before the command was answered: look whether it took effect before you repeat it"
    )]
    OutcomeUnknown,
    /// The process had stopped before. The command was not taken, and will not happen.
    #[error(transparent)]
    Stopped(#[from] Stopped),
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
    /// [`HostError::Storage`] if what is stored cannot be read, [`HostError::Restore`] if `machine` cannot take over
    /// the snapshot among it.
    ///
    /// # Panics
    /// Outside of a tokio runtime with timers.
    pub async fn start(
        setup: Setup<P::Options>,
        machine: S,
        transport: Box<dyn Transport<P>>,
        storage: Box<dyn Storage<P>>,
    ) -> Result<Self, HostError> {
        let id = setup.id;
        let (requests, asked) = mpsc::channel(setup.config.limits.session.max(1));
        let (publish, status) = watch::channel(Status::default());
        let (ended, end) = watch::channel(None);
        let host = Host::open(setup, machine, transport, storage, asked, publish).await?;
        tokio::spawn(async move {
            let result = host.run().await;
            // The host is gone by now, so that its store and its place in the network are free.
            ended.send_replace(Some(result));
        });
        Ok(Self { id, requests, status, end })
    }

    /// Gets `command` agreed and executed, once, and returns what executing it here or elsewhere returned.
    ///
    /// It waits for as long as too few acceptors can be reached. Dropping the future gives up the answer, not the
    /// command, which may still take effect.
    ///
    /// # Errors
    /// [`ProposeError`], which says whether the command may take effect nevertheless.
    pub async fn propose(&self, command: P::Value) -> Result<P::Reply, ProposeError> {
        let (waiter, answer) = oneshot::channel();
        self.requests.try_send(Ask::Propose(command, waiter)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Overloaded { limit: self.requests.max_capacity() }.into(),
            mpsc::error::TrySendError::Closed(_) => ProposeError::from(Stopped),
        })?;
        Ok(answer.await.map_err(|_| ProposeError::OutcomeUnknown)??)
    }

    /// Looks at the state as far as this process has executed the log, which may be behind what others were
    /// answered already. For the newest state, propose a command that reads.
    ///
    /// # Errors
    /// [`Stopped`] if the process does not run.
    pub async fn read_local<T, F>(&self, read: F) -> Result<T, Stopped>
    where
        T: Send + 'static,
        F: FnOnce(&S) -> T + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let read = Box::new(move |machine: &S| drop(sender.send(read(machine))));
        self.requests.send(Ask::Read(read)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Stops the process as it stands, and returns when its store and its place in the network are free. What it
    /// has not answered has an unknown outcome.
    ///
    /// # Errors
    /// What stopped it, if it stopped by itself.
    pub async fn shutdown(&self) -> Result<(), HostError> {
        // An error says that it has stopped already.
        drop(self.requests.send(Ask::Stop).await);
        self.stopped().await
    }
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
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
            end: self.end.clone(),
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
