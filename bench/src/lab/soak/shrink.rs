//! Less that still fails.

use super::{Failure, Plan, Ran, run};

/// The failure with as few mishaps, and then as few commands and reads, as it takes: it fails without any one of the mishaps left
/// out, and would hold without any one of those that are left (delta debugging, Zeller 2002, for single mishaps).
pub(super) fn shrink(plan: &Plan, ran: &Ran) -> Failure {
    let mut smallest = (plan.clone(), ran.clone());
    let mut left: Vec<usize> = plan.mishaps.iter().map(|mishap| mishap.number).collect();
    let mut at = 0;
    while at < left.len() {
        let without: Vec<usize> = left.iter().copied().filter(|number| *number != left[at]).collect();
        let fewer = plan.with_only(&without);
        let again = run(&fewer, None);
        if again.failure.is_some() {
            (left, smallest) = (without, (fewer, again));
            at = 0;
        } else {
            at += 1;
        }
    }
    Failure::of(&smallest.0, &smallest.1)
}
