//! Which mishaps of a run took effect, and how long. A mishap that was drawn may do nothing: a cut with nobody on one side,
//! a crash of a process that is down, a lost disk that nobody would miss, a request that is refused.

use super::plan::END;
use super::{Kind, Mishap, Plan};
use paxos_core::{NodeId, Time};
use paxos_transport::sim::{Fault, Harm};
use std::time::Duration;

/// How long a leader tries to hand over: twice the shortest election timeout.
const HANDOVER: Duration = Duration::from_millis(200);

/// A mishap that took effect, from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The kind of the mishap.
    pub kind: Kind,
    start: Time,
    end: Time,
}

impl Effect {
    /// The effect of this mishap. What a replaced member or a lost disk changes stays changed.
    fn of(mishap: &Mishap) -> Self {
        let Mishap { kind, start, end, .. } = *mishap;
        let end = if kind == Kind::Transfer {
            start.after(HANDOVER)
        } else if kind == Kind::Replace || kind.is_amnesia() {
            Time(0).after(END)
        } else {
            end
        };
        Self { kind, start, end }
    }

    fn meets(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The pairs of kinds that were in effect at the same time, each pair once and in order.
pub(super) fn pairs(effects: &[Effect]) -> Vec<(Kind, Kind)> {
    let mut pairs = Vec::new();
    for (nth, one) in effects.iter().enumerate() {
        let met = effects[nth + 1..].iter().filter(|other| one.meets(other));
        pairs.extend(met.map(|other| (one.kind.min(other.kind), one.kind.max(other.kind))));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Watches a run, and notes which mishaps of its plan take effect.
pub(super) struct Watch<'a> {
    mishaps: &'a [Mishap],
    took_effect: Vec<bool>,
    /// Until when the messages were looked at, and how many were lost, duplicated and late by then.
    seen: (Time, [u64; 3]),
}

impl<'a> Watch<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let took_effect = vec![false; plan.mishaps.len()];
        Self { mishaps: &plan.mishaps, took_effect, seen: (Time(0), [0; 3]) }
    }

    /// Notes that a request of an operator was taken.
    pub(super) fn taken(&mut self, mishap: &Mishap) {
        if let Some(nth) = self.mishaps.iter().position(|known| known.number == mishap.number) {
            self.took_effect[nth] = true;
        }
    }

    /// Notes what happened to messages until now. No mishap began or ended since the last call.
    pub(super) fn look(&mut self, now: Time, harm: &Harm) {
        let (since, before) = self.seen;
        let counts = [harm.lost, harm.doubled, harm.late];
        let kinds = [Kind::Loss, Kind::Duplication, Kind::Late];
        for (kind, (count, before)) in kinds.into_iter().zip(counts.into_iter().zip(before)) {
            for (mishap, took_effect) in self.mishaps.iter().zip(&mut self.took_effect) {
                let going = mishap.kind == kind && mishap.start <= since && since < mishap.end;
                *took_effect |= going && count > before;
            }
        }
        self.seen = (now, counts);
    }

    /// All that took effect, by what the faults did in the whole run.
    pub(super) fn effects(&self, harm: &Harm) -> Vec<Effect> {
        let is_cut = |mishap: &&Mishap| matches!(mishap.kind, Kind::Cut | Kind::OneWay | Kind::Partial);
        let mut cuts = 0..;
        let mut effects = Vec::new();
        for (mishap, noted) in self.mishaps.iter().zip(&self.took_effect) {
            let cut = is_cut(&mishap).then(|| cuts.next()).flatten();
            let stopped = cut.is_some_and(|cut| harm.cut.contains_key(&cut));
            if *noted || stopped || struck(mishap, harm) {
                effects.push(Effect::of(mishap));
            }
        }
        effects
    }
}

/// Whether a mishap changed a process or its disk.
fn struck(mishap: &Mishap, harm: &Harm) -> bool {
    let Mishap { start, end, latest, .. } = *mishap;
    let any = |at, fault: fn(NodeId) -> Fault| mishap.nodes.iter().any(|id| harm.did(at, fault(*id)));
    match mishap.kind {
        Kind::Crash | Kind::CrashAll => any(start, Fault::Crash),
        Kind::Pause => any(start, Fault::Pause),
        Kind::StopClock => any(start, Fault::StopClock),
        Kind::Halt => any(start, Fault::StopClock) && any(start, Fault::Pause),
        Kind::StallDisk => any(start, Fault::StopDisk),
        Kind::JumpClock => mishap.nodes.iter().any(|id| harm.did(start, Fault::JumpClock(*id, latest))),
        Kind::Slow => mishap.nodes.iter().any(|id| harm.did(start, Fault::Slow(*id, latest))),
        // It stops at its next write.
        Kind::FullDisk => mishap.nodes.iter().any(|id| {
            let stops =
                |(at, fault): &(Time, Fault)| *fault == Fault::Crash(*id) && (start..end).contains(at);
            harm.did(start, Fault::FillDisk(*id)) && harm.faults.iter().any(stops)
        }),
        Kind::RollingRestart => mishap.in_turn().any(|(id, down, _)| harm.did(down, Fault::Crash(id))),
        Kind::WipeDisk => any(end, Fault::WipeDisk),
        Kind::OlderDisk => any(end, Fault::PutDiskBack),
        Kind::SwapDisks => match mishap.nodes[..] {
            [one, other] => harm.did(end, Fault::SwapDisks(one, other)),
            _ => false,
        },
        Kind::Loss
        | Kind::Duplication
        | Kind::Late
        | Kind::Cut
        | Kind::OneWay
        | Kind::Partial
        | Kind::Transfer
        | Kind::Replace
        | Kind::JoinAndLeave => false,
    }
}
