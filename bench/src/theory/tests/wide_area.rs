//! Latencies between the regions.

use super::*;
use crate::theory::matrix::RttMatrix;

fn five_sites() -> RttMatrix {
    RttMatrix::aws().select(&FIVE_SITES).unwrap()
}

#[track_caller]
fn latency(variant: WideArea, printed: [f64; 5], mean: f64) {
    let found = wide_area_latency(&five_sites(), variant).unwrap();
    assert_eq!(found.sites, FIVE_SITES);
    let near = |a: f64, b: f64| (a - b).abs() < 0.06;
    assert!(found.ms.iter().zip(printed).all(|(&ms, printed)| near(ms, printed)), "{:?}", found.ms);
    assert!(near(found.mean_ms, mean), "{}", found.mean_ms);
}

#[test]
fn the_five_sites_give_the_latencies_of_the_table() {
    let multi = |leader| WideArea::MultiPaxos { leader, quorum: 3 };
    latency(multi(0), [70.5, 130.4, 143.0, 141.0, 222.9], 141.6);
    latency(multi(1), [119.8, 59.9, 81.0, 201.1, 171.6], 126.7);
    latency(WideArea::FastPaxos { quorum: 4 }, [72.5, 111.7, 100.9, 141.1, 152.4], 115.7);
    latency(WideArea::FastPaxos { quorum: 3 }, [70.5, 59.9, 72.5, 127.3, 111.7], 88.4);
}

#[test]
fn basic_paxos_asks_the_leaders_majority_twice() {
    latency(WideArea::BasicPaxos { leader: 1, quorum: 3 }, [179.7, 119.8, 140.9, 260.95, 231.5], 186.57);
    // Phase 1 needs a majority, however few must vote in phase 2: it takes 59.9 ms to the third site, and phase 2
    // takes 21.1 ms to the second.
    latency(WideArea::BasicPaxos { leader: 1, quorum: 2 }, [140.9, 81.0, 102.1, 222.15, 192.7], 147.77);
}

#[test]
fn a_client_that_hears_the_votes_learns_no_later_than_by_the_leaders_reply() {
    // From us-west-1 it takes 29.95 ms to the leader. The votes then take 29.95 ms through the leader, 29.95 ms
    // through the acceptor beside the client, and 36.25 + 10.55 ms through us-west-2, which is the third vote.
    let heard = WideArea::MultiPaxosVotesToClient { leader: 0, quorum: 3 };
    latency(heard, [70.5, 29.95 + 46.8, 36.25 + 40.5, 35.25 + 99.9, 76.2 + 85.8], 104.23);
    for leader in 0..5 {
        let ms = |variant| wide_area_latency(&five_sites(), variant).unwrap().ms;
        let replied = ms(WideArea::MultiPaxos { leader, quorum: 3 });
        let heard = ms(WideArea::MultiPaxosVotesToClient { leader, quorum: 3 });
        assert!(heard.iter().zip(&replied).all(|(heard, replied)| heard <= replied));
        assert!((heard[leader] - replied[leader]).abs() < 1e-9, "beside the leader it is the same");
    }
}

#[test]
fn a_leader_or_a_quorum_that_does_not_exist_has_no_latency() {
    for (leader, quorum) in [(5, 3), (0, 0), (0, 6)] {
        assert_eq!(wide_area_latency(&five_sites(), WideArea::MultiPaxos { leader, quorum }), None);
    }
}

#[test]
fn what_stays_at_a_site_takes_no_time() {
    let world = RttMatrix::from_csv("slow", "region,a,b\na,40,10\nb,10,40\n").unwrap();
    let found = wide_area_latency(&world, WideArea::MultiPaxos { leader: 0, quorum: 1 }).unwrap();
    assert_eq!(
        found.by_site().into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), 0.0), ("b".to_owned(), 10.0)]
    );
}

/// Every way to choose `size` of the 13 regions.
fn placements(size: u32) -> Vec<RttMatrix> {
    let aws = RttMatrix::aws();
    let chosen = |set: u32| (0..13).filter(move |site| set >> site & 1 == 1);
    let names = |set: u32| chosen(set).map(|site| aws.sites()[site].clone()).collect::<Vec<_>>();
    (0..1_u32 << 13)
        .filter(|set| set.count_ones() == size)
        .map(|set| aws.select(&names(set)).unwrap())
        .collect()
}

#[test]
fn fast_paxos_never_beats_multi_paxos_beside_the_leader_and_may_lose_on_average() {
    for (size, of) in [(3, 286), (5, 1287)] {
        let (mut lost, mut won) = (0, 0);
        for world in placements(size) {
            let n = world.sites().len();
            let latency = |variant| wide_area_latency(&world, variant).unwrap();
            let fast = latency(WideArea::FastPaxos { quorum: fast_quorum(n) });
            let multi = |leader| latency(WideArea::MultiPaxos { leader, quorum: majority(n) });
            let by_leader: Vec<_> = (0..n).map(multi).collect();
            assert!(by_leader.iter().enumerate().all(|(leader, multi)| fast.ms[leader] >= multi.ms[leader]));
            let best = by_leader.iter().map(|multi| multi.mean_ms).fold(f64::INFINITY, f64::min);
            if fast.mean_ms > best { lost += 1 } else { won += 1 }
        }
        assert_eq!(lost + won, of);
        assert!(lost > 0 && won > 0, "{size} sites: lost {lost}, won {won}");
    }
}
