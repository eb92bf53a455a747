//! Every number of the predictions, and the reasons for the formulas.

mod counts;
mod quorum;
mod savings;
mod wide_area;

use super::*;

use Layout::{Collapsed, Separate};
use Learning::{Distinguished, Everyone};
use Recovery::{Classic, Coordinated, Uncoordinated};
use Run::{Basic, Fast, FastCollision, MultiFirst, MultiSteady};

const RUNS: [Run; 7] = [
    Basic,
    MultiFirst,
    MultiSteady,
    Fast,
    FastCollision(Coordinated),
    FastCollision(Uncoordinated),
    FastCollision(Classic),
];

fn case(run: Run, layout: Layout, learning: Learning, acceptors: usize, learners: usize) -> Case {
    Case { run, layout, learning, acceptors, learners }
}

fn all_cases(sizes: &[usize]) -> Vec<Case> {
    let mut cases = Vec::new();
    for run in RUNS {
        for layout in [Separate, Collapsed] {
            for learning in [Everyone, Distinguished] {
                for &n in sizes {
                    cases.extend([1, 3].map(|l| case(run, layout, learning, n, l)));
                }
            }
        }
    }
    cases
}
