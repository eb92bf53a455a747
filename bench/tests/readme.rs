//! The READMEs and the page of counts agree with the code: their pictures, tables and example are made from it. Every
//! mutation in the lists applies to the code.
//! `UPDATE_EXPECT=1 cargo test -p paxos-bench --test readme` brings the pages up to date.

use basic_paxos::BasicPaxos;
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_bench::lab::cluster::Shape;
use paxos_bench::lab::counts::{measure, picture};
use paxos_bench::lab::experiments::{Setting, named};
use paxos_bench::lab::quorums::QuorumChoice;
use paxos_bench::theory::{Layout, Learning, Recovery, Run};
use paxos_bench::variants::Variant;
use paxos_core::{Config, NodeId, Protocol, Slot, StateMachine};
use paxos_transport::MemoryCluster;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::{read_dir, read_to_string, write};
use std::path::{Path, PathBuf};

const COUNTS: &str = "<!-- counts: generated, kept current by bench/tests/readme.rs -->\n";
const EXAMPLE: &str =
    "<!-- example: transport/examples/counter.rs, kept current by bench/tests/readme.rs -->\n";
const END: &str = "<!-- end -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn example() -> String {
    read_to_string(root().join("transport/examples/counter.rs")).expect("the example")
}

/// Compares a file with `wanted`. If they differ, writes the file if updates are requested, and fails otherwise.
fn expect_file(name: &str, found: Option<&str>, wanted: &str) {
    if found == Some(wanted) {
        return;
    }
    assert!(std::env::var_os("UPDATE_EXPECT").is_some(), "{name} is out of date; run with UPDATE_EXPECT=1");
    write(root().join(name), wanted).expect("written");
}

/// Checks that the text of a file between `begin` and the next [`END`] is `content`.
fn keep_current(name: &str, begin: &str, content: &str) {
    let text = read_to_string(root().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    let from = text.find(begin).unwrap_or_else(|| panic!("{name} has no {begin}")) + begin.len();
    let to = from + text[from..].find(END).unwrap_or_else(|| panic!("{name} has no {END} behind {begin}"));
    expect_file(name, Some(&text), &format!("{}{content}{}", &text[..from], &text[to..]));
}

/// One row of the counts, for five acceptors.
struct Row {
    run: Run,
    name: String,
    layout: Layout,
    learning: Learning,
    messages: u64,
    learn: String,
    reply: u64,
}

fn shape(variant: Variant, layout: Layout, learning: Learning, acceptors: u16) -> Shape {
    let learners = if layout == Layout::Separate { 3 } else { acceptors };
    Shape { variant, layout, learning, acceptors, learners, thrifty: false, quorum: QuorumChoice::Majority }
}

fn rows() -> Vec<(Variant, Row)> {
    let mut rows = Vec::new();
    for variant in Variant::ALL.iter().copied() {
        for run in variant.traits().runs.iter().copied() {
            for layout in [Layout::Separate, Layout::Collapsed] {
                for learning in [Learning::Everyone, Learning::Distinguished] {
                    if variant.placed(layout, learning) == (layout, learning) {
                        rows.push((variant, row(variant, run, layout, learning)));
                    }
                }
            }
        }
    }
    rows
}

fn row(variant: Variant, run: Run, layout: Layout, learning: Learning) -> Row {
    let row = measure(shape(variant, layout, learning, 5), run, 0).expect("a decision");
    assert!(!row.differs(), "{row:?}");
    let name = match run {
        Run::MultiFirst => "multi, first decision".to_owned(),
        Run::MultiSteady => "multi, steady".to_owned(),
        Run::FastCollision(recovery) => format!("fast, collision, {recovery} recovery"),
        Run::Basic | Run::Fast => variant.to_string(),
    };
    let (first, last) = (row.learn_first, row.learn_last);
    let learn = if first == last { first.to_string() } else { format!("{first}/{last}") };
    Row { run, name, layout, learning, messages: row.messages, learn, reply: row.reply }
}

/// The table with every row, for the page of counts.
fn whole_table(rows: &[(Variant, Row)]) -> String {
    let mut table =
        "\n| variant | roles | learning | messages | learn | reply |\n|---|---|---|---:|---:|---:|\n"
            .to_owned();
    for (_, Row { name, layout, learning, messages, learn, reply, .. }) in rows {
        let line = format!("| {name} | {layout} | {learning} | {messages} | {learn} | {reply} |");
        writeln!(table, "{line}").expect("a string");
    }
    table
}

/// The distinct rows for servers that play all roles and a leader that alone hears votes.
fn excerpt(rows: &[(Variant, Row)], head: &str) -> String {
    let mut table = format!("\n| {head} |\n|---|---:|---:|---:|\n");
    for (variant, row) in rows {
        let placed = (row.layout, row.learning) == (Layout::Collapsed, Learning::Distinguished);
        // In this layout, Simple Paxos is Basic Paxos, and a first decision of Multi-Paxos costs the same.
        if placed && *variant != Variant::Simple && row.run != Run::MultiFirst {
            let Row { name, messages, learn, reply, .. } = row;
            writeln!(table, "| {name} | {messages} | {learn} | {reply} |").expect("a string");
        }
    }
    table
}

#[test]
fn the_pages_are_current() {
    let rows = rows();
    keep_current("docs/counts.md", COUNTS, &whole_table(&rows));
    keep_current("README.md", COUNTS, &excerpt(&rows, "variant | messages | learn | reply"));
    keep_current("README.ko.md", COUNTS, &excerpt(&rows, "변형 | 메시지 수 | 학습 | 응답"));
    let example = format!("\n```rust\n{}```\n", example());
    keep_current("README.md", EXAMPLE, &example);
    keep_current("README.ko.md", EXAMPLE, &example);
    let collision = Run::FastCollision(Recovery::Coordinated);
    keep_picture("docs/pictures/multi-steady.svg", Variant::Multi, Run::MultiSteady);
    keep_picture("docs/pictures/fast-collision.svg", Variant::Fast, collision);
    let setting = Setting { quick: true, ..Setting::default() };
    let wan = named("wan").expect("an experiment").find(&setting, &mut |_| ()).expect("findings");
    let clients = wan.figures.iter().find(|figure| figure.name == "clients").expect("a figure");
    let name = "docs/pictures/wan-clients.svg";
    expect_file(name, read_to_string(root().join(name)).ok().as_deref(), &clients.svg.wide);
}

/// Checks that a picture is what `paxos-bench draw --format svg` draws of this decision among three servers.
fn keep_picture(name: &str, variant: Variant, run: Run) {
    let drawn = picture(shape(variant, Layout::Collapsed, Learning::Distinguished, 3), run, 0);
    let found = read_to_string(root().join(name)).ok();
    expect_file(name, found.as_deref(), &drawn.expect("a decision").to_svg());
}

struct Counter(u64);

impl StateMachine for Counter {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, add: &u64) -> u64 {
        self.0 += add;
        self.0
    }
}

/// The code of the example, with another variant.
async fn count<P: Protocol<Value = u64, Reply = u64>>() {
    let config = Config::collapsed(3).expect("a cluster");
    let started = MemoryCluster::<P, _>::start(config, |_| Counter(0)).await;
    let cluster = started.expect("started");
    assert_eq!(cluster.member(NodeId(2)).propose(40).await.expect("an answer"), 40);
    cluster.member(NodeId(0)).shutdown().await.expect("stopped");
    assert_eq!(cluster.member(NodeId(1)).propose(2).await.expect("an answer"), 42);
}

#[tokio::test(start_paused = true)]
async fn another_variant_is_another_name_in_the_example() {
    assert!(
        example().contains("\nuse multi_paxos::MultiPaxos as Variant;\n"),
        "the line that the README changes"
    );
    count::<MultiPaxos<_, _>>().await;
    count::<FastPaxos<_, _>>().await;
    count::<BasicPaxos<_, _>>().await;
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let docs = read_dir(root().join("docs")).expect("the pages").map(|page| page.expect("a page").path());
    let pages = docs.chain(read_dir(root()).expect("the workspace").map(|page| page.expect("a page").path()));
    for page in pages.filter(|page| page.extension().is_some_and(|end| end == "md")) {
        let text = read_to_string(&page).expect("text");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            let file = page.parent().expect("a folder").join(target);
            assert!(file.exists(), "{} leads to {target}, which is not there", page.display());
        }
    }
}

/// All files below a folder, without what a build writes.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && name != ".git" {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// A path in the workspace that stands as code in a line of a page, as in `docs/explore.md`.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let rooms = ["paxos-core/src", "transport/", "bench/", "docs/", "fuzz/", ".ci/"];
    let code = line.split('`').skip(1).step_by(2);
    code.filter(move |code| rooms.iter().any(|room| code.starts_with(room)) && !code.contains([' ', '*']))
}

#[test]
fn pages_name_files_that_exist() {
    let mut pages = Vec::new();
    files(&root(), &mut pages);
    pages.retain(|page| page.extension().is_some_and(|end| end == "md") && !page.ends_with("CHANGELOG.md"));
    let mut named = 0;
    for page in pages {
        for line in read_to_string(&page).expect("text").lines() {
            for path in paths(line) {
                assert!(root().join(path).exists(), "{} names {path}, which does not exist", page.display());
                named += 1;
            }
        }
    }
    assert!(named > 50, "{named} paths");
}

/// A module `x` and its folder `x/` are one entry.
#[test]
fn folders_have_at_most_twelve_modules_and_files_400_lines() {
    let mut all = Vec::new();
    files(&root(), &mut all);
    all.retain(|file| file.extension().is_some_and(|end| end == "rs"));
    let mut folders: BTreeMap<&Path, BTreeSet<String>> = BTreeMap::new();
    for file in &all {
        let lines = read_to_string(file).expect("text").lines().count();
        assert!(lines <= 400, "{} has {lines} lines", file.display());
        for (entry, folder) in file.ancestors().zip(file.ancestors().skip(1)) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            folders.entry(folder).or_default().insert(name.trim_end_matches(".rs").to_owned());
            if folder == root() {
                break;
            }
        }
    }
    for (folder, entries) in folders {
        assert!(entries.len() <= 12, "{} has {}: {entries:?}", folder.display(), entries.len());
    }
}

/// A mutation whose text no longer exists would test nothing, and go unnoticed (`.ci/mutants`).
#[test]
fn every_mutation_applies_to_one_place() {
    let lists =
        read_dir(root().join("fuzz/mutants")).expect("the lists").map(|list| list.expect("a list").path());
    let mut names = BTreeSet::new();
    for list in lists {
        let list = read_to_string(list).expect("text").parse::<toml::Table>().expect("a list of mutations");
        for mutation in list["mutant"].as_array().expect("some mutations") {
            let word = |key: &str| mutation.get(key).and_then(toml::Value::as_str);
            let name = word("name").expect("a name");
            assert!(names.insert(name.to_owned()), "two mutations are called {name}");
            let file = root().join(word("file").expect("a file"));
            let text = read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"));
            let find = word("find").expect("a text to find");
            let places = text.matches(find).count();
            assert_eq!(
                places, 1,
                "{name}: its text must be there once; write it anew in fuzz/mutants:\n{find}"
            );
            assert_ne!(word("replace"), Some(find), "{name} changes nothing");
            assert!(word("why").is_some_and(|why| why.len() > 10), "{name} says no mistake");
            let caught = word("soak").is_some() || mutation.get("tests").is_some();
            assert!(caught, "{name} says nothing that might catch it");
        }
    }
    assert!(names.len() >= 60, "{} mutations", names.len());
}
