//! The roles in isolation, and the node that lets them send.

pub mod acceptor;
pub mod learner;
pub mod node;
pub mod proposer;
mod stage;
pub mod strangers;
