//! Mistakes made on purpose, each of which breaks a law: those of `docs/verification.md`, and a disk that lies.

use paxos_transport::sim::Law;

/// A mistake that a scenario shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Disks lose records that they reported as written, when their process crashes.
    LyingDisk,
    /// Fast quorums are three quarters of the acceptors, rounded down.
    RoundedDown,
    /// Every process of Fast Paxos makes this mistake. The other variants do not have it.
    FastPaxos(fast_paxos::Mistake),
}

/// The claim that the invariants of the simulator leave out, because it is about what happens in the end.
pub(super) const DECIDED: Law = Law {
    name: "every_command_is_decided",
    says: "every command is decided within 5 s while all processes are up and all links work",
    source: "Fast Paxos §2.1, liveness; docs/verification.md",
};
