//! The variants that the lab knows: one line each.

use crate::theory::Recovery;
use clap::ValueEnum;
use paxos_core::{Protocol, Slot, StateMachine};
use std::fmt;

/// What the lab's clients want agreed: a number of their own.
pub type Payload = u64;

/// The lab's state machine: a running hash, so that replicas that differ anywhere differ at the end.
#[derive(Clone, Debug, Default)]
pub struct Digest(u64);

impl Digest {
    /// The hash so far.
    pub fn value(&self) -> u64 {
        self.0
    }
}

impl StateMachine for Digest {
    type Command = Payload;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, command: &Payload) -> u64 {
        self.0 = (self.0 ^ command).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17);
        self.0
    }
}

/// A variant to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Variant {
    /// Basic Paxos: two phases for every command.
    Basic,
    /// Simple Paxos: Basic Paxos with collapsed roles and one leader as distinguished proposer and learner.
    Simple,
    /// Multi-Paxos: phase 1 once, then phase 2 only.
    Multi,
    /// Fast Paxos: clients send to the acceptors directly.
    Fast,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic => "basic",
            Self::Simple => "simple",
            Self::Multi => "multi",
            Self::Fast => "fast",
        })
    }
}

/// Something that can be done with any variant.
pub trait WithProtocol {
    /// What comes out.
    type Out;
    /// Does it.
    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out;
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Basic, Self::Simple, Self::Multi, Self::Fast];

    /// Does `work` with this variant.
    pub fn with<W: WithProtocol>(self, recovery: Recovery, copy_votes: bool, work: W) -> W::Out {
        match self {
            Self::Basic | Self::Simple => {
                work.run::<basic_paxos::BasicPaxos<Payload, u64>>(basic_paxos::Options::default())
            }
            Self::Multi => work.run::<multi_paxos::MultiPaxos<Payload, u64>>(()),
            Self::Fast => work.run::<fast_paxos::FastPaxos<Payload, u64>>(fast_options(recovery, copy_votes)),
        }
    }
}

fn fast_options(recovery: Recovery, copy_votes: bool) -> fast_paxos::Options {
    let recovery = match recovery {
        Recovery::Classic => fast_paxos::Recovery::Classic,
        Recovery::Coordinated | Recovery::Uncoordinated => fast_paxos::Recovery::Coordinated,
    };
    fast_paxos::Options { recovery, copy_votes }
}
