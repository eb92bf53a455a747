//! The effects of inputs.

use super::Session;
use crate::lab::explore::frame::Tone;
use crate::lab::explore::script::{Action, Goal};
use crate::variants::{Digest, Payload};
use core::time::Duration;
use paxos_core::{Change, NodeId, Protocol, Time};
use paxos_transport::sim::{Cut, Fault, Sim};

/// How long to look for an event that is more than upkeep.
const IDLE: Duration = Duration::from_secs(1);

/// A sentence on what an input did, or on why it did nothing.
type Done = Result<String, String>;

impl<P: Protocol<Value = Payload, Reply = u64>> Session<P> {
    /// Takes one input. Returns whether the run continues.
    pub(super) fn act(&mut self, nth: usize, action: Action) -> bool {
        let (node, done) = match action {
            Action::Step { times } => return self.steps(nth, None, |_, part| part >= times),
            Action::Next => {
                let (before, end) = (self.recorder.loud(), self.sim.now().after(IDLE));
                let going = self.steps(nth, Some(end), |session, _| session.recorder.loud() > before);
                if going && self.recorder.loud() == before {
                    self.sim.pass(end);
                    let text = format!("Only upkeep has happened for {} s.", IDLE.as_secs());
                    self.recorder.frame(&self.sim, Some(nth), 0, Tone::Input, text, None);
                }
                return going;
            }
            Action::Until { what } => return self.until(nth, what),
            Action::Wait { ms } => return self.wait(nth, ms),
            Action::Submit { node } => (Some(node), self.submit(NodeId(node))),
            Action::Crash { node } => (Some(node), self.fail(node, Fault::Crash, "crashes")),
            Action::Restart { node } => (Some(node), self.fail(node, Fault::Restart, "starts again")),
            Action::Pause { node } => (Some(node), self.fail(node, Fault::Pause, "is halted")),
            Action::Resume { node } => (Some(node), self.fail(node, Fault::Resume, "goes on")),
            Action::StopDisk { node } => {
                (Some(node), self.fail(node, Fault::StopDisk, "has a disk that stalls"))
            }
            Action::StartDisk { node } => {
                (Some(node), self.fail(node, Fault::StartDisk, "has a disk that works again"))
            }
            Action::Cut { a, b } => (None, self.cut(NodeId(a), NodeId(b))),
            Action::Heal { a, b } => (None, self.heal(NodeId(a), NodeId(b))),
            Action::Drop { message } => (None, self.drop_message(message)),
            Action::Delay { message, ms } => {
                let delayed = self.sim.delay_message(message, Duration::from_millis(ms));
                (None, under_way(delayed, message, format_args!("will arrive {ms} ms later")))
            }
            Action::Duplicate { message } => {
                let twin = self.sim.duplicate_message(message);
                (None, under_way(twin, message, format_args!("will arrive twice")))
            }
            Action::Replace { node, old, new } => {
                let change = Change::replace(NodeId(old), NodeId(new));
                let asked = self.sim.change(NodeId(node), change).map_err(|why| sentence(&why.to_string()));
                (
                    Some(node),
                    asked.map(|id| format!("The client of n{node} asks to replace n{old} by n{new} ({id}).")),
                )
            }
            Action::Transfer { to } => (None, self.transfer(NodeId(to))),
        };
        let settled = self.sim.settle();
        let (tone, text) = match done {
            Ok(text) => (Tone::Input, text),
            Err(text) => (Tone::Refused, text),
        };
        let node = node.map(NodeId).filter(|id| self.sim.ids().contains(id));
        self.recorder.frame(&self.sim, Some(nth), 0, tone, text, node);
        self.judge(settled)
    }

    fn until(&mut self, nth: usize, goal: Goal) -> bool {
        let (end, chosen) = (self.goal_end(), self.recorder.learned());
        self.led = self.leads();
        let mut reached = false;
        let going = self.steps(nth, Some(end), |session, _| {
            reached = session.reaches(goal, chosen);
            reached
        });
        if going && !reached {
            let text = format!("The goal was not reached within {} s.", super::PATIENCE.as_secs());
            self.recorder.frame(&self.sim, Some(nth), 0, Tone::Refused, text, None);
            return goal != Goal::Answered || self.judge_waiting();
        }
        going
    }

    fn wait(&mut self, nth: usize, ms: u64) -> bool {
        // No session lasts longer than a day.
        let end = self.sim.now().after(Duration::from_millis(ms.min(86_400_000)));
        let going = self.steps(nth, Some(end), |_, _| false);
        if going {
            self.sim.pass(end);
            let text = format!("{ms} ms have passed.");
            self.recorder.frame(&self.sim, Some(nth), 0, Tone::Input, text, None);
        }
        going
    }

    fn submit(&mut self, node: NodeId) -> Done {
        let value = self.submitted + 1;
        let id = self.sim.submit(node, value).map_err(|why| sentence(&why.to_string()))?;
        self.submitted = value;
        Ok(format!("{node} submits {id}."))
    }

    fn fail(&mut self, node: u16, fault: fn(NodeId) -> Fault, what: &str) -> Done {
        let id = NodeId(node);
        self.exists(id)?;
        let before = condition(&self.sim, id);
        self.sim.fail(fault(id));
        if condition(&self.sim, id) == before {
            return Err(format!("{id} is already in this state: nothing changes."));
        }
        Ok(format!("{id} {what}."))
    }

    fn exists(&self, id: NodeId) -> Result<(), String> {
        let known = self.sim.ids().contains(&id);
        if known {
            Ok(())
        } else {
            Err(format!("There is no process {id}: choose one of the processes that are drawn."))
        }
    }

    fn cut(&mut self, a: NodeId, b: NodeId) -> Done {
        self.exists(a)?;
        self.exists(b)?;
        if a == b {
            return Err(format!("{a} has no link to itself: choose two processes."));
        }
        if self.is_cut(a, b) {
            return Err(format!("The link between {a} and {b} is already cut."));
        }
        let (start, end) = (self.sim.now(), Time(u64::MAX));
        let cut = Cut { from: vec![a.min(b)], to: vec![a.max(b)], both_ways: true, start, end };
        self.sim.links_mut().cuts.push(cut);
        self.recorder.cuts.insert((a.min(b).0, a.max(b).0));
        Ok(format!("The link between {a} and {b} is cut: messages sent on it from now on are lost."))
    }

    fn heal(&mut self, a: NodeId, b: NodeId) -> Done {
        if !self.is_cut(a, b) {
            return Err(format!("The link between {a} and {b} is not cut."));
        }
        let (low, high) = (a.min(b), a.max(b));
        self.sim.links_mut().cuts.retain(|cut| cut.from != [low] || cut.to != [high]);
        self.recorder.cuts.remove(&(low.0, high.0));
        Ok(format!("The link between {a} and {b} works again."))
    }

    fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        self.recorder.cuts.contains(&(a.min(b).0, a.max(b).0))
    }

    fn drop_message(&mut self, message: u64) -> Done {
        let dropped = self.sim.drop_message(message);
        if dropped {
            self.recorder.dropped = Some(message);
        }
        under_way(dropped, message, format_args!("is lost"))
    }

    fn transfer(&mut self, to: NodeId) -> Done {
        self.exists(to)?;
        let leader = self.sim.leader().ok_or("There is no leader that could hand over.")?;
        self.sim.transfer(leader, to).map_err(|why| sentence(&why.to_string()))?;
        Ok(format!("{leader} is asked to hand over to {to}."))
    }
}

/// The parts of a process's state that a fault can change.
fn condition<P>(sim: &Sim<P, Digest>, id: NodeId) -> [bool; 3]
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    [sim.is_up(id), sim.is_paused(id), sim.disk_is_stopped(id)]
}

fn under_way(is: bool, message: u64, what: core::fmt::Arguments<'_>) -> Done {
    let message = format!("Message {message}");
    if is { Ok(format!("{message} {what}.")) } else { Err(format!("{message} is not under way.")) }
}

/// Turns an error into a sentence.
fn sentence(error: &str) -> String {
    let mut chars = error.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    // Names of processes are not capitalized.
    let named = error.starts_with('n') && error.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if named { format!("{error}.") } else { format!("{first}{}.", chars.as_str()) }
}
