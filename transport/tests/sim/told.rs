//! What callers are told of commands and of changes of members, whatever goes wrong meanwhile.

mod changes;
mod sessions;
