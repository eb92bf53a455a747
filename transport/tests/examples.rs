//! The examples run, and do what they say. Each of them asserts what it shows.

#[path = "../examples/simulate.rs"]
#[allow(dead_code, reason = "its main reads the arguments of the program")]
mod simulate;

use std::env::current_exe;
use std::fs::{read_dir, read_to_string};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The page that shows what the simulated service prints.
const SIMULATE: &str = "docs/simulate-your-service.md";
/// The page that tells a story with the examples.
const TUTORIAL: &str = "docs/tutorial.md";

/// A page of the workspace; a packaged crate has none.
fn page(name: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    read_to_string(root.join(name)).ok()
}

/// The lines of a text, without white space before and after them.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

/// The Rust blocks of a page: the number of the line at which each begins, and its lines.
fn blocks(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut lines = (1..).zip(lines(page));
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.starts_with("```rust") {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            blocks.push((number, block.collect()));
        }
    }
    blocks
}

/// Whether the lines of `block` occur in `source` one after another. A line `// …` stands for any number of lines.
fn is_excerpt(block: &[&str], source: &[&str]) -> bool {
    let mut rest = source;
    block.split(|line| *line == "// …").filter(|part| !part.is_empty()).all(|part| {
        let found = rest.windows(part.len()).position(|lines| lines == part);
        found.is_some_and(|at| {
            rest = &rest[at + part.len()..];
            true
        })
    })
}

#[test]
fn an_excerpt_has_lines_of_its_source_in_their_order() {
    let source = lines("a\n  b\n\nc\nd\nc\ne");
    for excerpt in ["a\nb", "  b\n\nc ", "a\n// …\nd", "// …\nd\n// …", "c\n// …\nc\ne"] {
        assert!(is_excerpt(&lines(excerpt), &source), "{excerpt}");
    }
    for other in ["b\nc", "a\n// …\nf", "d\n// …\nb", "c\n// …\nc\n// …\nc", "A"] {
        assert!(!is_excerpt(&lines(other), &source), "{other}");
    }
    assert_eq!(blocks("text\n\n  ```rust\n  a\n  ```\n```text\nb\n```"), [(3, vec!["a"])]);
}

#[test]
fn the_rust_on_the_pages_is_that_of_the_examples() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let examples = read_dir(examples).expect("the examples").map(|file| file.expect("an example").path());
    let sources: Vec<_> = examples.map(|file| read_to_string(file).expect("text")).collect();
    for name in [TUTORIAL, SIMULATE] {
        let Some(page) = page(name) else { continue };
        let blocks = blocks(&page);
        assert!(!blocks.is_empty(), "{name} has no Rust");
        for (number, block) in blocks {
            assert!(
                sources.iter().any(|source| is_excerpt(&block, &lines(source))),
                "the Rust block at {name}:{number} is in no file of transport/examples; take its lines from one, and \
                 write `// …` for lines left out:\n{}",
                block.join("\n")
            );
        }
    }
}

/// The program of an example. `cargo test` builds them all; with `--test examples` it does not, and Cargo runs it.
fn example(name: &str) -> Command {
    let program = current_exe().expect("this program");
    let built = program.parent().and_then(Path::parent).expect("a directory").join("examples").join(name);
    // An older one may be of an older source.
    let made = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    if made(&built).is_some_and(|at| made(&source).is_some_and(|source| at > source)) {
        return Command::new(built);
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--profile", "test", "--example", name, "--"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

/// Runs an example to its end.
fn runs(name: &str) {
    let done = example(name).output().expect("it starts");
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_bank_loses_no_money() {
    runs("bank");
}

#[test]
fn nodes_are_driven_by_hand() {
    runs("by_hand");
}

#[test]
fn a_member_is_added_and_another_removed() {
    runs("members");
}

#[test]
fn quorums_of_ones_own_are_proved_or_refused() {
    runs("own_quorums");
}

#[test]
fn each_kind_of_read_keeps_its_promise() {
    runs("reads");
}

#[test]
fn a_service_under_the_simulator_is_linearizable() {
    let mut all = 0;
    for seed in 0..200 {
        let operations = simulate::run(seed, false, false).unwrap_or_else(|found| panic!("{found}"));
        assert!(operations > 20, "seed {seed}: {operations}");
        all += operations;
    }
    assert!(
        page(SIMULATE).is_none_or(|page| page.contains(&format!(" {all} operations"))),
        "the page does not say {all}"
    );
}

#[test]
fn a_planted_mistake_is_found_with_its_seed_and_the_operations_in_conflict() {
    let found: Vec<String> = (0..50).filter_map(|seed| simulate::run(seed, true, false).err()).collect();
    println!("{} of 50 seeds find it", found.len());
    assert!(found.len() >= 5, "{} of 50 seeds find it", found.len());
    for report in &found {
        assert!(
            report.starts_with("seed ") && report.contains("what: Read }"),
            "a stale answer is in it: {report}"
        );
    }
    // The same seed tells the same.
    let seed = found[0].split([' ', ':']).nth(1).and_then(|seed| seed.parse().ok()).expect("a number");
    assert_eq!(simulate::run(seed, true, false).as_ref(), Err(&found[0]));
    for seed in [0, 4] {
        let report = simulate::run(seed, true, false).expect_err("a page shows it");
        assert!(
            page(SIMULATE).is_none_or(|page| page.contains(&report)),
            "the page does not show this:\n{report}"
        );
    }
}

#[test]
fn seats_are_taken_in_memory() {
    runs("tutorial");
}

/// A process of the tutorial, which is killed when it is dropped.
struct Process(Child, ChildStdin, BufReader<ChildStdout>);

impl Process {
    fn start(id: usize, directory: &Path, addresses: &[String]) -> Self {
        let mut child = example("tutorial")
            .arg(id.to_string())
            .arg(directory)
            .args(addresses)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut process = Self(child, input, BufReader::new(output));
        let runs = format!("n{id} runs");
        while !process.line().starts_with(&runs) {}
        process
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.2.read_line(&mut line).expect("text"), 0, "the process has ended");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.1, "{line}").expect("it reads");
        self.line()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // On Unix this is `kill -9`. It fails if the process has ended.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn seats_outlive_a_process_that_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let ports = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let addresses = ports.each_ref().map(|port| port.local_addr().expect("an address").to_string());
    drop(ports);
    let [mut n0, mut n1, _n2] = [0, 1, 2].map(|id| Process::start(id, directory.path(), &addresses));
    assert_eq!(n0.ask("take A1 alice"), "done");
    assert_eq!(n1.ask("take A1 bob"), "refused: TakenBy(\"alice\")");
    drop(n0);
    assert_eq!(n1.ask("take B2 bob"), "done");
    let mut n0 = Process::start(0, directory.path(), &addresses);
    assert_eq!(n0.ask("show"), "taken: A1=alice B2=bob");
}
