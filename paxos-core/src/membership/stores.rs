//! The store of each process, and how other processes notice a store that has forgotten.
//!
//! Every proof of Paxos rests on the memory of acceptors: they remember their promises and votes after a crash (*Paxos
//! Made Simple*, §2.1: an acceptor must remember "even if it fails and is then restarted"). A disk that was lost,
//! wiped, exchanged or put back from an older copy breaks this, and the process cannot know, because its store looks
//! sound. The other processes can know. Each store has an identity that is drawn when it is created, and a count of
//! its writes. Each start of a process with the store is an incarnation of the store, with a random number and the
//! count of writes at which it began. A carrier reports all this with every message of a process
//! ([`crate::Event::Met`]). Each process remembers what it heard, and notes it on its own disk with its next write. A
//! process has forgotten something, and nothing that it says counts, if it shows another store than before under the
//! same id, or an incarnation that began with no more writes than were heard of in another incarnation.
//!
//! The count alone is not enough. A process whose disk was put back from a copy two writes old makes two writes before
//! it says anything. It then shows as many writes as were heard of, but not the same ones. And each start is a write: a
//! copy three writes old that a supervisor starts four times began with more writes than were heard of. So a store keeps the
//! starts that it remembers ([`Former`]), and shows them when it is met: what was heard of it must be one of them.
//!
//! A change of members names the stores of the processes that it adds ([`crate::Reconfiguration`]). So a process that
//! has never heard of such a member knows which store joined, and with how many writes, as soon as it counts it as a
//! member.
//!
//! The argument is our own. A process counts a vote or promise only if it knows the store in which that was written,
//! and the number of writes by then. So a process that has counted an answer never counts another answer of the same
//! sender that was given without the memory of the first. Across restarts, this holds for everything heard before the
//! last write of the process that counts. The following cannot be noticed:
//!
//! - what was heard after that write, if *all* that heard it lose power together, and all members' disks are replaced
//!   at once;
//! - a copy made in the last incarnation before the crash, by a member whose own disk has recorded no later write: it
//!   records a new incarnation when it hears of it, and later writes of the same one with its own next write. Any disk of a
//!   founding member, by a member that has never heard of it, and of a member that was added by force before the process
//!   asked had heard of it. A process that knows better, be it a member or not, stops the process when it hears from it;
//! - a copy that was started more than 256 times before it met anybody who knows better, if what was heard of is a start that
//!   its list would have had in the gap ([`Former`]). A process that was told that its disk is an older copy writes that
//!   down, and never goes on with that disk;
//! - anything, by the process itself, until it is told. Until then its own vote counts for it, and it may be wrong
//!   about what is chosen.

use crate::NodeId;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A store and its state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct StoreMark {
    /// A number drawn at random when the store was created. No other store has it.
    pub id: u128,
    /// The number of writes that it has made durable since then.
    pub writes: u64,
}

impl fmt::Display for StoreMark {
    /// The first eight digits of the id, and the number of writes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x} ({} writes)", (self.id >> 96) as u32, self.writes)
    }
}

/// A store in one incarnation: since a start of its process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Incarnation {
    /// The store and its state.
    pub mark: StoreMark,
    /// The number of writes at the start. The start itself is one of them.
    pub opened: u64,
    /// A number drawn at random for each start.
    pub nonce: u32,
}

impl Incarnation {
    /// Creates the incarnation that begins at `mark`.
    pub const fn begin(mark: StoreMark, nonce: u32) -> Self {
        Self { mark, opened: mark.writes, nonce }
    }

    /// The start with which it began.
    pub const fn start(self) -> Start {
        Start { opened: self.opened, nonce: self.nonce }
    }

    /// Whether both are states of one incarnation.
    pub(crate) fn continues(self, other: Self) -> bool {
        (self.mark.id, self.start()) == (other.mark.id, other.start())
    }
}

/// A start of a process with a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The number of writes at the start, itself one of them.
    pub opened: u64,
    /// A number drawn at random.
    pub nonce: u32,
}

/// The starts that a store remembers, before the current one, oldest first. Two copies of a store that went different ways
/// remember different ones. Of more than 512, the first and the last 256 are kept.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Former(Arc<[Start]>);

impl Former {
    /// The most starts that are kept.
    pub const MOST: usize = 512;

    /// Creates the list for a store that keeps these starts.
    pub fn new(starts: &[Start]) -> Self {
        Self(starts.into())
    }

    /// The starts, oldest first.
    pub fn starts(&self) -> &[Start] {
        &self.0
    }

    /// Adds a start to a list, and drops one in the middle if there are too many.
    pub fn add(starts: &mut Vec<Start>, start: Start) {
        if starts.len() >= Self::MOST {
            starts.remove(Self::MOST / 2);
        }
        starts.push(start);
    }

    /// How many of the writes that `known` has made a store remembers that is now in the incarnation `found`.
    fn remembered(&self, known: Incarnation, found: Incarnation) -> u64 {
        if known.continues(found) {
            return found.mark.writes;
        }
        let starts = self.starts();
        // A later incarnation begins after all writes of earlier ones.
        let by_count = found.opened.saturating_sub(1);
        if let Some(at) = starts.iter().position(|start| *start == known.start()) {
            return starts.get(at + 1).map_or(by_count, |next| next.opened.saturating_sub(1));
        }
        let half = Self::MOST / 2;
        let is_dropped = starts.len() >= Self::MOST
            && (starts[half - 1].opened..starts[half].opened).contains(&known.opened);
        if starts.is_empty() || is_dropped { by_count } else { by_count.min(known.opened.saturating_sub(1)) }
    }
}

/// The reason why a process must not be believed: its store is not the one that it had.
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
    /// Its store is an older state of the same store.
    #[error(
        "the store of {node} is an older copy: it remembers {found} writes, but {known} were reported, so it no longer \
         knows its latest promises; put the newest disk back, or remove {node} from the members and add a new member \
         under an id that was never used"
    )]
    Older {
        /// The process that has forgotten.
        node: NodeId,
        /// The number of writes that were heard of.
        known: u64,
        /// The number of these writes that its store remembers.
        found: u64,
    },
    /// It runs with the store of another process.
    #[error("the store of {node} is that of another process: give each process its own directory")]
    Misplaced {
        /// The process that runs with it.
        node: NodeId,
    },
    /// It remembers other stores for most members.
    #[error(
        "{node} remembers other stores for most members: its disk is from another cluster, or theirs were lost. If theirs were \
         lost, this one may be the only copy of the data: keep it, stop the others, and recover from it as from a lost quorum"
    )]
    Outnumbered {
        /// The process with the other memory.
        node: NodeId,
    },
    /// It is not a known member, and remembers another store of this process, with fewer writes.
    #[error(
        "{node} remembers another store of this process: either this process's own disk was lost or exchanged, or {node} \
         belongs to another cluster; find out which, and replace that one by a new process with an empty directory and an \
         id that was never used"
    )]
    Contradicts {
        /// The process with the other memory.
        node: NodeId,
    },
}

impl Amnesia {
    /// Returns what is wrong if `node` shows the store `found`, which remembers the starts `former`, and `known` was heard of before.
    pub(crate) fn between(
        node: NodeId,
        known: Incarnation,
        found: Incarnation,
        former: &Former,
    ) -> Option<Self> {
        let (before, now) = (known.mark, found.mark);
        if before.id != now.id {
            return Some(Self::Another { node, known: before, found: now });
        }
        let remembered = former.remembered(known, found);
        (remembered < before.writes).then_some(Self::Older { node, known: before.writes, found: remembered })
    }
}
