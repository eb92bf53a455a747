//! Placements of servers, with their latencies by the formula.

use super::SERVERS;
use crate::lab::experiments::chart::palette::{self, FLEXIBLE};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Findings, LabError};
use crate::row;
use crate::theory::matrix::RttMatrix;
use crate::theory::{WideArea, fast_flexible_quorum, fast_quorum, majority, wide_area_latency};
use crate::variants::Variant;

/// The numbers of servers in the searched placements.
const SEARCHED: [usize; 3] = [3, 5, 7];

/// A placement with its predictions.
pub(super) struct Placed {
    pub(super) sites: Vec<usize>,
    pub(super) leader: usize,
    pub(super) multi_ms: f64,
    pub(super) fast_ms: f64,
    pub(super) flexible_ms: f64,
    /// Whether, for some leader, Fast Paxos serves the client beside it sooner than that leader does.
    pub(super) beaten_at_home: bool,
}

impl Placed {
    fn new(world: &RttMatrix, sites: Vec<usize>) -> Result<Self, LabError> {
        let names: Vec<&String> = sites.iter().map(|site| &world.sites()[*site]).collect();
        let here = world.select(&names)?;
        let n = sites.len();
        let latency = |variant| {
            let missing =
                || LabError::Unfinished(format!("there is no formula for {variant:?} over {n} sites"));
            wide_area_latency(&here, variant).ok_or_else(missing)
        };
        let fast = latency(WideArea::FastPaxos { quorum: fast_quorum(n) })?;
        let flexible = latency(WideArea::FastPaxos { quorum: fast_flexible_quorum(n, n) })?;
        let led = |leader| latency(WideArea::MultiPaxos { leader, quorum: majority(n) });
        let led: Vec<_> = (0..n).map(led).collect::<Result<_, _>>()?;
        let leader = (0..n).min_by(|a, b| led[*a].mean_ms.total_cmp(&led[*b].mean_ms)).unwrap_or(0);
        let beaten_at_home = (0..n).any(|leader| fast.ms[leader] < led[leader].ms[leader]);
        let (multi_ms, fast_ms, flexible_ms) = (led[leader].mean_ms, fast.mean_ms, flexible.mean_ms);
        Ok(Self { sites, leader, multi_ms, fast_ms, flexible_ms, beaten_at_home })
    }

    pub(super) fn names(&self, world: &RttMatrix) -> Vec<String> {
        self.sites.iter().map(|site| world.sites()[*site].clone()).collect()
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

/// A number of servers, why a placement of so many is listed, and the placement.
pub(super) type Pick<'a> = (usize, &'static str, &'a Placed);

/// The best and worst placements of each size.
pub(super) fn picks(searched: &[Placed]) -> Vec<Pick<'_>> {
    let mut picks = Vec::new();
    for k in SEARCHED {
        let of = || searched.iter().filter(|placed| placed.sites.len() == k);
        let least = |by: fn(&Placed) -> f64| of().min_by(|a, b| by(a).total_cmp(&by(b)));
        for (which, placed) in [
            ("best for multi", least(|p| p.multi_ms)),
            ("worst for multi", least(|p| -p.multi_ms)),
            ("best for fast", least(|p| p.fast_ms)),
            ("worst for fast", least(|p| -p.fast_ms)),
            ("fast gains most", least(|p| p.fast_ms - p.multi_ms)),
            ("fast loses most", least(|p| p.multi_ms - p.fast_ms)),
        ] {
            picks.extend(placed.map(|placed| (k, which, placed)));
        }
    }
    picks
}

/// The mean latency over all placements of as many servers as in the other figures.
pub(super) fn over_all(found: &mut Findings, searched: &[Placed]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "means",
        &[
            ("variant", "the variant, with its leader or its quorums"),
            ("mean_ms", "a mean latency over the clients, in ms, by the formula"),
            ("share", "the share of the placements with at most this mean"),
        ],
    );
    let mut panel = Panel::new(
        "",
        Axis::new("mean latency over the clients (ms)"),
        Axis::new("share of the placements").range(0.0, 1.0),
    );
    let of = |by: fn(&Placed) -> f64| {
        let here = searched.iter().filter(|placed| placed.sites.len() == SERVERS);
        Sample::new(here.map(by).collect()).curve(200)
    };
    let (multi, fast) = (palette::of(Variant::Multi), palette::of(Variant::Fast));
    for (name, hue, dash, curve) in [
        ("multi, best leader", multi, Dash::Solid, of(|p| p.multi_ms)),
        ("fast", fast, Dash::Long, of(|p| p.fast_ms)),
        ("fast, majority fast quorums", FLEXIBLE, Dash::Short, of(|p| p.flexible_ms)),
    ] {
        table.rows.extend(curve.iter().map(|(mean, share)| row![name, *mean, *share]));
        panel.line(Style::new(name, hue).dash(dash).marker(Marker::None), curve);
    }
    found.tables.push(table);
    let agrees = if found.facts.is_zero("off") { "agrees exactly" } else { "agrees within {off}" };
    Ok(Figure {
        name: "placements",
        title: format!("Mean latency over all placements of {SERVERS} servers"),
        caption: "The share of all {of_five} placements with a mean latency of at most x: a curve farther left is better. Fast \
                  Paxos is behind the best leader in {loses} of them. The formula gives these values; where the simulator was run as well (placements.csv), it {agrees}. Held \
                  constant: a client beside each server, the leader of Multi-Paxos where the mean is lowest, no collision."
            .replace("{agrees}", agrees),
        svg: draw(&[panel], 1, 340)?,
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
