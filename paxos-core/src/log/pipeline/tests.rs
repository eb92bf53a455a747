//! Waiting commands, proposals in progress, and their limits.

use super::*;
use crate::{ClientId, Counts, NodeId, NodeSet};
use std::sync::Arc;

/// The default limits, but at most 10 commands may wait, and with the changes that `change` makes.
fn pipeline(change: impl FnOnce(&mut Config)) -> Pipeline<String> {
    let mut config = Config::new(Arc::new(Counts::majority(NodeSet::first(3)).expect("lawful")));
    config.limits.queue = 10;
    change(&mut config);
    Pipeline::new(&config)
}

/// Commands with payloads of these sizes in bytes.
fn sized(first: u64, sizes: &[usize]) -> Request<String> {
    let entry = |(seq, n): (u64, &usize)| Entry::new(ClientId::default(), seq, "x".repeat(*n));
    Request { commands: (first..).zip(sizes).map(entry).collect(), audience: Audience::Leader }
}

fn request(seqs: std::ops::Range<u64>, audience: Audience) -> Request<String> {
    Request { audience, ..sized(seqs.start, &vec![0; (seqs.end - seqs.start) as usize]) }
}

fn seqs(batch: Option<Batch<String>>) -> Vec<u64> {
    batch.into_iter().flat_map(|b| b.to_vec()).filter_map(|e| Some(e.id()?.seq)).collect()
}

fn most(count: usize) -> Amount {
    Amount { count, bytes: usize::MAX }
}

fn ms(n: u64) -> Time {
    Time(0).after(Duration::from_millis(n))
}

const BALLOT: Ballot = Ballot::classic(1, NodeId(0));

/// Proposes what may be proposed at `now`, from slot `first` on.
fn next(pipeline: &mut Pipeline<String>, now: Time, first: u64) -> Vec<u64> {
    seqs(pipeline.propose_next(now, BALLOT, Slot(first), Slot::MAX))
}

#[test]
fn commands_leave_in_the_order_of_their_arrival() {
    let mut pipeline = pipeline(|_| {});
    for range in [0..3, 3..4, 4..9] {
        pipeline.push(ms(0), &request(range, Audience::Leader)).expect("room");
    }
    let refused = pipeline.push(ms(0), &request(9..11, Audience::Leader));
    assert_eq!(refused, Err(Overloaded::Waiting(10)));
    assert_eq!(seqs(pipeline.take(most(2))), [0, 1]);
    assert_eq!(seqs(pipeline.take(most(4))), [2, 3, 4, 5]);
    assert_eq!((seqs(pipeline.take(most(9))), pipeline.waiting()), (vec![6, 7, 8], 0));
}

#[test]
fn a_command_asked_for_again_is_not_taken_twice() {
    let mut pipeline = pipeline(|_| {});
    pipeline.push(ms(0), &request(0..2, Audience::Leader)).expect("room");
    let batch = pipeline.take(most(1)).expect("waiting");
    pipeline.propose(BALLOT, Slot(4), &batch);
    pipeline.push(ms(0), &request(0..3, Audience::Anyone)).expect("room");
    assert_eq!(seqs(pipeline.take(most(9))), [1, 2]);
}

#[test]
fn what_a_lost_ballot_proposed_waits_again_unless_it_turns_up() {
    let mut pipeline = pipeline(|_| {});
    pipeline.push(ms(0), &sized(0, &[1, 2, 4, 8])).expect("room");
    let batch = pipeline.take(most(3)).expect("waiting");
    pipeline.propose(BALLOT, Slot(4), &batch);
    assert!(pipeline.settle(Slot(5)) && !pipeline.settle(Slot(5)));
    pipeline.requeue();
    assert_eq!((pipeline.under_way().bytes, pipeline.waiting), (0, Amount { count: 3, bytes: 14 }));
    pipeline.drop_found(&request(2..3, Audience::Leader).commands, &Chosen::default());
    assert_eq!(pipeline.waiting.bytes, 10);
    assert_eq!(seqs(pipeline.take(most(9))), [1, 3]);
}

#[test]
fn a_message_holds_no_more_bytes_than_its_limit_but_a_larger_command_goes_alone() {
    let mut pipeline = pipeline(|config| config.limits.batch_bytes = 10);
    pipeline.push(ms(0), &sized(0, &[4, 4, 4])).expect("room");
    pipeline.push(ms(0), &sized(3, &[6, 11, 1])).expect("room");
    pipeline.push(ms(0), &sized(6, &[1, 1])).expect("room");
    let batches: [Vec<u64>; 5] = core::array::from_fn(|i| next(&mut pipeline, ms(0), 9 * i as u64));
    assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4], vec![5, 6, 7], vec![]]);
}

#[test]
fn no_more_bytes_wait_than_the_limit() {
    let mut pipeline = pipeline(|config| config.limits.queue_bytes = 10);
    // An empty queue takes anything, since the command could not be proposed otherwise.
    pipeline.push(ms(0), &sized(0, &[11])).expect("room");
    assert_eq!(pipeline.push(ms(0), &sized(1, &[1])), Err(Overloaded::WaitingBytes(10)));
    assert_eq!(next(&mut pipeline, ms(0), 0), [0]);
    pipeline.push(ms(0), &sized(1, &[6])).expect("room");
    pipeline.push(ms(0), &sized(2, &[4])).expect("room");
    assert_eq!(pipeline.push(ms(0), &sized(3, &[1])), Err(Overloaded::WaitingBytes(10)));
    assert_eq!((pipeline.waiting(), pipeline.waiting.bytes), (2, 10));
}

#[test]
fn no_more_slots_are_under_way_than_the_window() {
    let mut pipeline = pipeline(|config| config.limits.window = 3);
    pipeline.push(ms(0), &request(0..5, Audience::Leader)).expect("room");
    assert_eq!(next(&mut pipeline, ms(0), 0), [0, 1, 2]);
    assert_eq!(next(&mut pipeline, ms(0), 3), []);
    pipeline.settle(Slot(1));
    assert_eq!((next(&mut pipeline, ms(0), 3), pipeline.under_way().count), (vec![3], 3));
}

#[test]
fn no_more_bytes_are_under_way_than_the_window_but_a_larger_command_goes_alone() {
    let mut pipeline = pipeline(|config| config.limits.window_bytes = 10);
    pipeline.push(ms(0), &sized(0, &[4, 4, 4])).expect("room");
    pipeline.push(ms(0), &sized(3, &[11])).expect("room");
    assert_eq!(next(&mut pipeline, ms(0), 0), [0, 1]);
    assert_eq!(next(&mut pipeline, ms(0), 2), []);
    // Half of a proposal is chosen. It counts in full until all of it is chosen.
    pipeline.settle(Slot(1));
    assert_eq!((next(&mut pipeline, ms(0), 2), pipeline.under_way().bytes), (vec![], 8));
    pipeline.settle(Slot(2));
    assert_eq!(next(&mut pipeline, ms(0), 2), [2]);
    assert_eq!(next(&mut pipeline, ms(0), 3), []);
    pipeline.settle(Slot(3));
    assert_eq!((next(&mut pipeline, ms(0), 3), pipeline.under_way().bytes), (vec![3], 11));
}

#[test]
fn a_batch_that_is_not_full_lingers_from_the_arrival_of_its_oldest_command_on() {
    let mut pipeline = pipeline(|config| {
        config.timeouts.linger = Some(Duration::from_millis(5));
        config.limits.batch = 4;
        config.limits.batch_bytes = 10;
    });
    assert_eq!(pipeline.deadline(), None);
    pipeline.push(ms(1), &sized(0, &[1])).expect("room");
    pipeline.push(ms(4), &sized(1, &[1])).expect("room");
    assert_eq!((next(&mut pipeline, ms(5), 0), pipeline.deadline()), (vec![], Some(ms(6))));
    assert_eq!((next(&mut pipeline, ms(6), 0), pipeline.deadline()), (vec![0, 1], None));
    // The batch is full in commands. The remaining command lingers from its own arrival on.
    pipeline.push(ms(7), &sized(2, &[1, 1, 1])).expect("room");
    pipeline.push(ms(8), &sized(5, &[1, 1])).expect("room");
    assert_eq!(next(&mut pipeline, ms(8), 2), [2, 3, 4, 5]);
    assert_eq!((next(&mut pipeline, ms(8), 6), pipeline.deadline()), (vec![], Some(ms(13))));
    // Its proposer is busy when the time comes.
    pipeline.on_timeout(ms(13));
    assert_eq!(pipeline.deadline(), None);
    // The batch is full in bytes.
    pipeline.push(ms(9), &sized(7, &[9])).expect("room");
    assert_eq!(next(&mut pipeline, ms(9), 6), [6, 7]);
}

#[test]
fn a_full_window_is_not_waited_for_by_the_clock() {
    let mut pipeline = pipeline(|config| {
        config.timeouts.linger = Some(Duration::from_millis(5));
        config.limits.window = 2;
    });
    pipeline.push(ms(0), &request(0..3, Audience::Leader)).expect("room");
    // A batch that fills the window is full.
    assert_eq!((next(&mut pipeline, ms(0), 0), pipeline.deadline()), (vec![0, 1], None));
    pipeline.settle(Slot(1));
    assert_eq!(next(&mut pipeline, ms(0), 2), [2]);
}

/// Whatever comes and goes, the ids that a pipeline keeps are those of its commands.
#[test]
fn who_asks_again_is_heard_if_its_command_has_gone_and_only_then() {
    let mut pipeline = pipeline(|config| {
        config.limits.queue = usize::MAX;
        (config.limits.window, config.limits.batch) = (64, 7);
    });
    let (mut draw, mut first, mut next) = (1_u64, 0, 0);
    let mut below = |n: u64| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) % n
    };
    for _ in 0..4000 {
        match below(8) {
            0 | 1 => {
                let more = next..next + below(5);
                next = more.end;
                pipeline.push(ms(0), &request(more, Audience::Leader)).expect("room");
            }
            2 | 3 => {
                let batch = pipeline.propose_next(ms(0), BALLOT, Slot(first), Slot::MAX);
                first += batch.map_or(0, |batch| batch.len() as u64);
            }
            4 => _ = pipeline.settle(Slot(first - below(9).min(first))),
            5 => _ = pipeline.take(most(below(3) as usize + 1)),
            6 if below(9) == 0 => pipeline.requeue(),
            6 => pipeline.drop_all(&(0..3).map(|_| id(below(next + 1))).collect()),
            _ if below(40) == 0 => drop(pipeline.surrender()),
            _ => {}
        }
        let proposed = pipeline.in_flight().flat_map(|vote| vote.batch.to_vec());
        let waiting = pipeline.queue.iter().flat_map(|waiting| waiting.batch.to_vec());
        let here: BTreeSet<CommandId> = proposed.chain(waiting).filter_map(|entry| entry.id()).collect();
        let recent = request(next.saturating_sub(20)..next + 2, Audience::Anyone).commands;
        let new: Vec<CommandId> = pipeline.new_among(&recent).iter().filter_map(Entry::id).collect();
        assert!(new.iter().all(|id| !here.contains(id)), "{new:?} of {here:?}");
        assert_eq!(new.len(), recent.iter().filter(|e| e.id().is_some_and(|id| !here.contains(&id))).count());
    }
    assert!(pipeline.held.0.is_kept(), "they are not collected each time");
}

fn id(seq: u64) -> CommandId {
    CommandId { client: ClientId::default(), seq }
}

#[test]
fn the_ids_are_kept_only_while_clients_ask_again() {
    let mut pipeline = pipeline(|config| (config.limits.queue, config.limits.window) = (9999, 9999));
    pipeline.push(ms(0), &request(0..9, Audience::Leader)).expect("room");
    assert!(!pipeline.held.0.is_kept());
    pipeline.push(ms(0), &request(8..10, Audience::Anyone)).expect("room");
    pipeline.push(ms(0), &request(10..1000, Audience::Leader)).expect("room");
    assert!(pipeline.held.0.is_kept() && pipeline.waiting() == 1000);
    next(&mut pipeline, ms(0), 0);
    pipeline.settle(Slot(1000));
    assert!(!pipeline.held.0.is_kept());
}
