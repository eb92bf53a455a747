//! The interface to the replicated store, for all variants.

use crate::kv::{Command, Replies, Store};
use async_trait::async_trait;
use paxos_core::{Change, Consistency, Executed, Membership, NodeId, NodeSet, Protocol, Slot, Status};
use paxos_transport::{
    ChangeError, HostError, HostStatus, LeaveError, ProposeError, ReadFailure, Replicated, Stopped,
    TransferError,
};

/// A function that reads the store once.
pub type Query = Box<dyn FnOnce(&Store) + Send>;

/// One process of a cluster that replicates a [`Store`].
#[async_trait]
pub trait Member: Send + Sync + 'static {
    /// The id of the process.
    fn id(&self) -> NodeId;
    /// The status of the process.
    fn status(&self) -> Status;
    /// What the process knows about the others. This waits for a turn of the member.
    async fn host_status(&self) -> Result<HostStatus, Stopped> {
        Ok(HostStatus::default())
    }
    /// The current members.
    fn members(&self) -> Membership;
    /// The processes that were removed.
    fn removed(&self) -> NodeSet;
    /// Same as [`Replicated::append`].
    async fn append(&self, command: Command) -> Result<Executed<Replies>, ProposeError>;
    /// Same as [`Replicated::read`].
    async fn query(&self, consistency: Consistency, query: Query) -> Result<(), ReadFailure>;
    /// Same as [`Replicated::transfer`].
    async fn transfer(&self, to: NodeId) -> Result<(), TransferError>;
    /// Same as [`Replicated::change`].
    async fn change(&self, change: Change) -> Result<Slot, ChangeError>;
    /// Same as [`Replicated::force_change`].
    async fn force_change(&self, change: Change) -> Result<Slot, ChangeError>;
    /// Same as [`Replicated::may_stop`].
    async fn may_stop(&self, id: NodeId) -> Result<(), LeaveError>;
    /// Same as [`Replicated::stopped`].
    async fn stopped(&self) -> Result<(), HostError>;
    /// Same as [`Replicated::shutdown`].
    async fn shutdown(&self) -> Result<(), HostError>;
}

#[async_trait]
impl<P> Member for Replicated<P, Store>
where
    P: Protocol<Value = Command, Reply = Replies>,
{
    fn id(&self) -> NodeId {
        Self::id(self)
    }

    fn status(&self) -> Status {
        Self::status(self)
    }

    async fn host_status(&self) -> Result<HostStatus, Stopped> {
        Self::host_status(self).await
    }

    fn members(&self) -> Membership {
        Self::members(self)
    }

    fn removed(&self) -> NodeSet {
        Self::removed(self)
    }

    async fn append(&self, command: Command) -> Result<Executed<Replies>, ProposeError> {
        Self::append(self, command).await
    }

    async fn query(&self, consistency: Consistency, query: Query) -> Result<(), ReadFailure> {
        self.read(consistency, |store| query(store)).await.map(|seen| seen.value)
    }

    async fn transfer(&self, to: NodeId) -> Result<(), TransferError> {
        Self::transfer(self, to).await
    }

    async fn change(&self, change: Change) -> Result<Slot, ChangeError> {
        Self::change(self, change).await
    }

    async fn force_change(&self, change: Change) -> Result<Slot, ChangeError> {
        Self::force_change(self, change).await
    }

    async fn may_stop(&self, id: NodeId) -> Result<(), LeaveError> {
        Self::may_stop(self, id).await
    }

    async fn stopped(&self) -> Result<(), HostError> {
        Self::stopped(self).await
    }

    async fn shutdown(&self) -> Result<(), HostError> {
        Self::shutdown(self).await
    }
}
