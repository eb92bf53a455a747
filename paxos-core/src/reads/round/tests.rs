//! Reads that ask together, are asked again, and end.

use super::*;
use crate::Counts;

fn reads() -> (Config, Reads) {
    let config = Config::collapsed(3).expect("acceptors");
    let reads = Reads::new(&config, 0);
    (config, reads)
}

fn ask(reads: &mut Reads, now: u64) -> Vec<ReadId> {
    reads.gather();
    std::iter::from_fn(|| reads.ask(Time(now))).map(|inquiry| inquiry.id).collect()
}

fn seen(reads: &mut Reads, applied: u64) -> Vec<u64> {
    std::iter::from_fn(|| reads.readable(Slot(applied))).map(|readable| readable.id.number).collect()
}

#[test]
fn reads_that_arrive_together_ask_together_and_later_ones_by_themselves() {
    let (_, mut reads) = reads();
    for way in [Consistency::Confirmed, Consistency::Quorum, Consistency::Confirmed] {
        reads.begin(way).expect("room");
    }
    let together = ask(&mut reads, 0);
    assert_eq!(together.iter().map(|id| id.number).collect::<Vec<_>>(), [0, 1]);
    reads.begin(Consistency::Confirmed).expect("room");
    assert_eq!(ask(&mut reads, 0).len(), 1);
    reads.on_bound(together[0], Slot(5));
    assert_eq!(seen(&mut reads, 4), []);
    assert_eq!((seen(&mut reads, 5), reads.open()), (vec![0, 2], 2));
}

#[test]
fn a_quorum_read_waits_for_the_lowest_end_that_a_phase_1_quorum_names() {
    let (_, mut reads) = reads();
    let quorums = Counts::majority(NodeSet::first(5)).expect("acceptors");
    reads.begin(Consistency::Quorum).expect("room");
    let id = ask(&mut reads, 0)[0];
    // An acceptor does not count twice, whatever it reports.
    let ends = [(0, 3), (0, 1), (1, 9), (1, 9), (2, 4)];
    let bounds = ends.map(|(n, end)| reads.on_voted_below(NodeId(n), id, Slot(end), &quorums));
    assert_eq!(bounds, [false, false, false, false, true]);
    assert_eq!(seen(&mut reads, 8), []);
    assert!(reads.on_voted_below(NodeId(3), id, Slot(5), &quorums));
    assert_eq!(seen(&mut reads, 4), []);
    assert_eq!(seen(&mut reads, 5), [0]);
}

#[test]
fn an_answer_to_another_incarnation_or_another_read_changes_nothing() {
    let (config, mut reads) = reads();
    reads.begin(Consistency::Quorum).expect("room");
    let id = ask(&mut reads, 0)[0];
    for id in [ReadId { session: 1, ..id }, ReadId { number: 1, ..id }] {
        reads.on_bound(id, Slot(0));
        assert!(!reads.on_voted_below(NodeId(0), id, Slot(0), &*config.quorums));
    }
    assert_eq!(seen(&mut reads, 100), []);
}

#[test]
fn what_is_not_answered_is_asked_again_in_due_time_under_the_same_name() {
    let (config, mut reads) = reads();
    reads.begin(Consistency::Lease).expect("room");
    let first = ask(&mut reads, 0);
    let due = reads.deadline().expect("it waits");
    assert_eq!(Some(due.since(Time(0))), config.timeouts.client);
    reads.on_timeout(Time(due.0 - 1));
    assert!(ask(&mut reads, due.0 - 1).is_empty());
    reads.on_timeout(due);
    assert_eq!(ask(&mut reads, due.0), first);
    let gone = BTreeSet::from([first[0]]);
    assert_eq!((reads.cancel(&gone), reads.cancel(&gone)), (1, 0));
    assert_eq!((reads.open(), reads.deadline()), (0, None));
}

#[test]
fn a_removed_process_ends_the_linearizable_reads_and_no_others() {
    let (_, mut reads) = reads();
    let ways = [Consistency::Confirmed, Consistency::Quorum, Consistency::AtLeast(Slot(9))];
    for way in ways {
        reads.begin(way).expect("room");
    }
    ask(&mut reads, 0);
    // The reads before were asked; this one is not asked yet.
    reads.begin(Consistency::Lease).expect("room");
    reads.end_linearizable();
    let mut ended: Vec<_> = std::iter::from_fn(|| reads.poll_ended()).map(|id| id.number).collect();
    ended.sort_unstable();
    assert_eq!((ended, reads.open(), reads.deadline()), (vec![0, 1, 3], 1, None));
    assert_eq!((seen(&mut reads, 9), reads.open()), (vec![2], 0));
}

#[test]
fn only_a_heartbeat_after_the_question_confirms_it() {
    let (_, mut reads) = reads();
    let ballot = Ballot::classic(1, NodeId(0));
    let question = Question { from: NodeId(1), id: ReadId::default(), lease: false };
    assert!(reads.wait_for_quorum(&question, ballot, Slot(7), Some(Time(5))));
    assert_eq!(reads.settle(Some(ballot), Some(Time(5))), None);
    assert!(
        reads.wants_beat(Some(Time(5)), Some(Time(5))) && !reads.wants_beat(Some(Time(6)), Some(Time(5)))
    );
    // The question is repeated, so the heartbeat in progress may be lost.
    assert!(reads.wait_for_quorum(&question, ballot, Slot(8), Some(Time(6))));
    assert!(reads.wants_beat(Some(Time(6)), Some(Time(5))));
    assert_eq!(
        reads.settle(Some(ballot), Some(Time(6))),
        Some((NodeId(1), ReadId::default(), Some(Slot(7))))
    );
    assert!(reads.wait_for_quorum(&question, ballot, Slot(8), Some(Time(6))));
    assert_eq!(reads.settle(None, Some(Time(9))), Some((NodeId(1), ReadId::default(), None)));
}

#[test]
fn rounds_that_nobody_answers_are_asked_again_as_one() {
    let (config, mut reads) = reads();
    let patience = config.timeouts.client.expect("it asks again");
    for at in 0..100 {
        for way in [Consistency::Confirmed, Consistency::Lease] {
            reads.begin(way).expect("room");
            assert_eq!(ask(&mut reads, at).len(), 1);
        }
    }
    let mut later = Time(99);
    let mut asked = Vec::new();
    for _ in 0..OFTEN {
        later = later.after(patience);
        reads.on_timeout(later);
        asked.push(ask(&mut reads, later.0));
    }
    let again = asked.pop().expect("asked often");
    assert!(asked.iter().all(|ids| ids.len() == 200), "an answer may still come");
    assert_eq!(again.iter().map(|id| id.number).collect::<Vec<_>>(), [198, 199]);
    // An answer to an older question may be of a time before the reads that have joined.
    reads.on_bound(ReadId { session: 0, number: 0 }, Slot(0));
    assert_eq!(seen(&mut reads, 9), []);
    reads.on_bound(again[0], Slot(9));
    assert_eq!(seen(&mut reads, 9), (0..200).step_by(2).collect::<Vec<u64>>());
    assert_eq!(reads.open(), 100);
}
