//! A snapshot reads back as it was written, or not at all.

use super::*;

fn snapshot() -> Snapshot {
    let machine = Bytes::from((0..100).collect::<Vec<u8>>());
    Snapshot::new(&Sections { next: Slot(7), machine, sessions: Bytes::empty(), membership: Bytes::empty() })
}

#[test]
fn a_snapshot_reads_back_as_it_was_written() {
    let snapshot = snapshot();
    let again = Snapshot::decode(snapshot.read_all().expect("memory")).expect("whole");
    assert_eq!((again.id(), again.next()), (snapshot.id(), Slot(7)));
    assert_eq!(again.sections().expect("whole").machine.len(), 100);
}

#[test]
fn bytes_that_are_cut_changed_or_too_many_are_not_that_snapshot() {
    let snapshot = snapshot();
    let whole = snapshot.read_all().expect("memory").to_vec();
    let is_that = |bytes: Vec<u8>| Snapshot::decode(bytes).is_ok_and(|other| other.id() == snapshot.id());
    for end in 0..whole.len() {
        assert!(!is_that(whole[..end].to_vec()), "cut at {end}");
    }
    assert_eq!(Snapshot::decode(whole[..11].to_vec()), Err(SnapshotError::Damaged), "cut in the head");
    let more: Vec<u8> = whole.iter().copied().chain([0]).collect();
    assert!(!is_that(more));
    let other: Vec<u8> = [9].into_iter().chain(whole[1..].iter().copied()).collect();
    assert_eq!(Snapshot::decode(other), Err(SnapshotError::Version(9)));
    for at in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        assert_ne!(Digest::of(&flipped), snapshot.id().digest, "bit {at}");
    }
}

#[test]
fn chunks_put_together_are_the_whole() {
    let snapshot = snapshot();
    let mut all = Vec::new();
    while let Some(chunk) = snapshot.chunk(all.len() as u64, 7) {
        all.extend_from_slice(&chunk);
    }
    assert_eq!(all, snapshot.read_all().expect("memory").to_vec());
    assert_eq!(snapshot.chunk(u64::MAX, 7), None);
}
