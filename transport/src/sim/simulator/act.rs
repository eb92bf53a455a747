//! The turn of a process.

use super::outside::Outside;
use super::process::{Busy, Job, Process, note};
use super::queue::Happening;
use crate::sim::Fault;
use crate::sim::trace::Note;
use core::time::Duration;
use paxos_core::{
    Change, Command, CommandId, Entry, Event, Message, Overloaded, Protocol, SlotRange, StateMachine, Unasked,
};

/// How many slots below the first unknown one are compared again for changed knowledge.
const LOOK_BACK: u64 = 16;

impl<P, S> Process<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Handles the inbox if the process is free: at once, or after the time that serving takes.
    pub(super) fn act(&mut self, out: &mut Outside<P>) {
        if !self.is_free() {
            return;
        }
        let (waiting, service) = (self.inbox.len(), out.service.receive.max(self.each));
        if service.is_zero() || waiting == 0 {
            return self.turn(out, waiting);
        }
        self.busy = Busy::Serving(waiting);
        let cost = Duration::from_nanos(service.as_nanos() as u64 * waiting as u64);
        out.queue.push(out.now.after(cost), Happening::Served(self.id, self.incarnation));
    }

    /// Steps through the first `taken` messages and a due timeout, then does what follows.
    pub(super) fn turn(&mut self, out: &mut Outside<P>, taken: usize) {
        let now = self.local(out.now);
        self.take_receipt();
        for (at, (from, message)) in self.inbox.drain(..taken).enumerate() {
            while self.showing.front().is_some_and(|(before, ..)| *before <= at)
                && let Some((_, from, store, former)) = self.showing.pop_front()
            {
                self.node.step(now, Event::Met { from, store, former });
            }
            if let Message::Reply(reply) = &message {
                self.heard.push((reply.id, from));
            }
            self.node.step(now, Event::Message { from, message });
        }
        self.showing.iter_mut().for_each(|(before, ..)| *before -= taken);
        if let Some(amnesia) = self.node.amnesia() {
            return self.stop(amnesia, out);
        }
        if self.node.deadline().is_some_and(|at| at <= now) {
            self.node.step(now, Event::Timeout);
        }
        self.flush(out);
    }

    /// Sends, writes and executes until nothing more follows.
    pub(super) fn flush(&mut self, out: &mut Outside<P>) {
        loop {
            let shown = self.shows();
            let mut ready = self.node.ready();
            for envelope in ready.messages() {
                out.send(self.id, shown.as_ref(), envelope);
            }
            while let Some(write) = ready.write() {
                self.disk.take(write);
            }
            let wanted: Vec<_> = ready.wanted().collect();
            let piece = ready.piece();
            let snapshot = ready.snapshot().cloned();
            let takeover = ready.take_over(&mut self.replica);
            let captured = ready.advance(&mut self.replica);
            while !self.replica.is_away()
                && let Some(readable) = ready.readable()
            {
                debug_assert_eq!(readable.applied, self.replica.next(), "the replica is as new as said");
                if let Some(answer) = self.reads.remove(&readable.id) {
                    out.answered_query(self.id, readable.id, answer(&self.replica.machine().machine));
                }
                self.readable.push(readable);
            }
            self.outcomes.extend(ready.outcomes());
            let was_away = self.replica.is_away();
            let jobs = wanted.into_iter().map(Job::Read).chain(piece.map(Job::Keep));
            let takeover = snapshot.zip(takeover).map(|(snapshot, it)| Job::TakeOver(snapshot, Box::new(it)));
            for job in jobs.chain(takeover).chain(captured.map(Job::WriteDown)) {
                self.begin(job, out);
            }
            for changed in self.node.changes() {
                out.changed(self.id, changed);
                self.open = self.open.saturating_sub(1);
            }
            while let Some((id, why)) = self.node.ended_read() {
                out.reads.refused(self.id, id, why);
            }
            self.note_progress(out);
            self.readable.drain(..).for_each(|readable| out.readable(self.id, readable));
            let submitted = self.take_outcomes(out);
            self.sync(out);
            if !self.up {
                // What it had left to do went down with it.
                out.spent = Duration::ZERO;
                return;
            }
            let came_back = was_away && !self.replica.is_away();
            if !self.take_receipt() && !submitted && !came_back && !self.node.is_ready() {
                break;
            }
        }
        self.heard.clear();
        self.arrange_wake(out);
        let spent = std::mem::take(&mut out.spent);
        if !spent.is_zero() {
            self.busy = Busy::Answering;
            out.queue.push(out.now.after(spent), Happening::Served(self.id, self.incarnation));
        }
    }

    /// The process stops. Of what it was writing, the disk has what a crash leaves.
    pub(super) fn go_down(&mut self, out: &mut Outside<P>) {
        let (id, disk, mut platter) = (self.id, out.disk, out.platter.clone());
        let told = |snapshot: Option<&_>, records: &[_]| out.stored(id, snapshot, records);
        self.disk.crash(&disk, &mut platter, told);
        out.platter = platter;
        self.crash();
        out.crashed(id);
    }

    /// Lets the disk write what waits, if it is idle. A process whose disk has no room for it stops.
    fn sync(&mut self, out: &mut Outside<P>) {
        if !self.disk.begin() {
            return;
        }
        if self.disk.full {
            self.go_down(out);
            return out.harm.faults.push((out.now, Fault::Crash(self.id)));
        }
        let latency = out.draw_sync(self.id);
        if latency.is_zero() {
            if !self.disk.is_stuck() {
                self.finish(out);
            }
        } else {
            out.queue.push(out.now.after(latency), Happening::Written(self.id, self.incarnation));
        }
    }

    fn finish(&mut self, out: &mut Outside<P>) {
        let id = self.id;
        self.receipt = self.disk.finish(|write| out.stored(id, write.snapshot(), write.records()));
    }

    /// Finishes the disk's current write and begins the next one. The process notices this in its next turn.
    pub(super) fn on_disk(&mut self, out: &mut Outside<P>) {
        if !self.disk.is_stuck() {
            self.finish(out);
            self.sync(out);
        }
    }

    /// Schedules a wake-up for the node's deadline.
    pub(super) fn arrange_wake(&mut self, out: &mut Outside<P>) {
        let Some(deadline) = self.node.deadline() else { return };
        let Some(at) = self.global(deadline).map(|at| at.max(out.now)) else { return };
        if self.wake.is_none_or(|wake| at < wake) {
            self.wake = Some(at);
            out.queue.push(at, Happening::Wake(self.id));
        }
    }

    /// Submits a command at the process's client.
    pub(super) fn submit(&mut self, out: &mut Outside<P>, value: P::Value) -> Result<CommandId, Overloaded> {
        let id = self.node.submit(self.local(out.now), value.clone())?;
        self.submitted(out, id, Entry::Command(Command { id, value }));
        Ok(id)
    }

    /// Requests a change of members at the process's client; `force` skips the check whether it is advisable.
    pub(super) fn change(
        &mut self,
        out: &mut Outside<P>,
        change: Change,
        force: bool,
    ) -> Result<CommandId, Unasked> {
        let now = self.local(out.now);
        let entry = self.node.reconfiguration(now, change);
        let id =
            if force { self.node.force_change(now, change) } else { self.node.submit_change(now, change) }?;
        self.submitted(out, id, Entry::Change(id, Box::new(entry)));
        Ok(id)
    }

    fn submitted(&mut self, out: &mut Outside<P>, id: CommandId, entry: Entry<P::Value>) {
        let value = match &entry {
            Entry::Command(command) => Some(command.value.clone()),
            Entry::Noop | Entry::Change(..) => None,
        };
        if let Some(ledger) = &mut out.ledger {
            ledger.submitted(entry);
        }
        out.commands.submitted(id, out.now, value);
        out.note(self.id, Note::Submitted, || id.to_string());
        self.open += 1;
    }

    /// Submits commands from the script up to the limit in flight. Returns whether there were any.
    pub(super) fn go_on(&mut self, out: &mut Outside<P>) -> bool {
        let mut any = false;
        while self.up && self.open < self.in_flight {
            let Some(value) = self.script.pop_front() else { break };
            if self.submit(out, value.clone()).is_err() {
                self.script.push_front(value);
                break;
            }
            any = true;
        }
        any
    }

    fn take_outcomes(&mut self, out: &mut Outside<P>) -> bool {
        if self.outcomes.is_empty() {
            return false;
        }
        for settled in self.outcomes.drain(..) {
            let id = settled.id;
            let by = self.heard.iter().find(|(heard, _)| *heard == id).map_or(self.id, |(_, from)| *from);
            out.settled(self.id, by, settled);
            self.open = self.open.saturating_sub(1);
        }
        self.go_on(out)
    }

    /// Records what the node has learned and executed since the last call.
    fn note_progress(&mut self, out: &mut Outside<P>) {
        let chosen = self.node.chosen();
        if chosen.changes() != self.noticed.changes {
            self.noticed.changes = chosen.changes();
            let start = self.noticed.below.minus(LOOK_BACK);
            self.noticed.below = chosen.first_unknown();
            for (slots, batch) in chosen.within(SlotRange::new(start, chosen.end())) {
                for (slot, entry) in slots.iter().zip(batch.iter()) {
                    let at = slot.index() as usize;
                    if self.noticed.known.len() <= at {
                        self.noticed.known.resize(at + 1, false);
                    }
                    let new = !std::mem::replace(&mut self.noticed.known[at], true);
                    if new {
                        note(&mut self.learned, slot, out.now);
                    }
                    out.knows(self.id, slot, entry, new);
                }
            }
        }
        if let Some(failure) = self.replica.failure() {
            out.broke(self.id, failure);
        }
        let installed = self.replica.installed();
        if installed > self.noticed.applied
            && let Some(snapshot) = self.beside.taken.as_ref().filter(|taken| taken.next() == installed)
        {
            self.noticed.applied = installed;
            out.jumped(self.id, snapshot);
        }
        let executed = SlotRange::new(self.noticed.applied, self.replica.next());
        self.noticed.applied = executed.end.max(executed.start);
        if executed.is_empty() {
            return;
        }
        let mut effects = self.replica.machine().effects().into_iter().peekable();
        for slot in executed.iter() {
            note(&mut self.applied, slot, out.now);
            let effect = effects.next_if(|(at, _)| *at == slot).map(|(_, reply)| reply);
            if let Some(entry) = chosen.get(slot) {
                out.executed(self.id, slot, entry, effect.as_ref());
            }
        }
    }
}
