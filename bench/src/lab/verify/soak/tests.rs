//! The soak runs what its options say, and finds mistakes.

use super::*;
use crate::theory::Layout;
use paxos_core::{Consistency, NodeId, Time};
use std::time::Duration;

fn options(seeds: Range<u64>) -> Soak {
    Soak {
        seeds,
        shard: (1, 1),
        journal: None,
        merge: Vec::new(),
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
    let tally = soak(&options(0..400), &|_| {}).expect("options");
    assert!(tally.failures.is_empty(), "{}", tally.table());
    assert_eq!((tally.runs, tally.replayed), (400, 4));
    assert_eq!(tally.commands.answered, tally.commands.planned);
    let Ends { planned, begun, answered, unanswered, abandoned } = tally.reads;
    assert!(begun < planned && answered + unanswered + abandoned == begun, "{:?}", tally.reads);
    assert!(Kind::ALL.iter().all(|kind| tally.kinds.contains_key(kind)), "{}", tally.table());
    assert!(Variant::ALL.iter().all(|variant| tally.variants.contains_key(variant.name())));
}

#[test]
fn a_seed_stands_for_one_run_in_any_shard_and_any_number_of_jobs() {
    let whole = soak(&options(0..60), &|_| {}).expect("options");
    let mut parts = Tally::default();
    for k in 1..=3 {
        let part = Soak { shard: (k, 3), jobs: NonZeroUsize::new(1), ..options(0..60) };
        assert_eq!(part.count(), 20);
        parts.join(soak(&part, &|_| {}).expect("options"));
    }
    let of = |tally: &Tally| {
        (tally.runs, tally.commands, tally.reads, tally.pairs.clone(), tally.variants.clone())
    };
    assert_eq!(of(&whole), of(&parts));
}

/// A journal from which the second block was cut is finished, and the shares together are the whole.
#[test]
fn a_soak_goes_on_where_it_stopped_and_shares_are_put_together() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |k: u64| dir.path().join(format!("{k}.jsonl"));
    let share = |k| Soak {
        shard: (k, 2),
        journal: Some(file(k)),
        variant: Some(Variant::Simple),
        ..options(0..BLOCK * 2 + 50)
    };
    let sums = [1, 2].map(|k| soak(&share(k), &|_| {}).expect("options"));
    let text = std::fs::read_to_string(file(1)).expect("a journal");
    assert_eq!(text.lines().count(), 2);
    let merge = || soak(&Soak { merge: vec![file(1), file(2)], ..options(0..1) }, &|_| {});
    let whole = merge().expect("two whole journals");
    let runs: u64 = sums.iter().map(|sum| sum.runs).sum();
    assert_eq!((whole.runs, runs), (BLOCK * 2 + 50, BLOCK * 2 + 50));
    // The program was stopped while it wrote the second block.
    let cut = text.lines().next().expect("a line").len() + 40;
    std::fs::write(file(1), &text[..cut]).expect("written");
    let missing = merge().expect_err("a block is missing").to_string();
    assert!(missing.contains("1 of 2 blocks of share 1/2"), "{missing}");
    soak(&share(1), &|_| {}).expect("it goes on");
    assert_eq!(std::fs::read_to_string(file(1)).expect("a journal"), text);
    // Results of other seeds are not mixed with these.
    let other = Soak { variant: None, ..share(1) };
    let refused = soak(&other, &|_| {}).expect_err("another campaign").to_string();
    assert!(refused.contains("variant simple, not variant all"), "{refused}");
}

/// With more failures in the first block of a journal than are asked for now, it goes no further.
#[test]
fn failures_that_a_journal_has_count() {
    let dir = tempfile::tempdir().expect("a directory");
    let (journal, planted) = (Some(dir.path().join("1.jsonl")), Some(Planted::LyingDisks));
    let lying =
        Soak { journal, planted, variant: Some(Variant::Simple), failures: 10_000, ..options(0..BLOCK + 20) };
    let all = soak(&lying, &|_| {}).expect("options");
    assert!(all.failures.len() > 1 && all.runs == BLOCK + 20, "{}", all.table());
    let again = soak(&Soak { failures: 1, ..lying }, &|_| {}).expect("options");
    assert_eq!(again.runs, BLOCK);
}

#[test]
fn disks_that_lie_are_found_and_what_it_takes_is_told() {
    let lying = Soak { planted: Some(Planted::LyingDisks), ..options(0..2000) };
    let tally = soak(&lying, &|_| {}).expect("options");
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
    assert_eq!(repeated(&again), Failure { unreduced: None, ..failure.clone() });
}

/// The failure of a single seed, of which nothing is left out.
fn repeated(again: &Soak) -> Failure {
    let mut tally = soak(again, &|_| {}).expect("options");
    tally.failures.pop().expect("it fails again")
}

#[test]
fn a_disk_that_forgets_unnoticed_is_found() {
    let planted = Soak { planted: Some(Planted::UnnoticedAmnesia), ..options(0..4000) };
    let tally = soak(&planted, &|_| {}).expect("options");
    assert!(tally.failures[0].run.contains("-disk"), "{:?}", tally.failures);
}

#[test]
fn options_that_are_about_one_seed_are_refused_for_many() {
    let many = Soak { only: Some(vec![0]), ..options(0..10) };
    assert_eq!(soak(&many, &|_| {}).err(), Some(SoakError::OneSeed("--only")));
    let (one, part) = (options(7..8), Soak { shard: (2, 4), ..options(7..8) });
    assert_eq!(soak(&part, &|_| {}).err(), Some(SoakError::ManySeeds("--shard")));
    assert_eq!(soak(&Soak { steer: true, ..one }, &|_| {}).err(), Some(SoakError::ManySeeds("--steer")));
    let none = Soak { only: Some(vec![99]), ..options(3..4) };
    assert!(matches!(soak(&none, &|_| {}), Err(SoakError::NoMishap { number: 99, .. })));
    for wrong in ["5..5", "9..3", "x", "-1", "0..", "18446744073709551615"] {
        assert!(seeds(wrong).is_err(), "{wrong}");
    }
    for wrong in ["0/3", "4/3", "1", "1/0", "a/b"] {
        assert!(shard(wrong).is_err(), "{wrong}");
    }
    assert_eq!((seeds("7"), shard("2/4")), (Ok(7..8), Ok((2, 4))));
}

/// A kind, when it begins and ends in milliseconds, and whom it hits.
type Drawn = (Kind, [u64; 2], Vec<u16>, Vec<u16>);

/// A plan of five servers with these mishaps, and no others.
fn with(mishaps: impl IntoIterator<Item = Drawn>) -> Plan {
    let mut plan = (0..1000).map(|seed| Plan::draw(seed, Some(Variant::Multi), None)).find(|plan| {
        let Plan { shape, spares, settings, .. } = plan;
        shape.layout == Layout::Collapsed && shape.acceptors == 5 && *spares > 0 && !settings.rivals
    });
    let plan = plan.as_mut().expect("one of them");
    let at = |ms| Time(0).after(Duration::from_millis(ms));
    let nodes = |ids: Vec<u16>| ids.into_iter().map(NodeId).collect();
    let mishap = |(number, (kind, [start, end], of, others)): (usize, Drawn)| Mishap {
        number,
        kind,
        start: at(start),
        end: at(end),
        nodes: nodes(of),
        others: nodes(others),
        percent: 20,
        latest: Duration::from_millis(300),
    };
    plan.mishaps = mishaps.into_iter().enumerate().map(mishap).collect();
    (plan.reads, plan.snapshot) = (Vec::new(), 0);
    plan.clone()
}

/// The kinds that took effect in the run of this plan, and the pairs that met.
fn effects(plan: &Plan) -> (Vec<Kind>, Vec<(Kind, Kind)>) {
    let ran = run(plan, None);
    assert_eq!(ran.failure, None);
    let mut tally = Tally::default();
    tally.add(plan, &ran);
    (tally.kinds.into_keys().collect(), tally.pairs.into_keys().collect())
}

#[test]
fn a_mishap_that_does_nothing_is_not_counted() {
    let nobody = with([
        (Kind::Cut, [100, 600], vec![], vec![0, 1, 2, 3, 4]),
        (Kind::OneWay, [100, 600], vec![0, 1, 2, 3, 4], vec![]),
        (Kind::Partial, [100, 600], vec![3], vec![3]),
    ]);
    assert_eq!(effects(&nobody).0, Vec::<Kind>::new());
    // A second crash, a pause and a stall of a process that is down do nothing.
    let down = with([
        (Kind::Crash, [100, 900], vec![1], vec![]),
        (Kind::Crash, [200, 950], vec![1], vec![]),
        (Kind::Pause, [200, 300], vec![1], vec![]),
        (Kind::StallDisk, [200, 300], vec![1], vec![]),
    ]);
    assert_eq!(effects(&down), (vec![Kind::Crash], vec![]));
    // The leader is asked to hand over to itself.
    let refused = with([(Kind::Transfer, [300, 310], vec![0], vec![])]);
    assert_eq!(effects(&refused).0, Vec::<Kind>::new());
}

#[test]
fn a_lost_disk_that_nobody_would_miss_is_not_counted() {
    // At the very start no server knows any other's disk.
    let unknown = with([(Kind::WipeDisk, [0, 0], vec![1], vec![])]);
    assert_eq!(effects(&unknown).0, Vec::<Kind>::new());
    let mut missed = with([(Kind::WipeDisk, [300, 500], vec![1], vec![])]);
    missed.spares = 0;
    assert_eq!(effects(&missed).0, [Kind::WipeDisk]);
}

#[test]
fn a_pair_is_counted_if_both_are_in_effect_at_the_same_time() {
    let kinds = |second: [u64; 2]| {
        with([(Kind::Loss, [0, 400], vec![], vec![]), (Kind::Pause, second, vec![2], vec![])])
    };
    assert_eq!(effects(&kinds([500, 900])), (vec![Kind::Loss, Kind::Pause], vec![]));
    assert_eq!(effects(&kinds([300, 900])).1, [(Kind::Loss, Kind::Pause)]);
    // A replaced member stays replaced.
    let later = with([
        (Kind::Replace, [200, 300], vec![4], vec![5]),
        (Kind::Cut, [700, 1000], vec![0], vec![1, 2, 3]),
    ]);
    assert_eq!(effects(&later).1, [(Kind::Cut, Kind::Replace)]);
}

#[test]
fn a_read_that_never_ends_fails_the_run() {
    let mut plan = with([(Kind::Pause, [100, 200], vec![0], vec![])]);
    plan.reads = vec![(Time(0).after(Duration::from_millis(150)), NodeId(0), Consistency::Confirmed)];
    assert_eq!(run(&plan, None).failure, None);
    // Without patience, the run ends while the read is under way.
    (plan.clients, plan.patience) = ((1, 0), Duration::ZERO);
    plan.reads[0].0 = Time(0).after(plan::END);
    assert_eq!(run(&plan, None).failure.map(|wrong| wrong.name), Some("no_result"));
}

/// A cut stops the messages that tell the process why nobody answers it, and it writes nothing more. Found by the soak.
#[test]
fn a_read_at_a_process_that_has_forgotten_something_ends() {
    let others = vec![1, 2, 3, 4];
    let mut plan =
        with([(Kind::OneWay, [900, 1400], others, vec![0]), (Kind::OlderDisk, [400, 1100], vec![0], vec![])]);
    let at = |ms| Time(0).after(Duration::from_millis(ms));
    // A spare does not know the disk that is lost.
    plan.spares = 0;
    plan.reads = [1150, 1250, 1350].map(|ms| (at(ms), NodeId(0), Consistency::Quorum)).to_vec();
    let ran = run(&plan, None);
    assert_eq!((ran.failure, ran.effects.len(), ran.reads.begun), (None, 2, 3));
}

#[test]
fn a_full_disk_counts_if_its_process_has_something_to_write() {
    let full = |nodes| with([(Kind::FullDisk, [300, 700], nodes, vec![])]);
    assert_eq!(effects(&full(vec![1])).0, [Kind::FullDisk]);
    let mut idle = full(vec![1]);
    idle.clients.1 = 0;
    assert_eq!(effects(&idle).0, Vec::<Kind>::new());
}

#[test]
fn the_json_says_what_was_asked_for_and_how_often_pairs_met() {
    let part = Soak { shard: (2, 3), variant: Some(Variant::Multi), ..options(0..120) };
    let json = serde_json::to_value(soak(&part, &|_| {}).expect("options")).expect("JSON");
    let about = &json["about"];
    assert_eq!(
        (&about["seeds"], &about["shard"]),
        (&serde_json::json!([0, 120]), &serde_json::json!([2, 3]))
    );
    assert_eq!(
        (about["variant"].as_str(), about["version"].as_str()),
        (Some("multi"), Some(env!("CARGO_PKG_VERSION")))
    );
    assert!(json["pairs"][0]["runs"].is_u64() && json["pairs"][0]["kinds"][1].is_string(), "{json}");
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
        (soak(&steered(1), &|_| {}).expect("options"), soak(&steered(3), &|_| {}).expect("options"));
    assert!(one.failures.is_empty(), "{}", one.table());
    assert_eq!((one.steered, &one.pairs, one.commands), (three.steered, &three.pairs, three.commands));
    assert_eq!((one.runs, one.steered.map(|(variations, _)| variations)), (500, Some(200)));
}

#[test]
fn a_failing_variation_is_repeated_by_the_command_that_is_printed() {
    let lying = Soak { planted: Some(Planted::LyingDisks), failures: 1000, steer: true, ..options(0..400) };
    let tally = soak(&lying, &|_| {}).expect("options");
    let failure = tally.failures.iter().find(|failure| failure.replay.contains(" --vary ")).expect("one");
    let after = |name: &str| failure.replay.split(name).nth(1).and_then(|rest| rest.split(' ').next());
    let only = after(" --only ").map(|numbers| numbers.split(',').map(|n| n.parse().expect("one")).collect());
    let vary = after(" --vary ").and_then(|vary| vary.parse().ok()).expect("a number");
    let again = Soak { seeds: failure.seed..failure.seed + 1, vary, only, steer: false, ..lying };
    assert_eq!(repeated(&again), Failure { unreduced: None, ..failure.clone() });
}
