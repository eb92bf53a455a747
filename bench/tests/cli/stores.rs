//! The command `store` on stores that are whole, damaged, in use, or missing.

use crate::{lab, succeeds, text};
use multi_paxos::MultiPaxos;
use paxos_core::{Bytes, Digest, NodeId, Sections, Slot, Snapshot};
use paxos_transport::{DiskStorage, Identity, Storage};
use std::fs;
use std::path::Path;

type Store = DiskStorage<MultiPaxos<u64, u64>>;

/// A store with a snapshot and some writes, still open.
async fn written(dir: &Path) -> Store {
    let identity = Identity {
        cluster: "test".into(),
        node: NodeId(2),
        variant: "multi".into(),
        configuration: Digest(7),
        genesis: "n0 n1 n2".into(),
        lease: None,
    };
    let mut store = Store::open(dir, &identity).expect("opens");
    store.load().await.expect("new");
    let (machine, empty) = (Bytes::from(vec![7; 100]), Bytes::empty());
    let sections = Sections { next: Slot(5), machine, sessions: empty.clone(), membership: empty };
    store.install(&Snapshot::new(&sections), &[]).await.expect("written");
    for _ in 0..3 {
        store.append(&[]).await.expect("written");
    }
    store
}

#[tokio::test]
async fn a_store_is_told_and_one_that_is_damaged_or_in_use_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, args) = (dir.path(), dir.path().display());
    let store = written(path).await;
    let output = lab(["store", "verify", &args.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("stop that one first"), "{}", text(&output.stderr));
    drop(store);

    let told = succeeds(&format!("store inspect {args}"));
    for part in [
        "n2 of cluster \"test\", running multi",
        "began with   n0 n1 n2",
        "5 writes, started 1 times",
        "below s5",
        "blocks 2 to 5",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert_eq!(succeeds(&format!("store verify {args}")), format!("{args}: whole\n"));
    let stores: serde_json::Value =
        serde_json::from_str(&succeeds(&format!("store inspect --format json {args}"))).expect("JSON");
    assert_eq!((&stores[0]["node"], &stores[0]["snapshot_next"]), (&2.into(), &5.into()), "{stores}");
    assert_eq!((&stores[0]["writes"], &stores[0]["damaged_blocks"]), (&5.into(), &0.into()), "{stores}");

    let log = path.join("log-0000000000000002");
    let whole = fs::read(&log).expect("there");
    // The last block has a copy. The first one no longer has a copy.
    let slot = whole.len() / 32;
    for (block, code) in [(3, 0), (0, 1)] {
        let mut bytes = whole.clone();
        bytes[2 * slot + block * 4096 + 40] ^= 1;
        fs::write(&log, &bytes).expect("written");
        let output = lab(["store", "verify", &args.to_string()]);
        assert_eq!(output.status.code(), Some(code), "block {block}: {}", text(&output.stderr));
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains(if code == 0 { "1 damaged" } else { "is damaged: block 2" }), "{said}");
        assert_eq!(fs::read(&log).expect("there"), bytes, "nothing is changed");
    }
    let output = lab(["store", "inspect", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nowhere/at/all holds no store"), "{}", text(&output.stderr));
    let file = path.join("manifest");
    let output = lab(["store", "inspect", &file.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("manifest is not a directory") && !said.contains("repair"), "{said}");
    assert_eq!(lab(["store", "verify"]).status.code(), Some(2));
}
