//! What work costs: the time for which a process is busy.

use core::time::Duration;

/// How long a process is busy with what it does; without cost, the default, everything is done at once.
///
/// A process does one thing after the other. What arrives meanwhile waits, and is taken all together when the process is
/// free again, as a host takes all that its carrier has. Then it sends, and each message leaves when it is done with that
/// one: the last of a broadcast leaves last. Clients are processes, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Service {
    /// For each message received.
    pub receive: Duration,
    /// For each message sent to another process.
    pub send: Duration,
    /// For each read answered from the replica.
    pub read: Duration,
}

impl Service {
    /// So long for each message received, and no time for the rest.
    pub const fn receiving(receive: Duration) -> Self {
        Self { receive, send: Duration::ZERO, read: Duration::ZERO }
    }

    /// So long for each message, received or sent, and no time for reads.
    pub const fn each(message: Duration) -> Self {
        Self { receive: message, send: message, read: Duration::ZERO }
    }
}
