//! Cuts the power at every step of random histories.
//!
//! `CRASHES=1000 cargo test -p paxos-transport --release --lib crashes -- --nocapture` tests that many histories.

use super::double::Double;
use super::history::{Held, draw, judge, load, run};
use crate::storage::disk::block::{Draft, Kind};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

#[test]
fn whenever_the_power_goes_all_that_was_acknowledged_is_there() {
    let wanted = std::env::var("CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let (mut crashes, mut in_between) = (0, 0);
    for seed in 0..wanted {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let steps = draw(&mut random, 12);
        let whole = Double::default();
        run(&whole, &steps, true);
        for step in 1..=whole.steps() {
            let files = Double::default();
            files.crash_at(step);
            let (held, next) = run(&files, &steps, true);
            crashes += 1;
            in_between += u32::from(held != next);
            let what = format!("seed {seed}, step {step}");
            let mut may_be = vec![held.clone(), next.clone()];
            if random.next_u32().is_multiple_of(2) {
                // Only the process ended. The next one begins an incarnation, and then the power goes.
                files.start_again();
                if random.next_u32().is_multiple_of(2) {
                    // The power goes while it recovers.
                    files.crash_at(files.steps() + 1 + random.next_u32() as usize % 12);
                    drop(load(&files));
                    let begun = |held: &Held| Held {
                        incarnations: held.incarnations + 1,
                        writes: held.writes + 1,
                        ..held.clone()
                    };
                    let may_be = [held.clone(), next.clone(), begun(&held), begun(&next)];
                    judge(&files.after_crash(&mut random), &may_be, &what)
                        .unwrap_or_else(|error| panic!("{what}, started again: {error}"));
                    continue;
                }
                let (store, found) = load(&files).unwrap_or_else(|error| panic!("{what}: {error}"));
                files.kill();
                drop(store);
                let held = Held { incarnations: found.incarnations + 1, ..found };
                judge(&files.after_crash(&mut random), &[held], &what)
                    .unwrap_or_else(|error| panic!("{what}, started again: {error}"));
                continue;
            }
            let mut image = files.after_crash(&mut random);
            // Sometimes the power goes again while it recovers.
            if random.next_u32().is_multiple_of(3) {
                let files = Double::of(&image);
                files.crash_at(1 + random.next_u32() as usize % 8);
                drop(load(&files));
                image = files.after_crash(&mut random);
                // The recovery may already have begun an incarnation.
                let begun = |held: Held| Held {
                    incarnations: held.incarnations + 1,
                    writes: held.writes + 1,
                    ..held
                };
                may_be.extend([begun(held), begun(next)]);
            }
            judge(&image, &may_be, &what).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
    println!("{crashes} crashes in {wanted} histories, {in_between} of them in the middle of a write");
}

/// After a failed write, the content on disk is unknown, so a later block behind it could be misread.
#[test]
fn after_a_write_that_failed_no_other_is_taken() {
    let files = Double::default();
    let (mut store, _) = load(&files).expect("a new store");
    let mut write = || store.append(Kind::Appended, Draft::encode(&[vec![1_u8]]).expect("bytes"));
    write().expect("the disk works");
    files.crash_at(files.steps() + 1);
    write().expect_err("the disk does not work");
    files.start_again();
    write().expect_err("it works again, and what is on it is not known");
}
