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

/// The variants with these quorums and this leader, if the leader alone hears votes, and if every server does.
fn alike(n: usize, leader: usize) -> [(WideArea, WideArea); 2] {
    let (quorum, fast) = (majority(n), fast_quorum(n));
    [
        (WideArea::MultiPaxos { leader, quorum }, WideArea::FastPaxosVotesToLeader { leader, quorum: fast }),
        (WideArea::MultiPaxosVotesToClient { leader, quorum }, WideArea::FastPaxos { quorum: fast }),
    ]
}

#[test]
fn with_the_same_learning_fast_paxos_never_beats_multi_paxos_beside_the_leader_and_may_lose_on_average() {
    for (size, won_by_fast) in [(3, [37, 0]), (5, [512, 35])] {
        let mut won = [0, 0];
        for world in placements(size) {
            let n = world.sites().len();
            let latency = |variant| wide_area_latency(&world, variant).unwrap();
            for (learning, won) in won.iter_mut().enumerate() {
                let by_leader: Vec<_> = (0..n)
                    .map(|leader| {
                        let (multi, fast) = alike(n, leader)[learning];
                        let (multi, fast) = (latency(multi), latency(fast));
                        assert!(fast.ms[leader] >= multi.ms[leader], "{:?}", world.sites());
                        (multi.mean_ms, fast.mean_ms)
                    })
                    .collect();
                let best =
                    |of: fn(&(f64, f64)) -> f64| by_leader.iter().map(of).fold(f64::INFINITY, f64::min);
                *won += usize::from(best(|means| means.1) < best(|means| means.0));
            }
        }
        assert_eq!(won, won_by_fast, "{size} sites");
    }
}

#[test]
fn with_the_same_learning_the_five_sites_are_served_sooner_by_multi_paxos_on_average() {
    let alone = WideArea::FastPaxosVotesToLeader { leader: 0, quorum: 4 };
    latency(alone, [72.5, 135.8, 135.2, 135.8, 162.9], 128.4);
    let heard = WideArea::MultiPaxosVotesToClient { leader: 1, quorum: 3 };
    latency(heard, [76.8, 59.9, 76.8, 141.1, 116.8], 94.3);
    let basic = WideArea::BasicPaxosVotesToClient { leader: 1, quorum: 3 };
    latency(basic, [136.7, 119.8, 136.7, 201.0, 176.7], 154.18);
}
