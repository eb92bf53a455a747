//! The work of a simulated process that takes as long as its disk or a large state and runs beside its turns: snapshots
//! that are written down, transferred in pieces, and taken over.

use super::{Process, Watched};
use crate::sim::simulator::outside::Outside;
use crate::sim::simulator::queue::Happening;
use paxos_core::{
    Bytes, Captured, Protocol, Snapshot, SnapshotId, SnapshotPiece, StateMachine, Takeover, WantedPiece,
};
use std::collections::BTreeMap;

/// A job under way.
pub(in crate::sim::simulator) enum Job<S: StateMachine> {
    WriteDown(Captured),
    TakeOver(Snapshot, Box<Takeover<Watched<S>>>),
    Keep(SnapshotPiece),
    Read(WantedPiece),
}

/// The jobs of a process, by number, and the received part of a snapshot. A crash loses all of this.
pub(in crate::sim::simulator) struct Beside<S: StateMachine> {
    begun: u64,
    jobs: BTreeMap<u64, Job<S>>,
    coming: Option<(SnapshotId, Vec<u8>)>,
    /// The snapshot that the machine took over last.
    pub(in crate::sim::simulator) taken: Option<Snapshot>,
}

impl<S: StateMachine> Default for Beside<S> {
    fn default() -> Self {
        Self { begun: 0, jobs: BTreeMap::new(), coming: None, taken: None }
    }
}

impl<P, S> Process<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Begins a job, which takes about as long as a write of the disk. The process continues meanwhile.
    pub(in crate::sim::simulator) fn begin(&mut self, job: Job<S>, out: &mut Outside<P>) {
        let latency = out.draw_sync(self.id);
        if latency.is_zero() {
            return self.finish_job(job);
        }
        let number = self.beside.begun;
        self.beside.begun += 1;
        self.beside.jobs.insert(number, job);
        out.queue.push(out.now.after(latency), Happening::Done(self.id, self.incarnation, number));
    }

    /// Finishes the job with this number.
    pub(in crate::sim::simulator) fn on_done(&mut self, number: u64) {
        if let Some(job) = self.beside.jobs.remove(&number) {
            self.finish_job(job);
        }
    }

    fn finish_job(&mut self, job: Job<S>) {
        match job {
            Job::WriteDown(captured) => match captured.write_down() {
                Ok(snapshot) => self.node.written_down(snapshot),
                Err(_) => self.node.not_written_down(),
            },
            Job::TakeOver(snapshot, takeover) => {
                self.beside.taken = Some(snapshot);
                // The replica reports errors itself.
                let _ = self.replica.taken_over(takeover.run());
            }
            Job::Keep(piece) => self.keep(&piece),
            Job::Read(wanted) => {
                let bytes = wanted.read();
                self.node.lend(&wanted, bytes);
            }
        }
    }

    fn keep(&mut self, piece: &SnapshotPiece) {
        let coming = &mut self.beside.coming;
        if piece.offset == 0 {
            *coming = Some((piece.snapshot, Vec::new()));
        }
        let follows = |(id, bytes): &&mut (SnapshotId, Vec<u8>)| {
            *id == piece.snapshot && bytes.len() as u64 == piece.offset
        };
        let Some((_, bytes)) = coming.as_mut().filter(follows) else {
            return self.node.fetched(piece.snapshot, None);
        };
        bytes.extend_from_slice(&piece.bytes);
        if piece.is_last() {
            let whole = Bytes::from(std::mem::take(bytes));
            self.node.fetched(piece.snapshot, Snapshot::decode(whole).ok());
        } else {
            self.node.kept(piece);
        }
    }
}
