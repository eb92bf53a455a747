//! Predictions of messages, delays and latencies.
//!
//! The predictions are exact and were written down before anything was measured. If a run of the protocols gives
//! another number, there is a bug in the protocol, in the counting or here.
//!
//! The rules of counting:
//!
//! - A **message** is one send between two distinct processes. A message of a process to itself costs no message
//!   and no delay. The client is a process of its own: its request and exactly one reply are counted.
//!   Heartbeats are not counted.
//! - A **delay** is one hop: every link takes 1, every computation 0.
//! - Proposals go to all acceptors, all acceptors answer, and nothing is lost (but see [`Case::thrifty`]).
//!
//! [`predict`] has the table of all runs, and [`Case`] adds possible savings. The other predictions are
//! [`quorum`](majority) sizes, [the chance of a collision](collision_probability) and [latency over a wide
//! area](wide_area_latency).

pub mod matrix;
mod quorum;
mod savings;
#[cfg(test)]
mod tests;
mod wide_area;

use std::fmt;

use clap::ValueEnum;

pub use quorum::{
    Quorums, collision_probability, fast_flexible_quorum, fast_quorum, fast_quorums_intersect, majority,
    uniform_fast_quorum,
};
pub use savings::Saving;
pub use wide_area::{FIVE_SITES, WideArea, WideAreaLatency, wide_area_latency};

/// Which process plays which roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Layout {
    /// The client, the only proposer (the leader), the acceptors and the learners are distinct processes.
    Separate,
    /// Each of `n` servers is proposer, acceptor and learner; the leader is one of them. The client is a separate
    /// process.
    Collapsed,
}

/// Which processes hear the acceptors' votes (phase 2b).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Learning {
    /// Every learner.
    Everyone,
    /// Only the leader, as the distinguished learner. It then tells the learners (`Decide`).
    Distinguished,
}

/// How Fast Paxos recovers from a collision: of two clients, half of the acceptors hear one first, and half the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Recovery {
    /// The coordinator reads the votes as promises for the next round, and proposes in it at once.
    Coordinated,
    /// Each acceptor reads the others' votes as promises for the next round, which is fast too, and votes in
    /// it at once.
    Uncoordinated,
    /// The coordinator starts a new classic round, with both phases.
    Classic,
}

/// How one command is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Run {
    /// Basic Paxos: both phases. (Collapsed with a distinguished learner, it is called Simple Paxos.)
    Basic,
    /// Multi-Paxos, the first decision of a leader: both phases.
    MultiFirst,
    /// Multi-Paxos, every later decision: phase 2 only.
    MultiSteady,
    /// Fast Paxos, one client at a time, which sends its command to the acceptors directly.
    Fast,
    /// Fast Paxos, two clients at a time, until the first of the two commands is decided and answered once.
    FastCollision(Recovery),
}

/// The cost of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// All messages, including the client's request and one reply.
    pub messages: u64,
    /// Delays from the client's request until the first learner knows the value. With a distinguished learner,
    /// the first learner is the leader.
    pub learn_first: u64,
    /// Delays from the client's request until the last learner knows the value.
    pub learn_last: u64,
    /// Delays from the client's request until the client has its answer.
    pub reply: u64,
}

/// The subject of a prediction: a run in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// How the command is decided.
    pub run: Run,
    /// Which process plays which roles.
    pub layout: Layout,
    /// Which processes hear the votes.
    pub learning: Learning,
    /// The number of acceptors, `n`; when collapsed, of servers.
    pub acceptors: usize,
    /// The number of learners, `L`. When collapsed it is ignored, because every server is a learner.
    pub learners: usize,
}

/// Predicts the messages and delays of one decision. Classic quorums are majorities, and fast quorums have the
/// size [`fast_quorum`].
///
/// | run | separate | collapsed | learn | reply |
/// |---|---|---|---|---|
/// | Basic, everyone | 3n + nL + 2 | (n−1)(n+3) + 2 | 5 ¹ | 6 |
/// | Basic, distinguished | 4n + L + 2 | 5(n−1) + 2 | 5/6 | 6 |
/// | Multi, first decision | as Basic | as Basic | | |
/// | Multi, steady state, everyone | n + nL + 2 | n² + 1 | 3 ¹ | 4 |
/// | Multi, steady state, distinguished | 2n + L + 2 | 3(n−1) + 2 | 3/4 | 4 |
/// | Fast, everyone | n + nL + 1 | n² + 1 | 2 | 3 |
/// | Fast, distinguished | 2n + L + 1 | 3n − 1 | 2/3 | 3 |
/// | Fast, collision, coordinated, everyone | 5n + 2nL + 1 | 2n² + n | 4 ¹ | 5 |
/// | Fast, collision, coordinated, distinguished | 5n + L + 1 | 6n − 3 | 4/5 | 5 |
/// | Fast, collision, uncoordinated, everyone | 2n² + 2nL + 1 | 2n² + 1 | 3 | 4 |
/// | Fast, collision, new classic round, everyone | 7n + 2nL + 1 | 2n² + 3n − 2 | 6 ¹ | 7 |
/// | Fast, collision, new classic round, distinguished | 7n + L + 1 | 8n − 5 | 6/7 | 7 |
///
/// `a/b` means that the leader learns after `a` delays and tells the others, which learn after `b`. In the
/// separate rows with a collision where everyone hears the votes, the acceptors also send each vote to the
/// coordinator; in the uncoordinated row, they send it to each other.
///
/// ¹ **Collapsed, with 2 or 3 servers, the followers learn one delay earlier than the leader** in a classic
/// round. The leader votes at the moment when it sends phase 2a, so its vote and phase 2a reach a follower
/// together, and the follower votes at that moment. The follower then knows two votes, its own and the leader's,
/// before any other vote arrives. Two are a majority of 2 and of 3. The leader knows only its own vote until the
/// first answer arrives, one delay later. The leader sends the reply, so the reply is not earlier. From 4 servers
/// on, a majority has 3 members, and the third vote, cast by another follower at the same moment, takes one more
/// delay to the leader and to each follower, so all learn together. A round that recovers from a collision is
/// classic when a coordinator proposes in it, and then the same holds. In a fast round, a follower knows only its
/// own vote until the others' votes arrive, and 3 servers need 3 votes. With flexible quorums, the size of the
/// phase 2 quorum decides: the rule is "at most two" for every `n`.
///
/// With one collapsed server, the request and the reply are the only messages: the server learns after 1 delay,
/// and the reply arrives after 2.
///
/// Returns `None` if there is no acceptor or (separate) no learner, and for a collision with one acceptor. Also for
/// uncoordinated recovery with a distinguished learner, where acceptors would hear all votes, and no learner would.
///
/// ```
/// use paxos_bench::theory::{Layout, Learning, Run, predict};
///
/// let simple = predict(Run::Basic, Layout::Collapsed, Learning::Distinguished, 5, 0).unwrap();
/// assert_eq!((simple.messages, simple.learn_first, simple.learn_last, simple.reply), (22, 5, 6, 6));
/// ```
pub fn predict(run: Run, layout: Layout, learning: Learning, n: usize, l: usize) -> Option<Prediction> {
    Case { run, layout, learning, acceptors: n, learners: l }.predict()
}

impl Case {
    /// Predicts the messages and delays of one decision when every acceptor is asked: see [`predict`].
    pub fn predict(self) -> Option<Prediction> {
        self.predict_beside(majority(self.acceptors))
    }

    /// As [`Case::predict`], if the smallest phase 2 quorum with the leader in it has `classic_quorum` members.
    pub fn predict_beside(self, classic_quorum: usize) -> Option<Prediction> {
        self.exists().then_some(())?;
        Some(self.after_delays(self.messages()?, classic_quorum))
    }

    fn exists(self) -> bool {
        let learners = self.learners > 0 || self.layout == Layout::Collapsed;
        // A single acceptor hears one client first, and its vote decides.
        let collides = self.acceptors > 1 || !matches!(self.run, Run::FastCollision(_));
        self.acceptors > 0 && learners && collides
    }

    /// The number of messages, from the table of [`predict`] row by row.
    #[expect(clippy::match_same_arms, reason = "one line for each row, also where two rows agree")]
    fn messages(self) -> Option<u64> {
        use Layout::{Collapsed, Separate};
        use Learning::{Distinguished, Everyone};
        use Recovery::{Classic, Coordinated, Uncoordinated};
        use Run::{Basic, Fast, FastCollision, MultiFirst, MultiSteady};

        let (n, l) = (self.acceptors as u64, self.learners as u64);
        Some(match (self.run, self.layout, self.learning) {
            (Basic | MultiFirst, Separate, Everyone) => 3 * n + n * l + 2,
            (Basic | MultiFirst, Collapsed, Everyone) => (n - 1) * (n + 3) + 2,
            (Basic | MultiFirst, Separate, Distinguished) => 4 * n + l + 2,
            (Basic | MultiFirst, Collapsed, Distinguished) => 5 * (n - 1) + 2,

            (MultiSteady, Separate, Everyone) => n + n * l + 2,
            (MultiSteady, Collapsed, Everyone) => n * n + 1,
            (MultiSteady, Separate, Distinguished) => 2 * n + l + 2,
            (MultiSteady, Collapsed, Distinguished) => 3 * (n - 1) + 2,

            (Fast, Separate, Everyone) => n + n * l + 1,
            (Fast, Collapsed, Everyone) => n * n + 1,
            (Fast, Separate, Distinguished) => 2 * n + l + 1,
            (Fast, Collapsed, Distinguished) => 3 * n - 1,

            (FastCollision(Coordinated), Separate, Everyone) => 5 * n + 2 * n * l + 1,
            (FastCollision(Coordinated), Collapsed, Everyone) => 2 * n * n + n,
            (FastCollision(Coordinated), Separate, Distinguished) => 5 * n + l + 1,
            (FastCollision(Coordinated), Collapsed, Distinguished) => 6 * n - 3,

            (FastCollision(Uncoordinated), Separate, Everyone) => 2 * n * n + 2 * n * l + 1,
            (FastCollision(Uncoordinated), Collapsed, Everyone) => 2 * n * n + 1,
            (FastCollision(Uncoordinated), Separate | Collapsed, Distinguished) => return None,

            (FastCollision(Classic), Separate, Everyone) => 7 * n + 2 * n * l + 1,
            (FastCollision(Classic), Collapsed, Everyone) => 2 * n * n + 3 * n - 2,
            (FastCollision(Classic), Separate, Distinguished) => 7 * n + l + 1,
            (FastCollision(Classic), Collapsed, Distinguished) => 8 * n - 5,
        })
    }

    /// The prediction with this number of messages. The delays do not depend on it.
    fn after_delays(self, messages: u64, classic_quorum: usize) -> Prediction {
        let collapsed = self.layout == Layout::Collapsed;
        if collapsed && self.acceptors == 1 {
            return Prediction { messages, learn_first: 1, learn_last: 1, reply: 2 };
        }
        let learn = self.run.delays_until_a_quorum_is_heard();
        let (early, late) = match self.learning {
            Learning::Everyone => {
                (u64::from(collapsed && self.run.ends_in_a_classic_round() && classic_quorum <= 2), 0)
            }
            Learning::Distinguished => (0, 1),
        };
        Prediction { messages, learn_first: learn - early, learn_last: learn + late, reply: learn + 1 }
    }
}

impl Run {
    /// The column "learn": the number of consecutive messages from the client's request to a quorum's votes,
    /// both included.
    fn delays_until_a_quorum_is_heard(self) -> u64 {
        let ways: &[&str] = match self {
            Self::Basic | Self::MultiFirst => &["request", "1a", "1b", "2a", "2b"],
            Self::MultiSteady => &["request", "2a", "2b"],
            Self::Fast => &["request", "2b"],
            Self::FastCollision(Recovery::Coordinated) => &["request", "2b", "2a", "2b"],
            Self::FastCollision(Recovery::Uncoordinated) => &["request", "2b", "2b"],
            Self::FastCollision(Recovery::Classic) => &["request", "2b", "1a", "1b", "2a", "2b"],
        };
        ways.len() as u64
    }

    /// Whether the value is chosen in a round in which the leader proposes it, and not in a fast round.
    fn ends_in_a_classic_round(self) -> bool {
        match self {
            Self::Fast | Self::FastCollision(Recovery::Uncoordinated) => false,
            Self::Basic | Self::MultiFirst | Self::MultiSteady | Self::FastCollision(_) => true,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Separate => "separate",
            Self::Collapsed => "collapsed",
        })
    }
}

impl From<Learning> for paxos_core::Learning {
    fn from(learning: Learning) -> Self {
        match learning {
            Learning::Everyone => Self::Everyone,
            Learning::Distinguished => Self::Distinguished,
        }
    }
}

impl fmt::Display for Learning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everyone => "everyone",
            Self::Distinguished => "distinguished",
        })
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coordinated => "coordinated",
            Self::Uncoordinated => "uncoordinated",
            Self::Classic => "classic",
        })
    }
}
