//! What a proposer of a log has before it: commands that wait, and proposals under way.

use crate::{
    Audience, Ballot, Batch, Chosen, CommandId, Entry, Overloaded, Request, Slot, SlotRange, Value, Vote,
    Votes,
};
use std::collections::{BTreeSet, VecDeque};

/// Commands in the order of their arrival, then proposals in the order of their slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pipeline<V> {
    queue: VecDeque<Batch<V>>,
    queued: usize,
    limit: usize,
    /// What is proposed and not known to be chosen.
    in_flight: Votes<V>,
    /// Commands in `queue` may have been chosen from this slot on, in a ballot that was lost.
    requeued: Option<Slot>,
}

impl<V: Value> Pipeline<V> {
    /// An empty one, for at most `limit` waiting commands.
    pub fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), queued: 0, limit, in_flight: Votes::default(), requeued: None }
    }

    /// Takes in a request. When a client asks again, commands that are here already are passed over.
    ///
    /// # Errors
    /// [`Overloaded`] if the queue has no room for all of it.
    pub fn push(&mut self, request: &Request<V>) -> Result<(), Overloaded> {
        let mut commands = request.commands.clone();
        if request.audience == Audience::Anyone {
            commands = commands.iter().filter(|e| !self.holds(e)).cloned().collect();
        }
        if self.queued + commands.len() > self.limit {
            return Err(Overloaded { limit: self.limit });
        }
        if !commands.is_empty() {
            self.queued += commands.len();
            self.queue.push_back(commands);
        }
        Ok(())
    }

    /// Puts commands before all that wait.
    pub fn push_front(&mut self, batch: Batch<V>) {
        if !batch.is_empty() {
            self.queued += batch.len();
            self.queue.push_front(batch);
        }
    }

    /// The next commands, at most `limit`; without a copy if they came together.
    pub fn take(&mut self, limit: usize) -> Option<Batch<V>> {
        if limit == 0 {
            return None;
        }
        let front = self.queue.pop_front()?;
        let batch = if front.len() > limit {
            self.queue.push_front(front.tail(limit as u64));
            front.head(limit as u64)
        } else if self.queue.is_empty() || front.len() == limit {
            front
        } else {
            self.merge(&front, limit)
        };
        self.queued -= batch.len();
        Some(batch)
    }

    #[cold]
    fn merge(&mut self, front: &Batch<V>, limit: usize) -> Batch<V> {
        let mut entries = Vec::with_capacity(limit.min(self.queued));
        entries.extend_from_slice(front);
        while let Some(more) = self.queue.pop_front() {
            let room = limit - entries.len();
            entries.extend_from_slice(&more[..room.min(more.len())]);
            if more.len() > room {
                self.queue.push_front(more.tail(room as u64));
                break;
            }
        }
        entries.into()
    }

    /// How many commands wait.
    pub fn waiting(&self) -> usize {
        self.queued
    }

    /// Notes a proposal.
    pub fn propose(&mut self, ballot: Ballot, first: Slot, batch: &Batch<V>) {
        self.in_flight.note(ballot, first, batch);
    }

    /// The proposals under way, by slot.
    pub fn in_flight(&self) -> impl Iterator<Item = Vote<V>> {
        self.in_flight.within(Slot(0).onwards())
    }

    /// The ballot of the proposal under way in `slot`, if there is one.
    pub fn ballot_at(&self, slot: Slot) -> Option<Ballot> {
        self.in_flight.get(slot).map(|(ballot, _)| ballot)
    }

    /// The first slot with a proposal under way.
    pub fn first_in_flight(&self) -> Option<Slot> {
        self.in_flight.start()
    }

    /// Everything below `slot` is chosen: whether that ends a proposal.
    pub fn settle(&mut self, slot: Slot) -> bool {
        let ends = self.in_flight.start().is_some_and(|start| start < slot);
        if ends {
            self.in_flight.remove_below(slot);
        }
        ends
    }

    /// Whether another value than the one proposed is known to be chosen somewhere, or may be.
    pub fn is_contradicted(&self, chosen: &Chosen<V>) -> bool {
        let Some(start) = self.in_flight.start() else { return false };
        // What a snapshot stands for may be anything.
        if start < chosen.jumped() {
            return true;
        }
        let reach = SlotRange::new(start, chosen.end());
        self.in_flight.overlapping(reach).any(|(range, ours)| {
            chosen.overlapping(range).any(|(part, theirs)| {
                // The very entries that were proposed need no comparison.
                (part != range || !ours.shares(theirs)) && {
                    let both = range.intersection(part);
                    let cut = |b: &Batch<V>, from: Slot| b.tail(both.start.0 - from.0).head(both.len());
                    cut(ours, range.start) != cut(theirs, part.start)
                }
            })
        })
    }

    /// The ballot is lost: what is under way may be chosen or not, so it waits again, before everything else.
    #[cold]
    pub fn requeue(&mut self) {
        let Some(start) = self.in_flight.start() else { return };
        self.requeued = Some(self.requeued.unwrap_or(start).min(start));
        let lost: Vec<Vote<V>> = self.in_flight().collect();
        self.in_flight = Votes::default();
        for vote in lost.into_iter().rev() {
            self.push_front(vote.batch);
        }
    }

    /// Commands that were under way in a lost ballot and turn up after all, among `found` or in the log, need
    /// not be proposed again.
    #[cold]
    pub fn drop_found(&mut self, found: &[Entry<V>], chosen: &Chosen<V>) {
        let Some(from) = self.requeued.take() else { return };
        let mut seen: BTreeSet<CommandId> = found.iter().filter_map(Entry::id).collect();
        for (_, batch) in chosen.within(from.onwards()) {
            seen.extend(batch.iter().filter_map(Entry::id));
        }
        self.drop_all(&seen);
    }

    /// Drops the waiting commands of these names, and no-ops.
    #[cold]
    pub fn drop_all(&mut self, names: &BTreeSet<CommandId>) {
        let kept = |e: &Entry<V>| e.id().is_some_and(|id| !names.contains(&id));
        let left: Batch<V> = self.queue.drain(..).flat_map(|b| b.to_vec()).filter(kept).collect();
        self.queued = 0;
        self.push_front(left);
    }

    /// Gives up all that waits.
    pub fn surrender(&mut self) -> Vec<Batch<V>> {
        self.queued = 0;
        self.requeued = None;
        self.queue.drain(..).collect()
    }

    fn holds(&self, entry: &Entry<V>) -> bool {
        let is_it = |e: &Entry<V>| e.id() == entry.id();
        self.queue.iter().any(|b| b.iter().any(is_it)) || self.in_flight().any(|v| v.batch.iter().any(is_it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientId, NodeId};

    fn request(seqs: std::ops::Range<u64>, audience: Audience) -> Request<()> {
        Request { commands: seqs.map(|seq| Entry::new(ClientId::default(), seq, ())).collect(), audience }
    }

    fn seqs(batch: Option<Batch<()>>) -> Vec<u64> {
        batch.into_iter().flat_map(|b| b.to_vec()).filter_map(|e| Some(e.id()?.seq)).collect()
    }

    #[test]
    fn commands_leave_in_the_order_of_their_arrival() {
        let mut pipeline = Pipeline::new(10);
        for range in [0..3, 3..4, 4..9] {
            pipeline.push(&request(range, Audience::Leader)).expect("room");
        }
        assert_eq!(pipeline.push(&request(9..11, Audience::Leader)), Err(Overloaded { limit: 10 }));
        assert_eq!(seqs(pipeline.take(2)), [0, 1]);
        assert_eq!(seqs(pipeline.take(4)), [2, 3, 4, 5]);
        assert_eq!((seqs(pipeline.take(9)), pipeline.waiting()), (vec![6, 7, 8], 0));
    }

    #[test]
    fn a_command_asked_for_again_is_not_taken_twice() {
        let mut pipeline = Pipeline::new(10);
        pipeline.push(&request(0..2, Audience::Leader)).expect("room");
        let batch = pipeline.take(1).expect("waiting");
        pipeline.propose(Ballot::classic(1, NodeId(0)), Slot(4), &batch);
        pipeline.push(&request(0..3, Audience::Anyone)).expect("room");
        assert_eq!(seqs(pipeline.take(9)), [1, 2]);
    }

    #[test]
    fn what_a_lost_ballot_proposed_waits_again_unless_it_turns_up() {
        let mut pipeline = Pipeline::new(10);
        pipeline.push(&request(0..4, Audience::Leader)).expect("room");
        let batch = pipeline.take(3).expect("waiting");
        pipeline.propose(Ballot::classic(1, NodeId(0)), Slot(4), &batch);
        assert!(pipeline.settle(Slot(5)) && !pipeline.settle(Slot(5)));
        pipeline.requeue();
        pipeline.drop_found(&request(2..3, Audience::Leader).commands, &Chosen::default());
        assert_eq!(seqs(pipeline.take(9)), [1, 3]);
    }
}
