//! Reads: which of them go through the log, and the memory of their answers.

use super::*;
use crate::kv::{Expiry, Fault, Only, Stamp};

/// A member whose store has one key.
fn member(value: &[u8], expiry: Expiry, reads_take: Duration) -> Arc<Fake> {
    let mut store = Store::default();
    let mut ops = Ops::default();
    ops.push(&Op::Set { key: Raw(b"key"), value: Raw(value), expiry, only: Only::Always, get: false });
    store.apply(Slot(0), &Command::new(&Stamp::default(), [ops.bytes()]));
    Arc::new(Fake { store: Some(Mutex::new(store)), reads_take, ..Fake::default() })
}

fn ops<'a>(all: impl IntoIterator<Item = Op<'a>>) -> Ops {
    let mut ops = Ops::default();
    all.into_iter().for_each(|op| ops.push(&op));
    ops
}

fn get() -> Ops {
    ops([Op::Get(Raw(b"key"))])
}

/// Copies all of a value but its last byte.
fn most_of_it() -> Op<'static> {
    Op::Range(Raw(b"key"), 0, -2)
}

fn bytes(answers: &Answers, count: usize) -> u64 {
    (0..count).filter_map(|nth| answers.get(nth)).map(Reply::bytes).sum()
}

#[tokio::test(start_paused = true)]
async fn a_read_that_the_member_has_begun_is_not_sent_through_the_log() {
    let member = member(b"v", Expiry::Never, PATIENCE / 2);
    let batcher = open(&member, Consistency::Confirmed, &Account::new(1 << 30));
    assert_eq!(or_failure(&batcher.run(get()).await, 0), Reply::text("v"));
    assert_eq!(member.commands.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_read_at_a_spare_goes_through_the_log_at_once() {
    let spare = Arc::into_inner(member(b"v", Expiry::Never, Duration::ZERO)).expect("the only one");
    let spare = Arc::new(Fake { outside: true, ..spare });
    for (consistency, commands) in [(Consistency::Local, 0), (Consistency::Confirmed, 1)] {
        let batcher = open(&spare, consistency, &Account::new(1 << 30));
        let begun = Instant::now();
        assert_eq!(or_failure(&batcher.run(get()).await, 0), Reply::text("v"));
        assert_eq!((begun.elapsed(), spare.commands.load(Relaxed)), (Duration::ZERO, commands));
    }
}

#[tokio::test(start_paused = true)]
async fn local_reads_take_a_key_that_is_due_for_absent_and_propose_nothing() {
    for (consistency, commands) in [(Consistency::Local, 0), (Consistency::Confirmed, 1)] {
        let member = member(b"v", Expiry::After(5), Duration::ZERO);
        let batcher = open(&member, consistency, &Account::new(1 << 30));
        assert_eq!(or_failure(&batcher.run(get()).await, 0), Reply::text("v"));
        sleep(Duration::from_millis(10)).await;
        let all = [
            Op::Get(Raw(b"key")),
            Op::Size,
            Op::Keys(Raw(b"*")),
            Op::Random(0),
            Op::Exists(vec![Raw(b"key")]),
        ];
        let answers = batcher.run(ops(all)).await;
        let absent = [Reply::Nil, Reply::Int(0), Reply::Array(Vec::new()), Reply::Nil, Reply::Int(0)];
        for (nth, absent) in absent.into_iter().enumerate() {
            assert_eq!(or_failure(&answers, nth), absent, "{consistency:?}");
        }
        assert_eq!(member.commands.load(Relaxed), commands, "{consistency:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_local_read_that_a_busy_member_does_not_begin_fails_and_proposes_nothing() {
    let member = Arc::<Fake>::default();
    let batcher = open(&member, Consistency::Local, &Account::new(1 << 30));
    assert_eq!(batcher.run(get()).await.failure(), read::BUSY);
    assert_eq!(member.commands.load(Relaxed), 0);
}

#[tokio::test]
async fn the_reads_of_a_pipeline_copy_no_more_than_one_answer_may_hold() {
    let member = member(&vec![b'x'; 1 << 20], Expiry::Never, Duration::ZERO);
    let account = Account::new(1 << 30);
    let batcher = open(&member, Consistency::Confirmed, &account);
    let answers = batcher.run(ops((0..100).map(|_| most_of_it()))).await;
    assert_eq!(or_failure(&answers, 99), Reply::Error(Fault::TooMuch));
    assert!((63 << 20..64 << 20).contains(&bytes(&answers, 100)), "{}", bytes(&answers, 100));
    // Values that the store has anyway are not copied.
    let answers = batcher.run(ops((0..100).map(|_| Op::Get(Raw(b"key"))))).await;
    assert!(bytes(&answers, 100) > 100 << 20, "{}", bytes(&answers, 100));
}

#[tokio::test(start_paused = true)]
async fn answers_are_charged_until_they_are_sent() {
    let member = member(&vec![b'x'; 1 << 20], Expiry::Never, Duration::ZERO);
    let account = Account::new(5 << 20);
    let batcher = open(&member, Consistency::Confirmed, &account);
    let three = || ops((0..3).map(|_| most_of_it()));
    let mut first = batcher.run(three()).await;
    assert!(first.get(2).is_some() && first.rest(3).is_none(), "{}", first.failure());
    let mut second = batcher.run(three()).await;
    assert_eq!((second.get(0).is_some(), second.get(1)), (true, None), "there is room for one");
    let rest = second.rest(1).expect("two are left");
    assert_eq!(rest.count(), 2);
    let begun = Instant::now();
    let refused = batcher.run(three()).await;
    assert!(refused.failure().starts_with("TRYAGAIN not done"), "{}", refused.failure());
    assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs(), "it has waited for room");
    drop((first, second));
    let mut third = batcher.run(rest).await;
    assert!(third.get(1).is_some() && third.rest(2).is_none(), "{}", third.failure());
    drop(third);
    // The answers to writes cannot be refused, but they count as well.
    let written = batcher.run(ops([Op::Clear, Op::Delete(Vec::new())])).await;
    assert!(account.holder().set(5 << 20), "small answers do not count");
    drop(written);
}

/// Others find room, however much one client asks for at once before it reads.
#[tokio::test]
async fn the_reads_of_a_pipeline_take_a_part_of_the_room() {
    let member = member(b"v", Expiry::Never, Duration::ZERO);
    let batcher = open(&member, Consistency::Confirmed, &Account::new(1 << 30));
    let value = vec![b'x'; 8 << 20];
    for key in 0..12 {
        let written = batcher.run(ops([Op::Append(Raw(&[key]), Raw(&value))])).await;
        assert_eq!(or_failure(&written, 0), Reply::Int(8 << 20));
    }
    let keys: Vec<[u8; 1]> = (0..12).map(|key| [key]).collect();
    let mut answers = batcher.run(ops(keys.iter().map(|key| Op::Get(Raw(key))))).await;
    assert_eq!((answers.get(7).is_some(), answers.get(8)), (true, None), "64 MiB");
    let rest = answers.rest(8).expect("the others are read when these are sent");
    drop(answers);
    assert_eq!(rest.count(), 4);
    assert!(batcher.run(rest).await.get(3).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_until_there_is_room_for_its_answer() {
    let member = member(&vec![b'x'; 1 << 20], Expiry::Never, Duration::ZERO);
    let account = Account::new(2 << 20);
    let batcher = open(&member, Consistency::Confirmed, &account);
    let unread = batcher.run(ops([most_of_it()])).await;
    let (begun, waits) = (Instant::now(), batcher.clone());
    let waiting = tokio::spawn(async move { waits.run(ops([most_of_it()])).await.get(0).is_some() });
    sleep(PATIENCE / 2).await;
    assert!(!waiting.is_finished());
    drop(unread);
    assert!(waiting.await.expect("no panic"));
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_value_that_nobody_reads_is_charged_once() {
    let member = member(&vec![b'x'; 1 << 20], Expiry::Never, Duration::ZERO);
    let account = Account::new(8 << 20);
    let batcher = open(&member, Consistency::Confirmed, &account);
    let mut unread = Vec::new();
    for _ in 0..50 {
        unread.push(batcher.run(ops([Op::Get(Raw(b"key"))])).await);
    }
    assert!(unread.iter().all(|answers| answers.get(0).is_some()));
}

#[tokio::test]
async fn large_answers_to_writes_are_charged_to_the_client_that_gets_them() {
    let member = member(&vec![b'x'; 1 << 20], Expiry::Never, Duration::ZERO);
    let account = Account::new(2 << 20);
    let batcher = open(&member, Consistency::Confirmed, &account);
    let written = batcher.run(ops([Op::Add(Raw(b"n"), 1), most_of_it(), most_of_it(), most_of_it()])).await;
    assert_eq!(or_failure(&written, 0), Reply::Int(1));
    assert!(!account.holder().set(1));
    drop(written);
    assert!(account.holder().set(1));
}

#[tokio::test]
async fn the_member_takes_turns_between_reads_that_are_much_work() {
    let member = member(&vec![b'x'; 1 << 20], Expiry::Never, Duration::ZERO);
    let batcher = open(&member, Consistency::Confirmed, &Account::new(1 << 30));
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let batcher = batcher.clone();
            tokio::spawn(async move { bytes(&batcher.run(ops((0..3).map(|_| most_of_it()))).await, 3) })
        })
        .collect();
    for run in runs {
        assert!((2 << 20..4 << 20).contains(&run.await.expect("no panic")), "each is answered");
    }
    assert!(member.reads.load(Relaxed) >= 3, "{:?}", member.reads);
}
