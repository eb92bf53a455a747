//! The leader role: when a process campaigns, and whether it asks first.

use super::stage::{NOW, setup};
use crate::conformance::{Facts, Tested};
use core::time::Duration;
use paxos_core::{
    Ballot, Config, Duty, Leader as _, Leadership, NodeId, Protocol, Slot, Standing, Time, Timeouts,
};
use std::sync::Arc;

const T: Duration = Duration::from_millis(100);

/// Cannot propose yet.
const BLOCKED: Standing = Standing { leading: false, work: false, answered: None, blocked: true };

/// Three servers whose leader is silent for `T` at most.
fn config() -> Config {
    let timeouts = Timeouts { election: Some(T), ..Timeouts::NEVER };
    Config { timeouts, ..Config::collapsed(3).expect("servers") }
}

/// The leader role of a server.
struct Bench<P: Protocol>(P::Leader);

impl<P: Tested> Bench<P> {
    fn of(facts: &Facts<P>, config: Config, id: u16) -> Self {
        Self(P::Leader::new(&setup(facts, config, id), NOW, false))
    }

    /// n1, which does not lead first, and the end of its first timeout.
    fn follower(facts: &Facts<P>, spread: Option<Duration>, pre_vote: bool) -> (Self, Time) {
        let mut config = Config { pre_vote, ..config() };
        config.timeouts.election_spread = spread;
        let bench = Self::of(facts, config, 1);
        let at = bench.due();
        (bench, at)
    }

    fn due(&self) -> Time {
        self.0.deadline().expect("it waits for the leader")
    }

    fn timeout(&mut self, now: Time) -> Option<Duty> {
        self.0.on_timeout(now, Standing::default())
    }

    /// It asks at `now`, and a quorum would follow it.
    fn granted(&mut self, now: Time) {
        assert_eq!(self.timeout(now), Some(Duty::PreVote));
        self.0.on_pre_vote_reply(now, NodeId(0), now);
        self.0.on_pre_vote_reply(now, NodeId(1), now);
    }

    /// n0 leads.
    fn hear(&mut self, now: Time) {
        self.0.on_heartbeat(now, Ballot::classic(9, NodeId(0)));
    }
}

/// Without a configured width, the range is as wide as the timeout is long.
pub fn a_timeout_is_drawn_from_the_configured_range<P: Tested>(facts: &Facts<P>) {
    let ms = Duration::from_millis;
    for (spread, width) in [(None, T), (Some(ms(0)), ms(0)), (Some(ms(5)), ms(5)), (Some(ms(300)), ms(300))] {
        let (mut role, mut now) = Bench::follower(facts, spread, true);
        let mut waits = vec![now.since(NOW)];
        for _ in 0..500 {
            role.timeout(now);
            waits.push(role.due().since(now));
            now = role.due();
        }
        let (low, high) = (waits.iter().min().expect("many"), waits.iter().max().expect("many"));
        assert!(*low >= T && *low <= T + width / 20, "{spread:?}: {low:?}");
        assert!(*high <= T + width && *high >= T + width * 19 / 20, "{spread:?}: {high:?}");
    }
}

/// It ends at the end of time.
pub fn a_range_of_extreme_width_does_not_panic<P: Tested>(facts: &Facts<P>) {
    for election in [Duration::ZERO, T, Duration::MAX] {
        let spread = Some(Duration::MAX);
        let timeouts = Timeouts { election: Some(election), election_spread: spread, ..Timeouts::NEVER };
        Bench::of(facts, Config { timeouts, ..config() }, 1).due();
    }
}

/// A process that asks whether others would follow it does not lead yet.
pub fn it_campaigns_at_once_only_if_it_is_not_to_ask<P: Tested>(facts: &Facts<P>) {
    let (mut asking, now) = Bench::follower(facts, None, true);
    assert_eq!(asking.timeout(now), Some(Duty::PreVote));
    assert!(!asking.0.leads());
    let (mut hasty, now) = Bench::follower(facts, None, false);
    assert_eq!(hasty.timeout(now), Some(Duty::Campaign));
    assert!(hasty.0.leads());
    let made = hasty.0.elections();
    assert_eq!((made.pre_votes, made.campaigns), (0, 1));
    // A ballot that finds no quorum is followed by another one.
    let now = hasty.due();
    assert_eq!(hasty.timeout(now), Some(Duty::Campaign));
    // A leader that it hears first is followed.
    let now = hasty.due();
    hasty.0.on_preempted(now, Slot(0));
    hasty.hear(now);
    assert_eq!(hasty.0.leader(), Some(NodeId(0)));
    assert_eq!(hasty.timeout(now), None);
}

/// It could propose only the slots whose members it knows.
pub fn a_process_that_executes_nothing_does_not_campaign_by_itself<P: Tested>(facts: &Facts<P>) {
    for pre_vote in [true, false] {
        let (mut role, now) = Bench::follower(facts, None, pre_vote);
        assert_eq!(role.0.on_timeout(now, BLOCKED), None);
        let later = role.due();
        assert!(!role.0.leads() && later > now);
        assert!(role.timeout(later).is_some(), "it does later");
    }
}

/// After that it asks anew.
pub fn a_process_that_may_lead_and_cannot_yet_keeps_its_mandate_until_it_hears_a_leader<P: Tested>(
    facts: &Facts<P>,
) {
    for (heard, duty) in [(false, Duty::Campaign), (true, Duty::PreVote)] {
        let (mut role, now) = Bench::follower(facts, None, true);
        role.granted(now);
        assert_eq!(role.0.on_timeout(now, BLOCKED), None);
        if heard {
            role.hear(now);
        }
        let later = role.due();
        assert_eq!(role.timeout(later), Some(duty));
    }
}

/// Others may have begun to follow another process.
pub fn a_mandate_that_cannot_be_used_ends_after_an_election_timeout<P: Tested>(facts: &Facts<P>) {
    let mut config = config();
    config.timeouts.heartbeat = Some(Duration::ZERO);
    let mut role = Bench::of(facts, config, 1);
    let asked = role.due();
    role.granted(asked);
    let mut now = asked;
    // It asks again and again whether it can, and time passes meanwhile.
    for _ in 0..10 {
        assert_eq!(role.0.on_timeout(now, BLOCKED), None);
        assert!(role.due() > now);
        now = role.due().max(asked.after(T * 3));
    }
    assert_eq!(role.timeout(now), Some(Duty::PreVote), "it asks anew");
}

/// A proposer that appoints itself campaigns when it has work: again when the members change, because that ends its phase
/// 1, and not before it knows the members of the slots that it asks about.
pub fn a_self_appointed_proposer_campaigns_again_among_the_next_members<P: Tested>(facts: &Facts<P>) {
    let leadership = Leadership::SelfAppointed { backoff: None };
    let config = Config { leadership, timeouts: Timeouts::NEVER, ..config() };
    let mut role = Bench::of(facts, config.clone(), 1);
    let ask = |role: &mut Bench<P>, blocked| {
        role.0.on_work(NOW);
        role.0.on_timeout(NOW, Standing { work: true, blocked, ..Standing::default() })
    };
    assert_eq!(ask(&mut role, true), None);
    assert_eq!(ask(&mut role, false), Some(Duty::Campaign));
    assert_eq!(ask(&mut role, false), None, "one phase 1 at a time");
    role.0.reconfigure(NOW, &Arc::new(config));
    // Its proposer has given up a phase 1 among former members.
    role.0.on_idle();
    assert_eq!(ask(&mut role, false), Some(Duty::Campaign));
}

/// A leader runs a phase 1 that it chose itself, and hears one piece of a long promise after the other. Found by the soak.
pub fn a_leader_waits_for_a_long_phase_1_as_long_as_pieces_come<P: Tested>(facts: &Facts<P>) {
    let mut config = config();
    config.timeouts.heartbeat = Some(T / 5);
    let mut role = Bench::of(facts, config, 0);
    assert_eq!(role.timeout(NOW), Some(Duty::Campaign));
    role.0.on_elected(NOW, Ballot::classic(1, NodeId(0)));
    let mut wait = |pieces: u32, comes: bool| {
        for turn in 1..=pieces {
            let now = NOW.after(turn * (T / 2));
            while let Some(at) = role.0.deadline().filter(|at| *at <= now) {
                role.timeout(at);
            }
            if comes {
                role.0.on_piece(now);
            }
        }
        role.0.leads()
    };
    assert!(wait(20, true));
    assert!(!wait(40, false));
}
