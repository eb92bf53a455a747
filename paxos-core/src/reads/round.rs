//! The reads of one process, and the questions of others at their leader.

use super::{Consistency, ReadError, ReadId, Readable};
use crate::{Ballot, Config, NodeId, NodeSet, Phase, QuorumSystem, Slot, Time};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

/// A round that was asked this often has heard no answer for a long time.
const OFTEN: u32 = 8;

/// With more rounds than this, those that were asked often join.
const MANY: usize = 64;

/// Reads that ask together. An answer to a question that was asked after all of them had begun answers all of them,
/// even if the question was asked long ago or several times.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Round {
    /// The first of the reads with which it began.
    id: ReadId,
    way: Consistency,
    reads: VecDeque<ReadId>,
    /// When it was last asked. None: it must be asked now.
    asked: Option<Time>,
    /// How often it was asked.
    times: u32,
    /// Whether acceptors have been asked as well since then.
    asked_acceptors: bool,
    /// The end of the votes of each acceptor that answered.
    voted: Vec<(Slot, NodeId)>,
    /// Everything that had happened when the reads began lies below: the lowest such slot reported so far.
    bound: Option<Slot>,
    /// A slot so far ahead that the answer does not count until this process has come nearer.
    beyond: Option<Slot>,
}

/// A round that must be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inquiry {
    pub(crate) id: ReadId,
    pub(crate) way: Consistency,
    /// Whether it was asked before without an answer.
    pub(crate) again: bool,
    /// A slot that it waits for, if one is known from before.
    pub(crate) bound: Option<Slot>,
}

/// A question of another process to this leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) from: NodeId,
    pub(crate) id: ReadId,
    pub(crate) lease: bool,
}

/// A question that waits until a quorum has confirmed that the leader still leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    from: NodeId,
    id: ReadId,
    ballot: Ballot,
    index: Slot,
    /// The last heartbeat before the question. It confirms nothing.
    after: Option<Time>,
}

/// The unanswered reads of a process, and the questions to it as a leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reads {
    session: u32,
    limit: usize,
    patience: Option<Duration>,
    next: u64,
    open: usize,
    fresh: Vec<(ReadId, Consistency)>,
    rounds: VecDeque<Round>,
    /// Whether one of `rounds` must be asked.
    due: bool,
    /// Reads that wait for the slot that they named.
    fixed: BTreeSet<(Slot, ReadId)>,
    pub(crate) questions: Vec<Question>,
    pending: VecDeque<Pending>,
    /// Whether a question was asked for the second time, so that the last heartbeat may be lost.
    pressed: bool,
    /// Reads that will not be answered, until their callers are told.
    ended: VecDeque<ReadId>,
}

impl Reads {
    /// Takes the random number of this start, which names its reads.
    pub(crate) fn draw(&mut self, nonce: u32) {
        self.session = nonce;
    }

    pub(crate) fn new(config: &Config, session: u32) -> Self {
        Self {
            session,
            limit: config.limits.reads,
            patience: config.timeouts.client,
            next: 0,
            open: 0,
            fresh: Vec::new(),
            rounds: VecDeque::new(),
            due: false,
            fixed: BTreeSet::new(),
            questions: Vec::new(),
            pending: VecDeque::new(),
            pressed: false,
            ended: VecDeque::new(),
        }
    }

    /// The number of unanswered reads.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    pub(crate) fn begin(&mut self, consistency: Consistency) -> Result<ReadId, ReadError> {
        if self.open >= self.limit {
            return Err(ReadError::Overloaded { limit: self.limit });
        }
        let id = ReadId { session: self.session, number: self.next };
        self.next += 1;
        self.open += 1;
        match consistency {
            Consistency::Local => _ = self.fixed.insert((Slot(0), id)),
            Consistency::AtLeast(slot) => _ = self.fixed.insert((slot, id)),
            Consistency::Confirmed | Consistency::Lease | Consistency::Quorum => {
                self.fresh.push((id, consistency));
            }
        }
        Ok(id)
    }

    /// Gives up reads, in one walk through all of them. Returns how many of `ids` were open.
    pub(crate) fn cancel(&mut self, ids: &BTreeSet<ReadId>) -> usize {
        let before = self.open;
        self.fresh.retain(|(read, _)| !ids.contains(read));
        self.fixed.retain(|(_, read)| !ids.contains(read));
        for round in &mut self.rounds {
            round.reads.retain(|read| !ids.contains(read));
        }
        self.rounds.retain(|round| !round.reads.is_empty());
        let rounds: usize = self.rounds.iter().map(|round| round.reads.len()).sum();
        self.open = self.fresh.len() + self.fixed.len() + rounds;
        before - self.open
    }

    /// Ends every linearizable read that waits, because no member answers this process any more.
    #[cold]
    pub(crate) fn end_linearizable(&mut self) {
        let asked = self.rounds.drain(..).flat_map(|round| round.reads);
        let before = self.ended.len();
        self.ended.extend(self.fresh.drain(..).map(|(id, _)| id).chain(asked));
        self.open -= self.ended.len() - before;
        self.due = false;
    }

    /// Returns the next read that ended without an answer.
    pub(crate) fn poll_ended(&mut self) -> Option<ReadId> {
        self.ended.pop_front()
    }

    /// Returns the next read that may see the state after all slots below `applied`.
    pub(crate) fn readable(&mut self, applied: Slot) -> Option<Readable> {
        if self.open == 0 {
            return None;
        }
        let id = if let Some((_, id)) = self.fixed.first().filter(|(slot, _)| *slot <= applied).copied() {
            self.fixed.pop_first();
            id
        } else {
            let at = self.rounds.iter().position(|r| r.bound.is_some_and(|bound| bound <= applied))?;
            let round = &mut self.rounds[at];
            let id = round.reads.pop_front()?;
            if round.reads.is_empty() {
                self.rounds.remove(at);
            }
            id
        };
        self.open -= 1;
        Some(Readable { id, applied })
    }

    /// Puts new reads into rounds, one for each way to read, so that reads that arrived together ask together.
    pub(crate) fn gather(&mut self) {
        for (id, way) in self.fresh.drain(..) {
            let new = self.rounds.iter_mut().rev().take_while(|round| round.times == 0);
            if let Some(round) = new.into_iter().find(|round| round.way == way) {
                round.reads.push_back(id);
                continue;
            }
            self.due = true;
            self.rounds.push_back(Round {
                id,
                way,
                reads: VecDeque::from([id]),
                asked: None,
                times: 0,
                asked_acceptors: false,
                voted: Vec::new(),
                bound: None,
                beyond: None,
            });
        }
    }

    /// Returns the next round to ask.
    pub(crate) fn ask(&mut self, now: Time) -> Option<Inquiry> {
        if !self.due {
            return None;
        }
        let Some(round) = self.rounds.iter_mut().find(|round| round.asked.is_none()) else {
            self.due = false;
            return None;
        };
        round.asked = Some(now);
        round.times = round.times.saturating_add(1);
        round.asked_acceptors = false;
        Some(Inquiry {
            id: round.id,
            way: round.way,
            again: round.times > 1,
            bound: round.bound.or(round.beyond),
        })
    }

    /// Makes rounds due again that have had no answer for long, or that wait for a slot that does not come.
    pub(crate) fn on_timeout(&mut self, now: Time) {
        let Some(patience) = self.patience else { return };
        for round in &mut self.rounds {
            if round.asked.is_some_and(|asked| asked.after(patience) <= now) {
                round.asked = None;
                self.due = true;
            }
        }
        if self.due && self.rounds.len() > MANY {
            self.join_due();
        }
    }

    /// Joins the rounds that are to be asked again at this time and have had no answer for long, so that a process without
    /// contact has few. Every question of the youngest one, however old, was asked after the reads of all others had begun.
    /// Younger rounds keep to themselves: answers may take longer than the time until a round is asked again. An answer to a
    /// round that has joined another is ignored, so answers that always take longer than nine of these times come in vain.
    fn join_due(&mut self) {
        let waits = |round: &Round| round.asked.is_none() && round.times >= OFTEN && round.bound.is_none();
        for way in [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum] {
            let Some(youngest) = self.rounds.iter().rposition(|round| round.way == way && waits(round))
            else {
                continue;
            };
            let id = self.rounds[youngest].id;
            let mut older = VecDeque::new();
            self.rounds.retain_mut(|round| {
                let joins = round.way == way && waits(round) && round.id != id;
                if joins {
                    older.append(&mut round.reads);
                }
                !joins
            });
            if let Some(round) = self.rounds.iter_mut().find(|round| round.id == id) {
                older.append(&mut round.reads);
                round.reads = older;
            }
        }
    }

    /// When the next round becomes due again.
    pub(crate) fn deadline(&self) -> Option<Time> {
        if self.rounds.is_empty() {
            return None;
        }
        let patience = self.patience?;
        self.rounds.iter().filter_map(|round| Some(round.asked?.after(patience))).min()
    }

    /// Returns whether the acceptors must still be asked for a round, and notes that they are.
    pub(crate) fn turn_to_acceptors(&mut self, id: ReadId) -> bool {
        let round = self.rounds.iter_mut().find(|round| round.id == id);
        round.is_some_and(|round| !core::mem::replace(&mut round.asked_acceptors, true))
    }

    /// Notes that everything that had happened when a leader was asked lies below `slot`.
    pub(crate) fn on_bound(&mut self, id: ReadId, slot: Slot) {
        if let Some(round) = self.rounds.iter_mut().find(|round| round.id == id) {
            round.bound = Some(round.bound.map_or(slot, |bound| bound.min(slot)));
        }
    }

    /// Notes that an acceptor has voted up to `slot`, which is too far ahead.
    pub(crate) fn on_voted_beyond(&mut self, id: ReadId, slot: Slot) {
        if let Some(round) = self.rounds.iter_mut().find(|round| round.id == id) {
            round.beyond = Some(slot);
        }
    }

    /// Notes that an acceptor has voted in no slot from `slot` on. A value chosen before it was asked has the votes of
    /// a phase 2 quorum, which shares an acceptor with every phase 1 quorum. So it lies below the highest of the slots
    /// that a phase 1 quorum reports. If there are several such quorums, each is right.
    pub(crate) fn on_voted_below(
        &mut self,
        from: NodeId,
        id: ReadId,
        slot: Slot,
        quorums: &dyn QuorumSystem,
    ) -> bool {
        let Some(round) = self.rounds.iter_mut().find(|round| round.id == id) else { return false };
        match round.voted.iter_mut().find(|(_, node)| *node == from) {
            Some((known, _)) => *known = slot.min(*known),
            None => round.voted.push((slot, from)),
        }
        round.voted.sort_unstable();
        let mut answered = NodeSet::EMPTY;
        let bound = round.voted.iter().find_map(|(slot, node)| {
            answered.insert(*node);
            quorums.is_quorum(Phase::One, answered).then_some(*slot)
        });
        if let Some(slot) = bound {
            self.on_bound(id, slot);
        }
        bound.is_some()
    }

    /// Whether there is nothing to ask or answer about reads.
    pub(crate) fn is_quiet(&self) -> bool {
        self.fresh.is_empty() && !self.due && self.questions.is_empty() && self.pending.is_empty()
    }

    /// Notes a question that must be confirmed. Returns whether there was room.
    pub(crate) fn wait_for_quorum(
        &mut self,
        question: &Question,
        ballot: Ballot,
        index: Slot,
        after: Option<Time>,
    ) -> bool {
        let Question { from, id, .. } = *question;
        if self.pending.iter().any(|pending| (pending.from, pending.id) == (from, id)) {
            self.pressed = true;
            return true;
        }
        if self.pending.len() >= self.limit {
            return false;
        }
        self.pending.push_back(Pending { from, id, ballot, index, after });
        true
    }

    /// Returns the next question that is settled: with an index, if a quorum has answered a heartbeat sent after it;
    /// without an index, if the leader has left its ballot.
    pub(crate) fn settle(
        &mut self,
        ballot: Option<Ballot>,
        since: Option<Time>,
    ) -> Option<(NodeId, ReadId, Option<Slot>)> {
        let first = self.pending.front()?;
        let led = ballot == Some(first.ballot);
        // The heartbeats of a ballot start from none, and no two have the same time.
        if led && since <= first.after {
            return None;
        }
        let Pending { from, id, index, .. } = self.pending.pop_front()?;
        Some((from, id, led.then_some(index)))
    }

    /// Whether a heartbeat must be sent for waiting questions. One at a time is enough for all of them.
    pub(crate) fn wants_beat(&mut self, last: Option<Time>, since: Option<Time>) -> bool {
        // While one is in progress, later questions wait for the next one, unless it may have been lost.
        !self.pending.is_empty() && (std::mem::take(&mut self.pressed) || since >= last)
    }
}

#[cfg(test)]
mod tests;
