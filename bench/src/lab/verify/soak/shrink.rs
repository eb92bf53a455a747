//! Reduces a failure to fewer mishaps.

use super::{Failure, Plan, Ran, UNEQUAL, tried};

/// Returns the failure with as few mishaps as it needs: without any one of those left, the run does not fail in this way
/// (delta debugging, Zeller and Hildebrandt 2002, one mishap at a time). A run with fewer mishaps that breaks something
/// else is another failure.
pub(super) fn shrink(plan: &Plan, ran: &Ran) -> Failure {
    let Some(first) = &ran.failure else { return Failure::of(plan, ran) };
    let mut smallest = (plan.clone(), ran.clone());
    let mut left: Vec<usize> = plan.mishaps.iter().map(|mishap| mishap.number).collect();
    let mut at = 0;
    while at < left.len() {
        let without: Vec<usize> = left.iter().copied().filter(|number| *number != left[at]).collect();
        let fewer = plan.with_only(&without);
        let again = tried(&fewer, first.name == UNEQUAL);
        if again.failure.as_ref().is_some_and(|wrong| wrong.name == first.name) {
            (left, smallest) = (without, (fewer, again));
            at = 0;
        } else {
            at += 1;
        }
    }
    let reduced = left.len() < plan.mishaps.len();
    Failure { unreduced: reduced.then(|| first.to_string()), ..Failure::of(&smallest.0, &smallest.1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::verify::soak::{Planted, Wrong};

    /// Seeds whose disks lie, and what their runs break.
    fn failing() -> impl Iterator<Item = (Plan, Ran)> {
        let plans = (0..2000).map(|seed| Plan::draw(seed, None, Some(Planted::LyingDisks)));
        let tried = plans.filter(|plan| plan.mishaps.len() > 2).map(|plan| (tried(&plan, false), plan));
        tried.filter(|(ran, _)| ran.failure.is_some()).map(|(ran, plan)| (plan, ran))
    }

    #[test]
    fn what_is_left_breaks_the_same_and_the_whole_run_is_told_too() {
        // Some take all of their mishaps.
        let mut reduced = failing().map(|(plan, ran)| (shrink(&plan, &ran), ran));
        let (failure, ran) = reduced.find(|(failure, _)| failure.unreduced.is_some()).expect("one of them");
        let first = ran.failure.expect("it fails");
        assert!(failure.what.starts_with(first.name), "{failure:?}");
        assert_eq!(failure.unreduced, Some(first.to_string()));
    }

    #[test]
    fn another_failure_of_fewer_mishaps_is_not_taken_for_this_one() {
        let (plan, mut ran) = failing().next().expect("one fails");
        ran.failure = Some(Wrong::new("another_invariant", "as if the whole run broke something else"));
        let failure = shrink(&plan, &ran);
        assert_eq!(failure.what, "another_invariant: as if the whole run broke something else");
        assert_eq!((failure.unreduced, failure.run), (None, plan.to_string()));
    }
}
