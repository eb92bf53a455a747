//! The roles in isolation, and the node that lets them send.

pub mod acceptor;
pub mod elections;
pub mod learner;
pub mod node;
pub mod proposer;
pub(super) mod server;
pub mod stage;
pub mod strangers;
