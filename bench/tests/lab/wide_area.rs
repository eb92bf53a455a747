//! Simulated latencies over a wide area agree with theory for all placements of the servers.

use paxos_bench::lab::quorums::QuorumChoice;
use paxos_bench::lab::report::LatencyRow;
use paxos_bench::lab::wide::{Placement, measure};
use paxos_bench::theory::matrix::RttMatrix;
use paxos_bench::theory::{Layout, Learning};
use paxos_bench::variants::Variant;
use paxos_transport::sim::Chance;

/// The rows of a comparison over these sites: each variant, and Fast Paxos with majority fast quorums, with either learning.
fn rows(world: &RttMatrix, leader: usize) -> impl Iterator<Item = LatencyRow> {
    let kinds = Variant::ALL.iter().map(|variant| (*variant, false)).chain([(Variant::Fast, true)]);
    let kinds = kinds
        .flat_map(|kind| [Learning::Everyone, Learning::Distinguished].map(|learning| (kind, learning)))
        .filter(|((variant, _), learning)| variant.placed(Layout::Collapsed, *learning).1 == *learning);
    kinds.map(move |((variant, flexible), learning)| {
        let quorum = QuorumChoice::Majority;
        let placement = Placement { world, variant, learning, leader, quorum, flexible, seed: 0 };
        measure(placement).unwrap_or_else(|why| panic!("{variant} over {:?}: {why}", world.sites()))
    })
}

/// The rows of these placements in which a client's latency differs from the prediction.
fn differing(placements: impl IntoIterator<Item = (Vec<usize>, usize)>) -> Vec<String> {
    let aws = RttMatrix::aws();
    let mut differing = Vec::new();
    for (sites, leader) in placements {
        let names: Vec<&str> = sites.iter().map(|site| aws.sites()[*site].as_str()).collect();
        let world = aws.select(&names).expect("each site once");
        let rows = rows(&world, leader).inspect(|row| assert!(row.predicted_ms_by_site.is_some()));
        differing.extend(rows.filter(LatencyRow::differs).map(|row| {
            format!(
                "{} {} {} {names:?}, leader {leader}: {:?}",
                row.variant, row.learning, row.quorum, row.latency_ms_by_site
            )
        }));
    }
    differing
}

#[test]
fn every_three_sites_see_the_predicted_latency() {
    let mut chance = Chance::new(3, 0);
    let triples = (0..13).flat_map(|a| (0..a).flat_map(move |b| (0..b).map(move |c| vec![a, b, c])));
    let placements: Vec<_> = triples.map(|sites| (sites, chance.below(3) as usize)).collect();
    assert_eq!(placements.len(), 286);
    let differing = differing(placements);
    assert!(differing.is_empty(), "{} rows: {differing:#?}", differing.len());
}

#[test]
fn five_hundred_drawn_placements_see_the_predicted_latency() {
    let mut chance = Chance::new(7, 0);
    let placements = (0..500).map(|_| {
        let n = 3 + chance.below(5) as usize;
        let mut sites: Vec<usize> = (0..13).collect();
        let drawn = (0..n).map(|_| sites.swap_remove(chance.below(sites.len() as u64) as usize)).collect();
        (drawn, chance.below(n as u64) as usize)
    });
    let differing = differing(placements);
    assert!(differing.is_empty(), "{} rows: {differing:#?}", differing.len());
}
