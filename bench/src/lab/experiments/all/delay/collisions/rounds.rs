//! Clients of one cluster that repeatedly submit commands at about the same time.

use crate::lab::cluster::Shape;
use crate::lab::experiments::{Facts, LabError, Sample, Summary};
use crate::lab::quorums::QuorumChoice;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{
    Acceptor, Ballot, CommandId, Fact, Kind, NodeId, NodeSet, Phase, Protocol, Recorded, Slot, Timeouts,
};
use paxos_transport::sim::{Delay, Links, Sim, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The number of servers, each with all roles.
pub(super) const ACCEPTORS: u16 = 5;
/// The shortest delay of a message, and the mean of the exponentially distributed delay on top.
const SHORTEST: Duration = Duration::from_millis(5);
pub(super) const ON_TOP: Duration = Duration::from_millis(5);
/// How long a process waits before it retransmits. Clients wait twice as long.
const PATIENCE: Duration = Duration::from_millis(200);

/// In crowds, the time in which every client submits its command.
pub(super) const MOMENTS: Duration = Duration::from_millis(10);

/// The parameters that the sentences name.
pub(super) fn parameters(facts: &mut Facts) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    facts.set("servers", ACCEPTORS, "");
    facts.set("shortest_delay", ms(SHORTEST), "ms");
    facts.set("delay_on_top", ms(ON_TOP), "ms");
    facts.set("resend", ms(PATIENCE), "ms");
    facts.set("client_resend", ms(PATIENCE * 2), "ms");
    facts.set("moments", ms(MOMENTS), "ms");
}

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
    /// The number of rounds that began without a vote of an earlier round in the first slot. After a collision, an acceptor
    /// that does not know yet that its command is chosen may vote for it again, one slot further.
    pub(super) clean: u64,
    /// The number of these in which no command had the votes of a fast quorum in the first slot.
    pub(super) collided: u64,
    /// The number of rounds in which a coordinator had to propose, in any slot.
    pub(super) recovered: u64,
    pub(super) messages: f64,
}

/// Whether no command has the votes of a fast quorum in this slot, in the ballot that the slot began in. `from` has the
/// number of records that each acceptor had before.
fn collided<P: Protocol<Value = Payload, Reply = u64>>(
    sim: &Sim<P, Digest>,
    slot: Slot,
    from: &BTreeMap<NodeId, usize>,
) -> bool {
    let mut votes: BTreeMap<Ballot, BTreeMap<Option<CommandId>, NodeSet>> = BTreeMap::new();
    for (acceptor, from) in from {
        for record in sim.disk(*acceptor).iter().skip(*from) {
            record.facts(&mut |fact| {
                if let Fact::Vote { ballot, slot: voted, entry: Some(entry) } = fact
                    && voted == slot
                {
                    votes.entry(ballot).or_default().entry(entry.id()).or_default().insert(*acceptor);
                }
            });
        }
    }
    let quorums = &sim.world().config.quorums;
    let first = votes.first_key_value();
    first.is_some_and(|(_, votes)| !votes.values().any(|voters| quorums.is_quorum(Phase::TwoFast, *voters)))
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
        let acceptors = sim.world().config.acceptors();
        let (mut clean, mut collisions, mut recovered, mut messages) = (0, 0, 0, 0);
        for round in 0..=self.times {
            // The first round brings the cluster into its steady state, and is not counted.
            sim.reset_counts();
            let start = sim.now();
            let known = |id| sim.node(id).map(|node| node.chosen().first_unknown());
            let slot = acceptors.iter().filter_map(known).max().unwrap_or_default();
            let voted = |id| Some(sim.node(id)?.acceptor()?.voted_below());
            let is_clean = acceptors.iter().filter_map(voted).all(|below| below <= slot);
            let from = acceptors.iter().map(|id| (id, sim.disk(id).len())).collect();
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
                clean += u64::from(is_clean);
                collisions += u64::from(is_clean && collided(&sim, slot, &from));
                recovered += u64::from(before.of(Kind::Accept) > 0);
                messages += sim.counts().total();
            }
        }
        let counted = sim.commands().iter().skip(clients.len());
        let latencies: Vec<f64> = counted.filter_map(|c| Some(c.latency()?.as_secs_f64() * 1e3)).collect();
        let messages = messages as f64 / latencies.len().max(1) as f64;
        Ok(Cost {
            latencies: Sample::new(latencies).summary(),
            clean,
            collided: collisions,
            recovered,
            messages,
        })
    }
}
