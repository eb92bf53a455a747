//! Whatever records a disk holds: what can be read of them does not make a node panic when it starts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use paxos_core::{Config, Node, NodeId, Protocol, Record, Setup, Time};
use std::sync::Arc;

fn start<P: Protocol<Value = u64, Reply = u64, Record = Record<u64>>>(bytes: &[u8]) {
    let Ok(records) = postcard::from_bytes::<Vec<Record<u64>>>(bytes) else { return };
    let config = Arc::new(Config::collapsed(3).expect("lawful"));
    let setup = Setup { id: NodeId(1), config, options: P::Options::default() };
    let mut node = Node::<P>::restore(setup, Time(0), 1, &records);
    node.ready().messages();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((variant, bytes)) = bytes.split_first() else { return };
    match variant % 3 {
        0 => start::<multi_paxos::MultiPaxos<u64, u64>>(bytes),
        1 => start::<fast_paxos::FastPaxos<u64, u64>>(bytes),
        _ => start::<basic_paxos::BasicPaxos<u64, u64>>(bytes),
    }
});
