//! Carriers, storage, the host loop and the simulator that drive nodes of any variant.

mod local;
pub mod sim;

pub use local::LocalCluster;
