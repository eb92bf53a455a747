//! The roles by themselves, and the node that lets them speak.

pub mod acceptor;
pub mod learner;
pub mod node;
pub mod proposer;
mod stage;
pub mod strangers;
