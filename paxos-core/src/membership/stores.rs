//! Which store each process has, and how the others notice one that has forgotten.
//!
//! Every proof of Paxos rests on the memory of acceptors: what was promised and voted is remembered after a crash (*Paxos
//! Made Simple*, §2.1: an acceptor must remember "even if it fails and is then restarted"). A disk that was lost, wiped,
//! swapped or put back from an older copy breaks that, and the process cannot know: its store looks sound. The others can. Each
//! store has an identity that is drawn when it is made, and counts its writes. Each start of a process with it is a life of the
//! store, which has a number drawn at random, and begins at a count of writes. A carrier tells all of it with whatever a process
//! says ([`crate::Event::Met`]); each process remembers what it heard, and notes it on its own disk with what it writes
//! next. Whoever shows another store than before under the same id, or a life that began with no more writes than
//! were heard of in another one, has forgotten something, and nothing that it says counts.
//!
//! The count alone would not do. A process whose disk was put back from a copy two writes old makes two writes before it says
//! anything, and then shows as many as were heard of, but not the same ones.
//!
//! The argument, which is our own: a process counts nobody's vote or promise before it knows the store that it was written to, and how
//! many writes that had made by then. So whoever has counted an answer never counts another one of the same process that was
//! given without the memory of the first. That holds across restarts for all that was heard before the last write of the
//! one that counts. What cannot be seen:
//!
//! - what was heard after that if *all* that heard it lose power together, and the disks of all members replaced at once;
//! - by a member that has heard of no later write, a copy that was made just before the crash, and by one that never heard of
//!   the process, any disk. Members compare notes ([`crate::Timeouts::gossip`]), so that takes a copy a few turns of this old at
//!   most, or a member that was cut off for as long. Another member that knows better has the process stop as soon as it hears from it;
//! - by the process itself, until it is told: till then its own vote counts for it, and what it takes to be chosen may not be.

use crate::NodeId;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A store, and how far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct StoreMark {
    /// Drawn at random when the store was made: no other store has it.
    pub id: u128,
    /// How many writes it has made durable since. A count that grows with each.
    pub writes: u64,
}

impl fmt::Display for StoreMark {
    /// The first eight digits of the id, and the writes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x} ({} writes)", (self.id >> 96) as u32, self.writes)
    }
}

/// A store in one life: from a start of its process on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct StoreLife {
    /// The store, and how far it has come.
    pub mark: StoreMark,
    /// How many writes it had made at the start, which is one of them.
    pub opened: u64,
    /// Drawn at random for each start.
    pub nonce: u32,
}

impl StoreLife {
    /// The life that begins as `mark` says.
    pub const fn begin(mark: StoreMark, nonce: u32) -> Self {
        Self { mark, opened: mark.writes, nonce }
    }
}

/// A process that must not be believed, because its store is not the one that it had.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Amnesia {
    /// It has another store under the same id.
    #[error(
        "the store of {node} is {found}, and was {known}: its disk was lost, emptied or exchanged, so that it no longer \
         knows what it promised; put the right disk back, or remove {node} from the members and add a new member \
         under an id that was never used"
    )]
    Another {
        /// The process that has forgotten.
        node: NodeId,
        /// The store that is remembered.
        known: StoreMark,
        /// The store that it has now.
        found: StoreMark,
    },
    /// It has the same store in an earlier state.
    #[error(
        "the store of {node} is an older copy: it remembers {found} writes, and {known} were heard of, so that it no longer \
         knows what it promised since; put the newest disk back, or remove {node} from the members and add a new member \
         under an id that was never used"
    )]
    Older {
        /// The process that has forgotten.
        node: NodeId,
        /// The writes that were heard of.
        known: u64,
        /// The writes that its store remembers of them.
        found: u64,
    },
    /// It runs with the store of another process.
    #[error("the store of {node} is that of another process: give each process its own directory")]
    Misplaced {
        /// The process that runs with it.
        node: NodeId,
    },
    /// It remembers other stores of most members.
    #[error(
        "{node} remembers other stores of most members: its disk is from another cluster, or theirs were lost; give it its \
         right directory, or them theirs"
    )]
    Outnumbered {
        /// The process that remembers something else.
        node: NodeId,
    },
    /// It is no member, and remembers another store of this process than this one.
    #[error(
        "{node} remembers another store of this process: it was part of another cluster; stop it, and give it an empty \
         directory and an id that was never used"
    )]
    Contradicts {
        /// The process that remembers something else.
        node: NodeId,
    },
}

impl Amnesia {
    /// What is wrong if `node` shows the store `found`, and `known` is what was heard of it before.
    pub(crate) fn between(node: NodeId, known: StoreLife, found: StoreLife) -> Option<Self> {
        let (before, now) = (known.mark, found.mark);
        if before.id != now.id {
            return Some(Self::Another { node, known: before, found: now });
        }
        // A later life begins behind all that was written in earlier ones.
        let same = (known.opened, known.nonce) == (found.opened, found.nonce);
        let remembered = if same { now.writes } else { found.opened.saturating_sub(1) };
        (remembered < before.writes).then_some(Self::Older { node, known: before.writes, found: remembered })
    }
}
