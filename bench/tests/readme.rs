//! The README shows what the code does: its picture, its table and its example are made from it.
//! `UPDATE_EXPECT=1 cargo test -p paxos-bench --test readme` brings it up to date.

use paxos_bench::cluster::Shape;
use paxos_bench::counts::{measure, picture};
use paxos_bench::quorums::QuorumChoice;
use paxos_bench::theory::{Layout, Learning, Run};
use paxos_bench::variants::Variant;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn shape(variant: Variant, layout: Layout, learning: Learning, acceptors: u16) -> Shape {
    let learners = if layout == Layout::Separate { 3 } else { acceptors };
    Shape { variant, layout, learning, acceptors, learners, thrifty: false, quorum: QuorumChoice::Majority }
}

/// Replaces what stands between `begin` and `end` by `content`, and demands that it stood there already.
fn keep_current(begin: &str, end: &str, content: &str) {
    let file = root().join("README.md");
    let readme = std::fs::read_to_string(&file).expect("a README");
    let from = readme.find(begin).unwrap_or_else(|| panic!("README has {begin}")) + begin.len();
    let to = from + readme[from..].find(end).unwrap_or_else(|| panic!("README has {end} behind {begin}"));
    if readme[from..to] == *content {
        return;
    }
    assert!(std::env::var_os("UPDATE_EXPECT").is_some(), "README.md is out of date behind {begin}");
    std::fs::write(&file, format!("{}{content}{}", &readme[..from], &readme[to..])).expect("written");
}

fn delays(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}/{last}") }
}

#[test]
fn the_readme_is_current() {
    let steady = shape(Variant::Multi, Layout::Collapsed, Learning::Distinguished, 3);
    let run = picture(steady, Run::MultiSteady, 0).expect("a decision").draw();
    keep_current("```text\n", "```", &run);

    let mut table = String::from(
        "\n| variant | roles | learning | messages | learn | reply |\n|---|---|---|---:|---:|---:|\n",
    );
    for variant in Variant::ALL.iter().copied() {
        for run in variant.traits().runs.iter().copied() {
            for layout in [Layout::Separate, Layout::Collapsed] {
                for learning in [Learning::Everyone, Learning::Distinguished] {
                    if variant.placed(layout, learning) != (layout, learning) {
                        continue;
                    }
                    let row = measure(shape(variant, layout, learning, 5), run, 0).expect("a decision");
                    assert!(!row.differs(), "{row:?}");
                    let name = match run {
                        Run::MultiFirst => "multi, first decision".to_owned(),
                        Run::MultiSteady => "multi, steady".to_owned(),
                        Run::FastCollision(recovery) => format!("fast, collision, {recovery} recovery"),
                        Run::Basic | Run::Fast => variant.to_string(),
                    };
                    let learn = delays(row.learn_first, row.learn_last);
                    let (messages, reply) = (row.messages, row.reply);
                    let line = format!("| {name} | {layout} | {learning} | {messages} | {learn} | {reply} |");
                    writeln!(table, "{line}").expect("a string");
                }
            }
        }
    }
    keep_current(
        "<!-- counts: generated, kept current by bench/tests/readme.rs -->\n",
        "<!-- end -->",
        &table,
    );

    let example = std::fs::read_to_string(root().join("transport/examples/counter.rs")).expect("the example");
    keep_current(
        "<!-- example: transport/examples/counter.rs, kept current by bench/tests/readme.rs -->\n",
        "<!-- end -->",
        &format!("\n```rust\n{example}```\n"),
    );
}
