//! The configuration: the roles of the processes, and every setting that all variants share.

use crate::{
    Ballot, Counts, Epoch, Epochs, Limits, Membership, NodeId, NodeSet, Places, QuorumError, QuorumSystem,
};
use core::time::Duration;
use std::sync::Arc;

/// The processes that hear a vote (phase 2b).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Learning {
    /// Every learner: the fewest delays.
    Everyone,
    /// Only the proposer, as *distinguished learner*; it tells the other learners. The fewest messages.
    #[default]
    Distinguished,
}

/// How a distinguished learner tells the others what is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Announce {
    /// In a message of its own, at once.
    #[default]
    AtOnce,
    /// At once to those that wait for it: their clients' commands are chosen, or they have asked for a read. The others hear with
    /// the next phase 2a or heartbeat; until then a local read there is older, and a read at a slot waits. That saves messages
    /// when clients send one command at a time. All hear at once of changes of members, with thrifty phases, and where phase 2a
    /// and heartbeat do not tell what is chosen ([`crate::Protocol::TELLS_CHOSEN`]).
    ToWaiting,
    /// With the next phase 2a or heartbeat, whichever comes first.
    WithNext,
}

/// The processes that may act as leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leadership {
    /// One at a time. `first` leads from the start, until the others have not heard it for an election timeout.
    Elected {
        /// The process that leads a new cluster. None: the process whose timeout ends first.
        first: Option<NodeId>,
    },
    /// Every proposer with something to propose. A proposer that meets a higher ballot waits before it tries again.
    /// Without a wait, two proposers may duel forever.
    SelfAppointed {
        /// The waiting time, drawn between 0 and `low` at first, doubling up to `high`. It doubles further with every 8 lost
        /// ballots in which nothing is chosen, up to 64 times `high`: two phases may take longer than expected. None: no wait.
        backoff: Option<(Duration, Duration)>,
    },
}

impl Leadership {
    /// The process that leads a new cluster, if it is named.
    pub const fn first(self) -> Option<NodeId> {
        match self {
            Self::Elected { first } => first,
            Self::SelfAppointed { .. } => None,
        }
    }
}

/// When the first leader runs phase 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Campaign {
    /// As soon as it starts, so that it is ready for the first command.
    #[default]
    Eager,
    /// When the first command arrives.
    Lazy,
}

/// The reaction of a client to a refusal, when another process leads or too much is waiting.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Patience {
    /// It follows the leader, and asks again until it is answered.
    #[default]
    Follow,
    /// It tells its caller, if exactly one process was asked for the command, once, and has not taken it. If the
    /// client asked again because no answer came, or asked all processes because it knew no leader, it keeps asking
    /// until the command is answered or given up.
    Report,
}

/// Waiting times. `None` turns the mechanism off, for runs in which messages are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// The time between two heartbeats of a leader.
    pub heartbeat: Option<Duration>,
    /// The shortest time without a leader before a proposer begins an election.
    pub election: Option<Duration>,
    /// The width of the random part of an election timeout: each one is drawn anew between `election` and
    /// `election + election_spread`. None, the default: as wide as `election` itself, so between T and 2T. Zero is
    /// allowed. Proposers whose timeouts end within a message delay of each other compete, which costs time and never
    /// safety. Processes may differ in it.
    pub election_spread: Option<Duration>,
    /// The time before an unanswered phase 1a or 2a is sent again, and before a stuck fast ballot is given up.
    pub resend: Option<Duration>,
    /// The time before a client asks again.
    pub client: Option<Duration>,
    /// The time between two exchanges of progress among learners. Changes of members are checked by these.
    pub gossip: Option<Duration>,
    /// How long an acceptor that has answered a leader's heartbeat answers no phase 1a of another process, so that the
    /// leader may answer reads alone ([`crate::Consistency::Lease`]). To be useful, it must be longer than a heartbeat
    /// interval and a round trip, and shorter than `election`: a host refuses one that is not. A candidate waits until
    /// the lease of a dead leader ends, and for an acceptor that restarts until the longest lease that its store has known
    /// has passed. It must be the same at every process.
    ///
    /// None, the default: no leases. With leases, fresh reads rest on clocks (Gray and Cheriton 1989), see
    /// [`Timeouts::drift`]: a leader whose virtual machine was paused, with its clock, answers stale reads until it
    /// hears of another leader. No other kind of read rests on clocks.
    pub lease: Option<Duration>,
    /// The largest deviation of a process's clock from true time, in millionths, for which leases are right. The clock
    /// must continue while its machine sleeps (a host's does on Linux and Android only) and while it is paused (in a
    /// virtual machine, no clock does if the hypervisor stops it).
    pub drift: u32,
    /// The time after which a client gives up an unanswered command; the outcome is then unknown. A host ends reads
    /// and changes of members after the same time. None: never, so a caller waits as long as there is no quorum.
    pub give_up: Option<Duration>,
    /// The longest time that a leader with room in its window holds back a batch that is not full, from the arrival of
    /// its oldest command on. None: it holds back nothing.
    pub linger: Option<Duration>,
}

impl Default for Timeouts {
    /// For a local network: heartbeats every 20 ms, elections after 100 to 200 ms, no leases; unanswered commands are
    /// given up after 10 s.
    fn default() -> Self {
        let ms = |n| Some(Duration::from_millis(n));
        Self {
            heartbeat: ms(20),
            election: ms(100),
            election_spread: None,
            resend: ms(50),
            client: ms(200),
            gossip: ms(40),
            lease: None,
            drift: 1000,
            give_up: ms(10_000),
            linger: None,
        }
    }
}

impl Timeouts {
    /// No timeouts: a process sends only answers.
    pub const NEVER: Self = Self {
        heartbeat: None,
        election: None,
        election_spread: None,
        resend: None,
        client: None,
        gossip: None,
        lease: None,
        drift: 1000,
        give_up: None,
        linger: None,
    };

    /// Multiplies all waiting times by `factor`.
    #[must_use]
    pub fn scaled(self, factor: u32) -> Self {
        let f = |d: Option<Duration>| d.map(|d| d.saturating_mul(factor));
        Self {
            heartbeat: f(self.heartbeat),
            election: f(self.election),
            election_spread: f(self.election_spread),
            resend: f(self.resend),
            client: f(self.client),
            gossip: f(self.gossip),
            lease: f(self.lease),
            drift: self.drift,
            give_up: f(self.give_up),
            linger: f(self.linger),
        }
    }

    /// The shortest and the longest election timeout. None: there are no elections by timeout.
    ///
    /// ```
    /// use core::time::Duration;
    /// let ms = |n| Some(Duration::from_millis(n));
    /// let mut timeouts = paxos_core::Timeouts { election: ms(150), ..Default::default() };
    /// assert_eq!(timeouts.election_range(), ms(150).zip(ms(300)));
    /// timeouts.election_spread = ms(5);
    /// assert_eq!(timeouts.election_range(), ms(150).zip(ms(155)));
    /// ```
    pub fn election_range(&self) -> Option<(Duration, Duration)> {
        let shortest = self.election?;
        Some((shortest, shortest.saturating_add(self.election_spread.unwrap_or(shortest))))
    }
}

/// The settings that all processes of a cluster share.
#[derive(Clone, Debug)]
pub struct Config {
    /// The processes that may propose.
    pub proposers: NodeSet,
    /// The processes that learn. Proposers also learn where they are distinguished learners.
    pub learners: NodeSet,
    /// The acceptors and their quorums.
    pub quorums: Arc<dyn QuorumSystem>,
    /// The processes that hear votes.
    pub learning: Learning,
    /// How a distinguished learner announces what is chosen.
    pub announce: Announce,
    /// Whether phase 1a and 2a go only to a quorum at first.
    pub thrifty: bool,
    /// The processes that may lead.
    pub leadership: Leadership,
    /// Whether a process that hears no leader asks the acceptors whether they hear one, before it campaigns (Ongaro
    /// 2014, §9.6). True, the default: it campaigns only if a phase 1 quorum hears none. So a process that returns, or
    /// whose link to the leader fails, deposes no leader. False: it campaigns at once, as in the Raft paper of 2014. That saves
    /// a round trip, and acceptors then leave a working leader for it. Proposers that are not acceptors then interrupt a phase 1
    /// that takes longer than their timeouts, as it does while a long log is reported in many messages. Safety and leases
    /// do not depend on this setting, and processes may differ in it. It has no effect where proposers appoint themselves.
    pub pre_vote: bool,
    /// When the first leader runs phase 1.
    pub campaign: Campaign,
    /// The reaction of clients to refusals.
    pub patience: Patience,
    /// Waiting times.
    pub timeouts: Timeouts,
    /// The limits on memory and messages.
    pub limits: Limits,
    /// Processes that are not members and may become members; until then they only learn. A process that is to join a
    /// running cluster starts with the configuration that the cluster began with, and its own id here. Members need not
    /// know of it. It names the other spares as well: they may have replaced all members that it knows.
    pub spares: NodeSet,
    /// The seed of the waiting times that must differ between processes.
    pub seed: u64,
}

impl Config {
    /// Creates a configuration with these quorums, in which the acceptors also propose and learn, the acceptor with
    /// the lowest id leads first, and all other settings have their defaults.
    pub fn new(quorums: Arc<dyn QuorumSystem>) -> Self {
        let acceptors = quorums.acceptors();
        Self {
            proposers: acceptors,
            learners: acceptors,
            quorums,
            learning: Learning::default(),
            announce: Announce::default(),
            thrifty: false,
            leadership: Leadership::Elected { first: acceptors.smallest() },
            pre_vote: true,
            campaign: Campaign::default(),
            patience: Patience::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            spares: NodeSet::EMPTY,
            seed: 0,
        }
    }

    /// Creates a configuration of `n` servers, n0 to n(n−1). Each is proposer, acceptor and learner. Quorums are
    /// majorities, with the matching fast quorums for variants that use them.
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if `n` is 0.
    pub fn collapsed(n: u16) -> Result<Self, QuorumError> {
        Ok(Self::new(Arc::new(Counts::fast(NodeSet::first(n))?)))
    }

    /// Creates a configuration of `proposers` proposers, `acceptors` acceptors and `learners` learners. Each is a
    /// process of its own, numbered in that order from n0.
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if there are none.
    pub fn separate(proposers: u16, acceptors: u16, learners: u16) -> Result<Self, QuorumError> {
        let range = |from: u16, n: u16| (from..from.saturating_add(n)).map(NodeId).collect::<NodeSet>();
        let quorums = Counts::fast(range(proposers, acceptors))?;
        let mut config = Self::new(Arc::new(quorums));
        config.proposers = range(0, proposers);
        config.learners = range(proposers + acceptors, learners);
        config.leadership = Leadership::Elected { first: config.proposers.smallest() };
        Ok(config)
    }

    /// The acceptors.
    pub fn acceptors(&self) -> NodeSet {
        self.quorums.acceptors()
    }

    /// Every process with a role other than client.
    pub fn servers(&self) -> NodeSet {
        self.proposers.union(self.acceptors()).union(self.learners)
    }

    /// The learners and, where they are distinguished learners, the proposers.
    pub fn all_learners(&self) -> NodeSet {
        match self.learning {
            Learning::Everyone => self.learners,
            Learning::Distinguished => self.learners.union(self.proposers),
        }
    }

    /// Whether a process learns, as a member or as a spare.
    pub fn learns(&self, id: NodeId) -> bool {
        self.all_learners().union(self.spares).contains(id)
    }

    /// The roles of the first members.
    pub fn members(&self) -> Membership {
        Membership { proposers: self.proposers, acceptors: self.acceptors(), learners: self.all_learners() }
    }

    /// Returns the same configuration with the members of `epoch`.
    #[must_use]
    pub fn in_epoch(&self, epoch: &Epoch) -> Self {
        let Membership { proposers, learners, .. } = epoch.members;
        Self { proposers, learners, quorums: epoch.quorums.clone(), ..self.clone() }
    }

    /// The members by slot. None if they cannot change: all members must learn, and the quorums must allow others.
    pub fn epochs(&self) -> Option<Epochs> {
        let members = self.members();
        let quorums = self.quorums.over(&Places::of(members.acceptors)).ok()?;
        members.is_sound().then(|| Epochs::new(self.limits.alpha as u64, members, quorums))
    }

    /// The processes that hear a vote in `ballot`.
    pub fn hears_votes(&self, ballot: Ballot) -> NodeSet {
        match self.learning {
            Learning::Everyone => self.learners,
            Learning::Distinguished => NodeSet::only(ballot.owner).intersection(self.proposers),
        }
    }

    /// Whether votes must carry their values, because they reach learners that the phase 2a does not reach.
    pub fn votes_carry_values(&self) -> bool {
        self.learning == Learning::Everyone && !self.learners.is_subset(self.acceptors())
    }

    /// The learner that answers clients where no proposer learns.
    pub(crate) fn answering_learner(&self) -> Option<NodeId> {
        let proposers_learn = !self.proposers.intersection(self.all_learners()).is_empty();
        if proposers_learn { None } else { self.learners.smallest() }
    }
}

/// The input that a role is built from.
#[derive(Clone, Debug)]
pub struct Setup<O> {
    /// The process that plays the role.
    pub id: NodeId,
    /// The settings that all processes share.
    pub config: Arc<Config>,
    /// The variant's own settings.
    pub options: O,
}

/// All processes share one configuration, so setups differ only in their ids.
impl<O> PartialEq for Setup<O> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<O> Eq for Setup<O> {}

impl<O> core::hash::Hash for Setup<O> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}
