//! Carriers, storage, the host loop and the simulator that drive nodes of any variant.
//!
//! A replicated service is a state machine and a few lines of code. In this example all members run in one program;
//! [`Replicated::builder`] starts a single member with TCP and a store on disk, [`Replicated::start`] one with a
//! carrier and a store of your choice.
//!
//! ```
#![doc = include_str!("../examples/counter.rs")]
//! ```
//!
//! - [`Replicated`] is the handle to a member that runs in real time. [`Transport`] and [`Storage`] are its ports,
//!   and [`paxos_core::StateMachine`] is the service that it replicates. All three can be chosen at run time.
//! - [`MemoryCluster`] runs all members in one program; [`LocalCluster`] runs them on one thread without a runtime.
//! - [`sim`] runs clusters in virtual time, with faults, from a seed. [`linearize`] checks what clients saw.
//!
//! With the feature `conformance`, `conformance::suite!` gives a new variant the tests that all variants pass.

mod builder;
mod carrier;
#[cfg(feature = "conformance")]
pub mod conformance;
mod host;
mod identity;
pub mod linearize;
mod local;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod sim;
mod storage;
mod uptime;

pub use builder::{Bound, Builder, Prepared, StartError};
pub use carrier::{
    BindError, CarrierStats, MemoryCarrier, MemoryNetwork, PeerStats, Port, Reason, TcpCarrier, TcpHandle,
    TcpLimits, TcpOptions, TlsError, TlsOptions, Transport, TransportError, WIRE_VERSION,
};
pub use host::{
    ChangeError, HostError, HostStatus, LeaveError, MemoryCluster, ProposeError, ReadFailure, Replicated,
    Seen, Stages, Stopped, TraceOut, TransferError,
};
pub use identity::{Identity, Portable, fingerprint, genesis};
pub use local::LocalCluster;
/// The core that all crates share, re-exported for crates that do not depend on it directly.
pub use paxos_core;
pub use paxos_core::{PeerStatus, Status, Surroundings};
pub use storage::{
    DiskStorage, Intake, Kept, MemoryStorage, Saved, Stage, Storage, StorageError, StoreError, StoreReport,
};
pub use uptime::Uptime;
