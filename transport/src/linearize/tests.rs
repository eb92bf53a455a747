//! A state machine is a model: the verdicts are those of trying every order.

use super::{Call, Operation, Verdict, check};
use crate::sim::Chance;
use paxos_core::{Slot, StateMachine};

const MEMORY: usize = 64 << 20;

/// A lock: the holder, and how often it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Lock(Option<u32>, u32);

/// 0 tells the holder, an even number takes the lock, an odd one gives back the lock of the number below.
impl StateMachine for Lock {
    type Command = u32;
    type Reply = Option<u32>;

    fn apply(&mut self, _slot: Slot, command: &u32) -> Option<u32> {
        match command {
            0 => return self.0,
            owner if owner % 2 == 0 && self.0.is_none() => {
                *self = Self(Some(*owner), self.1 + 1);
                return Some(self.1);
            }
            owner if self.0 == Some(owner - 1) => self.0 = None,
            _ => {}
        }
        None
    }
}

type History = Vec<Operation<Call<u32, Option<u32>>>>;

fn op(command: u32, reply: Option<u32>, begun: u64, ended: u64) -> Operation<Call<u32, Option<u32>>> {
    Operation { client: 0, deed: Call { command, reply: Some(reply) }, begun, ended: Some(ended) }
}

/// Whether some order of all that ended, and some of the rest, explains every reply.
fn has_order(history: &History, done: u32, state: &Lock) -> bool {
    let left = || (0..history.len()).filter(|nth| done & (1 << nth) == 0);
    if left().all(|nth| history[nth].ended.is_none()) {
        return true;
    }
    left().any(|nth| {
        let Operation { deed, begun, ended, .. } = &history[nth];
        if left().any(|other| history[other].ended.is_some_and(|ended| ended < *begun)) {
            return false;
        }
        let mut next = state.clone();
        let reply = next.apply(Slot(0), &deed.command);
        let fits = ended.is_none() || deed.reply.is_none_or(|seen| seen == reply);
        fits && has_order(history, done | 1 << nth, &next)
    })
}

/// What a true lock would have answered, each operation at a moment of its own; then some replies are changed.
fn drawn(seed: u64, length: u64) -> History {
    let mut chance = Chance::new(seed, 0);
    let mut lock = Lock::default();
    let mut history = History::new();
    for nth in 0..length {
        let at = 100 + 10 * nth;
        let command = [0, 2, 2, 3, 4, 4, 5][chance.below(7) as usize];
        let mut reply = Some(lock.apply(Slot(0), &command));
        match chance.below(40) {
            0 => reply = Some(None),
            1 => reply = Some(Some(chance.below(5) as u32)),
            2 => reply = None,
            _ => {}
        }
        let (begun, ended) = (at - chance.below(30), at + chance.below(30));
        let ended = (!chance.hits(0.2)).then_some(ended);
        history.push(Operation { client: nth, deed: Call { command, reply }, begun, ended });
    }
    history
}

#[test]
fn verdicts_are_those_of_trying_every_order() {
    let mut wrong = 0;
    for seed in 0..3_000 {
        let history = drawn(seed, 2 + seed % 7);
        let expected = has_order(&history, 0, &Lock::default());
        match check(&Lock::default(), &history, MEMORY) {
            Verdict::Linearizable => assert!(expected, "seed {seed} has no order: {history:#?}"),
            Verdict::NotLinearizable(conflict) => {
                assert!(!expected, "seed {seed} has an order: {history:#?}");
                assert!(conflict.is_smallest, "seed {seed}: {conflict:?}");
                let named = conflict.operations.iter().map(|nth| history[*nth].clone()).collect();
                assert!(
                    !has_order(&named, 0, &Lock::default()),
                    "seed {seed}: {}",
                    conflict.timeline(&history)
                );
                wrong += 1;
            }
            Verdict::Undecided => panic!("seed {seed}: {history:#?}"),
        }
    }
    assert!((300..2_000).contains(&wrong), "{wrong} of 3,000 are wrong");
}

#[test]
fn an_old_answer_is_found_and_drawn() {
    let history = [op(2, Some(1), 0, 9), op(0, None, 10, 19), op(3, None, 20, 29)];
    let Verdict::NotLinearizable(conflict) = check(&Lock::default(), &history, MEMORY) else {
        panic!("the lock was held");
    };
    assert_eq!((conflict.stuck, &*conflict.operations, conflict.is_smallest), (1, &[0, 1][..], true));
    assert_eq!(
        conflict.timeline(&history),
        "  operation 0  client 0  2 -> Some(1)  [--]\n  operation 1  client 0  0 -> None           [--]\n"
    );
}

#[test]
fn long_histories_of_a_few_clients_are_explained() {
    for seed in 0..20 {
        let mut history = drawn(seed, 400);
        // As they were before some replies were changed.
        let mut lock = Lock::default();
        for operation in &mut history {
            operation.deed.reply = Some(lock.apply(Slot(0), &operation.deed.command));
            operation.ended =
                operation.ended.or((operation.client % 40 != 0).then_some(operation.begun + 60));
        }
        assert_eq!(check(&Lock::default(), &history, MEMORY), Verdict::Linearizable, "seed {seed}");
    }
}

#[test]
fn a_search_without_memory_is_no_verdict() {
    let history = drawn(1, 40);
    assert_eq!(check(&Lock::default(), &history, 100), Verdict::Undecided);
}
