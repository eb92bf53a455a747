//! When an open command ends, and when a session is renewed.

use super::*;

const NODE: NodeId = NodeId(9);

/// A client that asks again after 10 ns, and gives up after 35 ns.
fn client(incarnation: u32) -> Outstanding<u64> {
    let mut config = Config::collapsed(3).expect("lawful");
    config.timeouts.client = Some(Duration::from_nanos(10));
    config.timeouts.give_up = Some(Duration::from_nanos(35));
    Outstanding::new(NODE, incarnation, &config)
}

/// Asks for `n` commands, each in a batch of its own. `alone`: one process is asked, otherwise all.
fn ask_of(client: &mut Outstanding<u64>, now: u64, n: u64, alone: bool) -> Vec<CommandId> {
    let mut submit = |_| {
        let id = client.submit(0).expect("room");
        assert!(client.poll_new(Time(now), alone).is_some_and(|batch| batch.len() == 1));
        id
    };
    (0..n).map(&mut submit).collect()
}

fn ask(client: &mut Outstanding<u64>, now: u64, n: u64) -> Vec<CommandId> {
    ask_of(client, now, n, true)
}

fn ends(client: &mut Outstanding<u64>) -> Vec<(CommandId, Unanswered)> {
    std::iter::from_fn(|| client.poll_unanswered()).collect()
}

fn refused(ids: &[CommandId], taken: bool) -> Refused {
    let mut all = Refused::each(Refusal::NotLeader(Some(NodeId(1))), taken, ids.to_vec());
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn an_expired_session_ends_what_is_open_and_the_next_command_is_of_a_new_one() {
    let mut client = client(2);
    let ids = ask(&mut client, 0, 3);
    assert_eq!(ids[0].client, ClientId::first_of(NODE, 2));
    assert!(client.on_reply(ids[1]));
    client.on_expired(ids[2], 1 << 40);
    let expired = |id: &CommandId| (*id, Unanswered::SessionExpired);
    assert_eq!(ends(&mut client), [expired(&ids[0]), expired(&ids[2])]);
    assert_eq!((client.poll_again(Time(99)), client.deadline()), (None, None));
    // A late answer of either kind to a command of the former session changes nothing.
    assert!(!client.on_reply(ids[0]));
    let next = ask(&mut client, 1, 1)[0];
    client.on_expired(ids[2], 0);
    assert_eq!((next.client, next.seq), (ids[0].client.renewed(1 << 40), 3));
    assert!(client.on_reply(next) && ends(&mut client).is_empty() && client.is_empty());
}

#[test]
fn a_session_that_was_silent_for_long_is_renewed_before_it_expires() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.idle = 100;
    let mut client = Outstanding::<u64>::new(NODE, 1, &config);
    client.draw(7);
    let mut submit = |known, answered| {
        client.refresh(Time(0), Slot(known));
        let id = client.submit(0).expect("room");
        if answered {
            client.on_reply(id);
        }
        (id.client.nonce, id.client.session - (1 << 32), id.seq)
    };
    // A silence of 40 or 50 slots is short, one of 51 slots is long. A session with an open command stays.
    let named = [(30, true), (70, true), (120, true), (171, true), (180, false), (300, true)]
        .map(|(k, a)| submit(k, a));
    assert_eq!(named, [(7, 0, 0), (7, 0, 1), (7, 0, 2), (7, 1, 3), (7, 1, 4), (7, 1, 5)]);
}

/// Otherwise the next command would be of a session that has expired, because nothing was chosen of it.
#[test]
fn a_command_that_is_refused_does_not_keep_its_session() {
    let mut config = Config::collapsed(3).expect("lawful");
    (config.limits.idle, config.limits.session) = (100, 1);
    let mut client = Outstanding::<u64>::new(NODE, 0, &config);
    let mut submit = |known| {
        client.refresh(Time(0), Slot(known));
        client.submit(0)
    };
    let first = submit(1).expect("room");
    assert_eq!(submit(90), Err(Overloaded::Session(1)));
    client.on_reply(first);
    client.refresh(Time(0), Slot(130));
    assert_ne!(client.submit(0).expect("room").client, first.client);
}

#[test]
fn a_session_of_one_that_does_not_learn_is_renewed_when_it_was_silent_for_a_second() {
    let mut client = client(0);
    let mut submit = |ms: u64, answered| {
        client.refresh(Time(0).after(Duration::from_millis(ms)), Slot(0));
        let id = client.submit(0).expect("room");
        if answered {
            client.on_reply(id);
        }
        (id.client.session, id.seq)
    };
    let named =
        [(5000, true), (6000, true), (7001, true), (8001, false), (9500, true)].map(|(t, a)| submit(t, a));
    assert_eq!(named, [(0, 0), (0, 1), (1, 2), (1, 3), (1, 4)]);
}

#[test]
fn a_refusal_ends_only_what_one_process_was_asked_once_and_has_not_taken() {
    let mut client = client(0);
    let ids = ask(&mut client, 0, 2);
    assert!(client.on_timeout(Time(10)) && client.poll_again(Time(10)).is_some());
    let more = ask(&mut client, 11, 3);
    let of_all = ask_of(&mut client, 11, 1, false);
    client.on_refused(&refused(&more[..2], true));
    assert!(ends(&mut client).is_empty(), "what was taken may be chosen yet");
    client.on_refused(&refused(&of_all, false));
    assert!(ends(&mut client).is_empty(), "another may have taken a copy");
    let all: Vec<_> = ids.iter().chain(&more[..2]).copied().collect();
    assert!(client.on_reply(more[1]));
    client.on_refused(&refused(&all, false));
    client.on_refused(&refused(&all, false));
    assert_eq!(ends(&mut client), [(more[0], Unanswered::NotLeader(Some(NodeId(1))))]);
    assert_eq!(client.len(), 4);
}

#[test]
fn what_is_not_answered_in_time_is_given_up_and_not_asked_for_again() {
    let mut client = client(0);
    let ids = ask(&mut client, 0, 2);
    assert!(client.on_reply(ids[0]));
    let mut later = None;
    for due in [10, 20, 30] {
        assert_eq!(client.deadline(), Some(Time(due)));
        client.on_timeout(Time(due));
        while client.poll_again(Time(due)).is_some() {}
        later = later.or_else(|| (due == 20).then(|| ask(&mut client, due, 1)[0]));
    }
    assert_eq!((client.deadline(), ends(&mut client)), (Some(Time(35)), vec![]));
    client.on_timeout(Time(35));
    assert_eq!(ends(&mut client), [(ids[1], Unanswered::OutcomeUnknown)]);
    assert!(!client.on_reply(ids[1]), "its caller was told");
    client.on_timeout(Time(40));
    let again: Vec<_> = std::iter::from_fn(|| client.poll_again(Time(40))).collect();
    assert_eq!(
        again.iter().flat_map(|b| b.iter()).filter_map(Entry::id).collect::<Vec<_>>(),
        Vec::from_iter(later)
    );
}

#[test]
fn what_takes_long_to_carry_is_asked_for_again_less_and_less_often() {
    let mut config = Config::collapsed(1).expect("lawful");
    (config.timeouts.client, config.timeouts.give_up) = (Some(Duration::from_nanos(10)), None);
    let mut client = Outstanding::<Vec<u8>>::new(NodeId(7), 0, &config);
    client.submit(vec![0; LARGE]).expect("room");
    assert!(client.poll_new(Time(0), false).is_some());
    for due in [10, 30, 70, 150, 310, 470] {
        assert_eq!(client.deadline(), Some(Time(due)));
        client.on_timeout(Time(due));
        while client.poll_again(Time(due)).is_some() {}
    }
}

#[test]
fn refusals_name_no_command_that_was_not_refused() {
    let id = |node, seq| CommandId { client: ClientId { node: NodeId(node), session: 0, nonce: 0 }, seq };
    let all = Refused::each(
        Refusal::NotLeader(None),
        false,
        vec![id(8, 4), id(7, 1), id(8, 2), id(8, 3), id(8, 6)],
    );
    let named: Vec<_> = all.iter().map(|r| (r.client.node.0, r.first..r.end)).collect();
    assert_eq!(named, [(7, 1..2), (8, 2..5), (8, 6..7)]);
}

#[test]
fn what_is_due_is_asked_for_again_together_as_far_as_it_fits_into_a_request() {
    let mut config = Config::collapsed(3).expect("lawful");
    (config.limits.batch, config.timeouts.client) = (3, Some(Duration::from_nanos(10)));
    let mut client = Outstanding::new(NODE, 0, &config);
    let ids = ask(&mut client, 0, 8);
    assert!(client.on_reply(ids[2]));
    assert!(client.on_timeout(Time(10)));
    let mut again = |now| -> Vec<Vec<u64>> {
        std::iter::from_fn(|| Some(seqs(&client.poll_again(Time(now))?).collect())).collect()
    };
    assert_eq!(again(10), [vec![0, 1, 3], vec![4, 5, 6], vec![7]]);
    assert!(again(10).is_empty());
    // The last answer of a request ends it, in whatever order the answers come.
    for id in ids.iter().rev().filter(|id| id.seq != 4) {
        client.on_reply(*id);
    }
    assert!(client.on_timeout(Time(20)));
    assert_eq!(client.poll_again(Time(20)).map(|batch| seqs(&batch).collect()), Some(vec![4]));
    assert!(client.on_reply(ids[4]) && client.is_empty() && client.deadline().is_none());
}
