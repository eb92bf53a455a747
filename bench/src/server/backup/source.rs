//! The bytes of a backup, piece by piece, from a copy of the store.

use super::file::{End, FORMAT, Head};
use crate::kv::Store;
use crate::server::resp::encode_request;
use paxos_core::NodeId;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

/// A piece ends when it is this long. A longer key makes it longer.
const PIECE: usize = 1 << 20;

/// Produces the file of a backup.
pub struct Source {
    store: Store,
    stage: Stage,
    sum: Xxh3,
}

/// What comes next.
enum Stage {
    Head(Head),
    /// The keys after this one.
    Keys(Option<Vec<u8>>),
    Done,
}

impl Source {
    /// The backup of a store of `member`. A copy of a [`Store`] is cheap.
    pub fn new(store: Store, member: NodeId, variant: &str) -> Self {
        let head = Head {
            paxos_backup: FORMAT,
            member: member.0,
            variant: variant.into(),
            time_ms: store.time(),
            keys: store.len() as u64,
            bytes: store.bytes(),
        };
        Self { store, stage: Stage::Head(head), sum: Xxh3::new() }
    }

    /// The next bytes of the file; none after the last.
    pub fn next_piece(&mut self) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Head(head) => {
                echo(&head, &mut piece);
                Stage::Keys(None)
            }
            Stage::Keys(last) => {
                let mut next = None;
                for item in self.store.items(last.as_deref()) {
                    let at = item.expires.map(|at| at.to_string());
                    match &at {
                        None => encode_request(&[b"SET", item.key, item.value], &mut piece),
                        Some(at) => {
                            let words = [b"SET", item.key, item.value, b"PXAT", at.as_bytes()];
                            encode_request(&words, &mut piece);
                        }
                    }
                    if piece.len() >= PIECE {
                        next = Some(item.key.to_vec());
                        break;
                    }
                }
                if next.is_none() {
                    self.sum.update(&piece);
                    echo(&End::of(&self.sum), &mut piece);
                    return Some(piece);
                }
                Stage::Keys(next)
            }
            Stage::Done => return None,
        };
        self.sum.update(&piece);
        Some(piece)
    }
}

fn echo(what: &impl Serialize, out: &mut Vec<u8>) {
    // Strings and numbers always have a form in JSON.
    let text = serde_json::to_vec(what).unwrap_or_default();
    encode_request(&[b"ECHO", &text], out);
}
