//! Abreast Paxos: a replicated log with Raft's rule of election. An acceptor refuses a candidate whose log is behind its own, so
//! a process that wins holds everything that is chosen, and promises report no votes.
//!
//! # The rule, and what it needs
//!
//! Raft: a voter denies its vote if its own log is more up to date than the candidate's. Of two logs, the one whose last entry
//! has the later term is more up to date; if the last terms are the same, the longer one is (Diego Ongaro, *Consensus: Bridging
//! Theory and Practice*, 2014, §3.6.1). A term is a ballot here, a log the votes of one acceptor, and the term of an entry the
//! ballot of the vote. How far a log is ([`Reached`]) is the highest ballot voted in, and the slot after the last vote in it.
//! Votes behind that slot are left over from lower ballots, and not part of the log.
//!
//! Two numbers can stand for a whole log only if logs are alike in the rest. In Multi-Paxos they are not: an acceptor may vote
//! in slot 4 and miss slot 3. Three rules make them alike:
//!
//! 1. **A leader proposes its log again in its own ballot.** Heidi Howard and Richard Mortier (*Paxos vs Raft: Have we reached
//!    consensus on distributed consensus?*, `PaPoC` 2020) describe this as what Paxos does: the entries get the new term, where
//!    Raft's keep theirs. So votes are counted within one ballot, as ever, and the restriction of §3.6.2, that entries of former
//!    terms are not counted, holds without a rule of its own.
//! 2. **All of it at once.** Each phase 2a goes from a slot that its receiver is sure of to the end of the leader's log. With
//!    its first vote in a ballot, an acceptor votes for all that the leader began with. If it voted for a part, it would be ahead
//!    of the acceptors that have all of it in the ballot before, without the rest; it could win, and the rest may be chosen.
//! 3. **Without a gap.** An acceptor votes from slot *s* on if all its entries below are the leader's: they are chosen
//!    ([`Accept::chosen`], or what the node wrote in [`paxos_core::Record::Known`]), or votes in the same ballot. Otherwise it refuses
//!    in the ballot of the leader, and names the slot from which the leader is to send (§3.5 does so by the term before *s*).
//!
//! # Why it is safe
//!
//! *If a value is chosen in slot s and ballot b, the log of every leader of a ballot above b holds it in s.* Suppose not, and let
//! b′ be the lowest ballot above *b* whose leader's log does not. A phase 1 quorum promised b′, and a phase 2 quorum voted in *b*; they
//! share an acceptor. It voted in *b* first, since a promise of b′ forbids votes in *b*. So when it promised, the highest ballot that
//! it had voted in was at least *b*, and by the rule of election so is the ballot *l* that the log of the leader of b′ ends in.
//!
//! - If *l* is above *b*, it lies between *b* and b′, so the leader of *l* held the value. By rule 2, whoever votes in *l* votes for all
//!   that this leader began with and was not sure of already, and by rule 3 the rest is the same as well. So the log holds it.
//! - If *l* is *b*, the acceptor's last ballot is *b*, too, and the log is as long as the acceptor's or longer. By rule 3 its
//!   entries are those of the leader of *b* up to its end, which is behind *s*. So the log holds it.
//!
//! That is the argument of §3.6.3 with the steps that rules 1 to 3 change. The rest is Paxos: no vote below a promise, one value in a
//! slot and ballot, and a quorum of votes in one ballot chooses.
//!
//! # What Raft assumes, and this workspace does not
//!
//! In Raft each server has a log, and a server whose log is far enough stands for election sooner or later. Here a proposer
//! may be no acceptor, and self-appointed leaders stand only when they are asked for something. A proposer without a log, or that
//! nobody would replace, asks to be *lent* one ([`Prepare::log`] is none): then each promise carries the acceptor's log, and the
//! proposer takes the one furthest ahead. That log is not behind any in the quorum, so the argument is the same. Barbara Liskov
//! and James Cowling do so in each view change (*Viewstamped Replication Revisited*, 2012, §4.2).
//!
//! What it costs: a phase 2a repeats what is under way, and one for an acceptor that has missed much, or a lent log, is as long as
//! the log. `Limits::batch` must be above that.

mod acceptor;
mod client;
mod leader;
mod learner;
mod message;
mod proposer;

pub use acceptor::Acceptor;
pub use client::Client;
pub use leader::Leader;
pub use learner::Learner;
pub use message::{Accept, Accepted, Decision, Prepare, Promise, Reached, reached};
pub use proposer::Proposer;

use core::marker::PhantomData;
use paxos_core::{Answer, Ballot, NodeSet, Protocol, Record, Setup, Value};

/// Abreast Paxos over values `V`, whose execution returns `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AbreastPaxos<V, R>(PhantomData<(V, R)>);

impl<V: Value, R: Answer> Protocol for AbreastPaxos<V, R> {
    const NAME: &'static str = "abreast";
    type Reply = R;
    type Options = ();
    paxos_core::types_by_name!(V);

    /// Those of every variant, and the proposer of the same process, which learns its acceptor's log so.
    fn hears_votes(setup: &Setup<()>, ballot: Ballot) -> NodeSet {
        setup.config.hears_votes(ballot).union(NodeSet::only(setup.id))
    }
}

paxos_core::dialect! {
    /// A protocol that speaks these messages: the roles are written for any such protocol.
    pub trait Dialect where Options = ()
}
