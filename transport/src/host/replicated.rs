//! The handle to a running member.

mod patience;

use super::reads::{Query, Read, Seen};
use super::waiters::{ChangeWaiter, Waiter};
use super::{Host, HostError, ProposeError, ReadFailure, Stages, Stopped, TraceOut};
use crate::carrier::Transport;
use crate::storage::Storage;
use core::time::Duration;
use patience::Patience;
use paxos_core::{
    Change, Consistency, Executed, Membership, NodeId, NodeSet, Overloaded, Protocol, Setup, StateMachine,
    Status, StillNeeded, Surroundings, Untransferable,
};
use std::fmt;
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
pub struct HostStatus {
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
    Read(Consistency, Box<dyn Query<S>>),
    Change(Change, ChangeWaiter),
    ForceChange(Change, ChangeWaiter),
    Transfer(NodeId, oneshot::Sender<Result<(), Untransferable>>),
    Status(oneshot::Sender<HostStatus>),
    MayStop(NodeId, oneshot::Sender<Result<(), StillNeeded>>),
    Stop,
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
    /// [`HostError::Storage`] if the store cannot be read, or not be written: each start is counted there;
    /// [`HostError::Exhausted`] if its content is impossible,
    /// [`HostError::Restore`] if `machine` cannot take over its snapshot, [`HostError::Carrier`] if `transport` cannot
    /// carry messages as long as the configuration allows, [`HostError::Lease`] if leases are not shorter than the
    /// election timeout.
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
    /// up the answer; the command may still take effect unless the process has not taken it yet.
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
    /// it is not a member or was removed from the cluster (and the read is linearizable), it does not run, or no answer
    /// came in time.
    pub async fn read<T, F>(&self, consistency: Consistency, read: F) -> Result<Seen<T>, ReadFailure>
    where
        T: Send + 'static,
        F: FnOnce(&S) -> T + Send + 'static,
    {
        if consistency.is_linearizable() && self.is_outside() {
            return Err(ReadFailure::Outside);
        }
        let (sender, answer) = oneshot::channel();
        let query = Box::new(Read { read, sender });
        let asked = async {
            self.requests.send(Ask::Read(consistency, query)).await.map_err(|_| Stopped)?;
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
    pub async fn host_status(&self) -> Result<HostStatus, Stopped> {
        let (sender, answer) = oneshot::channel();
        self.requests.send(Ask::Status(sender)).await.map_err(|_| Stopped)?;
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

    /// Whether it learns what the members decide, and neither is nor was one of them, as far as it has executed. They
    /// would ignore its questions about the log.
    fn is_outside(&self) -> bool {
        let (members, removed) = *self.members.borrow();
        self.status.borrow().plays.learner && !members.servers().union(removed).contains(self.id)
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
