//! The same seed gives the same run, byte for byte, in two simulators and in two processes.

use crate::sim::chaos::END;
use multi_paxos::MultiPaxos;
use paxos_transport::conformance::chaos::chaotic;

/// Returns the FNV-1a hash of everything that a run shows.
fn fingerprint(seed: u64) -> u64 {
    let mut sim = chaotic::<MultiPaxos<u64, u64>>(seed, None, (), true);
    sim.run_for(END).expect("nothing breaks");
    let mut bytes = sim.trace().expect("kept").draw().into_bytes();
    sim.steps().expect("kept").write(&mut bytes).expect("memory");
    bytes.extend(format!("{:?}", sim.commands()).into_bytes());
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(fingerprint(3), fingerprint(3));
    assert_ne!(fingerprint(3), fingerprint(4));
}

#[allow(clippy::print_stdout)] // the two processes talk over it
#[test]
fn the_same_seed_gives_the_same_run_in_another_process() {
    if std::env::var("FINGERPRINT").is_ok() {
        println!("fingerprint {:x}", fingerprint(5));
        return;
    }
    let me = std::env::current_exe().expect("a program");
    let name = "sim::repeat::the_same_seed_gives_the_same_run_in_another_process";
    let there = std::process::Command::new(me)
        .args([name, "--exact", "--nocapture"])
        .env("FINGERPRINT", "1")
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&there.stdout);
    assert!(said.contains(&format!("fingerprint {:x}\n", fingerprint(5))), "{said}");
}
