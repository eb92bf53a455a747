//! The election of a leader, for every variant that needs one.

mod waits;

use super::Elections;
use crate::{
    Ballot, Campaign, Config, Duty, Jitter, Leader, Leadership, NodeId, NodeSet, Phase, Protocol, Setup,
    Slot, Standing, Time,
};
use std::sync::Arc;
use waits::{INSTANT, PATIENCE};

/// No more lost ballots are counted, so that the longest back-off is 64 times its configured limit. Rivals without a quorum lose
/// ballots for as long as they are cut off, and must not wait for as long again afterwards.
const MOST_VAIN: u32 = 6 * PATIENCE;

/// Elects leaders by timeout, or lets every proposer appoint itself, as configured. A process that hears no leader for
/// a random time ([`crate::Timeouts::election_range`]) asks the acceptors whether they hear one (a *pre-vote*: it asks
/// for no promise, raises no ballot and writes nothing). If a phase 1 quorum hears none either, it campaigns with a
/// higher ballot. So a process that returns, or that only the leader cannot reach, does not depose the leader. Without
/// pre-votes ([`crate::Config::pre_vote`]) it campaigns at once. A leader that no phase 2 quorum answers steps down, so
/// that processes that still hear it may follow another. This is for liveness only: any number of leaders is safe. An
/// acceptor does not refuse a phase 1a because it hears a leader: the sender has the pre-votes of a quorum, was asked by
/// the leader itself, or is configured not to ask. Only a lease makes an acceptor silent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Election {
    setup: Setup<()>,
    proposes: bool,
    jitter: Jitter,
    highest: Ballot,
    leader: Option<NodeId>,
    /// When to campaign.
    wake: Option<Time>,
    /// When to send the next heartbeat.
    beat: Option<Time>,
    /// Whether it has asked for a ballot that it has not won or lost yet.
    campaigning: bool,
    /// The number of ballots lost in a row, for the back-off.
    lost: u32,
    /// The number of lost ballots in which nothing was chosen, halved by each in which something was.
    vain: u32,
    /// Every slot below was known to be chosen when it last lost a ballot.
    chosen: Slot,
    /// Whether it may campaign although no election timeout has ended, and need not ask: it is the first leader of a new
    /// cluster, has the pre-votes of a quorum, was asked by the leader, or already leads.
    mandate: bool,
    /// Until when it keeps a mandate that it cannot use yet.
    held_until: Option<Time>,
    pre_vote: Option<PreVote>,
    /// When it last heard another leader. Initially its start: it has forgotten what it heard before a crash.
    heard: Time,
    /// Since when it has led and sent its heartbeats in time.
    steady: Option<Time>,
    elections: Elections,
}

/// A question to all acceptors, and the acceptors that would follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PreVote {
    sent: Time,
    granted: NodeSet,
}

impl Election {
    /// Creates the election role of one process.
    pub fn new<O>(setup: &Setup<O>, now: Time, restarted: bool) -> Self {
        let (id, config) = (setup.id, setup.config.clone());
        let mut election = Self {
            proposes: config.proposers.contains(id),
            jitter: Jitter::new(config.seed, id),
            setup: Setup { id, config, options: () },
            highest: Ballot::ZERO,
            leader: None,
            wake: None,
            beat: None,
            campaigning: false,
            lost: 0,
            vain: 0,
            chosen: Slot(0),
            mandate: false,
            pre_vote: None,
            heard: now,
            held_until: None,
            steady: None,
            elections: Elections::default(),
        };
        if let Leadership::Elected { first } = election.config().leadership {
            let alone = election.config().timeouts.election.is_none();
            if first == Some(id) && (!restarted || alone) {
                election.leader = first;
                election.mandate = true;
                let eager = restarted || election.config().campaign == Campaign::Eager;
                election.wake = eager.then_some(now);
            } else {
                // Without timeouts nobody else can have been elected, unless the members changed, which the log tells.
                election.leader = first.filter(|_| !restarted || alone);
                election.wake = election.election_timeout(now);
            }
        }
        election
    }

    fn config(&self) -> &Config {
        &self.setup.config
    }

    fn is_elected(&self) -> bool {
        matches!(self.config().leadership, Leadership::Elected { .. })
    }

    /// Stops leading, or trying to lead.
    fn retire(&mut self) {
        self.campaigning = false;
        self.held_until = None;
        self.mandate = false;
        self.pre_vote = None;
        self.steady = None;
        self.beat = None;
    }

    /// Asks the acceptors whether they would follow.
    fn begin_pre_vote(&mut self, now: Time) -> Duty {
        self.pre_vote = Some(PreVote { sent: now, granted: NodeSet::EMPTY });
        self.elections.pre_votes += 1;
        Duty::PreVote
    }

    fn on_beat(&mut self, now: Time, due: Time, standing: Standing) -> Option<Duty> {
        let every = self.config().timeouts.heartbeat.map(|every| every.max(INSTANT));
        self.beat = every.map(|every| now.after(every));
        if !standing.leading {
            // It runs a phase 1 that it chose itself. If no quorum answers, it stops leading.
            if self.wake.is_none() {
                self.mandate = false;
                self.wake = self.election_timeout(now);
            }
            return None;
        }
        if every.is_some_and(|every| now > due.after(every)) {
            self.steady = Some(now);
        }
        if self.is_forsaken(now, standing.answered) {
            self.elections.stepped_down += 1;
            return Some(Duty::StepDown);
        }
        Some(Duty::Heartbeat)
    }

    fn follow(&mut self, now: Time, ballot: Ballot) {
        // A leader keeps using the first step of its term, whichever step its slots have reached.
        if ballot.owner == self.setup.id || (!ballot.same_term(self.highest) && ballot < self.highest) {
            return;
        }
        // A candidate ignores further messages of the leader that it is about to replace.
        if self.campaigning && ballot.same_term(self.highest) {
            return;
        }
        self.highest = self.highest.max(ballot);
        if self.is_elected() {
            self.leader = Some(ballot.owner);
            self.heard = now;
            self.retire();
            self.wake = self.election_timeout(now);
        }
    }
}

impl<P: Protocol> Leader<P> for Election {
    fn new(setup: &Setup<P::Options>, now: Time, restarted: bool) -> Self {
        Self::new(setup, now, restarted)
    }

    fn on_recognized(&mut self, now: Time) {
        self.heard = now;
        if !self.mandate && self.is_elected() {
            self.wake = self.election_timeout(now);
        }
    }

    fn on_ballot(&mut self, now: Time, ballot: Ballot) {
        self.follow(now, ballot);
    }

    fn on_heartbeat(&mut self, now: Time, ballot: Ballot) {
        self.follow(now, ballot);
    }

    fn on_preempted(&mut self, now: Time, chosen: Slot) {
        self.retire();
        self.lost = self.lost.saturating_add(1);
        // What it has learned about the time that a ballot takes is kept in part: the next one takes about as long.
        self.vain = if chosen > self.chosen { self.vain / 2 } else { (self.vain + 1).min(MOST_VAIN) };
        self.chosen = self.chosen.max(chosen);
        if self.is_elected() {
            self.leader = self.leader.filter(|leader| *leader != self.setup.id);
            self.wake = self.election_timeout(now);
        } else {
            let wait = self.backoff();
            self.wake = Some(now.after(wait));
        }
    }

    fn on_elected(&mut self, now: Time, ballot: Ballot) {
        self.highest = self.highest.max(ballot);
        self.leader = Some(self.setup.id);
        self.campaigning = false;
        self.mandate = true;
        self.pre_vote = None;
        self.steady = Some(now);
        self.elections.won += 1;
        self.lost = self.lost.saturating_sub(1);
        self.wake = None;
        self.beat = (self.is_elected() && self.config().timeouts.heartbeat.is_some()).then_some(now);
    }

    fn on_idle(&mut self) {
        self.campaigning = false;
    }

    fn on_piece(&mut self, now: Time) {
        // A leader may also run a phase 1 that it chose itself.
        let own = self.leader == Some(self.setup.id) && self.wake.is_some();
        if self.is_elected() && (self.campaigning || own) {
            // A lost piece is asked for again before the campaign is given up.
            let resend = self.config().timeouts.resend.unwrap_or_default();
            self.wake = self.election_timeout(now.after(resend));
        }
    }

    fn on_work(&mut self, now: Time) {
        let mine = !self.is_elected() || self.leader == Some(self.setup.id);
        if mine && self.proposes && !self.campaigning && self.wake.is_none() {
            self.wake = Some(now);
        }
    }

    fn on_pre_vote_reply(&mut self, now: Time, from: NodeId, sent: Time) {
        // An answer to an earlier question may be outdated.
        let Some(asked) = self.pre_vote.as_mut().filter(|asked| asked.sent == sent) else { return };
        asked.granted.insert(from);
        if self.setup.config.quorums.is_quorum(Phase::One, asked.granted) {
            self.pre_vote = None;
            self.mandate = true;
            self.wake = Some(now);
        }
    }

    fn on_transfer(&mut self, now: Time, ballot: Ballot) {
        // A process that no longer leads has no right to choose the next leader.
        let current = ballot.same_term(self.highest) && ballot.owner != self.setup.id;
        if self.is_elected() && self.proposes && current && !self.campaigning {
            self.pre_vote = None;
            self.mandate = true;
            self.wake = Some(now);
        }
    }

    fn on_timeout(&mut self, now: Time, standing: Standing) -> Option<Duty> {
        if let Some(due) = self.beat.filter(|at| *at <= now)
            && let Some(duty) = self.on_beat(now, due, standing)
        {
            return Some(duty);
        }
        if standing.leading {
            self.wake = None;
        }
        if self.wake.is_none_or(|at| at > now) {
            return None;
        }
        self.wake = None;
        if self.is_elected() {
            self.wake = self.election_timeout(now);
            let alone = self.config().timeouts.election.is_none();
            let in_time = self.held_until.is_none_or(|until| now <= until);
            let mandate = std::mem::take(&mut self.mandate) && in_time;
            if !mandate && !alone {
                // An election timeout has ended: the leader is gone, or a ballot of this process found no quorum.
                self.leader = None;
                self.retire();
                if standing.blocked {
                    return None;
                }
                if self.config().pre_vote {
                    return Some(self.begin_pre_vote(now));
                }
            }
            self.pre_vote = None;
            if standing.blocked {
                // It keeps its mandate until it can propose or hears a leader, for an election timeout at most: the
                // acceptors that granted it may follow another process by then.
                let until = self.held_until.or(self.wake);
                if until.is_some_and(|until| until <= now) {
                    self.leader = None;
                    self.retire();
                    return None;
                }
                self.held_until = until;
                let soon = self.config().timeouts.heartbeat.map(|soon| now.after(soon.max(INSTANT)));
                self.mandate = true;
                self.wake = soon.filter(|soon| until.is_none_or(|until| *soon < until)).or(until);
                return None;
            }
            self.held_until = None;
            self.leader = Some(self.setup.id);
        } else if !standing.work || standing.blocked {
            return None;
        }
        self.campaigning = true;
        self.elections.campaigns += 1;
        Some(Duty::Campaign)
    }

    fn deadline(&self) -> Option<Time> {
        match (self.wake, self.beat) {
            (Some(wake), Some(beat)) => Some(wake.min(beat)),
            (one, other) => one.or(other),
        }
    }

    fn reconfigure(&mut self, now: Time, config: &Arc<Config>) {
        self.setup.config = Arc::clone(config);
        let proposes = config.proposers.contains(self.setup.id);
        let gone = self.leader.is_some_and(|leader| !config.proposers.contains(leader));
        if !proposes {
            self.wake = None;
            self.retire();
        }
        let began = proposes && !self.proposes;
        self.proposes = proposes;
        if !self.is_elected() {
            return;
        }
        if gone {
            // The old leader has certainly stopped leading, so no process has to wait, and all know which proposer is
            // the first of the others. If that one does not lead soon, the first to ask may.
            self.leader = config.proposers.smallest();
            self.heard = Time(0);
            self.retire();
            self.mandate = self.leader == Some(self.setup.id);
            let soon = self.config().timeouts.election.filter(|_| proposes);
            let soon = soon.map(|soon| now.after(self.jitter.between(soon / 2, soon)));
            self.wake = if self.mandate { Some(now) } else { soon };
        } else if began {
            self.wake = self.election_timeout(now);
        }
    }

    fn leads(&self) -> bool {
        self.proposes && (!self.is_elected() || self.leader == Some(self.setup.id))
    }

    fn leader(&self) -> Option<NodeId> {
        if self.is_elected() { self.leader } else { self.proposes.then_some(self.setup.id) }
    }

    fn hears(&self, now: Time) -> Option<NodeId> {
        let timed = self.is_elected() && self.config().timeouts.election.is_some();
        self.leader.filter(|leader| timed && *leader != self.setup.id && !self.is_silent(now))
    }

    fn would_follow(&self, now: Time) -> bool {
        self.is_elected() && self.steady.is_none() && self.is_silent(now)
    }

    fn elections(&self) -> Elections {
        self.elections
    }
}
