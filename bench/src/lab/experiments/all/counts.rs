//! Messages and delays of one decision by the number of acceptors, compared with theory.

use crate::lab::cluster::Shape;
use crate::lab::counts::measure;
use crate::lab::experiments::chart::palette;
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw, stacked};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::CountRow;
use crate::row;
use crate::theory::{Layout, Learning, Recovery, Run};
use crate::variants::Variant;

/// The experiment.
pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "counts",
    question: "How many messages and message delays does one decision take, and how do they grow with the acceptors?",
    source: "Lamport, Paxos Made Simple (2001) and Fast Paxos (2006): the numbers of messages follow from the protocols; \
             docs/verification.md says how they are counted.",
    sites: 0,
    run,
};

const SIZES: [u16; 6] = [3, 4, 5, 7, 9, 11];
/// The number of servers in the figures that show one size.
const SIZE: u16 = 5;
/// The number of learners in the layout with separate roles.
const LEARNERS: u16 = 3;

const COLUMNS: [(&str, &str); 14] = [
    ("variant", "the variant"),
    ("run", "how the command is decided"),
    ("roles", "which process plays which roles: separate or collapsed"),
    ("learning", "which processes hear the votes: everyone, or the leader as distinguished learner"),
    ("acceptors", "the number of acceptors"),
    ("learners", "the number of learners"),
    ("messages", "messages between distinct processes, including the request and one reply"),
    ("predicted_messages", "the same, by the formula; empty: there is no formula"),
    ("learn_first", "delays until the first learner knows the value"),
    ("learn_last", "delays until the last learner knows the value"),
    ("reply", "delays until the client has its answer"),
    ("predicted_reply", "the same, by the formula; empty: there is no formula"),
    ("kinds", "the messages by kind"),
    ("differs", "1 if a number differs from its prediction, else 0"),
];

fn name(variant: Variant, run: Run) -> String {
    match run {
        Run::MultiFirst => format!("{variant}, first decision"),
        Run::MultiSteady => format!("{variant}, steady"),
        Run::FastCollision(recovery) => format!("{variant}, collision, {recovery}"),
        Run::Basic | Run::Fast => variant.to_string(),
    }
}

fn style(variant: Variant, run: Run) -> Style {
    let style = match run {
        Run::MultiFirst => palette::style(variant).dash(Dash::Short).marker(Marker::Square),
        Run::FastCollision(recovery) => palette::recovering(variant, recovery),
        Run::Basic | Run::MultiSteady | Run::Fast => palette::style(variant),
    };
    style.named(name(variant, run))
}

struct Counted {
    variant: Variant,
    run: Run,
    layout: Layout,
    learning: Learning,
    row: CountRow,
}

fn all(setting: &Setting, lab: &mut Lab<'_>) -> Result<Vec<Counted>, LabError> {
    let mut cases = Vec::new();
    for variant in Variant::ALL.iter().copied() {
        for run in variant.traits().runs.iter().copied() {
            for layout in [Layout::Separate, Layout::Collapsed] {
                for learning in [Learning::Everyone, Learning::Distinguished] {
                    if variant.placed(layout, learning) == (layout, learning) {
                        cases.extend(
                            SIZES.map(|acceptors| (run, shape(variant, layout, learning, acceptors))),
                        );
                    }
                }
            }
        }
    }
    let title = |(run, shape): &(Run, Shape)| {
        let Shape { variant, layout, learning, acceptors, .. } = shape;
        format!("{}, {layout} roles, votes to: {learning}, {acceptors} acceptors", name(*variant, *run))
    };
    let rows = lab.each(&cases, title, |(run, shape)| Ok(measure(*shape, *run, setting.seed)?))?.all()?;
    let counted = |((run, shape), row): ((Run, Shape), CountRow)| Counted {
        variant: shape.variant,
        run,
        layout: shape.layout,
        learning: shape.learning,
        row,
    };
    Ok(cases.into_iter().zip(rows).map(counted).collect())
}

const fn shape(variant: Variant, layout: Layout, learning: Learning, acceptors: u16) -> Shape {
    let learners = if matches!(layout, Layout::Separate) { LEARNERS } else { acceptors };
    Shape { variant, layout, learning, acceptors, learners, thrifty: false, quorum: QuorumChoice::Majority }
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let counted = all(setting, lab)?;
    let mut found = Findings::default();
    found.constant("a link", "one delay, nothing lost");
    found.constant("quorums", "majorities, and the smallest fast quorums beside them");
    found.held("learners with separate roles", LEARNERS, "");
    let mut table = Table::new("counts", &COLUMNS);
    for Counted { variant, run, row, .. } in &counted {
        let kinds: Vec<String> = row.messages_by_kind.iter().map(|(kind, n)| format!("{kind}={n}")).collect();
        table.push(row![
            variant.name(),
            name(*variant, *run),
            row.roles.as_str(),
            row.learning.as_str(),
            row.acceptors,
            row.learners,
            row.messages,
            row.predicted_messages,
            row.learn_first,
            row.learn_last,
            row.reply,
            row.predicted_reply,
            kinds.join(" "),
            u64::from(row.differs()),
        ]);
    }
    facts(&mut found, &counted);
    found.tables.push(table);
    found.failed = counted.iter().filter(|c| c.row.differs()).count() as u64;
    let verdict = verdict(found.failed);
    found.lessons = vec![
        "With {n} servers that play all roles and the leader alone hearing votes, a steady Multi-Paxos decision takes {multi} messages and \
         {multi_reply} delays to the client's answer, Fast Paxos {fast} messages and {fast_reply} delays. The messages grow in proportion to the servers, to {multi_most} and {fast_most} with {most}."
            .into(),
        "Fast Paxos saves a delay, not messages.".into(),
        "A collision costs Fast Paxos {collision} messages and {collision_reply} delays with coordinated recovery, more than the \
         {multi_reply} delays of Multi-Paxos: Fast Paxos pays off only where collisions are rare."
            .into(),
        "Sending votes to every learner saves the followers a delay, but the messages grow with the square of the servers: {everyone} \
         instead of {multi} with {n}."
            .into(),
        verdict.into(),
    ];
    found.figures = vec![growth(&counted, verdict)?, kinds(&counted, verdict)?, delays(&counted, verdict)?];
    Ok(found)
}

/// The sentence on counts and formulas, which depends on the data.
const fn verdict(differing: u64) -> &'static str {
    if differing == 0 {
        "All {compared} counts with a formula are equal to it."
    } else {
        "Of {compared} counts with a formula, {differing} are not equal to it."
    }
}

fn facts(found: &mut Findings, counted: &[Counted]) {
    let of = |run: Run, learning: Learning, n: u16| {
        let fits = |c: &&Counted| {
            c.run == run
                && c.layout == Layout::Collapsed
                && c.learning == learning
                && c.row.acceptors == usize::from(n)
        };
        counted.iter().find(fits).map(|counted| &counted.row)
    };
    let led = Learning::Distinguished;
    let most = SIZES[SIZES.len() - 1];
    let facts = &mut found.facts;
    facts.add("n", SIZE, "", "servers in the sentences and figures that show one size");
    facts.add("most", most, "", "the most servers counted");
    let compared = counted.iter().filter(|c| c.row.predicted_messages.is_some());
    facts.add("compared", compared.count(), "", "rows of counts.csv with a prediction");
    facts.add(
        "differing",
        counted.iter().filter(|c| c.row.differs()).count(),
        "",
        "rows of counts.csv that differ from their prediction",
    );
    for (fact, run, learning, n) in [
        ("multi", Run::MultiSteady, led, SIZE),
        ("fast", Run::Fast, led, SIZE),
        ("multi_most", Run::MultiSteady, led, most),
        ("fast_most", Run::Fast, led, most),
        ("collision", Run::FastCollision(Recovery::Coordinated), led, SIZE),
        ("everyone", Run::MultiSteady, Learning::Everyone, SIZE),
        ("basic", Run::Basic, led, SIZE),
        ("basic_everyone", Run::Basic, Learning::Everyone, SIZE),
    ] {
        let meaning = format!("messages of {run:?}, {n} collapsed servers, votes heard by: {learning}");
        facts.add(fact, of(run, learning, n).map(|row| row.messages), "", meaning);
    }
    for (fact, run) in [
        ("multi_reply", Run::MultiSteady),
        ("fast_reply", Run::Fast),
        ("collision_reply", Run::FastCollision(Recovery::Coordinated)),
    ] {
        let meaning =
            format!("delays of {run:?} to the answer, {SIZE} collapsed servers, votes heard by: {led}");
        facts.add(fact, of(run, led, SIZE).map(|row| row.reply), "", meaning);
    }
}

/// The style of what the formulas say.
fn formula(marker: Marker) -> Style {
    Style::new("formula", palette::GREY).points().marker(marker)
}

/// Adds what the formulas say to a panel with a bar for each of these.
fn predict(panel: &mut Panel, shown: &[&Counted], of: fn(&CountRow) -> Option<u64>) {
    let places = shown.iter().rev().zip(0..);
    panel.line(
        formula(Marker::Ring),
        places.filter_map(|(c, at)| Some((of(&c.row)? as f64, f64::from(at) + 0.5))),
    );
}

/// Messages against the number of acceptors.
fn growth(counted: &[Counted], verdict: &str) -> Result<Figure, LabError> {
    let mut panels = Vec::new();
    for layout in [Layout::Collapsed, Layout::Separate] {
        for learning in [Learning::Distinguished, Learning::Everyone] {
            let hears = if learning == Learning::Everyone {
                "everyone hears votes"
            } else {
                "the leader hears votes"
            };
            let title = format!("{layout} roles, {hears}");
            let mut panel = Panel::new(title, Axis::new("acceptors"), Axis::new("messages"));
            panel.x = panel.x.range(2.5, 11.5);
            let mut formulas = Vec::new();
            for variant in Variant::ALL {
                for run in variant.traits().runs {
                    let here = |c: &&Counted| {
                        (c.variant, c.run, c.layout, c.learning) == (*variant, *run, layout, learning)
                    };
                    let rows: Vec<&CountRow> = counted.iter().filter(here).map(|c| &c.row).collect();
                    panel.line(
                        style(*variant, *run),
                        rows.iter().map(|r| (r.acceptors as f64, r.messages as f64)),
                    );
                    let by_formula = |r: &&CountRow| Some((r.acceptors as f64, r.predicted_messages? as f64));
                    formulas.extend(rows.iter().filter_map(by_formula));
                }
            }
            panel.line(formula(Marker::Halo), formulas);
            panels.push(panel);
        }
    }
    Ok(Figure {
        name: "messages",
        title: "Messages of one decision against the number of acceptors".into(),
        caption: format!(
            "Where the leader hears the votes, messages grow in proportion to the acceptors; where all servers hear all \
                  votes (upper right), and in uncoordinated recovery, with their square. A collision that the coordinator \
                  recovers from roughly doubles the messages of Fast Paxos. Wide rings are the formulas; uncoordinated recovery where the leader hears the votes has none. Some lines cover each other, and one shows between the dashes of the other: a first decision of \
                  Multi-Paxos takes as many messages as Basic Paxos, one of Fast Paxos about as many as a steady one. Held constant: majority \
                  quorums, one client, every link one delay, nothing lost, {{learners_with_separate_roles}} learners where roles are separate. {verdict}"
        ),
        svg: draw(&panels, 2, 300)?,
    })
}

/// The messages by kind, for one size.
fn kinds(counted: &[Counted], verdict: &str) -> Result<Figure, LabError> {
    let shown: Vec<&Counted> = counted
        .iter()
        .filter(|c| c.layout == Layout::Collapsed && c.learning == Learning::Distinguished)
        .filter(|c| c.row.acceptors == usize::from(SIZE))
        .collect();
    let names: Vec<String> = shown.iter().map(|c| name(c.variant, c.run)).collect();
    let kinds = ["request", "prepare", "promise", "accept", "accepted", "decide", "reply"];
    let part = |(nth, kind): (usize, &&str)| {
        let style = palette::series(nth, *kind).bar();
        let of = |c: &&Counted| c.row.messages_by_kind.get(*kind).copied().unwrap_or(0) as f64;
        (style, shown.iter().map(of).collect())
    };
    let parts: Vec<(Style, Vec<f64>)> = kinds.iter().enumerate().map(part).collect();
    let mut panel = stacked("", &names, Axis::new("messages"), &parts);
    predict(&mut panel, &shown, |row| row.predicted_messages);
    Ok(Figure {
        name: "kinds",
        title: format!("Messages of one decision by kind, {SIZE} servers"),
        caption: format!(
            "The messages of each variant by kind; a ring is the sum by the formula. Only the leader hears votes, so Basic Paxos takes {{basic}} messages; with votes for every server, as in the first step of the experiment ablation, it takes {{basic_everyone}}. Multi-Paxos runs phase 1 (prepare, promise) once and then sends only accept, accepted and \
                  decide. Fast Paxos sends its requests to all acceptors in place of accept. Colours are kinds of message here, \
                  not variants. Held constant: {{n}} servers with all roles, the leader hears the votes. {verdict}"
        ),
        svg: draw(&[panel], 1, 360)?,
    })
}

/// The delays until the client has its answer.
fn delays(counted: &[Counted], verdict: &str) -> Result<Figure, LabError> {
    let fits = |c: &&Counted| {
        (c.layout, c.learning, c.row.acceptors)
            == (Layout::Collapsed, Learning::Distinguished, usize::from(SIZE))
    };
    let shown: Vec<&Counted> = counted.iter().filter(fits).collect();
    let names: Vec<String> = shown.iter().map(|c| name(c.variant, c.run)).collect();
    let parts: Vec<(Style, Vec<f64>)> = Variant::ALL
        .iter()
        .map(|variant| {
            let style = palette::style(*variant).bar();
            (
                style,
                shown.iter().map(|c| if c.variant == *variant { c.row.reply as f64 } else { 0.0 }).collect(),
            )
        })
        .collect();
    let mut panel =
        stacked("", &names, Axis::new("message delays to the client's answer").range(0.0, 7.4), &parts);
    predict(&mut panel, &shown, |row| row.predicted_reply);
    Ok(Figure {
        name: "delays",
        title: format!("Delays from a client's request to its answer, {SIZE} servers"),
        caption: format!(
            "Fast Paxos answers after {{fast_reply}} delays, Multi-Paxos after {{multi_reply}}; rings are the formulas. After a collision Fast Paxos \
                  is as fast as Multi-Paxos with uncoordinated recovery, and slower with the others. Held constant: {{n}} \
                  servers with all roles, the leader hears the votes, the client is a separate process, every link one delay. The number of \
                  servers does not matter. {verdict}"
        ),
        svg: draw(&[panel], 1, 360)?,
    })
}
