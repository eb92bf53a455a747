//! The state machine: a running hash of every byte executed.

use paxos_core::{Slot, StateMachine};
use std::marker::PhantomData;

/// A hash of everything executed so far, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// The number of executed commands.
    pub commands: u64,
    /// The hash.
    pub hash: u64,
}

impl Running {
    /// Mixes in one command: FNV-1a over 64-bit words, in four lanes. So a large payload costs a pass over its bytes,
    /// and not a chain of multiplications.
    pub fn execute(&mut self, bytes: &[u8]) -> u64 {
        const PRIME: u64 = 0x0100_0000_01b3;
        let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(PRIME);
        let word = |bytes: &[u8]| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        };
        let mut lanes = [self.hash, 1, 2, 3];
        let (blocks, rest) = bytes.as_chunks::<32>();
        for block in blocks {
            let (words, _) = block.as_chunks::<8>();
            for (lane, bytes) in lanes.iter_mut().zip(words) {
                *lane = mix(*lane, u64::from_le_bytes(*bytes));
            }
        }
        let folded = if blocks.is_empty() { self.hash } else { lanes.into_iter().fold(0, mix) };
        self.hash = rest.chunks(8).fold(folded, |hash, bytes| mix(hash, word(bytes)));
        self.commands += 1;
        self.hash
    }
}

/// The same as a state machine of this library. A reply is the hash after the command.
#[derive(Clone, Debug)]
pub struct Machine<V> {
    /// The state.
    pub running: Running,
    command: PhantomData<V>,
}

impl<V> Default for Machine<V> {
    fn default() -> Self {
        Self { running: Running::default(), command: PhantomData }
    }
}

impl<V: super::Payload> StateMachine for Machine<V> {
    type Command = V;
    type Reply = u64;
    fn apply(&mut self, _slot: Slot, command: &V) -> u64 {
        self.running.execute(command.as_ref())
    }
}
