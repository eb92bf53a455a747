//! Latency over a wide area: by client, by leader, and over all placements. Variants are compared with the same learning: the
//! leader alone hears the votes, or every server does.

mod figures;
mod late;
mod placed;

use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::LatencyRow;
use crate::lab::wide::{Placement, best_leader, measure};
use crate::row;
use crate::theory::matrix::RttMatrix;
use crate::theory::{FIVE_SITES, Layout, Learning, Run, predict};
use crate::variants::Variant;
use placed::{Pick, picks, search};

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "wan",
    question: "What latency does each client see over a wide area, and where should servers and leader be?",
    source: "Junqueira, Mao, Marzullo, Classic Paxos vs. Fast Paxos: Caveat Emptor (2007): Fast Paxos waits for farther \
             acceptors. Round trips, if no other file is named: the data of the fantoch project (2020).",
    sites: SERVERS,
    run,
};

/// The number of servers in the figures.
const SERVERS: usize = 5;

/// A learning, the end of the names of its facts, and how it is called in a panel.
type Hears = (Learning, &'static str, &'static str);

/// Both kinds of learning, in the order of the panels.
const LEARNINGS: [Hears; 2] = [
    (Learning::Distinguished, "alone", "the leader alone hears votes"),
    (Learning::Everyone, "all", "every server hears votes"),
];

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let world = &setting.world;
    EXPERIMENT.check(setting)?;
    let five = world.select(&FIVE_SITES).or_else(|_| world.select(&world.sites()[..SERVERS]))?;
    let mut found = Findings::default();
    found.held("round trips", world.name(), "");
    found.constant("clients", "one beside each server, one command at a time");
    found.constant("delays", "half of the round trip, always the same; within a site none");
    found.constant("learning", "the same for all variants of a panel");
    let searched = search(world)?;
    let picks = picks(&searched);
    let cases = cases();
    let measured = measured(&cases, &five, setting.seed, lab)?;
    let simulated = simulated(world, &picks, setting.seed, lab)?;
    let late_cases = best(&cases, &five);
    let late = late::late(&late_cases, &five, setting, lab)?;
    let rows: Vec<Row> = cases.into_iter().zip(measured.all()?).collect();
    latencies(&mut found, &rows);
    let extremes = placed::placements(&mut found, world, &searched, &picks, &simulated.all()?)?;
    let late: Vec<_> = late_cases.into_iter().zip(late.all()?).collect();
    let spreads = late::spreads(&mut found, &five, setting, &late)?;
    let over_all = placed::over_all(&mut found, &searched)?;
    found.figures = vec![figures::by_client(&five, &rows)?];
    found.figures.extend(spreads);
    found.figures.extend([figures::by_leader(&five, &rows)?, over_all, extremes]);
    found.failed = rows.iter().filter(|(.., row)| row.differs()).count() as u64;
    found.facts.add(
        "differing",
        found.failed,
        "",
        "clusters of latency.csv with a latency that is not as predicted",
    );
    found.lessons = lessons(setting, &found);
    Ok(found)
}

/// The conclusions, which depend on the data.
fn lessons(setting: &Setting, found: &Findings) -> Vec<String> {
    let number = |name: &str| found.facts.number(name);
    let equal =
        |one: &str, other: &str| number(one).zip(number(other)).is_some_and(|(a, b)| a.total_cmp(&b).is_eq());
    let place = if setting.is_usual_world() { " on three continents" } else { "" };
    let home = if equal("home", "placements") {
        "The client beside the leader is never served sooner by Fast Paxos with the same learning and leader: in {home} of {placements} placements, with any leader. \
         The fast quorum is larger, so it waits for a farther acceptor."
    } else {
        "In {home} of {placements} placements no client beside a leader is served sooner by Fast Paxos with the same learning and leader."
    };
    let mut lessons = vec![
        format!(
            "Over {{servers}} regions{place}, Multi-Paxos with its best leader ({{leader_alone}}) answers after {{multi_alone}} on average and Fast Paxos after {{fast_alone}} \
             if the leader alone hears votes, and after {{multi_all}} and {{fast_all}} if every server does."
        ),
        "Either variant takes {messages_alone} messages per command if the leader alone hears votes, and {messages_all} if every server does: then the server beside a client counts them, and \
         answers sooner. So only rows with the same learning can be compared."
            .into(),
        "With majority fast quorums, whose price is that phase 1 needs every server, Fast Paxos takes {flexible_alone} and {flexible_all}.".into(),
        if equal("multi_alone", "worst_alone") {
            "The leader's place does not matter here: Multi-Paxos takes as long with any leader."
        } else {
            "The leader's place matters: with the worst one Multi-Paxos takes {worst_alone} and {worst_all}."
        }
        .into(),
        home.into(),
        placed::counted(found),
    ];
    lessons.extend(LEARNINGS.iter().filter_map(|hears| placed::extremes(found, *hears)));
    if found.failed > 0 {
        lessons.push("{differing} clusters do not have the latencies that the formula says.".into());
    }
    lessons
}

/// A cluster over the five regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Case {
    variant: Variant,
    learning: Learning,
    /// Whether it has majority fast quorums.
    flexible: bool,
    /// The leader, or the coordinator of fast ballots.
    leader: usize,
}

impl Case {
    fn placement(self, five: &RttMatrix, seed: u64) -> Placement<'_> {
        let Self { variant, learning, flexible, leader } = self;
        Placement { world: five, variant, learning, leader, quorum: QuorumChoice::Majority, flexible, seed }
    }

    /// The same cluster, with any leader.
    fn kind(self) -> (Variant, Learning, bool) {
        (self.variant, self.learning, self.flexible)
    }

    /// Whether clients ask the acceptors, and the servers beside them count the votes.
    fn is_leaderless(self) -> bool {
        self.variant.traits().fast && self.learning == Learning::Everyone
    }

    fn title(self) -> String {
        if self.flexible {
            format!("{}, majority fast quorums", self.variant)
        } else {
            self.variant.to_string()
        }
    }
}

/// A cluster and its latencies.
type Row = (Case, LatencyRow);

/// Each variant with each learning and each leader, and Fast Paxos with both kinds of quorums.
fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for variant in Variant::ALL.iter().copied() {
        for (learning, ..) in LEARNINGS {
            if variant.placed(Layout::Collapsed, learning).1 != learning {
                continue;
            }
            for flexible in [false, true].into_iter().take(1 + usize::from(variant.traits().fast)) {
                let case = |leader| Case { variant, learning, flexible, leader };
                let leaders = if case(0).is_leaderless() { 1 } else { SERVERS };
                all.extend((0..leaders).map(case));
            }
        }
    }
    all
}

fn measured(
    cases: &[Case],
    five: &RttMatrix,
    seed: u64,
    lab: &mut Lab<'_>,
) -> Result<Measured<LatencyRow>, LabError> {
    let name = |case: &Case| {
        let leader = &five.sites()[case.leader];
        format!("{} over {SERVERS} regions, votes to: {}, a leader in {leader}", case.title(), case.learning)
    };
    lab.each(cases, name, |case| Ok(measure(case.placement(five, seed))?))
}

/// The cases with the best leader of each kind, by the formula or else the first.
fn best(cases: &[Case], five: &RttMatrix) -> Vec<Case> {
    let is_best = |case: &&Case| {
        case.is_leaderless() || case.leader == best_leader(case.placement(five, 0)).unwrap_or(0)
    };
    cases.iter().filter(is_best).copied().collect()
}

/// The simulated mean latencies of Multi-Paxos and Fast Paxos in these placements.
fn simulated(
    world: &RttMatrix,
    picks: &[Pick<'_>],
    seed: u64,
    lab: &mut Lab<'_>,
) -> Result<Measured<(f64, f64)>, LabError> {
    let name =
        |pick: &Pick<'_>| format!("{} servers, votes to: {}, {}", pick.servers, pick.hears.0, pick.which);
    lab.each(picks, name, |pick| {
        let here = world.select(&pick.placed.names(world))?;
        let mean = |variant, leader| {
            let case = Case { variant, learning: pick.hears.0, flexible: false, leader };
            Ok::<_, LabError>(measure(case.placement(&here, seed))?.mean_ms)
        };
        let means = pick.means();
        Ok((mean(Variant::Multi, means.leader)?, mean(Variant::Fast, means.coordinator)?))
    })
}

fn latencies(found: &mut Findings, rows: &[Row]) {
    let mut table = Table::new(
        "latency",
        &[
            ("variant", "the variant"),
            ("learning", "which servers hear the votes: everyone, or the leader as distinguished learner"),
            ("quorum", "the quorums, with their sizes"),
            ("leader", "the region of the leader or the coordinator; empty: its place does not matter"),
            ("client", "the client's region"),
            ("latency_ms", "from the request to the answer, simulated, in ms"),
            ("predicted_ms", "the same, by the formula, in ms"),
            ("mean_ms", "the mean over all clients, simulated, in ms"),
        ],
    );
    for (case, row) in rows {
        for site in &row.sites {
            let predicted = row.predicted_ms_by_site.as_ref().and_then(|ms| ms.get(site)).copied();
            let latency = row.latency_ms_by_site.get(site).copied();
            table.push(row![
                case.title(),
                case.learning.to_string(),
                row.quorum.as_str(),
                row.leader.as_deref(),
                site.as_str(),
                latency,
                predicted,
                row.mean_ms
            ]);
        }
    }
    found.tables.push(table);
    found.facts.add("servers", SERVERS, "", "servers, and clients, in the figures");
    for (learning, key, _) in LEARNINGS {
        let facts = &mut found.facts;
        let mut add = |name: &str, row: Option<&LatencyRow>, what: &str| {
            let meaning = format!("mean of {what}, learning {learning}, in latency.csv");
            facts.add(&format!("{name}_{key}"), row.map(|row| row.mean_ms), "ms", meaning);
        };
        let multi = (Variant::Multi, learning, false);
        let (leader, coordinator) = (best_row(rows, multi), best_row(rows, (Variant::Fast, learning, false)));
        add("multi", leader, "Multi-Paxos with its best leader");
        add("fast", coordinator, "Fast Paxos with its best coordinator");
        let flexible = best_row(rows, (Variant::Fast, learning, true));
        add("flexible", flexible, "Fast Paxos with its best coordinator and majority fast quorums");
        let worst = rows.iter().filter(|(case, _)| case.kind() == multi).map(|(_, row)| row);
        let worst = worst.max_by(|a, b| a.mean_ms.total_cmp(&b.mean_ms));
        add("worst", worst, "Multi-Paxos with its worst leader");
        let site = |row: Option<&LatencyRow>| row.and_then(|row| row.leader.clone());
        let meaning = |name: &str| format!("the leader that {name}_{key} is of");
        facts.add(&format!("leader_{key}"), site(leader), "", meaning("multi"));
        facts.add(&format!("coordinator_{key}"), site(coordinator), "", meaning("fast"));
        let messages =
            predict(Run::MultiSteady, Layout::Collapsed, learning, SERVERS, SERVERS).map(|p| p.messages);
        let meaning = "messages of one decision on as many servers, of Multi-Paxos and of Fast Paxos alike, by the formulas that the experiment counts checks";
        facts.add(&format!("messages_{key}"), messages, "", meaning);
    }
}

/// The row of this kind with the lowest mean.
fn best_row(rows: &[Row], kind: (Variant, Learning, bool)) -> Option<&LatencyRow> {
    let own = rows.iter().filter(|(case, _)| case.kind() == kind).map(|(_, row)| row);
    own.min_by(|a, b| a.mean_ms.total_cmp(&b.mean_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multi_and_fast_take_as_many_messages_with_the_same_learning() {
        for (learning, ..) in LEARNINGS {
            let messages =
                |run| predict(run, Layout::Collapsed, learning, SERVERS, SERVERS).map(|p| p.messages);
            assert_eq!(messages(Run::MultiSteady), messages(Run::Fast));
        }
    }
}
