//! How elections went.

/// The number of events that a process has had as a candidate and leader, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Elections {
    /// How often it asked the acceptors whether they would follow it.
    pub pre_votes: u64,
    /// How often it asked for a ballot.
    pub campaigns: u64,
    /// How often it won a ballot.
    pub won: u64,
    /// How often it gave up a ballot because no quorum answered.
    pub stepped_down: u64,
}
