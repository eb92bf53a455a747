//! Runs in which everything goes wrong, drawn: `SEED=3769 … show` draws one. That nothing breaks in them is in the suite that
//! every variant passes.

use paxos_core::Leadership;
use paxos_transport::conformance::Tested;
use paxos_transport::conformance::chaos::chaotic;
pub(crate) use paxos_transport::conformance::chaos::{END, RIVALS};

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[allow(clippy::print_stdout)] // that is what it is for
fn show<P: Tested>(leadership: Option<Leadership>) {
    let Some(seed) = number("SEED") else { return };
    let mut sim = chaotic::<P>(seed, leadership, P::Options::default(), true);
    let outcome = sim.run_for(END * 4 / 3);
    println!("{}\n{outcome:?}", sim.trace().expect("kept").draw());
}

macro_rules! shown {
    ($($name:ident: $protocol:ty, $leadership:expr;)*) => {$(
        mod $name {
            #[test]
            fn show() {
                super::show::<$protocol>($leadership);
            }
        }
    )*};
}

shown! {
    multi: multi_paxos::MultiPaxos<u64, u64>, None;
    multi_rivals: multi_paxos::MultiPaxos<u64, u64>, super::RIVALS;
    simple: basic_paxos::BasicPaxos<u64, u64>, None;
    basic: basic_paxos::BasicPaxos<u64, u64>, super::RIVALS;
    fast: fast_paxos::FastPaxos<u64, u64>, None;
}
