//! The configuration: who plays which role, and every knob that all variants share.

use crate::{
    Ballot, Counts, Epoch, Epochs, Limits, Membership, NodeId, NodeSet, Places, QuorumError, QuorumSystem,
};
use core::time::Duration;
use std::sync::Arc;

/// Who hears a vote (phase 2b).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Learning {
    /// Every learner: fewest delays.
    Everyone,
    /// The proposer alone, as *distinguished learner*, which then tells the learners: fewest messages.
    #[default]
    Distinguished,
}

/// How a distinguished learner tells the others what is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Announce {
    /// In a message of its own, at once.
    #[default]
    AtOnce,
    /// With the next phase 2a or heartbeat, whichever comes first.
    WithNext,
}

/// Who may act as leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leadership {
    /// One at a time. `first` leads from the start, until the others hear nothing of it for an election timeout.
    Elected {
        /// The process that leads a new cluster; none: whoever's timeout ends first.
        first: Option<NodeId>,
    },
    /// Every proposer with something to propose. A proposer that meets a higher ballot waits before it tries
    /// again, or not at all (and then two of them may duel for ever).
    SelfAppointed {
        /// The waiting time, drawn between nothing and `low` at first, doubling up to `high`; none: no wait.
        backoff: Option<(Duration, Duration)>,
    },
}

/// When a first leader runs phase 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Campaign {
    /// As soon as it starts, so that the first command finds it ready.
    #[default]
    Eager,
    /// When the first command arrives.
    Lazy,
}

/// What a client does when it is refused: the leader is another, or too much is waiting there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Patience {
    /// It follows the leader, and asks again until it is answered.
    #[default]
    Follow,
    /// It tells its caller, if one process alone was asked for the command, once, and has not taken it. A command that
    /// it asked for again because no answer came, or of all at once because it knew no leader, is asked for until it is
    /// answered or given up.
    Report,
}

/// Waiting times. `None` turns the mechanism off, which is for runs whose messages are to be counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Between two heartbeats of a leader.
    pub heartbeat: Option<Duration>,
    /// The shortest time without a leader before a proposer campaigns; the longest is twice that.
    pub election: Option<Duration>,
    /// Before an unanswered phase 1a or 2a is sent again, and before a stuck fast round is given up.
    pub resend: Option<Duration>,
    /// Before a client asks again.
    pub client: Option<Duration>,
    /// Between two exchanges of learners about how far each has got. A change of members is asked for by what they say then.
    pub gossip: Option<Duration>,
    /// For how long an acceptor that answers a leader's heartbeat answers no phase 1a of another process, so that the
    /// leader may answer reads alone ([`crate::Consistency::Lease`]). It must be longer than the time between two
    /// heartbeats and a round trip to be of use, and shorter than `election`: a candidate waits until what was granted
    /// to a leader that died has run out, and so long for an acceptor that restarts. The same at every process.
    ///
    /// None, the default: no leases. With them, freshness rests on clocks (Gray and Cheriton 1989), see [`Timeouts::drift`]: a leader whose
    /// virtual machine was paused, with its clocks, answers stale reads until it hears of another. All other ways to read rest on none.
    pub lease: Option<Duration>,
    /// By how many millionths a process's clock may go faster or slower than true time, for leases to be right. The
    /// clock must go on while its machine sleeps (that of a host does on Linux and Android, and not elsewhere) and while it is paused (no
    /// clock in a virtual machine does if its hypervisor holds it).
    pub drift: u32,
    /// Before a client gives up a command that is not answered: its outcome is unknown then. A host ends reads and changes
    /// of members after as long, too. None: never, so that a caller waits for as long as there is no quorum.
    pub give_up: Option<Duration>,
    /// The longest that a leader holds back a batch that is not full, from the arrival of its oldest command on,
    /// though the window has room; none: it never does.
    pub linger: Option<Duration>,
}

impl Default for Timeouts {
    /// For a local network: heartbeats each 20 ms, elections after 100 to 200 ms, no leases; what is not answered in 10 s
    /// is given up.
    fn default() -> Self {
        let ms = |n| Some(Duration::from_millis(n));
        Self {
            heartbeat: ms(20),
            election: ms(100),
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
    /// No timeout at all: nothing is said that is not an answer.
    pub const NEVER: Self = Self {
        heartbeat: None,
        election: None,
        resend: None,
        client: None,
        gossip: None,
        lease: None,
        drift: 1000,
        give_up: None,
        linger: None,
    };

    /// All waiting times multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: u32) -> Self {
        let f = |d: Option<Duration>| d.map(|d| d.saturating_mul(factor));
        Self {
            heartbeat: f(self.heartbeat),
            election: f(self.election),
            resend: f(self.resend),
            client: f(self.client),
            gossip: f(self.gossip),
            lease: f(self.lease),
            drift: self.drift,
            give_up: f(self.give_up),
            linger: f(self.linger),
        }
    }
}

/// What all processes of a cluster agree on beforehand.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may propose.
    pub proposers: NodeSet,
    /// Who learns without being asked. Proposers also learn where they are distinguished learners.
    pub learners: NodeSet,
    /// The acceptors and their quorums.
    pub quorums: Arc<dyn QuorumSystem>,
    /// Who hears votes.
    pub learning: Learning,
    /// How a distinguished learner tells.
    pub announce: Announce,
    /// Whether phase 1a and 2a first go to a quorum only.
    pub thrifty: bool,
    /// Who leads.
    pub leadership: Leadership,
    /// When the first leader starts.
    pub campaign: Campaign,
    /// What clients do when they are refused.
    pub patience: Patience,
    /// Waiting times.
    pub timeouts: Timeouts,
    /// Bounds.
    pub limits: Limits,
    /// Processes that are no members and may become some: until then they only learn. A process that is to join a
    /// running cluster is started with the configuration that the cluster began with, and its own id here; the
    /// others need not know of it.
    pub spares: NodeSet,
    /// Where waiting times that must differ are drawn from.
    pub seed: u64,
}

impl Config {
    /// A configuration with these quorums, in which the acceptors propose and learn as well, n0 leads first and
    /// the other knobs have their defaults.
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
            campaign: Campaign::default(),
            patience: Patience::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            spares: NodeSet::EMPTY,
            seed: 0,
        }
    }

    /// `n` servers, n0 to n(n−1), each proposer, acceptor and learner, with majority quorums and, for variants
    /// that use them, the fast quorums that go with majorities.
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if `n` is 0.
    pub fn collapsed(n: u16) -> Result<Self, QuorumError> {
        Ok(Self::new(Arc::new(Counts::fast(NodeSet::first(n))?)))
    }

    /// `proposers` proposers, then `acceptors` acceptors, then `learners` learners, each a process of its own,
    /// numbered in that order from n0.
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

    /// Everyone who learns: the learners and, where they are distinguished, the proposers.
    pub fn all_learners(&self) -> NodeSet {
        match self.learning {
            Learning::Everyone => self.learners,
            Learning::Distinguished => self.learners.union(self.proposers),
        }
    }

    /// Whether a process learns: as a member, or because it is to become one.
    pub fn learns(&self, id: NodeId) -> bool {
        self.all_learners().union(self.spares).contains(id)
    }

    /// Who plays which role at first.
    pub fn members(&self) -> Membership {
        Membership { proposers: self.proposers, acceptors: self.acceptors(), learners: self.all_learners() }
    }

    /// The same with the members of `epoch`.
    #[must_use]
    pub fn in_epoch(&self, epoch: &Epoch) -> Self {
        let Membership { proposers, learners, .. } = epoch.members;
        Self { proposers, learners, quorums: epoch.quorums.clone(), ..self.clone() }
    }

    /// The members by slot, if they can change at all: if all of them learn, and the quorums can be those of others.
    pub fn epochs(&self) -> Option<Epochs> {
        let members = self.members();
        let quorums = self.quorums.over(&Places::of(members.acceptors)).ok()?;
        members.is_sound().then(|| Epochs::new(self.limits.alpha as u64, members, quorums))
    }

    /// Who hears a vote in `ballot`.
    pub fn hears_votes(&self, ballot: Ballot) -> NodeSet {
        match self.learning {
            Learning::Everyone => self.learners,
            Learning::Distinguished => NodeSet::only(ballot.owner).intersection(self.proposers),
        }
    }

    /// Whether a vote must carry the values voted for, since it reaches learners that the phase 2a does not.
    pub fn votes_carry_values(&self) -> bool {
        self.learning == Learning::Everyone && !self.learners.is_subset(self.acceptors())
    }

    /// The learner that answers clients where no proposer learns.
    pub(crate) fn answering_learner(&self) -> Option<NodeId> {
        let proposers_learn = !self.proposers.intersection(self.all_learners()).is_empty();
        if proposers_learn { None } else { self.learners.smallest() }
    }
}

/// What a role is built from.
#[derive(Clone, Debug)]
pub struct Setup<O> {
    /// The process that plays the role.
    pub id: NodeId,
    /// What all processes agree on.
    pub config: Arc<Config>,
    /// The variant's own knobs.
    pub options: O,
}

/// All processes share one configuration, so processes differ in their names only.
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
