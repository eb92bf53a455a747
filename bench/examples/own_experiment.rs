//! An experiment of one's own: how many messages a decision takes if Multi-Paxos asks a quorum only (*thrifty*).
//! `cargo run -p paxos-bench --example own_experiment` writes its data, figure and text into `own/thrifty`.

use paxos_bench::lab::cluster::Shape;
use paxos_bench::lab::counts::measure;
use paxos_bench::lab::experiments::chart::{Axis, Figure, Panel, Style, draw, palette};
use paxos_bench::lab::experiments::{Experiment, Findings, Lab, LabError, Setting, Table, write};
use paxos_bench::lab::quorums::QuorumChoice;
use paxos_bench::row;
use paxos_bench::theory::{Layout, Learning, Run};
use paxos_bench::variants::Variant;
use std::path::Path;

pub(crate) const THRIFTY: Experiment = Experiment {
    name: "thrifty",
    question: "How many messages does a leader save that asks a quorum only?",
    source: "Lamport, Cheap Paxos (2004), in spirit.",
    run,
};

const SIZES: [u16; 4] = [3, 5, 7, 9];

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    // First all runs: the lab makes them in several threads, and each result is a function of its input.
    let name = |n: &u16| format!("{n} servers");
    let counted = lab.each(&SIZES, name, |n| {
        let count = |thrifty| {
            let (variant, layout, learning) = (Variant::Multi, Layout::Collapsed, Learning::Distinguished);
            let shape = Shape {
                variant,
                layout,
                learning,
                acceptors: *n,
                learners: *n,
                thrifty,
                quorum: QuorumChoice::Majority,
            };
            measure(shape, Run::MultiSteady, setting.seed).map(|row| row.messages)
        };
        Ok((count(false)?, count(true)?))
    })?;
    // Then what they show.
    let mut found = Findings::default();
    found.constant("links", "one delay, nothing lost");
    let mut table =
        Table::new("thrifty", &[("n", "servers"), ("all", "messages"), ("thrifty", "messages, thrifty")]);
    let mut panel = Panel::new("", Axis::new("servers"), Axis::new("messages of a decision"));
    let (mut everyone, mut quorum) = (Vec::new(), Vec::new());
    for (n, (all, thrifty)) in SIZES.into_iter().zip(counted.all()?) {
        table.push(row![n, all, thrifty]);
        everyone.push((f64::from(n), all as f64));
        quorum.push((f64::from(n), thrifty as f64));
        if n == 9 {
            found.facts.add("saved", all - thrifty, "", "all − thrifty of thrifty.csv, 9 servers");
        }
    }
    panel.line(Style::new("asks everyone", palette::of(Variant::Multi)), everyone);
    panel.line(Style::new("asks a quorum", palette::GREEN), quorum);
    found.tables.push(table);
    found.lessons.push("With 9 servers it saves {saved} messages a decision.".into());
    let (name, title) = ("thrifty", "Messages of a thrifty leader".to_owned());
    found.figures.push(Figure {
        name,
        title,
        caption: "The gap grows.".into(),
        svg: draw(&[panel], 1, 300)?,
    });
    Ok(found)
}

fn main() -> Result<(), LabError> {
    let setting = Setting::default();
    write(&THRIFTY, &setting, &THRIFTY.find(&setting, |_| ())?, Path::new("own"))
}
