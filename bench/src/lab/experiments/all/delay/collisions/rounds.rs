//! Clients of one cluster that repeatedly submit commands at about the same time.

use crate::lab::cluster::Shape;
use crate::lab::experiments::{LabError, Sample, Summary};
use crate::lab::quorums::QuorumChoice;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Kind, Protocol, Timeouts};
use paxos_transport::sim::{Delay, Links, Sim, World};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The number of servers, each with all roles.
pub(super) const ACCEPTORS: u16 = 5;
/// The shortest delay of a message, and the mean of the exponentially distributed delay on top.
const SHORTEST: Duration = Duration::from_millis(5);
pub(super) const ON_TOP: Duration = Duration::from_millis(5);
/// How long a process waits before it retransmits. Clients wait twice as long.
const PATIENCE: Duration = Duration::from_millis(200);

/// Rounds in which each client submits one command.
pub(super) struct Rounds<'a> {
    pub(super) variant: Variant,
    pub(super) quorum: QuorumChoice,
    pub(super) clients: u16,
    pub(super) times: u64,
    pub(super) seed: u64,
    /// How long after the beginning of a round each client submits.
    pub(super) moments: &'a mut dyn FnMut(u16) -> Duration,
}

/// The cost of the rounds.
#[derive(Serialize, Deserialize)]
pub(super) struct Cost {
    pub(super) latencies: Summary,
    /// The number of rounds in which a coordinator had to propose.
    pub(super) recovered: u64,
    pub(super) messages: f64,
}

impl WithProtocol for Rounds<'_> {
    type Out = Result<Cost, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let shape = Shape { quorum: self.quorum, ..Shape::collapsed(self.variant, ACCEPTORS) };
        let mut config = shape.config()?;
        // A command that lost its slot is sent again. There are no other timeouts, so no heartbeats either.
        config.timeouts = Timeouts { resend: Some(PATIENCE), client: Some(2 * PATIENCE), ..Timeouts::NEVER };
        let mut world = World::<P>::new(config, options, self.seed);
        let clients = world.add_clients(self.clients);
        world.links = Links::new(Delay::Exponential { min: SHORTEST, mean: ON_TOP });
        let mut sim = Sim::new(world, |_| Digest::default());
        let long = Duration::from_secs(60);
        sim.run_to_quiescence(long)?;
        let unfinished = || LabError::Unfinished(format!("{shape:?}: a command was not decided"));
        let (mut recovered, mut messages) = (0, 0);
        for round in 0..=self.times {
            // The first round brings the cluster into its steady state, and is not counted.
            sim.reset_counts();
            let start = sim.now();
            for client in &clients {
                sim.submit_at(start.after((self.moments)(client.0 - clients[0].0)), *client, round);
            }
            let all = clients.len() * (round as usize + 1);
            sim.run_until(|sim| sim.commands().len() == all && sim.all_answered())?;
            // All messages in flight arrive, so that the next round begins without any.
            let before = sim.counts();
            sim.run_for(PATIENCE)?;
            if !sim.all_answered() {
                return Err(unfinished());
            }
            if round > 0 {
                recovered += u64::from(before.of(Kind::Accept) > 0);
                messages += sim.counts().total();
            }
        }
        let counted = sim.commands().iter().skip(clients.len());
        let latencies: Vec<f64> = counted.filter_map(|c| Some(c.latency()?.as_secs_f64() * 1e3)).collect();
        let messages = messages as f64 / latencies.len().max(1) as f64;
        Ok(Cost { latencies: Sample::new(latencies).summary(), recovered, messages })
    }
}
