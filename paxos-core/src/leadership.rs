//! The election of a leader, and the processes that still answer it.

mod contact;
mod election;
mod elections;

pub use contact::Contact;
pub use election::Election;
pub use elections::Elections;
