//! Writes the protocol steps of a real process, in the format of the simulator.

use crate::sim::Steps;
use paxos_core::{Chosen, Envelope, NodeId, Protocol, Replica, Slot, SlotRange, StateMachine, Time};
use std::fmt;
use std::io::Write;

/// Requests and votes this far behind the executed slots are forgotten; a request that is repeated later is traced
/// again.
const REMEMBERED: u64 = 1 << 16;

/// Writes the protocol steps of one process as JSON lines (`docs/trace-format.md`). A line is written before any other
/// process can know what it says.
pub struct TraceOut {
    steps: Steps,
    out: Option<Box<dyn Write + Send>>,
    clock: Box<dyn Fn() -> Time + Send>,
    buffer: Vec<u8>,
    applied: Slot,
    forgotten: Slot,
}

impl TraceOut {
    /// Writes to `out`, with times from `clock`: nanoseconds since an origin that all processes share.
    pub fn new(out: impl Write + Send + 'static, clock: impl Fn() -> Time + Send + 'static) -> Self {
        Self {
            steps: Steps::default(),
            out: Some(Box::new(out)),
            clock: Box::new(clock),
            buffer: Vec::new(),
            applied: Slot(0),
            forgotten: Slot(0),
        }
    }

    /// Notes that the process starts from its store.
    pub(super) fn restarted<P: Protocol>(&mut self, node: NodeId, records: &[P::Record]) {
        // Former votes are not new steps, but later promises report them.
        for record in records {
            self.steps.wrote(Time(0), node, record);
        }
        self.steps.clear();
        self.steps.lived((self.clock)(), node, "restart");
    }

    /// Notes messages that are about to leave.
    pub(super) fn said<P: Protocol>(&mut self, node: NodeId, batch: &[Envelope<P>]) {
        let now = (self.clock)();
        for envelope in batch {
            self.steps.said(now, node, &envelope.message);
        }
        self.write();
    }

    /// Notes records that are durable.
    pub(super) fn wrote<P: Protocol>(&mut self, node: NodeId, records: &[P::Record]) {
        let now = (self.clock)();
        for record in records {
            self.steps.wrote(now, node, record);
        }
        self.write();
    }

    /// Notes what the replica has executed since the last call.
    pub(super) fn executed<S: StateMachine>(
        &mut self,
        node: NodeId,
        chosen: &Chosen<S::Command>,
        replica: &Replica<S>,
    ) {
        let now = (self.clock)();
        if replica.installed() > self.applied {
            self.applied = replica.installed();
            self.steps.jumped(now, node, self.applied);
        }
        let slots = SlotRange::new(self.applied, replica.next().max(self.applied));
        self.applied = slots.end;
        for (slots, batch) in chosen.within(slots) {
            for (slot, entry) in slots.iter().zip(batch.iter()) {
                self.steps.settled(now, node, "chosen", slot, entry);
                self.steps.settled(now, node, "apply", slot, entry);
            }
        }
        let below = self.applied.minus(REMEMBERED);
        if below.since(self.forgotten) >= REMEMBERED {
            self.steps.forget(below);
            self.forgotten = below;
        }
        self.write();
    }

    fn write(&mut self) {
        if self.steps.lines().is_empty() {
            return;
        }
        self.buffer.clear();
        // Writing to memory cannot fail.
        _ = self.steps.write(&mut self.buffer);
        self.steps.clear();
        let Some(out) = &mut self.out else { return };
        if let Err(error) = out.write_all(&self.buffer).and_then(|()| out.flush()) {
            // The process matters more than its trace, and a trace with a gap is useless.
            tracing::error!(%error, "the trace cannot be written, and ends here; free the disk and start again");
            self.out = None;
        }
    }
}

impl fmt::Debug for TraceOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceOut").field("applied", &self.applied).finish_non_exhaustive()
    }
}
