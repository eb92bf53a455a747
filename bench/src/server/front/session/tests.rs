//! What a connection keeps for its client.

use super::super::time::tests::Agreed;
use super::*;
use crate::server::resp::Bounds;
use crate::server::{Server, Settings};
use paxos_core::NodeId;
use tokio::net::TcpListener;

async fn session(settings: Settings) -> Session {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = Server::start(Arc::new(Agreed(NodeId(0), Arc::default())), listener, settings);
    Session::new(Arc::clone(server.front()), 1, String::new())
}

/// A session whose requests have at most 1,000 bytes.
async fn small() -> Session {
    session(Settings { bounds: Bounds { request: 1000, ..Bounds::default() }, ..Settings::default() }).await
}

fn say(session: &mut Session, line: &str) -> Result<Reply, String> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    match session.take(&words, &mut Ops::default()) {
        Step::Answer(Reply::Refused(text)) => Err(text.into()),
        Step::Answer(reply) => Ok(reply),
        step @ (Step::Waits | Step::Control(..)) => Err(format!("{step:?}")),
    }
}

fn keys(count: usize) -> impl Iterator<Item = (Box<[u8]>, u64)> {
    (0..count).map(|n| (n.to_string().into_bytes().into(), 7))
}

#[tokio::test]
async fn a_transaction_is_limited_before_it_is_too_long_and_counts_until_it_ends() {
    let mut session = small().await;
    let long = format!("SET k {}", "x".repeat(600));
    assert_eq!(say(&mut session, "MULTI"), Ok(Reply::Ok));
    assert_eq!(say(&mut session, &long), Ok(Reply::Word(Word::Queued)));
    assert!((600..700).contains(&session.bytes()), "{}", session.bytes());
    assert_eq!(say(&mut session, &long), Err("ERR the transaction is too long".into()));
    assert_eq!(session.bytes(), 0, "it will not be executed");
    assert_eq!(say(&mut session, "SET k v"), Ok(Reply::Word(Word::Queued)));
    assert_eq!(session.bytes(), 0);
    assert!(say(&mut session, "EXEC").is_err_and(|text| text.starts_with("EXECABORT")));
}

#[tokio::test]
async fn watched_keys_are_limited_and_count_until_they_are_given_up() {
    let mut session = small().await;
    assert_eq!(session.watch(keys(10)), Ok(()));
    let ten = session.bytes();
    assert!(ten >= 10);
    assert_eq!(session.watch(keys(10)), Ok(()), "again");
    assert_eq!(session.bytes(), ten);
    let refused = session.watch(keys(1000)).expect_err("too many");
    assert!(refused.starts_with("ERR a connection watches keys of 1000 bytes"), "{refused}");
    assert!(session.bytes() <= 1000);
    assert_eq!(say(&mut session, "UNWATCH"), Ok(Reply::Ok));
    assert_eq!(session.bytes(), 0);
}

/// Comparing each key with each other one would take hours.
#[tokio::test]
async fn as_many_keys_as_a_request_has_are_watched_at_once() {
    let mut session = session(Settings::default()).await;
    assert_eq!(session.watch(keys(1 << 18)), Ok(()));
}

#[tokio::test]
async fn the_first_version_of_a_key_that_is_watched_twice_counts() {
    let mut session = small().await;
    let key = || Box::<[u8]>::from(*b"k");
    assert_eq!(session.watch([(key(), 3), (key(), 4)]), Ok(()));
    assert_eq!(session.watched.iter().collect::<Vec<_>>(), [(b"k".as_slice(), 3)]);
}

#[tokio::test]
async fn names_are_short_and_only_those_who_authenticate_have_one() {
    let mut session = session(Settings { password: Some("secret".into()), ..Settings::default() }).await;
    assert!(say(&mut session, "HELLO 3 SETNAME me").is_err_and(|text| text.starts_with("NOAUTH")));
    assert_eq!(session.bytes(), 0);
    assert!(say(&mut session, "HELLO 3 AUTH default secret SETNAME me").is_ok());
    assert_eq!(say(&mut session, "CLIENT GETNAME"), Ok(Reply::text("me")));
    let long = "x".repeat(257);
    for refused in
        [format!("CLIENT SETNAME {long}"), format!("HELLO 3 SETNAME {long}"), "HELLO 3 SETNAME \n".into()]
    {
        assert!(
            say(&mut session, &refused).is_err_and(|text| text.starts_with("ERR Client names")),
            "{refused}"
        );
    }
    assert_eq!(session.bytes(), 2);
    assert!(say(&mut session, "HELLO x").is_err_and(|text| text.starts_with("ERR Protocol version")));
}

#[tokio::test]
async fn unwatch_is_queued_in_a_transaction() {
    let mut session = small().await;
    assert_eq!(say(&mut session, "MULTI"), Ok(Reply::Ok));
    assert_eq!(say(&mut session, "UNWATCH"), Ok(Reply::Word(Word::Queued)));
    assert_eq!(say(&mut session, "EXEC"), Err("Waits".into()));
}

#[tokio::test]
async fn a_pattern_of_settings_is_limited_as_those_of_keys() {
    let mut session = session(Settings::default()).await;
    assert!(
        matches!(say(&mut session, "CONFIG GET SAVE time*"), Ok(Reply::Map(fields)) if fields.len() == 2)
    );
    let hard = format!("CONFIG GET *[{}]", "A".repeat(1 << 22));
    assert!(say(&mut session, &hard).is_err_and(|text| text.starts_with("ERR the reply would exceed")));
}
