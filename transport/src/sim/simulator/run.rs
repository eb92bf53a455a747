//! Runs a simulation from moment to moment, and handles everything that happens at each.

use super::process::Busy;
use super::queue::Happening;
use super::{Sim, Stop};
use crate::sim::Fault;
use crate::sim::invariants::Violation;
use crate::sim::trace::Note;
use core::time::Duration;
use paxos_core::{NodeId, Protocol, StateMachine, Time};

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Applies a fault now.
    pub fn fail(&mut self, fault: Fault) {
        let (Fault::Crash(id)
        | Fault::Restart(id)
        | Fault::Pause(id)
        | Fault::Resume(id)
        | Fault::StopClock(id)
        | Fault::StartClock(id)
        | Fault::JumpClock(id, _)
        | Fault::Slow(id, _)
        | Fault::StopDisk(id)
        | Fault::StartDisk(id)
        | Fault::FillDisk(id)
        | Fault::FreeDisk(id)
        | Fault::CopyDisk(id)
        | Fault::WipeDisk(id)
        | Fault::PutDiskBack(id)
        | Fault::SwapDisks(id, _)) = fault;
        if self.at(id).is_some_and(|at| self.strike(id, at, fault)) {
            self.out.harm.faults.push((self.out.now, fault));
        }
    }

    /// Applies a fault to this process. Returns whether it changed something.
    fn strike(&mut self, id: NodeId, at: usize, fault: Fault) -> bool {
        let (process, out) = (&mut self.processes[at], &mut self.out);
        let mut changed = true;
        match fault {
            Fault::Crash(_) if process.up => process.go_down(out),
            Fault::Restart(_) if !process.up && !process.disk.full => {
                process.restart(out.now, (self.machine)(id));
                out.restarted(id, process.incarnation, &process.disk);
                process.go_on(out);
                self.awake.insert(at);
            }
            Fault::Pause(_) if !process.paused => {
                process.paused = true;
                changed = process.up;
                out.note(id, Note::Paused, String::new);
            }
            Fault::Resume(_) if process.paused => {
                process.paused = false;
                out.note(id, Note::Resumed, String::new);
                self.awake.insert(at);
            }
            Fault::StopClock(_) => {
                changed = process.up && process.stopped.is_none();
                process.stopped.get_or_insert(out.now);
            }
            Fault::StartClock(_) => {
                changed = process.stopped.is_some();
                process.start_clock(out.now);
                self.awake.insert(at);
            }
            Fault::JumpClock(_, ahead) => {
                changed = process.up && !ahead.is_zero();
                process.ahead = process.ahead.saturating_add(ahead.as_nanos() as u64);
                self.awake.insert(at);
            }
            Fault::Slow(_, each) => {
                changed = process.up && process.each != each;
                process.each = each;
            }
            Fault::FillDisk(_) => changed = !std::mem::replace(&mut process.disk.full, true) && process.up,
            Fault::FreeDisk(_) => changed = std::mem::replace(&mut process.disk.full, false),
            Fault::StopDisk(_) => {
                changed = process.up && !process.disk.is_stopped();
                process.disk.stop();
            }
            Fault::StartDisk(_) => {
                changed = process.disk.is_stopped();
                if process.disk.start() {
                    process.on_disk(out);
                    self.awake.insert(at);
                }
            }
            Fault::CopyDisk(_) => process.copied = Some(process.disk.copy()),
            Fault::WipeDisk(_) => changed = self.wipe(id),
            Fault::PutDiskBack(_) => changed = self.put_back(id),
            Fault::SwapDisks(_, other) => changed = self.swap(id, other),
            // The process is already in that state.
            Fault::Crash(_) | Fault::Restart(_) | Fault::Pause(_) | Fault::Resume(_) => changed = false,
        }
        changed
    }

    /// Runs until `done` returns true. `done` is called after each moment at which something happened.
    ///
    /// # Errors
    /// The first breach of an invariant.
    pub fn run_until(&mut self, done: impl FnMut(&Self) -> bool) -> Result<Stop, Violation> {
        self.drive(self.now().after(self.world.limit.time), done)
    }

    /// Runs for this time.
    ///
    /// # Errors
    /// The first breach of an invariant.
    pub fn run_for(&mut self, time: Duration) -> Result<Stop, Violation> {
        let end = self.now().after(time);
        let stop = self.drive(end, |_| false)?;
        if stop != Stop::Events {
            self.out.now = end;
        }
        Ok(stop)
    }

    /// Runs until nothing is left to happen, for at most `limit`.
    ///
    /// # Errors
    /// The first breach of an invariant.
    pub fn run_to_quiescence(&mut self, limit: Duration) -> Result<Stop, Violation> {
        self.drive(self.now().after(limit), |_| false)
    }

    fn drive(&mut self, end: Time, mut done: impl FnMut(&Self) -> bool) -> Result<Stop, Violation> {
        loop {
            self.verdict()?;
            if done(self) {
                return Ok(Stop::Done);
            }
            if self.events >= self.world.limit.events {
                return Ok(Stop::Events);
            }
            if self.awake.is_empty() {
                match self.out.queue.next_time() {
                    None => return Ok(Stop::Quiet),
                    Some(next) if next > end => return Ok(Stop::Time),
                    Some(next) => self.out.now = self.out.now.max(next),
                }
            }
            self.moment();
        }
    }

    /// Handles everything that happens now: first all arrivals and other events, then the turn of each process.
    fn moment(&mut self) {
        while let Some(happening) = self.out.queue.pop(self.out.now) {
            self.events += 1;
            self.on_happening(happening);
        }
        for at in std::mem::take(&mut self.awake) {
            self.processes[at].act(&mut self.out);
        }
    }

    pub(super) fn on_happening(&mut self, happening: Happening<P>) {
        let (id, happening) = match happening {
            Happening::Fault(fault) => return self.fail(fault),
            Happening::Submit(node, value) => {
                self.unsubmitted += u64::from(self.submit(node, value).is_err());
                return;
            }
            Happening::Read(node, consistency) => {
                self.unsubmitted += u64::from(self.read(node, consistency).is_err());
                return;
            }
            Happening::Arrive { to, .. } => (to, happening),
            Happening::Wake(id)
            | Happening::Written(id, _)
            | Happening::Done(id, ..)
            | Happening::Served(id, _) => (id, happening),
        };
        let Some(at) = self.at(id) else { return };
        let (process, out) = (&mut self.processes[at], &mut self.out);
        match happening {
            Happening::Arrive { from, message, shown, .. } if process.up => {
                if let Some(shown) = &shown {
                    let heard = out.heard.entry((from, id)).or_default();
                    *heard = shown.store.mark.writes.max(*heard);
                }
                process.hear(from, message, shown);
                self.awake.insert(at);
            }
            Happening::Wake(_) if process.wake.is_some_and(|wake| wake <= out.now) => {
                process.wake = None;
                let now = process.local(out.now);
                if process.up && process.node.deadline().is_some_and(|at| at <= now) {
                    self.awake.insert(at);
                } else if process.up {
                    process.arrange_wake(out);
                }
            }
            Happening::Written(_, incarnation) if process.up && process.incarnation == incarnation => {
                process.on_disk(out);
                self.awake.insert(at);
            }
            Happening::Done(_, incarnation, number) if process.up && process.incarnation == incarnation => {
                process.on_done(number);
                self.awake.insert(at);
            }
            Happening::Served(_, incarnation) if process.up && process.incarnation == incarnation => {
                if let Busy::Serving(taken) = std::mem::replace(&mut process.busy, Busy::No) {
                    process.turn(out, taken);
                }
                self.awake.insert(at);
            }
            // The process went down meanwhile, or scheduled another wake-up.
            Happening::Arrive { .. }
            | Happening::Wake(_)
            | Happening::Written(..)
            | Happening::Done(..)
            | Happening::Served(..)
            | Happening::Fault(_)
            | Happening::Submit(..)
            | Happening::Read(..) => {}
        }
    }
}
