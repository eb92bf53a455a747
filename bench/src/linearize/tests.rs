//! The checker finds every violation of linearizability, and nothing else.

mod brute;
mod classic;
mod conflicts;
mod format;
mod long;

use super::{Conflict, Deed, Operation, Verdict, check};

const MEMORY: usize = 256 << 20;

fn op(deed: Deed, begun: u64, ended: u64) -> Operation {
    Operation { client: 0, key: "k".into(), deed, begun, ended: (ended > 0).then_some(ended) }
}

fn put(value: &str, begun: u64, ended: u64) -> Operation {
    op(Deed::Put(value.into()), begun, ended)
}

/// A read. An empty `value` stands for no value.
fn get(value: &str, begun: u64, ended: u64) -> Operation {
    op(Deed::Get((!value.is_empty()).then(|| value.into())), begun, ended)
}

fn cas(from: &str, to: &str, begun: u64, ended: u64) -> Operation {
    op(Deed::Cas((!from.is_empty()).then(|| from.into()), to.into()), begun, ended)
}

fn append(text: &str, length: Option<usize>, begun: u64, ended: u64) -> Operation {
    op(Deed::Append(text.into(), length), begun, ended)
}

fn verdict(history: &[Operation]) -> Verdict {
    check(history, MEMORY, |_| {})
}

fn right(history: &[Operation]) {
    assert_eq!(verdict(history), Verdict::Linearizable, "{history:#?}");
}

fn wrong(history: &[Operation]) -> Vec<Conflict> {
    match verdict(history) {
        Verdict::NotLinearizable(conflicts) => conflicts,
        other @ (Verdict::Linearizable | Verdict::Undecided(_)) => panic!("{other:?}: {history:#?}"),
    }
}
