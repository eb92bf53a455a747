//! The state of a process, read from its node and its disk.

use super::frame::{Accepting, Held, Knowing, Proposing, Shelf, State};
use crate::variants::{Digest, Payload};
use paxos_core::{Ballot, Fact, NodeId, Protocol, Recorded, Slot, SlotRange};
use paxos_transport::sim::invariants::Memory;
use paxos_transport::sim::{Sim, Submitted};
use std::collections::BTreeMap;

/// How many of the latest slots, commands and records are shown.
const SHOWN: usize = 8;

/// Returns the current state of `id`.
pub(super) fn state<P>(sim: &Sim<P, Digest>, id: NodeId) -> Option<State>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let (node, up) = (sim.node(id)?, sim.is_up(id));
    let status = node.status();
    // A process that is down has lost everything except its disk.
    let alive = |plays: bool| (up && plays).then_some(());
    Some(State {
        node: id.0,
        up,
        paused: sim.is_paused(id),
        disk_stopped: sim.disk_is_stopped(id),
        removed: up && node.is_removed(),
        members: node
            .chosen()
            .epochs()
            .filter(|_| up)
            .map(|epochs| epochs.current().members.servers().to_string()),
        leader: status.leader.filter(|_| up).map(|leader| leader.0),
        leads: node.leading().filter(|_| up).map(|ballot| ballot.to_string()),
        proposer: alive(status.plays.proposer).map(|()| Proposing {
            ballot: shown(status.load.ballot),
            highest: shown(status.highest),
            under_way: status.load.in_flight.count,
            waiting: status.load.waiting.count,
        }),
        acceptor: alive(status.plays.acceptor).map(|()| acceptor(sim, id)),
        learner: alive(status.plays.learner).map(|()| {
            let chosen = node.chosen();
            let known = chosen.within(SlotRange::new(chosen.start(), chosen.end()));
            let each = known.flat_map(|(slots, batch)| {
                let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
                slots.iter().map(Slot::index).zip(names).collect::<Vec<_>>()
            });
            let (earlier, chosen_last) = latest(each.collect());
            let state = sim.machine(id).map_or(0, Digest::value);
            Knowing {
                chosen: chosen_last,
                earlier,
                applied: chosen.applied().index(),
                state: format!("{state:016x}"),
            }
        }),
        commands: latest(sim.commands().iter().filter(|c| c.id.client.node == id).map(command).collect()).1,
        disk: shelf(sim.disk(id)),
        unwritten: shelf(unwritten(sim, id)),
    })
}

fn shown(ballot: Ballot) -> Option<String> {
    (ballot != Ballot::ZERO).then(|| ballot.to_string())
}

fn latest<T>(mut all: Vec<T>) -> (usize, Vec<T>) {
    let earlier = all.len().saturating_sub(SHOWN);
    (earlier, all.split_off(earlier))
}

fn unwritten<P>(sim: &Sim<P, Digest>, id: NodeId) -> impl Iterator<Item = &P::Record>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    sim.unwritten(id).flat_map(paxos_core::Write::records)
}

/// The promises and votes of the acceptor. All of them are in its records on disk and on their way to the disk, because
/// an acceptor writes everything that it must not forget.
fn acceptor<P>(sim: &Sim<P, Digest>, id: NodeId) -> Accepting
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let (mut on_disk, mut votes) = (Memory::default(), BTreeMap::new());
    sim.disk(id).iter().for_each(|record| read(record, true, &mut on_disk, &mut votes));
    let mut now = on_disk.clone();
    unwritten(sim, id).for_each(|record| read(record, false, &mut now, &mut votes));
    let promised = now.promises().map(|(slots, ballot)| Held {
        slots: slots.to_string(),
        ballot: ballot.to_string(),
        value: None,
        durable: on_disk.has_promised(ballot, slots),
    });
    let promised = latest(promised.collect()).1;
    let (earlier, votes) = latest(votes.into_values().collect());
    Accepting { promised, votes, earlier }
}

fn read<R: Recorded<Payload>>(
    record: &R,
    durable: bool,
    memory: &mut Memory,
    votes: &mut BTreeMap<Slot, Held>,
) {
    record.facts(&mut |fact| match fact {
        Fact::Promise { ballot, slots, .. } => memory.promise(ballot, slots),
        Fact::Vote { ballot, slot, entry: Some(entry) } => {
            memory.vote(ballot, slot);
            let (slots, ballot, value) = (slot.to_string(), ballot.to_string(), Some(entry.to_string()));
            votes.insert(slot, Held { slots, ballot, value, durable });
        }
        Fact::Vote { entry: None, .. }
        | Fact::Prepare { .. }
        | Fact::Any { .. }
        | Fact::Propose { .. }
        | Fact::Chosen { .. } => {}
    });
}

fn command(command: &Submitted<u64>) -> (String, String) {
    let end = if let Some(answer) = &command.answer {
        format!("answered: executed in {}", answer.slot)
    } else if let Some(changed) = &command.changed {
        match changed.result {
            Ok(from) => format!("answered: the members change from {from} on"),
            Err(_) => "answered: the members do not change".into(),
        }
    } else if let Some(reason) = &command.unanswered {
        format!("not answered: {}", reason.name())
    } else if command.abandoned {
        "not answered: its process crashed".into()
    } else {
        "not answered yet".into()
    };
    (command.id.to_string(), end)
}

fn shelf<'a, R: Recorded<Payload>>(records: impl IntoIterator<Item = &'a R>) -> Shelf {
    let all: Vec<&R> = records.into_iter().collect();
    let count = all.len();
    let last = latest(all).1.into_iter().map(words).collect();
    Shelf { count, last }
}

/// Describes a record in words.
fn words<R: Recorded<Payload>>(record: &R) -> String {
    let mut words: Vec<String> = Vec::new();
    record.facts(&mut |fact| match fact {
        Fact::Promise { ballot, slots, .. } => words.push(format!("promise {ballot} {slots}")),
        Fact::Vote { ballot, slot, entry: Some(entry) } => {
            words.push(format!("vote {ballot} {slot} {entry}"));
        }
        Fact::Chosen { slot, entry: Some(entry) } => words.push(format!("chosen {slot} {entry}")),
        Fact::Chosen { slot, entry: None } => words.push(format!("chosen {slot}, as voted")),
        Fact::Vote { entry: None, .. } | Fact::Prepare { .. } | Fact::Any { .. } | Fact::Propose { .. } => {}
    });
    match (words.is_empty(), record.ballot(), record.as_met()) {
        (false, ..) => words.join(", "),
        (true, Some(ballot), _) => format!("begins {ballot}"),
        (true, None, Some((peer, _))) => format!("knows the store of {peer}"),
        (true, None, None) => "a record of another kind".into(),
    }
}
