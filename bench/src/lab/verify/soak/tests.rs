//! The soak runs what its options say, and finds mistakes.

use super::*;
use paxos_core::NodeId;

fn options(seeds: Range<u64>) -> Soak {
    Soak {
        seeds,
        shard: (1, 1),
        jobs: NonZeroUsize::new(2),
        variant: None,
        only: None,
        draw: None,
        steer: false,
        vary: 0,
        planted: None,
        failures: 1,
        format: Form::Table,
    }
}

#[test]
fn nothing_fails_in_the_first_seeds_and_every_kind_of_mishap_is_among_them() {
    let tally = soak(&options(0..400), |_| {}).expect("options");
    assert!(tally.failures.is_empty(), "{}", tally.table());
    assert_eq!((tally.runs, tally.replayed), (400, 4));
    assert!(Kind::ALL.iter().all(|kind| tally.kinds.contains_key(kind)), "{}", tally.table());
    assert!(Variant::ALL.iter().all(|variant| tally.variants.contains_key(variant.name())));
}

#[test]
fn a_seed_stands_for_one_run_in_any_shard_and_any_number_of_jobs() {
    let whole = soak(&options(0..60), |_| {}).expect("options");
    let mut parts = Tally::default();
    for k in 1..=3 {
        let part = Soak { shard: (k, 3), jobs: NonZeroUsize::new(1), ..options(0..60) };
        assert_eq!(part.count(), 20);
        parts.join(soak(&part, |_| {}).expect("options"));
    }
    let of =
        |tally: &Tally| (tally.runs, tally.answered, tally.read, tally.kinds.clone(), tally.variants.clone());
    assert_eq!(of(&whole), of(&parts));
}

#[test]
fn disks_that_lie_are_found_and_what_it_takes_is_told() {
    let lying = Soak { planted: Some(Planted::LyingDisks), ..options(0..2000) };
    let tally = soak(&lying, |_| {}).expect("options");
    let failure = tally.failures.first().expect("it is found");
    let plan = Plan::draw(failure.seed, None, Some(Planted::LyingDisks));
    // The failure needs a crash, and the printed command repeats it.
    let left: Vec<usize> = failure.replay.rsplit_once("--only ").map_or(Vec::new(), |(_, numbers)| {
        numbers.split(',').map(|number| number.parse().expect("a number")).collect()
    });
    let crashes =
        plan.mishaps.iter().filter(|m| left.contains(&m.number) && (m.kind.crashes() || m.kind.is_amnesia()));
    assert!(crashes.count() > 0 && left.len() <= plan.mishaps.len(), "{failure:?}");
    let again = Soak { seeds: failure.seed..failure.seed + 1, only: Some(left), ..lying };
    assert_eq!(soak(&again, |_| {}).expect("options").failures, std::slice::from_ref(failure));
}

#[test]
fn a_disk_that_forgets_unnoticed_is_found() {
    let planted = Soak { planted: Some(Planted::UnnoticedAmnesia), ..options(0..4000) };
    let tally = soak(&planted, |_| {}).expect("options");
    assert!(tally.failures[0].run.contains("-disk"), "{:?}", tally.failures);
}

#[test]
fn options_that_are_about_one_seed_are_refused_for_many() {
    let many = Soak { only: Some(vec![0]), ..options(0..10) };
    assert_eq!(soak(&many, |_| {}).err(), Some(SoakError::OneSeed("--only")));
    let none = Soak { only: Some(vec![99]), ..options(3..4) };
    assert!(matches!(soak(&none, |_| {}), Err(SoakError::NoMishap { number: 99, .. })));
    for wrong in ["5..5", "9..3", "x", "-1", "0..", "18446744073709551615"] {
        assert!(seeds(wrong).is_err(), "{wrong}");
    }
    for wrong in ["0/3", "4/3", "1", "1/0", "a/b"] {
        assert!(shard(wrong).is_err(), "{wrong}");
    }
    assert_eq!((seeds("7"), shard("2/4")), (Ok(7..8), Ok((2, 4))));
}

#[test]
fn no_two_kinds_that_may_not_meet_are_drawn_together() {
    for seed in 0..3000 {
        let plan = Plan::draw(seed, None, None);
        let kinds: Vec<Kind> = plan.mishaps.iter().map(|mishap| mishap.kind).collect();
        for (nth, one) in kinds.iter().enumerate() {
            assert!(
                kinds[nth + 1..].iter().all(|other| one.apart(*other).is_none()),
                "seed {seed}: {kinds:?}"
            );
        }
        assert!(plan.spares().iter().all(|id| *id >= NodeId(plan.shape.acceptors)));
    }
}

#[test]
fn steered_runs_are_the_same_in_any_number_of_jobs_and_reach_more() {
    let steered = |jobs| Soak { steer: true, jobs: NonZeroUsize::new(jobs), ..options(0..500) };
    let (one, three) =
        (soak(&steered(1), |_| {}).expect("options"), soak(&steered(3), |_| {}).expect("options"));
    assert!(one.failures.is_empty(), "{}", one.table());
    assert_eq!((one.steered, &one.pairs, one.answered), (three.steered, &three.pairs, three.answered));
    assert_eq!((one.runs, one.steered.map(|(variations, _)| variations)), (500, Some(200)));
}

#[test]
fn a_failing_variation_is_repeated_by_the_command_that_is_printed() {
    let lying = Soak { planted: Some(Planted::LyingDisks), failures: 1000, steer: true, ..options(0..400) };
    let tally = soak(&lying, |_| {}).expect("options");
    let failure = tally.failures.iter().find(|failure| failure.replay.contains(" --vary ")).expect("one");
    let after = |name: &str| failure.replay.split(name).nth(1).and_then(|rest| rest.split(' ').next());
    let only = after(" --only ").map(|numbers| numbers.split(',').map(|n| n.parse().expect("one")).collect());
    let vary = after(" --vary ").and_then(|vary| vary.parse().ok()).expect("a number");
    let again = Soak { seeds: failure.seed..failure.seed + 1, vary, only, steer: false, ..lying };
    assert_eq!(soak(&again, |_| {}).expect("options").failures, std::slice::from_ref(failure));
}
