//! Who leads, and which processes still answer the leader.

mod contact;
mod election;

pub use contact::Contact;
pub use election::{Election, Elections};
