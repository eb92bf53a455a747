//! The variants that the lab knows, one line each.

use crate::kv::{Command, Replies};
use crate::theory::{Layout, Learning, Recovery, Run};
use clap::ValueEnum;
use paxos_core::{Protocol, RestoreError, Slot, StateMachine};
use paxos_transport::Portable;
use std::fmt;

/// Defines one variant a line: its name, its text, its type, its options for a recovery and vote copying, its traits.
macro_rules! variants {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $($protocol:ident)::+, $options:expr, $traits:expr;)*) => {
        /// A variant of Paxos.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
        pub enum Variant {
            $($(#[$doc])* $name,)*
        }

        impl Variant {
            /// All variants.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The variant's name in tables and on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The facts that the lab needs about the variant.
            pub const fn traits(self) -> Traits {
                match self {
                    $(Self::$name => $traits,)*
                }
            }

            /// Runs `work`, which serves the replicated store, with this variant.
            pub fn with_store<W: WithStore>(self, work: W) -> W::Out {
                match self {
                    $(Self::$name => {
                        work.run::<$($protocol)::+<Command, Replies>>(($options)(Recovery::Coordinated, true))
                    })*
                }
            }

            /// Runs `work` with this variant.
            pub fn with<W: WithProtocol>(self, recovery: Recovery, copy_votes: bool, work: W) -> W::Out {
                match self {
                    $(Self::$name => {
                        work.run::<$($protocol)::+<Payload, u64>>(($options)(recovery, copy_votes))
                    })*
                }
            }
        }
    };
}

/// The value that the lab's clients submit: a number that the client picked.
pub type Payload = u64;

/// The lab's state machine: a running hash, so that replicas that differ at any slot also differ at the end.
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

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        let state = state.try_into().map_err(|_| RestoreError::Machine("not eight bytes".into()))?;
        self.0 = u64::from_le_bytes(state);
        Ok(())
    }
}

/// The facts that the lab needs about a variant besides its code.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// The rows of the theory tables that apply to it.
    pub runs: &'static [Run],
    /// The only layout and learning that define the variant; `None` if it runs with any.
    pub only: Option<(Layout, Learning)>,
    /// Whether proposers appoint themselves in runs with faults.
    pub leaderless: bool,
    /// Whether clients send to the acceptors, in fast ballots.
    pub fast: bool,
}

/// Phase 1 for every command, any number of proposers.
const TWO_PHASES: Traits = Traits { runs: &[Run::Basic], only: None, leaderless: true, fast: false };

/// One leader, which is also the distinguished learner, and collapsed roles.
const SIMPLE: Traits =
    Traits { only: Some((Layout::Collapsed, Learning::Distinguished)), leaderless: false, ..TWO_PHASES };

/// One leader, which runs phase 1 once.
const LEADER: Traits =
    Traits { runs: &[Run::MultiFirst, Run::MultiSteady], only: None, leaderless: false, fast: false };

/// Fast ballots.
const FAST: Traits = Traits {
    runs: &[
        Run::Fast,
        Run::FastCollision(Recovery::Coordinated),
        Run::FastCollision(Recovery::Uncoordinated),
        Run::FastCollision(Recovery::Classic),
    ],
    only: None,
    leaderless: false,
    fast: true,
};

// To add a variant, add a line here.
variants! {
    /// Basic Paxos: two phases for every command.
    Basic = "basic", basic_paxos::BasicPaxos, |_, _| basic_paxos::Options::default(), TWO_PHASES;
    /// Simple Paxos: Basic Paxos with collapsed roles and one leader as distinguished proposer and learner.
    Simple = "simple", basic_paxos::BasicPaxos, |_, _| basic_paxos::Options::default(), SIMPLE;
    /// Multi-Paxos: phase 1 once, then phase 2 only.
    Multi = "multi", multi_paxos::MultiPaxos, |_, _| (), LEADER;
    /// Fast Paxos: clients send to the acceptors directly.
    Fast = "fast", fast_paxos::FastPaxos, fast_options, FAST;
}

/// Work that can be done with any variant.
pub trait WithProtocol {
    /// The result of the work.
    type Out;
    /// Does the work.
    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out;
}

/// Work that can be done with any variant that replicates the key-value store.
pub trait WithStore {
    /// The result of the work.
    type Out;
    /// Does the work.
    fn run<P: Portable + Protocol<Value = Command, Reply = Replies>>(self, options: P::Options) -> Self::Out;
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Variant {
    /// The layout and learning that the variant runs with when these are requested.
    pub fn placed(self, layout: Layout, learning: Learning) -> (Layout, Learning) {
        self.traits().only.unwrap_or((layout, learning))
    }
}

/// The options of Fast Paxos for a recovery and vote copying.
pub(crate) fn fast_options(recovery: Recovery, copy_votes: bool) -> fast_paxos::Options {
    let recovery = match recovery {
        Recovery::Classic => fast_paxos::Recovery::Classic,
        Recovery::Coordinated => fast_paxos::Recovery::Coordinated,
        Recovery::Uncoordinated => fast_paxos::Recovery::Uncoordinated,
    };
    fast_paxos::Options { recovery, copy_votes, ..fast_paxos::Options::default() }
}
