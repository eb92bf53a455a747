//! The election: when a process campaigns, and whether it asks first.

use super::snapshot::{N0, N1, N2, Server};
use super::*;
use core::time::Duration;
use paxos_core::{Change, CommandId, Duty, Election, Leader, Leadership, Learning, Standing, Timeouts};

const T: Duration = Duration::from_millis(100);

/// The election role of n1, which does not lead first, of three servers.
fn follower(spread: Option<Duration>, pre_vote: bool) -> (Election, Time) {
    let mut config = Config::collapsed(3).expect("lawful");
    config.timeouts = Timeouts { election: Some(T), election_spread: spread, ..Timeouts::NEVER };
    config.pre_vote = pre_vote;
    let role = Election::new(&setup(config, 1), NOW, false);
    let at = due(&role);
    (role, at)
}

fn due(role: &Election) -> Time {
    Leader::<P>::deadline(role).expect("it waits for the leader")
}

fn timeout(role: &mut Election, now: Time, standing: Standing) -> Option<Duty> {
    Leader::<P>::on_timeout(role, now, standing)
}

#[test]
fn a_timeout_is_drawn_from_the_configured_range() {
    let ms = Duration::from_millis;
    for (spread, width) in [(None, T), (Some(ms(0)), ms(0)), (Some(ms(5)), ms(5)), (Some(ms(300)), ms(300))] {
        let (mut role, mut now) = follower(spread, true);
        let mut waits = vec![now.since(NOW)];
        for _ in 0..500 {
            timeout(&mut role, now, Standing::default());
            waits.push(due(&role).since(now));
            now = due(&role);
        }
        let (low, high) = (waits.iter().min().expect("many"), waits.iter().max().expect("many"));
        assert!(*low >= T && *low <= T + width / 20, "{spread:?}: {low:?}");
        assert!(*high <= T + width && *high >= T + width * 19 / 20, "{spread:?}: {high:?}");
    }
}

#[test]
fn a_range_of_extreme_width_does_not_panic() {
    for election in [Duration::ZERO, T, Duration::MAX] {
        let mut config = Config::collapsed(3).expect("lawful");
        let spread = Some(Duration::MAX);
        config.timeouts = Timeouts { election: Some(election), election_spread: spread, ..Timeouts::NEVER };
        due(&Election::new(&setup(config, 1), NOW, false));
    }
}

#[test]
fn it_campaigns_at_once_only_if_it_is_not_to_ask() {
    let (mut asking, now) = follower(None, true);
    assert_eq!(timeout(&mut asking, now, Standing::default()), Some(Duty::PreVote));
    assert!(!Leader::<P>::leads(&asking));
    let (mut hasty, now) = follower(None, false);
    assert_eq!(timeout(&mut hasty, now, Standing::default()), Some(Duty::Campaign));
    assert!(Leader::<P>::leads(&hasty));
    let made = Leader::<P>::elections(&hasty);
    assert_eq!((made.pre_votes, made.campaigns), (0, 1));
    // A ballot that finds no quorum is followed by another one.
    let now = due(&hasty);
    assert_eq!(timeout(&mut hasty, now, Standing::default()), Some(Duty::Campaign));
    // A leader that it hears first is followed.
    let now = due(&hasty);
    Leader::<P>::on_preempted(&mut hasty, now, Slot(0));
    Leader::<P>::on_heartbeat(&mut hasty, now, ballot(9, 0));
    assert_eq!(Leader::<P>::leader(&hasty), Some(NodeId(0)));
    assert_eq!(timeout(&mut hasty, now, Standing::default()), None);
}

#[test]
fn a_process_that_executes_nothing_does_not_campaign_by_itself() {
    let away = Standing { blocked: true, ..Standing::default() };
    for pre_vote in [true, false] {
        let (mut role, now) = follower(None, pre_vote);
        assert_eq!(timeout(&mut role, now, away), None);
        let later = due(&role);
        assert!(!Leader::<P>::leads(&role) && later > now);
        assert!(timeout(&mut role, later, Standing::default()).is_some(), "it does later");
    }
}

#[test]
fn a_process_that_may_lead_and_cannot_yet_keeps_its_mandate_until_it_hears_a_leader() {
    let blocked = Standing { blocked: true, ..Standing::default() };
    let granted = |role: &mut Election, now| {
        assert_eq!(timeout(role, now, Standing::default()), Some(Duty::PreVote));
        [0, 1].map(NodeId).into_iter().for_each(|from| Leader::<P>::on_pre_vote_reply(role, now, from, now));
        assert_eq!(timeout(role, now, blocked), None);
    };
    let (mut role, now) = follower(None, true);
    granted(&mut role, now);
    let later = due(&role);
    assert_eq!(timeout(&mut role, later, Standing::default()), Some(Duty::Campaign));
    let (mut role, now) = follower(None, true);
    granted(&mut role, now);
    Leader::<P>::on_heartbeat(&mut role, now, ballot(9, 0));
    let later = due(&role);
    assert_eq!(timeout(&mut role, later, Standing::default()), Some(Duty::PreVote));
}

#[test]
fn a_mandate_that_cannot_be_used_ends_after_an_election_timeout() {
    let blocked = Standing { blocked: true, ..Standing::default() };
    let mut config = Config::collapsed(3).expect("lawful");
    let heartbeat = Some(Duration::ZERO);
    config.timeouts = Timeouts { election: Some(T), heartbeat, ..Timeouts::NEVER };
    let mut role = Election::new(&setup(config.clone(), 1), NOW, false);
    let asked = due(&role);
    assert_eq!(timeout(&mut role, asked, Standing::default()), Some(Duty::PreVote));
    [0, 1].map(NodeId).into_iter().for_each(|id| Leader::<P>::on_pre_vote_reply(&mut role, asked, id, asked));
    let mut now = asked;
    // It asks again and again whether it can, and time passes meanwhile.
    for _ in 0..10 {
        assert_eq!(timeout(&mut role, now, blocked), None);
        assert!(due(&role) > now);
        now = due(&role).max(asked.after(T * 3));
    }
    assert_eq!(timeout(&mut role, now, Standing::default()), Some(Duty::PreVote), "it asks anew");
}

/// A proposer that appoints itself campaigns when it has work: again when the members change, because that ends its phase
/// 1, and not before it knows the members of the slots that it asks about.
#[test]
fn a_self_appointed_proposer_campaigns_again_among_the_next_members() {
    let work = |blocked| Standing { work: true, blocked, ..Standing::default() };
    let leadership = Leadership::SelfAppointed { backoff: None };
    let config = Config { leadership, timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let mut role = Election::new(&setup(config.clone(), 1), NOW, false);
    let ask = |role: &mut Election, blocked| {
        Leader::<P>::on_work(role, NOW);
        timeout(role, NOW, work(blocked))
    };
    assert_eq!(ask(&mut role, true), None);
    assert_eq!(ask(&mut role, false), Some(Duty::Campaign));
    assert_eq!(ask(&mut role, false), None, "one phase 1 at a time");
    Leader::<P>::reconfigure(&mut role, NOW, &Arc::new(config));
    // Its proposer has given up a phase 1 among former members.
    Leader::<P>::on_idle(&mut role);
    assert_eq!(ask(&mut role, false), Some(Duty::Campaign));
}

/// Others follow a candidate that asks them, so one that cannot hear the answers must give up, or nobody else is elected. The
/// first piece of a promise, which its own acceptor repeats each time that it is asked, is no answer.
#[test]
fn a_candidate_that_hears_nothing_new_gives_up() {
    let mut config = Config::collapsed(3).expect("lawful");
    let resend = Some(Duration::from_millis(1));
    config.timeouts = Timeouts { election: Some(T), resend, ..Timeouts::NEVER };
    config.pre_vote = false;
    config.limits.batch = 2;
    let mut server = Server::of(config, N1);
    // Its own acceptor has more votes than one message holds.
    server.hear(N0, Message::Accept(accept(ballot(1, 0), 0, 0..2)));
    server.hear(N0, Message::Accept(accept(ballot(1, 0), 2, 2..4)));
    let mut ballots = std::collections::BTreeSet::new();
    while let Some(at) = server.node.deadline().filter(|at| *at < NOW.after(20 * T)) {
        server.node.step(at, Event::Timeout);
        server.settle();
        ballots.insert(server.node.proposer().expect("it proposes").ballot());
    }
    assert!(ballots.len() > 5, "{ballots:?}");
}

/// A proposer that does not learn hears of progress. While there is some, its waits stay within the configured limit.
#[test]
fn a_rival_that_does_not_learn_waits_no_longer_while_others_advance() {
    let high = Duration::from_millis(20);
    let mut config = Config::separate(2, 3, 2).expect("lawful");
    (config.learning, config.timeouts) = (Learning::Everyone, Timeouts::NEVER);
    config.leadership = Leadership::SelfAppointed { backoff: Some((high / 4, high)) };
    let (mut server, client, learner) = (Server::of(config, N0), NodeId(9), NodeId(5));
    server.hear(client, Message::Request(request(0..1)));
    for lost in 0..200 {
        let at = server.node.deadline().unwrap_or(NOW);
        server.node.step(at, Event::Timeout);
        server.settle();
        let refused = server.node.proposer().expect("it proposes").ballot();
        let promised = Ballot::classic(refused.round() + 1, N1);
        let nack = Nack { refused, promised, slots: Slot(0).onwards() };
        let progress = Message::Progress { chosen: Slot(lost), durable: Slot(0) };
        for (from, message) in [(learner, progress), (N2, Message::Nack(nack))] {
            server.node.step(at, Event::Message { from, message });
        }
        server.settle();
        let wait = server.node.deadline().expect("it tries again").since(at);
        assert!(wait <= high, "{wait:?} after {lost} lost ballots");
    }
}

#[test]
fn without_timeouts_the_successor_of_a_removed_leader_leads_again_after_a_restart() {
    let mut config = Config::collapsed(3).expect("lawful");
    (config.timeouts, config.limits.alpha) = (Timeouts::NEVER, 1);
    let mut server = Server::of(config.clone(), N1);
    let id = CommandId { client: ClientId { node: NodeId(9), session: 0, nonce: 0 }, seq: 50 };
    let log = vec![Entry::Change(id, Box::new(Change::remove(N0).into())), entry(1)];
    let told = Message::Chosen { first: Slot(0), batch: log.into(), known: Slot(2), asked: Some(Slot(0)) };
    let asks =
        |said: &[(paxos_core::To, Message<P>)]| said.iter().any(|(_, m)| matches!(m, Message::Prepare(_)));
    let mut said = server.hear(N0, told);
    for _ in 0..2 {
        while let Some(at) = server.node.deadline().filter(|at| *at <= NOW) {
            server.node.step(at, Event::Timeout);
            said.extend(server.settle());
        }
        assert!(asks(&said), "{said:?}");
        server.restart(config.clone());
        said = server.settle();
    }
}

/// A leader runs a phase 1 that it chose itself, and hears one piece of a long promise after the other. Found by the soak.
#[test]
fn a_leader_waits_for_a_long_phase_1_as_long_as_pieces_come() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.timeouts = Timeouts { election: Some(T), heartbeat: Some(T / 5), ..Timeouts::NEVER };
    let mut role = Election::new(&setup(config, 0), NOW, false);
    assert_eq!(timeout(&mut role, NOW, Standing::default()), Some(Duty::Campaign));
    Leader::<P>::on_elected(&mut role, NOW, ballot(1, 0));
    let mut wait = |pieces: u32, comes: bool| {
        for turn in 1..=pieces {
            let now = NOW.after(turn * (T / 2));
            while let Some(at) = Leader::<P>::deadline(&role).filter(|at| *at <= now) {
                timeout(&mut role, at, Standing::default());
            }
            if comes {
                Leader::<P>::on_piece(&mut role, now);
            }
        }
        Leader::<P>::leads(&role)
    };
    assert!(wait(20, true));
    assert!(!wait(40, false));
}
