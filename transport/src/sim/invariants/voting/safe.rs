//! The central invariant: every phase 2a is safe.

use crate::sim::invariants::{Book, Memory, Name, Verdict, hold, show};
use paxos_core::{Ballot, NodeSet, Phase, QuorumSystem, Slot};

/// What a phase 2a message asks acceptors to vote for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// This value.
    Value(Name),
    /// Any value that a client sends.
    Any,
}

impl Ask {
    fn conflicts(self, with: Name) -> bool {
        self != Self::Value(with)
    }
}

/// The part of all disks that concerns one slot.
#[derive(Debug)]
pub struct View<'a, R> {
    /// The quorums of the slot.
    pub quorums: &'a dyn QuorumSystem,
    /// The memory of every acceptor, by id.
    pub memories: &'a [Memory],
    /// The slot.
    pub slot: Slot,
    /// The book of the slot, if there is one.
    pub book: Option<&'a Book<R>>,
    /// The fast ballots that were opened for the slot.
    pub opened: &'a [Ballot],
}

impl<R> View<'_, R> {
    /// The acceptors that may still vote for any value in `ballot`: they have not promised a higher ballot, by promise
    /// or by vote, and have not voted in this one.
    fn free(&self, ballot: Ballot) -> NodeSet {
        let voted = self.book.map_or(NodeSet::EMPTY, |book| book.voted_in(ballot));
        self.those_who_promised(|promised| promised <= ballot).without(voted)
    }

    fn those_who_promised(&self, test: impl Fn(Ballot) -> bool) -> NodeSet {
        let promised = |node: &paxos_core::NodeId| {
            self.memories.get(usize::from(node.0)).map_or(Ballot::ZERO, |m| m.promised(self.slot))
        };
        self.quorums.acceptors().iter().filter(|node| test(promised(node))).collect()
    }

    /// Whether `name` has been or might yet be chosen in `ballot` (*choosable*, *Fast Paxos*, §2.2.2): every acceptor
    /// of some quorum has voted for it there or may still do so.
    pub fn is_choosable(&self, ballot: Ballot, name: Name) -> bool {
        let voted = self.book.map_or(NodeSet::EMPTY, |book| book.voters(ballot, name));
        self.quorums.is_quorum(Phase::of(ballot), voted.union(self.free(ballot)))
    }

    /// Whether a value without votes might yet be chosen in `ballot`.
    pub fn is_open(&self, ballot: Ballot) -> bool {
        self.quorums.is_quorum(Phase::of(ballot), self.free(ballot))
    }
}

/// For any rounds *i* and *j* with *j* < *i*: if a value has been chosen or might yet be chosen in round *j*, then no
/// acceptor votes in round *i* for another value (*Fast Paxos*, §2.2.2, condition CP; for classic rounds *Paxos Made
/// Simple*, §2.2, P2c). This is checked exactly, from the durable votes and promises, and in both directions: a
/// proposal must be consistent with what lower ballots may choose, and proposals in higher ballots must be consistent
/// with this one.
///
/// # Errors
/// If another value may be chosen in a lower ballot, if too few acceptors have promised for the proposer to know, or if
/// this proposal comes late and may be chosen below a conflicting one.
pub fn proposals_are_safe<R>(view: &View<'_, R>, ballot: Ballot, ask: Ask) -> Verdict {
    enough_have_promised(view, ballot)?;
    let (slot, asked) = (view.slot, || match ask {
        Ask::Value(name) => show(name),
        Ask::Any => "any value".into(),
    });
    let unsafe_at = |lower: Ballot, what: &str, at: &str| {
        hold("proposals_are_safe", false, || {
            format!("{ballot} asks for {} in {slot}, while {what} may be chosen in {at} {lower}", asked())
        })
    };
    for lower in view.opened.iter().filter(|lower| **lower < ballot) {
        if view.is_open(*lower) {
            return unsafe_at(*lower, "any value", "the open ballot");
        }
    }
    let Some(book) = view.book else { return Ok(()) };
    let voted = book.votes.iter().map(|v| (v.ballot, v.name));
    for (other, name) in book.proposed.iter().copied().chain(voted) {
        if !ask.conflicts(name) {
            continue;
        }
        if other < ballot && view.is_choosable(other, name) {
            return unsafe_at(other, &show(name), "the lower ballot");
        }
        let may_be_chosen = || match ask {
            Ask::Value(mine) => view.is_choosable(ballot, mine),
            Ask::Any => view.is_open(ballot),
        };
        if other > ballot && may_be_chosen() {
            return hold("proposals_are_safe", false, || {
                let (mine, theirs) = (asked(), show(name));
                format!(
                    "{ballot} asks for {mine} in {slot} and may have it chosen, below {other} with {theirs}"
                )
            });
        }
    }
    Ok(())
}

/// A phase 1 quorum separates the proposer's term from all lower ballots: every phase 2 quorum has an acceptor that has
/// promised the term (*Paxos Made Simple*, §2.2, phase 2(a)).
fn enough_have_promised<R>(view: &View<'_, R>, ballot: Ballot) -> Verdict {
    let term = Ballot::classic(ballot.round(), ballot.owner);
    let behind = view.those_who_promised(|promised| promised < term);
    let quorums = view.quorums;
    let gap = quorums.is_quorum(Phase::TwoClassic, behind) || quorums.is_quorum(Phase::TwoFast, behind);
    hold("proposals_are_safe", !gap, || {
        format!(
            "{ballot} proposes in {}, while {behind} have not promised it and may choose without it",
            view.slot
        )
    })
}
