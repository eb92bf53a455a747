//! Leaders that are cut off or far behind while others decide and while members change.

use super::{Basic, Fast, Multi, Net};
use paxos_core::{
    Batch, Change, ClientId, CommandId, Config, Entry, Limits, Membership, Message, NodeId, NodeSet,
    Proposer, Protocol, Slot, Time, Timeouts,
};

/// Three servers with this α.
fn behind_alpha(alpha: usize) -> Config {
    let config = Config::collapsed(3).expect("lawful");
    Config { limits: Limits { alpha, batch: 1, ..config.limits }, ..config }
}

/// n2 is cut off while 20 commands are answered, then leads with the promise of n1 alone.
fn reads_of_a_leader_that_is_far_behind<P: Protocol<Value = u64, Reply = u64>>() {
    let mut net = Net::<P>::new(behind_alpha(4), 3);
    net.run(|_, _, _| true);
    for k in 0..20 {
        net.submit(0, k);
    }
    for _ in 0..20_000 {
        net.tick(&[0, 1]);
        net.run(|from, to, _| from != 2 && to != 2);
        if net.outcomes.len() == 20 {
            break;
        }
    }
    assert_eq!(net.outcomes.len(), 20, "a majority decides");
    // n0 is gone, and n2 can learn only by leading.
    let mut leads = false;
    for _ in 0..20_000 {
        net.tick(&[2]);
        while let Some((from, to, message)) = net.letters.pop_front() {
            if from != 0 && to != 0 && !matches!(message, Message::Chosen { .. } | Message::Offer { .. }) {
                net.give((from, to, message));
            }
            let node = &net.nodes[2];
            if let Some(index) = node.proposer().and_then(|p| p.read_index(node.chosen())) {
                leads = true;
                assert!(index >= Slot(20), "20 commands were answered, and the read index is {index}");
            }
        }
        if leads && net.nodes[2].chosen().first_unknown() > Slot(3) {
            return;
        }
    }
    panic!("n2 never led: {leads}");
}

#[test]
fn a_leader_far_behind_knows_what_it_found_beyond_alpha() {
    reads_of_a_leader_that_is_far_behind::<Multi>();
    reads_of_a_leader_that_is_far_behind::<Fast>();
}

/// n0 leads and hears in one message of everything that others decided: the members changed, and changed back.
fn a_leader_that_slept_through_an_epoch<P: Protocol<Value = u64, Reply = u64>>() {
    let spares: NodeSet = [NodeId(3), NodeId(4)].into_iter().collect();
    let config = Config { spares, ..behind_alpha(8) };
    let mut net = Net::<P>::new(config, 5);
    net.run(|_, _, _| true);
    net.submit(0, 1);
    net.run(|_, _, _| true);
    let ballot = net.nodes[0].leading().expect("n0 leads");
    let none = Membership::default();
    let both = Membership { proposers: spares, acceptors: spares, learners: spares };
    let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
    let changes = [Change { add: both, remove: NodeSet::EMPTY }, Change { add: none, remove: spares }];
    let mut seq = 0;
    let mut entries: Vec<Entry<u64>> = Vec::new();
    for change in changes {
        entries.push(Entry::Change(CommandId { client, seq }, Box::new(change.into())));
        entries.extend((1..=8).map(|k| Entry::new(client, seq + k, k)));
        seq += 9;
    }
    let first = net.nodes[0].chosen().first_unknown();
    let known = first.plus(entries.len() as u64);
    let before = net.nodes[0].setup().config.members();
    net.give((2, 0, Message::Chosen { first, batch: Batch::from(entries), known, asked: Some(first) }));
    let epochs = net.nodes[0].chosen().epochs().expect("members change");
    assert_eq!((epochs.current().members, net.nodes[0].chosen().first_unknown()), (before, known));
    assert_ne!(net.nodes[0].leading(), Some(ballot), "the promises of {ballot} are those of another epoch");
}

#[test]
fn an_epoch_with_the_members_of_an_earlier_one_has_a_phase_1_of_its_own() {
    a_leader_that_slept_through_an_epoch::<Multi>();
    a_leader_that_slept_through_an_epoch::<Fast>();
}

/// Commands are executed without any timeout or heartbeat.
fn decides_beyond_alpha<P: Protocol<Value = u64, Reply = u64>>(n: u16) {
    let config = Config::collapsed(n).expect("lawful");
    let limits = Limits { alpha: 4, ..config.limits };
    let mut net = Net::<P>::new(Config { limits, timeouts: Timeouts::NEVER, ..config }, n);
    net.run(|_, _, _| true);
    // All commands come in one turn. With a single server, no other event follows.
    for k in 0..39 {
        net.nodes[0].submit(Time(0), k).expect("room");
    }
    net.submit(0, 39);
    net.run(|_, _, _| true);
    assert_eq!(net.outcomes.len(), 40, "{} with {n} servers", P::NAME);
}

#[test]
fn execution_wakes_those_that_wait_behind_alpha() {
    for n in [1, 3] {
        decides_beyond_alpha::<Multi>(n);
        decides_beyond_alpha::<Fast>(n);
        decides_beyond_alpha::<Basic>(n);
    }
}
