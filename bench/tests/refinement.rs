//! Traces are behaviours of the published specifications: so says `fuzz/refinement`, a checker in Python that shares no
//! code with what writes them. The runs have bad days: messages lost, doubled and late, crashes, pauses, a partition, disks
//! that take time, promises in pieces, snapshots.
//!
//! `SEEDS=500 cargo test -p paxos-bench --test refinement` checks more of them, `FIRST=40` starts there.

// It says what it skips.
#![allow(clippy::print_stderr)]

use paxos_bench::lab::cluster::Shape;
use paxos_bench::lab::quorums::QuorumChoice;
use paxos_bench::theory::{Layout, Learning, Recovery};
use paxos_bench::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Leadership, Protocol, Time, Timeouts};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Sim, Stop, World};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A script of the checker, run in Python; none if there is no Python 3.
fn python(script: &str, args: &[&str]) -> Option<Output> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/refinement");
    let mut command = Command::new("python3");
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").arg(folder.join(script)).args(args).output();
    if output.is_err() {
        eprintln!("skipped: to check traces against the specifications needs python3 on the path");
    }
    output.ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it prints UTF-8")
}

/// One run, whose trace is written to `file`.
struct Run<'a> {
    variant: Variant,
    recovery: Recovery,
    seed: u64,
    file: &'a Path,
}

impl Run<'_> {
    fn acceptors(&self) -> u16 {
        3 + (self.seed % 5) as u16
    }

    /// What the checker is to be told, besides the file.
    fn arguments(&self) -> Vec<String> {
        ["--variant", self.variant.name(), "--acceptors", &self.acceptors().to_string()]
            .map(String::from)
            .into()
    }

    fn world<P: Protocol<Value = Payload>>(&self, options: P::Options) -> World<P> {
        let (seed, mut chance) = (self.seed, Chance::new(self.seed, 77));
        let learning = if chance.hits(0.5) { Learning::Everyone } else { Learning::Distinguished };
        let (layout, learning) = self.variant.placed(Layout::Collapsed, learning);
        let shape = Shape {
            variant: self.variant,
            layout,
            learning,
            acceptors: self.acceptors(),
            learners: 2,
            thrifty: chance.hits(0.2),
            quorum: QuorumChoice::Majority,
        };
        let mut config = shape.config().expect("acceptors");
        config.timeouts = Timeouts::default();
        if self.variant.traits().leaderless || chance.hits(0.2) {
            config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        }
        if chance.hits(0.5) {
            config.limits.batch = 1 + chance.below(4) as usize;
        }
        if chance.hits(0.3) {
            (config.limits.snapshot, config.limits.chunk) = (1 + chance.below(6), 100);
        }
        let mut world = World::<P>::new(config, options, seed);
        world.steps = true;
        let end = ms(1000);
        world.links = Links::lossy(ms(1), ms(12), 0.1, 0.1);
        world.links.delay = Delay::Tailed { low: ms(1), high: ms(12), late: 40, latest: ms(500) };
        world.links.reliable_from = Some(Time(0).after(end));
        if chance.hits(0.7) {
            world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: ms(20) });
        }
        world.faults = Faults::random(seed, world.config.servers().iter(), end);
        world
    }
}

impl WithProtocol for &Run<'_> {
    type Out = ();

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) {
        let mut world = self.world::<P>(options);
        let clients = world.add_clients(3);
        let mut sim = Sim::new(world, |_| Digest::default());
        for (client, nth) in clients.iter().zip(0..) {
            sim.submit_in_turn(*client, 3, (0..12).map(|k| 1000 * nth + k));
        }
        let stop = sim.run_until(Sim::all_answered).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(stop, Stop::Done, "seed {}", self.seed);
        sim.run_for(ms(500)).unwrap_or_else(|violation| panic!("{violation}"));
        let file = std::fs::File::create(self.file).expect("the directory is there");
        let file = std::io::BufWriter::new(file);
        sim.steps().expect("they are kept").write(file).expect("it can be written");
    }
}

/// Writes the trace of a run, and has it checked with these more arguments.
fn checked(run: &Run<'_>) -> Option<Output> {
    run.variant.with(run.recovery, true, run);
    let file = run.file.to_str().expect("text").to_owned();
    let args = run.arguments();
    let args: Vec<&str> = args.iter().chain([&file]).map(String::as_str).collect();
    python("refine.py", &args)
}

fn in_a_directory() -> (TempDir, PathBuf) {
    let dir = TempDir::new().expect("a directory can be made");
    let file = dir.path().join("run.jsonl");
    (dir, file)
}

#[test]
fn traces_of_every_variant_are_behaviours_of_the_published_specifications() {
    let (_dir, file) = in_a_directory();
    let classic =
        [Variant::Basic, Variant::Simple, Variant::Multi].map(|variant| (variant, Recovery::Classic));
    let recoveries = [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic];
    let kinds = classic.into_iter().chain(recoveries.map(|recovery| (Variant::Fast, recovery)));
    let (first, seeds) = (number("FIRST", 0), number("SEEDS", 3));
    for (variant, recovery) in kinds {
        for seed in first..first + seeds {
            let run = Run { variant, recovery, seed, file: &file };
            let Some(output) = checked(&run) else { return };
            let said = text(&output.stdout) + &text(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{variant} {recovery} {seed}: {said}");
            assert!(said.starts_with("accepted: "), "{said}");
        }
    }
}

/// In seed 17 a promise is cut where a slot without a vote follows.
#[test]
fn a_promise_in_pieces_says_nothing_about_slots_beyond_its_last_vote() {
    let (_dir, file) = in_a_directory();
    let run = Run { variant: Variant::Multi, recovery: Recovery::Classic, seed: 17, file: &file };
    let Some(output) = checked(&run) else { return };
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_trace_with_a_fault_is_refused_with_the_guard_that_fails() {
    let (_dir, file) = in_a_directory();
    let run = Run { variant: Variant::Multi, recovery: Recovery::Classic, seed: 0, file: &file };
    if checked(&run).is_none() {
        return;
    }
    let good = std::fs::read_to_string(&file).expect("the trace is there");
    let proposal = good.lines().find(|line| line.contains("\"step\":\"propose\"")).expect("there is one");
    let other = proposal.replace("\"value\":\"", "\"value\":\"x");
    let bad = good.replacen(proposal, &format!("{proposal}\n{other}"), 1);
    std::fs::write(&file, bad).expect("it can be written");
    let args = run.arguments();
    let args: Vec<&str> = args.iter().map(String::as_str).chain(file.to_str()).collect();
    let output = python("refine.py", &args).expect("it was there");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("guard: no second phase 2a in a ballot"), "{said}");
}

#[test]
fn the_checker_passes_its_own_tests() {
    let Some(output) = python("test_refine.py", &[]) else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
}
