//! Sizes of quorums, and how often a round misses a fast quorum.

use super::*;

#[test]
fn quorum_sizes_are_those_of_the_papers() {
    let sizes = [3, 4, 5, 6, 7, 8, 9, 11];
    assert_eq!(sizes.map(fast_quorum), [3, 3, 4, 5, 6, 6, 7, 9]);
    assert_eq!(sizes.map(uniform_fast_quorum), [3, 3, 4, 5, 5, 6, 7, 8]);
    assert_eq!(sizes.map(majority), [2, 3, 3, 4, 4, 5, 5, 6]);
    assert_eq!((fast_flexible_quorum(11, 9), fast_flexible_quorum(5, 5)), (7, 3));
    assert!(fast_quorums_intersect(11, 9, 3, 7));
    assert!(!fast_quorums_intersect(5, 3, 3, 3), "3 of 5 is unsafe");
}

#[test]
fn fast_quorums_are_the_smallest_that_intersect() {
    for n in 1..=64 {
        let (m, f, u) = (majority(n), fast_quorum(n), uniform_fast_quorum(n));
        assert!(fast_quorums_intersect(n, m, m, f) && !fast_quorums_intersect(n, m, m, f - 1), "{n}");
        assert!(fast_quorums_intersect(n, u, u, u) && !fast_quorums_intersect(n, u - 1, u - 1, u - 1), "{n}");
        // Lamport's form, with classic quorums of n − F and fast ones of n − E: n > 2F and n > 2E + F.
        assert!(n > 2 * (n - m) && n > 2 * (n - f) + (n - m), "{n}");
    }
}

#[test]
fn the_chance_of_a_collision_is_that_of_a_split_vote() {
    let expected =
        [(3, 3, 0.75), (4, 3, 0.375), (5, 4, 0.625), (7, 6, 0.875), (5, 3, 0.0), (4, 2, 0.0), (1, 1, 0.0)];
    for (n, q, chance) in expected {
        assert!(
            (collision_probability(n, q) - chance).abs() < 1e-12,
            "({n}, {q}): {}",
            collision_probability(n, q)
        );
    }
}
