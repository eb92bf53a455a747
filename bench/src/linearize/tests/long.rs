//! Long histories, with and without one wrong answer.

use super::{MEMORY, op, right, wrong};
use crate::linearize::{Deed, Operation, Verdict, check};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// The answers of a real register to ten clients. A tenth of the operations is never answered.
fn drawn(seed: u64, length: u64) -> Vec<Operation> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |n: u64| rng.next_u64() % n;
    let (mut value, mut history) = (None::<String>, Vec::new());
    for nth in 0..length {
        let at = 1_000 + nth * 10;
        let (begun, ended) = (at - below(60), at + 1 + below(60));
        let is_known = below(10) > 0;
        let deed = match below(3) {
            0 => Deed::Cas(value.replace(nth.to_string()), nth.to_string()),
            1 => {
                value = Some(nth.to_string());
                Deed::Put(nth.to_string())
            }
            _ => Deed::Get(value.clone()),
        };
        history.push(op(deed, begun, if is_known { ended } else { 0 }));
    }
    history
}

#[test]
fn long_histories_are_explained_and_one_old_answer_in_them_is_found() {
    for seed in 0..20 {
        let mut history = drawn(seed, 2_000);
        right(&history);
        // One read returns a value that was written long before.
        let old = history.iter().find_map(|op| match (&op.deed, op.ended) {
            (Deed::Put(value), Some(_)) => Some(value.clone()),
            _ => None,
        });
        let last = history.iter().rposition(|op| matches!(op.deed, Deed::Get(_)) && op.ended.is_some());
        let last = last.expect("there are reads");
        history[last].deed = Deed::Get(old);
        let conflicts = wrong(&history);
        assert!(conflicts[0].operations.contains(&last), "{conflicts:?}");
        assert!(conflicts[0].operations.len() <= 6, "{conflicts:?}");
    }
}

/// One in ten writes is never answered, and reads see some of these writes much later.
#[test]
fn hundreds_of_unknown_outcomes_are_no_burden() {
    let mut history = Vec::new();
    for nth in 0..2_000_u64 {
        let (at, value) = (10 * nth + 1, format!("v{nth}"));
        let is_lost = nth % 10 == 0;
        history.push(op(Deed::Put(value.clone()), at, if is_lost { 0 } else { at + 2 }));
        if nth % 50 == 0 && nth >= 300 {
            // This value was written 300 operations before, and takes effect only now.
            history.push(op(Deed::Get(Some(format!("v{}", nth - 300))), at + 4, at + 5));
        }
    }
    right(&history);
    let twice = history.iter().find(|op| matches!(op.deed, Deed::Get(_))).expect("a read").deed.clone();
    history.push(op(twice, 1_000_000, 1_000_001));
    assert!(matches!(check(&history, MEMORY, |_| {}), Verdict::NotLinearizable(_)));
}
