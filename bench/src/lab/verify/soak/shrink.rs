//! Reduces a failure to fewer mishaps.

use super::{Failure, Plan, Ran, run};

/// Returns the failure with as few mishaps as it needs: without any one of those left, the run does not fail (delta
/// debugging, Zeller and Hildebrandt 2002, one mishap at a time).
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
