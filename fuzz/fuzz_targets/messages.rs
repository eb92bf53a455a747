//! Whatever bytes arrive: what can be read of them as messages does not make a node panic, or work without end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use paxos_core::{
    Config, Event, Fold, Message, Node, NodeId, Protocol, Replica, Setup, Time,
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

type Sum = Fold<u64, u64, u64>;

fn sum() -> Sum {
    Fold::new(0, |sum, n| {
        *sum = sum.wrapping_add(*n);
        *sum
    })
}

/// One of four servers hears one message after the other, a timeout now and then, and is restarted at the end.
fn hear<P>(mut bytes: &[u8])
where
    P: Protocol<Value = u64, Reply = u64>,
    Message<P>: DeserializeOwned,
{
    let mut config = Config::collapsed(4).expect("lawful");
    (config.limits.snapshot, config.limits.chunk, config.limits.alpha) = (4, 16, 16);
    let setup = Setup { id: NodeId(1), config: Arc::new(config), options: P::Options::default() };
    let mut replica = Replica::new(sum(), &setup.config.limits);
    let mut node = Node::<P>::new(setup.clone(), Time(0));
    let (mut now, mut disk) = (Time(0), Vec::new());
    while let Ok(((from, millis, message), rest)) = postcard::take_from_bytes::<(NodeId, u8, Message<P>)>(bytes) {
        bytes = rest;
        now = now.after(core::time::Duration::from_millis(u64::from(millis)));
        node.step(now, Event::Message { from, message });
        if node.deadline().is_some_and(|at| at <= now) {
            node.step(now, Event::Timeout);
        }
        let mut turns = 0;
        while node.is_ready() {
            turns += 1;
            assert!(turns < 100, "it goes on for ever");
            let mut ready = node.ready();
            ready.execute(&mut replica);
            ready.messages();
            ready.outcomes();
            if let Some(write) = ready.append() {
                disk.extend_from_slice(write.records());
                node.durable(write.durable());
            }
        }
        if replica.failure().is_some() {
            return;
        }
    }
    let mut node = Node::<P>::restore(setup, Time(0), 1, &disk);
    node.ready().messages();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((variant, bytes)) = bytes.split_first() else { return };
    match variant % 3 {
        0 => hear::<multi_paxos::MultiPaxos<u64, u64>>(bytes),
        1 => hear::<fast_paxos::FastPaxos<u64, u64>>(bytes),
        _ => hear::<basic_paxos::BasicPaxos<u64, u64>>(bytes),
    }
});
