//! What the tests start: a cluster of processes, a single member, and an authority for certificates.

pub(crate) mod authority;
pub(crate) mod cluster;
pub(crate) mod single;
