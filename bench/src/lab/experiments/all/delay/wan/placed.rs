//! Placements of servers, with their latencies by the formula.

use super::{Hears, LEARNINGS, SERVERS};
use crate::lab::experiments::chart::{Axis, Figure, Mark, Marker, Panel, draw, palette};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Findings, LabError};
use crate::row;
use crate::theory::matrix::RttMatrix;
use crate::theory::{
    Learning, WideArea, WideAreaLatency, fast_flexible_quorum, fast_quorum, majority, wide_area_latency,
};
use crate::variants::Variant;

/// The numbers of servers in the searched placements.
const SEARCHED: [usize; 3] = [3, 5, 7];

/// The mean latencies in a placement with one kind of learning, each with the best leader or coordinator.
pub(super) struct Means {
    pub(super) leader: usize,
    pub(super) coordinator: usize,
    multi_ms: f64,
    fast_ms: f64,
    flexible_ms: f64,
    /// Whether, for some leader, Fast Paxos with the same leader serves the client beside it sooner.
    beaten_at_home: bool,
}

impl Means {
    fn new(here: &RttMatrix, learning: Learning) -> Result<Self, LabError> {
        let n = here.sites().len();
        let everyone = learning == Learning::Everyone;
        let latency = |variant| {
            let missing =
                || LabError::Unfinished(format!("there is no formula for {variant:?} over {n} sites"));
            wide_area_latency(here, variant).ok_or_else(missing)
        };
        let by_leader = |variant: &dyn Fn(usize) -> WideArea| {
            (0..n).map(|leader| latency(variant(leader))).collect::<Result<Vec<_>, _>>()
        };
        let fast_with = |quorum| {
            by_leader(&|leader| {
                if everyone {
                    WideArea::FastPaxos { quorum }
                } else {
                    WideArea::FastPaxosVotesToLeader { leader, quorum }
                }
            })
        };
        let quorum = majority(n);
        let multi = by_leader(&|leader| {
            if everyone {
                WideArea::MultiPaxosVotesToClient { leader, quorum }
            } else {
                WideArea::MultiPaxos { leader, quorum }
            }
        })?;
        let (fast, flexible) = (fast_with(fast_quorum(n))?, fast_with(fast_flexible_quorum(n, n))?);
        let best = |all: &[WideAreaLatency]| {
            let means = all.iter().map(|latency| latency.mean_ms).enumerate();
            means.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::NAN))
        };
        let ((leader, multi_ms), (coordinator, fast_ms)) = (best(&multi), best(&fast));
        let beaten_at_home = (0..n).any(|leader| fast[leader].ms[leader] < multi[leader].ms[leader]);
        Ok(Self { leader, coordinator, multi_ms, fast_ms, flexible_ms: best(&flexible).1, beaten_at_home })
    }
}

/// A placement with its predictions.
pub(super) struct Placed {
    sites: Vec<usize>,
    /// With each kind of learning.
    means: [Means; 2],
}

impl Placed {
    fn new(world: &RttMatrix, sites: Vec<usize>) -> Result<Self, LabError> {
        let names: Vec<&String> = sites.iter().map(|site| &world.sites()[*site]).collect();
        let here = world.select(&names)?;
        let [alone, all] = LEARNINGS.map(|(learning, ..)| Means::new(&here, learning));
        Ok(Self { sites, means: [alone?, all?] })
    }

    pub(super) fn names(&self, world: &RttMatrix) -> Vec<String> {
        self.sites.iter().map(|site| world.sites()[*site].clone()).collect()
    }

    fn with(&self, hears: Hears) -> &Means {
        &self.means[usize::from(hears.0 == Learning::Everyone)]
    }
}

/// All ways to choose `k` of `n` items.
fn choices(n: usize, k: usize) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    if k > n {
        return all;
    }
    let mut chosen: Vec<usize> = (0..k).collect();
    loop {
        all.push(chosen.clone());
        let Some(movable) = (0..k).rev().find(|i| chosen[*i] < n - k + i) else { break };
        chosen[movable] += 1;
        for i in movable + 1..k {
            chosen[i] = chosen[i - 1] + 1;
        }
    }
    all
}

/// All placements of 3, 5 and 7 servers.
pub(super) fn search(world: &RttMatrix) -> Result<Vec<Placed>, LabError> {
    let known = world.sites().len();
    let sizes = SEARCHED.into_iter().filter(|k| *k <= known);
    sizes.flat_map(|k| choices(known, k)).map(|sites| Placed::new(world, sites)).collect()
}

/// A placement that stands out among those of as many servers with the same learning.
pub(super) struct Pick<'a> {
    pub(super) servers: usize,
    pub(super) hears: Hears,
    /// Why it stands out.
    pub(super) which: &'static str,
    pub(super) placed: &'a Placed,
}

impl Pick<'_> {
    pub(super) fn means(&self) -> &Means {
        self.placed.with(self.hears)
    }
}

/// The best and worst placements of each size, for each learning.
pub(super) fn picks(searched: &[Placed]) -> Vec<Pick<'_>> {
    let mut picks = Vec::new();
    for servers in SEARCHED {
        for hears in LEARNINGS {
            let of = || searched.iter().filter(|placed| placed.sites.len() == servers);
            let least =
                |by: fn(&Means) -> f64| of().min_by(|a, b| by(a.with(hears)).total_cmp(&by(b.with(hears))));
            for (which, placed) in [
                ("best for multi", least(|p| p.multi_ms)),
                ("worst for multi", least(|p| -p.multi_ms)),
                ("best for fast", least(|p| p.fast_ms)),
                ("worst for fast", least(|p| -p.fast_ms)),
                ("fast gains most", least(|p| p.fast_ms - p.multi_ms)),
                ("fast loses most", least(|p| p.multi_ms - p.fast_ms)),
            ] {
                picks.extend(placed.map(|placed| Pick { servers, hears, which, placed }));
            }
        }
    }
    picks
}

/// The table of the placements that stand out, the facts on all, and the figure of those of as many servers as in the
/// other figures.
pub(super) fn placements(
    found: &mut Findings,
    world: &RttMatrix,
    searched: &[Placed],
    picks: &[Pick<'_>],
    simulated: &[(f64, f64)],
) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "placements",
        &[
            ("servers", "the number of servers, with a client beside each"),
            ("learning", "which servers hear the votes"),
            ("which", "why this placement is listed, among all of that size"),
            ("sites", "where they stand"),
            ("leader", "the best leader of Multi-Paxos"),
            ("coordinator", "the best coordinator of Fast Paxos; empty: its place does not matter"),
            ("multi_ms", "mean of Multi-Paxos with that leader, in ms, by the formula"),
            ("fast_ms", "mean of Fast Paxos with that coordinator, in ms, by the formula"),
            (
                "flexible_ms",
                "mean of Fast Paxos with majority fast quorums and its best coordinator, in ms, by the formula",
            ),
            ("simulated_multi_ms", "as multi_ms, simulated"),
            ("simulated_fast_ms", "as fast_ms, simulated"),
        ],
    );
    let mut off = 0.0_f64;
    for (pick, (multi, fast)) in picks.iter().zip(simulated.iter().copied()) {
        let (Pick { servers, hears: (learning, end, _), which, placed }, means) = (pick, pick.means());
        off = off.max((multi - means.multi_ms).abs()).max((fast - means.fast_ms).abs());
        let names = placed.names(world);
        let key = match *which {
            "fast gains most" if *servers == SERVERS => "win",
            "fast loses most" if *servers == SERVERS => "loss",
            _ => "",
        };
        if !key.is_empty() {
            let facts = &mut found.facts;
            let row = format!("placements.csv, {SERVERS} servers, learning {learning}, {which}");
            facts.add(&format!("{key}_sites_{end}"), names.join(", "), "", row);
            facts.add(&format!("{key}_fast_{end}"), fast, "ms", "the same row, Fast Paxos, simulated");
            facts.add(&format!("{key}_multi_{end}"), multi, "ms", "the same row, Multi-Paxos, simulated");
        }
        let leader = names[means.leader].as_str();
        let coordinator = (*learning != Learning::Everyone).then(|| names[means.coordinator].as_str());
        let (by_multi, by_fast, flexible) = (means.multi_ms, means.fast_ms, means.flexible_ms);
        let (heard, sites) = (learning.to_string(), names.join(" "));
        table.push(row![
            *servers,
            heard,
            *which,
            sites,
            leader,
            coordinator,
            by_multi,
            by_fast,
            flexible,
            multi,
            fast
        ]);
    }
    found.tables.push(table);
    let meaning = "the farthest that a simulated mean is from the formula's in placements.csv";
    found.facts.add("off", off, "ms", meaning);
    count(found, searched);
    standing_out(world, picks)
}

/// The facts on all placements.
fn count(found: &mut Findings, searched: &[Placed]) {
    let facts = &mut found.facts;
    let five = || searched.iter().filter(|placed| placed.sites.len() == SERVERS);
    facts.add("of_five", five().count(), "", format!("placements of {SERVERS} servers searched"));
    for hears @ (learning, key, _) in LEARNINGS {
        let count = |wins: fn(&Means) -> bool| five().filter(|placed| wins(placed.with(hears))).count();
        let meaning = |than: &str| {
            format!(
                "the number of these where the mean of Fast Paxos is {than} that of Multi-Paxos, learning {learning}"
            )
        };
        facts.add(&format!("gains_{key}"), count(|p| p.fast_ms < p.multi_ms), "", meaning("below"));
        facts.add(&format!("loses_{key}"), count(|p| p.fast_ms > p.multi_ms), "", meaning("above"));
    }
    let beaten = searched.iter().filter(|placed| placed.means.iter().any(|means| means.beaten_at_home));
    facts.add("placements", searched.len(), "", "placements of 3, 5 and 7 servers searched");
    facts.add(
        "home",
        searched.len() - beaten.count(),
        "",
        "the number of these where no client beside a leader gains by Fast Paxos with the same leader, with either learning",
    );
}

/// The sentence on how many placements either variant wins.
pub(super) fn counted(found: &Findings) -> String {
    let number = |fact: &str| found.facts.number(fact).unwrap_or_default();
    let all = number("of_five");
    if all < 2.0 {
        return "There are no more sites than servers, so there is one placement of {servers} servers."
            .into();
    }
    let share = |fact: &str| match number(fact) {
        count if count <= 0.0 => "none".to_owned(),
        count if count >= all => "all".to_owned(),
        _ => format!("{{{fact}}}"),
    };
    format!(
        "On average Fast Paxos loses to Multi-Paxos in {} of the {{of_five}} placements of {{servers}} servers if the leader alone hears votes, and in {} if every server does; it gains in {} and {}. \
         Both have their best leader.",
        share("loses_alone"),
        share("loses_all"),
        share("gains_alone"),
        share("gains_all")
    )
}

/// The sentence on the placements where Fast Paxos gains and loses most.
pub(super) fn extremes(found: &Findings, (_, key, hears): Hears) -> Option<String> {
    let part = |verb: &str, count: &str, which: &str| {
        let many = found.facts.number("of_five").is_some_and(|all| all > 1.0);
        let some = found.facts.number(&format!("{count}_{key}")).is_some_and(|count| count > 0.0);
        let sites = format!("{{{which}_sites_{key}}}");
        let times = format!("{{{which}_fast_{key}}} instead of {{{which}_multi_{key}}}");
        (many && some).then(|| format!("{verb} most over {sites}: {times}"))
    };
    let parts: Vec<String> =
        [part("gains", "gains", "win"), part("loses", "loses", "loss")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("If {hears}, Fast Paxos {}.", parts.join("; it ")))
}

/// The figure of the best and worst placements.
fn standing_out(world: &RttMatrix, picks: &[Pick<'_>]) -> Result<Figure, LabError> {
    let mut panels = Vec::new();
    for hears @ (learning, _, title) in LEARNINGS {
        let mine: Vec<&Pick<'_>> =
            picks.iter().filter(|pick| pick.servers == SERVERS && pick.hears.0 == learning).collect();
        let names: Vec<String> = mine.iter().rev().map(|pick| pick.which.to_owned()).collect();
        let y = || Axis::named("", names.clone());
        let mut map = Panel::new(title, Axis::named("", world.sites().to_vec()), y());
        let mut times = Panel::new("", Axis::new("mean latency (ms)"), y());
        let (mut multi, mut fast) = (Vec::new(), Vec::new());
        for (pick, nth) in mine.iter().rev().zip(0..) {
            let (row, means) = (f64::from(nth), pick.placed.with(hears));
            for (place, site) in pick.placed.sites.iter().enumerate() {
                let hue = if place == means.leader { palette::SERIES[0] } else { palette::SERIES[3] };
                let (left, right) = (*site as f64, *site as f64 + 1.0);
                map.marks.push(Mark::Tile(hue, (left, row), (right, row + 1.0), String::new()));
            }
            multi.push((means.multi_ms, row + 0.5));
            fast.push((means.fast_ms, row + 0.5));
        }
        times.line(palette::style(Variant::Multi).points(), multi);
        times.line(palette::style(Variant::Fast).points(), fast);
        panels.extend([map, times]);
    }
    Ok(Figure {
        name: "extremes",
        title: format!("The best and the worst placements of {SERVERS} servers"),
        caption: "Left: the regions of the servers, with that of the best leader of Multi-Paxos darker. Right: the mean latency there, by the formula. \
                  Held constant: the learning of a row of panels, a client beside each server, the best leader and the best coordinator, no collision."
            .into(),
        svg: draw(&panels, 2, 250)?,
    })
}

/// The mean latency over all placements of as many servers as in the other figures.
pub(super) fn over_all(found: &mut Findings, searched: &[Placed]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "means",
        &[
            ("variant", "the variant, with its best leader or coordinator, or its quorums"),
            ("learning", "which servers hear the votes"),
            ("mean_ms", "a mean latency over the clients, in ms, by the formula"),
            ("share", "the share of the placements with at most this mean"),
        ],
    );
    let panels = LEARNINGS.map(|hears @ (learning, _, title)| {
        let mut panel = Panel::new(
            title,
            Axis::new("mean latency over the clients (ms)"),
            Axis::new("share of the placements").range(0.0, 1.0),
        );
        let of = |by: fn(&Means) -> f64| {
            let here = searched.iter().filter(|placed| placed.sites.len() == SERVERS);
            Sample::new(here.map(|placed| by(placed.with(hears))).collect()).curve(200)
        };
        for (style, curve) in [
            (palette::style(Variant::Multi), of(|p| p.multi_ms)),
            (palette::style(Variant::Fast), of(|p| p.fast_ms)),
            (palette::flexible(Variant::Fast), of(|p| p.flexible_ms)),
        ] {
            let (name, heard) = (style.name.clone(), learning.to_string());
            let row = |(mean, share): &(f64, f64)| row![name.as_str(), heard.as_str(), *mean, *share];
            table.rows.extend(curve.iter().map(row));
            panel.line(style.marker(Marker::None), curve);
        }
        panel
    });
    found.tables.push(table);
    let agrees = if found.facts.is_zero("off") { "agrees exactly" } else { "agrees within {off}" };
    Ok(Figure {
        name: "placements",
        title: format!("Mean latency over all placements of {SERVERS} servers"),
        caption: "The share of all {of_five} placements with a mean latency of at most x: a curve farther left is better. Fast \
                  Paxos is behind in {loses_alone} of them if the leader alone hears votes ({messages_alone} messages per command in either variant), and in {loses_all} if every server does ({messages_all} messages). The formula gives these values; where the simulator was run as well (placements.csv), it {agrees}. Held \
                  constant: the learning of a panel, a client beside each server, the leader and the coordinator where the mean is lowest, no collision."
            .replace("{agrees}", agrees),
        svg: draw(&panels, 2, 320)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_choices_are_made_once() {
        assert_eq!(choices(4, 2), [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]].map(Vec::from));
        assert_eq!(choices(13, 5).len(), 1287);
        assert!(choices(2, 3).is_empty());
    }
}
