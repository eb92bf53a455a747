//! The load of the busiest acceptor under the best way to pick quorums.

use crate::{NodeId, NodeSet};

/// What is less than this is a rounding error.
const NOTHING: f64 = 1e-9;

/// See [`super::QuorumSystem::load`].
pub(super) fn load(quorums: &[NodeSet], acceptors: NodeSet) -> Option<f64> {
    if quorums.is_empty() {
        return None;
    }
    // Who needs nobody loads nobody.
    if quorums.contains(&NodeSet::EMPTY) {
        return Some(0.0);
    }
    Some(1.0 / packing(quorums, acceptors).size)
}

/// How many quorums can be served at a time if no acceptor serves more than one, fractions allowed.
#[derive(Debug)]
pub(super) struct Packing {
    pub(super) size: f64,
    /// How much of each quorum is taken.
    #[cfg(test)]
    pub(super) taken: Vec<f64>,
    /// The price of each acceptor, with the same sum, at which every quorum costs 1 at least: nothing larger can be
    /// packed.
    #[cfg(test)]
    pub(super) prices: Vec<f64>,
}

/// The strategy that picks quorum Q with probability w(Q) loads acceptor i by the sum of w over the quorums with i. With
/// x = w / load, the least load is 1 / max Σx under Σ over i's quorums of x ≤ 1: a linear programme, solved by the simplex
/// method from x = 0 on. Bland's rule, the first column that gains and the first row among equals, never goes in circles.
pub(super) fn packing(quorums: &[NodeSet], acceptors: NodeSet) -> Packing {
    let acceptors: Vec<NodeId> = acceptors.iter().collect();
    let (rows, columns) = (acceptors.len(), quorums.len());
    // One row an acceptor: a column for each quorum, one for each acceptor's slack, and the right-hand side.
    let width = columns + rows + 1;
    let row = |i: usize| {
        let mut row = vec![0.0; width];
        for (cell, quorum) in row.iter_mut().zip(quorums) {
            *cell = f64::from(u8::from(quorum.contains(acceptors[i])));
        }
        row[columns + i] = 1.0;
        row[width - 1] = 1.0;
        row
    };
    let mut table: Vec<Vec<f64>> = (0..rows).map(row).collect();
    let mut basis: Vec<usize> = (columns..columns + rows).collect();
    // What one more of each column gains, and at the end, negated, what has been gained.
    let mut gains: Vec<f64> = (0..width).map(|column| f64::from(u8::from(column < columns))).collect();
    while let Some(column) = gains[..width - 1].iter().position(|gain| *gain > NOTHING) {
        let limit = |row: &[f64]| row[width - 1] / row[column];
        let limits =
            (0..rows).filter(|i| table[*i][column] > NOTHING).map(|i| (limit(&table[i]), basis[i], i));
        let tightest = limits.min_by(|a, b| {
            let equal = (a.0 - b.0).abs() <= NOTHING;
            if equal { a.1.cmp(&b.1) } else { a.0.total_cmp(&b.0) }
        });
        // Every quorum has a member, so some row limits every column.
        let Some((.., pivot)) = tightest else { break };
        basis[pivot] = column;
        let scale = table[pivot][column];
        table[pivot].iter_mut().for_each(|cell| *cell /= scale);
        let pivot_row = table[pivot].clone();
        let others = table.iter_mut().enumerate().filter(|(i, _)| *i != pivot).map(|(_, row)| row);
        for row in others.chain([&mut gains]) {
            let factor = row[column];
            if factor != 0.0 {
                row.iter_mut().zip(&pivot_row).for_each(|(cell, by)| *cell -= factor * by);
            }
        }
    }
    Packing {
        size: -gains[width - 1],
        #[cfg(test)]
        taken: (0..columns)
            .map(|c| basis.iter().position(|b| *b == c).map_or(0.0, |row| table[row][width - 1]))
            .collect(),
        #[cfg(test)]
        prices: gains[columns..width - 1].iter().map(|gain| -gain).collect(),
    }
}
