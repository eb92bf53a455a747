//! The reads of one process, and the questions of others at their leader.

use super::{Consistency, ReadError, ReadId, Readable};
use crate::{Ballot, Config, NodeId, NodeSet, Phase, QuorumSystem, Slot, Time};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

/// Reads that ask together. An answer to a question that was asked after all of them had begun answers all of them,
/// even if the question was asked long ago or several times.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Round {
    /// The first of its reads.
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
}

/// A round that must be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inquiry {
    pub(crate) id: ReadId,
    pub(crate) way: Consistency,
    /// Whether it was asked before without an answer.
    pub(crate) again: bool,
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

    /// Gives up a read. Returns whether it was open.
    pub(crate) fn cancel(&mut self, id: ReadId) -> bool {
        let before = self.open;
        self.fresh.retain(|(read, _)| *read != id);
        self.fixed.retain(|(_, read)| *read != id);
        for round in &mut self.rounds {
            round.reads.retain(|read| *read != id);
        }
        self.rounds.retain(|round| !round.reads.is_empty());
        let rounds: usize = self.rounds.iter().map(|round| round.reads.len()).sum();
        self.open = self.fresh.len() + self.fixed.len() + rounds;
        self.open < before
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
        Some(Inquiry { id: round.id, way: round.way, again: round.times > 1 })
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
mod tests {
    use super::*;
    use crate::Counts;

    fn reads() -> (Config, Reads) {
        let config = Config::collapsed(3).expect("acceptors");
        let reads = Reads::new(&config, 0);
        (config, reads)
    }

    fn ask(reads: &mut Reads, now: u64) -> Vec<ReadId> {
        reads.gather();
        std::iter::from_fn(|| reads.ask(Time(now))).map(|inquiry| inquiry.id).collect()
    }

    fn seen(reads: &mut Reads, applied: u64) -> Vec<u64> {
        std::iter::from_fn(|| reads.readable(Slot(applied))).map(|readable| readable.id.number).collect()
    }

    #[test]
    fn reads_that_arrive_together_ask_together_and_later_ones_by_themselves() {
        let (_, mut reads) = reads();
        for way in [Consistency::Confirmed, Consistency::Quorum, Consistency::Confirmed] {
            reads.begin(way).expect("room");
        }
        let together = ask(&mut reads, 0);
        assert_eq!(together.iter().map(|id| id.number).collect::<Vec<_>>(), [0, 1]);
        reads.begin(Consistency::Confirmed).expect("room");
        assert_eq!(ask(&mut reads, 0).len(), 1);
        reads.on_bound(together[0], Slot(5));
        assert_eq!(seen(&mut reads, 4), []);
        assert_eq!((seen(&mut reads, 5), reads.open()), (vec![0, 2], 2));
    }

    #[test]
    fn a_quorum_read_waits_for_the_lowest_end_that_a_phase_1_quorum_names() {
        let (_, mut reads) = reads();
        let quorums = Counts::majority(NodeSet::first(5)).expect("acceptors");
        reads.begin(Consistency::Quorum).expect("room");
        let id = ask(&mut reads, 0)[0];
        // An acceptor does not count twice, whatever it reports.
        let ends = [(0, 3), (0, 1), (1, 9), (1, 9), (2, 4)];
        let bounds = ends.map(|(n, end)| reads.on_voted_below(NodeId(n), id, Slot(end), &quorums));
        assert_eq!(bounds, [false, false, false, false, true]);
        assert_eq!(seen(&mut reads, 8), []);
        assert!(reads.on_voted_below(NodeId(3), id, Slot(5), &quorums));
        assert_eq!(seen(&mut reads, 4), []);
        assert_eq!(seen(&mut reads, 5), [0]);
    }

    #[test]
    fn an_answer_to_another_life_or_another_read_changes_nothing() {
        let (config, mut reads) = reads();
        reads.begin(Consistency::Quorum).expect("room");
        let id = ask(&mut reads, 0)[0];
        for id in [ReadId { session: 1, ..id }, ReadId { number: 1, ..id }] {
            reads.on_bound(id, Slot(0));
            assert!(!reads.on_voted_below(NodeId(0), id, Slot(0), &*config.quorums));
        }
        assert_eq!(seen(&mut reads, 100), []);
    }

    #[test]
    fn what_is_not_answered_is_asked_again_in_due_time_under_the_same_name() {
        let (config, mut reads) = reads();
        reads.begin(Consistency::Lease).expect("room");
        let first = ask(&mut reads, 0);
        let due = reads.deadline().expect("it waits");
        assert_eq!(Some(due.since(Time(0))), config.timeouts.client);
        reads.on_timeout(Time(due.0 - 1));
        assert!(ask(&mut reads, due.0 - 1).is_empty());
        reads.on_timeout(due);
        assert_eq!(ask(&mut reads, due.0), first);
        assert!(reads.cancel(first[0]) && !reads.cancel(first[0]));
        assert_eq!((reads.open(), reads.deadline()), (0, None));
    }

    #[test]
    fn a_removed_process_ends_the_linearizable_reads_and_no_others() {
        let (_, mut reads) = reads();
        let ways = [Consistency::Confirmed, Consistency::Quorum, Consistency::AtLeast(Slot(9))];
        for way in ways {
            reads.begin(way).expect("room");
        }
        ask(&mut reads, 0);
        // The reads before were asked; this one is not asked yet.
        reads.begin(Consistency::Lease).expect("room");
        reads.end_linearizable();
        let mut ended: Vec<_> = std::iter::from_fn(|| reads.poll_ended()).map(|id| id.number).collect();
        ended.sort_unstable();
        assert_eq!((ended, reads.open(), reads.deadline()), (vec![0, 1, 3], 1, None));
        assert_eq!((seen(&mut reads, 9), reads.open()), (vec![2], 0));
    }

    #[test]
    fn only_a_heartbeat_after_the_question_confirms_it() {
        let (_, mut reads) = reads();
        let ballot = Ballot::classic(1, NodeId(0));
        let question = Question { from: NodeId(1), id: ReadId::default(), lease: false };
        assert!(reads.wait_for_quorum(&question, ballot, Slot(7), Some(Time(5))));
        assert_eq!(reads.settle(Some(ballot), Some(Time(5))), None);
        assert!(
            reads.wants_beat(Some(Time(5)), Some(Time(5))) && !reads.wants_beat(Some(Time(6)), Some(Time(5)))
        );
        // The question is repeated, so the heartbeat in progress may be lost.
        assert!(reads.wait_for_quorum(&question, ballot, Slot(8), Some(Time(6))));
        assert!(reads.wants_beat(Some(Time(6)), Some(Time(5))));
        assert_eq!(
            reads.settle(Some(ballot), Some(Time(6))),
            Some((NodeId(1), ReadId::default(), Some(Slot(7))))
        );
        assert!(reads.wait_for_quorum(&question, ballot, Slot(8), Some(Time(6))));
        assert_eq!(reads.settle(None, Some(Time(9))), Some((NodeId(1), ReadId::default(), None)));
    }
}
