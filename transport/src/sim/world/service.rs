//! The cost of work: the time for which a process is busy.

use core::time::Duration;

/// How long a process is busy with its work. By default, work takes no time.
///
/// A process does one thing after the other. Messages that arrive meanwhile wait, and the process handles all of them
/// together when it is free again, as a host takes all that its carrier has. Then it sends, and each message leaves
/// when its own cost is paid, so the last message of a broadcast leaves last. Clients are processes as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Service {
    /// The time for each received message.
    pub receive: Duration,
    /// The time for each message sent to another process.
    pub send: Duration,
    /// The time for each read answered from the replica.
    pub read: Duration,
}

impl Service {
    /// Only receiving a message takes time.
    pub const fn receiving(receive: Duration) -> Self {
        Self { receive, send: Duration::ZERO, read: Duration::ZERO }
    }

    /// Receiving and sending a message take the same time, and reads take none.
    pub const fn each(message: Duration) -> Self {
        Self { receive: message, send: message, read: Duration::ZERO }
    }
}
