//! Who leads, and who still follows.

mod contact;
mod election;

pub use contact::Contact;
pub use election::{Election, Elections};
