//! What callers are told about commands and changes of members, under all kinds of faults.

mod changes;
mod sessions;
