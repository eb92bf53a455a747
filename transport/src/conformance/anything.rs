//! Arbitrary readable messages in any order and from any process cause no panic and no endless turn.

mod draw;
mod peers;

use super::cluster::Journal;
use super::{Facts, Tested, as_usual, seeds};
use core::time::Duration;
use draw::Draw;
use paxos_core::{
    Bytes, Change, Config, Consistency, Event, InBallot, Kind, Learning, Membership, Message, Node, NodeId,
    NodeSet, Patience, Replica, Sections, Setup, Slot, Snapshot, Time,
};
use peers::Peers;
use serde::Deserialize;
use std::sync::Arc;

/// One node of a small cluster receives 60 messages or timeouts, and various requests. Some of the messages are answers
/// of acceptors to it.
pub fn whatever_can_be_read_makes_no_node_panic_or_work_without_end<P: Tested>(facts: &Facts<P>) {
    let (mut heard, mut led, mut learned) = ([0_u64; 6], 0, 0);
    let seeds = seeds(facts.seeds.messages);
    let all = seeds.end - seeds.start;
    for seed in seeds {
        let (leads, learns) = converse(seed, facts, &mut heard);
        led += u64::from(leads);
        learned += u64::from(learns);
    }
    if as_usual() {
        // If no message could be read, or no node got beyond phase 1, this test would find nothing.
        assert!(heard.iter().all(|n| *n > 0), "messages of each phase and others: {heard:?}");
        assert!(led > all / 10 && learned > all / 10, "{led} led and {learned} learned, of {all}");
    }
}

fn config(seed: u64) -> Config {
    let config = if seed % 3 == 2 { Config::separate(2, 3, 2) } else { Config::collapsed(3) };
    let mut config = config.expect("servers");
    if seed.is_multiple_of(2) {
        config.learning = Learning::Everyone;
    }
    config.timeouts.lease = (seed % 5 < 2).then(|| Duration::from_millis(80));
    (config.limits.reads, config.limits.alpha) = (5, 1 + seed as usize % 9);
    if seed % 7 < 3 {
        config.spares = [3, 4].map(NodeId).into_iter().collect();
    }
    (config.limits.window, config.limits.session) = (6, 4);
    (config.limits.idle, config.limits.sessions) = (5, 2);
    if seed % 5 < 2 {
        config.patience = Patience::Report;
        config.timeouts.give_up = Some(Duration::from_millis(400));
    }
    (config.limits.snapshot, config.limits.chunk) = (1 + seed % 3, 1 << (seed % 5));
    config
}

/// Returns whether the node led, and whether it learned anything.
fn converse<P: Tested>(seed: u64, facts: &Facts<P>, heard: &mut [u64; 6]) -> (bool, bool) {
    let mut draw = Draw::new(seed);
    let mut config = config(seed);
    if facts.pieces {
        config.limits.batch = 3;
    }
    let config = Arc::new(config);
    let id = NodeId(if seed % 3 == 2 { draw.below(7) as u16 } else { 0 });
    let setup = Setup { id, config: Arc::clone(&config), options: (facts.options)(seed) };
    let mut replica = Replica::new(Journal::default(), &config.limits);
    let mut peers = Peers::<P>::new(&setup);
    let (mut node, mut now, mut led) = (Node::<P>::new(setup, Time(0)), 0, false);
    for _ in 0..60 {
        let from = NodeId(draw.below(7) as u16);
        draw.speak_as(from, node.chosen().first_unknown());
        let event = if draw.below(6) == 0 {
            now += draw.below(200_000_000);
            Event::Timeout
        } else if draw.below(3) == 0
            && let Some((from, message)) = peers.answer(&mut draw)
        {
            Event::Message { from, message }
        } else {
            let Some(message) = message::<P>(&mut draw) else { continue };
            heard[phase(&message)] += 1;
            Event::Message { from, message }
        };
        ask(&mut draw, &mut node, Time(now));
        node.step(Time(now), event);
        let mut said = 0;
        node.process(
            &mut replica,
            |envelope| {
                said += 1;
                draw.hear(ballot(&envelope.message));
                peers.ask(&envelope);
                assert!(said < 100_000, "seed {seed}: a turn without end");
            },
            |_| {},
            |_| {},
        );
        while node.readable().is_some() {}
        node.changes().for_each(drop);
        assert!(node.status().applied >= node.status().log_start.min(replica.next()));
        led |= node.leading().is_some();
    }
    (led, node.chosen().first_unknown() > Slot(0))
}

/// Makes random requests, as a driver may: a command, a read, a change of members, a transfer.
fn ask<P: Tested>(draw: &mut Draw, node: &mut Node<P>, now: Time) {
    if draw.below(9) == 0 {
        // The node refuses commands beyond its limit.
        let _ = node.submit(now, 3);
    }
    if draw.below(20) == 0 {
        let ids = [(); 2].map(|()| NodeId(draw.below(7) as u16));
        let mut some = || (0..7).filter(|_| draw.flip()).map(NodeId).collect::<NodeSet>();
        let members = Membership { proposers: some(), acceptors: some(), learners: some() };
        let all = [
            Change { add: members, remove: some() },
            Change::add(ids[0]),
            Change::remove(ids[0]),
            Change::replace(ids[0], ids[1]),
            Change::add_learner(ids[0]),
        ];
        let change = all[draw.below(5) as usize];
        let _ = if draw.flip() { node.force_change(now, change) } else { node.submit_change(now, change) };
    }
    if draw.below(20) == 0 {
        // Only a leader accepts this.
        let _ = node.transfer(now, NodeId(draw.below(7) as u16));
    }
    if draw.below(9) == 0 {
        let ways = [
            Consistency::Confirmed,
            Consistency::Lease,
            Consistency::Quorum,
            Consistency::AtLeast(Slot(draw.below(8))),
        ];
        // Only a process with a replica accepts this.
        let _ = node.read(now, ways[draw.below(4) as usize]);
    }
}

/// Draws a readable message.
fn message<P: Tested>(draw: &mut Draw) -> Option<Message<P>> {
    // Deserializing refuses impossible numbers.
    let mut message = (0..20).find_map(|_| Message::<P>::deserialize(&mut *draw).ok())?;
    // Half of the messages about snapshots refer to a valid one.
    let real = snapshot(draw);
    let (id, place) = (real.id(), if draw.flip() { 0 } else { draw.number() });
    if draw.flip() {
        return Some(message);
    }
    if let Message::Offer { snapshot } | Message::Fetch { snapshot, .. } | Message::Chunk { snapshot, .. } =
        &mut message
    {
        *snapshot = id;
    }
    if let Message::Fetch { offset, .. } | Message::Chunk { offset, .. } = &mut message {
        *offset = place;
    }
    if let Message::Chunk { bytes, .. } = &mut message {
        *bytes = real.read_all().expect("it is in memory");
    }
    Some(message)
}

/// Draws a snapshot that decodes, with arbitrary content.
fn snapshot(draw: &mut Draw) -> Snapshot {
    let sessions = [&[1, 0, 0][..], &[1, 9]][draw.below(2) as usize];
    let next = Slot(draw.number());
    let machine = Bytes::from(vec![0; 8]);
    Snapshot::new(&Sections { next, machine, sessions: sessions.into(), membership: Bytes::empty() })
}

/// The ballot of a message, if it belongs to a phase.
fn ballot<P: Tested>(message: &Message<P>) -> Option<paxos_core::Ballot> {
    if let Message::Prepare(m) = message {
        Some(m.ballot())
    } else if let Message::Promise(m) = message {
        Some(m.ballot())
    } else if let Message::Accept(m) = message {
        Some(m.ballot())
    } else if let Message::Accepted(m) = message {
        Some(m.ballot())
    } else if let Message::Decide(m) = message {
        Some(m.ballot())
    } else {
        None
    }
}

/// The index of the message's kind among the five kinds of a variant, or the index after them.
fn phase<P: Tested>(message: &Message<P>) -> usize {
    let own = [Kind::Prepare, Kind::Promise, Kind::Accept, Kind::Accepted, Kind::Decide];
    own.iter().position(|kind| *kind == message.kind()).unwrap_or(own.len())
}
