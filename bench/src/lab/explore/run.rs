//! Makes frames from inputs: runs the shipped nodes under the simulator's clock, one event at a time.

mod act;
mod record;

use super::frame::{Broken, Recording, Tone};
use super::mistake::{DECIDED, Mistake};
use super::scenarios::Setting;
use super::script::{Goal, Script};
use crate::lab::cluster::Shape;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol, fast_options};
use core::time::Duration;
use paxos_core::{Ballot, Leadership, NodeId, NodeSet, Protocol, QuorumError, Time, Timeouts};
use paxos_transport::sim::{Delay, Disk, Event, Law, Links, Sim, Violation, World};
use record::Recorder;
use std::sync::Arc;

/// The most events of a session.
pub(super) const EVENTS: usize = 4_000;

/// The longest time to wait for a goal.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the run of `script`. Equal scripts make equal runs.
///
/// # Errors
/// [`QuorumError`] if the cluster cannot be built.
pub fn play(script: &Script) -> Result<Recording, QuorumError> {
    let recovery = script.scenario.setting.recovery;
    // When acceptors recover by themselves, they hear each other's votes, and the coordinator need not hear them.
    let copy_votes = recovery != Recovery::Uncoordinated;
    if let (Some(Mistake::FastPaxos(mistake)), Variant::Fast) =
        (script.scenario.setting.mistake, script.variant)
    {
        let options = fast_paxos::Options { mistake: Some(mistake), ..fast_options(recovery, copy_votes) };
        return Player { script }.run::<fast_paxos::FastPaxos<Payload, u64>>(options);
    }
    script.variant.with(recovery, copy_votes, Player { script })
}

struct Player<'a> {
    script: &'a Script,
}

impl WithProtocol for Player<'_> {
    type Out = Result<Recording, QuorumError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let sim = Sim::new(world::<P>(self.script, options)?, |_| Digest::default());
        let mut session = Session::new(sim, &self.script.scenario.setting);
        session.play(self.script);
        Ok(session.recorder.finish(self.script))
    }
}

/// The cluster of a scenario.
pub(super) fn world<P: Protocol>(script: &Script, options: P::Options) -> Result<World<P>, QuorumError> {
    let ms = Duration::from_millis;
    let setting: Setting = script.scenario.setting;
    let mut config = Shape::collapsed(script.variant, setting.servers).config()?;
    // The timeouts are long compared with the delays, so that a picture shows more than heartbeats.
    config.timeouts = Timeouts {
        heartbeat: Some(ms(100)),
        election: Some(ms(300)),
        resend: Some(ms(120)),
        client: setting.asks_again.then_some(ms(250)),
        gossip: Some(ms(300)),
        ..Timeouts::default()
    };
    if setting.duel {
        config.leadership = Leadership::SelfAppointed { backoff: None };
    } else if script.variant.traits().leaderless {
        config.leadership = Leadership::SelfAppointed { backoff: Some((ms(40), ms(320))) };
    }
    if setting.mistake == Some(Mistake::RoundedDown) {
        config.quorums = Arc::new(fast_paxos::RoundedDown(config.acceptors()));
    }
    config.spares = (setting.servers..setting.servers + setting.spares).map(NodeId).collect();
    config.limits.alpha = 4;
    let mut world = World::<P>::new(config, options, script.seed);
    world.add_clients(setting.clients);
    let (low, high) = (ms(setting.delay_ms.0), ms(setting.delay_ms.1));
    world.links = Links::new(Delay::Uniform { low, high });
    for (from, to, delay) in setting.far {
        world.links.pairs.insert((NodeId(*from), NodeId(*to)), Delay::Constant(ms(*delay)));
    }
    world.disk = Disk {
        sync: Delay::Constant(ms(setting.sync_ms)),
        lies: setting.mistake == Some(Mistake::LyingDisk),
        ..Disk::default()
    };
    world.trace = true;
    Ok(world)
}

/// A run in the making.
pub(super) struct Session<P: Protocol<Value = Payload, Reply = u64>> {
    pub(super) sim: Sim<P, Digest>,
    pub(super) recorder: Recorder,
    /// The number of the last command.
    submitted: u64,
    /// The latest ballot in which a process led.
    led: Option<Ballot>,
    /// Whether proposers duel, without any back-off.
    duels: bool,
    /// Whether clients ask again.
    asks_again: bool,
}

impl<P: Protocol<Value = Payload, Reply = u64>> Session<P> {
    pub(super) fn new(sim: Sim<P, Digest>, setting: &Setting) -> Self {
        let recorder = Recorder::default();
        let (duels, asks_again) = (setting.duel, setting.asks_again);
        Self { sim, recorder, submitted: 0, led: None, duels, asks_again }
    }

    /// Takes all inputs, until an invariant is broken or there are too many events.
    pub(super) fn play(&mut self, script: &Script) {
        let started = self.sim.settle();
        self.recorder.frame(&self.sim, None, 0, Tone::Input, "All processes start.".into(), None);
        let mut going = self.judge(started);
        for (nth, action) in script.actions.iter().enumerate() {
            if !going {
                let left = script.actions.len() - nth;
                self.recorder
                    .stop(format!("The last {left} of {} inputs were skipped.", script.actions.len()));
                return;
            }
            going = self.act(nth, *action);
        }
    }

    /// Records a broken invariant. Returns whether the run continues, because no invariant is broken.
    fn judge(&mut self, verdict: Result<(), Violation>) -> bool {
        let Err(Violation { invariant, message, .. }) = verdict else { return true };
        let law = Law::named(invariant);
        self.broken(invariant, law.map_or("", |law| law.says), law.map_or("", |law| law.source), message);
        false
    }

    fn broken(&mut self, invariant: &'static str, says: &'static str, source: &'static str, message: String) {
        self.recorder.broken(|frame| Broken { invariant, says, source, message, frame });
    }

    /// Judges the claim that every command is decided, after a time in which not all were. Returns whether the run
    /// continues: the claim holds, or something is down, cut or lost, so that it claims nothing.
    fn judge_waiting(&mut self) -> bool {
        let sim = &self.sim;
        let works = |id: &NodeId| sim.is_up(*id) && !sim.is_paused(*id) && !sim.disk_is_stopped(*id);
        let is_whole = self.recorder.cuts.is_empty() && sim.ids().iter().all(works);
        if self.duels || !is_whole || !self.asks_again && self.recorder.has_lost() {
            return true;
        }
        let open = sim.commands().iter().filter(|command| command.answer.is_none());
        let open: Vec<String> = open.map(|command| command.id.to_string()).collect();
        let message = format!("{} without an answer for {} s", open.join(", "), PATIENCE.as_secs());
        self.broken(DECIDED.name, DECIDED.says, DECIDED.source, message);
        false
    }

    /// Takes one event, if there is one before `end` and the run is not over.
    fn step(&mut self, action: usize, part: u32, end: Option<Time>) -> Step {
        if self.recorder.is_full() {
            self.recorder.stop(format!("The run has reached {EVENTS} events, the most that can be shown."));
            return Step::Over;
        }
        if self.sim.next_due().is_none_or(|due| end.is_some_and(|end| due > end)) {
            return Step::Nothing;
        }
        let (taken, verdict) = match self.sim.step() {
            Ok(Some(event)) => (Some(event), Ok(())),
            Ok(None) => return Step::Nothing,
            Err(violation) => (None, Err(violation)),
        };
        let text = self.recorder.tell(&self.sim, taken);
        self.recorder.frame(&self.sim, Some(action), part, Tone::Event, text, taken.and_then(at));
        if self.judge(verdict) { Step::Taken } else { Step::Over }
    }

    /// Takes events until `done`. Returns whether the run continues.
    fn steps(
        &mut self,
        action: usize,
        end: Option<Time>,
        mut done: impl FnMut(&mut Self, u32) -> bool,
    ) -> bool {
        let mut part = 0;
        loop {
            if done(self, part) {
                return true;
            }
            part += 1;
            match self.step(action, part, end) {
                Step::Taken => {}
                Step::Nothing => return true,
                Step::Over => return false,
            }
        }
    }

    fn reaches(&mut self, goal: Goal, chosen: usize) -> bool {
        match goal {
            Goal::Answered => self.sim.all_settled(),
            Goal::Chosen => self.recorder.learned() > chosen,
            Goal::Leader => {
                let now = self.leads();
                now > self.led && {
                    self.led = now;
                    true
                }
            }
        }
    }

    fn leads(&self) -> Option<Ballot> {
        let up = self.sim.ids().iter().filter(|id| self.sim.is_up(**id));
        up.filter_map(|id| self.sim.node(*id)?.leading()).max()
    }

    fn goal_end(&self) -> Time {
        self.sim.now().after(PATIENCE)
    }
}

enum Step {
    Taken,
    Nothing,
    Over,
}

/// The process at which an event happened, if the event names it.
const fn at(event: Event) -> Option<NodeId> {
    match event {
        Event::Woken(id) | Event::Written(id) | Event::Finished(id) | Event::Asked(id) => Some(id),
        Event::Arrived(_) | Event::Failed(_) => None,
    }
}

/// The processes that are only clients.
fn clients(setting: &Setting) -> NodeSet {
    let first = setting.servers + setting.spares;
    (first..first + setting.clients).map(NodeId).collect()
}
