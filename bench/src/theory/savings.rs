//! Savings that a deployment can make on the numbers of the plain table.

use super::{Case, Layout, Learning, Prediction, Quorums, Recovery, Run};

/// The saving of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saving {
    /// Messages.
    pub messages: u64,
    /// Delays until the first learner knows the value, and until the last one does.
    pub learn: u64,
    /// Delays until the client has its answer.
    pub reply: u64,
}

impl Prediction {
    /// The prediction less a saving. Savings add up.
    #[must_use]
    pub fn less(self, saving: Saving) -> Self {
        Self {
            messages: self.messages - saving.messages,
            learn_first: self.learn_first - saving.learn,
            learn_last: self.learn_last - saving.learn,
            reply: self.reply - saving.reply,
        }
    }
}

impl Case {
    /// The saving when the client and the leader are one process: the request, and the leader's reply.
    ///
    /// It is 2 messages, 1 delay of learning and 2 delays of the reply. When roles are separate and everyone
    /// learns, it is one message and one reply delay less: the leader then hears no vote, and the reply still
    /// comes from a learner. Returns `None` for Fast Paxos, whose clients send to the acceptors.
    pub fn client_on_leader(self) -> Option<Saving> {
        match (self.run, self.layout, self.learning) {
            (Run::Fast | Run::FastCollision(_), ..) => None,
            (_, Layout::Separate, Learning::Everyone) => Some(Saving { messages: 1, learn: 1, reply: 1 }),
            _ => Some(Saving { messages: 2, learn: 1, reply: 2 }),
        }
    }

    /// The saving when the leader announces what is chosen in its next phase 2a, and not in a separate `Decide`:
    /// n − 1 messages.
    ///
    /// The delays are those of the table if the next command is waiting when this one is chosen. Otherwise the
    /// followers learn later by as many delays as the next phase 2a leaves later. Returns `None` except for
    /// Multi-Paxos, collapsed, with a distinguished learner: separate learners hear no phase 2a, and when
    /// everyone hears the votes there is no `Decide`.
    pub fn piggybacked_commit(self) -> Option<Saving> {
        match (self.run, self.layout, self.learning) {
            (Run::MultiFirst | Run::MultiSteady, Layout::Collapsed, Learning::Distinguished) => {
                Some(Saving { messages: self.acceptors as u64 - 1, learn: 0, reply: 0 })
            }
            _ => None,
        }
    }

    /// The saving when phase 2a carries the leader's own vote: as many messages as phase 2a has. That is n − 1, or
    /// q − 1 if phase 2a is sent only to a quorum of `asked`.
    ///
    /// No delays are saved, because the vote leaves together with phase 2a in any case. Returns `None` except for
    /// collapsed classic rounds in which everyone learns: elsewhere the leader sends its vote to nobody, or has none.
    pub fn vote_in_accept(self, asked: usize) -> Option<Saving> {
        let carried = self.layout == Layout::Collapsed && self.learning == Learning::Everyone;
        (carried && self.run.ends_in_a_classic_round() && asked > 0).then(|| Saving {
            messages: asked as u64 - 1,
            learn: 0,
            reply: 0,
        })
    }

    /// Predicts the messages and delays of one decision when only a quorum is asked in each phase, and answers
    /// (*thrifty*).
    ///
    /// `c` acceptors are asked in a classic round and `f` in a fast one. When collapsed, the leader is always one
    /// of them:
    ///
    /// | run | separate | collapsed |
    /// |---|---|---|
    /// | Basic and Multi, first decision, everyone | 3c + cL + 2 | 3(c−1) + c(n−1) + 2 |
    /// | Basic and Multi, first decision, distinguished | 4c + L + 2 | 4(c−1) + (n−1) + 2 |
    /// | Multi, steady state, everyone | c + cL + 2 | (c−1) + c(n−1) + 2 |
    /// | Multi, steady state, distinguished | 2c + L + 2 | 2(c−1) + (n−1) + 2 |
    /// | Fast, everyone | f + fL + 1 | f + f(n−1) + 1 |
    /// | Fast, distinguished | 2f + L + 1 | f + (f−1) + (n−1) + 1 |
    /// | Fast, collision, coordinated, everyone | 3f + 2c + (f+c)L + 1 | 2f + (c−1) + (f+c)(n−1) + 1 |
    /// | Fast, collision, coordinated, distinguished | 3f + 2c + L + 1 | 2f + (f−1) + 2(c−1) + (n−1) + 1 |
    /// | Fast, collision, new classic round, everyone | 3f + 4c + (f+c)L + 1 | 2f + 3(c−1) + (f+c)(n−1) + 1 |
    /// | Fast, collision, new classic round, distinguished | 3f + 4c + L + 1 | 2f + (f−1) + 4(c−1) + (n−1) + 1 |
    ///
    /// Votes still go to every learner, and a `Decide` to every other server. The saving is the messages to the
    /// acceptors that are not asked, and their votes. Two clients that collide have asked the same `f` acceptors.
    /// The delays are those of the table, and its remark on quorums of two holds for `c`.
    ///
    /// Returns `None` where [`predict`](super::predict) does, if the quorums do not intersect, and for
    /// uncoordinated recovery: a server that was not asked still hears the votes and may join the next round.
    pub fn thrifty(self, quorums: Quorums) -> Option<Prediction> {
        (self.exists() && quorums.are_safe(self.acceptors)).then_some(())?;
        Some(self.after_delays(self.thrifty_messages(quorums)?, quorums.classic))
    }

    fn thrifty_messages(self, quorums: Quorums) -> Option<u64> {
        use Layout::{Collapsed, Separate};
        use Learning::{Distinguished, Everyone};
        use Recovery::{Classic, Coordinated, Uncoordinated};
        use Run::{Basic, Fast, FastCollision, MultiFirst, MultiSteady};

        let (n, l) = (self.acceptors as u64, self.learners as u64);
        let (c, f) = (quorums.classic as u64, quorums.fast as u64);
        Some(match (self.run, self.layout, self.learning) {
            (Basic | MultiFirst, Separate, Everyone) => 3 * c + c * l + 2,
            (Basic | MultiFirst, Collapsed, Everyone) => 3 * (c - 1) + c * (n - 1) + 2,
            (Basic | MultiFirst, Separate, Distinguished) => 4 * c + l + 2,
            (Basic | MultiFirst, Collapsed, Distinguished) => 4 * (c - 1) + (n - 1) + 2,

            (MultiSteady, Separate, Everyone) => c + c * l + 2,
            (MultiSteady, Collapsed, Everyone) => (c - 1) + c * (n - 1) + 2,
            (MultiSteady, Separate, Distinguished) => 2 * c + l + 2,
            (MultiSteady, Collapsed, Distinguished) => 2 * (c - 1) + (n - 1) + 2,

            (Fast, Separate, Everyone) => f + f * l + 1,
            (Fast, Collapsed, Everyone) => f + f * (n - 1) + 1,
            (Fast, Separate, Distinguished) => 2 * f + l + 1,
            (Fast, Collapsed, Distinguished) => f + (f - 1) + (n - 1) + 1,

            (FastCollision(Coordinated), Separate, Everyone) => 3 * f + 2 * c + (f + c) * l + 1,
            (FastCollision(Coordinated), Collapsed, Everyone) => 2 * f + (c - 1) + (f + c) * (n - 1) + 1,
            (FastCollision(Coordinated), Separate, Distinguished) => 3 * f + 2 * c + l + 1,
            (FastCollision(Coordinated), Collapsed, Distinguished) => {
                2 * f + (f - 1) + 2 * (c - 1) + (n - 1) + 1
            }

            (FastCollision(Classic), Separate, Everyone) => 3 * f + 4 * c + (f + c) * l + 1,
            (FastCollision(Classic), Collapsed, Everyone) => 2 * f + 3 * (c - 1) + (f + c) * (n - 1) + 1,
            (FastCollision(Classic), Separate, Distinguished) => 3 * f + 4 * c + l + 1,
            (FastCollision(Classic), Collapsed, Distinguished) => 2 * f + (f - 1) + 4 * (c - 1) + (n - 1) + 1,

            (FastCollision(Uncoordinated), ..) => return None,
        })
    }
}
