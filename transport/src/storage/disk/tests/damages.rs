//! After any damage to the files, opening ends in an error or returns everything that was acknowledged.
//!
//! `DAMAGES=10000 cargo test -p paxos-transport --release --lib damages -- --nocapture` tries more and prints the
//! results.

use super::double::{Double, Image, Written};
use super::history::{Held, draw, judge, judge_on, load, run};
use crate::storage::disk::StoreReport;
use crate::storage::disk::block::{Block, PAGE, SECTOR};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A directory at rest, its history, and what was acknowledged by then.
struct Past {
    image: Image,
    written: Vec<(String, Written)>,
    manifests: Vec<Vec<u8>>,
    held: Held,
}

impl Past {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        let steps = 5 + random.next_u32() as usize % 30;
        let steps = draw(random, steps);
        let files = Double::default();
        let (held, next) = run(&files, &steps, random.next_u32().is_multiple_of(2));
        assert_eq!(held, next, "nothing fails");
        Self { image: files.image(), written: files.written(), manifests: files.manifests(), held }
    }

    /// The file and the position of each of the last two blocks and of their copies. A long block has a witness instead of a
    /// copy, and does not count.
    fn last_two(&self) -> BTreeSet<(String, usize)> {
        let number = |write: &Written| Some(Block::read(&write.after)?.head).filter(|head| !head.witness);
        let blocks =
            self.written.iter().filter_map(|(name, write)| Some((name, write, number(write)?.number)));
        let blocks: Vec<_> = blocks.filter(|(name, ..)| name.starts_with("log-")).collect();
        let newest = blocks.iter().map(|(.., number)| *number).max().unwrap_or_default();
        let is_there =
            |name: &String, write: &Written| self.image[name][write.at..].starts_with(&write.after);
        let two = blocks.into_iter().filter(|(name, write, number)| {
            number + 1 >= newest && write.after.len() <= 2 * PAGE && is_there(name, write)
        });
        two.map(|(name, write, _)| (name.clone(), write.at)).collect()
    }

    /// Draws one damage. Returns its kind, the damaged file, and all files afterwards; `None` if it changed nothing.
    fn damage(&self, random: &mut ChaCha8Rng) -> Option<(&'static str, String, Image)> {
        let mut below = |n: usize| random.next_u32() as usize % n.max(1);
        let mut image = self.image.clone();
        let blocks: Vec<&(String, Written)> =
            self.written.iter().filter(|(name, _)| name.starts_with("log-")).collect();
        // In a third of the tries, damage one of the last three blocks, each of which is written twice.
        let newest = below(3) == 0;
        let write = if newest {
            blocks[blocks.len() - 1 - below(6.min(blocks.len()))]
        } else {
            blocks[below(blocks.len())]
        };
        let names: Vec<&String> = image.keys().filter(|name| *name != "spare").collect();
        let (name, at) = if newest || below(2) == 0 {
            (write.0.clone(), write.1.at + below(write.1.after.len()))
        } else {
            let name = names[below(names.len())].clone();
            let at = below(image[&name].len());
            (name, at)
        };
        let page = at / PAGE * PAGE;
        let kind = below(9);
        let bytes = image.get_mut(&name)?;
        let end = bytes.len().min(page + PAGE);
        let what = match kind {
            0 => {
                *bytes.get_mut(at)? ^= 1 << below(8);
                "a flipped bit"
            }
            1 => {
                *bytes.get_mut(at)? = below(256) as u8;
                "another byte"
            }
            2 => {
                bytes.get_mut(page..end)?.fill(0);
                "a page of zeros"
            }
            3 => {
                // The page as it was before the last write to it.
                let covers =
                    |w: &&(String, Written)| w.0 == name && w.1.at <= page && page < w.1.at + w.1.after.len();
                let (_, latest) = self.written.iter().rfind(covers)?;
                let mut before = latest.before.get(page - latest.at..).unwrap_or_default().to_vec();
                before.resize(PAGE.max(end - page), 0);
                bytes.get_mut(page..end)?.copy_from_slice(&before[..end - page]);
                "a page as it was before"
            }
            4 => {
                let from = below(bytes.len() / PAGE + 1) * PAGE;
                let length = bytes.len().min(from + PAGE) - from;
                let to = end.min(page + length);
                bytes.copy_within(from..from + (to - page), page);
                "a page in the place of another"
            }
            5 => {
                // Only if nothing was written there since.
                let (name, write) = write;
                let bytes = image.get_mut(name)?;
                if bytes.get(write.at..write.at + write.after.len())? != write.after {
                    return None;
                }
                let mut before = write.before.clone();
                before.resize(write.after.len(), 0);
                bytes[write.at..write.at + before.len()].copy_from_slice(&before);
                return (image != self.image).then_some(("a lost write", name.clone(), image));
            }
            6 => {
                let (name, write) = write;
                let index = self.written.iter().position(|(_, other)| core::ptr::eq(other, write))?;
                let length = image[name].len();
                // The wrong place is often near the block or its copy. Also, a disk may write what one sync makes
                // durable in any order.
                let near = (write.at / SECTOR + below(64)).saturating_sub(32);
                let to = if below(2) == 0 { near } else { below(length / SECTOR) } * SECTOR;
                image.insert(name.clone(), Double::misplaced(&self.written, index, to, below(2) == 0));
                return (image != self.image).then_some(("a write that went elsewhere", name.clone(), image));
            }
            7 => {
                if below(4) == 0 {
                    image.remove(&name);
                    return Some(("a missing file", name, image));
                }
                let length = if below(2) == 0 { at } else { bytes.len().saturating_sub(1 + below(64)) };
                bytes.truncate(length);
                "a truncated tail"
            }
            _ => {
                let manifest = &self.manifests[below(self.manifests.len())];
                image.insert("manifest".into(), manifest.clone());
                return (image != self.image).then_some(("an older manifest", "manifest".into(), image));
            }
        };
        (image != self.image).then_some((what, name, image))
    }
}

#[test]
fn damages_end_in_an_error_or_in_full_recovery() {
    let wanted = std::env::var("DAMAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    let mut random = ChaCha8Rng::seed_from_u64(2026);
    let mut tallies: BTreeMap<(&str, String), (u64, u64)> = BTreeMap::new();
    let mut past = Past::draw(&mut random);
    let mut tried = 0;
    while tried < wanted {
        if random.next_u32().is_multiple_of(10) {
            past = Past::draw(&mut random);
        }
        let Some((kind, name, image)) = past.damage(&mut random) else { continue };
        tried += 1;
        let what = format!("try {tried}: {kind} in {name}");
        let whole = judge(&image, std::slice::from_ref(&past.held), &what).is_ok();
        let report = StoreReport::of(&Double::of(&image), Path::new("dir"), &mut |_| Ok(()));
        assert_eq!(report.is_ok(), whole, "{what}: a report says something else than a start");
        let file = name.split('-').next().unwrap_or_default().to_owned();
        let (refused, kept) = tallies.entry((kind, file)).or_default();
        if whole { *kept += 1 } else { *refused += 1 }
    }
    for ((kind, name), (refused, whole)) in &tallies {
        println!("{kind:30} {name:12} {refused:5} refused {whole:5} whole");
    }
}

#[test]
fn a_damage_to_one_of_the_last_two_blocks_is_repaired() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut repaired = 0;
    for _ in 0..40 {
        let past = Past::draw(&mut random);
        for (name, at) in past.last_two() {
            let mut image = past.image.clone();
            image.get_mut(&name).expect("there")[at + random.next_u32() as usize % 64] ^= 1;
            judge(&image, std::slice::from_ref(&past.held), "a flipped bit").expect("repaired");
            repaired += 1;
        }
    }
    assert!(repaired > 40, "{repaired}");
}

#[test]
fn a_page_that_cannot_be_read_is_a_damage_like_others() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let (mut repaired, mut refused) = (0, 0);
    for _ in 0..40 {
        let past = Past::draw(&mut random);
        let held = std::slice::from_ref(&past.held);
        let last = past.last_two();
        for (name, at) in &last {
            let files = Double::of(&past.image);
            files.spoil(name, *at);
            judge_on(&files, held, "an unreadable page").expect("repaired");
            repaired += 1;
        }
        for (name, write) in past.written.iter().filter(|(name, _)| name.starts_with("log-")) {
            let files = Double::of(&past.image);
            files.spoil(name, write.at);
            refused += usize::from(judge_on(&files, held, "an unreadable page").is_err());
        }
    }
    assert!(repaired > 40 && refused > 40, "{repaired} {refused}");
}

/// What a failed sync should have made durable can be read until the power goes.
#[test]
fn a_repair_whose_sync_failed_is_not_believed_at_the_next_start() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let mut failed = 0;
    for _ in 0..20 {
        let past = Past::draw(&mut random);
        for (name, at) in past.last_two() {
            let mut damaged = past.image.clone();
            damaged.get_mut(&name).expect("there")[at..at + PAGE].fill(7);
            for nth in 1..=6 {
                let files = Double::of(&damaged);
                files.fail_sync(nth);
                failed += usize::from(load(&files).is_err());
                // Another process starts on the same machine, and then the power goes.
                let Ok((store, Held { incarnations, writes, .. })) = load(&files) else { continue };
                files.kill();
                drop(store);
                let left = files.after_crash(&mut random);
                let held = Held { incarnations: incarnations + 1, writes, ..past.held.clone() };
                judge(&left, &[held], "a sync that failed").expect("nothing is lost");
            }
        }
    }
    assert!(failed > 100, "{failed}");
}
