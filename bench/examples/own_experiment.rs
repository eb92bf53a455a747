//! An experiment of one's own: how many messages a decision takes if Multi-Paxos asks a quorum only (*thrifty*).
//! `cargo run -p paxos-bench --example own_experiment` writes its data, figure and text into `own/thrifty`.

use paxos_bench::lab::experiments::chart::{Axis, Panel, Style, palette};
use paxos_bench::lab::experiments::{Experiment, Findings, Lab, LabError, Setting, Table, write};
use paxos_bench::lab::{cluster::Shape, counts::measure};
use paxos_bench::{row, theory::Run, variants::Variant};

pub(crate) const THRIFTY: Experiment = Experiment {
    name: "thrifty",
    question: "How many messages does a leader save that asks a quorum only?",
    source: "Lamport, Cheap Paxos (2004), in spirit.",
    sites: 0,
    run,
};

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    // First all runs: the lab makes them in several threads, and each result is a function of its input. Then what they show.
    let sizes = [3_u16, 5, 7, 9];
    let name = |n: &u16| format!("{n} servers");
    let counted = lab.each(&sizes, name, |n| {
        let count = |thrifty| {
            let shape = Shape { thrifty, ..Shape::collapsed(Variant::Multi, *n) };
            measure(shape, Run::MultiSteady, setting.seed).map(|row| row.messages)
        };
        Ok((count(false)?, count(true)?))
    })?;
    let mut table = Table::new("thrifty", &[("n", "servers"), ("all", "messages"), ("thrifty", "messages")]);
    let (mut everyone, mut quorum, mut saved) = (Vec::new(), Vec::new(), 0);
    for (n, (all, thrifty)) in sizes.into_iter().zip(counted.all()?) {
        table.push(row![n, all, thrifty]);
        everyone.push((f64::from(n), all as f64));
        quorum.push((f64::from(n), thrifty as f64));
        saved = all - thrifty;
    }
    let mut found = Findings { tables: vec![table], ..Findings::default() };
    found.constant("links", "one delay, nothing lost");
    found.facts.add("saved", saved, "", "all − thrifty of thrifty.csv, 9 servers");
    found.lessons.push("With 9 servers it saves {saved} messages a decision.".into());
    let mut panel = Panel::new("", Axis::new("servers"), Axis::new("messages of a decision"));
    panel.line(Style::new("asks everyone", palette::of(Variant::Multi)), everyone);
    panel.line(Style::new("asks a quorum", palette::GREEN), quorum);
    found.figure("thrifty", "Messages of a thrifty leader", "The gap grows.", panel)?;
    Ok(found)
}

fn main() -> Result<(), LabError> {
    let setting = Setting::default();
    write(&THRIFTY, &setting, &THRIFTY.find(&setting, &mut |_| ())?, "own".as_ref())
}
