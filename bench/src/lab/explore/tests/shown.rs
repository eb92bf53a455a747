//! The shown state agrees with the nodes and their disks.

use super::{at_the_end, script};
use crate::lab::explore::play;
use crate::lab::explore::run::world;
use crate::lab::explore::script::Action::{Submit, Until, Wait};
use crate::lab::explore::script::Goal::Answered;
use crate::lab::explore::state::state;
use crate::variants::{Digest, Payload, Variant};
use paxos_core::{NodeId, Protocol};
use paxos_transport::sim::Sim;

type Multi = multi_paxos::MultiPaxos<Payload, u64>;
type Fast = fast_paxos::FastPaxos<Payload, u64>;

/// Steps through a run and compares the shown state with what the acceptors report.
fn compare<P>(
    options: P::Options,
    variant: Variant,
    look: impl Fn(&P::Acceptor) -> (String, Vec<(String, String)>),
) where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let script = script("slow-disk", variant, &[]);
    let mut sim: Sim<P, Digest> = Sim::new(world(&script, options).unwrap(), |_| Digest::default());
    sim.settle().unwrap();
    for command in 1..4 {
        sim.submit(NodeId(3), command).unwrap();
        for _ in 0..60 {
            sim.step().unwrap();
            for id in [0, 1, 2].map(NodeId) {
                let (node, shown) = (sim.node(id).unwrap(), state(&sim, id).unwrap());
                let (promised, votes) = look(node.acceptor().unwrap());
                let acceptor = shown.acceptor.unwrap();
                let last = acceptor.promised.last().map_or_else(|| "0.n0".into(), |held| held.ballot.clone());
                assert_eq!(last, promised, "{id}");
                let mine: Vec<_> = acceptor.votes.into_iter().map(|held| (held.slots, held.ballot)).collect();
                assert_eq!(mine, votes, "{id}");
                assert_eq!(shown.leads, node.leading().map(|ballot| ballot.to_string()));
                assert_eq!(shown.leader, node.leader().map(|leader| leader.0));
                let learner = shown.learner.unwrap();
                assert_eq!(learner.applied, node.chosen().applied().index());
                assert!(learner.chosen.iter().all(|(slot, _)| node.chosen().knows(paxos_core::Slot(*slot))));
                assert_eq!(shown.disk.count, sim.disk(id).len());
            }
        }
    }
    assert!(sim.commands().iter().all(|command| command.answer.is_some()), "all of it was seen");
}

fn votes(votes: &paxos_core::Votes<Payload>) -> Vec<(String, String)> {
    let all = votes.within(paxos_core::Slot(0).onwards());
    let each = all.flat_map(|vote| {
        let slots = vote.first.extend(vote.batch.len() as u64);
        slots.iter().map(move |slot| (slot.to_string(), vote.ballot.to_string())).collect::<Vec<_>>()
    });
    each.collect()
}

#[test]
fn the_state_shown_is_the_state_of_the_node() {
    let multi = |acceptor: &multi_paxos::Acceptor<Payload>| {
        (acceptor.promised().to_string(), votes(acceptor.votes()))
    };
    compare::<Multi>((), Variant::Multi, multi);
    let fast =
        |acceptor: &fast_paxos::Acceptor<Payload>| (acceptor.promised().to_string(), votes(acceptor.votes()));
    compare::<Fast>(fast_paxos::Options::default(), Variant::Fast, fast);
}

#[test]
fn a_vote_is_shown_as_unwritten_until_its_sync_ends() {
    let run = play(&script(
        "slow-disk",
        Variant::Multi,
        &[Wait { ms: 250 }, Submit { node: 3 }, Until { what: Answered }],
    ));
    let run = run.unwrap();
    let seen: Vec<bool> = run
        .frames
        .iter()
        .flat_map(|frame| frame.changed.iter().filter(|state| state.node == 1))
        .filter_map(|state| state.acceptor.as_ref()?.votes.first().map(|vote| vote.durable))
        .collect();
    assert_eq!((seen.first(), seen.last()), (Some(&false), Some(&true)), "{seen:?}");
    let voted = run.messages.iter().find(|trip| trip.kind == "accepted" && trip.from == 1).unwrap();
    let before = at_the_end(&run.frames[..voted.sent]);
    assert!(
        before[&1].acceptor.as_ref().unwrap().votes.iter().all(|vote| !vote.durable),
        "it spoke only then"
    );
}
