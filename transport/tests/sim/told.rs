//! What callers are told about commands and changes of members, whatever goes wrong.

mod changes;
mod sessions;
