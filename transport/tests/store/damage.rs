//! Whatever becomes of the files: either an error, or everything that was acknowledged.
//!
//! `DAMAGES=1000 cargo test -p paxos-transport --test store damages -- --nocapture` tries more, and prints what came of
//! them.

use crate::lives::{Protocol, open, record, snapshot};
use paxos_transport::{Saved, Storage};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A directory as it was at some moment, and what was acknowledged by then.
struct Image {
    files: BTreeMap<String, Vec<u8>>,
    /// As the files were some writes before.
    older: BTreeMap<String, Vec<u8>>,
    saved: Saved<Protocol>,
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("readable");
        let name = entry.file_name().into_string().expect("ours");
        files.insert(name, fs::read(entry.path()).expect("readable"));
    }
    files
}

/// Stores of different lives: with and without a snapshot, closed in order and as after `kill -9`.
async fn images() -> Vec<Image> {
    let mut images = Vec::new();
    for (appends, installs) in [(3, false), (200, false), (40, true), (300, true)] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = open(dir.path()).expect("opens");
        let mut saved = store.load().await.expect("new");
        let mut older = BTreeMap::new();
        for n in 0..appends {
            if n + 2 == appends {
                older = files(dir.path());
            }
            let records = [record(3 * n), record(3 * n + 1), record(3 * n + 2)];
            store.append(&records).await.expect("written");
            saved.records.extend(records);
            if installs && (n == 10 || n == 30) {
                store.install(&snapshot(n), &[record(7)]).await.expect("written");
                (saved.snapshot, saved.records) = (Some(snapshot(n)), vec![record(7)]);
            }
        }
        saved.session += 1;
        // The process is still running: what a crash of it leaves behind.
        images.push(Image { files: files(dir.path()), older: older.clone(), saved: saved.clone() });
        drop(store);
        images.push(Image { files: files(dir.path()), older, saved });
    }
    images
}

/// What was done, to which file, and all the files then.
type Damage = (&'static str, String, BTreeMap<String, Vec<u8>>);

/// Changes something; what it did, or nothing if that changed nothing.
fn damage(image: &Image, random: &mut ChaCha8Rng) -> Option<Damage> {
    let mut files = image.files.clone();
    let mut below = |n: usize| random.next_u64() as usize % n.max(1);
    // The database most often, and its first page, which decides what all the others mean, more often than its size
    // would have it.
    let name = ["store.redb", "store.redb", "store.redb", "witness", "identity"][below(5)].to_owned();
    let bytes = files.get_mut(&name)?;
    let before = bytes.clone();
    let length = bytes.len();
    let within = if below(3) == 0 { 320.min(length) } else { length };
    let (at, page) = (below(within), below(length / 4096 + 1) * 4096);
    let end = length.min(page + 4096);
    let kind = match below(10) {
        0..=2 => {
            bytes[at] ^= 1 << below(8);
            "a flipped bit"
        }
        3 => {
            bytes[at] = below(256) as u8;
            "another byte"
        }
        4 => {
            bytes[page..end].fill(0);
            "a page of zeros"
        }
        5 => {
            bytes.truncate(below(length));
            "a truncated tail"
        }
        6 => {
            bytes.truncate(length - 1 - below(64.min(length)));
            "a few bytes less"
        }
        7 => {
            files.remove(&name);
            return Some(("a missing file", name, files));
        }
        8 => {
            // The disk said that it had written this page, and had not.
            let older = image.older.get(&name)?.get(page..end)?;
            bytes[page..end].copy_from_slice(older);
            "a page as it was before"
        }
        _ => {
            let from = below(length / 4096 + 1) * 4096;
            let copy = before[from..length.min(from + end - page)].to_vec();
            bytes[page..page + copy.len()].copy_from_slice(&copy);
            "a page in the place of another"
        }
    };
    (*bytes != before).then_some((kind, name, files))
}

#[derive(Default)]
struct Tally {
    refused: u64,
    whole: u64,
}

#[tokio::test]
async fn damages_end_in_an_error_or_in_full_recovery() {
    let wanted = std::env::var("DAMAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let images = images().await;
    let mut random = ChaCha8Rng::seed_from_u64(2026);
    let mut tallies: BTreeMap<(&str, String), Tally> = BTreeMap::new();
    let mut tried = 0;
    while tried < wanted {
        let image = &images[random.next_u32() as usize % images.len()];
        let Some((kind, name, damaged)) = damage(image, &mut random) else { continue };
        tried += 1;
        let dir = tempfile::tempdir().expect("a directory");
        for (name, bytes) in &damaged {
            fs::write(dir.path().join(name), bytes).expect("written");
        }
        let whole = judge(dir.path(), &image.saved, &format!("try {tried}: {kind} in {name}")).await;
        let tally = tallies.entry((kind, name)).or_default();
        if whole { tally.whole += 1 } else { tally.refused += 1 }
    }
    for ((kind, name), Tally { refused, whole }) in &tallies {
        println!("{kind:30} {name:12} {refused:5} refused {whole:5} whole");
    }
}

/// Whether all is there; if it is not, there must be an error.
async fn judge(dir: &Path, acknowledged: &Saved<Protocol>, what: &str) -> bool {
    let mut store = match open(dir) {
        Ok(store) => store,
        Err(error) => {
            assert!(error.to_string().contains(&dir.display().to_string()), "{what}: {error} names no file");
            return false;
        }
    };
    let Ok(mut saved) = store.load().await else { return false };
    let (mark, known) = (saved.store.expect("it has a name"), acknowledged.store.expect("it has a name"));
    // Each load is a write.
    assert!(mark.id == known.id && mark.writes >= known.writes, "{what}: {mark} after {known}");
    saved.store = acknowledged.store;
    assert!(saved == *acknowledged, "{what}: {saved:?}, and not {acknowledged:?}");
    // And it goes on from there.
    store.append(&[record(99)]).await.expect("written");
    drop(store);
    let again = open(dir).expect("opens").load().await.expect("whole");
    let mut wanted = acknowledged.clone();
    wanted.store = again.store;
    wanted.session += 1;
    wanted.records.push(record(99));
    assert!(again == wanted, "{what}: {again:?}, and not {wanted:?}");
    true
}

#[tokio::test]
async fn every_bit_of_the_first_page_that_matters_is_looked_after() {
    let images = images().await;
    let (mut refused, mut whole) = (0, 0);
    for image in [&images[2], &images[3]] {
        // All of the first 16 bytes, where it says which commit counts, and then some.
        let bits = (0..16 * 8).chain((16 * 8..320 * 8).step_by(61));
        for bit in bits {
            let dir = tempfile::tempdir().expect("a directory");
            for (name, bytes) in &image.files {
                let mut bytes = bytes.clone();
                if name == "store.redb" {
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
                fs::write(dir.path().join(name), bytes).expect("written");
            }
            if judge(dir.path(), &image.saved, &format!("bit {bit}")).await {
                whole += 1;
            } else {
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {whole} whole");
    assert!(refused > 0 && whole > 0);
}
