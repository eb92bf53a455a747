//! Latency over a wide area: by client, by leader, and over all placements.

mod late;
mod placed;

use crate::lab::experiments::chart::palette::{self, FLEXIBLE};
use crate::lab::experiments::chart::{Axis, Figure, Marker, Style, bars, draw, heat};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::LatencyRow;
use crate::lab::wide::{Placement, best_leader, measure};
use crate::row;
use crate::theory::FIVE_SITES;
use crate::theory::matrix::RttMatrix;
use crate::variants::Variant;
use placed::{Pick, Placed, picks, search};

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

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let world = &setting.world;
    EXPERIMENT.check(setting)?;
    let five = world.select(&FIVE_SITES).or_else(|_| world.select(&world.sites()[..SERVERS]))?;
    let mut found = Findings::default();
    found.held("round trips", world.name(), "");
    found.constant("clients", "one beside each server, one command at a time");
    found.constant("delays", "half of the round trip, always the same; within a site none");
    let searched = search(world)?;
    let picks = picks(&searched);
    let (cases, measured) = measured(&five, setting.seed, lab)?;
    let simulated = simulated(world, &picks, setting.seed, lab)?;
    let late_cases = best(&cases, &five);
    let late = late::late(&late_cases, &five, setting, lab)?;
    let row = |((variant, _, flexible), row)| (variant, flexible, row);
    let rows: Vec<Row> = cases.into_iter().zip(measured.all()?).map(row).collect();
    latencies(&mut found, &rows);
    placements(&mut found, world, &searched, picks.into_iter().zip(simulated.all()?));
    let late: Vec<_> = late_cases.into_iter().zip(late.all()?).collect();
    let spread = late::spread(&mut found, &five, setting, &rows, &late)?;
    let over_all = placed::over_all(&mut found, &searched)?;
    found.figures = vec![by_client(&five, &rows)?, spread, by_leader(&five, &rows)?, over_all];
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
    let equal = |one: &str, other: &str| {
        found.facts.number(one).zip(found.facts.number(other)).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
    };
    let place = if setting.is_usual_world() { " on three continents" } else { "" };
    let home = if equal("home", "placements") {
        "The client beside the leader is never served sooner by Fast Paxos: in {home} of {placements} placements, with any leader. \
         Its fast quorum is larger, so it waits for a farther acceptor."
    } else {
        "In {home} of {placements} placements no client beside a leader is served sooner by Fast Paxos, with any leader."
    };
    let mut lessons = vec![
        format!(
            "Over {{servers}} regions{place}, Multi-Paxos with its best leader ({{leader}}) answers after {{multi}} on average, \
             Fast Paxos after {{fast}}, and Fast Paxos with majority fast quorums after {{flexible}}."
        ),
        if equal("multi", "worst_leader_ms") {
            "The leader's place does not matter here: Multi-Paxos takes as long with any leader."
        } else {
            "The leader's place matters: with the worst one Multi-Paxos takes {worst_leader_ms}."
        }
        .into(),
        home.into(),
        if found.facts.is_zero("loses") {
            "On average Fast Paxos loses to a well-placed leader in none of the {of_five} placements of {servers} servers."
        } else {
            "On average Fast Paxos loses to a well-placed leader in {loses} of the {of_five} placements of {servers} servers. \
             It loses most over {loss_sites}: {loss_fast} instead of {loss_multi}."
        }
        .into(),
        if found.facts.is_zero("gains") {
            "It gains in none of them."
        } else {
            "It gains in {gains} of them, and most over {win_sites}: {win_fast} instead of {win_multi}."
        }
        .into(),
    ];
    if found.failed > 0 {
        lessons.push("{differing} clusters do not have the latencies that the formula says.".into());
    }
    lessons
}

/// A variant, its leader, and whether it has majority fast quorums.
type Case = (Variant, usize, bool);

/// A variant, whether it has majority fast quorums, and its latencies.
type Row = (Variant, bool, LatencyRow);

/// Measures each variant with each leader, and Fast Paxos with both kinds of quorums.
fn measured(
    five: &RttMatrix,
    seed: u64,
    lab: &mut Lab<'_>,
) -> Result<(Vec<Case>, Measured<LatencyRow>), LabError> {
    let kinds = |variant: Variant| -> Vec<Case> {
        if variant.traits().fast {
            vec![(variant, 0, false), (variant, 0, true)]
        } else {
            (0..SERVERS).map(|leader| (variant, leader, false)).collect()
        }
    };
    let cases: Vec<Case> = Variant::ALL.iter().copied().flat_map(kinds).collect();
    let name = |(variant, leader, flexible): &Case| {
        let leader = &five.sites()[*leader];
        format!("{} over {SERVERS} regions, a leader in {leader}", title(*variant, *flexible))
    };
    let rows = lab.each(&cases, name, |(variant, leader, flexible)| {
        let (variant, leader, flexible, quorum) = (*variant, *leader, *flexible, QuorumChoice::Majority);
        Ok(measure(Placement { world: five, variant, leader, quorum, flexible, seed })?)
    })?;
    Ok((cases, rows))
}

/// The cases with the best leader of each variant, by the formula or else the first.
fn best(cases: &[Case], five: &RttMatrix) -> Vec<Case> {
    let is_best = |(variant, leader, _): &&Case| {
        variant.traits().fast || *leader == best_leader(five, *variant, QuorumChoice::Majority).unwrap_or(0)
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
    let name = |(k, which, _): &Pick<'_>| format!("{k} servers, {which}");
    lab.each(picks, name, |(_, _, placed)| {
        let here = world.select(&placed.names(world))?;
        let mean = |variant| {
            let (quorum, leader, flexible) = (QuorumChoice::Majority, placed.leader, false);
            let row = measure(Placement { world: &here, variant, leader, quorum, flexible, seed });
            Ok::<_, LabError>(row?.mean_ms)
        };
        Ok((mean(Variant::Multi)?, mean(Variant::Fast)?))
    })
}

fn title(variant: Variant, flexible: bool) -> String {
    if flexible { format!("{variant}, majority fast quorums") } else { variant.to_string() }
}

fn latencies(found: &mut Findings, rows: &[Row]) {
    let mut table = Table::new(
        "latency",
        &[
            ("variant", "the variant"),
            ("quorum", "the quorums, with their sizes"),
            ("leader", "the leader's region; empty: clients ask the acceptors"),
            ("client", "the client's region"),
            ("latency_ms", "from the request to the answer, simulated, in ms"),
            ("predicted_ms", "the same, by the formula, in ms"),
            ("mean_ms", "the mean over all clients, simulated, in ms"),
        ],
    );
    for (variant, flexible, row) in rows {
        for site in &row.sites {
            let predicted = row.predicted_ms_by_site.as_ref().and_then(|ms| ms.get(site)).copied();
            let latency = row.latency_ms_by_site.get(site).copied();
            let leader = row.leader.as_deref();
            table.push(row![
                title(*variant, *flexible),
                row.quorum.as_str(),
                leader,
                site.as_str(),
                latency,
                predicted,
                row.mean_ms
            ]);
        }
    }
    let mean = |row: &&Row| row.2.mean_ms;
    let of = |variant, flexible| rows.iter().filter(move |row| (row.0, row.1) == (variant, flexible));
    let best = of(Variant::Multi, false).min_by(|a, b| mean(a).total_cmp(&mean(b)));
    let worst = of(Variant::Multi, false).max_by(|a, b| mean(a).total_cmp(&mean(b)));
    let facts = &mut found.facts;
    facts.add("servers", SERVERS, "", "servers, and clients, in the figures");
    facts.add(
        "leader",
        best.and_then(|row| row.2.leader.as_deref()),
        "",
        "the leader with the lowest mean of Multi-Paxos in latency.csv",
    );
    facts.add("multi", best.as_ref().map(mean), "ms", "mean of Multi-Paxos with that leader");
    facts.add("worst_leader_ms", worst.as_ref().map(mean), "ms", "mean of Multi-Paxos with the worst leader");
    facts.add("fast", of(Variant::Fast, false).next().as_ref().map(mean), "ms", "mean of Fast Paxos");
    facts.add(
        "flexible",
        of(Variant::Fast, true).next().as_ref().map(mean),
        "ms",
        "mean of Fast Paxos, majority fast quorums",
    );
    found.tables.push(table);
}

fn placements<'a>(
    found: &mut Findings,
    world: &RttMatrix,
    searched: &[Placed],
    picks: impl Iterator<Item = (Pick<'a>, (f64, f64))>,
) {
    let mut table = Table::new(
        "placements",
        &[
            ("servers", "the number of servers, with a client beside each"),
            ("which", "why this placement is listed, among all of that size"),
            ("sites", "where they stand"),
            ("leader", "the best leader"),
            ("multi_ms", "mean of Multi-Paxos with that leader, in ms, by the formula"),
            ("fast_ms", "mean of Fast Paxos, in ms, by the formula"),
            ("flexible_ms", "mean of Fast Paxos with majority fast quorums, in ms, by the formula"),
            ("simulated_multi_ms", "as multi_ms, simulated"),
            ("simulated_fast_ms", "as fast_ms, simulated"),
        ],
    );
    let mut off = 0.0_f64;
    for ((k, which, placed), (multi, fast)) in picks {
        off = off.max((multi - placed.multi_ms).abs()).max((fast - placed.fast_ms).abs());
        let names = placed.names(world);
        let key = match which {
            "fast gains most" if k == SERVERS => "win",
            "fast loses most" if k == SERVERS => "loss",
            _ => "",
        };
        if !key.is_empty() {
            let facts = &mut found.facts;
            let row = format!("placements.csv, {SERVERS} servers, {which}");
            facts.add(&format!("{key}_sites"), names.join(", "), "", row);
            facts.add(&format!("{key}_fast"), fast, "ms", "the same row, Fast Paxos, simulated");
            let meaning = "the same row, Multi-Paxos with its best leader, simulated";
            facts.add(&format!("{key}_multi"), multi, "ms", meaning);
        }
        let leader = names[placed.leader].clone();
        let (by_multi, by_fast, flexible) = (placed.multi_ms, placed.fast_ms, placed.flexible_ms);
        let sites = names.join(" ");
        table.push(row![k, which, sites, leader, by_multi, by_fast, flexible, multi, fast]);
    }
    found.facts.add(
        "off",
        off,
        "ms",
        "the farthest that a simulated mean is from the formula's in placements.csv",
    );
    let five = searched.iter().filter(|placed| placed.sites.len() == SERVERS);
    let loses = five.clone().filter(|placed| placed.fast_ms > placed.multi_ms).count();
    let gains =
        searched.iter().filter(|placed| placed.sites.len() == SERVERS && placed.fast_ms < placed.multi_ms);
    found.facts.add(
        "gains",
        gains.count(),
        "",
        "the number of these where the mean of Fast Paxos is below it",
    );
    let beaten = searched.iter().filter(|placed| placed.beaten_at_home).count();
    found.facts.add("of_five", five.count(), "", format!("placements of {SERVERS} servers searched"));
    found.facts.add(
        "loses",
        loses,
        "",
        "the number of these where the mean of Fast Paxos is above that of Multi-Paxos with its best leader",
    );
    found.facts.add("placements", searched.len(), "", "placements of 3, 5 and 7 servers searched");
    found.facts.add(
        "home",
        searched.len() - beaten,
        "",
        "the number of these where no client beside a leader gains by Fast Paxos",
    );
    found.tables.push(table);
}

/// A line of a figure by client: its style, its variant, whether it has majority fast quorums, and its row.
type Shown<'a> = (Style, Variant, bool, &'a LatencyRow);

/// Each variant with its best leader, and a fast one with both kinds of quorums.
fn shown(rows: &[Row]) -> Vec<Shown<'_>> {
    let mut series = Vec::new();
    for variant in Variant::ALL.iter().copied() {
        let own = rows.iter().filter(|row| row.0 == variant);
        if variant.traits().fast {
            series.extend(own.map(|(_, flexible, row)| {
                let hue = if *flexible { FLEXIBLE } else { palette::of(variant) };
                (Style::new(title(variant, *flexible), hue), variant, *flexible, row)
            }));
        } else if let Some((_, _, row)) = own.min_by(|a, b| a.2.mean_ms.total_cmp(&b.2.mean_ms)) {
            let site = row.leader.as_deref().unwrap_or("none");
            let style = Style::new(format!("{variant}, leader {site}"), palette::of(variant));
            series.push((style, variant, false, row));
        }
    }
    series
}

fn by_client(five: &RttMatrix, rows: &[Row]) -> Result<Figure, LabError> {
    let series: Vec<(Style, Vec<Option<f64>>)> = shown(rows)
        .into_iter()
        .map(|(style, _, _, row)| {
            let values = row.sites.iter().map(|site| row.latency_ms_by_site.get(site).copied()).collect();
            (style.points().marker(Marker::None), values)
        })
        .collect();
    let mut panel = bars("", five.sites(), Axis::new("latency (ms)"), &series);
    panel.x.label = "the client's region".into();
    Ok(Figure {
        name: "clients",
        title: "Latency that the client in each region sees".into(),
        caption: "Each variant with a leader has the one with the lowest mean. The client beside the leader is served best and the farthest one worst. Basic Paxos and Simple Paxos wait for two round trips to a quorum, \
                  and agree here: one client asks at a time, so no proposer outbids another. With Fast Paxos \
                  each client asks the acceptors. Held constant: a server and a client in each region, one command at a time, no collision, \
                  delays always half of the round trip."
            .into(),
        svg: draw(&[panel], 1, 380)?,
    })
}

fn by_leader(five: &RttMatrix, rows: &[Row]) -> Result<Figure, LabError> {
    let led = rows.iter().filter(|row| row.0 == Variant::Multi).map(|row| &row.2);
    let value =
        |row: &LatencyRow, site: &String| row.latency_ms_by_site.get(site).copied().unwrap_or(f64::NAN);
    let values: Vec<Vec<f64>> =
        led.map(|row| five.sites().iter().map(|site| value(row, site)).collect()).collect();
    let panel =
        heat("", ("the client's region", five.sites()), ("the leader's region", five.sites()), &values);
    Ok(Figure {
        name: "leaders",
        title: "Latency of Multi-Paxos by leader and client (ms)".into(),
        caption: "Each row is a leader, each column a client; pale is fast. The diagonal is the client beside the leader. A good \
                  leader has a pale row: here {leader}, with {multi} on average; the worst has {worst_leader_ms}. Held \
                  constant: majority quorums, one command at a time."
            .into(),
        svg: draw(&[panel], 1, 330)?,
    })
}
