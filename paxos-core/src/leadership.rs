//! The election of a leader, and the processes that still answer it.

mod contact;
mod election;

pub use contact::Contact;
pub use election::{Election, Elections};
